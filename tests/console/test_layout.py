"""The plan of the desk and every picture of it: nothing overlaps, overflows or loses a figure at any size."""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from screens import frame
from screens.contents import Contents
from screens.desk import DeskRoom
from screens.draw import funding, positions, risk, risk_tables, topbar
from screens.draw import strip as strip_drawing
from screens.draw.answers import answers
from screens.draw.context import Context
from screens.flatten_dialog import FlattenDialog
from screens.frame import Cursor
from screens.ink import Line
from screens.layout import PANES, Needs, Rect, SizeClass, plan, size_class
from screens.paint import Paint
from services.views.desk import DeskView, LimitView
from tests.console.fixtures import (
    STATES,
    calm_strip,
    empty_desk,
    empty_strip,
    halted_desk,
    halted_strip,
    quiet_desk,
    quiet_strip,
)
from themes.palette import DARK

SIZES = st.tuples(st.integers(40, 260), st.integers(10, 80))
STRIPS = st.sampled_from([quiet_strip(), calm_strip(), halted_strip(), empty_strip(), None])
NEVER = ("BTC-USDT-PERP", "short", "0.620")
"""Symbol, side, size: whatever goes, these stay."""


def context(**more: object) -> Context:
    return Context(now=quiet_strip().ts, **more)  # type: ignore[arg-type]


def pane_lines(state: str, name: str, width: int, height: int, key: str = "") -> tuple[list[Line], Rect]:
    _, desk = STATES[state]
    contents = Contents(DeskRoom())
    views = {"desk": desk} if desk is not None else {}
    made = contents.room.plan(width, height, name, views)
    rect = made.rects[name]
    content = contents.build(name, views, made, rect, context(), key)
    cursor = Cursor(key)
    cursor.settle(content)
    return frame.draw(content, cursor, rect.width, rect.height, focused=True), rect


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (200, 60, SizeClass.WIDE),
        (160, 50, SizeClass.WIDE),
        (159, 50, SizeClass.MEDIUM),
        (120, 40, SizeClass.MEDIUM),
        (110, 34, SizeClass.MEDIUM),
        (200, 33, SizeClass.TABS),
        (109, 60, SizeClass.TABS),
        (80, 24, SizeClass.TABS),
        (79, 24, SizeClass.WORDS),
        (80, 23, SizeClass.WORDS),
        (40, 10, SizeClass.WORDS),
        (39, 10, SizeClass.TINY),
        (40, 9, SizeClass.TINY),
    ],
)
def test_size_classes(width: int, height: int, size: SizeClass) -> None:
    assert size_class(width, height) is size


def test_the_two_pictured_sizes_have_the_pictured_rows() -> None:
    wide, medium = plan(200, 60), plan(120, 40)
    assert [wide.rects[name].height for name in ("positions", "funding", "risk")] == [13, 14, 25]
    assert [medium.rects[name].height for name in ("positions", "funding", "risk")] == [11, 11, 11]
    assert wide.rects["risk"].width == 132
    assert medium.rects["risk"].width == 67


@given(SIZES, st.sampled_from(PANES), st.integers(2, 60), st.integers(2, 60))
def test_parts_never_overlap_nor_leave_the_screen(
    size: tuple[int, int], active: str, rows: int, pairs: int
) -> None:
    width, height = size
    made = plan(width, height, active, Needs(positions=rows, positions_spaced=rows + 4, funding=pairs))
    seen: set[tuple[int, int]] = set()
    for name, rect in made.rects.items():
        if name == "drawer" or (name == "command" and made.size is SizeClass.WORDS):
            continue
        assert rect.width > 0
        assert rect.height > 0, name
        assert rect.x >= 0
        assert rect.y >= 0
        assert rect.x + rect.width <= width
        assert rect.y + rect.height <= height
        cells = {
            (x, y) for y in range(rect.y, rect.y + rect.height) for x in (rect.x, rect.x + rect.width - 1)
        }
        assert not cells & seen, name
        seen |= cells


@given(st.integers(110, 260), st.integers(34, 80), st.integers(2, 20))
def test_positions_keep_their_rows_while_others_have_spare_ones(width: int, height: int, rows: int) -> None:
    made = plan(width, height, "positions", Needs(positions=rows, positions_spaced=rows, funding=30))
    body = made.rects["positions"].height - 2
    funding, rest = made.rects["funding"].height, made.rects["risk"].height
    assert body >= rows or (funding <= 5 and rest <= 7)


