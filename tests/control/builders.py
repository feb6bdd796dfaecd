"""An engine of paper for the control server, and a client of few lines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from services.control.ports import Reply
from services.control.server import ControlServer
from services.domain.effects import Done
from services.protocol.frames import (
    Cmd,
    Frame,
    FrameBuffer,
    Hello,
    ServerFrame,
    decode_server,
    encode,
)
from services.protocol.version import PROTOCOL, VERSION


class PaperView(Struct, frozen=True):
    topic: str
    version: int
    padding: str = ""


class PaperEngine:
    """Sink and source: keeps what it got, answers when told."""

    def __init__(self) -> None:
        self.taken: list[Cmd] = []
        self.replies: list[Reply] = []
        self.versions: dict[str, int] = {}
        self.built: list[str] = []
        self.padding = ""
        self.on_submit: Callable[[Cmd, Reply], None] | None = None
        self.broken: set[str] = set()
        self.steps: dict[str, int] = {}
        """Of long work that is left, by topic."""
        self.vanish: Callable[[], None] = lambda: None

    def submit(self, command: Cmd, reply: Reply) -> None:
        self.taken.append(command)
        self.replies.append(reply)
        if self.on_submit:
            self.on_submit(command, reply)

    def now(self) -> int:
        return 1_700_000_000_000_000_000

    def version(self, topic: str) -> int:
        return self.versions.get(topic, 1)

    def ready(self, topic: str) -> bool:
        left = self.steps.get(topic, 0)
        self.steps[topic] = max(0, left - 1)
        return not left

    def build(self, topic: str) -> Struct | None:
        if topic in self.broken:
            raise RuntimeError("no picture")
        self.built.append(topic)
        return PaperView(topic, self.version(topic), self.padding)


class Client:
    """Raw frames over a real socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.buffer = FrameBuffer()
        self.waiting: list[ServerFrame] = []

    def send(self, frame: Frame) -> None:
        self.writer.write(encode(frame))

    async def next(self) -> ServerFrame:
        while not self.waiting:
            data = await asyncio.wait_for(self.reader.read(65_536), 10)
            if not data:
                raise EOFError
            self.waiting += [decode_server(body) for body in self.buffer.feed(data)]
        return self.waiting.pop(0)

    async def until(self, kind: type[Struct]) -> ServerFrame:
        while True:
            frame = await self.next()
            if isinstance(frame, kind):
                return frame

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


HELLO = Hello(protocol=PROTOCOL, version=VERSION, pid=1, profile="sim", mode="sim", world={"seed": "1"})


async def started(path: Path, engine: PaperEngine) -> ControlServer:
    server = ControlServer(path, HELLO, engine, engine)
    await server.start()
    return server


async def joined(path: Path, protocol: int = PROTOCOL) -> Client:
    """A client that has said and heard hello."""
    client = Client(*await asyncio.open_unix_connection(str(path)))
    client.send(Hello(protocol=protocol, version="9.9"))
    assert isinstance(await client.next(), Hello)
    return client


def good(command: str, result: str = "{}") -> Done:
    return Done(command, True, result=result)
