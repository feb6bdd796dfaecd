"""Keys: what they send comes first, what they show second. The safety keys most of all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from textual import events
from textual.pilot import Pilot

from console import keymap, keyrules
from console.app import StableConsole, make_app
from screens import along
from screens.asked import AskedDialog
from screens.dialogs import QuitDialog
from screens.flatten_dialog import FlattenDialog
from screens.link import Answer
from screens.resume_dialog import ResumeDialog
from screens.ui import Terminal, UiSettings
from services.domain.enums import Severity
from tests.console.fixtures import calm_strip, halted_desk, halted_strip, quiet_desk, quiet_strip
from tests.console.stub import StubLink


class Clock:
    """Moves only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Desk:
    def __init__(self, app: StableConsole, pilot: Pilot[Any], link: StubLink, clock: Clock) -> None:
        self.app, self.pilot, self.link, self.clock = app, pilot, link, clock

    async def press(self, *keys: str, after: float = 1.0) -> None:
        """Each key a second after the one before, unless said otherwise; `=text` is typed as a whole."""
        for key in keys:
            self.clock.now += after
            if key.startswith("=") and self.app.desk.field is not None:
                self.app.desk.field.insert_text_at_cursor(key[1:])
                await self.pilot.pause()
            else:
                await self.pilot.press(key)
        await self.pilot.pause()

    async def until(self, true: Callable[[], bool]) -> None:
        """What comes by a timer or a task of its own takes its time on a busy machine."""
        for _ in range(100):
            await self.pilot.pause(0.05)
            if true():
                return
        raise AssertionError(self.text)

    def says(self, dialog: AskedDialog[Any], answer: Answer) -> None:
        """The engine's word from now on, also to the question of the next second."""
        self.link.answers[dialog.asks] = answer
        dialog.heard(dialog.text, answer)

    @property
    def did(self) -> list[tuple[str, dict[str, str]]]:
        """What was sent and does something: questions do not."""
        return [each for each in self.link.sent if not each[0].startswith("preview")]

    @property
    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)


@asynccontextmanager
async def open_desk(
    strip: object = None,
    desk: object = None,
    size: tuple[int, int] = (120, 40),
    ui: UiSettings | None = None,
    **link_options: Any,
) -> AsyncIterator[Desk]:
    link = StubLink(strip or quiet_strip(), desk or quiet_desk(), **link_options)
    clock = Clock()
    found = Terminal(fps=10, remote=False, ascii=False, palette="dark")
    app = make_app(link, ui, found=found, clock=clock)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Desk(app, pilot, link, clock)


async def test_h_halts_at_once_with_no_question() -> None:
    async with open_desk() as d:
        await d.press("H")
        assert d.link.sent == [("halt", {})]
        assert d.app.desk.dialog is None
        assert "halt done" in d.text


async def test_f_shows_and_f_again_does_it_once() -> None:
    async with open_desk() as d:
        await d.press("F")
        assert d.link.sent == []
        assert isinstance(d.app.desk.dialog, FlattenDialog)
        assert "Flatten everything?" in d.text
        await d.press("F")
        assert d.link.sent == [("flatten", {})]
        assert d.app.desk.dialog is None


async def test_a_bounced_f_is_not_a_second_f() -> None:
    async with open_desk() as d:
        await d.press("F")
        await d.press("F", "F", after=0.05)
        assert d.link.sent == []
        await d.press("F")
        await d.press("F", "F", after=0.05)
        assert d.link.sent == [("flatten", {})]
        assert d.app.desk.dialog is None


async def test_a_text_that_is_typed_into_a_dialog_confirms_nothing() -> None:
    """A terminal without bracketed paste types what is pasted: no second `F` in it is an answer."""
    async with open_desk() as d:
        await d.press("F")
        await d.press(*"two lots to Fill at the F", after=0.03)
        assert d.link.sent == []
        assert isinstance(d.app.desk.dialog, FlattenDialog)
        await d.press("F")
        assert d.link.sent == [("flatten", {})]


async def test_a_text_that_is_typed_into_a_field_confirms_nothing() -> None:
    """The same terminal types the end of the line, too: `R`, some words and that end resumed."""
    async with open_desk(halted_strip(), halted_desk()) as d:
        await d.press("R")
        await d.press(*"oll ok", "enter", *"so", "enter", after=0.01)
        assert d.did == []
        assert isinstance(d.app.desk.dialog, ResumeDialog)
        assert d.app.desk.field is not None
        assert d.app.desk.field.value == "oll okso"
        assert "enter came with the text" in d.text
        await d.press("enter")
        assert d.did == [("resume", {"reason": "oll okso"})]


