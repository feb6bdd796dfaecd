"""Data as they come: the frame cap, only changed cells, a silent engine, sizes that change all the time."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec
import pytest
from textual import _time as textual_time
from textual import events

from console.app import make_app
from screens.ink import Line, Span
from screens.ui import Terminal, UiSettings, terminal
from screens.vouched import past
from screens.widgets.grid import changed
from services.views.desk import DeskView
from tests.console.fixtures import STATES, halted_strip, quiet_desk, quiet_strip
from tests.console.market_fixtures import quiet_book, quiet_markets
from tests.console.result_fixtures import quiet_health
from tests.console.stub import StubLink
from tests.console.test_keys import open_desk


def row(mark: str, age: str) -> Line:
    return Line([Span("BTC ", "strong"), Span(mark, "text"), Span(" " * 20, "text"), Span(age, "muted")])


def test_only_the_cells_that_changed_are_painted() -> None:
    assert changed(row("67,184.0", "0.2 s"), row("67,184.5", "0.2 s"), 40) == [(11, 12)]
    assert changed(row("67,184.0", "0.2 s"), row("67,185.0", "0.4 s"), 40) == [(9, 10), (34, 35)]
    assert changed(row("67,184.0", "0.2 s"), row("67,184.0", "0.2 s"), 40) == []


def test_a_blank_in_another_ink_is_no_change_and_on_another_ground_is_one() -> None:
    assert changed(Line([Span("  ", "text")]), Line([Span("  ", "muted")]), 2) == []
    assert changed(Line([Span("  ", "text")]), Line([Span("  ", "text@sel")]), 2) == [(0, 2)]


async def test_many_views_are_one_frame() -> None:
    async with open_desk() as d:
        d.app.desk._last_frame = d.clock.now
        frames = 0
        steps = d.app.desk.pane_steps

        def counted() -> Iterator[Callable[[], None]]:
            nonlocal frames
            frames += 1
            return steps()

        d.app.desk.pane_steps = counted  # type: ignore[method-assign]
        for _ in range(50):
            d.link.put(desk=quiet_desk())
        await d.pilot.pause(0.3)
        assert frames == 1


async def test_a_key_is_heard_between_two_steps_of_a_frame() -> None:
    """A frame of many rows takes long; the halt key waits for one pane of it at most."""
    async with open_desk() as d:
        desk, drawn = d.app.desk, []
        draw = desk.draw_pane

        def slow(name: str) -> None:
            drawn.append((name, len(d.link.sent)))
            if len(drawn) == 1:
                key = events.Key("H", "H")
                key.set_sender(d.app)
                d.app._driver.send_message(key)  # as a terminal's reader does
            d.clock.now += 0.02
            draw(name)

        desk.draw_pane = slow  # type: ignore[method-assign]
        desk._last_frame = d.clock.now
        d.link.put(desk=quiet_desk())
        await d.pilot.pause(0.3)
        assert [name for name, _ in drawn] == list(desk.panes)
        assert [one[0] for one in d.link.sent] == ["halt"]
        assert [sent for _, sent in drawn][-1] == 1, "halted before the frame was whole"


async def test_a_program_held_up_while_a_timer_starts_still_paints_what_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A console stood on its first figures for ever: on a busy machine a frame's timer was over before it had
    begun to run, and textual's one-shot timers are then never called.
    """
    late = itertools.count()
    real = textual_time.get_time

    def held_up() -> float:
        """Each look at the clock by a timer that is to fire once comes after a pause of half a second."""
        once = sys._getframe(1).f_locals.get("_repeat") == 0
        return real() + (0.5 * next(late) if once else 0.0)

    async with open_desk() as d:
        monkeypatch.setattr(textual_time, "get_time", held_up)
        for equity, shown in (("88000.50", "88,000.50"), ("88111.50", "88,111.50")):
            d.link.put(strip=quiet_strip(equity=Decimal(equity)))
            await d.until(lambda shown=shown: shown in d.text)  # type: ignore[misc]


