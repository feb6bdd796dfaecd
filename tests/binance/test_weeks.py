"""A first read of three months is given up where our budget is spent, and goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from services.venues.binance.api import TRADES_KEPT_MS, BinanceApi
from services.venues.binance.weeks import LATE_MS, WEEK_MS
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.rest import Request

NOW = 1_790_000_000_000
SYMBOLS = tuple(f"S{number}USDT" for number in range(20))


class Budgeted:
    """Answers as long as there is room; each week has one trade a symbol and one income."""

    def __init__(self) -> None:
        self.room = 10**9
        self.asked: list[tuple[str, str, int, int]] = []

    async def call(self, request: Request, begun: object = None) -> bytes:
        self.room -= next(iter(request.weights.values()))
        if self.room < 0:
            raise WireError(ErrorKind.DENIED, "the request budget is spent")
        query: Mapping[str, str] = dict(request.query)
        start, end = int(query["startTime"]), int(query["endTime"])
        assert 0 <= end - start < WEEK_MS
        assert start >= NOW - TRADES_KEPT_MS
        symbol = query.get("symbol", "")
        self.asked.append((request.path, symbol, start, end))
        # At the end of its span, so that it is still of a read that begins a minute later.
        row: dict[str, Any] = {"time": end, "symbol": symbol, "side": "BUY", "price": "1", "qty": "1"}
        row |= {"commission": "0", "commissionAsset": "USDT", "id": start, "orderId": 1}
        row |= {"incomeType": "TRANSFER", "income": "1", "asset": "USDT", "tranId": start}
        return json.dumps([row]).encode()


async def test_what_a_week_that_is_over_has_told_is_not_asked_for_again() -> None:
    """A new profile of twenty symbols was never read: each try spent the budget on the same questions."""
    rest = Budgeted()
    api = BinanceApi(rest)  # type: ignore[arg-type]
    now, rounds = NOW, 0
    while True:
        # What the venue allows in a minute, less the share for getting out.
        rest.room, rounds = 1_680, rounds + 1
        assert rounds < 4, "two minutes' weight for twenty symbols"
        try:
            trades = [len(await api.trades(symbol, 0, now)) for symbol in SYMBOLS]
            incomes = len(await api.incomes(0, now))
        except WireError:
            now += 60_000
            continue
        break
    weeks = NOW // WEEK_MS - (NOW - TRADES_KEPT_MS) // WEEK_MS + 1
    assert set(trades) == {incomes} == {weeks}
    assert rounds == 2
    past = [row for row in rest.asked if row[3] < NOW - LATE_MS]
    assert len(set(past)) == len(past) == (len(SYMBOLS) + 1) * (weeks - 1)


async def test_of_the_present_week_everything_is_asked_each_time_and_nothing_older_is_kept_for_ever() -> None:
    rest = Budgeted()
    api = BinanceApi(rest)  # type: ignore[arg-type]
    await api.trades("S", 0, NOW)
    assert len(api._trades._kept["S"]) == len(rest.asked) - 1
    for _ in range(2):
        before = len(rest.asked)
        assert len(await api.trades("S", NOW - 10_000, NOW)) == 1
        assert len(rest.asked) - before == 1
    assert api._trades._kept["S"] == {}
    # A first week that was asked for from a later instant does not serve an earlier one.
    two = NOW - 2 * WEEK_MS
    assert [row.time >= two for row in await api.trades("S", two, NOW)] == [True] * 3
    assert len(await api.trades("S", two - 60_000, NOW)) == 3
    assert rest.asked[-2][2] == two - 60_000, rest.asked[-3:]


async def test_a_full_page_is_walked_within_its_week(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.venues.binance.api.PAGE", 1)
    rest = Budgeted()
    api = BinanceApi(rest)  # type: ignore[arg-type]
    # The next page begins in the last one's millisecond; the same row again is no news, and the walk ends.
    assert len(await api.incomes(NOW - 1_000, NOW)) == 2
    ends = NOW + 60_000
    assert [row[2:] for row in rest.asked] == [(NOW - 1_000, ends), (ends, ends), (ends, ends)]
