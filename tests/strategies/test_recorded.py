"""The strategy on recorded funding, against the independent count of `oracle.py`: exact equality.

Board, strategy and history reading together, with instant fills; the desk, its gate and its sizing are
compared with the same oracle elsewhere.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.strategies.chances import summary
from services.venues.history.history import HistorySource, load_history
from tests.strategies import oracle
from tests.strategies.legs import PARAMS, SECOND
from tests.strategies.replay import Held, Replay, six_venues

pytestmark = pytest.mark.recorded

SUMMER_2021 = int(datetime(2021, 7, 1, tzinfo=UTC).timestamp())


def trade(held: Held) -> tuple[str, str, int, int | None, str]:
    short, long = (name.rpartition(".")[2] for name in (held.intent.short, held.intent.long))
    closed = None if held.closed is None else held.closed // SECOND
    return short, long, held.opened // SECOND, closed, held.why


def expected(each: oracle.Trade) -> tuple[str, str, int, int | None, str]:
    return each.short, each.long, each.opened, each.closed, each.why


def compare(replay: Replay, answer: oracle.Answer) -> None:
    assert [trade(held) for held in replay.held] == [expected(each) for each in answer.trades]
    for held, each in zip(replay.held, answer.trades, strict=True):
        assert held.intent.net_edge == each.edge
        paid = [(ts // SECOND, name.rpartition(".")[2], rate) for ts, name, rate in held.payments]
        assert paid == each.payments
    assert summary(replay.state).seen == answer.opportunities


def test_one_pair_at_a_time(recorded: Path, tmp_path: Path) -> None:
    """While most is entered; the whole desk goes through all of it (tests/history)."""
    answer = oracle.run(recorded / "funding", 1, SUMMER_2021)
    assert len(answer.trades) == 6
    assert sum(len(each.payments) for each in answer.trades) > 700
    toml = six_venues(recorded / "funding", tmp_path)
    toml.write_text(toml.read_text().replace('"2024-01-01"', '"2021-07-01"'))
    replay = Replay(HistorySource(load_history(toml)), replace(PARAMS, max_pairs=1))
    replay.run()
    compare(replay, answer)


def test_kucoin_settles_four_hours_after_the_others(recorded: Path, tmp_path: Path) -> None:
    history = load_history(six_venues(recorded / "funding", tmp_path))
    hours = {
        track.instrument.venue: Counter(ts // (3_600 * SECOND) % 24 for ts in track.rates.ts)
        for track in history.tracks
        if track.rates is not None
    }
    assert set(hours["kucoin"]) == {4, 12, 20}
    assert all(set(hours[venue]) == {0, 8, 16} for venue in ("binance", "bybit", "gate", "mexc"))
    assert all(ts % (60 * SECOND) == 0 for track in history.tracks if track.rates for ts in track.rates.ts)


def test_three_large_venues_from_mid_2023_are_never_entered(recorded: Path, tmp_path: Path) -> None:
    text = ""
    for venue in ("binance", "bybit", "okx"):
        for base, price in (("BTC", "30000"), ("ETH", "2000")):
            file = recorded / "funding" / f"{venue}_{base}USDT_2023-07_2024-07_fundingRate.csv"
            text += (
                f'[[series]]\nfile = "{file}"\nkind = "funding"\nvenue = "{venue}"\n'
                f'symbol = "{base}USDT"\nprice = "{price}"\n'
            )
    (tmp_path / "history.toml").write_text(text)
    replay = Replay(HistorySource(load_history(tmp_path)), PARAMS)
    replay.run()
    told = summary(replay.state)
    assert replay.held == []
    assert told.seen > 100
    assert sum(told.refused.values()) == told.seen
    assert told.best_refused is not None
    assert told.best_refused.net_edge is not None
    assert told.best_refused.net_edge < Decimal(11)
    assert told.best_refused.rule == "edge < 0.5× cost"