async def test_the_newest_view_is_shown() -> None:
    async with open_desk() as d:
        d.link.put(strip=quiet_strip(equity=Decimal("88000.50")))
        d.link.put(strip=halted_strip())
        await d.pilot.pause(0.3)
        assert "HALTED" in d.text
        assert "~94,250.33" in d.text


async def test_a_silent_engine_makes_every_answer_unknown() -> None:
    async with open_desk() as d:
        d.link.quiet_s = 12.0
        d.link.state, d.link.text = "reconnecting", "reconnecting, try 2"
        d.link.tell()
        await d.pilot.pause(0.3)
        assert d.text.count("UNKNOWN") == 4
        assert "ENGINE SILENT" in d.text
        assert "flatten --direct" in d.text, "what works without it"
        assert "reconnecting, try 2" in d.text
        assert "12 s old" in d.text
        d.link.quiet_s, d.link.state = 0.0, "connected"
        d.link.tell()
        await d.pilot.pause(0.3)
        assert "UNKNOWN" not in d.text


async def test_before_the_first_view_the_console_says_what_it_waits_for() -> None:
    link = StubLink(None, None, state="starting")
    app = make_app(link, found=Terminal(fps=10, remote=False, ascii=False, palette="dark"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        text = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert text.count("engine starting") == 5
        assert "Waiting for the engine's first view." in text
        assert link.started
        assert link.watched == ("strip", "desk")
        await pilot.press("F")
        assert "No present view from the engine" in "\n".join(
            s.text for s in app.screen._compositor.render_strips()
        )


async def test_a_storm_of_sizes_breaks_nothing() -> None:
    sizes = random.Random(7)
    async with open_desk() as d:
        for step in range(16):
            await d.pilot.resize_terminal(sizes.randint(20, 240), sizes.randint(5, 80))
            if step % 3 == 0:
                await d.press(sizes.choice(["tab", "enter", "down", "F", "n", "escape", "question_mark"]))
            d.link.put(desk=STATES[sizes.choice(["quiet", "halted", "empty"])][1])
        await d.pilot.resize_terminal(120, 40)
        await d.press("n")
        await d.pilot.pause(0.3)
        for pane in d.app.desk.panes.values():
            assert {line.width for line in pane.lines} == {pane.size.width}
            assert len(pane.lines) == pane.size.height


async def test_a_figure_that_is_no_number_takes_one_pane_and_no_key() -> None:
    nan = msgspec.structs.replace(quiet_desk().positions[0], upnl=Decimal("NaN"))
    async with open_desk(desk=quiet_desk(positions=(nan,))) as d:
        assert "A figure of this pane is no number" in d.text
        assert "Funding spreads" in d.text
        await d.press("enter", "H", "F", "F")
        assert d.link.sent == [("halt", {}), ("flatten", {})]


async def test_too_small_says_so_and_still_answers() -> None:
    async with open_desk(halted_strip(), size=(38, 9)) as d:
        assert "terminal too small" in d.text
        assert "HALTED" in d.text
        await d.press("H")
        assert d.link.sent == [("halt", {})]


async def test_a_new_alarm_turns_its_cell_over_once() -> None:
    async with open_desk() as d:
        assert not d.app.desk.strip_bar.flash
        d.link.put(strip=halted_strip())
        await d.pilot.pause(0.2)
        assert d.app.desk.strip_bar.flash
        await d.pilot.pause(0.8)
        assert not d.app.desk.strip_bar.flash


async def test_ascii_draws_no_other_character() -> None:
    strip, desk = STATES["halted"]
    found = Terminal(fps=10, remote=False, ascii=True, palette="plain")
    app = make_app(StubLink(strip, desk), found=found)
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.pause()
        await pilot.press("F")
        await pilot.pause()
        text = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert text.isascii()
        assert "# HALTED" in text


@pytest.mark.parametrize(
    ("env", "colors", "fps", "palette"),
    [
        ({}, "truecolor", 10, "dark"),
        ({"SSH_CONNECTION": "x"}, "256", 4, "dark"),
        ({"TMUX": "x", "COLORFGBG": "0;15"}, "truecolor", 4, "light"),
        ({}, "standard", 10, "sixteen"),
        ({"NO_COLOR": ""}, "truecolor", 10, "plain"),
        ({}, None, 10, "plain"),
    ],
)
def test_what_the_terminal_is_decides_frames_and_colours(
    env: dict[str, str], colors: str | None, fps: int, palette: str
) -> None:
    found = terminal(UiSettings(), env, colors, utf8=True)
    assert (found.fps, found.palette) == (fps, palette)


def test_a_terminal_without_utf8_gets_ascii() -> None:
    assert terminal(UiSettings(), {}, "truecolor", utf8=False).ascii


async def test_over_ssh_a_fresh_screen_repaints_nothing() -> None:
    """Ages under a second are not spelled out, so two fresh views are the same picture."""
    strip, desk = quiet_strip(), quiet_desk()
    found = Terminal(fps=4, remote=True, ascii=False, palette="dark")
    app = make_app(StubLink(strip, desk), found=found)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        before = [line.plain for line in app.desk.panes["positions"].lines]
        assert any("<1 s" in line for line in before)
        older = tuple(msgspec.structs.replace(p, age_ms=(p.age_ms or 0) + 300) for p in desk.positions)
        newer: DeskView = quiet_desk(positions=older)
        app.desk.link.put(desk=newer)  # type: ignore[attr-defined]
        await pilot.pause(0.4)
        assert [line.plain for line in app.desk.panes["positions"].lines] == before


def test_the_first_frame_needs_no_heavy_import() -> None:
    code = (
        "import sys; import console.app; "
        "heavy = ('typer', 'pydantic', 'pydantic_settings', 'httpx', 'websockets', 'peewee', 'sqlite3',"
        " 'numpy', 'services.store', 'services.desk', 'services.drive'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_pane_that_grows_with_its_rows_gets_the_place_for_them() -> None:
    few = quiet_desk(positions=quiet_desk().positions[4:], pairs=())
    async with open_desk(desk=few, size=(200, 60)) as d:
        many = tuple(
            msgspec.structs.replace(
                quiet_desk().positions[4], instrument=f"X{at}-PERP.beta", symbol=f"X{at}-PERP"
            )
            for at in range(24)
        )
        d.link.put(desk=quiet_desk(positions=many, pairs=()))
        await d.pilot.pause(0.3)
        for name, pane in d.app.desk.panes.items():
            assert (pane.size.width, pane.size.height) == d.app.desk.plan.rects[name][2:]
        assert "X17-PERP" in d.text


async def test_rows_of_a_silent_engine_say_without_a_colour_that_they_are_old() -> None:
    async with open_desk(size=(120, 40)) as d:
        fresh = d.text
        d.link.quiet_s, d.link.state = 12.0, "reconnecting"
        d.link.tell()
        await d.pilot.pause(0.3)
        assert "● hedged" in fresh
        assert "● hedged" not in d.text
        assert "◐ hedged 12 s ago" in d.text
        assert d.text.count("○ 12 s ") >= 1 + len(quiet_desk().positions)
        d.link.quiet_s, d.link.state = 0.0, "connected"
        d.link.tell()
        await d.pilot.pause(0.3)
        assert "● hedged" in d.text
        assert "○ 12 s" not in d.text


def test_ages_of_every_view_go_on_while_the_engine_is_silent() -> None:
    markets, book, health = quiet_markets(), quiet_book(), quiet_health()
    for before, after in zip(markets.rows, past(markets, 12_000).rows, strict=True):  # type: ignore[attr-defined]
        assert (after.level, after.age_ms) == ("stale", before.age_ms + 12_000)
    old = past(book, 12_000)
    assert (old.level, old.age_ms) == ("stale", book.age_ms + 12_000)  # type: ignore[attr-defined,operator]
    for venue, late in zip(health.venues, past(health, 12_000).venues, strict=True):  # type: ignore[attr-defined]
        assert late.data_age_ms == venue.data_age_ms + 12_000  # type: ignore[operator]
    desk = quiet_desk()
    assert all(one.stale for one in past(desk, 12_000).risk.accounts)  # type: ignore[attr-defined]
    assert not all(one.stale for one in desk.risk.accounts)
    strip = quiet_strip()
    assert past(strip, 12_000) is strip, "the bar tells it in its own words"
