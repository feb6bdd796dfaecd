"""A wire that can be cut: a TCP relay on loopback which drops connections, stalls them and mutes replies."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

CHUNK = 65_536


class Wire:
    """Relays every connection to `port` on this machine. `listen` opens it."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._open: dict[int, tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._relays: set[asyncio.Task[Any]] = set()
        """One for each connection taken, those that have not reached the other side yet among them."""
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._held: set[int] = set()
        self.port = 0
        self.refusing = False
        self.mute_next = b""
        """The next request that holds these bytes arrives, and its reply does not."""
        self.cuts = 0

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self.refusing = True
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in (*self._tasks, *self._relays):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._relays, return_exceptions=True)
        await asyncio.sleep(0)  # an aborted transport gives its socket back in the loop's next turn

    @property
    def connections(self) -> list[int]:
        return list(self._open)

    def cut(self, only: int | None = None) -> None:
        """Abort all connections, or one: both ends see it broken."""
        for number in [only] if only is not None else list(self._open):
            self._held.discard(number)
            for writer in self._open.pop(number, ()):
                self.cuts += 1
                writer.transport.abort()

    def stall(self) -> None:
        """Nothing passes, and nobody is told."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    def half_open(self, only: int) -> None:
        """This one connection stays open for ever and carries nothing more: what is sent is swallowed."""
        self._held.add(only)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.current_task()
        assert relay is not None
        self._relays.add(relay)
        try:
            await self._carry(reader, writer)
        finally:
            self._relays.discard(relay)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            return
        number = id(writer)
        self._open[number] = (writer, back)
        muted = asyncio.Event()
        tasks = [
            asyncio.create_task(self._pump(number, reader, back, muted, asked=True)),
            asyncio.create_task(self._pump(number, there, writer, muted, asked=False)),
        ]
        self._tasks.update(tasks)
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.difference_update(tasks)
        self.cut(number)

    async def _pump(
        self,
        number: int,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        muted: asyncio.Event,
        *,
        asked: bool,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK):
                await self._flowing.wait()
                if number in self._held:
                    continue
                if asked and self.mute_next and self.mute_next in data:
                    self.mute_next = b""
                    muted.set()
                if not asked and muted.is_set():
                    # The server has answered; the client will never know.
                    self.cut(number)
                    return
                sink.write(data)
                await sink.drain()
        self.cut(number)
