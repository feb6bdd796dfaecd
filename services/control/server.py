"""The control socket: a Unix socket in the engine's state folder, for consoles and one-shot commands.

Commands are handed on the moment their bytes are there, before any view is built. A client that vanishes
stops no command; one that reads slowly is spared old views and never waited for. The caller holds the
engine's lock: only so may a stale socket be unlinked (lock strictly before bind, RUNTIME 1).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path

from services.control.answers import Answers, failure
from services.control.ports import CommandSink, ViewSource
from services.control.views import Views, Watcher
from services.domain import effects
from services.protocol import grammar
from services.protocol.errors import ProductError, ProtocolError, UsageError
from services.protocol.exits import Exit
from services.protocol.frames import (
    KEPT_COMMANDS,
    SILENCE_S,
    ClientFrame,
    Cmd,
    Fault,
    Frame,
    FrameBuffer,
    Hello,
    Ping,
    Pong,
    Sub,
    decode_client,
    encode,
    protocol_problem,
)
from services.protocol.sockets import path_problem, peer_uid

log = logging.getLogger("stableconsole.control")

SEND_BUFFER_BYTES = 64 * 1024
"""The kernel's buffer of a client. Anything beyond it waits here, and then it gets no new views."""

PARTING_S = 1.0
"""How long a leaving client may take its last frames."""

DROP_BYTES = 16 * 1024 * 1024
"""Unsent bytes above which a client that only sends commands and never reads is dropped."""