async def test_of_lines_that_are_typed_whole_only_what_takes_risk_off_runs() -> None:
    async with open_desk() as d:
        await d.press("colon")
        await d.press(*"resume x", "enter", after=0.01)
        assert d.did == []
        assert "enter came with the text" in d.text
        await d.press("ctrl+u")
        await d.press(*"halt", "enter", after=0.001)
        assert d.did == [("halt", {})]


async def test_keys_of_one_piece_confirm_nothing_however_late_they_are_answered() -> None:
    """A machine that is busy answers them seconds apart: the clock does not tell them from a hand's."""
    async with open_desk(halted_strip(), halted_desk()) as d:
        await d.press("R", "x")
        in_one_piece(d, "enter")
        await d.pilot.pause()
        assert d.did == []
        assert "enter came with the text" in d.text
        await d.press("escape", "F")
        in_one_piece(d, "F")
        await d.pilot.pause()
        assert d.did == []
        in_one_piece(d, "H")
        await d.pilot.pause()
        assert d.did == [("halt", {})]


async def test_a_key_right_behind_a_paste_confirms_nothing() -> None:
    async with open_desk(halted_strip(), halted_desk()) as d:
        await d.press("R")
        d.app.post_message(events.Paste("all ok"))
        await d.pilot.pause()
        await d.press("enter", after=0.01)
        assert d.did == []
        assert "enter came with the text" in d.text
        await d.press("escape", "F", "x")
        d.clock.now += 1
        d.app.post_message(events.Paste("all ok"))
        await d.pilot.pause()
        await d.press("F", after=0.01)
        assert d.did == []
        await d.press("F")
        assert d.did == [("flatten", {})]


def in_one_piece(d: Desk, key: str) -> None:
    """As the key that came with the one before it."""
    event = events.Key(key, key if len(key) == 1 else None)
    along.mark(event)
    d.clock.now += 1
    d.app.post_message(event)


async def test_h_halts_behind_a_sign_that_means_nothing_to_the_dialog() -> None:
    async with open_desk() as d:
        await d.press("F", "x")
        await d.press("H", after=0.01)
        assert d.link.sent == [("halt", {})]


async def test_n_leaves_a_dialog_even_in_its_first_moment() -> None:
    async with open_desk() as d:
        await d.press("F")
        await d.press("n", after=0.01)
        assert d.app.desk.dialog is None
        assert d.link.sent == []


async def test_esc_leaves_the_flatten_dialog() -> None:
    async with open_desk() as d:
        await d.press("F", "escape")
        assert d.app.desk.dialog is None
        assert d.link.sent == []


@pytest.mark.parametrize("opener", ["F", "q", "question_mark"])
async def test_h_halts_inside_a_dialog_without_a_field(opener: str) -> None:
    async with open_desk() as d:
        await d.press(opener, "H")
        assert d.link.sent == [("halt", {})]
        assert d.app.desk.dialog is not None


async def test_resume_asks_for_the_reason_and_letters_belong_to_the_field() -> None:
    async with open_desk(halted_strip(), halted_desk()) as d:
        await d.press("R")
        assert isinstance(d.app.desk.dialog, ResumeDialog)
        assert "TYPING" in d.text
        await d.press("=Hn F q", "enter")
        assert d.did == [("resume", {"reason": "Hn F q"})]
        assert d.app.desk.dialog is None


async def test_resume_takes_an_override_by_name() -> None:
    async with open_desk(halted_strip(), halted_desk()) as d:
        await d.press("R", "=both ok --override breaker", "enter")
        assert d.did == [("resume", {"reason": "both ok", "override": "breaker"})]


async def test_resume_without_a_reason_sends_nothing() -> None:
    async with open_desk(halted_strip(), halted_desk()) as d:
        await d.press("R", "enter")
        assert d.did == []
        assert d.app.desk.dialog is not None
        await d.press("escape")
        assert d.app.desk.dialog is None


@pytest.mark.parametrize(
    ("key", "sent"), [("d", []), ("s", [("stop", {})]), ("F", [("flatten", {}), ("stop", {})])]
)
async def test_quit_detaches_stops_or_flattens_and_stops(key: str, sent: list[object]) -> None:
    async with open_desk() as d:
        await d.press("q")
        assert isinstance(d.app.desk.dialog, QuitDialog)
        await d.press(key)
        assert d.link.sent == sent
        assert d.link.closed


async def test_a_flatten_that_leaves_something_keeps_the_console_and_the_engine() -> None:
    async with open_desk() as d:
        d.link.answers["flatten"] = Answer(ok=False, text="BTC-USDT-PERP left: dust", exit=5)
        await d.press("q", "F")
        assert d.link.sent == [("flatten", {})]
        assert not d.link.closed
        assert "BTC-USDT-PERP left: dust" in d.text