@settings(max_examples=60)
@given(SIZES, st.sampled_from(sorted(STATES)), st.sampled_from(PANES))
def test_no_pane_overflows_at_any_size(size: tuple[int, int], state: str, name: str) -> None:
    lines, rect = pane_lines(state, name, *size)
    assert len(lines) == rect.height
    assert {line.width for line in lines} == {rect.width}


@settings(max_examples=60)
@given(SIZES, st.sampled_from(sorted(STATES)), st.sampled_from(PANES))
def test_no_number_is_ever_cut(size: tuple[int, int], state: str, name: str) -> None:
    lines, _ = pane_lines(state, name, *size)
    text = "\n".join(line.plain for line in lines)
    assert not re.search(r"[\d.,]…|…[\d.,]", text)


@settings(max_examples=80)
@given(
    SIZES, st.sampled_from([quiet_strip(), calm_strip(), halted_strip(), empty_strip(), None]), st.booleans()
)
def test_the_answer_bar_fills_its_row_and_answers_five_times(
    size: tuple[int, int], strip: object, silent: bool
) -> None:
    width, height = size
    rows = plan(width, height).answer_rows
    state = "connected" if strip is not None else "starting"
    found = answers(strip, state, "", 12.0 if silent else 0.0, context())  # type: ignore[arg-type]
    lines = strip_drawing.draw(found, width, rows)
    assert len(lines) == rows
    assert {line.width for line in lines} == {width}
    assert all(answer.word for answer in found)
    assert not re.search(r"[\d.,]…", "\n".join(line.plain for line in lines))


@given(
    st.integers(40, 260), st.sampled_from([quiet_strip(), halted_strip(), None]), st.booleans(), st.booleans()
)
def test_the_top_bar_fills_its_row_and_keeps_the_mode(
    width: int, strip: object, typing: bool, read_only: bool
) -> None:
    line = topbar.draw(strip, width, typing, read_only)  # type: ignore[arg-type]
    assert line.width == width
    if strip is not None:
        assert "SIM ×60" in line.plain


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_the_stamp_of_a_simulation_is_always_on_the_desk(width: int) -> None:
    assert "SYNTHETIC" in topbar.draw(quiet_strip(), width).plain


@settings(max_examples=40)
@given(SIZES)
def test_what_is_never_dropped_is_there_at_every_size(size: tuple[int, int]) -> None:
    lines, _ = pane_lines("quiet", "positions", *size)
    text = "\n".join(line.plain for line in lines)
    for word in NEVER:
        assert word in text
    assert "141.58" in text or "+142" in text
    assert "63.3 %" in text


@pytest.mark.parametrize("state", sorted(STATES))
def test_no_answer_is_cut_in_the_smallest_cell(state: str) -> None:
    found = answers(STATES[state][0], "connected", "", 0.0, context())
    for answer in found:
        assert min(len(answer.word), len(answer.short_word or answer.word)) <= 11


def test_a_far_liquidation_is_no_word_cut_in_two() -> None:
    """80 columns once said `1,052 % awa`."""
    strip = structs.replace(quiet_strip(), liquidation_distance=Decimal("10.52"))
    cells = strip_drawing.draw(answers(strip, "connected", "", 0.0, context()), 80, 3)
    assert cells[1].plain[32:48] == "▌ ● 1,052 %     "


def test_what_rests_on_old_prices_is_marked_in_the_row_and_in_its_detail() -> None:
    """Without colours a stale leg's profit looked like the present one."""
    from screens.draw import positions

    desk = STATES["stale"][1]
    assert desk is not None
    old = next(p for p in desk.positions if p.level == "stale")
    rows = positions.draw(desk, 190, context()).rows
    row = next(row for row in rows if row.key == old.key).lines[0].plain
    assert sum(word.startswith("~") for word in row.split()) == 3, "notional, uPnL, leverage"
    detail = " ".join(line.plain for line in positions.drawer(desk, old.key, 76, context()))
    assert "notional ~" in detail
    assert "account lev ~" in detail
    fresh = next(p for p in desk.positions if p.level == "fresh")
    assert "~" not in next(row for row in rows if row.key == fresh.key).lines[0].plain


@settings(max_examples=40)
@given(st.integers(40, 260))
def test_columns_go_in_the_written_order(width: int) -> None:
    from screens.draw import positions

    drawn = positions.draw(quiet_desk(), width, context())
    titles = drawn.head[0].plain if drawn.head else ""
    order = ["Strategy", "Held", "Entry", "Liq. at", "Lev", "Mark", "Venue", "Notional", "Funding"]
    shown = [title in titles for title in order]
    assert shown == sorted(shown)


