"""Paper over scripted frames: orders meet live quotes, money is the clearing's, books outlive the process."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pytest

from services.domain.enums import RateKind, Side, TimeInForce
from services.domain.events import (
    AccountReport,
    FundingSettled,
    MarketFrame,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    RateRow,
    VenueLink,
)
from services.domain.instrument import Instrument
from services.domain.venue_events import DeadManReport, VenueFacts
from services.venues.paper.books import PaperStore
from services.venues.sim.facts import HOUR_NS, NS, perp
from tests.paper.scripted import BEGIN, NAME, SPEC, Desk, order

D = Decimal


async def opened(folder: Path | None = None, **more: object) -> Desk:
    desk = Desk(folder=folder, **more)  # type: ignore[arg-type]
    await desk.venue.start()
    desk.frame()
    return desk


async def settle() -> None:
    """What was asked for is carried out."""
    for _ in range(4):
        await asyncio.sleep(0.002)


async def held(desk: Desk, size: str = "0.500") -> None:
    desk.venue.submit(0, order("open", Side.BUY, size, "31000.0", tif=TimeInForce.IOC))
    await settle()


async def account(desk: Desk) -> AccountReport:
    desk.venue.read_account(0, f"r{len(desk.events)}", 0)
    await settle()
    found = desk.of(AccountReport)[-1]
    assert isinstance(found, AccountReport)
    return found


async def test_an_order_meets_the_live_top_and_the_data_venue_never_hears_of_it() -> None:
    desk = await opened()
    desk.venue.submit(0, order("a", Side.BUY, "1.500", "30000.1", tif=TimeInForce.IOC))
    await settle()
    (fill,) = desk.of(OrderFilled)
    assert (fill.quantity, fill.price, fill.maker) == (D("1.000"), D("30000.1"), False)
    assert fill.fee == D("15.00005")
    (ended,) = desk.of(OrderCanceled)
    assert ended.filled == D("1.000")
    desk.venue.cancel(0, NAME, "a", "")
    desk.venue.query(0, NAME, "a")
    desk.venue.dead_man(0, 60_000)
    report = await account(desk)
    assert [(row.instrument, row.size) for row in report.positions] == [(NAME, D("1.000"))]
    assert desk.data.asked == []


async def test_a_resting_order_waits_for_the_market_and_post_only_never_takes() -> None:
    desk = await opened()
    desk.venue.submit(0, order("x", Side.BUY, "0.100", "30000.1", post_only=True))
    desk.venue.submit(0, order("a", Side.BUY, "0.100", "29990.0", post_only=True))
    await settle()
    assert [each.would_cross for each in desk.of(OrderRejected)] == [True]
    desk.frame(bid=29_989.0, ask=29_990.1)
    assert desk.of(OrderFilled) == []
    desk.frame(bid=29_980.0, ask=29_990.0)
    (fill,) = desk.of(OrderFilled)
    assert (fill.client_order_id, fill.price, fill.maker) == ("a", D("29990.0"), True)


async def test_nothing_is_matched_against_a_market_that_nobody_knows() -> None:
    desk = await opened()
    desk.frame(bid=0.0, ask=0.0, size=0.0)
    desk.venue.submit(0, order("a", Side.BUY, "0.100"))
    await settle()
    desk.frame()
    desk.data.outbox.deliver(desk.now, VenueLink("data", desk.now, up=False, reason="cut"))
    desk.venue.submit(0, order("b", Side.BUY, "0.100"))
    await settle()
    desk.frame()
    desk.now += 6 * NS
    desk.venue.submit(0, order("c", Side.BUY, "0.100"))
    await settle()
    assert [(each.client_order_id, each.reason) for each in desk.of(OrderRejected)] == [
        ("a", "no market yet"), ("b", "no market yet"), ("c", "the live market is stale"),
    ]  # fmt: skip
    assert desk.of(OrderFilled) == []


async def test_an_instrument_whose_fees_are_unknown_is_not_traded() -> None:
    bare = Instrument(**{name: getattr(SPEC, name) for name in SPEC.__struct_fields__} | {"taker_fee": None})
    desk = await opened(listed=(bare,))
    desk.venue.submit(0, order("a", Side.BUY, "0.100"))
    await settle()
    (refused,) = desk.of(OrderRejected)
    assert refused.reason == f"the fees of {NAME} are not known"


async def test_a_stop_is_released_by_the_live_mark() -> None:
    desk = await opened()
    await held(desk)
    desk.venue.submit(0, order("s", Side.SELL, "0.500", reduce_only=True, trigger=D("29900.0")))
    await settle()
    desk.frame(bid=29_890.0, ask=29_890.1, mark=29_901.0)
    assert desk.of(OrderFilled)[-1].client_order_id == "open"
    desk.frame(bid=29_890.0, ask=29_890.1, mark=29_899.0)
    fill = desk.of(OrderFilled)[-1]
    assert (fill.client_order_id, fill.quantity, fill.price) == ("s", D("0.500"), D("29890.0"))
    assert (await account(desk)).positions == ()


def settled(hours: int, rate: str = "0.0001") -> RateRow:
    due = (BEGIN // HOUR_NS + hours) * HOUR_NS
    return RateRow(NAME, D(rate), D(8), RateKind.SETTLED, due, due + 8 * HOUR_NS)


async def test_funding_is_paid_once_on_what_was_held_at_its_instant() -> None:
    desk = await opened()
    await held(desk)
    desk.frame(rates=(settled(-8), settled(0)))
    assert desk.of(FundingSettled) == []
    row = settled(1)
    desk.now = row.rate_ts + 20 * NS
    # Bought between the instant and the moment at which its rate is seen: pays nothing yet.
    desk.frame(ask=30_000.2)
    desk.venue.submit(0, order("late", Side.BUY, "0.100", "31000.0", tif=TimeInForce.IOC))
    await settle()
    desk.frame(rates=(row,), mark=30_100.0)
    desk.frame(rates=(row,))
    (paid,) = desk.of(FundingSettled)
    assert (paid.size, paid.price, paid.coin) == (D("0.500"), D("30100.0"), "USDT")
    assert paid.amount == D("-1.505")
    assert paid.ts_event == row.rate_ts


async def test_an_account_whose_margin_is_eaten_is_liquidated_at_live_prices() -> None:
    desk = await opened()
    await held(desk, "1.000")
    desk.frame(bid=30_000.0, ask=30_000.1, size=20.0)
    for number in range(8):
        desk.venue.submit(0, order(f"m{number}", Side.BUY, "1.000", "31000.0", tif=TimeInForce.IOC))
    await settle()
    desk.frame(bid=24_000.0, ask=24_000.1, size=20.0, mark=24_000.0)
    taken = [fill for fill in desk.of(OrderFilled) if fill.liquidation]
    assert sum(fill.quantity for fill in taken) == D("9.000")
    assert {fill.price for fill in taken} == {D("24000.0")}
    assert (await account(desk)).positions == ()


async def test_the_switch_cancels_what_rests_and_spares_the_stop() -> None:
    desk = await opened()
    await held(desk)
    desk.venue.submit(0, order("s", Side.SELL, "0.500", reduce_only=True, trigger=D("29000.0")))
    desk.venue.submit(0, order("a", Side.BUY, "0.100", "29000.0"))
    desk.venue.dead_man(0, 10_000)
    await settle()
    desk.frame()
    assert desk.of(OrderCanceled) == []
    desk.now += 10 * NS
    desk.frame()
    assert [each.client_order_id for each in desk.of(OrderCanceled)] == ["a"]
    assert [each.fired for each in desk.of(DeadManReport)] == [False, True]
    assert [row.client_order_id for row in (await account(desk)).orders] == ["s"]


async def test_it_says_its_own_facts_and_passes_the_market_on() -> None:
    desk = await opened()
    theirs = VenueFacts(
        venue="data", ts=desk.now, conditional=False, dead_man=False, conditional_survives_dead_man=False,
        asked=("marks",),
    )  # fmt: skip
    desk.data.outbox.deliver(desk.now, theirs)
    desk.data.outbox.deliver(desk.now, VenueLink("data", desk.now, up=True))
    (facts,) = desk.of(VenueFacts)
    assert (facts.conditional, facts.dead_man, facts.asked) == (True, True, ("marks",))
    assert len(desk.of(VenueLink)) == 1
    assert len(desk.of(MarketFrame)) == 1
    # A word of the data venue's own account is nobody's here.
    strange = OrderAccepted("data", "x", "1", desk.now, desk.now)
    desk.data.outbox.deliver(desk.now, strange)
    assert desk.of(OrderAccepted) == []


async def test_the_books_outlive_the_process(tmp_path: Path) -> None:
    first = await opened(tmp_path)
    await held(first)
    first.venue.submit(0, order("a", Side.BUY, "0.100", "29000.0"))
    first.venue.submit(0, order("s", Side.SELL, "0.500", reduce_only=True, trigger=D("29000.0")))
    await settle()
    before = await account(first)
    await first.venue.close()

    second = Desk(folder=tmp_path, now=first.now + 60 * NS)
    await second.venue.start()
    after = await account(second)
    assert (after.positions, after.balances, after.orders) == (
        before.positions,
        before.balances,
        before.orders,
    )
    assert [fill.trade_id for fill in after.fills] == [fill.trade_id for fill in before.fills]
    second.frame()
    second.venue.submit(0, order("a", Side.BUY, "0.100", "31000.0"))
    await settle()
    assert [each.reason for each in second.of(OrderRejected)] == ["duplicate client order id"]
    # What the market did meanwhile is met at its first word.
    second.frame(bid=28_990.0, ask=28_995.0, mark=29_500.0)
    assert [fill.client_order_id for fill in second.of(OrderFilled)] == ["a"]


async def test_what_cannot_be_written_has_not_happened(tmp_path: Path) -> None:
    desk = await opened(tmp_path)
    with patch("services.venues.paper.books.write_atomically", side_effect=OSError("disk full")):
        await held(desk)
        desk.frame()
    (refused,) = desk.of(OrderRejected)
    assert "disk full" in refused.reason
    assert desk.of(OrderAccepted, OrderFilled) == []
    assert (await account(desk)).positions == ()
    await held(desk)
    assert len(desk.of(OrderFilled)) == 1


async def test_a_way_out_that_cannot_be_written_happens_in_memory_and_is_written_later(
    tmp_path: Path,
) -> None:
    desk = await opened(tmp_path)
    await held(desk)
    desk.venue.submit(0, order("rests", Side.BUY, "0.100", "25000.0"))
    await settle()
    path = tmp_path / "paper-data.books"
    before = path.read_bytes()
    with patch("services.venues.paper.books.write_atomically", side_effect=OSError("disk full")):
        desk.venue.cancel(0, NAME, "rests", "")
        desk.venue.submit(0, order("out", Side.SELL, "0.500", "29000.0", reduce_only=True))
        await settle()
        found = await account(desk)
        assert (found.positions, found.orders) == ((), ())
        desk.venue.submit(0, order("in", Side.BUY, "0.100", "31000.0"))
        await settle()
        assert [each.client_order_id for each in desk.of(OrderRejected)] == ["in"]
        assert (await account(desk)).positions == (), "what was refused took nothing else with it"
        assert "only in memory: disk full" in desk.venue.unwritten()
        assert path.read_bytes() == before
    assert desk.venue.unwritten() == ""
    second = Desk(folder=tmp_path, now=desk.now + NS)
    await second.venue.start()
    assert (await account(second)).positions == ()


async def test_a_position_in_what_is_not_listed_any_more_stops_the_start(tmp_path: Path) -> None:
    desk = await opened(tmp_path)
    await held(desk)
    await desk.venue.close()
    other = Desk(folder=tmp_path, listed=(perp("data", "ETH-USDT-PERP", "ETH", "USDT"),))
    with pytest.raises(ValueError, match="does not list any more"):
        await other.venue.start()


def test_books_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "paper-data.books").write_bytes(b"\x81\xa1x\x01")
    with pytest.raises(ValueError, match=r"paper-data\.books: the paper books cannot be read"):
        PaperStore(tmp_path, "data").opened(0, {})


async def test_books_that_cannot_be_read_start_the_data_venue_only_once_however_often_it_is_tried() -> None:
    """Its streams would run twice, and each frame come twice."""
    desk, started = Desk(), 0

    async def start() -> None:
        nonlocal started
        started += 1

    with (
        patch.object(desk.data, "start", start),
        patch("services.venues.paper.venue.PaperAccount", side_effect=ValueError("no books")),
    ):
        for _ in range(2):
            with pytest.raises(ValueError, match="no books"):
                await desk.venue.start()
        assert started == 1
    await desk.venue.start()
    desk.frame()
    assert len(desk.of(MarketFrame)) == 1
