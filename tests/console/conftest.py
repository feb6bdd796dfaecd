"""What every test of a screen stands on: style sheets read once, pauses that outlast a busy machine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot

from console.app import StableConsole

Known = dict[tuple[object, ...], list[RuleSet]]

LOOKS, LOOK_S = 500, 0.01
"""How often, and how far apart, a pause looks for what is still due on the desk."""


@pytest.fixture(scope="session", autouse=True)
def style_sheets_once() -> Any:
    """Each test starts an app of its own, and all read the same sheets: these are read once a process."""
    read = Stylesheet._parse_rules
    known: Known = {}

    def once(self: Stylesheet, css: str, read_from: Any, *flags: Any, **named: Any) -> list[RuleSet]:
        variables = tuple(self._variables.items())
        key = (css, read_from, flags, tuple(named.items()), variables)
        if key not in known:
            known[key] = read(self, css, read_from, *flags, **named)
        return known[key]

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(Stylesheet, "_parse_rules", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def patient_pauses() -> Any:
    """A pause on a busy machine also lasts until what was due in it has been painted and asked."""
    plain = Pilot.pause

    async def pause(self: Pilot[Any], delay: float | None = None) -> None:
        await plain(self, delay)
        if delay is None or not isinstance(self.app, StableConsole):
            return
        for _ in range(LOOKS):
            if not _due(self.app):
                break
            await asyncio.sleep(LOOK_S)
        await plain(self)

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(Pilot, "pause", pause)
        yield


def _due(app: StableConsole) -> bool:
    desk = app.desk
    waits = desk._frame is not None or desk._ask_timer is not None
    return waits or bool(desk._dirty or desk._steps or desk._callbacks)