class ControlServer:
    """Binds, serves and closes. `hello` is what every client is told first."""

    def __init__(self, path: Path, hello: Hello, sink: CommandSink, source: ViewSource) -> None:
        self.path = path
        self.hello = hello
        self.sink = sink
        self.answers = Answers()
        self.views = Views(source)
        self._clients: dict[int, _Client] = {}
        self._next_client = 0
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Binds. Raises ProductError when the path cannot be used."""
        problem = path_problem(self.path)
        if problem:
            raise ProductError(problem, Exit.USAGE, "socket_path")
        loop = asyncio.get_running_loop()
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(self.path))
            self.path.chmod(0o600)
            self._server = await loop.create_unix_server(lambda: _Client(self), sock=listener)
        except OSError as error:
            listener.close()
            raise ProductError(f"cannot open the control socket {self.path}: {error.strerror}") from None
        self._sweep()

    async def close(self, text: str = "the engine has stopped") -> None:
        """Answers what is open, says good-bye, unlinks."""
        self.views.close()
        if self._sweeper:
            self._sweeper.cancel()
        self.answers.close(text)
        if self._server:
            self._server.close()
        for client in list(self._clients.values()):
            client.leave(Fault(code="stopping", text=text))
        loop = asyncio.get_running_loop()
        last = loop.time() + 2 * PARTING_S
        while self._clients and loop.time() < last:
            await asyncio.sleep(0.01)
        if self._server:
            await self._server.wait_closed()
            self._server = None
            self.path.unlink(missing_ok=True)

    @property
    def clients(self) -> int:
        return len(self._clients)

    def join(self, client: _Client) -> int:
        self._next_client += 1
        self._clients[self._next_client] = client
        return self._next_client

    def gone(self, number: int, client: _Client) -> None:
        self._clients.pop(number, None)
        self.answers.forget_client(client.write)
        self.views.forget(client.watcher)

    def command(self, command: Cmd, client: _Client) -> None:
        """One command to the engine, unless its id is known or it is no command at all."""
        running = self.answers.take(command, client.write)
        if running is None:
            return
        try:
            grammar.check(command.name, command.args)
            self.sink.submit(command, running)
        except UsageError as error:
            running.done(effects.Done(command.id, False, code="usage", text=error.text, exit=error.exit))
        except Exception as error:
            # The sink's own failure must not take the socket, and with it the halt key, down.
            log.exception("command %s failed in the engine", command.name)
            running.done(effects.Done(command.id, False, code="internal", text=str(error), exit=1))

    def _sweep(self) -> None:
        """Drops clients that are silent; once a second."""
        loop = asyncio.get_running_loop()
        for client in list(self._clients.values()):
            if loop.time() - client.heard >= SILENCE_S:
                client.leave(Fault(code="silent", text=f"nothing heard for {SILENCE_S:g} s"))
        self._sweeper = loop.call_later(1.0, self._sweep)


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: ControlServer) -> None:
        self.server = server
        self.buffer = FrameBuffer()
        self.hello: Hello | None = None
        self.same_protocol = False
        self.heard = 0.0
        self.number = 0
        self.transport: asyncio.Transport | None = None
        self.left = False
        """Its last frame is written; nothing it says is heard any more."""
        self.watcher = Watcher(self.write)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream server makes no other
        self.transport = transport
        self.heard = asyncio.get_running_loop().time()
        transport.set_write_buffer_limits(high=0)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if peer_uid(sock) != os.geteuid():
            log.warning("refused a client of another user")
            self._say(Fault(code="user", text="this engine belongs to another user"))
            transport.close()
            return
        self.number = self.server.join(self)
        self._say(self.server.hello)

    def data_received(self, data: bytes) -> None:
        self.heard = asyncio.get_running_loop().time()
        if not self.number:
            return
        try:
            for body in self.buffer.feed(data):
                self._take(decode_client(body))
        except ProtocolError as error:
            self.leave(Fault(code=error.code, text=error.text))

    def connection_lost(self, _error: Exception | None) -> None:
        if self.number:
            self.server.gone(self.number, self)
            self.number = 0

    def pause_writing(self) -> None:
        self.watcher.writable = False

    def resume_writing(self) -> None:
        self.watcher.writable = True

    def write(self, frame: bytes) -> None:
        """Never waits; a client that lets megabytes of answers pile up is dropped."""
        if self.transport is None or self.transport.is_closing() or self.left:
            return
        self.transport.write(frame)
        if self.transport.get_write_buffer_size() > DROP_BYTES:
            log.warning("dropped a client that does not read its answers")
            self.transport.abort()

    def leave(self, fault: Fault) -> None:
        """Says why and ends our side only; what is not read soon is not waited for.

        Closed as a whole, the socket would break under whatever the client writes just then, and an answer
        that lies there unread would be lost with it: a console that asked for `stop` waited for ever.
        """
        if self.transport is None or self.transport.is_closing() or self.left:
            return
        self._say(fault)
        self.left = True
        self.transport.write_eof()
        asyncio.get_running_loop().call_later(PARTING_S, self.transport.abort)

    def _say(self, frame: Frame) -> None:
        self.write(encode(frame))

    def _take(self, frame: ClientFrame) -> None:
        if self.number == 0 or self.transport is None or self.transport.is_closing() or self.left:
            return
        if isinstance(frame, Hello):
            self._greet(frame)
        elif self.hello is None:
            raise ProtocolError("no_hello", "the first frame must be hello")
        elif isinstance(frame, Cmd):
            self._command(frame)
        elif isinstance(frame, Sub):
            self._subscribe(frame)
        elif isinstance(frame, Ping):
            self._say(Pong(sent=frame.sent))

    def _greet(self, hello: Hello) -> None:
        self.hello = hello
        problem = protocol_problem(self.server.hello.protocol, hello.protocol, we_are="engine")
        self.same_protocol = problem is None
        if problem:
            self._say(Fault(code="protocol", text=problem))

    def _command(self, command: Cmd) -> None:
        if not self.same_protocol and command.name not in KEPT_COMMANDS:
            self.write(failure(command.id, "protocol", self._mismatch()))
            return
        self.server.command(command, self)

    def _subscribe(self, sub: Sub) -> None:
        if not self.same_protocol:
            self._say(Fault(code="protocol", text=self._mismatch()))
            return
        unknown = self.server.views.watch(self.watcher, sub.topics, sub.hz)
        if unknown:
            self._say(Fault(code="topic", text=f"unknown topic: {', '.join(unknown)}"))

    def _mismatch(self) -> str:
        theirs = self.hello.protocol if self.hello else 0
        return protocol_problem(self.server.hello.protocol, theirs, we_are="engine") or "protocol mismatch"
