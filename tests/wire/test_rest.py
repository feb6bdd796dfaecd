"""The REST client over real sockets: what is repeated, what never is, and what the budget holds back."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from services.runtime.clock import boot_ns
from services.venues.binance.base import RESYNC_S
from services.venues.wire.budget import Budget, Lane, Window
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.head import request_bytes
from services.venues.wire.pool import KEEPALIVE_S, Pool, transport_maker
from services.venues.wire.rest import Reply, Request, Rest, Timings
from tests.wire.server import Asked, Script, encoded, serving

SHORT = Timings(connect_s=0.5, read_s=0.2, total_s=3.0)


class Plain:
    """Signs by counting: every try must carry a number of its own."""

    def __init__(self) -> None:
        self.signed = 0

    def said(self, request: Request) -> bytes:
        self.signed += 1
        query = urlencode(request.query)
        target = request.path + (f"?{query}" if query else "")
        headers = [
            ("host", "here"),
            ("x-sign", str(self.signed)),
            ("content-length", str(len(request.body))),
        ]
        return request_bytes(request.method, target, "here", headers, request.body)

    def refusal(self, request: Request, reply: Reply) -> WireError | None:
        if reply.status == 200:
            return None
        kind = {
            400: ErrorKind.REJECTED,
            401: ErrorKind.AUTH,
            429: ErrorKind.THROTTLED,
        }.get(reply.status, ErrorKind.UNKNOWN)
        after = reply.headers.get("retry-after")
        return WireError(
            kind,
            reply.body.decode(),
            status=reply.status,
            retry_after_s=float(after) if after is not None else None,
            clock=kind is ErrorKind.AUTH and b"timestamp" in reply.body,
        )

    def usage(self, reply: Reply) -> Mapping[str, int]:
        used = reply.headers.get("x-used")
        return {"weight": int(used)} if used is not None else {}


@asynccontextmanager
async def client(
    script: Script, *, budget: Budget | None = None, pool: tuple[int, int] = (2, 1), timings: Timings = SHORT
) -> AsyncIterator[tuple[Rest, Plain]]:
    async with serving(script):
        plain = Plain()
        lanes = Pool(transport_maker(False), shared=pool[0], reserved=pool[1])
        rest = Rest(
            script.host,
            plain,
            budget if budget is not None else Budget([Window(name="weight", span_s=60, limit=100)]),
            lanes,
            timings=timings,
            random=lambda: 0.5,
        )
        try:
            yield rest, plain
        finally:
            await lanes.close()


READ = Request(
    method="GET", path="/a", query=(("market", "USDT/USD"),), idempotent=True, weights={"weight": 1}
)
ORDER = Request(method="POST", path="/orders", body=b'{"size":1}', signed=True, weights={"weight": 1})


async def test_the_bytes_on_the_wire_are_the_bytes_that_were_signed() -> None:
    script = Script([(200, {}, b"ok")])
    async with client(script) as (rest, _):
        await rest.call(READ)
        await rest.call(ORDER)
    assert script.asked[0].target == "/a?market=USDT%2FUSD"
    assert (script.asked[1].method, script.asked[1].body) == ("POST", b'{"size":1}')


async def test_an_idempotent_request_is_repeated_and_signed_anew_each_time() -> None:
    """Bug B6: a retry has a time stamp of its own."""
    script = Script([(503, {}, b"busy"), (500, {}, b"oops"), (200, {}, b"ok")])
    async with client(script) as (rest, plain):
        assert await rest.call(READ) == b"ok"
    assert [asked.headers["x-sign"] for asked in script.asked] == ["1", "2", "3"]
    assert plain.signed == 3


async def test_three_tries_and_no_more() -> None:
    """Bug B17: what is exhausted ends in a word of our own."""
    script = Script([(503, {}, b"busy")])
    async with client(script) as (rest, _):
        with pytest.raises(WireError, match="busy"):
            await rest.call(READ)
    assert len(script.asked) == 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [(503, ErrorKind.UNKNOWN), (429, ErrorKind.THROTTLED), (400, ErrorKind.REJECTED), (401, ErrorKind.AUTH)],
)
async def test_an_order_is_sent_once_whatever_comes_back(status: int, kind: ErrorKind) -> None:
    """Bug B7: an order is never repeated."""
    script = Script([(status, {}, b"no")])
    async with client(script) as (rest, _):
        with pytest.raises(WireError) as raised:
            await rest.call(ORDER)
    assert (raised.value.kind, len(script.asked)) == (kind, 1)
    assert raised.value.kind.executed is (kind is ErrorKind.UNKNOWN)


async def test_a_cut_connection_and_a_silent_one_leave_an_order_unknown() -> None:
    async def cut(asked: Asked) -> bytes | None:
        return None

    async def silent(asked: Asked) -> bytes | None:
        await asyncio.sleep(5)
        return None

    for behaviour in (cut, silent):
        script = Script([behaviour])
        async with client(script) as (rest, _):
            with pytest.raises(WireError) as raised:
                await rest.call(ORDER)
        assert (raised.value.kind, len(script.asked)) == (ErrorKind.UNKNOWN, 1)


async def test_nobody_listening_is_unavailable_so_the_order_cannot_live() -> None:
    script = Script([(200, {}, b"ok")])
    async with client(script) as (_, _):
        pass
    lanes = Pool(transport_maker(False), shared=1, reserved=0)
    rest = Rest(script.host, Plain(), Budget([]), lanes, timings=SHORT, random=lambda: 0.5)
    with pytest.raises(WireError) as raised:
        await rest.call(ORDER)
    await lanes.close()
    assert raised.value.kind is ErrorKind.UNAVAILABLE
    assert not raised.value.kind.executed


async def test_a_refused_time_stamp_is_measured_anew_and_tried_once_more_even_for_an_order() -> None:
    script = Script([(401, {}, b"timestamp too far"), (200, {}, b"ok")])
    measured = []

    async def resync() -> None:
        measured.append(1)

    async with client(script) as (rest, plain):
        rest._resync = resync
        assert await rest.call(ORDER) == b"ok"
        script.answers[:] = [(401, {}, b"timestamp too far")]
        with pytest.raises(WireError):
            await rest.call(ORDER)
    assert len(measured) == 2
    assert plain.signed == 4


async def test_retry_after_pauses_everything_even_cancels() -> None:
    """Bug B10: what the venue asks for is kept to. Bug N6: 429 and 418 pause everything."""
    script = Script([(429, {"retry-after": "40"}, b"slow down"), (200, {}, b"ok")])
    paused: list[float] = []
    async with client(script) as (rest, _):
        rest._on_pause = paused.append
        with pytest.raises(WireError, match="slow down"):
            await rest.call(ORDER)
        with pytest.raises(WireError) as raised:
            await rest.call(Request(method="DELETE", path="/orders/1", lane=Lane.SAFE, idempotent=True))
    assert raised.value.kind is ErrorKind.DENIED
    assert paused == [40.0]
    assert len(script.asked) == 1


async def test_the_venues_count_overrules_ours_and_leaves_the_share_for_cancels() -> None:
    """Bug N6: the server's headers feed the budget."""
    budget = Budget([Window(name="weight", span_s=60, limit=100)], reserved=0.3)
    script = Script([(200, {"x-used": "85"}, b"ok")])
    async with client(script, budget=budget, timings=Timings(total_s=0.1)) as (rest, _):
        await rest.call(READ)
        with pytest.raises(WireError) as raised:
            await rest.call(READ)
        assert raised.value.kind is ErrorKind.DENIED
        cancel = Request(method="DELETE", path="/o", lane=Lane.SAFE, idempotent=True, weights={"weight": 1})
        assert await rest.call(cancel) == b"ok"
    assert len(script.asked) == 2


