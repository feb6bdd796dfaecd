"""The pace leaves no trace however long the run: the wall is a clock of our own, twenty hours need not pass.

RUNTIME 2: speed only paces the pops. The runner, its pacer, store and journal are those of the program; what
it waits for is handed to the clock, which also jumps as a busy machine's does. In CI three minutes of the
main job's world, in the long runs (STABLECONSOLE_SOAK) the whole twenty.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from services.domain.enums import PairState
from services.drive.pace import Pacer
from services.drive.runner import Limits, Runner
from services.settings.parameters import Settings
from services.store.replay import verify
from tests.desk.world import S
from tests.drive.engines import engine, layout_of

SIM_S = 20 * 3_600 if os.environ.get("STABLECONSOLE_SOAK") else 180


class Wall:
    """Monotonic seconds that pass when somebody waits, and by fits and starts when somebody works."""

    def __init__(self, seed: int) -> None:
        self.now = 1_000.0
        self._drawn = Random(seed)

    def __call__(self) -> float:
        """Each look costs up to 20 µs; at one in a thousand the core was somebody else's for seconds."""
        self.now += self._drawn.random() * (4.0 if self._drawn.random() < 0.001 else 0.00002)
        return self.now


class Paced(Runner):
    """Waits by moving the clock on."""

    waited = 0.0

    async def _sleep(self, seconds: float) -> None:
        assert isinstance(self._clock, Wall)
        self._clock.now += seconds
        self.waited += seconds


class Ran(NamedTuple):
    head: str
    rows: int
    events: int
    closed: int
    hedged: int
    wall_s: float
    waited_s: float


async def run(folder: Path, speed: float | None, seed: int) -> Ran:
    folder.mkdir()
    session, machine = engine(folder, Settings())
    wall = Wall(seed)
    began, end = wall.now, session.queue.now + SIM_S * S
    limits = Limits(virtual_end=end)
    runner = Paced(machine, Pacer(speed, wall.now, session.queue.now), limits, beat=lambda: None, clock=wall)
    assert await runner.run()
    assert runner.ended_by == "for-sim"
    assert machine.stopped is not None
    hedged = sum(pair.state is PairState.HEDGED for pair in session.desk.core.pairs.live())
    closed = session.desk.state.counters.trades
    assert session.close()
    chain = verify(layout_of(folder).store)
    assert chain.ok
    return Ran(chain.head, chain.rows, machine.events, closed, hedged, wall.now - began, runner.waited)


async def test_the_same_journal_at_60_3600_and_max_on_a_wall_that_stumbles(tmp_path: Path) -> None:
    slow = await run(tmp_path / "60", 60.0, 1)
    fast = await run(tmp_path / "3600", 3_600.0, 2)
    free = await run(tmp_path / "max", None, 3)
    assert slow.events > SIM_S
    assert slow.closed + slow.hedged >= 1
    if SIM_S > 12 * 3_600:
        assert slow.closed >= 1, "the main job closes its pair"
    # The pacer was there: these walls passed very differently.
    assert slow.wall_s > SIM_S / 60
    assert slow.waited_s > fast.waited_s > free.waited_s == 0
    assert slow[:5] == fast[:5] == free[:5]


@pytest.mark.parametrize(
    ("speed", "step_s", "still_s"),
    [(1.0, 0, 10), (60.0, 0, 10), (0.1, 0, 100), (None, 0, 10), (60.0, 3600, 120), (3600.0, 3600, 10)],
)
def test_how_long_a_runs_time_may_stand(speed: float | None, step_s: int, still_s: float) -> None:
    """Two pauses: of 50 s at a tenth of the speed, of a minute where an hour is one step at speed 60."""
    assert Pacer(speed, 0.0, 0).still_s(step_s * 10**9) == still_s
