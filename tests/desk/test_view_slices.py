"""Looks that never do all of the work at once show, when they have come round, what a fresh look shows."""

from __future__ import annotations

import random

import pytest

from services.desk.core import SECOND
from services.desk.views import ViewCache, desk_view, strip
from services.desk.views.panes import desk_ready
from services.protocol.frames import to_json
from services.views.desk import DeskView
from tests.desk.builders import META, Rig, living_desk


class Clock:
    """Time that goes on although the world is still between two of its steps."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._now = rig.queue.now

    def run(self, ns: int) -> None:
        self._now += ns
        self._rig.machine.run_until(self._now)


ROUND = 40
"""Looks after which every figure has had its turn."""


class Looks:
    """The answer bar, then the Desk, as the pump of the control server asks for them."""

    def __init__(self, rig: Rig) -> None:
        self.cache = ViewCache(step_ns=SECOND // 4)
        self.steps = 0
        self._rig = rig
        self._version = 0

    def look(self) -> tuple[bytes, DeskView]:
        core, strategies, cache = self._rig.desk.core, self._rig.desk.strategies, self.cache
        self._version += 1
        cache.begin(self._version, "strip")
        bar = to_json(strip(core, META, cache))
        while not desk_ready(core, strategies, cache):
            self.steps += 1
        cache.begin(self._version, "desk")
        return bar, desk_view(core, strategies, META, cache)


@pytest.fixture(scope="module")
def rig() -> Rig:
    return living_desk()


def test_looks_in_turns_come_to_what_a_fresh_look_shows_byte_by_byte(rig: Rig) -> None:
    looks, clock, draw = Looks(rig), Clock(rig), random.Random(5)
    core, strategies = rig.desk.core, rig.desk.strategies
    compared = 0
    for _ in range(2 * ROUND):  # what settled is worked out row by row, and is in the next board
        looks.look()
        clock.run(SECOND // 10)
    for _ in range(8):
        for _ in range(draw.randint(0, 4)):
            looks.look()
            clock.run(draw.choice((SECOND // 10, SECOND, 20 * SECOND)))
        clock.run(SECOND)
        for _ in range(ROUND):
            bar, view = looks.look()
        assert bar == to_json(strip(core, META))
        assert to_json(view) == to_json(desk_view(core, strategies, META))
        compared += len(view.funding)
    assert compared > 20


def test_no_look_judges_the_whole_board(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.desk.views.funding.WORK", 6)
    looks, clock = Looks(rig), Clock(rig)
    boards, shown = 0, looks.look()[1].funding
    first = looks.steps
    for _ in range(200):
        clock.run(SECOND // 10)
        rows = looks.look()[1].funding
        boards += rows is not shown
        shown = rows
    assert first > 5
    assert looks.steps == first, "a board that is shown all the time is never awaited"
    assert 2 <= boards <= 200 / first + 1, "one may be half done at the first look"
