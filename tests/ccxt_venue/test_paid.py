"""A funding payment whose row carries no rate: the read that finds it learns the rate."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from services.domain.events import AccountReport
from services.venues.ccxt_venue import facts
from services.venues.ccxt_venue.feed import Feed
from services.venues.ccxt_venue.rows import Moved
from services.venues.ccxt_venue.settled import LEARN_TRIES, Settled
from services.venues.sim.facts import perp
from services.venues.wire.budget import Lane
from services.venues.wire.errors import ErrorKind, WireError
from tests.ccxt_venue.okx import OkxExchange
from tests.ccxt_venue.test_venue import trading

D = Decimal
HOUR_MS = 3_600_000
NOW_MS = 1_790_000_000_000 // (8 * HOUR_MS) * 8 * HOUR_MS
DAY_MS = 24 * HOUR_MS
HELD, OTHER = "BTC-USDT-SWAP", "ETH-USDT-SWAP"


async def test_the_first_read_of_a_start_knows_of_which_position_a_payment_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Settled rates are asked for in rounds that begin with the line, as the first read does: where that came
    first, a payment of the time away was booked without a size, and no pair got its share."""

    async def late(feed: Feed) -> None: ...

    monkeypatch.setattr(Feed, "_ask_settled", late)
    server = OkxExchange()
    last = server.due() - 8 * HOUR_MS
    server.ledger = [
        {"billId": f"{back}", "type": "8", "ccy": "USDT", "balChg": "-1.2", "instId": server.market,
         "sz": "10", "px": "60000", "ts": str(last - back * 8 * HOUR_MS + 7)}
        for back in (0, 1)
    ]  # fmt: skip
    async with trading(server) as (venue, heard):
        venue.read_account(0, "r", (last - DAY_MS) * 1_000_000)
        report = await heard.until(AccountReport)
        assert [(row.size, row.rate) for row in report.payments] == [(D("0.1"), D("0.0002"))] * 2
        asked = [name for name, _, _ in server.asked if name.endswith("funding-rate-history")]
        assert len(asked) == 1
        venue.read_account(0, "again", (last - DAY_MS) * 1_000_000)
        await heard.until(AccountReport, lambda each: each.request == "again")
        assert len([name for name, _, _ in server.asked if name.endswith("funding-rate-history")]) == 1


class Door:
    def __init__(self, *fails: Exception | None) -> None:
        """`fails`: what comes of each question; None, and after the last, an answer."""
        self.fails = list(fails)
        self.asked: list[tuple[str, int, Lane]] = []

    def can(self, flag: str) -> bool:
        return flag == "fetchFundingRateHistory"

    async def ask(self, _name: str, symbol: str, since: int, _limit: int, lane: Lane) -> Any:
        self.asked.append((symbol, since, lane))
        fault = self.fails.pop(0) if self.fails else None
        if fault is not None:
            raise fault
        return [{"timestamp": NOW_MS - back * 8 * HOUR_MS, "fundingRate": D("0.0002")} for back in (2, 1, 0)]


def settled(door: Door, said: list[str]) -> Settled:
    listed: Mapping[str, facts.Listed] = {
        name: facts.Listed(symbol=name, id=name, contract=D(1), spec=perp("okx", name, name[:3], "USDT"))
        for name in (HELD, OTHER)
    }
    return Settled("okx", door, listed, venue_ms=lambda: NOW_MS, trouble=said.append)  # type: ignore[arg-type]


def paid(market: str = HELD, at: int = NOW_MS - 8 * HOUR_MS, **more: Any) -> Moved:
    row = {"id": "1", "coin": "USDT", "amount": D(-1), "ms": at, "market": market, "size": D(10)}
    return Moved(**row | more)


async def test_only_what_is_not_known_is_asked_once_a_market_from_the_oldest_on() -> None:
    door, said = Door(), list[str]()
    rates = settled(door, said)
    moved = [
        paid(at=NOW_MS - 8 * HOUR_MS),
        paid(at=NOW_MS - 16 * HOUR_MS),
        paid(OTHER, rate=D("0.0001")),
        paid("SOL-USDT-SWAP"),
        paid("", size=D(0)),
    ]
    assert await rates.learn(moved)
    assert door.asked == [(HELD, NOW_MS - 16 * HOUR_MS - 60_000, Lane.DATA)]
    assert not await rates.learn(moved)
    # What lies further back than any venue tells is no reason to ask for more than a month.
    assert await rates.learn([paid(OTHER, NOW_MS - 80 * DAY_MS)])
    assert door.asked[1:] == [(OTHER, NOW_MS - 33 * DAY_MS - 60_000, Lane.DATA)]
    assert len(door.asked) == 2
    assert not said


async def test_a_rate_that_is_not_answered_fails_a_read_a_few_times_and_a_refused_one_none() -> None:
    away = WireError(ErrorKind.UNAVAILABLE, "no way there")
    door, said = Door(*[away] * (LEARN_TRIES + 1), WireError(ErrorKind.REJECTED, "gone")), list[str]()
    rates = settled(door, said)
    for _ in range(LEARN_TRIES):
        with pytest.raises(WireError, match="no way there"):
            await rates.learn([paid()])
    assert not said
    assert await rates.learn([paid()])
    assert await rates.learn([paid()])
    assert [line.partition(" is not told: ")[2] for line in said] == [
        "WireError: no way there",
        "WireError: gone",
    ]
    assert rates.rate_at(HELD, NOW_MS - 8 * HOUR_MS) is None
    assert await rates.learn([paid()])
    assert rates.rate_at(HELD, NOW_MS - 8 * HOUR_MS + 7) == D("0.0002")