async def test_a_failed_request_has_spent_its_weight() -> None:
    """Bug row N4: the limiter counts before the send, and failures count."""
    budget = Budget([Window(name="weight", span_s=60, limit=100)])
    script = Script([(400, {}, b"no")])
    async with client(script, budget=budget) as (rest, _):
        for _ in range(3):
            with pytest.raises(WireError):
                await rest.call(ORDER)
        assert budget.used(rest._clock())["weight"] == (3, 100)


async def test_cancels_pass_while_every_shared_connection_is_stuck() -> None:
    """Bugs N2, N7: waiting is asynchronous, and cancels have a way of their own."""
    held = asyncio.Event()

    async def stuck(asked: Asked) -> bytes | None:
        if asked.method == "GET":
            await held.wait()
        return b"HTTP/1.1 200 said\r\ncontent-length: 2\r\n\r\nok"

    script = Script([stuck])
    async with client(script, pool=(2, 1), timings=Timings(read_s=5, total_s=5)) as (rest, _):
        reads = [asyncio.ensure_future(rest.call(READ)) for _ in range(4)]
        await asyncio.sleep(0.05)
        cancel = Request(method="DELETE", path="/o", lane=Lane.SAFE, idempotent=True)
        assert await asyncio.wait_for(rest.call(cancel), 2) == b"ok"
        held.set()
        assert await asyncio.gather(*reads) == [b"ok"] * 4
    assert script.connections <= 3