@pytest.mark.parametrize("key", ["H", "a", "p"])
async def test_a_read_only_console_sends_nothing_and_says_so(key: str) -> None:
    async with open_desk(read_only=True) as d:
        await d.press(key)
        assert d.link.sent == []
        assert "read-only" in d.text
        assert "READ-ONLY" in d.text


async def test_a_read_only_console_does_not_flatten_either() -> None:
    async with open_desk(read_only=True) as d:
        await d.press("F", "F", "q", "s")
        assert d.link.sent == []
        assert not d.link.closed


async def test_ctrl_q_does_nothing_and_ctrl_c_only_tells_how_to_quit() -> None:
    async with open_desk() as d:
        await d.press("ctrl+q", "ctrl+c")
        assert d.app.is_running
        assert d.app.desk.dialog is None
        assert "q quits" in d.text


async def test_the_command_line_sends_what_was_typed() -> None:
    async with open_desk() as d:
        await d.press("colon", "=pause funding_arb", "enter")
        assert d.link.sent == [("pause", {"name": "funding_arb"})]
        assert d.app.desk.field is None


async def test_a_typed_flatten_is_shown_first_narrowed_and_f_does_it() -> None:
    async with open_desk() as d:
        await d.press("colon", "=flatten BTC-USDT-PERP", "enter")
        dialog = d.app.desk.dialog
        assert isinstance(dialog, FlattenDialog)
        assert d.link.sent == []
        # Its pair goes whole: both legs, and nothing else.
        assert "Flatten BTC-USDT-PERP?" in d.text
        assert "2 positions" in d.text
        assert "−31.6" in d.text
        await d.press("F")
        # Where the symbol trades elsewhere, too, the engine would refuse what the dialog has shown.
        assert d.link.sent == [("flatten", {"what": "BTC-USDT-PERP.alpha"})]
        assert d.app.desk.dialog is None


async def test_a_symbol_that_is_open_on_several_venues_is_no_flatten_of_any() -> None:
    """The dialog showed both legs and their cost; `F` closed neither."""
    whole = quiet_desk()
    rows = tuple(
        replace(row, instrument=f"BTC-USDC-PERP.{venue}", venue=venue)
        for row, venue in zip(whole.flatten.rows, ("alpha", "beta"), strict=False)
    )
    async with open_desk(desk=replace(whole, flatten=replace(whole.flatten, rows=rows))) as d:
        await d.press("colon", "=flatten BTC-USDC-PERP")
        assert "on several venues: BTC-USDC-PERP.alpha" in d.text
        await d.press("enter")
        assert d.app.desk.dialog is not None
        words = " ".join(line.plain.strip("│ ") for line in d.app.desk.dialog.lines)
        assert "open on several venues: name one of BTC-USDC-PERP.alpha, BTC-USDC-PERP.beta" in words
        assert "flatten now" not in d.text


async def test_at_a_lost_engine_flatten_promises_nothing() -> None:
    """It said that the engine would read each venue and close what it finds."""
    async with open_desk(state="reconnecting") as d:
        await d.press("F")
        assert isinstance(d.app.desk.dialog, FlattenDialog)
        assert "No engine is connected, F would reach nobody." in d.text
        assert "it reads each venue" not in d.text
        assert "flatten now" not in d.text


async def test_a_typed_flatten_of_everything_asks_as_its_key_does() -> None:
    async with open_desk() as d:
        await d.press("colon", "=flatten", "enter")
        assert "Flatten everything?" in d.text
        await d.press("n")
        assert d.link.sent == []
        await d.press("colon", "=flatten all", "enter", "F")
        assert d.link.sent == [("flatten", {})]


async def test_letters_in_the_field_are_text_and_esc_only_leaves_it() -> None:
    async with open_desk() as d:
        await d.press("colon", *"HFq")
        assert d.link.sent == []
        assert "TYPING" in d.text
        await d.press("escape")
        assert d.app.desk.field is None
        assert d.app.desk.dialog is None
        assert "TYPING" not in d.text
        await d.press("H")
        assert d.link.sent == [("halt", {})]


async def test_a_wrong_command_stays_with_its_error_beside_it() -> None:
    async with open_desk() as d:
        await d.press("colon", "=resume", "enter")
        assert d.link.sent == []
        assert d.app.desk.field is not None
        assert "REASON is missing" in d.text
        await d.press("ctrl+u", "=thm", "enter")
        assert "did you mean theme?" in d.text, "the console's own words are near, too"


