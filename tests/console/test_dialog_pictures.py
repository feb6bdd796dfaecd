"""Pictures of the tour and of the choice of a theme over the real screens, and of each palette on the desk.

As dialogs they are in `test_decision_pictures.py`, at every size in every palette.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

from console.app import make_app
from screens.tour import TourDialog
from screens.ui import Terminal
from tests.console.eight import eight_screens  # noqa: F401 - a fixture
from tests.console.fixtures import calm_strip, quiet_desk, quiet_strip
from tests.console.market_fixtures import quiet_book, quiet_markets
from tests.console.stub import StubLink
from tests.console.test_snapshots import SIZES

Compare = Any
MARKETS, SAFETY = 2, 9
"""Steps of the walk, from nought."""


def app_of(palette: str, strip: object) -> App[Any]:
    link = StubLink(strip, quiet_desk())
    link.views |= {"markets": quiet_markets(), "book:BTC-USDT-PERP.alpha@1": quiet_book()}
    found = Terminal(fps=10, remote=False, ascii=False, palette=palette)
    ticks = iter(range(1_000_000))
    return make_app(link, found=found, clock=lambda: float(next(ticks)))


def at_step(number: int) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def walk(pilot: Pilot[Any]) -> None:
        await pilot.pause()
        desk: Any = pilot.app.screen
        desk.action_tour()
        assert isinstance(desk.dialog, TourDialog)
        desk.dialog.step(number)
        await pilot.pause()

    return walk


def test_tour(snap_compare: Compare) -> None:
    app = app_of("dark", calm_strip())
    assert snap_compare(app, terminal_size=SIZES["120x40"], run_before=at_step(MARKETS))


def test_tour_of_the_safety_keys(snap_compare: Compare) -> None:
    app = app_of("dark", calm_strip())
    assert snap_compare(app, terminal_size=SIZES["80x24"], run_before=at_step(SAFETY))


def test_theme_choice(snap_compare: Compare) -> None:
    """The next theme is on the screen, the one in use is named."""
    app = app_of("dark", calm_strip())
    assert snap_compare(app, terminal_size=SIZES["120x40"], press=["t", "down"])


@pytest.mark.parametrize("palette", ["contrast", "safe", "plain"])
def test_palette(snap_compare: Compare, palette: str) -> None:
    assert snap_compare(app_of(palette, quiet_strip()), terminal_size=SIZES["120x40"])