def test_a_detail_never_takes_the_last_rows_of_its_pane() -> None:
    contents = Contents(DeskRoom(), expanded=True)
    made = plan(80, 24, "positions")
    views = {"desk": quiet_desk()}
    content = contents.build("positions", views, made, made.rects["positions"], context(), "")
    assert len(content.foot) + len(content.head) + 5 <= made.rects["positions"].height


def held(contents: Contents, view: DeskView) -> list[str]:
    return contents.held("funding", [funding.key_of(row) for row in view.funding])


def test_rows_do_not_move_under_the_cursor() -> None:
    contents = Contents(DeskRoom())
    view = quiet_desk()
    contents.at(100.0)
    before = held(contents, view)
    swapped = quiet_desk(funding=(view.funding[1], view.funding[0], *view.funding[2:]))
    contents.touched(104.9)
    contents.at(106.0)
    assert held(contents, swapped) == before
    contents.at(107.0)
    assert held(contents, swapped) != before


def test_rank_changes_wait_for_five_seconds() -> None:
    contents = Contents(DeskRoom())
    view = quiet_desk()
    contents.at(100.0)
    before = held(contents, view)
    swapped = quiet_desk(funding=(view.funding[1], view.funding[0], *view.funding[2:]))
    contents.at(104.0)
    assert held(contents, swapped) == before
    contents.at(105.1)
    assert held(contents, swapped) != before


def shown(contents: Contents, view: DeskView) -> list[str]:
    made, views = plan(200, 60, "positions"), {"desk": view}
    sort = contents.sort("positions")
    found = contents.build("positions", views, made, made.rects["positions"], context(sort=sort), "")
    return [row.key for row in found.rows if row.key]


def test_a_chosen_order_moves_no_rows_under_the_cursor_either() -> None:
    view = quiet_desk()
    turned = quiet_desk(
        positions=tuple(structs.replace(p, upnl=None if p.upnl is None else -p.upnl) for p in view.positions)
    )
    contents = Contents(DeskRoom(), sorts={"positions": "uPnL"})
    contents.at(100.0)
    before = shown(contents, view)
    contents.touched(104.9)
    contents.at(106.0)
    assert shown(contents, turned) == before
    contents.at(107.0)
    after = shown(contents, turned)
    assert after != before
    assert sorted(after) == sorted(before)
    contents.next_sort("positions")
    by_size = shown(contents, turned)
    contents.sorts["positions"] = "uPnL"
    contents.touched(107.1)
    assert shown(contents, view) == before, "the order just chosen holds at once"
    assert by_size == shown(Contents(DeskRoom(), sorts={"positions": "size"}), turned)


def test_legs_of_one_symbol_on_two_venues_are_told_apart_without_the_column_of_venues() -> None:
    from screens.draw import positions

    desk = quiet_desk()
    held = tuple(msgspec.structs.replace(p, symbol="BTC-USDC-PERP") for p in desk.positions[:2])
    for width, named in ((76, ("BTC-USDC al ", "BTC-USDC be ")), (196, ("BTC-USDC-PERP   alpha", "beta"))):
        drawn = positions.draw(msgspec.structs.replace(desk, positions=held), width, context())
        text = "\n".join(line.plain for row in drawn.rows for line in row.lines)
        assert all(name in text for name in named)
        assert all(line.width <= width for row in drawn.rows for line in row.lines)
    closes = tuple(
        msgspec.structs.replace(row, instrument=f"BTC-USDC-PERP.{venue}", venue=venue)
        for row, venue in zip(desk.flatten.rows, ("alpha", "beta"), strict=False)
    )
    dialog = FlattenDialog(Paint(DARK), lambda: 0.0)
    dialog.desk = msgspec.structs.replace(desk, flatten=msgspec.structs.replace(desk.flatten, rows=closes))
    for width, named in ((56, ("BTC-USDC al ", "BTC-USDC be ")), (80, ("BTC-USDC-PERP   alpha", "beta"))):
        text = "\n".join(line.plain for row in dialog.body(width).rows for line in row.lines)
        assert all(name in text for name in named), text


