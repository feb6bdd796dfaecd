"""The `:` line: completion, help below it, its history; and the palette, made from the same tables."""

from __future__ import annotations

import asyncio

import pytest
from textual import events
from textual.command import Command, CommandInput, CommandList, DiscoveryHit
from textual.timer import Timer
from textual.widgets import Input, OptionList

from console.app import make_app
from console.palette import Finder, system_commands
from screens.flatten_dialog import FlattenDialog
from screens.known import settings
from screens.link import Answer
from screens.memory import Memory
from screens.prompt import STANDS_S, WARNS_S
from screens.rooms import ROOMS
from screens.typed import OURS, OWN_HELP, harmless, no_such, worth_keeping
from screens.ui import Terminal
from screens.widgets.footer import SENTENCE_ROWS, Below
from services.protocol.commands import SPECS
from services.protocol.grammar import expects
from tests.console.fixtures import quiet_desk, quiet_strip
from tests.console.stub import StubLink
from tests.console.test_keys import Desk, open_desk

FOUND = Terminal(fps=10, remote=False, ascii=False, palette="dark")


def test_only_what_takes_risk_off_may_run_by_an_enter_that_nobody_may_have_meant() -> None:
    waits = {spec.name for spec in SPECS if spec.line and not harmless(spec.example)}
    assert waits == {
        *("resume", "enable", "set", "unset", "limit", "fault", "stop", "ack"),
        *("buy", "sell", "pair open", "pair close", "reconcile", "reconcile accept"),
    }
    runs = ("halt of no use", "flatten", "cancel all", "resume", "no such", *OURS)
    assert all(harmless(line) for line in runs)


def under(d: Desk) -> str:
    """The row below the line."""
    return d.text.splitlines()[-1].strip()


def offers(d: Desk, text: str) -> tuple[str, ...]:
    return tuple(d.app.desk.complete(text))


async def test_completion_knows_commands_instruments_strategies_venues_pairs_and_settings() -> None:
    async with open_desk() as d:
        await d.press("colon")
        assert "halt" in offers(d, "ha")
        assert offers(d, "pause mom") == ("pause momentum",)
        assert {"fault drop alpha", "fault drop all"} <= set(offers(d, "fault drop "))
        assert "limit BTC-USDT-PERP" in offers(d, "limit B")
        assert "limit BTC-USDT-PERP.alpha" in offers(d, "limit BTC-USDT-PERP.")
        assert "flatten alpha" in offers(d, "flatten al")
        assert "screen desk" in offers(d, "scr")
        assert "save csv" in offers(d, "save c")
        d.link.answers["settings"] = Answer(
            ok=True,
            text="",
            result={"parameters": {"my_arb.min_spread": "1.5bps/8h", "gate.min_equity": "5 USD"}},
        )
        await d.press("=set my", after=0.1)
        await d.app.workers.wait_for_complete(
            [worker for worker in d.app.workers if worker.name == "settings"]
        )
        assert d.link.sent == [("settings", {})], "asked once, and nothing else sent"
        assert offers(d, "set my") == ("set my_arb.min_spread",)
        await d.press("tab", "=  ")
        assert "now 1.5bps/8h   bps per 8 hours between the funding rates" in under(d)


async def test_a_read_only_console_offers_the_default_settings_and_asks_nothing() -> None:
    async with open_desk(read_only=True) as d:
        await d.press("colon", "=set gate.", after=0.1)
        await d.app.workers.wait_for_complete(
            [worker for worker in d.app.workers if worker.name == "settings"]
        )
        assert "set gate.max_order_notional" in offers(d, "set gate.max")
        assert d.link.sent == []


async def test_each_argument_is_explained_below_the_line_while_it_is_typed() -> None:
    async with open_desk() as d:
        await d.press("colon")
        assert under(d).startswith("enter runs it")
        await d.press("=limit ")
        assert under(d).startswith("SYMBOL: a symbol, or SYMBOL.VENUE")
        await d.press("=USDT-PERP ")
        assert (
            under(d) == "KEY: max_position (USD) or max_leverage   tab: max_position  max_size  max_leverage"
        )
        await d.press("=max_size ")
        assert under(d) == "VALUE: the limit"
        await d.press("escape")
        assert "H halt" in under(d)


def test_no_sentence_of_a_setting_is_cut_at_80_columns() -> None:
    for key, sentence in settings({}).items():
        rows = Below(sentence, offers="tab: more").rows(78)
        assert len(rows) <= SENTENCE_ROWS
        assert all(len(row) <= 78 for row in rows)
        assert " ".join(" ".join(rows).split()).startswith(" ".join(sentence.split())), key


