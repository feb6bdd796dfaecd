"""The figures of a report (SEMANTICS 11): pure functions of closed episodes, fills and equity samples.

A trade is a closed episode. Money stays Decimal; ratios and returns are floats. Daily returns are those of
the unit value between the last samples of two UTC days; a day without a sample repeats the day before.
Sharpe = mean / sample deviation x root(365); its standard error root((1 + s^2 / 2) / n) with s daily (A. Lo,
The Statistics of Sharpe Ratios, 2002). Sortino = mean / root(mean(min(r, 0)^2)) x root(365). Calmar = yearly
growth / max drawdown, a year of 365 days.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from services.domain.money import ZERO
from services.domain.records import EpisodeRecord, EquityRecord, FillRecord, PairRecord, WaterfallRecord
from services.views.performance import CurvePoint, MetricsView, RiskView, WaterfallView

DAY_NS = 86_400_000_000_000
YEAR_DAYS = 365
LEAST_DAYS = 30
_NORMAL_95 = 1.959963984540054

Span = tuple[int, int]


def metrics(
    name: str,
    episodes: Sequence[EpisodeRecord],
    fills: Sequence[FillRecord],
    open_spans: Iterable[Span],
    period: Span,
) -> MetricsView:
    """`open_spans`: since when what is still open has been so."""
    wins = [one.net_pnl for one in episodes if one.net_pnl > ZERO]
    losses = [one.net_pnl for one in episodes if one.net_pnl < ZERO]
    gained, lost, count = sum(wins, ZERO), sum(losses, ZERO), len(episodes)
    spans = [(one.opened_ts, one.closed_ts) for one in episodes]
    return MetricsView(
        name=name,
        total_trades=count,
        win_rate=len(wins) / count if count else None,
        total_pnl=gained + lost,
        avg_win=gained / len(wins) if wins else None,
        avg_loss=lost / len(losses) if losses else None,
        profit_factor=float(gained / -lost) if losses else None,
        expectancy=(gained + lost) / count if count else None,
        time_in_market=share_of_time([*spans, *open_spans], period),
        turnover=_sum(one.notional_usd for one in fills),
        fees=sum((one.fees for one in episodes), ZERO),
        funding=sum((one.funding for one in episodes), ZERO),
        slippage=_sum(one.slippage_usd for one in fills),
    )


def grouped(
    episodes: Sequence[EpisodeRecord],
    fills: Sequence[FillRecord],
    pairs: Sequence[PairRecord],
    period: Span,
    of_episode: Callable[[EpisodeRecord], Sequence[str]],
    of_fill: Callable[[FillRecord], str],
    of_pair: Callable[[PairRecord], Sequence[str]],
) -> tuple[MetricsView, ...]:
    """One row a name, by what it brought. An episode of two symbols counts under their joint name."""
    names = [name for one in episodes for name in of_episode(one)] + [of_fill(one) for one in fills]
    made = [
        metrics(
            name,
            [one for one in episodes if name in of_episode(one)],
            [one for one in fills if of_fill(one) == name],
            [_open_span(one, period) for one in pairs if one.closed_ts is None and name in of_pair(one)],
            period,
        )
        for name in dict.fromkeys(names)
    ]
    return tuple(sorted(made, key=lambda one: (-one.total_pnl, one.name)))


def open_spans(pairs: Iterable[PairRecord], period: Span) -> list[Span]:
    return [_open_span(one, period) for one in pairs if one.closed_ts is None and one.opened_ts is not None]


def _open_span(pair: PairRecord, period: Span) -> Span:
    return (pair.opened_ts if pair.opened_ts is not None else period[1], period[1])


def share_of_time(spans: Iterable[Span], period: Span) -> float | None:
    """Of the period during which at least one of the spans ran; None for an empty period."""
    begin, end = period
    if end <= begin:
        return None
    covered, reached = 0, begin
    for opened, closed in sorted(spans):
        start, stop = max(opened, reached), min(closed, end)
        if stop > start:
            covered += stop - start
            reached = stop
    return covered / (end - begin)


def curve(samples: Sequence[EquityRecord]) -> tuple[CurvePoint, ...]:
    points = []
    peak = 0.0
    for one in samples:
        unit = float(one.unit_value) if one.unit_value is not None else None
        down = None
        if unit is not None:
            peak = max(peak, unit)
            down = 1 - unit / peak if peak > 0 else None
        equity = float(one.total_balance) if one.total_balance is not None else None
        points.append(CurvePoint(ts=one.ts, equity=equity, unit=unit, drawdown=down))
    return tuple(points)


def thinned(points: Sequence[CurvePoint], most: int) -> tuple[CurvePoint, ...]:
    """At most about `most` points. Of each stretch the first and the deepest stay, and the very last."""
    if len(points) <= most:
        return tuple(points)
    step = math.ceil(2 * len(points) / most)
    kept: list[CurvePoint] = []
    for at in range(0, len(points), step):
        part = points[at : at + step]
        deepest = max(part, key=lambda one: one.drawdown or 0.0)
        kept += [part[0]] if deepest is part[0] else [part[0], deepest]
    return (*kept, points[-1]) if kept[-1] is not points[-1] else tuple(kept)


def daily_values(points: Iterable[CurvePoint]) -> list[float]:
    """The last unit value of each UTC day, from the first day with one; gaps repeat the day before."""
    last: dict[int, float] = {}
    for one in points:
        if one.unit is not None:
            last[one.ts // DAY_NS] = one.unit
    values: list[float] = []
    for day in range(min(last, default=0), max(last, default=-1) + 1):
        values.append(last.get(day, values[-1] if values else 0.0))
    return values


def returns(values: Sequence[float]) -> list[float]:
    return [after / before - 1 for before, after in itertools.pairwise(values) if before > 0]


def sharpe(daily: Sequence[float]) -> float | None:
    """Per year. None without two returns that differ."""
    return None if (ratio := _daily_sharpe(daily)) is None else ratio * math.sqrt(YEAR_DAYS)


def sharpe_interval(daily: Sequence[float]) -> tuple[float, float] | None:
    """95 %, per year."""
    ratio = _daily_sharpe(daily)
    if ratio is None:
        return None
    error = math.sqrt((1 + ratio * ratio / 2) / len(daily)) * _NORMAL_95
    return (ratio - error) * math.sqrt(YEAR_DAYS), (ratio + error) * math.sqrt(YEAR_DAYS)


def _daily_sharpe(daily: Sequence[float]) -> float | None:
    if len(daily) < 2:
        return None
    mean = math.fsum(daily) / len(daily)
    spread = math.sqrt(math.fsum((one - mean) ** 2 for one in daily) / (len(daily) - 1))
    return mean / spread if spread > 1e-15 else None


def sortino(daily: Sequence[float]) -> float | None:
    """Per year; None without a falling day."""
    if not daily:
        return None
    down = math.sqrt(math.fsum(min(one, 0.0) ** 2 for one in daily) / len(daily))
    return math.fsum(daily) / len(daily) / down * math.sqrt(YEAR_DAYS) if down > 1e-15 else None


def calmar(daily: Sequence[float], deepest: float | None) -> float | None:
    """None without a drawdown."""
    if not daily or not deepest:
        return None
    grown = math.prod(1 + one for one in daily)
    return (grown ** (YEAR_DAYS / len(daily)) - 1) / deepest if grown > 0 else None


def max_drawdown(points: Iterable[CurvePoint]) -> float | None:
    known = [one.drawdown for one in points if one.drawdown is not None]
    return max(known) if known else None


def risk(points: Sequence[CurvePoint]) -> RiskView:
    units = [one.unit for one in points if one.unit is not None]
    daily = returns(daily_values(points))
    enough = len(daily) >= LEAST_DAYS
    interval = sharpe_interval(daily) if enough else None
    deepest = max_drawdown(points)
    downs = [one.drawdown for one in points if one.drawdown is not None]
    return RiskView(
        days=len(daily),
        total_return=units[-1] / units[0] - 1 if units and units[0] > 0 else None,
        sharpe=sharpe(daily) if enough else None,
        sharpe_low=interval[0] if interval else None,
        sharpe_high=interval[1] if interval else None,
        sortino=sortino(daily) if enough else None,
        calmar=calmar(daily, deepest) if enough else None,
        max_drawdown=deepest,
        drawdown_now=downs[-1] if downs else None,
    )


SUMMED = (
    "price",
    "funding",
    "currency",
    "fees",
    "slippage",
    "interest",
    "conversion",
    "liquidation",
    "adjustments",
    "transfers",
)
"""Of a row of the waterfall."""


def waterfall(rows: Mapping[str, tuple[WaterfallRecord, WaterfallRecord]]) -> WaterfallView | None:
    """`rows`: first and last row of the period, by account. An account whose books began inside the period
    counts from there; what it began with is no result of ours."""
    if not rows:
        return None
    part = {
        name: sum((getattr(last, name) - getattr(first, name) for first, last in rows.values()), ZERO)
        for name in SUMMED
    }
    start = sum((first.equity for first, _ in rows.values()), ZERO)
    end = sum((last.equity for _, last in rows.values()), ZERO)
    result = end - start - part["transfers"]
    parts = part["price"] + part["funding"] + part["currency"] + part["adjustments"]
    parts -= part["fees"] + part["slippage"] + part["interest"] + part["conversion"] + part["liquidation"]
    return WaterfallView(
        since=min(first.ts for first, _ in rows.values()),
        until=max(last.ts for _, last in rows.values()),
        equity_start=start,
        equity_end=end,
        result=result,
        difference=result - parts,
        unmeasured=sum(last.unmeasured - first.unmeasured for first, last in rows.values()),
        **part,
    )


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    """One unknown makes the sum unknown."""
    total = ZERO
    for value in values:
        if value is None:
            return None
        total += value
    return total
