"""A blocking client of the control socket for one-shot commands: no event loop, no screen library."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from console.running import LockHolder, connect, lock_holder, not_answering, other_profile
from services.protocol.errors import ProductError, ProtocolError
from services.protocol.frames import (
    PING_S,
    Cmd,
    Done,
    Fault,
    FrameBuffer,
    Hello,
    Ping,
    Progress,
    ServerFrame,
    decode_server,
    encode,
)
from services.protocol.options import DEFAULT_PROFILE
from services.protocol.version import PROTOCOL, VERSION
from services.settings.layout import StateLayout

HELLO_WAIT_S = 3.0
"""An engine that accepts a connection says hello at once; one that does not hangs."""

SILENCE_WAIT_S = 30.0
"""Without even a pong for so long the engine is taken as hanging."""


def check_profile(asked: str, hello: Hello) -> None:
    """Whoever names a profile beside `--state-dir` means that one: a halt for another would not be its halt.

    The default counts as not named. Raises ProductError (exit 2).
    """
    if asked != DEFAULT_PROFILE and hello.profile not in ("", asked):
        raise other_profile(f"the engine of this folder (PID {hello.pid}) runs", hello.profile, asked)


class Client:
    """Says hello, sends one command after another, waits for each answer."""

    def __init__(self, sock: socket.socket, layout: StateLayout, patience_s: float = SILENCE_WAIT_S) -> None:
        """`patience_s`: without any sign of life for so long the engine is taken as hanging."""
        self._patience_s = patience_s
        self._socket = sock
        self._layout = layout
        self._buffer = FrameBuffer()
        self._frames: list[ServerFrame] = []
        self._sent = 0
        self._heard = self._pinged = time.monotonic()
        try:
            self.hello = self._greet()
        except ProductError:
            sock.close()
            raise

    @classmethod
    def open(cls, layout: StateLayout, profile: str, patience_s: float = SILENCE_WAIT_S) -> Self:
        client = cls(connect(layout, profile), layout, patience_s)
        try:
            check_profile(profile, client.hello)
        except ProductError:
            client.close()
            raise
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def call(
        self, name: str, args: Mapping[str, str], progress: Callable[[str], None] = lambda _text: None
    ) -> Done:
        """The one answer; however long it takes, as long as the engine gives signs of life."""
        self._sent += 1
        command_id = f"{os.getpid():x}-{time.time_ns():x}-{self._sent}"
        self._send(encode(Cmd(id=command_id, name=name, args=dict(args), origin=f"shell:{os.getpid()}")))
        self._heard = time.monotonic()
        while True:
            frame = self._next()
            if isinstance(frame, Progress) and frame.id == command_id:
                progress(frame.text)
            elif isinstance(frame, Done) and frame.id == command_id:
                return frame
            elif isinstance(frame, Fault) and frame.code != "protocol":
                raise ProductError(f"the engine broke off: {frame.text}", code=frame.code)

    def _greet(self) -> Hello:
        self._send(encode(Hello(protocol=PROTOCOL, version=VERSION, pid=os.getpid())))
        deadline = time.monotonic() + min(HELLO_WAIT_S, self._patience_s)
        while time.monotonic() < deadline:
            self._frames += self._read(deadline - time.monotonic())
            while self._frames:
                frame = self._frames.pop(0)
                if isinstance(frame, Hello):
                    return frame
                if isinstance(frame, Fault):
                    raise ProductError(f"the engine refused: {frame.text}", code=frame.code)
        raise not_answering(lock_holder(self._layout) or LockHolder(None), self._layout)

    def _next(self) -> ServerFrame:
        while True:
            now = time.monotonic()
            if now - self._pinged >= PING_S:
                self._pinged = now
                self._send(encode(Ping(sent=time.monotonic_ns())))
            if self._frames:
                return self._frames.pop(0)
            if now - self._heard > self._patience_s:
                raise ProductError(
                    f"the engine has been silent for {self._patience_s:g} s; see {self._layout.log}",
                    code="silent",
                )
            self._frames += self._read(PING_S)

    def _read(self, wait_s: float) -> list[ServerFrame]:
        """Frames that came within the wait; none is no error."""
        readable, _, _ = select.select([self._socket], [], [], max(0.0, wait_s))
        if not readable:
            return []
        try:
            data = self._socket.recv(65_536)
            if not data:
                raise ProductError(f"the engine has gone away; see {self._layout.log}", code="gone")
            self._heard = time.monotonic()
            return [decode_server(body) for body in self._buffer.feed(data)]
        except ProtocolError as error:
            raise ProductError(f"what answers on {self._layout.socket} is no engine: {error.text}") from None
        except OSError as error:
            raise ProductError(f"the engine has gone away ({error.strerror or error})", code="gone") from None

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ProductError(f"the engine has gone away ({error.strerror or error})", code="gone") from None
