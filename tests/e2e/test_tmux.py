"""The operator's day in a real terminal: start, halt, lose screen and engine, resume, flatten, quit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.builders import (
    PROGRAM,
    Terminal,
    end_engine,
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


NARROW = 80
"""At this width the panes are tabs."""

PANES_WITHIN_S, PAIR_WITHIN_S = 10, 60
"""From the command to four filled panes, and to a hedged pair, on a machine that has the time for it."""


def crowded() -> float:
    """How many processes share each core: what wall time has to be stretched by."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@contextmanager
def home() -> Iterator[tuple[dict[str, str], Path]]:
    """A home of its own, and where the engine's state lies in it when nobody says otherwise."""
    with state_folder() as root:
        folder = root / ".local" / "state" / "stableconsole" / "sim"
        try:
            yield {"HOME": str(root)}, folder
        finally:
            end_engine(folder)


def start(folder: Path, *flags: str) -> list[str]:
    return [*PROGRAM, "--state-dir", str(folder), "--seed", "7", *flags]


def hedged(folder: Path) -> bool:
    return any(pair["state"] == "hedged" for pair in status(folder).get("pairs", ()))


def positions(folder: Path) -> dict[str, Decimal]:
    return {row["instrument"]: Decimal(row["size"]) for row in status(folder)["positions"]}


def four_filled_panes(screen: Terminal, alerts: str) -> None:
    """All at once, or one tab after the other."""
    filled = (("Positions", "P-01"), ("Funding", "HOLD"), ("Limits", "venue share"), ("Alerts", alerts))
    if screen.columns > NARROW:
        screen.see(*PANES, *[text for _, text in filled])
        return
    screen.see(*[f"{name} " for name, _ in filled])
    for _, text in filled:
        screen.see(text)
        screen.press("Tab")
    screen.see("P-01")


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (200, 60)])
def test_the_operators_day(columns: int, lines: int) -> None:
    """Start, four panes, a hedged pair; H; screen and engine killed; R; F F: as the operator sees it.

    The command is that of `make run`.
    """
    program = list(PROGRAM)
    with home() as (mine, folder):
        session = {
            **mine,
            "XDG_RUNTIME_DIR": f"{mine['HOME']}/run",
            "SSH_CONNECTION": "192.0.2.1 5 192.0.2.2 22",
        }
        with terminal(columns, lines) as screen:
            began = time.monotonic()
            screen.open(program, **session)
            screen.see("SYNTHETIC, generous")
            four_filled_panes(screen, "Nothing needs you")
            assert time.monotonic() - began < PANES_WITHIN_S * crowded()
            screen.see("ACTIVE", "HEDGED")
            assert time.monotonic() - began < PAIR_WITHIN_S * crowded()
            until(lambda: hedged(folder), "a hedged pair is open")
            assert len(positions(folder)) == 2

            screen.press("H")
            screen.see("HALTED")
            assert until(lambda: status(folder)["trading_state"] == "HALTED", "halted in status")
            engine = engine_pid(folder)
            assert engine is not None
            os.kill(screen.program_pid(), signal.SIGKILL)
            screen.see("EXIT 137")
            assert engine_pid(folder) == engine, "the engine goes on without its screen"
            before = status(folder)["venues"]
            until(lambda: status(folder)["venues"] != before, "its market moves on")
            assert status(folder)["trading_state"] == "HALTED"

        after_log_out = subprocess.run(
            [*PROGRAM, "status", "--json"],
            env={"PATH": os.environ["PATH"], **mine},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(after_log_out.stdout)["trading_state"] == "HALTED"

        with terminal(columns, lines) as second:
            second.open([*PROGRAM, "attach"], **mine)
            second.see("HALTED", "P-01")
            os.kill(engine, signal.SIGKILL)
            until(lambda: not status(folder), "the engine is gone")
            held = exchange_positions(folder)
            assert len(held) == 2, "a hedged pair has two legs"

        with terminal(columns, lines) as third:
            third.open(program, **mine)
            third.see("HALTED", "P-01")
            again = engine_pid(folder)
            assert again not in (None, engine)
            assert until(lambda: status(folder).get("trading_state") == "HALTED", "still halted")
            assert positions(folder) == held

            third.press("R")
            third.see("Resume trading")
            third.enter("checked both venues")
            until(lambda: status(folder)["trading_state"] == "ACTIVE", "active again")
            third.see("ACTIVE")
            four_filled_panes(third, "halted by hand in the console")

            third.press("F")
            third.answer("Flatten everything?", "F")
            third.see("flat: 0 orders, 0 positions, read ")
            assert status(folder)["positions"] == []
            third.see("HALTED", "FLAT", "No positions.")
            third.press("q")
            third.answer("Leave the console?", "s")
            third.see("EXIT 0")
            until(lambda: engine_pid(folder) is None or not status(folder), "the engine has stopped")
            assert exchange_positions(folder) == {}


def test_detaching_leaves_the_engine_running() -> None:
    with state_folder() as folder, terminal(120, 40) as screen:
        screen.open(start(folder))
        screen.see(*PANES, "TRADE", "ACTIVE")
        screen.press("q")
        screen.answer("Leave the console?", "d")
        screen.see("EXIT 0")
        engine = engine_pid(folder)
        assert engine is not None
        screen.close()
        assert status(folder)["trading_state"] == "ACTIVE"
        assert engine_pid(folder) == engine


@pytest.mark.parametrize(
    ("columns", "lines", "term", "says"),
    [
        (20, 5, "tmux-256color", "EXIT 2"),
        (80, 24, "dumb", "TERM=dumb cannot draw a console: use another terminal or --no-ui"),
    ],
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
