"""The Stress screen by its keys: which shocks are asked of the engine, and that nothing is ever sent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from screens.draw import stress as drawing
from screens.draw import stress_cases
from screens.draw.context import Context
from screens.frame import INSET
from screens.layout import Rect, SizeClass
from screens.stress import StressRoom
from services.views.stress import topic_of
from tests.console.labs import quiet_lab
from tests.console.test_keys import Desk, open_desk


async def stress(d: Desk) -> None:
    d.link.views["stress"] = quiet_lab(shocked=False)
    await d.press("8")


def asked(d: Desk) -> str:
    """The topic of this screen that is watched now."""
    found = [topic for topic in d.link.watched if topic.partition(":")[0] == "stress"]
    assert len(found) == 1
    return found[0]


async def test_plus_and_minus_shock_the_selected_coin_by_one_percent() -> None:
    async with open_desk() as d:
        await stress(d)
        assert asked(d) == "stress"
        await d.press("down", "minus", "minus", "minus")
        assert asked(d) == topic_of({"USDC": Decimal("-0.03")})
        await d.press("plus", "plus", "plus")
        assert asked(d) == "stress"
        assert d.link.sent == []


async def test_e_asks_for_percent_and_x_clears() -> None:
    async with open_desk() as d:
        await stress(d)
        await d.press("e", "=-12.5", "enter")
        assert asked(d) == "stress:USDT=-0.125"
        assert "USDT −12.5 %" in d.text.splitlines()[-2]
        await d.press("6")
        assert "USDT" not in d.text.splitlines()[-2], "what a screen said of itself goes with it"
        await d.press("8", "x")
        assert asked(d) == "stress"
        assert d.link.sent == []


async def test_a_shock_out_of_bounds_stays_in_the_field_with_its_error() -> None:
    async with open_desk() as d:
        await stress(d)
        await d.press("e", "=-100", "enter")
        assert "out of bounds" in d.text
        assert d.app.desk.field is not None
        await d.press("escape")
        assert asked(d) == "stress"


async def test_enter_on_a_case_takes_its_shocks_over() -> None:
    async with open_desk() as d:
        await stress(d)
        d.app.desk.go_to("cases")
        await d.press("down", "down", "down", "enter")
        assert asked(d) == topic_of({"BTC": Decimal("0.05"), "ETH": Decimal("0.05")})
        await d.press("down", "down", "enter")
        assert "moves no price" in d.text
        assert asked(d) == topic_of({"BTC": Decimal("0.05"), "ETH": Decimal("0.05")})


@pytest.mark.parametrize(
    ("line", "topic"),
    [
        ("shock USDC -3%", "stress:USDC=-0.03"),
        ("shock usdc −3 %", "stress:USDC=-0.03"),
        ("shock BTC 12.5", "stress:BTC=0.125"),
        ("shock", "stress"),
    ],
)
async def test_the_line_shocks_from_any_screen(line: str, topic: str) -> None:
    async with open_desk() as d:
        await stress(d)
        await d.press("1", "colon", f"={line}", "enter")
        assert d.app.desk.room.name == "stress"
        assert asked(d) == topic
        assert d.link.sent == []


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("shock XYZ -3%", "no coin XYZ"),
        ("shock USDC", "shock COIN PERCENT"),
        ("shock USDC much", "shock COIN PERCENT"),
        ("shock USDC -100%", "out of bounds"),
    ],
)
async def test_a_line_that_is_no_shock_says_why_and_changes_nothing(line: str, error: str) -> None:
    async with open_desk() as d:
        await stress(d)
        await d.press("colon", f"={line}", "enter")
        assert error in d.text
        assert asked(d) == "stress"


async def test_until_the_engine_answers_the_last_outcome_stands() -> None:
    async with open_desk(size=(200, 60)) as d:
        await stress(d)
        assert "94,250" in d.text
        await d.press("minus")
        assert "Waiting" not in d.text
        assert "94,250" in d.text
        d.link.put(**{asked(d): quiet_lab()})
        await d.pilot.pause(0.3)
        assert "92,118" in d.text
        assert "LIQUIDATED" in d.text


def test_accounts_that_hold_nothing_keep_the_tables_head() -> None:
    lab = quiet_lab()
    empty = tuple(replace(one, holds=False) for one in lab.outcomes)
    content = drawing.outcome(replace(lab, outcomes=empty), 70, Context(now=0))
    assert content.head
    assert "empty" in content.rows[0].lines[0].plain


def test_a_presets_name_stands_whole_beside_its_figures_at_120_columns() -> None:
    content = stress_cases.cases(quiet_lab(), 44, Context(now=0))
    assert any("USDC 2023-03 (0.8774)" in row.lines[0].plain for row in content.rows)


def test_a_case_says_what_it_costs_at_120_columns() -> None:
    places = StressRoom().places(SizeClass.MEDIUM, Rect(0, 5, 120, 33), {"stress": quiet_lab()})
    content = stress_cases.cases(quiet_lab(), places["cases"].width - INSET, Context(now=0))
    assert "Equity $" in content.head[0].plain
    assert any("worst: USDC −10 %, perps +5 %   −4,530" in row.lines[0].plain for row in content.rows)


def test_the_worst_case_comes_first_when_one_asks_and_what_is_hidden_is() -> None:
    lab = quiet_lab()
    last = replace(lab.cases[-1], usage=None, infinite=True, equity_change=None)
    lab = replace(lab, cases=(*lab.cases[:-1], last))

    def rows(sort: str) -> list[str]:
        return [row.key for row in stress_cases.cases(lab, 60, Context(now=0, sort=sort)).rows]

    known = sorted(lab.cases[:-1], key=lambda one: one.equity_change or 0)
    assert rows("equity") == [*[one.name for one in known], last.name], "unknown is no gain and no loss"
    assert rows("usage")[0] == last.name
    assert rows("") == [one.name for one in lab.cases]
    head = stress_cases.cases(lab, 60, Context(now=0, hidden=frozenset({"lev"}))).head[0].plain
    assert "Lev" not in head
    assert "Usage" in head


def test_the_worst_account_comes_first_when_one_asks() -> None:
    lab = quiet_lab()
    first = replace(lab.outcomes[0], infinite=True, equity=None)
    lab = replace(lab, outcomes=(*lab.outcomes[1:], first))

    def keys(sort: str) -> list[str]:
        content = drawing.outcome(lab, 100, Context(now=0, sort=sort))
        return [row.key for row in content.rows if row.key]

    assert keys("")[-1] == keys("change")[-1] == drawing.account_key(first), "unknown is no loss"
    assert keys("usage")[0] == drawing.account_key(first)
    hidden = Context(now=0, hidden=frozenset({"lev"}))
    assert "Leverage" not in drawing.outcome(lab, 100, hidden).head[0].plain
    assert "Price" not in drawing.shocks(lab, 60, Context(now=0, hidden=frozenset({"price"}))).head[0].plain


async def test_what_is_wrong_with_a_figure_stands_whole_below_the_field_of_a_small_terminal() -> None:
    async with open_desk(size=(80, 24)) as d:
        await stress(d)
        await d.press("e", "=-100", "enter")
        assert "a shock of -100 % is out of bounds: between -99 and 1000" in d.text
        await d.press("backspace")
        assert "out of bounds" not in d.text
        await d.press("=much", "enter")
        assert "USDT: expected a percentage such as -3, not -10much" in d.text
        await d.press("escape")
        assert "H halt" in d.text