async def test_a_long_sentence_lifts_the_line_until_it_is_left() -> None:
    async with open_desk(size=(80, 24)) as d:
        desk = d.app.desk
        await d.press("colon", "=set exec.in_doubt_settling_s ")
        await d.app.workers.wait_for_complete([each for each in d.app.workers if each.name == "settings"])
        await d.pilot.pause()
        rows = d.text.splitlines()
        assert "default 10s" in rows[-2]
        assert rows[-1].rstrip().endswith("it may still be on its way.")
        assert rows[-3].startswith(" : set exec.in_doubt_settling_s")
        assert desk.field is not None
        assert desk.field.region.y == 21
        desk.field.value = "halt"
        await d.pilot.pause()
        assert d.text.splitlines()[-3].startswith(" : halt"), "it stays where it is while one types"
        await d.press("escape")
        rows = d.text.splitlines()
        assert rows[-2].startswith(" : command")
        assert rows[-3].startswith("╰"), "the pane has its frame again"


async def test_an_error_stands_below_the_line_in_full_and_goes_when_it_is_mended() -> None:
    async with open_desk() as d:
        await d.press("colon", "=limit USDT-PERP", "enter")
        assert d.link.sent == []
        assert under(d) == (
            "limit: KEY is missing (max_position (USD) or max_leverage); "
            "usage: limit SYMBOL KEY VALUE [REASON]"
        )
        await d.press("= ")
        assert under(d).startswith("KEY: max_position")
        await d.press("escape")


async def test_an_error_stays_when_the_line_was_typed_and_entered_in_one_go() -> None:
    """The words of a field come after the keys: those of before the enter are no mending."""
    async with open_desk() as d:
        await d.press("colon")
        await d.pilot.pause()
        for char in "fault outage":
            d.app.post_message(events.Key("space" if char == " " else char, char))
        d.app.post_message(events.Key("enter", None))
        await d.pilot.pause(0.2)
        await d.pilot.pause()
        assert under(d).startswith("fault: ")


def test_every_argument_of_every_command_is_expected_in_its_turn() -> None:
    for spec in (spec for spec in SPECS if spec.line):
        line = spec.name
        for argument in spec.args:
            assert expects(f"{line} ") == (spec, argument)
            line += " x"
        for switch in spec.switches:
            assert expects(f"{spec.name} --{switch.name} ") == (spec, switch)
        if not spec.args:
            assert expects(spec.name) == (spec, None)
    assert expects("hal") is None
    assert expects("") is None


async def test_the_history_outlives_the_console_and_holds_only_what_was_taken() -> None:
    kept: list[Memory] = []
    link = StubLink(quiet_strip(), quiet_desk())
    app = make_app(link, found=FOUND, memory=Memory(), save=kept.append)
    async with app.run_test(size=(120, 40)) as pilot:
        for text in ("halt", "nonsense", "halt", "set gate.note AKIA1234567890ABCDEFGHIJKLMN", "screen desk"):
            await pilot.press("colon")
            assert app.desk.field is not None
            app.desk.field.insert_text_at_cursor(text)
            await pilot.press("enter")
            await pilot.press("escape")
    assert kept[-1].history == ["halt", "screen desk"]
    again = make_app(link, found=FOUND, memory=kept[-1])
    async with again.run_test(size=(120, 40)) as pilot:
        await pilot.press("colon", "up")
        assert again.desk.field is not None
        assert again.desk.field.value == "screen desk"


@pytest.mark.parametrize(
    "line",
    [
        "set venue.secret x",
        "resume my password is hunter2",
        "halt api_key abc",
        "halt API-KEY abc",
        "resume 3f2a9c4b7d1e8f60a1b2c3d4e5f60718",
        "resume zDMoWgNyvfDgPQ0ct3kCrIwwQDbT8KymAnd8q5uZ1vc=",
    ],
)
def test_no_secret_enters_the_history(line: str) -> None:
    assert not worth_keeping(line)


@pytest.mark.parametrize(
    "line",
    [
        "resume checked both venues, all is well",
        "limit BTC-USDT-PERP.alpha max_position 50000",
        "ack depeg:USDC",
    ],
)
def test_what_traders_type_enters_it(line: str) -> None:
    assert worth_keeping(line)


async def test_the_palette_holds_every_key_every_screen_and_every_command() -> None:
    async with open_desk() as d:
        names = [command.title for command in system_commands(d.app.desk)]
        for key in d.app.desk.keys_here():
            if key.id != "palette" and not key.action.startswith("show("):
                assert f"{key.id}  {key.shown}" in names
        assert {f"{entry.key} {entry.title}" for entry in ROOMS} <= set(names)
        assert {f":{spec.name}" for spec in SPECS if spec.line} <= set(names)
        assert {f":{word}" for word in OWN_HELP} <= set(names)
        for command in system_commands(d.app.desk):
            if command.title == "halt  H":
                await command.callback()  # type: ignore[misc]
        await d.pilot.pause()
        assert d.link.sent == [("halt", {})]


async def test_the_palette_opens_and_runs_what_is_chosen() -> None:
    async with open_desk() as d:
        await d.press("ctrl+p")
        await d.pilot.press(*"ack  a")
        await d.pilot.pause(0.3)
        await d.press("enter")
        await d.pilot.pause(0.1)
        assert d.link.sent
        assert d.link.sent[0][0] == "ack"


