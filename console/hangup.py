"""A console ends with its terminal, also where nobody hands the hang-up on.

The kernel tells the leader of the session; what that one started hears of it only if the leader says so. A
console that stayed would go on asking the engine for views that nobody sees.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable


def hang_up() -> None:
    """What the hang-up itself would have done; under `nohup` it would do nothing."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    os.kill(os.getpid(), signal.SIGTERM if ignored else signal.SIGHUP)


def end_with(terminal: int, act: Callable[[], None] = hang_up) -> threading.Thread:
    """Calls `act` from a thread of its own once the terminal behind that descriptor has gone."""
    poll = select.poll()
    poll.register(terminal, 0)  # only that it has gone: what is typed is the screen's to read

    def wait() -> None:
        poll.poll()
        act()

    thread = threading.Thread(target=wait, name="hang-up", daemon=True)
    thread.start()
    return thread
