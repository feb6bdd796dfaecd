"""Pictures of every dialog where a decision is made: three sizes in three palettes, over one console.

One console is turned from palette to palette: a new one for each picture would take minutes. The panes behind
have pictures of their own; here they are away, so that no change of theirs changes these.
"""

from __future__ import annotations

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion

from services.domain.enums import TradingState
from tests.console.differing import COIN, LEG, SMALL, STRANGE, differing_desk
from tests.console.eight import eight_screens  # noqa: F401 - a fixture
from tests.console.fixtures import STATES, halted_desk, halted_strip, quiet_desk, quiet_strip
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
        for name, (views, keys) in DIALOGS.items():
            await _opened(d, views, keys)
            for colour in COLOURS:
                d.app._use_palette(PALETTES[colour])
                await d.pilot.pause()
                assert d.app.export_screenshot() == pictures(name=f"{name}-{size}-{colour}"), name
            await d.press("escape", "escape")
            assert d.app.desk.dialog is None


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
