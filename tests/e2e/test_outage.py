"""An engine with a hedged pair of which one venue cannot be reached."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.builders import (
    PROGRAM,
    ask,
    environment,
    exchange_positions,
    headless,
    state_folder,
    status,
    until,
)
from tests.e2e.test_signals import ended


@pytest.fixture(scope="module")
def begun() -> Iterator[Path]:
    """What a desk leaves that was stopped in the middle of the outage. Each test goes on with a copy."""
    flags = ("--scenario", "outage", "--seed", "7", "--speed", "max", "--for-sim", "31m")
    with state_folder() as folder:
        assert ask(folder, "run", "--no-ui", *flags).returncode == 0
        yield folder


def test_a_second_signal_ends_at_once_and_lists_what_is_open(begun: Path) -> None:
    """Asked twice while beta cannot be reached and a flatten waits for it: exit 1 (RUNTIME 1)."""
    with state_folder() as folder:
        shutil.copytree(begun, folder, dirs_exist_ok=True)
        with headless(folder, "--speed", "1") as engine:
            until(lambda: len(status(folder).get("positions", ())) == 2, "the engine has its positions back")
            flatten = subprocess.Popen(
                [*PROGRAM, "flatten", "--yes", "--state-dir", str(folder)],
                env=environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            until(lambda: status(folder)["trading_state"] == "HALTED", "a flatten is under way")
            engine.send_signal(signal.SIGTERM)
            time.sleep(0.1)  # two signals at one instant are one
            engine.send_signal(signal.SIGTERM)
            returned, _, errors = ended(engine)
            _, told = flatten.communicate(timeout=60)
            assert returned == 1
            assert flatten.returncode == 1
            assert told.splitlines()[-1].startswith("stableconsole: ")
            (line,) = [line for line in errors.splitlines() if line.startswith("stableconsole: ")]
            assert "flatten" in line or "pair" in line or "P-01" in line, line
        assert len(exchange_positions(folder)) >= 1


def test_flatten_that_leaves_something_is_five(begun: Path) -> None:
    """While beta cannot be reached a leg cannot be closed there: after a while the rest is listed."""
    with state_folder() as folder:
        shutil.copytree(begun, folder, dirs_exist_ok=True)
        with headless(folder):
            until(lambda: status(folder).get("positions"), "the engine has its positions back")
            ran = ask(folder, "flatten", "--yes", "--json")
            assert ran.returncode == 5, (ran.stdout, ran.stderr)
            left = json.loads(ran.stdout)
            assert left["flat"] is False
            assert any(".beta" in line for line in left["positions_left"])
            assert ".beta" in ran.stderr.splitlines()[-1]
            assert status(folder)["trading_state"] == "HALTED"