async def test_enter_behind_the_last_sign_runs_what_was_typed_and_not_what_was_listed_before() -> None:
    async with open_desk() as d:
        await d.press("ctrl+p")
        async with asyncio.timeout(20):
            while not d.app.screen.query_one(CommandList).option_count:
                await d.pilot.pause(0.02)
        field = d.app.screen.query_one(CommandInput)
        field.value = "ack  a"
        field.post_message(Input.Submitted(field, field.value))
        async with asyncio.timeout(20):
            while d.app.screen is not d.app.desk and not d.link.sent:
                await d.pilot.pause(0.02)
        assert [name for name, _ in d.link.sent] == ["ack"]


async def test_a_palette_without_a_match_says_so_as_soon_as_it_knows() -> None:
    async with open_desk() as d:
        await d.press("ctrl+p")
        finder = d.app.screen
        assert isinstance(finder, Finder)
        finder.query_one(CommandInput).value = "no such thing zzz"
        async with asyncio.timeout(20):
            while finder._search is None or not finder._search.is_finished or finder._hit_count:
                await d.pilot.pause(0.02)
        listed = finder.query_one(CommandList)
        assert [str(each.prompt) for each in listed.options] == ["No key and no command matches."]
        await d.press("enter")
        assert d.app.screen is finder
        assert d.link.sent == []


async def test_a_page_key_in_a_palette_that_has_no_list_yet_is_nothing() -> None:
    """Found by random keys: the library's own palette ended the console."""
    async with open_desk() as d:
        for key in ("ctrl+p", "pagedown", "pageup", "down", "z", "pagedown", "up"):
            d.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await d.pilot.pause(0.3)
        await d.press("pagedown", "escape", "H")
        assert d.link.sent == [("halt", {})]


async def test_what_comes_to_a_palette_that_has_been_left_is_nothing() -> None:
    """Found by random keys on a busy machine: what it had still to hear ended the console."""
    async with open_desk() as d:
        await d.press("ctrl+p")
        finder = d.app.screen
        assert isinstance(finder, Finder)
        await d.press("z")
        chosen = finder.query_one(CommandList)
        typed = finder.query_one(CommandInput)
        await d.press("escape")
        assert d.app.screen is d.app.desk
        async with asyncio.timeout(20):
            while finder.query(CommandList):
                await d.pilot.pause(0.02)
        finder._list_visible = not finder._list_visible
        await finder._watch__show_busy()
        finder._action_cursor_down()
        finder._action_command_list("page_down")
        ran: list[str] = []
        timer = Timer(finder, 1.0)
        await finder._on_message(events.Timer(timer, 0.0, callback=lambda: ran.append("timer")))
        finder._selected_command = DiscoveryHit("halt", lambda: ran.append("command"))
        for late in (
            OptionList.OptionSelected(chosen, Command("halt", finder._selected_command), 0),
            OptionList.OptionHighlighted(chosen, Command("halt", finder._selected_command), 0),
            Input.Changed(typed, "zz"),
            Input.Submitted(typed, "zz"),
        ):
            await finder._on_message(late)
        await d.pilot.pause()
        assert ran == []
        await d.press("H")
        assert d.link.sent == [("halt", {})]


async def test_what_was_said_goes_by_itself_and_a_refusal_stands_longer() -> None:
    async with open_desk() as d:
        for text, ink, seconds in (("copied", "muted", STANDS_S), ("refused", "*warn", WARNS_S)):
            d.app.desk.say(text, ink)
            for _ in range(seconds - 1):
                d.app.desk.fade()
            assert d.app.desk.said == (text, ink)
            d.app.desk.fade()
            assert d.app.desk.said is None
        d.link.warning = "engine is another version"
        d.app.desk.say(d.link.warning, "*warn")
        for _ in range(2 * WARNS_S):
            d.app.desk.fade()
        assert d.app.desk.said is not None


async def test_a_flatten_of_what_there_is_not_is_refused_under_its_line() -> None:
    """It once opened a dialog, whose `F` the engine then refused."""
    async with open_desk(size=(120, 40)) as d:
        desk = d.app.desk
        await d.press("colon", "=flatten nosuch", "enter")
        assert desk.dialog is None
        assert desk.field is not None
        below = " ".join(d.text.splitlines()[-3:])
        assert "flatten nosuch: no such venue, pair or instrument; there are all, BTC-USDC-PERP" in below
        assert d.link.sent == []
        view = quiet_desk()
        free = next(row.short for row in view.funding if row.short not in view.flatten.orders)
        known = [free, free.rpartition(".")[0], "beta", view.pairs[0].id, view.pairs[0].long, "all"]
        for what in known:
            assert no_such(view, quiet_strip(), what) == "", what
        await d.press("escape", "colon", f"=flatten {view.pairs[0].id}", "enter")
        assert isinstance(desk.dialog, FlattenDialog)
