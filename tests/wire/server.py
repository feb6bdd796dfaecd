"""A scripted HTTP/1.1 server on loopback: says what it is told, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol


@dataclass(slots=True)
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Script:
    """Answers in order, the last one for ever. A callable may wait, or return None to cut the connection."""

    answers: list[tuple[int, dict[str, str], bytes] | Callable[[Asked], Awaitable[bytes | None]]]
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    socket: Callable[[Socket], Awaitable[None]] | None = None
    """Who talks on a WebSocket; None = there is none here."""

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Socket:
    """The server's side of one WebSocket, after the handshake."""

    def __init__(
        self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes
    ) -> None:
        self.target = target
        self._reader = reader
        self._writer = writer
        self._protocol = ServerProtocol()
        self._protocol.receive_data(head)
        (asked,) = self._protocol.events_received()
        assert isinstance(asked, Request)
        self._protocol.send_response(self._protocol.accept(asked))
        self._flush()

    async def heard(self) -> AsyncIterator[str]:
        """What the client says, until it goes."""
        while data := await self._reader.read(65_536):
            self._protocol.receive_data(data)
            self._flush()
            for frame in self._protocol.events_received():
                if isinstance(frame, Frame) and frame.opcode is Opcode.TEXT:
                    yield bytes(frame.data).decode()

    def say(self, text: str) -> None:
        if not self._writer.is_closing():
            self._protocol.send_text(text.encode())
            self._flush()

    def cut(self) -> None:
        self._writer.transport.abort()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data and not self._writer.is_closing():
                self._writer.write(data)


def encoded(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} said", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[Script]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode().split("\r\n")
                method, target, _ = lines[0].split(" ")
                if "\r\nupgrade: websocket\r\n" in head.decode().lower():
                    if script.socket is not None:
                        await script.socket(Socket(target, reader, writer, head))
                        return
                    writer.write(encoded(404, {}, b"no stream here"))
                    continue
                headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                asked = Asked(method, target, headers, body)
                script.asked.append(asked)
                answer = script.answers[min(len(script.asked), len(script.answers)) - 1]
                said = encoded(*answer) if isinstance(answer, tuple) else await answer(asked)
                if said is None:
                    return
                writer.write(said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    try:
        yield script
    finally:
        server.close()
