"""`flatten --direct`: the kill path against an engine that hangs (SEMANTICS 10)."""

from __future__ import annotations

import json
import os
import signal

from tests.e2e.builders import (
    ask,
    engine_pid,
    exchange_positions,
    headless,
    state_folder,
    status,
    until,
)


def test_direct_flattens_past_an_engine_that_hangs_and_the_next_start_knows() -> None:
    """Bug O4: the kill switch works when the engine is stuck."""
    with state_folder() as folder:
        with headless(folder, "--seed", "3") as engine:
            until(lambda: [p for p in status(folder).get("pairs", []) if p["state"] == "hedged"], "a pair")
            pid = engine_pid(folder)
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            ran = ask(folder, "flatten", "--direct", "--yes", "--json")
            assert ran.returncode == 0, ran.stderr
            assert engine.wait(10) != 0, "the engine that hung was ended"
        proof = json.loads(ran.stdout)
        assert proof["flat"]
        assert not proof["orders_left"]
        assert not proof["positions_left"]
        books = exchange_positions(folder)
        assert not any(books.values()), books
        with headless(folder):
            seen = until(lambda: status(folder), "the next engine")
            assert seen["trading_state"] == "HALTED", "the latch was written before anything else"
            after = until(
                lambda: (now := status(folder)) and not now["positions"] and not now["pairs"] and now, "read"
            )
            assert after["working_orders"] == 0


def test_direct_goes_through_an_engine_that_answers() -> None:
    with state_folder() as folder, headless(folder, "--seed", "3") as engine:
        until(lambda: status(folder), "the engine")
        ran = ask(folder, "flatten", "--direct", "--yes", "--json")
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["flat"]
        assert engine.poll() is None, "the engine was not ended"
        assert status(folder)["trading_state"] == "HALTED"


def test_direct_works_with_no_engine_and_needs_yes_without_a_terminal() -> None:
    with state_folder() as folder:
        refused = ask(folder, "flatten", "--direct")
        assert refused.returncode == 2
        missing = ask(folder, "flatten", "--direct", "--yes")
        assert missing.returncode == 1
        assert "holds no exchange" in missing.stderr
        assert "Traceback" not in missing.stderr
