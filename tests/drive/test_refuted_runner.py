"""A disk that hangs and comes back: its trouble ends by itself (SEMANTICS 3, 14)."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.domain.enums import PairState
from services.drive import runner as running
from services.drive.pace import Pacer
from services.drive.runner import Limits, Runner
from tests.desk.world import DeskWorld, S, quick


def test_a_store_that_hung_and_wrote_after_all_is_well_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else would ever say so: the writer itself saw no failure."""
    monkeypatch.setattr(running, "COMMIT_PATIENCE_S", 0.1)
    world = DeskWorld(settings=quick())
    world.until(lambda w: PairState.OPENING in w.pair_states() and bool(w.desk.state.intents))
    keeper = world.keeper
    keeper.hang = True
    world.machine.commit = keeper.commit()
    keeper.hang = False
    told: list[bool] = []

    def beat() -> None:
        sick = any(cause.name == "store" for cause in world.desk.core.causes.causes())
        if sick and not told:
            told.append(True)
            keeper.hanging[0].set_result(None)

    limits = Limits(virtual_end=world.now + 10 * S)
    runner = Runner(world.machine, Pacer(None, time.monotonic(), world.now), limits, beat=beat)
    asyncio.run(runner.run())
    assert told
    assert not any(cause.name == "store" and cause.holds for cause in world.desk.core.causes.causes())