def test_the_drawer_says_what_the_price_would_be_if_the_other_leg_vanished() -> None:
    """SEMANTICS 2: beside the joint price, under its own name; unknown it is left out."""
    from screens.draw import positions

    desk = quiet_desk()
    one = msgspec.structs.replace(desk.positions[0], single_leg_liquidation=Decimal("27123.4"))
    desk = msgspec.structs.replace(desk, positions=(one, *desk.positions[1:]))
    told = " ".join(line.plain.strip() for line in positions.drawer(desk, one.key, 76, context()))
    assert "if the other leg vanished, liq 27,123.4" in told
    other = " ".join(line.plain for line in positions.drawer(desk, desk.positions[1].key, 76, context()))
    assert "vanished" not in other


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("BUSD depeg −32 bps", "BUSD −32 bps"),
        ("P-09 naked +$12,665 USDC", "P-09 +$12,665"),
        ("clock offset 261 ms", "clock 261 ms"),
        ("beta down", "beta down"),
        ("IN DOUBT d1-P09-L-2", "IN DOUBT…"),
        ("no trade for 60 m", "no trade for…"),
        ("alpha is made to misbehave: outage 1", "alpha is made…"),
        ("alpha: data are 14 s old", "alpha 14 s"),
        ("alpha: connection lost; good again, watched for 60 s", "alpha: watched"),
        ("equity unknown: data are stale; good again, watched for 60 s", "watched 60 s"),
    ],
)
def test_the_smallest_bar_keeps_the_figure_of_an_alert(text: str, shown: str) -> None:
    strip = quiet_strip(top_alert=text)
    found = answers(strip, "connected", "", 0.0, Context(now=strip.ts))
    assert strip_drawing.draw(found, 80, 3)[2].plain[66:80].rstrip() == shown


@pytest.mark.parametrize(
    ("step", "shown"),
    [
        ("halt: R and a reason, when you know why it was halted", "R and a reason"),
        ("BTC-USDT-PERP LONG alone, 12 s: F closes it", "F closes it"),
        (
            "3 orders in doubt: wait for the probes; then reconcile",
            "3 orders in d…",
        ),
        ("a stop is missing", "a stop is mis…"),
    ],
)
def test_the_smallest_bar_says_what_to_do_first(step: str, shown: str) -> None:
    """It said `halt: R and a…`, beside a cell that says halt."""
    strip = quiet_strip(open_alarms=1, next_steps=(step,))
    found = answers(strip, "connected", "", 0.0, Context(now=strip.ts))
    assert strip_drawing.draw(found, 80, 3)[2].plain[66:80].rstrip() == shown


def test_the_steps_are_named_for_people_and_told_once() -> None:
    do = "decide on exits by hand"
    steps = (f"depeg USDC (account:alpha): {do}", f"depeg USDC (account:beta): {do}", "halt: R and a reason")
    strip = quiet_strip(open_alarms=2, next_steps=steps)
    lines = strip_drawing.draw(answers(strip, "connected", "", 0.0, Context(now=strip.ts)), 260, 4)
    assert lines[2].plain[208:].strip("▌ ") == f"depeg USDC alpha: {do}"
    assert lines[3].plain[208:].strip("▌ ") == "then halt: R and a reason"


def test_the_smallest_bar_says_that_it_was_hedged_and_when() -> None:
    found = STATES["stale"][0]
    assert found is not None
    strip = structs.replace(found, hedged_age_ms=18_000)
    lines = strip_drawing.draw(answers(strip, "connected", "", 0.0, Context(now=strip.ts)), 80, 3)
    assert lines[1].plain[16:32].rstrip() == "▌ ◐ WAS HEDGED"
    assert lines[2].plain[16:32].rstrip() == "▌ 18 s ago ID 0"
    (words,) = strip_drawing.draw(answers(strip, "connected", "", 0.0, Context(now=strip.ts)), 60, 1)
    assert words.plain[12:24] == "◐WAS HEDGED ", "whole: the blank goes before a letter does"


def test_a_check_that_refuses_inside_its_limit_says_why() -> None:
    """A lost venue is stale at once, long before its figures are old."""
    view = quiet_desk()
    lost = LimitView(
        name="data fresh",
        value=Decimal(3000),
        limit=Decimal(10_000),
        unit="ms",
        used=Decimal("0.3"),
        level="OVER",
        text="stale: alpha; alpha 3000 ms of 10000 ms",
    )
    view = structs.replace(view, risk=structs.replace(view.risk, limits=(lost,)))
    row = risk.draw(view, 76, 15, context()).rows[0].lines[0].plain
    assert "stale: alpha" in row
    assert "70 %" not in row
    assert row.rstrip().endswith("OVER")


def test_what_a_silent_engine_said_last_has_no_colours_in_the_top_row_either() -> None:
    shown = topbar.draw(quiet_strip(), 200, past=True)
    assert "~99,781.99" in shown.plain
    assert not {"pos", "neg"} & {ink.lstrip("*") for _, ink in shown.spans}
    assert "~" not in topbar.draw(quiet_strip(), 200).plain


