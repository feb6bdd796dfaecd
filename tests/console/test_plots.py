"""Charts at any size: never wider or taller than their place, no figure that is none, ASCII where asked."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from screens.draw import plots
from screens.ink import Line
from themes.glyphs import to_ascii

PLACES = st.tuples(st.integers(1, 140), st.integers(1, 30))
VALUES = st.lists(st.floats(-1e6, 1e6) | st.just(math.nan) | st.just(math.inf), max_size=60)
MINUTE = 60_000_000_000


def write(value: float) -> str:
    return f"{value:,.1f}"


def fits(lines: list[Line], width: int, height: int) -> None:
    assert len(lines) <= height
    assert all(line.width <= width for line in lines)
    assert "nan" not in "".join(line.plain for line in lines)
    for line in lines:
        for text, ink in line.spans:
            assert to_ascii(text, ink).isascii()
            assert len(to_ascii(text, ink)) == len(text)


def test_the_first_label_of_another_day_has_its_date() -> None:
    """`05:22` of the second day looked like the first one's."""
    hour = 60 * MINUTE
    line = plots.times([(13 + at) * hour for at in range(40)], 80, 2).plain
    assert line.split("  ")[0] == "13:00"
    assert "   20:00         2 Jan 03:00         13:00" in line
    assert "Jan" not in plots.times([at * hour for at in range(20)], 80, 2).plain


@settings(max_examples=40)
@given(PLACES, VALUES)
def test_lines_and_columns_stay_in_their_place(place: tuple[int, int], values: list[float]) -> None:
    points = [(at * MINUTE, value) for at, value in enumerate(values)]
    fits(plots.line_chart(points, *place, write), *place)
    fits(plots.columns(points, *place, write), *place)


@settings(max_examples=40)
@given(PLACES, st.lists(st.tuples(*[st.floats(0.001, 1e6)] * 4), max_size=60))
def test_candles_stay_in_their_place(
    place: tuple[int, int], bars: list[tuple[float, float, float, float]]
) -> None:
    told = [(at * MINUTE, a, max(a, b, c, d), min(a, b, c, d), d) for at, (a, b, c, d) in enumerate(bars)]
    fits(plots.candles(told, *place, write), *place)


@settings(max_examples=40)
@given(PLACES, st.dictionaries(st.integers(0, 500), st.integers(1, 1_000), max_size=40))
def test_a_histogram_joins_buckets_until_they_fit(place: tuple[int, int], counts: dict[int, int]) -> None:
    buckets = [(at / 10, count) for at, count in sorted(counts.items())]
    fits(plots.histogram(buckets, *place, 0.1), *place)


def test_direction_is_told_by_shape_and_not_by_colour_alone() -> None:
    rising = plots.candles([(0, 1.0, 9.0, 1.0, 9.0)], 20, 8, write)
    falling = plots.candles([(0, 9.0, 9.0, 1.0, 1.0)], 20, 8, write)
    assert any("┃" in line.plain for line in rising)
    assert any("█" in line.plain for line in falling)
    assert not any("█" in line.plain for line in rising)


def test_paid_and_received_stand_on_different_sides_of_zero() -> None:
    lines = plots.columns([(0, 2.0), (MINUTE, -2.0), (2 * MINUTE, 2.0)], 30, 10, write)
    texts = [line.plain for line in lines]
    up, down = texts[0], texts[7]
    assert up.count("█") == 2
    assert down.count("█") == 1
    assert texts[8].count("╵") == 3


def test_what_is_not_settled_yet_is_light_and_has_no_mark() -> None:
    points = [(0, 2.0), (MINUTE, -2.0), (2 * MINUTE, 2.0)]
    open_ = [line.plain for line in plots.columns(points, 30, 10, write, pending=True)]
    assert (open_[0].count("█"), open_[0].count("▒")) == (1, 1)
    assert open_[8].count("╵") == 2
    below = [
        line.plain for line in plots.columns([*points[:2], (2 * MINUTE, -1.0)], 30, 10, write, pending=True)
    ]
    assert sum(text.count("▒") for text in below) == 2
