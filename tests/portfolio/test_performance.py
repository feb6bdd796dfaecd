"""Statistics of a report, held against empyrical; money by hand."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import Side
from services.domain.records import EpisodeRecord, EquityRecord, FillRecord
from services.portfolio import performance as p

DAY = p.DAY_NS


def episode(number: int, net: str, *, opened: int = 0, closed: int = DAY) -> EpisodeRecord:
    return EpisodeRecord(
        id=f"P-{number:02}",
        strategy="funding_arb",
        hedge_group="BTC",
        kind="pair",
        instruments=("BTC-USDT-PERP.alpha", "BTC-USDC-PERP.beta"),
        opened_ts=opened,
        closed_ts=closed,
        notional=Decimal(1_000),
        capital_at_risk=Decimal(100),
        price_pnl=Decimal(net) - 2,
        funding=Decimal(3),
        fees=Decimal(1),
        net_pnl=Decimal(net),
        reason="flip",
    )


def sample(ts: int, unit: float | None) -> EquityRecord:
    value = None if unit is None else Decimal(repr(unit))
    return EquityRecord(
        ts=ts,
        account="all",
        total_balance=value,
        available_balance=None,
        total_position_size=None,
        leverage=None,
        daily_pnl=None,
        drawdown=None,
        unit_value=value,
    )


units = st.lists(st.floats(0.2, 5.0), min_size=31, max_size=60)


@settings(max_examples=40, deadline=None)
@given(units)
def test_the_ratios_are_those_of_a_well_kept_library(values: list[float]) -> None:
    empyrical = pytest.importorskip("empyrical")
    numpy = pytest.importorskip("numpy")
    view = p.risk(p.curve([sample(at * DAY, value) for at, value in enumerate(values)]))
    daily = numpy.array(p.returns(values))
    assert view.days == len(values) - 1
    deepest = -empyrical.max_drawdown(daily)
    assert view.max_drawdown == pytest.approx(deepest, abs=1e-12)
    assert view.total_return == pytest.approx(empyrical.cum_returns_final(daily), rel=1e-9, abs=1e-12)
    for ours, theirs in (
        (view.sharpe, empyrical.sharpe_ratio(daily, annualization=365)),
        (view.sortino, empyrical.sortino_ratio(daily, annualization=365)),
        (view.calmar, empyrical.calmar_ratio(daily, annualization=365)),
    ):
        if ours is None:
            assert not math.isfinite(theirs) or abs(theirs) > 1e6 or daily.std() < 1e-12
        else:
            assert ours == pytest.approx(theirs, rel=1e-7)
    if view.sharpe is not None:
        assert view.sharpe_low is not None
        assert view.sharpe_high is not None
        assert view.sharpe_low < view.sharpe < view.sharpe_high


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3 * DAY), st.none() | st.floats(0.2, 5.0)), min_size=1, max_size=40))
def test_days_of_samples_at_any_time_are_those_of_a_well_kept_library(
    found: list[tuple[int, float | None]],
) -> None:
    """Several samples a day, none for days, and such as nobody knew."""
    pandas = pytest.importorskip("pandas")
    stamps = [sum(gap for gap, _ in found[: at + 1]) for at in range(len(found))]
    ours = p.daily_values(p.curve([sample(ts, unit) for ts, (_, unit) in zip(stamps, found, strict=True)]))
    series = pandas.Series([unit for _, unit in found], index=pandas.to_datetime(stamps), dtype=float)
    theirs = series.dropna().resample("D").last().ffill()
    assert ours == pytest.approx(list(theirs), rel=1e-12)


def test_thirty_daily_returns_are_needed() -> None:
    short = p.risk(p.curve([sample(at * DAY, 1 + at % 3 / 100) for at in range(30)]))
    assert (short.days, short.sharpe, short.sortino, short.calmar) == (29, None, None, None)
    assert p.risk(p.curve([sample(at * DAY, 1 + at % 3 / 100) for at in range(31)])).sharpe is not None


def test_a_loss_is_strictly_below_zero_and_the_profit_factor_is_gross_over_gross() -> None:
    """Bugs I1, I2: gross over gross is no payoff ratio, and a flat trade is no loss."""
    made = p.metrics(
        "all", [episode(n, net) for n, net in enumerate(("6", "0", "-2", "-1"))], [], [], (0, DAY)
    )
    assert (made.total_trades, made.win_rate, made.total_pnl) == (4, 0.25, Decimal(3))
    assert (made.avg_win, made.avg_loss, made.profit_factor) == (Decimal(6), Decimal("-1.5"), 2.0)
    assert made.expectancy == Decimal("0.75")
    assert (made.fees, made.funding) == (Decimal(4), Decimal(12))


def test_without_a_loss_there_is_no_profit_factor_and_without_a_trade_nothing() -> None:
    assert p.metrics("all", [episode(1, "6")], [], [], (0, DAY)).profit_factor is None
    none = p.metrics("all", [], [], [], (0, DAY))
    assert (none.win_rate, none.avg_win, none.expectancy, none.turnover) == (None, None, None, Decimal(0))


def test_time_in_market_counts_each_moment_once_and_only_inside_the_period() -> None:
    assert p.share_of_time([(0, 40), (20, 60), (90, 200)], (10, 110)) == pytest.approx(0.7)
    assert p.share_of_time([(0, 40)], (50, 50)) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=12))
def test_time_in_market_is_what_counting_gives(spans: list[tuple[int, int]]) -> None:
    covered = {at for start, stop in spans for at in range(max(10, start), min(90, stop))}
    assert p.share_of_time(spans, (10, 90)) == pytest.approx(len(covered) / 80)


def test_one_unknown_fill_makes_turnover_unknown() -> None:
    known = FillRecord(
        ts=1,
        venue="alpha",
        account="alpha",
        trade_id="1",
        instrument="BTC-USDT-PERP.alpha",
        client_order_id="a",
        side=Side.BUY,
        size=Decimal(1),
        price=Decimal(10),
        fee=Decimal(0),
        fee_coin="USDT",
        pnl=Decimal(0),
        strategy="strategy:funding_arb",
        episode_id="P-01",
        notional_usd=Decimal(10),
        slippage_usd=Decimal("0.1"),
    )
    assert p.metrics("all", [], [known], [], (0, 1)).turnover == Decimal(10)
    unknown = FillRecord(
        **{name: getattr(known, name) for name in known.__struct_fields__} | {"notional_usd": None}
    )
    assert p.metrics("all", [], [known, unknown], [], (0, 1)).turnover is None


def test_a_thinned_curve_keeps_the_deepest_point_and_the_last() -> None:
    points = p.curve([sample(at, 1.0 if at != 517 else 0.4) for at in range(1_000)])
    thin = p.thinned(points, 60)
    assert len(thin) <= 62
    assert p.max_drawdown(thin) == p.max_drawdown(points) == pytest.approx(0.6)
    assert thin[-1] == points[-1]


def test_an_unknown_equity_is_a_gap_and_no_drawdown() -> None:
    points = p.curve([sample(0, 2.0), sample(1, None), sample(2, 1.0)])
    assert [one.drawdown for one in points] == [0.0, None, 0.5]
    assert p.daily_values(p.curve([sample(0, 2.0), sample(3 * DAY, 4.0)])) == [2.0, 2.0, 2.0, 4.0]
