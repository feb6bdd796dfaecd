"""An engine that lives and answers but sends no figures: the console says so, as of a silent one."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, structs
from textual.pilot import Pilot

from console.app import StableConsole, make_app
from console.link import SocketLink
from console.newest import Newest
from screens.draw.answers import SILENT_AFTER
from screens.link import LinkState
from screens.rooms import BY_NAME
from screens.ui import Terminal
from services.control.server import ControlServer
from services.protocol.options import RunOptions
from services.settings.layout import StateLayout
from tests.console.fixtures import QUIET_TS, quiet_desk, quiet_strip
from tests.console.result_fixtures import quiet_results
from tests.console.test_keys import open_desk
from tests.console.test_rooms import shown
from tests.control.builders import HELLO, PaperEngine, good

FOUND = Terminal(fps=10, remote=False, ascii=False, palette="dark")


class Living(PaperEngine):
    """Each look finds something new, as in an engine that trades."""

    looks = 0
    stands = False
    """Its desk's time."""

    def version(self, topic: str) -> int:
        self.looks += 1
        return self.looks

    def now(self) -> int:
        return QUIET_TS if self.stands else QUIET_TS + self.looks

    def build(self, topic: str) -> Struct | None:
        if topic in self.broken:
            raise RuntimeError("no picture")
        return {"strip": quiet_strip(), "desk": quiet_desk()}.get(topic)


@asynccontextmanager
async def living(folder: Path) -> AsyncIterator[tuple[Living, StableConsole, Pilot[Any], Newest]]:
    engine, layout = Living(), StateLayout(folder)
    engine.on_submit = lambda cmd, reply: reply.done(good(cmd.id))
    server = ControlServer(layout.socket, HELLO, engine, engine)
    await server.start()
    link = SocketLink(layout, RunOptions())
    app = make_app(link, found=FOUND)
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            yield engine, app, pilot, link._newest
    finally:
        await link.close()
        await server.close()


async def until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not condition():
            await pilot.pause(0.02)


def text(app: StableConsole) -> str:
    return "\n".join("".join(part.text for part in line) for line in app.screen._compositor.render_strips())


async def test_a_view_that_does_not_come_any_more_is_told_with_its_age(tmp_path: Path) -> None:
    async with living(tmp_path) as (engine, app, pilot, newest):
        await until(pilot, lambda: "BTC-USDT-PERP" in text(app) and "HEDGED" in text(app))

        def later(seconds: float) -> None:
            newest._clock = lambda: time.monotonic() + seconds

        engine.broken = {"desk"}
        later(12)
        await until(pilot, lambda: app.desk.link.age("strip") < SILENT_AFTER)  # one came since
        app.desk._each_second()
        # Or some seconds more, on a busy machine.
        await until(pilot, lambda: re.search(r"\b(1[2-9]|[2-5]\d) s old", text(app)) is not None)
        assert "OLD FIGURES" not in text(app), "the answers are the present"
        engine.broken = {"desk", "strip"}
        later(24)
        await until(pilot, lambda: app.desk.link.age("strip") > SILENT_AFTER)
        app.desk._each_second()
        await until(pilot, lambda: "OLD FIGURES" in text(app))
        for word in (
            "UNKNOWN",
            "was ACTIVE",
            "sends no figures",
            "H and F still reach it",
        ):
            assert word in text(app), word
        assert re.search(r"no figures for (1[2-9]|[2-5]\d)", text(app))
        assert "HEDGED " not in text(app)
        await pilot.press("H")
        await until(pilot, lambda: [cmd.name for cmd in engine.taken] == ["halt"])
        engine.broken = set()
        await until(pilot, lambda: "OLD FIGURES" not in text(app) and " old" not in text(app))


@pytest.mark.parametrize("name", BY_NAME)
async def test_on_every_screen(name: str) -> None:
    async with open_desk() as d:
        await shown(d, name)
        d.link.ages = dict.fromkeys(d.link.watched[1:], 12.0)
        d.app.desk._each_second()
        await d.pilot.pause()
        assert "○ 12 s old" in d.text
        assert "OLD FIGURES" not in d.text
        d.link.ages = {}
        d.app.desk._each_second()
        await d.pilot.pause()
        assert "12 s old" not in d.text


async def test_what_never_came_is_no_longer_waited_for_in_silence() -> None:
    async with open_desk() as d:
        d.link.ages = {"health": 2.0}
        await d.press(BY_NAME["health"].key)
        assert "Waiting for the engine's first view." in d.text
        d.link.ages = {"health": 4.0}
        d.app.desk._each_second()
        await d.pilot.pause()
        assert "The engine answers, but has sent nothing for this screen yet." in d.text


@pytest.mark.parametrize("state", ["connected", "reconnecting"])
async def test_a_screen_first_opened_on_a_dead_engine_waits_for_nobody(state: LinkState) -> None:
    """It waited for the first view of an engine that the bar above called silent."""
    async with open_desk() as d:
        d.link.views["desk"] = None
        d.link.state, d.link.quiet_s, d.link.ages = state, 12.0, {"desk": 12.0, "markets": 12.0}
        for name in BY_NAME:
            await d.press(BY_NAME[name].key)
            d.app.desk._each_second()
            await d.pilot.pause()
            assert d.app.desk.room.name == name
            assert "ENGINE SILENT" in d.text
            assert "The engine does not answer, and had" in d.text, name
            assert "The engine answers" not in d.text
            assert "Waiting for" not in d.text


