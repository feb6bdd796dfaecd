"""Orders that wait to be sent: a cancel takes them back, and nothing of them leaves behind it."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from services.runtime.clock import boot_ns
from services.venues.wire.budget import Budget, Window
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.rest import Rest, Timings
from services.venues.wire.unsent import WITHDRAWN, Unsent
from tests.wire.server import Script
from tests.wire.test_rest import ORDER, READ, SHORT, client

NAME = "a" * 20
NAMED = replace(ORDER, order=NAME)


def full(span_s: float) -> Budget:
    """No room for an order until `span_s` from now."""
    budget = Budget([Window(name="weight", span_s=span_s, limit=2)], reserved=0.0)
    budget.take(boot_ns(), {"weight": 2})
    return budget


async def denied(rest: Rest) -> WireError:
    with pytest.raises(WireError) as raised:
        await rest.call(NAMED)
    assert raised.value.kind is ErrorKind.DENIED
    return raised.value


async def test_an_order_that_waits_for_the_budget_is_withdrawn_and_never_written() -> None:
    script = Script([(200, {}, b"ok")])
    async with client(script, budget=full(0.3)) as (rest, _):
        rest.unsent.hand(NAME, entry=True)
        assert rest.begin(NAMED) is None, "no room: it has to wait"
        waiting = asyncio.create_task(denied(rest))
        await asyncio.sleep(0)
        assert rest.unsent.withdraw(NAME), "not a byte of it was written"
        assert (await waiting).text == WITHDRAWN
        assert rest.unsent.told(NAME), "whoever withdrew it tells"
        assert await rest.call(READ) == b"ok"
    assert [asked.method for asked in script.asked] == ["GET"]


async def test_one_that_was_written_is_no_more_withdrawn_but_not_written_a_second_time() -> None:
    """A time stamp that was refused is sent anew, unless somebody has canceled meanwhile."""
    script = Script([(401, {}, b"timestamp"), (200, {}, b"ok")])
    async with client(script) as (rest, _):

        async def resync() -> None:
            assert not rest.unsent.withdraw(NAME), "it may be there"

        rest._resync = resync
        rest.unsent.hand(NAME, entry=True)
        assert (await denied(rest)).text == WITHDRAWN
        assert not rest.unsent.told(NAME), "the send itself tells"
    assert len(script.asked) == 1


async def test_an_order_is_not_kept_for_as_long_as_a_question_may_wait() -> None:
    script = Script([(200, {}, b"ok")])
    timings = Timings(connect_s=0.5, read_s=0.2, total_s=30.0, order_s=0.1)
    async with client(script, budget=full(1.0), timings=timings) as (rest, _):
        assert "budget" in (await denied(rest)).text
        assert await rest.call(READ) == b"ok"
    assert [asked.method for asked in script.asked] == ["GET"]
    assert 0 < Timings().order_s <= Timings().total_s / 2


async def test_at_an_end_entries_stay_and_closes_leave() -> None:
    closing = "c" * 20
    script = Script([(200, {}, b"ok")])
    async with client(script, budget=full(0.2), timings=SHORT) as (rest, _):
        rest.unsent.hand(NAME, entry=True)
        rest.unsent.hand(closing, entry=False)
        rest.unsent.withdraw_entries()
        assert (await denied(rest)).text == WITHDRAWN
        assert not rest.unsent.told(NAME)
        assert await rest.call(replace(ORDER, order=closing)) == b"ok"
    assert len(script.asked) == 1


async def test_the_end_of_a_send_is_waited_for_and_only_where_one_is_under_way() -> None:
    unsent = Unsent()
    assert not await unsent.ended(NAME)
    assert not unsent.withdraw(NAME)
    unsent.hand(NAME, entry=True)
    unsent.leave(NAME)
    waiting = asyncio.create_task(unsent.ended(NAME))
    await asyncio.sleep(0)
    assert not waiting.done()
    unsent.over(NAME)
    assert await waiting
    assert not await unsent.ended(NAME)
