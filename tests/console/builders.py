"""A control server on a thread of its own, for blocking clients; and a terminal that is none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from services.control.ports import Reply
from services.control.server import ControlServer
from services.protocol.frames import Cmd
from services.settings.layout import StateLayout
from tests.control.builders import HELLO, PaperEngine


@contextmanager
def serving(root: Path, on_submit: Callable[[Cmd, Reply], None]) -> Iterator[PaperEngine]:
    """An engine of paper behind the state folder's socket."""
    engine = PaperEngine()
    engine.on_submit = on_submit
    loop = asyncio.new_event_loop()
    server = ControlServer(StateLayout(root).socket, HELLO, engine, engine)

    def vanish() -> None:
        """As if the engine's process had died: the connections break without a word."""
        for client in list(server._clients.values()):
            assert client.transport is not None
            client.transport.abort()

    engine.vanish = vanish
    loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield engine
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