async def test_connections_stay_warm_and_the_last_used_goes_out_first() -> None:
    """Bug B5: one client, used."""
    script = Script([(200, {}, b"ok")])
    async with client(script, pool=(8, 4)) as (rest, _):
        for _ in range(20):
            await rest.call(READ)
    assert script.connections == 1


async def test_an_endless_reply_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.venues.wire.rest.MOST_REPLY", 100)
    async with client(Script([(200, {}, b"x" * 500)])) as (rest, _):
        with pytest.raises(WireError, match="over 100 bytes"):
            await rest.call(ORDER)


async def test_an_order_is_written_in_the_call_that_hands_it_over() -> None:
    """Once a connection is warm; before that nothing is written, and the waiting way sends it, once."""
    script = Script([(200, {}, b"ok")])
    async with client(script, pool=(1, 0)) as (rest, plain):
        assert rest.begin(ORDER) is None
        assert await rest.call(ORDER) == b"ok"
        begun = rest.begin(ORDER)
        assert begun is not None
        assert plain.signed == 2
        assert rest.begin(ORDER) is None, "the one connection is out"
        assert await rest.call(ORDER, begun) == b"ok"
        assert rest.begin(ORDER) is not None, "and back"
    assert [asked.body for asked in script.asked[:2]] == [ORDER.body] * 2


async def test_what_was_begun_and_has_no_answer_is_unknown_and_not_sent_again() -> None:
    async def warm(_: Asked) -> bytes:
        return b"HTTP/1.1 200 said\r\ncontent-length: 2\r\n\r\nok"

    async def cut(_: Asked) -> None:
        return None

    script = Script([warm, cut])
    async with client(script) as (rest, _):
        await rest.call(ORDER)
        with pytest.raises(WireError) as raised:
            await rest.call(ORDER, rest.begin(ORDER))
    assert (raised.value.kind, len(script.asked)) == (ErrorKind.UNKNOWN, 2)


async def test_a_spent_budget_lets_nothing_begin() -> None:
    script = Script([(200, {}, b"ok")])
    budget = Budget([Window(name="weight", span_s=60, limit=2)], reserved=0.5)
    async with client(script, budget=budget) as (rest, _):
        await rest.call(ORDER)
        assert rest.begin(ORDER) is None
        safe = rest.begin(replace(ORDER, lane=Lane.SAFE))
        assert safe is not None, "its share of the budget is there, and a warm connection"
        assert await rest.call(replace(ORDER, lane=Lane.SAFE), safe) == b"ok"
    assert len(script.asked) == 2


