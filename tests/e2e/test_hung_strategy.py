"""A strategy that does not come back: halt and flatten from another process still end flat (RUNTIME 3)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.client import Client
from services.drive.latch import read_latch
from services.protocol.frames import Cmd, encode
from services.settings.layout import StateLayout
from tests.e2e.builders import (
    ask,
    environment,
    exchange_positions,
    headless,
    state_folder,
    status,
    until,
)

_PROGRAM = """
import os, sys
from services.strategies.funding_arb import FundingArb
whole = FundingArb.decide
def decide(self, *args, **more):
    if os.path.exists(os.environ["HANGS"]):
        {hang}
    return whole(self, *args, **more)
FundingArb.decide = decide
from console.cli import main
sys.exit(main())
"""
LOOP = "while True: pass"
IN_C = "sum(range(10**10))"


@contextmanager
def hanging(folder: Path, hang: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """An engine with a hedged pair whose strategy will hang at its next decision."""
    marker = folder / "hang"
    process = subprocess.Popen(
        [
            *(sys.executable, "-P", "-c", _PROGRAM.format(hang=hang)),
            *("run", "--no-ui", "--state-dir", str(folder), "--seed", "7"),
        ],
        env=environment(HANGS=str(marker), PYTHONPATH=str(Path(__file__).resolve().parents[2]), **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        until(
            lambda: any(pair["state"] == "hedged" for pair in status(folder).get("pairs", ())),
            "a hedged pair",
        )
        marker.touch()
        yield process
    finally:
        marker.unlink(missing_ok=True)
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_strategy_that_loops_is_dropped_and_halt_and_flatten_end_flat() -> None:
    """The one who asked for the flatten is killed at once: it goes on all the same."""
    with state_folder() as folder, hanging(folder, LOOP) as engine:
        until(
            lambda: any("took too long" in each["reason"] for each in status(folder).get("strategies", ())),
            "the strategy was broken off",
        )
        assert ask(folder, "halt", "it", "hangs").returncode == 0
        assert status(folder)["trading_state"] == "HALTED"
        with Client.open(StateLayout(folder), "sim") as asker:
            asker._send(encode(Cmd(id="f", name="flatten", origin="shell:1")))
        until(lambda: not (now := status(folder))["positions"] and not now["pairs"], "flat")
        latched = {each["name"] for each in status(folder)["causes"] if each["latched"]}
        assert {"halt", "flatten", "strategy dropped"} <= latched
        assert ask(folder, "stop").returncode == 0
        engine.wait(60)
        assert exchange_positions(folder) == {}


def test_a_long_call_in_c_is_flattened_past_directly() -> None:
    """Nothing inside the process can be asked: C code holds the interpreter."""
    with state_folder() as folder, hanging(folder, IN_C) as engine:
        flat = ask(folder, "flatten", "--direct", "--yes", "--json")
        assert flat.returncode == 0, flat.stderr
        assert json.loads(flat.stdout)["flat"]
        assert engine.wait(30) != 0
        assert exchange_positions(folder) == {}
        latch = read_latch(folder / "latch")
        assert latch is not None
        assert latch.state == "HALTED"


def test_a_long_call_in_c_is_ended_by_the_watchdog_halted_and_the_next_start_flattens() -> None:
    with state_folder() as folder:
        with hanging(folder, IN_C, STABLECONSOLE_ENGINE__HEARTBEAT_S="2") as engine:
            assert engine.wait(60) != 0
        latch = read_latch(folder / "latch")
        assert latch is not None
        assert (latch.state, latch.cause) == ("HALTED", "watchdog")
        assert len(exchange_positions(folder)) == 2
        with headless(folder) as again:
            until(lambda: status(folder).get("trading_state") == "HALTED", "halted after the restart")
            flat = ask(folder, "flatten", "--yes", "--json")
            assert flat.returncode == 0, flat.stderr
            assert ask(folder, "stop").returncode == 0
            again.wait(60)
        assert exchange_positions(folder) == {}
