"""The operator's day in a real terminal: start, halt, lose screen and engine, resume, flatten, quit."""

from __future__ import annotations

import os
import signal
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.builders import (
    PROGRAM,
    ask,
    engine_pid,
    exchange_positions,
    headless,
    state_folder,
    status,
    terminal,
    until,
)

pytestmark = pytest.mark.tmux

PANES = ("Positions", "Funding spreads", "Risk limits", "Alerts")


def start(folder: Path, *flags: str) -> list[str]:
    return [*PROGRAM, "--state-dir", str(folder), "--seed", "7", *flags]


def hedged(folder: Path) -> bool:
    return any(pair["state"] == "hedged" for pair in status(folder).get("pairs", ()))


def positions(folder: Path) -> dict[str, Decimal]:
    return {row["instrument"]: Decimal(row["size"]) for row in status(folder)["positions"]}


def test_the_operators_day() -> None:
    with state_folder() as folder, terminal() as screen:
        screen.open(start(folder))
        screen.see(*PANES, "SYNTHETIC")
        until(lambda: hedged(folder), "a hedged pair is open")
        screen.see("ACTIVE")

        screen.press("H")
        screen.see("HALTED")
        assert until(lambda: status(folder)["trading_state"] == "HALTED", "halted in status")
        engine = engine_pid(folder)
        assert engine is not None

        os.kill(screen.program_pid(), signal.SIGKILL)
        screen.see("EXIT 137")
        assert engine_pid(folder) == engine, "the engine goes on without its screen"
        assert status(folder)["trading_state"] == "HALTED"

        with terminal() as second:
            second.open([*PROGRAM, "attach", "--state-dir", str(folder)])
            second.see(*PANES, "HALTED")
            os.kill(engine, signal.SIGKILL)
            until(lambda: not status(folder), "the engine is gone")
            before = exchange_positions(folder)
            assert len(before) >= 2, "a hedged pair has two legs"

        with terminal() as third:
            third.open(start(folder))
            third.see(*PANES, "HALTED")
            again = engine_pid(folder)
            assert again not in (None, engine)
            assert until(lambda: status(folder).get("trading_state") == "HALTED", "still halted")
            assert positions(folder) == before
            third.press("R")
            third.dialog("Resume trading")
            third.type("checked both venues")
            third.press("Enter")
            until(lambda: status(folder)["trading_state"] == "ACTIVE", "active again")
            third.see("ACTIVE")

            third.press("F")
            third.answer("Flatten everything?", "F")
            until(lambda: not status(folder)["positions"], "flat")
            third.see("flat")
            third.press("q")
            third.answer("Leave the console?", "s")
            third.see("EXIT 0")
            until(lambda: engine_pid(folder) is None or not status(folder), "the engine has stopped")
            assert exchange_positions(folder) == {}


def test_status_finds_the_engine_after_a_log_out() -> None:
    """Nothing of an engine lies in the runtime directory, which vanishes at log-out."""
    with state_folder() as home:
        more = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run")}
        folder = home / ".local" / "state" / "stableconsole" / "sim"
        with headless(folder, **more):
            until(lambda: status(folder), "the engine answers")
            without = {"HOME": str(home)}
            ran = ask(folder, "status", "--json", **without)
            assert ran.returncode == 0
            assert engine_pid(folder) is not None


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (200, 60)])
def test_other_sizes_show_the_answers(columns: int, lines: int) -> None:
    with state_folder() as folder, terminal(columns, lines) as screen:
        screen.open(start(folder))
        screen.see("TRADE", "Positions", "ACTIVE")
        screen.press("q")
        screen.answer("Leave the console?", "d")
        screen.see("EXIT 0")
        assert engine_pid(folder) is not None, "detaching leaves the engine running"


@pytest.mark.parametrize(
    ("columns", "lines", "term", "says"),
    [(20, 5, "tmux-256color", "EXIT 2"), (80, 24, "dumb", "TERM=dumb cannot draw")],
)
def test_terminal_that_cannot_show_it(columns: int, lines: int, term: str, says: str) -> None:
    with state_folder() as folder, terminal(columns, lines) as screen:
        screen.open(["env", f"TERM={term}", *start(folder)])
        screen.see(says)
        shown = screen.screen()
        assert "Traceback" not in shown
        assert engine_pid(folder) is None, "nothing was started"


def test_read_only_console_sends_nothing() -> None:
    with state_folder() as folder, headless(folder), terminal() as screen:
        until(lambda: status(folder), "the engine answers")
        screen.open([*PROGRAM, "attach", "--read-only", "--state-dir", str(folder)])
        screen.see(*PANES, "ACTIVE")
        screen.press("H")
        screen.see("read-only")
        assert status(folder)["trading_state"] == "ACTIVE"