async def test_tab_completes_from_what_is_on_screen() -> None:
    async with open_desk() as d:
        await d.press("colon", "=pair close ", "tab")
        assert d.app.desk.field is not None
        assert d.app.desk.field.value == "pair close P-07"
        await d.press("tab")
        assert d.app.desk.field.value == "pair close P-09"


async def test_the_arrows_recall_what_was_typed() -> None:
    async with open_desk() as d:
        await d.press("colon", "=halt", "enter", "colon", "=flatten", "enter", "n", "colon", "up", "up")
        assert d.app.desk.field is not None
        assert d.app.desk.field.value == "halt"
        await d.press("down", "down")
        assert d.app.desk.field.value == ""


async def test_a_acknowledges_the_first_open_alert_or_the_selected_one() -> None:
    async with open_desk(halted_strip(), halted_desk()) as d:
        await d.press("a")
        await d.press("shift+tab", "down", "a")
        assert d.link.sent == [("ack", {"key": "breaker:daily"}), ("ack", {"key": "naked:P-09"})]


async def test_p_pauses_the_strategy_of_the_row() -> None:
    async with open_desk() as d:
        await d.press("p", "end", "p")
        assert d.link.sent == [("pause", {"name": "funding_arb"}), ("pause", {"name": "momentum"})]


async def test_p_on_a_paused_strategy_asks_for_the_reason() -> None:
    async with open_desk(desk=quiet_desk(strategies=(("funding_arb", "paused", "by hand"),))) as d:
        await d.press("p", "=spread is back", "enter")
        assert d.link.sent == [("enable", {"name": "funding_arb", "reason": "spread is back"})]


async def test_tab_walks_the_panes_at_every_size() -> None:
    for size in ((120, 40), (80, 24)):
        async with open_desk(size=size) as d:
            seen = []
            for _ in range(4):
                seen.append(d.app.desk.active)
                await d.press("tab")
            assert seen == ["positions", "funding", "risk", "alerts"]
            assert d.app.desk.active == "positions"


async def test_a_pane_that_nobody_is_in_shows_what_ranks_first_until_another_row_is_chosen() -> None:
    async with open_desk(size=(120, 40)) as d:
        panes, now = d.app.desk.panes, d.link.view("desk").ts
        old = quiet_desk().alerts[0]

        async def worse(key: str) -> str:
            nonlocal now
            now += 1
            alarm = replace(old, key=key, severity=Severity.ALARM, state="OPEN", since=now, ts=now)
            d.link.put(desk=quiet_desk(alerts=(alarm, *d.link.view("desk").alerts)))
            await d.pilot.pause(0.3)
            return panes["alerts"].cursor.key

        first = panes["alerts"].cursor.key
        assert await worse("one") == "one" != first, "unseen below it, an alarm would call nobody"
        await d.press("tab", "tab", "tab")
        assert d.app.desk.active == "alerts"
        assert await worse("two") == "one", "under the cursor no row moves"
        await d.press("down", "tab")
        chosen = panes["alerts"].cursor.key
        assert await worse("three") == chosen not in ("one", "two"), "a row that was chosen stays chosen"
        await d.press("shift+tab", "home", "tab")
        assert await worse("four") == "four"


async def test_the_selection_stays_with_its_row_when_rows_move() -> None:
    async with open_desk() as d:
        await d.press("down", "down")
        chosen = d.app.desk.panes["positions"].cursor.key
        view = quiet_desk()
        d.link.put(desk=quiet_desk(positions=view.positions[1:], pairs=view.pairs))
        await d.pilot.pause(0.2)
        assert d.app.desk.panes["positions"].cursor.key == chosen


async def test_the_filter_shows_only_rows_that_match_and_esc_ends_it() -> None:
    async with open_desk() as d:
        await d.press("slash", *"eth")
        assert "BTC-USDT-PERP" not in d.text
        assert "ETH-USDC-PERP" in d.text
        await d.press("enter")
        assert "only eth" in d.text
        await d.press("slash", "escape")
        assert "BTC-USDT-PERP" in d.text


async def test_sort_walks_through_the_orders_of_the_pane() -> None:
    async with open_desk() as d:
        await d.press("tab", "s")
        assert "Funding spreads: by spread" in d.text
        before = dict(d.app.desk.memory.sorts)
        await d.press("8")
        await d.press("s")
        assert "Shocks has one order" in d.text
        assert d.app.desk.memory.sorts == before


async def test_enter_opens_and_closes_the_detail() -> None:
    async with open_desk() as d:
        await d.press("enter")
        assert "Detail" in d.text
        assert "costs 12.40" in d.text
        await d.press("enter")
        assert "costs 12.40" not in d.text


