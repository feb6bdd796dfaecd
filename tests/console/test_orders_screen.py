"""Screen 3: what its keys send, what it shows of doubt, protection and foreign orders."""

from __future__ import annotations

import pytest

from console.pasting import PlainParser
from screens.draw.orders import who
from screens.ui import UiSettings
from tests.console.order_fixtures import WORKING, busy_orders
from tests.console.rooms import ROOM_VIEWS
from tests.console.test_keys import Desk, open_desk


async def on_orders(d: Desk) -> None:
    d.link.views["orders"] = busy_orders()
    await d.press("3")


async def test_c_cancels_the_selected_working_order_and_no_other() -> None:
    async with open_desk(size=(200, 60)) as d:
        await on_orders(d)
        await d.press("down", "c")
        assert d.link.sent == [("cancel", {"what": WORKING})]


@pytest.mark.parametrize("own", ["c", "K"])
async def test_c_in_a_text_that_the_terminal_types_cancels_nothing(own: str) -> None:
    """`check` pasted without brackets: its second `c` was a cancel of whatever was selected."""
    async with open_desk(size=(200, 60), ui=UiSettings(keymap={"cancel": own})) as d:
        await on_orders(d)
        await d.press("down")
        for event in PlainParser().feed(f"zz{own}"):
            d.app.post_message(event)
        await d.pilot.pause(0.1)
        assert d.link.sent == []
        assert f"{own} came together with other keys: press it by itself" in d.text
        await d.press(own)
        assert d.link.sent == [("cancel", {"what": WORKING})]


async def test_a_halt_in_such_a_text_halts_all_the_same() -> None:
    async with open_desk(size=(200, 60)) as d:
        for event in PlainParser().feed("zzH"):
            d.app.post_message(event)
        await d.pilot.pause(0.1)
        assert [name for name, _ in d.link.sent] == ["halt"]


@pytest.mark.parametrize(("downs", "said"), [(2, "it protects a position"), (3, "not ours")])
async def test_c_leaves_what_protects_and_what_is_not_ours(downs: int, said: str) -> None:
    async with open_desk(size=(200, 60)) as d:
        await on_orders(d)
        await d.press(*["down"] * downs, "c")
        assert d.link.sent == []
        assert said in d.text


async def test_c_on_another_pane_or_screen_sends_nothing() -> None:
    async with open_desk(size=(200, 60)) as d:
        await d.press("c")
        assert "c does nothing here" in d.text
        await on_orders(d)
        await d.press("tab", "c")
        assert d.link.sent == []


async def test_a_read_only_console_cancels_nothing() -> None:
    async with open_desk(size=(200, 60), read_only=True) as d:
        await on_orders(d)
        await d.press("down", "c")
        assert d.link.sent == []
        assert "read-only" in d.text


async def test_doubt_stands_first_with_its_age_and_colours_the_pane() -> None:
    async with open_desk(size=(200, 60)) as d:
        await on_orders(d)
        assert "IN DOUBT 17 s" in d.text
        assert "IN DOUBT 1 · 3 working" in d.text
        assert d.app.desk.panes["working"].content.alarm
        await d.press("enter")
        assert "asked 6 times" in d.text


async def test_the_columns_of_a_small_terminal_keep_what_says_what_it_is() -> None:
    async with open_desk(size=(80, 24)) as d:
        await on_orders(d)
        for word in ("BTC-USDT-PERP", "sell", "0.103", "0.040", "67,412.5", "partly filled"):
            assert word in d.text
        await d.press("tab", "slash", *"denied", "enter")
        assert "order notional 67,184" in d.text
        assert "only denied" in d.text or "67,200.0" in d.text


async def test_on_a_small_terminal_every_chart_names_its_instrument() -> None:
    async with open_desk(size=(80, 24)) as d:
        d.link.views |= ROOM_VIEWS["markets"]()
        await d.press("2")
        for _ in range(5):
            await d.press("tab")
            assert "BTC-USDT-PERP alpha" in d.text


def test_whose_an_order_is_is_said_without_a_process_number() -> None:
    said = {
        origin: who(origin) for origin in ("strategy:funding_arb", "console:22619", "shell:7", "operator")
    }
    assert list(said.values()) == ["funding_arb", "by hand", "by hand", "operator"]
