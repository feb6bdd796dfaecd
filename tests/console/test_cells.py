"""What goes to the terminal: the changed cells, all of them, and no others."""

from __future__ import annotations

import io
import re

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from textual._compositor import ChopsUpdate
from textual.strip import Strip

from console.cells import CellsUpdate, only_cells

WIDTH, SPLIT = 40, 17
MOVE = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[[\d;]*m|([^\x1b])")


def update(rows: list[str], spans: list[tuple[int, int, int]]) -> ChopsUpdate:
    """Two widgets side by side on every row, as the compositor cuts them."""
    chops = [
        {0: Strip([Segment(row[:SPLIT])], SPLIT), SPLIT: Strip([Segment(row[SPLIT:])], WIDTH - SPLIT)}
        for row in rows
    ]
    return ChopsUpdate(chops, spans, [[SPLIT, WIDTH] for _ in rows])


def shown(before: list[str], sent: str) -> list[str]:
    """A terminal that knows `move` and text."""
    grid = [list(row) for row in before]
    x = y = 0
    for row, column, char in MOVE.findall(sent):
        if row:
            y, x = int(row) - 1, int(column) - 1
        elif char:
            grid[y][x] = char
            x += 1
    return ["".join(row) for row in grid]


ROWS = st.lists(st.text("abc .", min_size=WIDTH, max_size=WIDTH), min_size=3, max_size=3)
SPANS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(31, WIDTH)),
    min_size=1,
    max_size=6,
)


@given(ROWS, ROWS, SPANS)
def test_the_spans_arrive_whole_and_nothing_beside_them(
    before: list[str], after: list[str], spans: list[tuple[int, int, int]]
) -> None:
    sent = only_cells(update(after, sorted(spans)))
    assert isinstance(sent, CellsUpdate)
    console = Console(file=io.StringIO(), color_system=None, force_terminal=True)
    got = shown(before, sent.render_segments(console))
    dirty = {(y, x) for y, start, stop in spans for x in range(start, stop)}
    for y in range(3):
        for x in range(WIDTH):
            assert got[y][x] == (after if (y, x) in dirty else before)[y][x]


def test_a_cell_at_the_right_edge_costs_a_cell() -> None:
    rows = ["x" * WIDTH] * 3
    console = Console(file=io.StringIO(), color_system=None, force_terminal=True)
    sent = CellsUpdate(update(rows, [(1, 39, 40)]).chops, [(1, 39, 40)], [[SPLIT, WIDTH]] * 3)
    assert sent.render_segments(console).count("x") == 1


def test_other_updates_pass_as_they_are() -> None:
    assert only_cells(None) is None