def test_a_hold_on_old_data_is_not_green() -> None:
    desk = quiet_desk()
    old = structs.replace(desk.funding[0], stale=True, rank=None)
    rows = funding.draw(structs.replace(desk, funding=(old,)), 190, context()).rows
    assert "HOLD" in rows[-1].lines[0].plain
    assert "pos" not in {ink.lstrip("*") for _, ink in rows[-1].lines[0].spans}


def test_at_120_columns_the_tightest_limit_keeps_its_name() -> None:
    strip = quiet_strip(tightest="USDC exposure, alpha", tightest_used=Decimal("0.5"))
    lines = strip_drawing.draw(answers(strip, "connected", "", 0.0, Context(now=strip.ts)), 120, 4)
    assert lines[3].plain[:24].rstrip() == "▌ USDC exposure 50 %"


def test_the_distance_stands_beside_its_own_account_and_the_margin_beside_the_other() -> None:
    """A long leg alone is liquidated by no rise: who uses the most margin need not be the nearest."""
    strip = quiet_strip(worst_account="alpha", nearest_account="beta")
    found = answers(strip, "connected", "", 0.0, Context(now=strip.ts))
    cells = [line.plain[80:120].strip("▌ ") for line in strip_drawing.draw(found, 200, 4)]
    assert cells[0].split() == ["HOW", "FAR", "FROM", "LIQUIDATION?", "beta"]
    assert cells[3].startswith("margin alpha ")
    assert cells[3].endswith("23 % / 80 %")
    limit = Decimal("0.35")
    near = answers(quiet_strip(distance_limit=limit), "connected", "", 0.0, Context(now=strip.ts))
    past = answers(quiet_strip(distance_reducing=limit), "connected", "", 0.0, Context(now=strip.ts))
    assert [each[2].level for each in (found, near, past)] == ["ok", "warn", "alarm"], "a person's own limits"
    same = answers(quiet_strip(nearest_account="alpha"), "connected", "", 0.0, Context(now=strip.ts))
    assert strip_drawing.draw(same, 200, 4)[3].plain[80:120].strip("▌ ").startswith("margin ━")


def test_what_to_do_stands_whole_on_both_lines_where_one_cannot_hold_it() -> None:
    strip = msgspec.structs.replace(
        quiet_strip(), open_alarms=1, next_steps=("wait for beta, or F flatten", "look")
    )
    found = answers(strip, "connected", "", 0.0, Context(now=strip.ts))

    def told(width: int) -> list[str]:
        return [line.plain[width * 4 // 5 :].strip(" ▌") for line in strip_drawing.draw(found, width, 4)[2:]]

    assert told(120) == ["wait for beta, or F", "flatten"]
    assert told(200) == ["wait for beta, or F flatten", "then look"]


def test_a_depeg_whose_price_is_gone_is_unknown_and_not_none() -> None:
    """While accounts reduce for it: `—` would say that there is no such figure."""
    risk = quiet_desk().risk
    gone = msgspec.structs.replace(risk.collateral[2], depeg_bps=None, index=None, level="reduce")
    for coin, word in ((gone, "unknown"), (risk.collateral[0], "—")):
        table = risk_tables.collateral(msgspec.structs.replace(risk, collateral=(coin,)), 62)
        assert table[1].plain.split()[4] == word


def test_an_empty_desk_promises_no_entry_while_trading_is_stopped() -> None:
    calm, context = empty_desk(), Context(now=0)
    assert "Strategies open pairs" in positions.draw(calm, 120, context).rows[0].lines[0].plain
    stopped = structs.replace(calm, risk=halted_desk().risk)
    assert (
        "Nothing opens while trading is stopped"
        in positions.draw(stopped, 120, context).rows[0].lines[0].plain
    )
    assert risk.tab(stopped.risk) == ("stopped", "*alarm")


def test_no_position_of_an_account_out_of_sight_is_none_as_of_then() -> None:
    """`No positions.` stood beside `WAS FLAT`."""
    none = quiet_desk(positions=(), pairs=())

    def said(unseen_ms: int | None) -> str:
        found = positions.draw(none, 76, structs.replace(context(), unseen_ms=unseen_ms))
        return " ".join(row.lines[0].plain for row in found.rows)

    assert said(None).startswith("No positions. ")
    assert said(93_000).startswith("No positions 1 m 33 s ago. An account has not been read since")
