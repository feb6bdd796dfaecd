"""One connection: whose answer a reply is, and when the socket is not trusted with another request."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from services.venues.wire.connection import WarmTransport
from tests.wire.server import Asked, Script, serving

WAITS = {"timeout": {"connect": 2.0, "read": 2.0}}


def asked(script: Script, path: str, **waits: float) -> httpx.Request:
    """A request with a body, so that head and body would be two writes elsewhere."""
    patience = {"timeout": {**WAITS["timeout"], **waits}}
    return httpx.Request("POST", script.host + path, content=b'{"a":1}', extensions=patience)


async def said(transport: WarmTransport, request: httpx.Request) -> bytes:
    response = await transport.handle_async_request(request)
    return b"".join([chunk async for chunk in response.aiter_bytes()])


async def test_replies_in_chunks_and_replies_that_end_with_the_connection() -> None:
    async def chunked(_: Asked) -> bytes:
        return b"HTTP/1.1 200 said\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"

    async def farewell(_: Asked) -> bytes:
        return b"HTTP/1.1 200 said\r\nconnection: close\r\ncontent-length: 4\r\n\r\nlast"

    script = Script([chunked, farewell, (200, {}, b"anew")])
    transport = WarmTransport(False, 20.0)
    async with serving(script):
        assert await said(transport, asked(script, "/a")) == b"abc"
        assert await said(transport, asked(script, "/b")) == b"last"
        assert script.connections == 1
        assert await said(transport, asked(script, "/c")) == b"anew"
        assert script.connections == 2
        await transport.aclose()
    assert [(each.target, each.body) for each in script.asked] == [
        ("/a", b'{"a":1}'),
        ("/b", b'{"a":1}'),
        ("/c", b'{"a":1}'),
    ]


async def test_the_answer_of_a_request_that_was_given_up_is_never_anothers() -> None:
    go = asyncio.Event()

    async def late(each: Asked) -> bytes:
        if each.target == "/late":
            await go.wait()
        return b"HTTP/1.1 200 said\r\ncontent-length: %d\r\n\r\n%b" % (
            len(each.target),
            each.target.encode(),
        )

    script = Script([late])
    transport = WarmTransport(False, 20.0)
    async with serving(script):
        given_up = asyncio.ensure_future(said(transport, asked(script, "/late")))
        while not script.asked:
            await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        go.set()
        assert await said(transport, asked(script, "/next")) == b"/next"
        assert script.connections == 2
        await transport.aclose()


async def test_a_second_answer_to_one_question_ends_the_connection() -> None:
    async def twice(_: Asked) -> bytes:
        return b"HTTP/1.1 200 said\r\ncontent-length: 3\r\n\r\none" * 2

    script = Script([twice, (200, {}, b"two")])
    transport = WarmTransport(False, 20.0)
    async with serving(script):
        assert await said(transport, asked(script, "/a")) == b"one"
        assert await said(transport, asked(script, "/b")) == b"two"
        assert script.connections == 2
        await transport.aclose()


async def test_an_idle_connection_is_not_trusted_for_ever() -> None:
    script = Script([(200, {}, b"ok")])
    transport = WarmTransport(False, 0.0)
    async with serving(script):
        for _ in range(3):
            assert await said(transport, asked(script, "/a")) == b"ok"
        assert script.connections == 3
        await transport.aclose()


@pytest.mark.parametrize("answer", [b"no protocol at all\r\n\r\n", None])
async def test_what_is_no_answer_is_an_error_of_httpx(answer: bytes | None) -> None:
    async def odd(_: Asked) -> bytes | None:
        return answer

    script = Script([odd])
    transport = WarmTransport(False, 20.0)
    async with serving(script):
        with pytest.raises(httpx.HTTPError):
            await said(transport, asked(script, "/a"))
        await transport.aclose()


async def test_silence_is_a_time_out() -> None:
    async def silent(_: Asked) -> bytes | None:
        await asyncio.sleep(1.0)
        return None

    script = Script([silent])
    transport = WarmTransport(False, 20.0)
    async with serving(script):
        with pytest.raises(httpx.ReadTimeout):
            await said(transport, asked(script, "/a", read=0.02))
        await transport.aclose()