async def test_help_lists_every_key_and_every_command() -> None:
    from services.protocol.commands import SPECS

    async with open_desk(size=(120, 80)) as d:
        await d.press("question_mark")
        assert d.app.desk.dialog is not None
        said = "\n".join(row.lines[0].plain for row in d.app.desk.dialog.body(80).rows)
        for key in keymap.KEYS:
            assert key.shown in said
        for spec in SPECS:
            assert not spec.line or spec.usage in said
        for word in ("naked", "ID", "Δ", "mg", "liq away", "bps", "×cost", "real./exp.", "peg", "free"):
            assert word in said, "a short word of the tables has its meaning here"


async def test_the_copied_row_is_what_is_seen() -> None:
    async with open_desk() as d:
        await d.press("y")
        assert d.app.clipboard.startswith("BTC-USDT-PERP alpha ▼ short 0.620")


async def test_an_answer_is_shown_with_its_remedy() -> None:
    async with open_desk() as d:
        d.link.answers["halt"] = Answer(ok=False, text="halt was not sent: reconnecting, try 2", exit=3)
        await d.press("H")
        assert "halt was not sent: reconnecting, try 2" in d.text


def test_nothing_that_matters_lies_on_a_key_that_terminals_eat() -> None:
    for key in keymap.KEYS:
        if key.group in ("safety", "do"):
            signs = {"plus": "+", "minus": "-"} if key.group == "do" else {}
            assert all(len(signs.get(part, part)) == 1 for part in key.keys.split(",")), key
        assert not set(key.keys.split(",")) & set(keyrules.EATEN)
    bound = {part for binding in keymap.bindings() for part in binding.key.split(",")}
    assert "ctrl+q" not in bound


def test_every_binding_has_its_own_id_a_group_and_a_help_line() -> None:
    ids = [key.id for key in keymap.KEYS]
    assert len(ids) == len(set(ids))
    assert all(key.help and key.group in ("safety", "move", "do", "app") for key in keymap.KEYS)


async def test_a_persons_keymap_holds() -> None:
    async with open_desk(ui=UiSettings(keymap={"halt": "X"})) as d:
        await d.press("X")
        assert d.link.sent == [("halt", {})]


async def test_calm_is_five_green_edges() -> None:
    async with open_desk(calm_strip()) as d:
        for word in ("ACTIVE", "HEDGED", "30.4 % away", "FRESH", "NOTHING"):
            assert word in d.text


def at_once(d: Desk, *keys: str) -> None:
    """As a fast hand or a paste brings them: the next one waits before the first is answered."""
    for key in keys:
        d.clock.now += 1
        d.app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_a_line_typed_faster_than_the_field_comes_is_text() -> None:
    """Found by random keys: `:halt` in one burst was `a` and `t` pressed on the pane."""
    async with open_desk() as d:
        at_once(d, "colon", *"halt FHa", "enter")
        await d.pilot.pause(0.2)
        assert d.link.sent == [("halt", {"reason": "FHa"})]
        assert d.app.desk.dialog is None
        # What moves or deletes in the line is done in its turn, too.
        at_once(d, "colon", *"x", "ctrl+u", *"halt 20", "backspace", *"5", "home", "delete", *"h", "enter")
        await d.pilot.pause(0.2)
        assert d.link.sent[1:] == [("halt", {"reason": "25"})]


async def test_a_key_right_behind_f_cannot_take_the_keys_from_the_dialog() -> None:
    """Found by random keys: `F2` in one burst left a flatten dialog that heard nothing any more."""
    async with open_desk() as d:
        at_once(d, "F", "2", "tab")
        await d.pilot.pause(0.2)
        assert d.app.desk.room.name == "desk"
        assert d.app.focused is d.app.desk.dialog
        await d.pilot.click("#positions", offset=(5, 3))
        await d.pilot.pause()
        assert d.app.focused is d.app.desk.dialog
        await d.press("F")
        assert d.link.sent == [("flatten", {})]


async def test_a_field_may_come_while_the_one_before_is_leaving() -> None:
    """Found by random keys: the two had one id, and the console ended."""
    async with open_desk(halted_strip(), halted_desk()) as d:
        for _ in range(3):
            at_once(d, "R", "escape", "colon", "escape", "slash", "escape", "F", "n")
        quiet = 0
        for _ in range(60):
            await d.pilot.pause(0.05)
            quiet = quiet + 1 if d.app.desk.dialog is None and d.app.desk.field is None else 0
            if quiet == 6:
                break
        await d.press("H")
        assert d.did == [("halt", {})]
