"""One HTTP/1.1 connection as a transport of httpx: a request is one write, its reply one future.

httpx's own transport goes through a pool, locks and a backend for three kinds of loops, and writes head and
body one after the other: five times the work of what is needed for a connection that `Pool` hands to one
request at a time (PERFORMANCE 5). Replies are read by h11, as httpx reads them. What is asked is written at
once, and h11 hears of it when the answer begins: its states are in nobody's way between a decision and its
bytes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import NamedTuple

import h11
import httpx

from services.runtime.clock import boot_s
from services.venues.wire.head import request_bytes

MOST_HEAD = 100 * 1024
"""Bytes of a reply's head."""
MOST_BODY = 64 * 1024 * 1024
"""Bytes of a reply: whoever reads it has a narrower bound of its own."""

_ASKED = h11.Request(method="GET", target="/", headers=[("host", "any")])
"""Stands for every request: how a reply is framed depends on the method alone, and only HEAD and CONNECT,
which nobody here uses, differ from the others."""


class Answer(NamedTuple):
    """A whole reply."""

    status: int
    headers: list[tuple[bytes, bytes]]
    """Names in lower case."""
    body: bytes
    """As it came: still packed, where a header says so."""


class _Line(asyncio.Protocol):
    """The socket: gathers one reply at a time."""

    def __init__(self) -> None:
        self.state = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD)
        self.usable = True
        """Open, and between two requests or inside one."""
        self.idle_since = 0.0
        self.heard = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reply: asyncio.Future[Answer] | None = None
        self._noted = False
        """h11 has been told of the request."""
        self._head: h11.Response | None = None
        self._body = bytearray()

    # -- asyncio's side ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream makes no other
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard = self._loop.time()
        if self._reply is None or self._reply.done():
            self.drop()  # nobody has asked for anything: what follows would be taken for the next answer
            return
        self._note()
        self.state.receive_data(data)
        self._read_on()

    def eof_received(self) -> None:
        self.usable = False
        if self._reply is not None and not self._reply.done():
            self._note()
            self.state.receive_data(b"")  # a reply without a length ends here
            self._read_on()

    def connection_lost(self, error: Exception | None) -> None:
        self.usable = False
        self._fail(httpx.ReadError(str(error) if error is not None else "the server closed the connection"))

    # -- one request -------------------------------------------------------------------------------------

    def ask(self, said: bytes) -> asyncio.Future[Answer]:
        """Writes a whole request in this call. The reply comes whole, or as an httpx error."""
        assert self._transport is not None  # noqa: S101 - made by `connect` alone
        self._transport.write(said)  # first of all: no answer can be heard before this call has ended
        reply = self._reply = self._loop.create_future()
        self._noted = False
        self._head = None
        self._body.clear()
        self.heard = self._loop.time()
        return reply

    def _note(self) -> None:
        if not self._noted:
            self._noted = True
            self.state.send(_ASKED)
            self.state.send(h11.EndOfMessage())

    def drop(self) -> None:
        """No further word on this connection."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        self.usable = False
        if self._transport is not None:
            self._transport.close()

    def _read_on(self) -> None:
        try:
            while True:
                event = self.state.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                if isinstance(event, h11.Response):
                    self._head = event
                elif isinstance(event, h11.Data):
                    self._body += event.data
                    if len(self._body) > MOST_BODY:
                        self._end(httpx.ReadError(f"a reply over {MOST_BODY} bytes"))
                        return
                elif isinstance(event, h11.EndOfMessage):
                    self._answer()
                    return
                elif isinstance(event, h11.ConnectionClosed):
                    self._end(httpx.RemoteProtocolError("the server closed the connection"))
                    return
        except h11.RemoteProtocolError as error:
            self._end(httpx.RemoteProtocolError(str(error)))

    def _answer(self) -> None:
        head, reply = self._head, self._reply
        if head is None or reply is None:
            self._end(httpx.RemoteProtocolError("a reply without a head"))
            return
        state = self.state
        whole = state.our_state is h11.DONE and state.their_state is h11.DONE
        if self.usable and whole and not state.trailing_data[0]:
            state.start_next_cycle()
            self.idle_since = boot_s()
        else:
            self.drop()
        reply.set_result(Answer(head.status_code, list(head.headers), bytes(self._body)))

    def _end(self, error: httpx.TransportError) -> None:
        self.drop()
        self._fail(error)

    def _fail(self, error: httpx.TransportError) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)


class WarmTransport(httpx.AsyncBaseTransport):
    """One connection to one host, opened when it is first needed and again after it was lost. One request at
    a time: the pool sees to that."""

    def __init__(self, verify: ssl.SSLContext | bool, keepalive_s: float) -> None:
        """`keepalive_s`: a connection that has idled for longer is not trusted with another request."""
        self._verify = verify
        self._keepalive_s = keepalive_s
        self._line: _Line | None = None

    @property
    def warm(self) -> bool:
        """A request could be written now."""
        line = self._line
        return line is not None and line.usable and boot_s() - line.idle_since < self._keepalive_s

    async def warm_up(self, url: httpx.URL, connect_s: float | None) -> None:
        """Open a connection, unless there is one that can be trusted. Raises httpx errors."""
        if not self.warm:
            if self._line is not None:
                self._line.close()
            self._line = await self._connect(url, connect_s)

    def ask(self, said: bytes) -> asyncio.Future[Answer]:
        """Write a whole request in this call; only while `warm`."""
        assert self._line is not None  # noqa: S101 - the caller has looked
        return self._line.ask(said)

    async def answer(self, reply: asyncio.Future[Answer], read_s: float | None) -> Answer:
        """What came of `ask`. Raises httpx errors; `read_s`: so long the server may be silent."""
        line, loop = self._line, asyncio.get_running_loop()
        if line is None:
            raise httpx.ReadError("the connection was closed")
        timer = None if read_s is None else loop.call_later(read_s, self._look, line, reply, read_s)
        try:
            return await reply
        except asyncio.CancelledError:
            line.drop()  # its answer may still come, and nobody waits for it
            raise
        finally:
            if timer is not None:
                timer.cancel()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """httpx's own door."""
        waits: Mapping[str, float | None] = request.extensions.get("timeout", {})
        url = request.url
        headers = [(name.decode("ascii"), value.decode("ascii")) for name, value in request.headers.raw]
        said = request_bytes(
            request.method, url.raw_path.decode("ascii"), url.netloc.decode("ascii"), headers, request.content
        )
        await self.warm_up(url, waits.get("connect"))
        answer = await self.answer(self.ask(said), waits.get("read"))
        return httpx.Response(answer.status, headers=answer.headers, stream=httpx.ByteStream(answer.body))

    def _look(self, line: _Line, reply: asyncio.Future[Answer], read_s: float) -> None:
        """The server has been silent for the whole of the time, or is looked at again."""
        if reply.done():
            return
        loop = asyncio.get_running_loop()
        left = line.heard + read_s - loop.time()
        if left > 0:
            loop.call_later(left, self._look, line, reply, read_s)
            return
        reply.set_exception(httpx.ReadTimeout(f"nothing heard for {read_s:g} s"))
        line.drop()

    async def _connect(self, url: httpx.URL, wait_s: float | None) -> _Line:
        secure: ssl.SSLContext | None = None
        if url.scheme == "https":
            verify = self._verify
            if not isinstance(verify, ssl.SSLContext):
                verify = self._verify = httpx.create_ssl_context(verify=verify, trust_env=False)
            secure = verify
        port = url.port or (443 if secure is not None else 80)
        try:
            async with asyncio.timeout(wait_s):
                _, line = await asyncio.get_running_loop().create_connection(
                    _Line, url.host, port, ssl=secure, server_hostname=url.host if secure else None
                )
        except TimeoutError:
            raise httpx.ConnectTimeout(f"no connection to {url.host} in time") from None
        except (OSError, ssl.SSLError) as error:
            raise httpx.ConnectError(str(error)) from None
        line.idle_since = boot_s()
        return line

    async def aclose(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
