"""Columns that fit: which are shown at a width, how wide each is, and rows wrapped when even the last ones do
not fit.

A column is as wide as its widest figure, so no figure is ever cut; when the sum is too wide, whole columns go
in
the order their table names (VISUAL, dropped first to last).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from operator import is_
from typing import Generic, TypeVar

from msgspec import Struct, field

from screens.format import cut
from screens.ink import Line, Span, Spans, first_that_fits, flow, measure


class Column(Struct, frozen=True):
    id: str
    title: str
    least: int
    """Cells it takes even when its figures are shorter, so that columns stand still while figures change."""
    right: bool = False
    gap: int = 1
    """Blank cells before it."""
    most: int = 0
    """Grows up to this when there is room; 0 = as wide as its widest wording."""
    even: bool = False
    """Every row takes the same wording: a column never mixes long and short names."""
    flex: bool = False
    """Takes what is left, so that the columns after it stand at the right edge."""
    text: bool = False
    """Free text: may be cut with `…` down to `least`. Never set for figures."""


Made = TypeVar("Made")


class Remembered(Generic[Made]):
    """What was made of each row the last time. Most rows of a frame are as they were, and a key waits while
    the others are drawn.
    """

    MOST = 2_000
    """Rows; a table with more is drawn anew now and then."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[object, Made]] = {}

    def of(self, key: str, given: object, make: Callable[[], Made]) -> Made:
        """The same object as long as `given` is equal: the caller must not change it."""
        known = self._made.get(key)
        if known is not None and known[0] == given:
            return known[1]
        if len(self._made) >= self.MOST:
            self._made.clear()
        made = make()
        self._made[key] = (given, made)
        return made


Cell = Sequence[Spans]
"""The wordings of a cell, from wide to narrow."""
Cells = Mapping[str, Cell]


class Measured(dict[str, Cell]):
    """Cells that are kept from frame to frame, with the widths of their widest and narrowest wordings."""

    __slots__ = ("narrow", "wide")

    def __init__(self, cells: Cells) -> None:
        super().__init__(cells)
        self.wide = {name: measure(cell[0]) for name, cell in cells.items() if cell}
        self.narrow = self.wide | {name: measure(cell[-1]) for name, cell in cells.items() if len(cell) > 1}


class Fit(Struct, frozen=True):
    """The columns that are shown, each with gap and width; `wrapped` = not even the kept ones fit."""

    columns: tuple[tuple[Column, int, int], ...]
    width: int
    wrapped: bool
    wording: Mapping[str, int] = field(default_factory=dict)
    """Of even columns: which of the wordings all rows take."""

    def shows(self, column: str) -> bool:
        return any(c.id == column for c, _, _ in self.columns)


def visible(columns: Sequence[Column], hidden: frozenset[str]) -> tuple[Column, ...]:
    """Without what a person hides; never an empty table."""
    return tuple(column for column in columns if column.id not in hidden) or tuple(columns)


_FITS: dict[tuple[int, tuple[str, ...]], tuple[Sequence[Column], Sequence[str], Sequence[Cells], Fit]] = {}
"""The last layout by width and columns."""
MOST_FITS = 64


def fit(columns: Sequence[Column], rows: Sequence[Cells], width: int, drop: Sequence[str]) -> Fit:
    """Drops columns in the order of `drop` until the rest fits; then shares out what is left.

    The very same rows as the last time have the same layout: a key that moves the cursor waits for none. Only
    cells that are kept (`Measured`) are never changed.
    """
    key = (width, tuple(column.id for column in columns))
    last = _FITS.get(key)
    same = last is not None and len(last[2]) == len(rows) and all(map(is_, last[2], rows))
    if last is not None and same and last[0] == columns and last[1] == drop:
        return last[3]
    made = _fit(columns, rows, width, drop)
    if all(isinstance(cells, Measured) for cells in rows):
        if len(_FITS) >= MOST_FITS:
            _FITS.clear()
        _FITS[key] = (columns, drop, rows, made)
    return made


