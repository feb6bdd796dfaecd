"""The tape: candles on their minutes, gaps that stay gaps, spreads counted once a quote."""

from __future__ import annotations

import math

import pytest

from services.domain.events import MarketFrame, MarkRow, QuoteRow
from services.market.tape import MINUTE, Tape

NAME = "BTC-USDT-PERP.alpha"


def frame(minute: float, bid: float, ask: float, mark: tuple[float, float] | None = None) -> MarketFrame:
    ts = int(minute * MINUTE)
    marks = () if mark is None else (MarkRow(NAME, *mark),)
    return MarketFrame(
        "alpha", ts, ts, 1, quotes=(QuoteRow(NAME, bid, 1.0, ask, 1.0, 5.0, 5.0),), marks=marks
    )


def told(*frames: MarketFrame) -> Tape:
    tape = Tape()
    for each in frames:
        tape.hear(each)
    return tape


def test_a_minute_is_open_high_low_close_of_the_mid_and_the_last_basis() -> None:
    tape = told(
        frame(10.1, 99, 101), frame(10.3, 103, 105), frame(10.6, 95, 97, (100.1, 100.0)), frame(10.9, 98, 100)
    )
    (bar,) = tape.candles(NAME, 1, 10)
    assert bar[:5] == (10 * MINUTE, 100.0, 104.0, 96.0, 99.0)
    assert bar.basis_bps == pytest.approx(10.0)


def test_a_minute_without_a_quote_is_a_gap() -> None:
    tape = told(frame(1, 9, 11), frame(4, 9, 11))
    assert [bar.start // MINUTE for bar in tape.candles(NAME, 1, 10)] == [1, 4]


def test_wider_candles_are_joined_from_minutes_on_the_utc_grid_however_often_one_looks() -> None:
    """Bug K3: one series, joined here; nobody is asked for four."""
    tape, seen = Tape(), []
    for minute in range(3, 34):
        tape.hear(frame(minute, 99 + minute, 101 + minute, (100.0 + minute, 100.0)))
        seen = list(tape.candles(NAME, 15, 10))
    assert [(bar.start // MINUTE, bar.open, bar.close) for bar in seen] == [
        (0, 103.0, 114.0),
        (15, 115.0, 129.0),
        (30, 130.0, 133.0),
    ]
    assert seen == list(
        told(*(frame(m, 99 + m, 101 + m, (100.0 + m, 100.0)) for m in range(3, 34))).candles(NAME, 15, 10)
    )
    assert len(tape.candles(NAME, 15, 2)) == 2


def test_what_is_no_price_is_left_out() -> None:
    tape = told(frame(1, 0.0, 101), frame(1, 101, 99), frame(1, math.nan, 1.0), frame(1, 9, math.inf))
    assert tape.candles(NAME, 1, 5) == ()
    assert tape.spreads(NAME) is None


def test_spreads_are_counted_in_tenths_of_a_basis_point() -> None:
    tape = told(*[frame(1, 100.0, 100.0055)] * 19, frame(1, 100.0, 100.0301))
    found = tape.spreads(NAME)
    assert found is not None
    assert (found.samples, found.buckets) == (20, ((0.5, 19), (3.0, 1)))
    assert (found.median_bps, found.wide_bps) == (0.6, 0.6)
