"""Figures of a report at their edges, by hand: each part of the waterfall, and each ratio's border."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from services.domain.enums import PairState, Side
from services.domain.records import EpisodeRecord, EquityRecord, FillRecord, PairRecord, WaterfallRecord
from services.portfolio import performance as p
from services.views.performance import CurvePoint

D = Decimal
DAY = p.DAY_NS

PART = {
    "price": 101, "funding": 13, "currency": -7, "fees": 5, "slippage": 3, "interest": 2,
    "conversion": 11, "liquidation": 17, "adjustments": 19, "transfers": 400,
}  # fmt: skip
"""No two alike, so that none can stand for another."""
BROUGHT = 101 + 13 - 7 + 19 - 5 - 3 - 2 - 11 - 17


def row(ts: int, equity: int, times: int, unmeasured: int = 0) -> WaterfallRecord:
    parts = {name: D(value * times) for name, value in PART.items()}
    return WaterfallRecord(ts=ts, account="a", begun=D(1), equity=D(equity), unmeasured=unmeasured, **parts)


def test_each_part_of_the_waterfall_enters_once_and_with_its_own_sign() -> None:
    end = 1_000 + 2 * (BROUGHT + 400)
    rows = {
        "alpha": (row(50, 1_000, 1, 1), row(90, end, 3, 5)),
        "beta": (row(40, 2_000, 0, 2), row(80, 2_000 + BROUGHT + 400 + 7, 1, 3)),
    }
    seen = p.waterfall(rows)
    assert seen is not None
    assert {name: getattr(seen, name) for name in PART} == {
        name: D(3 * value) for name, value in PART.items()
    }
    assert (seen.since, seen.until, seen.unmeasured) == (40, 90, 5)
    assert (seen.equity_start, seen.equity_end) == (D(3_000), D(3_000 + 3 * (BROUGHT + 400) + 7))
    assert (seen.result, seen.difference) == (D(3 * BROUGHT + 7), D(7))
    assert p.waterfall({}) is None


def episode(name: str, net: str, symbols: tuple[str, ...], span: tuple[int, int] = (0, 10)) -> EpisodeRecord:
    return EpisodeRecord(
        id=name, strategy="s", hedge_group="BTC", kind="pair", instruments=symbols, opened_ts=span[0],
        closed_ts=span[1], notional=D(1), capital_at_risk=D(1), price_pnl=D(net), funding=D(7), fees=D(5),
        net_pnl=D(net), reason="",
    )  # fmt: skip


def traded(name: str, notional: str | None, slippage: str | None = "1") -> FillRecord:
    return FillRecord(
        ts=1, venue="alpha", account="alpha", trade_id=name, instrument=name, client_order_id="a",
        side=Side.BUY, size=D(1), price=D(1), fee=D(0), fee_coin="USDT", pnl=D(0), strategy="s",
        episode_id="", notional_usd=None if notional is None else D(notional),
        slippage_usd=None if slippage is None else D(slippage),
    )  # fmt: skip


def pair(name: str, opened: int | None, closed: int | None = None) -> PairRecord:
    return PairRecord(
        ts=1, id=name, strategy="s", kind="hedge", state=PairState.HEDGED, short=name, long=name,
        target=D(1), short_size=D(1), long_size=D(1), funding=D(0), fees=D(0), opened_ts=opened,
        closed_ts=closed, reason="",
    )  # fmt: skip


def test_rows_are_by_what_each_name_brought_with_its_own_fills_and_open_time() -> None:
    """A name that has only traded has a row too; ties stand by name."""
    rows = p.grouped(
        [episode("1", "-2", ("x",)), episode("2", "3", ("y", "x"), (20, 40)), episode("3", "0", ("v",))],
        [traded("x", "10"), traded("x", "30"), traded("z", "4", None), traded("w", "1")],
        [pair("x", 60), pair("z", 90), pair("y", 10, 50), pair("w", None)],
        (0, 100),
        lambda one: one.instruments,
        lambda one: one.instrument,
        lambda one: (one.short,),
    )
    assert [(one.name, one.total_trades, one.total_pnl) for one in rows] == [
        ("y", 1, D(3)), ("x", 2, D(1)), ("v", 1, D(0)), ("w", 0, D(0)), ("z", 0, D(0)),
    ]  # fmt: skip
    by = {one.name: one for one in rows}
    assert (by["x"].turnover, by["x"].slippage, by["z"].turnover, by["z"].slippage) == (
        D(40),
        D(2),
        D(4),
        None,
    )
    # x: 0-10, 20-40 and 60-100; y: 20-40; z: 90-100; w was never opened.
    assert [by[name].time_in_market for name in "xyzw"] == [0.7, 0.2, 0.1, 0.0]
    assert (by["x"].fees, by["x"].funding, by["x"].win_rate) == (D(10), D(14), 0.5)
    assert (by["x"].avg_win, by["x"].avg_loss, by["x"].profit_factor) == (D(3), D(-2), 1.5)
    assert (by["v"].win_rate, by["v"].avg_win, by["v"].avg_loss, by["v"].expectancy) == (
        0.0,
        None,
        None,
        D(0),
    )


def test_the_mean_win_is_the_sum_over_their_number() -> None:
    made = p.metrics("all", [episode("1", "3", ("x",)), episode("2", "7", ("x",))], [], [], (0, 10))
    assert (made.avg_win, made.total_pnl, made.expectancy) == (D(5), D(10), D(5))


def test_only_what_is_open_and_was_opened_is_an_open_span() -> None:
    pairs = [pair("a", 3), pair("b", None), pair("c", 1, 2), pair("d", 7)]
    assert p.open_spans(pairs, (0, 9)) == [(3, 9), (7, 9)]


def test_time_before_and_behind_the_period_does_not_count_and_a_moment_is_no_period() -> None:
    assert p.share_of_time([(-50, 5), (3, 8), (95, 400), (8, 8)], (0, 100)) == 0.13
    assert p.share_of_time([(0, 9)], (4, 4)) is None
    assert p.share_of_time([(0, 9)], (4, 3)) is None
    assert p.share_of_time([(4, 5)], (4, 5)) == 1.0


def sample(ts: int, unit: str | None, total: str | None = "5") -> EquityRecord:
    return EquityRecord(
        ts=ts, account="all", total_balance=None if total is None else D(total), available_balance=None,
        total_position_size=None, leverage=None, daily_pnl=None, drawdown=None,
        unit_value=None if unit is None else D(unit),
    )  # fmt: skip


def test_the_curve_knows_its_peak_and_never_divides_by_none() -> None:
    told = p.curve([sample(1, "-1", None), sample(2, "0"), sample(3, "4"), sample(4, "1"), sample(5, "8")])
    assert [(one.ts, one.unit, one.equity, one.drawdown) for one in told] == [
        (1, -1.0, None, None), (2, 0.0, 5.0, None), (3, 4.0, 5.0, 0.0), (4, 1.0, 5.0, 0.75),
        (5, 8.0, 5.0, 0.0),
    ]  # fmt: skip
    assert p.max_drawdown(told) == 0.75
    assert p.max_drawdown(told[:2]) is None


def points(*units: float | None, step: int = DAY) -> list[CurvePoint]:
    return [CurvePoint(ts=at * step, equity=None, unit=unit, drawdown=0.0) for at, unit in enumerate(units)]


def test_of_a_thinned_curve_each_stretch_keeps_its_first_and_deepest_in_their_order() -> None:
    deep = [0.0, 0.1, 0.3, 0.2, 0.5, 0.1, 0.0, None, 0.2]
    full = [CurvePoint(ts=at, equity=None, unit=1.0, drawdown=down) for at, down in enumerate(deep)]
    assert p.thinned(full, 9) == tuple(full)
    # 8 of 9: stretches of three, each with its first and its deepest.
    assert [one.ts for one in p.thinned(full, 8)] == [0, 2, 3, 4, 6, 8]
    flat = [CurvePoint(ts=at, equity=None, unit=1.0, drawdown=0.0) for at in range(9)]
    assert [one.ts for one in p.thinned(flat, 8)] == [0, 3, 6, 8]
    assert [one.ts for one in p.thinned(flat[:7], 6)] == [0, 3, 6]


def test_a_day_without_a_sample_repeats_the_day_before_and_the_last_of_a_day_counts() -> None:
    hours = [
        CurvePoint(ts=ts, equity=None, unit=unit, drawdown=None)
        for ts, unit in (
            (5 * DAY - 1, None),
            (5 * DAY, 2.0),
            (6 * DAY - 1, 3.0),
            (8 * DAY, 4.0),
            (8 * DAY + 1, None),
        )
    ]
    assert p.daily_values(hours) == [3.0, 3.0, 3.0, 4.0]
    assert p.daily_values([]) == []
    assert p.returns([2.0, 3.0, 0.0, 5.0, -1.0, 4.0]) == [0.5, -1.0, -1.2]


def test_ratios_without_what_they_need_are_none() -> None:
    assert p.sharpe([0.1]) is None
    assert p.sharpe_interval([0.1]) is None
    assert p.sharpe([0.1, 0.1]) is None
    assert p.sharpe([0.1, 0.3]) == pytest.approx(0.2 / math.sqrt(0.02) * math.sqrt(365))
    assert p.sortino([]) is None
    assert p.sortino([0.0, 0.1]) is None
    assert p.sortino([-0.1, 0.3]) == pytest.approx(0.1 / math.sqrt(0.005) * math.sqrt(365))
    assert p.calmar([], 0.5) is None
    assert p.calmar([0.1], None) is None
    assert p.calmar([0.1], 0.0) is None
    assert p.calmar([-1.0], 1.0) is None
    assert p.calmar([0.002, 0.001], 0.25) == pytest.approx(((1.002 * 1.001) ** 182.5 - 1) / 0.25)


def test_the_interval_is_two_errors_of_a_daily_ratio_around_the_yearly_one() -> None:
    """Lo 2002: with s = 0.1 a day over 400 days the error is root(1.005 / 400)."""
    daily = [1 + math.sqrt(399 / 400) * 10, 1 - math.sqrt(399 / 400) * 10] * 200
    low, high = p.sharpe_interval(daily) or (0.0, 0.0)
    ratio = p.sharpe(daily)
    assert ratio == pytest.approx(0.1 * math.sqrt(365))
    error = math.sqrt(1.005 / 400) * 1.959963984540054 * math.sqrt(365)
    assert (low, high) == (pytest.approx(ratio - error), pytest.approx(ratio + error))


def test_thirty_returns_make_ratios_and_twenty_nine_do_not() -> None:
    few = p.curve([sample(at * DAY, "1" if at % 2 else "1.02") for at in range(30)])
    short = p.risk(few)
    assert (short.days, short.sharpe, short.sharpe_low, short.sortino, short.calmar) == (
        29,
        None,
        None,
        None,
        None,
    )
    assert (short.total_return, short.drawdown_now) == (
        pytest.approx(1 / 1.02 - 1),
        pytest.approx(0.02 / 1.02),
    )
    many = p.risk(p.curve([sample(at * DAY, "1" if at % 2 else "1.02") for at in range(31)]))
    assert many.days == 30
    assert None not in (many.sharpe, many.sharpe_low, many.sharpe_high, many.sortino, many.calmar)
    assert (many.total_return, many.drawdown_now) == (0.0, 0.0)
    assert many.max_drawdown == pytest.approx(0.02 / 1.02)
    empty = p.risk([])
    assert (empty.total_return, empty.drawdown_now, empty.days) == (None, None, 0)
    assert p.risk(points(0.0, 5.0)).total_return is None
    assert p.risk(points(0.5, 0.25)).total_return == -0.5