def _fit(columns: Sequence[Column], rows: Sequence[Cells], width: int, drop: Sequence[str]) -> Fit:
    shown = list(columns)
    known = [cells if isinstance(cells, Measured) else Measured(cells) for cells in rows]
    narrow = {c.id: _narrow(c, known) for c in columns}
    for gone in ("", *drop):
        shown = [c for c in shown if c.id != gone]
        if _total(shown, narrow) <= width:
            break
    else:
        return Fit(tuple((c, 1, narrow[c.id]) for c in shown), width, wrapped=True)
    spare = width - _total(shown, narrow)
    sizes = {c.id: narrow[c.id] for c in shown}
    gaps = {c.id: c.gap if at else 0 for at, c in enumerate(shown)}
    # Of two texts the last one says more: the first keeps what it must have.
    spare = _grow([c for c in reversed(shown) if c.text], known, sizes, spare)
    spare = _grow([c for c in shown if not c.text], known, sizes, spare, most=True)
    for before, column in pairwise(shown):
        if before.right and not column.right and gaps[column.id] < 2 and spare:
            gaps[column.id] += 1
            spare -= 1
    for _ in range(2):
        for column in [c for c in shown[1:] if gaps[c.id] < 3][:spare]:
            gaps[column.id] += 1
            spare -= 1
    spare = _grow([c for c in shown if c.text], known, sizes, spare, most=True)
    for column in shown:
        if column.flex:
            sizes[column.id] += spare
            spare = 0
    wording = {c.id: _wording(c, rows, sizes[c.id]) for c in shown if c.even}
    return Fit(tuple((c, gaps[c.id], sizes[c.id]) for c in shown), width, wrapped=False, wording=wording)


def _grow(
    columns: Sequence[Column], rows: Sequence[Measured], sizes: dict[str, int], spare: int, most: bool = False
) -> int:
    """Gives columns room for their widest wording, from left to right; returns what is left."""
    for column in columns:
        more = min(spare, max(0, max(column.most if most else 0, _wide(column, rows)) - sizes[column.id]))
        sizes[column.id] += more
        spare -= more
    return spare


def _wording(column: Column, rows: Sequence[Cells], size: int) -> int:
    """The widest wording that fits in every row."""
    cells = [cells[column.id] for cells in rows if cells.get(column.id)]
    for at in range(max((len(cell) for cell in cells), default=1)):
        if all(measure(cell[min(at, len(cell) - 1)]) <= size for cell in cells):
            return at
    return 99


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
        lines = flow(shown, max(1, layout.width - 2), gap=2) or [Line()]
        return [lines[0], *(Line([Span("  ", ink), *line.spans]) for line in lines[1:])]
    line = Line()
    for column, gap, size in layout.columns:
        line.add(" " * gap, ink)
        cell = cells.get(column.id) or ((),)
        spans = first_that_fits(cell[min(layout.wording.get(column.id, 0), len(cell) - 1) :], size)
        if column.text:
            spans = [Span(cut(text, size), spoken) for text, spoken in cell[0]]
        blank = " " * (size - measure(spans))
        if column.right:
            line.add(blank, ink).extend(spans)
        else:
            line.extend(spans).add(blank, ink)
    return [line]


def _narrow(column: Column, rows: Sequence[Measured]) -> int:
    if column.text:
        return column.least
    widest = max([cells.narrow.get(column.id, 0) for cells in rows], default=0)
    return max(column.least, len(column.title), widest)


def _wide(column: Column, rows: Sequence[Measured]) -> int:
    return max([cells.wide.get(column.id, 0) for cells in rows], default=0)


def _total(columns: Sequence[Column], sizes: Mapping[str, int]) -> int:
    return sum(sizes[c.id] for c in columns) + sum(c.gap for c in columns[1:])
