"""Every screen of the console: its pictures, and what the frame promises of all of them."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App

from console import keymap
from console.app import make_app
from screens.memory import Memory
from screens.rooms import BY_NAME, ROOMS
from screens.ui import Terminal
from tests.console.eight import eight_screens  # noqa: F401 - a fixture
from tests.console.fixtures import calm_strip, quiet_desk, quiet_strip
from tests.console.market_fixtures import quiet_book, quiet_markets
from tests.console.rooms import ROOM_VIEWS
from tests.console.stub import StubLink
from tests.console.test_keys import Desk, open_desk

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}
OTHERS = [entry.name for entry in ROOMS if entry.name != "desk"]
"""The Desk has pictures of its own."""


def app_of(name: str, palette: str) -> App[Any]:
    link = StubLink(calm_strip(), quiet_desk())
    link.views |= ROOM_VIEWS[name]()
    found = Terminal(fps=10, remote=False, ascii=False, palette=palette)
    ticks = iter(range(1_000_000))
    return make_app(link, found=found, clock=lambda: float(next(ticks)))


@pytest.mark.parametrize("palette", ["dark", "light", "sixteen"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", OTHERS)
def test_picture(snap_compare: Any, name: str, size: str, palette: str) -> None:
    assert snap_compare(app_of(name, palette), terminal_size=SIZES[size], press=[BY_NAME[name].key])


async def shown(d: Desk, name: str) -> None:
    d.link.views |= ROOM_VIEWS[name]()
    await d.press(BY_NAME[name].key)


@pytest.mark.parametrize("name", BY_NAME)
async def test_its_key_shows_it_under_the_same_answers(name: str) -> None:
    async with open_desk() as d:
        await shown(d, name)
        entry = BY_NAME[name]
        assert d.app.desk.room.name == name
        assert f" {entry.key} {entry.title} " in d.text
        for question in ("TRADE?", "HEDGED?", "LIQUIDATION?", "FRESH?", "NEEDS ME?"):
            assert question in d.text
        assert "Waiting for the engine" not in d.text
        await d.press("H")
        assert d.link.sent == [("halt", {})]


@pytest.mark.parametrize("name", BY_NAME)
async def test_it_asks_for_its_own_views_alone(name: str) -> None:
    async with open_desk() as d:
        await shown(d, name)
        kinds = {topic.partition(":")[0] for topic in d.link.watched}
        assert kinds == {"strip", *(topic.partition(":")[0] for topic in ROOM_VIEWS[name]())}


@pytest.mark.parametrize("name", BY_NAME)
async def test_every_pane_is_reached_and_answers_enter_filter_and_sort(name: str) -> None:
    for size in ((120, 40), (80, 24)):
        async with open_desk(size=size) as d:
            await shown(d, name)
            seen = []
            for _ in d.app.desk.room.panes:
                seen.append(d.app.desk.active)
                await d.press("enter", "enter", "down", "s", "slash", "escape", "tab")
            assert sorted(seen) == sorted(spec.name for spec in d.app.desk.room.panes)


async def test_enter_shows_what_a_row_has_to_tell_or_says_that_it_is_all() -> None:
    async with open_desk() as d:
        for name in BY_NAME:
            await shown(d, name)
            for spec in d.app.desk.room.panes:
                d.app.desk.go_to(spec.name)
                await d.press("enter")
                assert "Nothing is selected." not in d.text, spec.name
                if not spec.detail:
                    assert "all that is known stands here" in d.text
                    assert "enter" not in d.text.splitlines()[-1]
                await d.press("escape", *(("enter",) if d.app.desk.drawer_open else ()))


async def test_what_a_narrow_table_leaves_out_stands_in_the_detail() -> None:
    """VISUAL: what is dropped is in the drawer of the selected row, at 80x24 open by itself."""
    async with open_desk(size=(80, 24)) as d:
        await shown(d, "performance")
        d.app.desk.go_to("metrics")
        await d.press("enter", "down")
        assert "turnover 482,911" in d.text
        await shown(d, "stress")
        d.app.desk.go_to("outcome")
        await d.pilot.pause()
        assert "leverage 1.84× › 1.97×" in d.text
        await shown(d, "journal")
        assert "hold: best net edge 4.1 bps < 0.5x cost 22 bps" in d.text


@pytest.mark.parametrize("name", BY_NAME)
async def test_without_a_view_it_waits_and_says_so(name: str) -> None:
    async with open_desk() as d:
        d.link.views["desk"] = None
        await d.press(BY_NAME[name].key)
        d.link.tell()
        await d.pilot.pause(0.2)
        assert "Waiting for the engine's first view." in d.text


@pytest.mark.parametrize("name", BY_NAME)
async def test_a_silent_engine_makes_it_the_past(name: str) -> None:
    async with open_desk() as d:
        await shown(d, name)
        d.link.quiet_s, d.link.state = 12.0, "reconnecting"
        d.link.tell()
        await d.pilot.pause(0.2)
        assert "12 s old" in d.text


def test_names_and_keys_are_unique_and_every_screen_has_its_views() -> None:
    assert len({entry.key for entry in ROOMS}) == len(BY_NAME) == len(ROOMS)
    assert set(ROOM_VIEWS) == set(BY_NAME)
    assert all(entry.key in "12345678" for entry in ROOMS)


@pytest.mark.parametrize("key", [*sorted(set("12345678") - {entry.key for entry in ROOMS}), "Z"])
async def test_a_key_that_does_nothing_says_so(key: str) -> None:
    async with open_desk() as d:
        await d.press(key)
        assert f"{key} does nothing here; ? shows the keys" in d.text
        assert d.link.sent == []


async def test_the_screen_command_goes_there_and_names_what_exists() -> None:
    async with open_desk() as d:
        await d.press("colon", "=screen nowhere", "enter")
        assert "no screen nowhere: desk" in d.text
        await d.press("escape", "colon", "=screen 1", "enter")
        assert d.app.desk.room.name == "desk"
        assert d.app.desk.field is None
        assert d.link.sent == []


async def test_a_chosen_order_is_remembered_for_the_next_start() -> None:
    kept: list[Memory] = []
    link = StubLink(quiet_strip(), quiet_desk())
    found = Terminal(fps=10, remote=False, ascii=False, palette="dark")
    app = make_app(link, found=found, memory=Memory(), save=kept.append)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("tab", "s")
        await pilot.pause()
    assert kept[-1].sorts == {"funding": "spread"}
    again = make_app(link, found=found, memory=kept[-1])
    async with again.run_test(size=(120, 40)):
        assert again.desk.contents.sort("funding") == "spread"


def test_a_rooms_own_key_names_rooms_that_exist() -> None:
    for key in keymap.KEYS:
        assert set(key.on) <= set(BY_NAME)


async def test_hidden_columns_go_at_once_and_stay_hidden_after_a_start() -> None:
    kept: list[Memory] = []
    link = StubLink(quiet_strip(), quiet_desk())
    found = Terminal(fps=10, remote=False, ascii=False, palette="dark")
    ticks = iter(range(1_000_000))
    app = make_app(link, found=found, clock=lambda: float(next(ticks)), memory=Memory(), save=kept.append)
    async with app.run_test(size=(200, 60)) as pilot:
        assert "Entry" in app.desk.panes["positions"].content.head[0].plain
        await pilot.press("C", "down", "space", "n")
        await pilot.pause()
        assert "Entry" not in app.desk.panes["positions"].content.head[0].plain
        assert app.desk.dialog is None
    assert kept[-1].hidden == {"positions": ["entry"]}
    again = make_app(link, found=found, memory=kept[-1])
    async with again.run_test(size=(200, 60)):
        head = again.desk.panes["positions"].content.head[0].plain
        assert "Entry" not in head
        assert "Symbol" in head


async def test_every_wide_table_lets_its_columns_be_chosen() -> None:
    async with open_desk(size=(200, 60)) as d:
        for room, pane, column, title in (
            ("strategies", "pairs", "expected", "Expected"),
            ("performance", "metrics", "turnover", "Turnover"),
            ("health", "venues", "again", "Reconnects"),
            ("desk", "risk", "limit", "Limit"),
            ("stress", "cases", "lev", "Lev"),
            ("stress", "outcome", "change", "change"),
            ("journal", "rows", "subject", "Of"),
        ):
            await shown(d, room)
            d.app.desk.go_to(pane)
            assert title in d.app.desk.panes[pane].content.head[0].plain
            down = list(d.app.desk.contents.spec(pane).columns).index(column)
            await d.press("C", *["down"] * down, "space", "n")
            assert title not in d.app.desk.panes[pane].content.head[0].plain
            assert d.app.desk.memory.hidden[pane] == [column]


async def test_metrics_are_sorted_by_result_or_by_trades() -> None:
    async with open_desk(size=(200, 60)) as d:
        await shown(d, "performance")
        d.app.desk.go_to("metrics")
        rows = d.app.desk.panes["metrics"].content.rows
        assert [row.key for row in rows if row.key.startswith("by_strategy ")] == [
            "by_strategy funding_arb",
            "by_strategy cross_exchange",
        ]
        await d.press("s", "s")
        assert d.app.desk.contents.sort("metrics") == "trades"
        trades = [
            row.key for row in d.app.desk.panes["metrics"].content.rows if row.key.startswith("by_symbol ")
        ]
        assert trades == ["by_symbol BTC-USDC-PERP", "by_symbol ETH-USDT-PERP", "by_symbol USDT-PERP"]


async def test_no_column_that_says_what_is_at_stake_can_be_hidden() -> None:
    from screens.draw import (
        alerts,
        funding,
        journal,
        markets,
        orders,
        positions,
        risk,
        strategies,
        stress,
        stress_cases,
    )

    assert not {"check", "now", "word"} & set(risk.NAMES)
    assert not {"name", "usage", "word"} & set(stress_cases.NAMES)
    for names in (stress.SHOCK_NAMES, stress.OUTCOME_NAMES, stress.STEP_NAMES):
        assert not {"coin", "venue", "share", "usage", "word"} & set(names)
    assert not {"kind", "text"} & set(journal.NAMES)
    assert not {"severity", "text", "state"} & set(alerts.NAMES)
    assert not {"symbol", "side", "size", "upnl", "away", "stop", "age"} & set(positions.NAMES)
    assert not {"spread", "apr", "verdict", "why", "short", "long"} & set(funding.NAMES)
    assert not {"symbol", "age"} & set(markets.NAMES)
    assert not {"symbol", "side", "size", "price", "state"} & set(orders.ORDER_NAMES)
    assert not {"id", "state"} & set(strategies.PAIR_NAMES)


async def test_tabs_that_are_walked_before_the_view_has_come_show_what_they_hang_on() -> None:
    """`2` and two tabs typed fast once ended at `No instrument is selected.` for good."""
    async with open_desk(size=(80, 24)) as d:
        await d.press("2", "tab")
        assert d.app.desk.active == "book"
        d.link.put(markets=quiet_markets())
        await d.pilot.pause(0.2)
        (wanted,) = [topic for topic in d.link.watched if topic.startswith("book:")]
        d.link.put(**{wanted: quiet_book()})
        await d.pilot.pause(0.2)
        assert "No instrument is selected" not in d.text
        assert "asks" in d.text
