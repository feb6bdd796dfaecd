"""Performance: equity and drawdown over the period, as charts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from screens import format as f
from screens.draw.plots import line_chart
from screens.frame import Content, Row
from screens.ink import Span, Spans, wrap
from services.views.performance import PerformanceView
from themes import glyphs as g


def equity(view: PerformanceView, width: int, height: int) -> Content:
    content = Content(title="Equity", summary=_period(view))
    points = [(one.ts, one.equity) for one in view.curve if one.equity is not None]
    if len(points) < 2:
        return _without_chart(content, view, width)
    lines = line_chart(_stretched(points, width), width, height, lambda v: f.number(exact(v), 0))
    content.rows = [Row([line]) for line in lines]
    return content


def drawdown(view: PerformanceView, width: int, height: int) -> Content:
    risk = view.risk
    content = Content(title="Drawdown")
    if risk.max_drawdown is not None:
        deepest = (Span("deepest ", "muted"), Span(f.percent(exact(risk.max_drawdown), 2), "text"))
        now = (
            Span(f" {g.DOT} now ", "muted"),
            Span(f.percent(exact(risk.drawdown_now or 0), 2), "text"),
        )
        content.summary = ((*deepest, *now), deepest)
    points = [(one.ts, -one.drawdown * 100) for one in view.curve if one.drawdown is not None]
    if len(points) < 2:
        return _without_chart(content, view, width)
    lines = line_chart(_stretched(points, width), width, height, lambda v: f"{f.number(exact(v), 2)} %")
    content.rows = [Row([line]) for line in lines]
    return content


def _without_chart(content: Content, view: PerformanceView, width: int) -> Content:
    text = (
        " ".join(view.notes) if not view.curve else "Too few samples for a chart: one comes every 5 minutes."
    )
    content.rows = [Row([line]) for line in wrap(text, width, "muted")]
    return content


def _stretched(points: Sequence[tuple[int, float]], width: int) -> list[tuple[int, float]]:
    """At even steps of time over the whole width: what stood last at each, and of each step the extreme that
    is further from the one before."""
    count = max(2, 2 * (width - 12))
    first, last = points[0][0], points[-1][0]
    out: list[tuple[int, float]] = []
    at = 0
    before = points[0][1]
    for column in range(count):
        ts = first + (last - first) * column // (count - 1)
        value = before
        while at < len(points) and points[at][0] <= ts:
            here = points[at][1]
            value = here if value == before or abs(here - before) > abs(value - before) else value
            at += 1
        before = points[at - 1][1] if at else before
        out.append((ts, value))
    return out


def _period(view: PerformanceView) -> tuple[Spans, ...]:
    shown: Spans = (Span(view.period, "*accent"), Span("  i other periods", "muted"))
    stamp: Spans = (Span(f"{f.clean(view.stamp)} ", "muted"), Span(f"{g.DOT} ", "muted"))
    return ((*stamp, *shown), shown, (Span(view.period, "*accent"),))


def exact(value: float | Decimal) -> Decimal:
    """A statistic as a figure of the screen."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
