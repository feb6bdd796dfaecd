"""A call after a while, on the event loop's own clock.

Not textual's one-shot timer: its task works out its time when it first runs, and a delay that is over by then
counts as missed. A process that stood for a few milliseconds at that place never got the call, and a frame
that waits for it is a screen that shows old figures for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.message_pump import MessagePump


def after(node: MessagePump, delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
    """Calls back among `node`'s own messages, `delay` seconds from now or later; once, unless cancelled.

    A node that is gone by then is not called.
    """

    def due() -> None:
        if node.is_running:
            node.call_next(callback)

    return asyncio.get_running_loop().call_later(delay, due)
