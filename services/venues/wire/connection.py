"""One HTTP/1.1 connection as a transport of httpx: a request is one write, its reply one future.

httpx's own transport goes through a pool, locks and a backend for three kinds of loops, and writes head and
body one after the other: five times the work of what is needed for a connection that `Pool` hands to one
request at a time (PERFORMANCE 5). The protocol itself is h11's, as it is httpx's.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

import h11
import httpx

MOST_HEAD = 100 * 1024
"""Bytes of a reply's head."""
MOST_BODY = 64 * 1024 * 1024
"""Bytes of a reply: whoever reads it has a narrower bound of its own."""


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
        self._reply: asyncio.Future[httpx.Response] | None = None
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
        self.state.receive_data(data)
        self._read_on()

    def eof_received(self) -> None:
        self.usable = False
        if self._reply is not None and not self._reply.done():
            self.state.receive_data(b"")  # a reply without a length ends here
            self._read_on()

    def connection_lost(self, error: Exception | None) -> None:
        self.usable = False
        self._fail(httpx.ReadError(str(error) if error is not None else "the server closed the connection"))

    # -- one request -------------------------------------------------------------------------------------

    def ask(
        self, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> asyncio.Future[httpx.Response]:
        """Writes it in this call. The reply comes whole, or as an httpx error."""
        assert self._transport is not None  # noqa: S101 - made by `connect` alone
        state = self.state
        self._reply = self._loop.create_future()
        self._head = None
        self._body.clear()
        self.heard = self._loop.time()
        try:
            said = state.send(h11.Request(method=method, target=target, headers=headers)) or b""
            if body:
                said += state.send(h11.Data(data=body)) or b""
            said += state.send(h11.EndOfMessage()) or b""
        except h11.LocalProtocolError as error:
            self.drop()
            raise httpx.LocalProtocolError(str(error)) from None
        self._transport.write(said)
        return self._reply

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
            self.idle_since = self._loop.time()
        else:
            self.drop()
        stream = httpx.ByteStream(bytes(self._body))
        reply.set_result(httpx.Response(head.status_code, headers=head.headers.raw_items(), stream=stream))

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

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        waits: Mapping[str, float | None] = request.extensions.get("timeout", {})
        line = self._line
        loop = asyncio.get_running_loop()
        if line is None or not line.usable or loop.time() - line.idle_since >= self._keepalive_s:
            if line is not None:
                line.close()
            line = self._line = await self._connect(request.url, waits.get("connect"))
        url, read_s = request.url, waits.get("read")
        reply = line.ask(request.method.encode("ascii"), url.raw_path, request.headers.raw, request.content)
        timer = None if read_s is None else loop.call_later(read_s, self._look, line, reply, read_s)
        try:
            return await reply
        except asyncio.CancelledError:
            line.drop()  # its answer may still come, and nobody waits for it
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _look(self, line: _Line, reply: asyncio.Future[httpx.Response], read_s: float) -> None:
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
        line.idle_since = asyncio.get_running_loop().time()
        return line

    async def aclose(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
