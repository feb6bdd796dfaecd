"""The same world and `--for-sim` give the same journal: whatever the pace or the hash seed.

RUNTIME 2 and 4. Whole engines in fresh processes; the head of the hash chain stands for every byte. The
program itself, with a neighbour that never rests, is in `tests/e2e/test_main_job.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SIM_S = 100
"""A pair is hedged after 77 seconds of the default world."""


def run(folder: Path, speed: str, hash_seed: str, seconds: int = SIM_S) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.drive.paced_child", str(folder), speed, str(seconds)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()[-3000:]
    found: dict[str, Any] = json.loads(ended.stdout.decode().splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run(tmp_path_factory.mktemp("reference"), "max", "0")


def test_the_reference_run_did_something(reference: dict[str, Any]) -> None:
    assert reference["exit"] == 0
    assert reference["ok"]
    assert reference["events"] > 150
    assert reference["decisions"] > 100
    assert reference["sends"] >= 4, "no pair was opened"
    assert reference["overruns"] == 0
    assert reference["replay"]


def test_the_pace_leaves_no_trace(tmp_path: Path, reference: dict[str, Any]) -> None:
    assert run(tmp_path / "state", "60", "0") == reference


def test_the_hash_seed_leaves_no_trace_and_two_sessions_replay_as_one(
    tmp_path: Path, reference: dict[str, Any]
) -> None:
    first = run(tmp_path / "state", "max", "1")
    assert first == reference
    second = run(tmp_path / "state", "max", "0", 60)
    assert second["ok"]
    assert second["replay"]
    assert second["rows"] > first["rows"] > 0
