"""Rows that are kept from frame to frame: never another picture than one drawn anew."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from screens.desk import ROWS_A_STEP, DeskRoom
from screens.draw import funding, risk
from screens.table import Measured, Remembered
from services.views.desk import DeskView
from tests.console.fixtures import STATES
from tests.console.test_layout import context, pane_lines

NAMES = ("funding", "risk")
FRAMES = st.lists(
    st.tuples(st.sampled_from(sorted(STATES)), st.sampled_from([(80, 24), (120, 40), (200, 60)])),
    min_size=2,
    max_size=6,
)


def forget() -> None:
    for kept in (funding._LAST, funding._CELLS, funding._ROWS, risk._CELLS, risk._ROWS):
        kept._made.clear()


@pytest.mark.parametrize("name", NAMES)
@given(frames=FRAMES)
@settings(max_examples=25)
def test_a_pane_after_others_is_as_drawn_anew(name: str, frames: list[tuple[str, tuple[int, int]]]) -> None:
    for state, (width, height) in frames:
        after, _ = pane_lines(state, name, width, height)
        forget()
        anew, _ = pane_lines(state, name, width, height)
        assert [line.plain for line in after] == [line.plain for line in anew]
        assert after == anew


def test_every_figure_of_a_row_that_changes_is_drawn() -> None:
    """Field by field: no change of the view is taken for the row of the frame before."""
    view = STATES["quiet"][1]
    assert view is not None
    row = view.funding[0]
    changes: dict[str, object] = {
        "spread": Decimal("7.77"),
        "costs": Decimal("71.1"),
        "net_edge": Decimal("-3.3"),
        "settles_ns": 125 * 60 * 10**9,
        "verdict": "BLOCK",
        "reason": "another reason",
        "stale": True,
        "settled": (1.0, 9.0),
    }
    before = drawn(view)
    for name, value in changes.items():
        changed = structs.replace(view, funding=(structs.replace(row, **{name: value}), *view.funding[1:]))
        assert drawn(changed) != before, name
        assert drawn(view) == before, name


def drawn(view: DeskView) -> list[str]:
    content = funding.draw(view, 196, context())
    return [f"{line.plain}{[span.ink for span in line.spans]}" for row in content.rows for line in row.lines]


def test_the_time_to_settlement_alone_makes_no_row_anew() -> None:
    view = STATES["quiet"][1]
    assert view is not None
    row = structs.replace(view.funding[0], settles_ns=7_200 * 10**9)
    later = structs.replace(row, settles_ns=7_200 * 10**9 + 1)
    assert funding._remembered(row) is funding._remembered(later)


def test_remembered_is_bounded_and_forgets_what_changed() -> None:
    kept: Remembered[list[int]] = Remembered()
    first = kept.of("a", 1, lambda: [1])
    assert kept.of("a", 1, lambda: [2]) is first
    assert kept.of("a", 2, lambda: [2]) == [2]
    for number in range(3 * Remembered.MOST):
        kept.of(str(number), number, list)
    assert len(kept._made) <= Remembered.MOST


def test_measured_cells_know_their_widest_and_narrowest_wording() -> None:
    cells = Measured({"a": ((("long", ""), ("er", "")), (("s", ""),)), "none": ()})
    assert (cells.wide, cells.narrow) == ({"a": 6}, {"a": 1})


def test_what_is_done_ahead_of_a_drawing_changes_nothing_and_never_raises() -> None:
    view = STATES["quiet"][1]
    assert view is not None
    forget()
    before = drawn(view)
    forget()
    steps = list(DeskRoom().ahead("funding", {"desk": view}))
    assert len(steps) == -(-len(view.funding) // ROWS_A_STEP)
    for step in steps:
        step()
    assert set(funding._LAST._made) == {funding.key_of(row) for row in view.funding}
    assert drawn(view) == before
    spoilt = structs.replace(view.funding[0], spread=Decimal("sNaN"))
    funding.remember((spoilt,))