async def test_who_waits_for_a_connection_finds_the_room_that_others_have_left() -> None:
    """All saw the same room before one of them had taken it, and were sent; so they were into a ban."""
    script = Script([(200, {}, b"ok")])
    budget = Budget([Window(name="weight", span_s=60, limit=2)], reserved=0)
    async with client(script, budget=budget) as (rest, _):
        ends = await asyncio.gather(*(rest.call(ORDER) for _ in range(5)), return_exceptions=True)
        denied = [end.kind for end in ends if isinstance(end, WireError)]
        assert denied == [ErrorKind.DENIED] * 3
        assert rest._pool.idle == 3, "every connection was given back"
    assert len(script.asked) == 2


async def test_a_ban_that_comes_while_others_wait_for_a_connection_holds_them_back() -> None:
    script = Script([(429, {"Retry-After": "60"}, b"banned"), (200, {}, b"ok")])
    async with client(script, pool=(1, 1)) as (rest, _):
        ends = await asyncio.gather(*(rest.call(ORDER) for _ in range(4)), return_exceptions=True)
        kinds = sorted(end.kind for end in ends if isinstance(end, WireError))
        assert kinds == [ErrorKind.DENIED] * 3 + [ErrorKind.THROTTLED]
    assert len(script.asked) == 1


async def test_what_makes_safer_takes_a_warm_connection_before_a_cold_one_of_its_own() -> None:
    """A hedge minutes after the last one: a handshake is three trips more."""
    script = Script([(200, {}, b"ok")])
    safe = replace(ORDER, lane=Lane.SAFE)
    async with client(script, pool=(1, 1)) as (rest, _):
        await rest.call(READ)
        assert (await rest.call(safe), script.connections) == (b"ok", 1)
        held = await rest._pool.take(Lane.DATA)
        assert rest.begin(safe) is None
        assert (await rest.call(safe), script.connections) == (b"ok", 2), "its own, when the others are out"
        rest._pool.give(held)
        assert rest.begin(safe) is not None
    assert RESYNC_S < KEEPALIVE_S, "the question for the time keeps one warm"


async def test_a_packed_reply_is_unpacked() -> None:
    packed = gzip.compress(b"ok")
    script = Script([(200, {"content-encoding": "gzip"}, packed)])
    async with client(script) as (rest, _):
        assert await rest.call(READ) == b"ok"


async def test_what_was_meant_before_the_machine_slept_is_not_sent_after() -> None:
    """An order that waits for a connection while a laptop is shut has the price of ten minutes ago."""
    script = Script([(200, {}, b"ok")])
    async with client(script, pool=(1, 0)) as (rest, _):
        slept = 0

        def clock() -> int:
            return boot_ns() + slept

        rest._clock = clock
        await rest.call(READ)
        held = await rest._pool.take(Lane.ENTRY)
        order = asyncio.ensure_future(rest.call(ORDER))
        await asyncio.sleep(0)
        assert not order.done()
        slept = 600 * 1_000_000_000
        rest._pool.give(held)
        with pytest.raises(WireError) as told:
            await order
        assert told.value.kind is ErrorKind.DENIED
        assert not told.value.kind.executed
        assert await rest.call(READ) == b"ok"
    assert [each.method for each in script.asked] == ["GET", "GET"]


async def test_an_answer_that_the_machine_slept_over_is_none_but_to_an_order() -> None:
    slept = 0

    async def answer(_: Asked) -> bytes:
        nonlocal slept
        slept = 600 * 1_000_000_000
        return encoded(200, {}, b"ok")

    script = Script([answer])
    async with client(script) as (rest, _):
        rest._clock = lambda: boot_ns() + slept
        with pytest.raises(WireError) as told:
            await rest.call(READ)
        assert told.value.kind is ErrorKind.UNAVAILABLE
        assert "too late" in told.value.text
        slept = 0
        assert await rest.call(ORDER) == b"ok"
