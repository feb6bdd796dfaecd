"""Pictures of the desk: the three sizes in three palettes, the halt, the dialogs, the silent engine."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App

from console.app import make_app
from screens.ui import Terminal
from tests.console.eight import eight_screens  # noqa: F401 - a fixture
from tests.console.fixtures import STATES
from tests.console.stub import StubLink

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}
Compare = Any


def app_of(state: str, palette: str = "dark", *, silent: bool = False) -> App[Any]:
    """A console on a fixture state; its clock stands."""
    strip, desk = STATES[state]
    link = StubLink(strip, desk, state="connected" if strip is not None else "starting")
    if silent:
        link.state, link.text, link.quiet_s = "reconnecting", "reconnecting, try 2", 12.0
    found = Terminal(fps=10, remote=False, ascii=False, palette=palette)
    ticks = iter(range(1_000_000))
    return make_app(link, found=found, clock=lambda: float(next(ticks)))


@pytest.mark.parametrize("palette", ["dark", "light", "sixteen"])
@pytest.mark.parametrize("size", SIZES)
def test_quiet_day(snap_compare: Compare, size: str, palette: str) -> None:
    assert snap_compare(app_of("quiet", palette), terminal_size=SIZES[size])


@pytest.mark.parametrize("size", SIZES)
def test_halted(snap_compare: Compare, size: str) -> None:
    assert snap_compare(app_of("halted"), terminal_size=SIZES[size])


@pytest.mark.parametrize("state", ["starting", "empty", "stale", "naked", "doubt", "live"])
def test_state(snap_compare: Compare, state: str) -> None:
    assert snap_compare(app_of(state), terminal_size=SIZES["120x40"])


@pytest.mark.parametrize(("name", "press"), [("quit", ["q"]), ("command", ["colon", "h"])])
def test_dialog(snap_compare: Compare, name: str, press: list[str]) -> None:
    assert snap_compare(app_of("live"), terminal_size=SIZES["120x40"], press=press)


@pytest.mark.parametrize("tabs", [1, 2, 3])
def test_small_tabs(snap_compare: Compare, tabs: int) -> None:
    assert snap_compare(app_of("quiet"), terminal_size=SIZES["80x24"], press=["tab"] * tabs)


def test_silent_engine(snap_compare: Compare) -> None:
    assert snap_compare(app_of("quiet", silent=True), terminal_size=SIZES["120x40"])


def test_forty_columns(snap_compare: Compare) -> None:
    assert snap_compare(app_of("halted"), terminal_size=(40, 12))
