"""Stress: the standing cases, which the engine reckons with every view of the desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from screens import format as f
from screens.draw.context import Context
from screens.draw.order import last, settled
from screens.draw.stress import known, percents, plain, verdict
from screens.frame import Content, Row
from screens.ink import Line, Span, Spans, flow, wrap
from screens.table import Cells, Column, fit, header, row, visible
from services.views.stress import CaseView, StressLab

_COLUMNS = (
    Column("name", "Case", 29, most=34, text=True),
    Column("equity", "Equity $", 8, right=True),
    Column("usage", "Usage", 7, right=True),
    Column("lev", "Lev", 6, right=True),
    Column("word", "", 4, gap=2),
)
NAMES = {"equity": "change of equity", "lev": "leverage"}
SORTS = ("", "equity", "usage")
_SORT_KEYS: dict[str, Callable[[CaseView], Any]] = {
    "equity": lambda one: last([one.equity_change], lambda change: change[0]),
    "usage": lambda one: (not one.infinite, *last([one.usage], lambda usage: -usage[0])),
}
"""The worst first."""


def cases(lab: StressLab, width: int, context: Context) -> Content:
    content = Content(title="Standing cases", summary=((Span("enter takes a case over", "muted"),),))
    rows = [one for one in lab.cases if context.keeps(one.name)]
    if not rows:
        text = context.no_match("case") if lab.cases else "No cases: nothing is held."
        content.rows = [Row([line]) for line in wrap(text, width, "muted")]
        return content
    by = _SORT_KEYS.get(context.sort)
    if by is not None:
        rows = settled(rows, by, lambda one: one.name, context)
    cells = [_case_cells(one) for one in rows]
    layout = fit(visible(_COLUMNS, context.hidden), cells, width, ("lev", "equity"))
    content.head = [] if layout.wrapped else [header(layout)]
    content.rows = [Row(row(layout, each), key=one.name) for one, each in zip(rows, cells, strict=True)]
    return content


def _case_cells(one: CaseView) -> Cells:
    return {
        "name": plain(f.clean(one.name), "text"),
        "equity": known(one.equity_change, lambda v: f.signed(v, 0), f.gain_ink(one.equity_change, 0)),
        "usage": known(one.usage, f.percent, "text"),
        "lev": known(one.leverage, f.times, "text"),
        "word": _shorter(*verdict(one.usage, one.infinite)),
    }


def _shorter(word: str, ink: str) -> Sequence[Spans]:
    """Rather than the case's own name, which says what would do it, the word is cut."""
    return (*plain(word, ink), *(plain("LIQ.", ink) if word == "LIQUIDATED" else ()))


def drawer(lab: StressLab, key: str, width: int) -> list[Line]:
    found = next((one for one in lab.cases if one.name == key), None)
    if found is None:
        return []
    if not found.changes:
        return wrap("Every held pair pays for 24 h what it receives now; no price moves.", width, "muted")
    moved = [
        (Span(f"{f.clean(coin)} ", "muted"), Span(percents(change), "*strong"))
        for coin, change in found.changes.items()
    ]
    return flow([(Span("moves", "muted"),), *moved], width)
