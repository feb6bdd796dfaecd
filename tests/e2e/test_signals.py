"""How an engine ends, and how it is told from one that hangs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.builders import (
    ask,
    exchange_positions,
    headless,
    state_folder,
    status,
    until,
)


def hedged(folder: Path) -> bool:
    return any(pair["state"] == "hedged" for pair in status(folder).get("pairs", ()))


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, the last line of stdout, stderr."""
    out, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    return process.returncode, (out.splitlines() or [""])[-1], errors


@pytest.mark.parametrize(
    ("number", "code", "by"), [(signal.SIGTERM, 0, "sigterm"), (signal.SIGINT, 130, "interrupt")]
)
def test_a_signal_ends_gracefully_and_keeps_positions(number: int, code: int, by: str) -> None:
    with state_folder() as folder, headless(folder, "--seed", "7") as engine:
        until(lambda: hedged(folder), "a hedged pair")
        engine.send_signal(signal.SIGHUP)
        engine.send_signal(number)
        returned, line, errors = ended(engine)
        assert returned == code, errors
        summary = json.loads(line)
        assert summary["ended_by"] == by, "and not by the hang-up before"
        held = {row["instrument"]: row["size"] for row in summary["positions"]}
        assert len(held) == 2, "positions are kept"
        books = {name: f"{size.normalize():f}" for name, size in exchange_positions(folder).items()}
        assert held == books
        assert ask(folder, "audit", "verify").returncode == 0
        assert ask(folder, "status").returncode == 3


def test_hang_up_is_ignored() -> None:
    with state_folder() as folder, headless(folder) as engine:
        until(lambda: status(folder), "the engine answers")
        engine.send_signal(signal.SIGHUP)
        assert status(folder)["trading_state"]
        assert engine.poll() is None
        assert ask(folder, "stop").returncode == 0
        assert ended(engine)[0] == 0


def test_an_engine_that_hangs_is_named_and_is_never_no_engine() -> None:
    with state_folder() as folder, headless(folder) as engine:
        until(lambda: status(folder), "the engine answers")
        children = Path(f"/proc/{engine.pid}/task/{engine.pid}/children").read_text().split()
        (watchdog,) = [
            int(pid) for pid in children if b"watchdog" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(watchdog, signal.SIGSTOP)  # it would end the engine after five seconds
        engine.send_signal(signal.SIGSTOP)
        try:
            ran = ask(folder, "status")
        finally:
            engine.kill()
            os.kill(watchdog, signal.SIGCONT)
        assert ran.returncode == 1
        assert f"engine PID {engine.pid} does not answer" in ran.stderr
        assert ran.stderr.count("\n") == 1


def test_the_watchdog_ends_an_engine_that_hangs_and_the_halt_is_kept() -> None:
    with state_folder() as folder:
        with headless(folder) as engine:
            until(lambda: status(folder), "the engine answers")
            engine.send_signal(signal.SIGSTOP)
            time.sleep(0.1)
            until(lambda: engine.poll() is not None or _latched(folder), "the watchdog has acted")
            engine.send_signal(signal.SIGCONT)
            engine.wait(60)
            assert engine.returncode != 0
        with headless(folder):
            found = until(lambda: status(folder), "the engine is back")
            assert found["trading_state"] == "HALTED"
            assert any(cause["latched"] for cause in found["causes"])


def _latched(folder: Path) -> bool:
    return b"HALTED" in (folder / "latch").read_bytes()


def test_killed_mid_run_comes_back_with_the_exchanges_books() -> None:
    """SIGKILL at any moment, three times: each start finds what the exchange holds; the chain is whole."""
    with state_folder() as folder:
        seen = 0
        for wait in (0.2, 0.6, 0.0):
            with headless(folder, "--seed", "7", "--speed", "600") as engine:
                until(lambda: status(folder), "the engine answers")
                time.sleep(wait)  # anywhere in its work: that is the point
                if not wait:
                    until(lambda: hedged(folder), "a hedged pair")
                engine.kill()
                engine.wait()
            with headless(folder, "--speed", "60") as engine:
                until(lambda: status(folder), "the engine answers")
                held = until(
                    lambda: (
                        (now := status(folder))
                        and not now["in_doubt"]
                        and {cause["name"] for cause in now["causes"]} <= {"in doubt"}
                        and now
                    ),
                    "recovered and read",
                )
                if held["causes"]:
                    # Killed between a fill and its hedge: that is for a person to see (SEMANTICS 7).
                    assert held["trading_state"] == "REDUCING"
                    assert ask(folder, "resume", "both", "venues", "looked", "at").returncode == 0
                stopped = ask(folder, "stop", "--json")
                assert stopped.returncode == 0
                _, line, _ = ended(engine)
                after = {row["instrument"]: row["size"] for row in json.loads(line)["positions"]}
                left = [f"{name} {Decimal(size):+f}" for name, size in after.items()]
                assert sorted(json.loads(stopped.stdout)["positions"]) == sorted(left)
                books = {name: f"{size.normalize():f}" for name, size in exchange_positions(folder).items()}
                assert after == books
                seen += len(books)
        assert seen >= 2, "at least one of the starts found a pair"
        assert os.path.getsize(folder / "store.sqlite") > 0
        assert ask(folder, "audit", "verify").returncode == 0
