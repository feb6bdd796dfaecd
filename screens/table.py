"""Columns that fit: which are shown at a width, how wide each is, and rows wrapped when even the last ones do not fit.

A column is as wide as its widest figure, so no figure is ever cut; when the sum is too wide, whole columns go in
the order their table names (VISUAL, dropped first to last).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from screens.format import cut
from screens.ink import Line, Span, Spans, first_that_fits, flow, measure


@dataclass(frozen=True, slots=True)
class Column:
    id: str
    title: str
    least: int
    """Cells it takes even when its figures are shorter, so that columns stand still while figures change."""
    right: bool = False
    gap: int = 1
    """Blank cells before it."""
    most: int = 0
    """Grows up to this when there is room; 0 = as wide as its widest wording."""
    text: bool = False
    """Free text: may be cut with `…` down to `least`. Never set for figures."""


Cell = Sequence[Spans]
"""The wordings of a cell, from wide to narrow."""
Cells = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Fit:
    """The columns that are shown, each with gap and width; `wrapped` = not even the kept ones fit."""

    columns: tuple[tuple[Column, int, int], ...]
    width: int
    wrapped: bool

    def shows(self, column: str) -> bool:
        return any(c.id == column for c, _, _ in self.columns)


def fit(columns: Sequence[Column], rows: Sequence[Cells], width: int, drop: Sequence[str]) -> Fit:
    """Drops columns in the order of `drop` until the rest fits; then shares out what is left."""
    shown = list(columns)
    narrow = {c.id: _narrow(c, rows) for c in columns}
    for gone in ("", *drop):
        shown = [c for c in shown if c.id != gone]
        if _total(shown, narrow) <= width:
            break
    else:
        return Fit(tuple((c, 1, narrow[c.id]) for c in shown), width, wrapped=True)
    spare = width - _total(shown, narrow)
    sizes = {c.id: narrow[c.id] for c in shown}
    for column in shown:
        wide = max(column.most, _wide(column, rows))
        more = min(spare, max(0, wide - sizes[column.id]))
        sizes[column.id] += more
        spare -= more
    gaps = {c.id: c.gap if at else 0 for at, c in enumerate(shown)}
    for _ in range(2):
        room = [c for c in shown[1:] if gaps[c.id]]
        if spare < len(room) + 2:
            break
        for column in room:
            gaps[column.id] += 1
            spare -= 1
    return Fit(tuple((c, gaps[c.id], sizes[c.id]) for c in shown), width, wrapped=False)


def header(layout: Fit, ink: str = "muted") -> Line:
    line = Line()
    if layout.wrapped:
        return line
    for column, gap, size in layout.columns:
        line.add(" " * gap, ink)
        title = column.title[:size]
        line.add(title.rjust(size) if column.right else title.ljust(size), ink)
    return line


def row(layout: Fit, cells: Cells, ink: str = "text") -> list[Line]:
    """One row: a line, or when wrapped as many lines as its cells need."""
    if layout.wrapped:
        shown = [
            cells[c.id][-1] for c, _, _ in layout.columns if cells.get(c.id) and measure(cells[c.id][-1])
        ]
        return flow(shown, layout.width, gap=2) or [Line()]
    line = Line()
    for column, gap, size in layout.columns:
        line.add(" " * gap, ink)
        spans = first_that_fits(cells.get(column.id, ((),)), size)
        if column.text:
            spans = [Span(cut(text, size), spoken) for text, spoken in cells.get(column.id, ((),))[0]]
        blank = " " * (size - measure(spans))
        if column.right:
            line.add(blank, ink).extend(spans)
        else:
            line.extend(spans).add(blank, ink)
    return [line]


def _narrow(column: Column, rows: Sequence[Cells]) -> int:
    if column.text:
        return column.least
    widest = max((measure(cells[column.id][-1]) for cells in rows if cells.get(column.id)), default=0)
    return max(column.least, len(column.title), widest)


def _wide(column: Column, rows: Sequence[Cells]) -> int:
    return max((measure(cells[column.id][0]) for cells in rows if cells.get(column.id)), default=0)


def _total(columns: Sequence[Column], sizes: Mapping[str, int]) -> int:
    return sum(sizes[c.id] for c in columns) + sum(c.gap for c in columns[1:])