async def test_without_a_first_answer_the_bar_says_that_nothing_comes() -> None:
    async with open_desk() as d:
        d.link.views["strip"] = None
        d.link.ages = {"strip": 5.0}
        d.app.desk._each_second()
        await d.pilot.pause()
        assert "the engine answers" in d.text or "no figures" in d.text


async def test_a_dialog_and_a_key_take_no_old_figures_of_the_desk() -> None:
    async with open_desk() as d:
        d.link.ages = {"desk": 12.0}
        await d.press("F")
        d.app.desk._each_second()
        await d.pilot.pause()
        assert "No present view from the engine" in d.text
        await d.press("F")
        assert d.did == [("flatten", {})]
    async with open_desk() as d:
        await d.press("2")
        d.link.views.pop("desk")
        await d.press("a")
        d.link.ages = {"desk": 12.0}
        d.app.desk._each_second()
        await d.pilot.pause()
        assert "the engine sends no view of the Desk: nothing was done" in d.text


def test_the_age_of_a_view_is_since_it_came_or_was_asked_for() -> None:
    now = 100.0
    newest = Newest(lambda: now)
    assert newest.age("strip") == 0
    newest.ask(("strip",))
    now = 104.0
    assert newest.age("strip") == 4
    newest.ask(("strip", "desk"))
    assert (newest.age("strip"), newest.age("desk")) == (4, 0)
    newest.put("strip", b"{}", 1)
    now = 107.0
    assert newest.age("strip") == 3
    newest.ask_anew()
    assert (newest.age("strip"), newest.age("desk")) == (3, 0), "another engine makes no old view new"
    newest.ask(("desk",))
    assert newest.age("strip") == 0, "nobody looks at it"


def test_a_desk_stands_since_its_time_was_first_heard() -> None:
    now = 100.0
    newest = Newest(lambda: now)
    assert newest.standing() == 0
    newest.put("strip", b"{}", 7)
    now = 104.0
    newest.put("strip", b"{}", 7)
    newest.put("desk", b"{}", 8)
    assert newest.standing() == 4, "the frame came, its time is the old one"
    newest.ask_anew()
    assert newest.standing() == 0, "another engine has not told its time"
    newest.put("strip", b"{}", 7)
    now = 106.0
    assert newest.standing() == 2
    newest.put("strip", b"{}", 9)
    assert newest.standing() == 0


async def test_views_of_a_desk_whose_time_stands_are_no_present(tmp_path: Path) -> None:
    """The answer bar comes again each second, fresh in every cell, though its desk hears nothing."""
    async with living(tmp_path) as (engine, app, pilot, newest):
        await until(pilot, lambda: "BTC-USDT-PERP" in text(app) and "HEDGED" in text(app))
        engine.stands = True
        await until(pilot, lambda: newest._ts == QUIET_TS)
        newest._clock = lambda: time.monotonic() + 12

        def told() -> bool:  # the panes follow the bar, each in a step of its own
            said = text(app)
            words = ("DESK STANDS", "was ACTIVE")
            ages = (r"time stands for (1[2-9]|[2-5]\d) s", r"\b(1[2-9]|[2-5]\d) s old")
            return all(word in said for word in words) and all(re.search(age, said) for age in ages)

        await until(pilot, told)
        assert "HEDGED " not in text(app)
        engine.stands = False
        await until(pilot, lambda: "DESK STANDS" not in text(app) and " old" not in text(app))


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_how_a_desk_that_stands_is_told(size: tuple[int, int]) -> None:
    async with open_desk(size=size) as d:
        d.link.stood_s = 9.9
        d.app.desk._each_second()
        await d.pilot.pause()
        assert "STANDS" not in d.text
        d.link.stood_s = 24.0
        d.app.desk._each_second()
        await d.pilot.pause()
        assert "DESK STANDS" in d.text
        assert ("flatten --direct" if size[0] > 80 else "stands 24 s") in d.text
        await d.press("F")
        d.app.desk._each_second()
        await d.pilot.pause()
        assert "No present view from the engine" in d.text
        await d.press("F")
        assert d.did == [("flatten", {})], "it is asked all the same"


async def test_a_slow_run_may_stand_longer() -> None:
    async with open_desk(quiet_strip(still_s=120.0)) as d:
        d.link.stood_s = 119.0
        d.app.desk._each_second()
        await d.pilot.pause()
        assert "DESK STANDS" not in d.text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"age_s": 65, "failing": "disk I/O error"}, "○ 1 m old · disk I/O error"),
        ({"age_s": 40}, "○ 40 s old · the store is still being read"),
        ({"failing": "it is gone"}, "○ not known · it is gone"),
    ],
)
async def test_a_report_that_does_not_come_is_told_with_its_age(more: dict[str, Any], said: str) -> None:
    async with open_desk() as d:
        await shown(d, "performance")
        topic = d.link.watched[-1]
        assert " old" not in d.text
        d.link.put(**{topic: structs.replace(quiet_results(), **more)})
        d.app.desk.draw_all()
        await d.pilot.pause()
        assert said in d.text
        for name in ("waterfall", "metrics"):
            pane = d.app.desk.panes[name]
            inks = {span.ink.lstrip("*") for line in pane.lines[1:-1] for span in line.spans}
            assert not inks & {"pos", "neg", "strong"}, name
