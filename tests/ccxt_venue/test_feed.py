"""What is asked of each market or coin by itself: one that fails stays unknown and takes no other along."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from services.domain.events import MarketFrame
from services.venues.ccxt_venue import facts
from services.venues.ccxt_venue.feed import Feed, Pace
from services.venues.sim.facts import perp
from services.venues.wire.errors import ErrorKind, WireError

HOUR_MS = 3_600_000
NOW_MS = 1_790_000_000_000
BAD, GOOD = "ADA/USDT:USDT", "BTC/USDT:USDT"


class Door:
    """Answers by call and symbol; of `BAD` it has `fails`, or an odd row where that is None."""

    streams = False

    def __init__(self, fails: ErrorKind | None, *can: str) -> None:
        self.fails = fails
        self.flags = can
        self.asked: list[str] = []
        self.calls: list[str] = []
        self.markets: dict[str, object] = dict.fromkeys(("BTC/USD:BTC", "BTC/USDT:USDT", "BTC/USDC:USDC"))
        self.waits: Callable[[], None] = lambda: None

    def can(self, flag: str) -> bool:
        return flag in self.flags

    async def ask(self, name: str, symbol: str, *args: object, **more: object) -> Any:
        self.asked.append(symbol)
        self.calls.append(name)
        bad = symbol in (BAD, "BTC/USDC:USDC")
        if bad and self.fails is not None:
            self.waits()
            raise WireError(self.fails, f"{symbol}: no")
        if name == "fetch_ticker":
            return {"indexPrice": Decimal("NaN") if bad else Decimal(60_000)}
        if name == "fetch_funding_rate":
            return {"fundingRate": Decimal(9) if bad else Decimal("0.0001"), "interval": "8h"}
        rate = Decimal("NaN") if bad else Decimal("0.0002")
        return [{"timestamp": NOW_MS - back * 8 * HOUR_MS, "fundingRate": rate} for back in (3, 2, 1)]


class Line:
    def __init__(self, *, is_up: bool = True) -> None:
        self.is_up = is_up

    def good(self, part: str) -> None: ...


def feed_of(
    door: Door, told: list[MarketFrame], wall: Callable[[], int] = lambda: 1, line: Line | None = None
) -> Feed:
    listed = {
        name: facts.Listed(
            symbol=name, id=name, contract=Decimal(1), spec=perp("any", name, name[:3], "USDT")
        )
        for name in (BAD, GOOD)
    }

    async def none() -> None: ...

    return Feed(
        "any", "any", door, listed, Pace(), line or Line(), tell=told.append,  # type: ignore[arg-type]
        venue_ms=lambda: NOW_MS, wall=wall,
        resync=none, trouble=lambda _: None, follow=None, capped=lambda _: None, unlisted=lambda: None,
    )  # fmt: skip


FAILS = pytest.mark.parametrize("fails", [ErrorKind.REJECTED, ErrorKind.UNAVAILABLE, None])


@FAILS
async def test_a_history_of_funding_that_is_not_told_keeps_no_other_from_being_told(
    fails: ErrorKind | None,
) -> None:
    told: list[MarketFrame] = []
    feed = feed_of(Door(fails, "fetchFundingRateHistory"), told)
    for _ in range(2):
        with pytest.raises((WireError, ValueError)):
            await feed._ask_settled()
    (frame,) = told
    assert [row.instrument for row in frame.rates] == [f"{GOOD}.any"] * 2, "told once"
    assert feed.settled.rate_at(GOOD, NOW_MS - 8 * HOUR_MS) == Decimal("0.0002")
    assert feed.settled.rate_at(BAD, NOW_MS - 8 * HOUR_MS) is None


@FAILS
async def test_a_rate_that_is_not_told_keeps_no_other_from_being_told(fails: ErrorKind | None) -> None:
    told: list[MarketFrame] = []
    with pytest.raises((WireError, ValueError)):
        await feed_of(Door(fails), told)._ask_rates()
    assert [[row.instrument for row in frame.rates] for frame in told] == [[f"{GOOD}.any"]]


@FAILS
async def test_a_coin_without_an_index_keeps_no_other_from_its_own(fails: ErrorKind | None) -> None:
    """Nor does one that is waited for make the others older than their own questions."""
    told: list[MarketFrame] = []
    now = 1

    def waits() -> None:
        nonlocal now
        now += 9_000_000_000

    door = Door(fails)
    door.waits = waits
    with pytest.raises((WireError, ValueError)):
        await feed_of(door, told, lambda: now)._ask_coins()
    rows = [(frame.ts, row.coin) for frame in told for row in frame.indexes]
    assert rows == [(1 if fails is None else 9_000_000_001, "USDT")]


@pytest.mark.parametrize("fails", [ErrorKind.THROTTLED, ErrorKind.DENIED])
async def test_where_the_venue_wants_to_be_left_alone_the_rest_is_not_asked(fails: ErrorKind) -> None:
    door = Door(fails, "fetchFundingRateHistory")
    with pytest.raises(WireError):
        await feed_of(door, [])._ask_settled()
    assert door.asked == [BAD]


async def test_before_the_line_is_up_only_what_brings_it_up_is_asked() -> None:
    """All else would be dropped and asked again, and takes the first book's room in the budget."""
    told: list[MarketFrame] = []
    door, line = Door(None, "fetchFundingRateHistory"), Line(is_up=False)
    feed = feed_of(door, told, line=line)
    running = asyncio.create_task(feed.run())
    try:
        for _ in range(50):
            await asyncio.sleep(0)
        assert set(door.calls) == {"fetch_order_book"}
        line.is_up = True
        feed.restate()
        for _ in range(50):
            await asyncio.sleep(0)
        assert {"fetch_ticker", "fetch_funding_rate", "fetch_funding_rate_history"} <= set(door.calls)
    finally:
        feed.stop()
        await running
