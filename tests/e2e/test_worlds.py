"""Who may start what: two starters, another world, an engine that runs already."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.builders import (
    PROGRAM,
    ask,
    engine_pid,
    environment,
    headless,
    state_folder,
    status,
    terminal,
    until,
)

pytestmark = pytest.mark.tmux


def console(folder: Path, *flags: str) -> list[str]:
    return [*PROGRAM, "--state-dir", str(folder), *flags]


def test_equal_world_flags_attach_and_different_ones_name_both() -> None:
    with state_folder() as folder, headless(folder, "--scenario", "calm", "--seed", "3") as engine:
        until(lambda: status(folder), "the engine answers")
        with terminal() as screen:
            screen.open(console(folder, "--scenario", "calm", "--seed", "3"))
            screen.see("Positions", "ACTIVE")
            assert engine_pid(folder) == engine.pid
            screen.press("q")
            screen.answer("Leave the console?", "d")
            screen.see("EXIT 0")
        with terminal() as screen:
            screen.open(console(folder, "--scenario", "calm", "--seed", "4"))
            shown = " ".join(screen.see("EXIT 2").split())
            assert f"(PID {engine.pid}) already runs scenario calm seed 3" in shown
            assert "you asked for scenario calm seed 4" in shown
            assert "stableconsole stop" in shown
            assert "Traceback" not in shown
        with terminal() as screen:
            screen.open(console(folder, "--new-world"))
            screen.see("EXIT 2", "stop")
        assert status(folder)["trading_state"] == "ACTIVE", "nothing happened to it"


def test_another_world_than_the_folders_needs_new_world_and_keeps_the_old_one() -> None:
    with state_folder() as folder:
        assert (
            ask(folder, "run", "--no-ui", "--seed", "7", "--speed", "max", "--for-sim", "3m").returncode == 0
        )
        before = json.loads(ask(folder, "audit", "verify", "--json").stdout)
        with terminal() as screen:
            screen.open(console(folder, "--seed", "8"))
            shown = " ".join(screen.see("EXIT 2").split())
            assert "--new-world" in shown
            assert "Traceback" not in shown
        assert json.loads(ask(folder, "audit", "verify", "--json").stdout) == before
        ran = ask(
            folder, "run", "--no-ui", "--seed", "8", "--new-world", "--speed", "max", "--for-sim", "10s"
        )
        assert ran.returncode == 0
        (aside,) = folder.glob("world.*")
        kept = ask(folder, "replay", str(aside / "store.sqlite"), "--json")
        assert kept.returncode == 0, kept.stderr
        assert json.loads(kept.stdout)["events"] > 100


def test_two_consoles_at_once_share_one_engine() -> None:
    with state_folder() as folder, terminal() as one, terminal() as other:
        one.open(console(folder))
        other.open(console(folder))
        one.see("Positions", "ACTIVE")
        other.see("Positions", "ACTIVE")
        pid = engine_pid(folder)
        assert pid is not None
        one.press("H")
        one.see("HALTED")
        other.see("HALTED")
        assert engine_pid(folder) == pid


def test_two_headless_starters_at_once_one_wins_the_other_is_six() -> None:
    with state_folder() as folder:
        command = [*PROGRAM, "run", "--no-ui", "--state-dir", str(folder), "--for", "4s"]
        both = [
            subprocess.Popen(
                command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        try:
            told = [process.communicate(timeout=60) for process in both]
        finally:
            for process in both:
                if process.poll() is None:
                    process.kill()
                    process.communicate()
        assert sorted(process.returncode for process in both) == [0, 6]
        loser = 0 if both[0].returncode == 6 else 1
        line = told[loser][1].splitlines()[-1]
        assert line.startswith("stableconsole: ")
        assert str(both[1 - loser].pid) in line
        assert "sim" in line
        assert str(folder) in line
        assert json.loads(told[1 - loser][0].splitlines()[-1])["ended_by"] == "for"


def test_attaching_to_nothing_is_three() -> None:
    with state_folder() as folder, terminal() as screen:
        screen.open([*PROGRAM, "attach", "--state-dir", str(folder)])
        shown = " ".join(screen.see("EXIT 3").split())
        assert "no engine is running for profile sim" in shown
        assert "start one with: stableconsole" in shown
