"""Pictures of every dialog: three sizes in three palettes, over one console; screens have theirs elsewhere.

One console is turned from palette to palette: a new one for each picture would take minutes. The panes behind
have pictures of their own; here they are away, so that no change of theirs changes these.
"""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from pathlib import Path

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from textual.command import CommandList, CommandPalette

import screens
from screens.dialogs import Dialog
from screens.rooms import BY_NAME
from services.domain.enums import TradingState
from tests.console.differing import COIN, LEG, SMALL, STRANGE, differing_desk
from tests.console.eight import eight_screens  # noqa: F401 - a fixture
from tests.console.fixtures import STATES, calm_strip, halted_desk, halted_strip, quiet_desk, quiet_strip
from tests.console.pair_fixtures import TYPED, answered, pair_view, resume_view
from tests.console.test_keys import Desk, open_desk
from tests.console.test_ticket import BTC, answer
from themes.palette import PALETTES

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}
COLOURS = ("dark", "light", "sixteen")

REDUCING = quiet_strip(trading_state=TradingState.REDUCING, badge="SIM ×60")
DIALOGS: dict[str, tuple[tuple[object, object], tuple[str, ...]]] = {
    "flatten": (STATES["live"], ("F",)),
    "order": ((quiet_strip(), quiet_desk()), ("o", "end", "ctrl+u", f"=buy {BTC} 0.05")),
    "pair": ((quiet_strip(), quiet_desk()), ("O", "end", "ctrl+u", f"={TYPED}")),
    "reconcile": ((REDUCING, differing_desk(LEG, COIN, STRANGE, SMALL)), ("colon", "=reconcile", "enter")),
    "resume": ((halted_strip(), halted_desk()), ("R", "=both venues checked")),
    "quit": ((quiet_strip(), quiet_desk()), ("q",)),
    "help": ((quiet_strip(), quiet_desk()), ("question_mark",)),
    "columns": ((quiet_strip(), quiet_desk()), ("C", "down", "space")),
    "theme": ((quiet_strip(), quiet_desk()), ("t", "down")),
    "tour": ((calm_strip(), quiet_desk()), ("colon", "=tour", "enter")),
}
"""By name: what the console shows, and the keys that open it there."""


@pytest.mark.parametrize("size", SIZES)
async def test_pictures(size: str, snapshot: SnapshotAssertion) -> None:
    pictures = snapshot.use_extension(SVGImageExtension)
    async with open_desk(size=SIZES[size]) as d:
        d.link.answers |= {
            "preview": answer(),
            "preview pair": answered(pair_view()),
            "preview resume": answered(resume_view()),
        }
        seen = set[type[Dialog]]()
        for name, (views, keys) in DIALOGS.items():
            await _opened(d, views, keys)
            seen.add(type(d.app.desk.dialog))
            for colour in COLOURS:
                _nothing_said(d)
                d.app._use_palette(PALETTES[colour])
                await d.pilot.pause()
                assert d.app.export_screenshot() == pictures(name=f"{name}-{size}-{colour}"), name
            await d.press("escape", "escape")
            assert d.app.desk.dialog is None
        assert seen == _every_dialog()
        for colour in COLOURS:
            # Opened in its palette: Textual gives an open screen the colours of the one before.
            d.app._use_palette(PALETTES[colour])
            await _palette_shows(d)
            _nothing_said(d)
            await d.pilot.pause()
            assert d.app.export_screenshot() == pictures(name=f"palette-{size}-{colour}")
            if colour != COLOURS[-1]:
                await d.press("escape")
        assert d.app.desk.searching, "the answer bar says TYPING: no letter is a key now"
        await d.press("escape")
        assert not d.app.desk.searching
        assert "TYPING" not in d.text


def test_every_screen_and_dialog_is_seen_at_every_size_in_every_palette() -> None:
    """The pictures themselves are compared where they are made; here that none of them is missing."""
    folder = Path(__file__).parent / "__snapshots__"
    wanted = [
        f"test_decision_pictures/test_pictures[{size}][{name}-{size}-{colour}].svg"
        for name in (*DIALOGS, "palette")
        for size in SIZES
        for colour in COLOURS
    ]
    for name in BY_NAME:
        part = "test_snapshots/test_quiet_day[" if name == "desk" else f"test_rooms/test_picture[{name}-"
        wanted += [f"{part}{size}-{colour}].svg" for size in SIZES for colour in COLOURS]
    assert len(wanted) == 9 * (len(DIALOGS) + 1 + len(BY_NAME))
    assert [name for name in wanted if not (folder / name).exists()] == []


def _every_dialog() -> set[type[Dialog]]:
    """Those that can be opened: the last in each line of descent, also of modules that no key has loaded."""
    for module in pkgutil.iter_modules(screens.__path__, "screens."):
        importlib.import_module(module.name)
    kinds, ends = [Dialog], set[type[Dialog]]()
    while kinds:
        kind = kinds.pop()
        under = [each for each in kind.__subclasses__() if each.__module__.startswith("screens.")]
        kinds += under
        if not under:
            ends.add(kind)
    return ends


def _nothing_said(d: Desk) -> None:
    """The last answer fades after so many seconds of the wall: no picture may wait for it."""
    d.app.desk.said = None
    d.app.desk.draw_command()


async def _palette_shows(d: Desk) -> None:
    """The list of commands is filled beside the picture: until it stands."""
    d.link.put(strip=quiet_strip(), desk=quiet_desk())
    await d.press("ctrl+p")
    async with asyncio.timeout(20):
        while not (
            isinstance(d.app.screen, CommandPalette) and d.app.screen.query_one(CommandList).option_count
        ):
            await d.pilot.pause(0.05)
        await d.app.workers.wait_for_complete()
    for pane in d.app.desk.panes.values():
        pane.display = False
    await d.pilot.pause()


async def _opened(d: Desk, views: tuple[object, object], keys: tuple[str, ...]) -> None:
    d.app.desk._alarms = None  # what this state begins with flashes nothing
    d.link.put(strip=views[0], desk=views[1])
    d.app.desk.draw_all()
    await d.press(*keys)
    if d.app.desk.field is not None:
        d.app.desk.ask_gate()
        await d.pilot.pause()
    assert d.app.desk.dialog is not None
    for pane in d.app.desk.panes.values():
        pane.display = False
