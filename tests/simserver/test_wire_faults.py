"""Each fault of DESIGN 5 on the served exchange, as our client meets it: told by name, survived."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from services.domain.enums import FaultKind, Side, TimeInForce
from services.domain.events import (
    MarketFrame,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
    VenueLink,
)
from services.domain.venue_events import DeadManReport, RequestFailed
from services.venues.ftx.errors import THROTTLED_WAIT_S
from services.venues.ftx.errors import refusal as ftx_refusal
from services.venues.sim.facts import RateLimits
from services.venues.sim.limits import Limiter
from services.venues.wire.errors import ErrorKind
from services.workers.simserver.orders import SLOW_DOWN, refusal
from tests.conformance.ftx import FTX, FtxSubject, opened
from tests.conformance.subject import Can, Subject

D = Decimal


def fault(venue: Subject, kind: FaultKind, chance: int | str) -> None:
    assert isinstance(venue, FtxSubject)
    venue.house.set_fault(kind, venue.name, D(chance))


async def far_order(venue: Subject) -> str:
    """Send one that will rest; its client id."""
    request = venue.order(Side.BUY, None, await venue.price(Side.BUY, "0.9"))
    venue.door.submit(venue.now(), request)
    return request.client_order_id


async def test_429_is_a_definite_no_to_an_order_and_a_failed_question() -> None:
    async with opened() as venue:
        await venue.first(VenueLink, up=True)
        await venue.quoted()
        fault(venue, FaultKind.THROTTLED, 1)
        refused = await venue.first(OrderRejected, client_order_id=await far_order(venue))
        assert refused.reason.startswith("throttled")
        venue.door.read_account(venue.now(), "r", 0)
        failed = await venue.first(RequestFailed, what="read")
        assert failed.reason.startswith("429")
        fault(venue, FaultKind.THROTTLED, 0)
        await venue.first(OrderAccepted, client_order_id=await far_order(venue))


def test_a_429_names_the_limit_that_was_met() -> None:
    """Clients pace themselves by it: ours leaves cancels alone where the limit is one of orders."""
    limiter = Limiter(RateLimits(market_200ms=3, orders_200ms=5, cancels_200ms=1))
    words = [limiter.order(1, f"{number % 2}") for number in range(6)]
    words += [
        Limiter(RateLimits(market_200ms=0)).order(1, "BTC-PERP.alpha"),
        limiter.cancel(1),
        limiter.cancel(1),
    ]
    found = [refusal(word) for word in words if word is not None]
    assert [(each.status, each.text) for each in found] == [
        (429, "Do not send more than 5 orders per 200ms"),
        (429, "Do not send more than 0 orders per 200ms in BTC-PERP"),
        (429, "Do not send more than 1 cancels per 200ms"),
    ]
    read = [ftx_refusal(each.status, each.text, {}) for each in found]
    assert [each.kind for each in read] == [ErrorKind.THROTTLED] * 3
    assert [each.retry_after_s for each in read] == [None, None, THROTTLED_WAIT_S]
    assert refusal("429: too many requests").text == SLOW_DOWN, "a fault has met none"


async def test_5xx_leaves_an_order_in_doubt_until_a_query_answers() -> None:
    async with opened() as venue:
        await venue.first(VenueLink, up=True)
        await venue.quoted()
        fault(venue, FaultKind.SERVER_ERROR, 1)
        names = [await far_order(venue) for _ in range(6)]
        for name in names:
            await venue.first(OrderUnknown, client_order_id=name)
        fault(venue, FaultKind.SERVER_ERROR, 0)
        await venue.elapse(1)
        found = set()
        for name in names:
            venue.door.query(venue.now(), venue.perp, name)
            if (await venue.first(OrderReport, client_order_id=name)).found:
                found.add(name)
        # Of what a 5xx says no to, half was done.
        assert {row.client_order_id for row in venue.truth().orders} == found
        assert 0 < len(found) < len(names)


async def test_a_reply_that_never_comes_leaves_an_order_in_doubt() -> None:
    async with opened() as venue:
        await venue.first(VenueLink, up=True)
        await venue.quoted()
        fault(venue, FaultKind.TIMEOUT, 1)
        name = await far_order(venue)
        await venue.first(OrderUnknown, client_order_id=name)
        venue.door.read_account(venue.now(), "r", 0)
        await venue.first(RequestFailed, what="read")
        venue.door.dead_man(venue.now(), 60_000)
        await venue.first(RequestFailed, what="dead man")
        fault(venue, FaultKind.TIMEOUT, 0)
        venue.door.query(venue.now(), venue.perp, name)
        assert (await venue.first(OrderReport, client_order_id=name)).found
        venue.door.dead_man(venue.now(), 0)
        await venue.first(DeadManReport, armed=False)


async def test_a_refusal_and_a_part_are_told() -> None:
    async with opened() as venue:
        await venue.first(VenueLink, up=True)
        await venue.quoted()
        fault(venue, FaultKind.REJECT, 1)
        await venue.first(OrderRejected, client_order_id=await far_order(venue))
        fault(venue, FaultKind.REJECT, 0)
        fault(venue, FaultKind.PARTIAL, 1)
        request = venue.order(Side.BUY, None, await venue.price(Side.BUY, "1.02"), tif=TimeInForce.IOC)
        venue.door.submit(venue.now(), request)
        ended = await venue.first(OrderCanceled, client_order_id=request.client_order_id)
        assert ended.filled < request.quantity


async def test_an_outage_closes_the_line_and_its_end_opens_it() -> None:
    async with opened() as venue:
        await venue.first(VenueLink, up=True)
        await venue.quoted()
        fault(venue, FaultKind.OUTAGE, 1)
        assert (await venue.first(VenueLink, up=False)).reason == "the venue restarts", "it says so: 20001"
        name = await far_order_blind(venue)
        await venue.first(OrderUnknown, client_order_id=name)
        fault(venue, FaultKind.OUTAGE, 0)
        await venue.until(lambda: len(venue.of(VenueLink, up=True)) == 2, "the line again")
        venue.door.query(venue.now(), venue.perp, name)
        assert not (await venue.first(OrderReport, client_order_id=name)).found


async def far_order_blind(venue: Subject) -> str:
    request = venue.order(Side.BUY, None, venue.spec().price_increment * 100_000)
    venue.door.submit(venue.now(), request)
    return request.client_order_id


async def test_a_half_open_line_is_noticed_by_its_silence() -> None:
    async with opened() as venue:
        await venue.first(VenueLink, up=True)
        await venue.quoted()
        fault(venue, FaultKind.HALF_OPEN, 1)
        down = await venue.first(VenueLink, up=False)
        # Noticed by us, or, where the burst is the shorter one, ended by the venue.
        assert "silent" in down.reason or "restarts" in down.reason
        fault(venue, FaultKind.HALF_OPEN, 0)
        await venue.until(lambda: len(venue.of(VenueLink, up=True)) >= 2, "the line again")
        await venue.read()


@pytest.mark.parametrize("kind", [FaultKind.CHECKSUM, FaultKind.DROP])
async def test_a_book_spoiled_or_with_a_hole_is_noticed_and_asked_for_anew(kind: FaultKind) -> None:
    async with opened() as venue:
        assert isinstance(venue, FtxSubject)
        await venue.first(VenueLink, up=True)
        await venue.quoted()
        ears = venue.client._ears
        assert ears is not None
        fault(venue, kind, "0.5")
        before = ears.refused
        await venue.until(lambda: ears.refused > before, "the refusal of that book")
        fault(venue, kind, 0)
        since = len(venue.heard)
        await venue.until(lambda: trusted(venue, since), "a whole book again")
        assert venue.of(VenueLink, up=False) == []


def trusted(venue: Subject, since: int) -> bool:
    """The last quote told since then is one."""
    rows = [
        row
        for _, event in venue.heard[since:]
        if isinstance(event, MarketFrame)
        for row in event.quotes
        if row.instrument == venue.perp
    ]
    return bool(rows) and rows[-1].bid > 0


async def test_what_comes_late_comes() -> None:
    async with opened() as venue:
        await venue.first(VenueLink, up=True)
        await venue.quoted()
        fault(venue, FaultKind.LATENCY, 1)
        await venue.first(OrderAccepted, client_order_id=await far_order(venue))
        fault(venue, FaultKind.LATENCY, 0)


async def test_a_clock_that_jumps_is_told_by_the_venues_time() -> None:
    async with opened() as venue:
        assert isinstance(venue, FtxSubject)
        await venue.first(VenueLink, up=True)
        fault(venue, FaultKind.SKEW, 1)
        await venue.elapse(3)
        for _ in range(50):
            before = venue.house.public.queue.now
            shown = await venue.client._api.time_ns()
            if abs(shown - before) > 200_000_000:
                break
            await venue.elapse(1)
        assert 200_000_000 < abs(shown - before) < 5_000_000_000


async def test_a_deleveraged_position_is_told_as_one() -> None:
    async with opened() as venue:
        await venue.first(VenueLink, up=True)
        await venue.quoted()
        request = venue.order(Side.BUY, None, await venue.price(Side.BUY, "1.02"), tif=TimeInForce.IOC)
        venue.door.submit(venue.now(), request)
        await venue.first(OrderFilled, client_order_id=request.client_order_id)
        fault(venue, FaultKind.ADL, 1)
        taken = await venue.first(OrderFilled, adl=True)
        fault(venue, FaultKind.ADL, 0)
        assert (taken.side, taken.client_order_id) == (Side.SELL, "")
        assert 0 < taken.quantity < request.quantity


async def test_an_order_whose_request_is_dropped_is_in_doubt_and_then_definitely_none() -> None:
    async with opened() as venue:
        await venue.first(VenueLink, up=True)
        await venue.quoted()
        fault(venue, FaultKind.DROP, 1)
        name = await far_order(venue)
        await venue.first(OrderUnknown, client_order_id=name)
        fault(venue, FaultKind.DROP, 0)
        assert venue.truth().orders == ()
        venue.door.query(venue.now(), venue.perp, name)
        report = await venue.first(OrderReport, client_order_id=name)
        assert not report.found
        assert not venue.of(OrderAccepted, client_order_id=name)


async def test_a_fill_whose_word_is_dropped_comes_with_the_account_read() -> None:
    async with opened() as venue:
        await venue.first(VenueLink, up=True)
        request = await venue.rest_near(Side.BUY)
        fault(venue, FaultKind.DROP, 1)
        for _ in range(400):
            if venue.truth().positions:
                break
            await venue.elapse(5)
        assert venue.truth().positions
        assert venue.fills(request) == {}, "its word was dropped"
        fault(venue, FaultKind.DROP, 0)
        report = await venue.read()
        mine = [fill for fill in report.fills if fill.client_order_id == request.client_order_id]
        told = {fill.trade_id.rpartition("t")[2] for fill in venue.truth().fills}
        assert {fill.trade_id for fill in mine} == told
        assert sum(fill.quantity for fill in mine) == request.quantity == venue.truth().positions[0].size


def test_every_fault_of_the_line_has_a_test_over_the_wire() -> None:
    """The disk is the engine's own; `duplicate` and `reorder` are cases of the conformance suite."""
    elsewhere = {FaultKind.SLOW_FSYNC, FaultKind.DUPLICATE, FaultKind.REORDER}
    here = Path(__file__).read_text(encoding="utf-8")
    for kind in FaultKind:
        done = rf'(fault\(venue, |parametrize\("kind", \[.*)FaultKind\.{kind.name}\b'
        assert kind in elsewhere or re.search(done, here), kind
    assert {Can.DUPLICATE, Can.REORDER} <= FTX.can
