"""`sim --books DIR` on what a world of another time has left: refused at the start, not at each question."""

from __future__ import annotations

from pathlib import Path

import pytest

from services import simulator
from services.protocol.errors import UsageError
from services.simulator import SimOptions
from services.venues.sim.facts import NS
from services.venues.sim.world import claim_world
from services.workers.simserver.worlds import same_world, served_world
from tests.simserver.served import KEY


def options(folder: Path) -> SimOptions:
    return SimOptions(
        port=0,
        scenario="calm",
        seed=1,
        speed=1.0,
        step_s=None,
        instruments=0,
        latency_ms=None,
        lockstep=False,
        scenario_time=True,
        keys=(KEY,),
        faults=(),
        folder=folder,
    )


def test_books_of_another_start_are_named_and_the_same_worlds_are_taken(tmp_path: Path) -> None:
    own = served_world("calm", 1, step_s=None, synthetic=0, start=None)
    claim_world(tmp_path / "same-", own)
    same_world(tmp_path, own)
    claim_world(
        tmp_path / "then-", served_world("calm", 1, step_s=None, synthetic=0, start=1_700_000_000 * NS)
    )
    with pytest.raises(UsageError) as refused:
        simulator.serve(options(tmp_path), print)
    assert "then- holds the books of another world or another start" in str(refused.value)
    assert "--scenario-time" in str(refused.value)


def test_books_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "torn-").mkdir()
    (tmp_path / "torn-" / "world.json").write_bytes(b"{")
    with pytest.raises(UsageError, match=r"torn-/world\.json is not a world description"):
        simulator.serve(options(tmp_path), print)
