"""The desk over sockets decides what the desk in process decides: the same world, in lock-step (RUNTIME 6).

With STABLECONSOLE_SOAK=1 over half an hour of market, a settlement in it.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.lockstep.sides import brisk, decided, in_process, over_sockets

SOAK = os.environ.get("STABLECONSOLE_SOAK") == "1"
SECONDS = 1_800 if SOAK else 165


def test_the_decisions_over_sockets_are_those_in_process(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    settings = brisk()
    in_process(inside, settings, SECONDS)
    steps = over_sockets(outside, settings, SECONDS)
    wanted, found = decided(inside), decided(outside)
    closed = [row for row in wanted if row[0] == "episode"]
    sends = [row for row in wanted if row[0] == "send"]
    print(f"lock-step: {len(wanted)} decisions, {len(sends)} sends, {len(closed)} closed, {steps} steps")  # noqa: T201
    assert len(closed) >= 2, "the comparison must hold pairs that were closed"
    assert found == wanted
    # Nothing of what makes a decision one is lost to the comparison.
    assert {row[2].rpartition(".")[2] for row in sends} == {"alpha", "beta"}
    assert {row[9] for row in sends} >= {"entry", "hedge", "exit"}
    assert any(row[3] for row in wanted if row[0] == "gate"), "no binding bound was compared"
