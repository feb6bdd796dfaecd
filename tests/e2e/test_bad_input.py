"""Whatever is wrong: a clear line, the right status, no traceback, nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from services.store.migrate import open_store
from services.store.schema import SCHEMA_VERSION
from tests.e2e.builders import ask, headless, state_folder, status, until

SHORT = ("--speed", "max", "--for-sim", "10s")


def run(folder: Path, *flags: str, **more: str) -> subprocess.CompletedProcess[str]:
    return ask(folder, "run", "--no-ui", *flags, **more)


def complaint(ran: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line on stderr; log lines before it are no complaint."""
    assert ran.returncode == code, (ran.returncode, ran.stderr)
    assert "Traceback" not in ran.stderr
    lines = [line for line in ran.stderr.splitlines() if line.startswith("stableconsole: ")]
    assert len(lines) == 1, ran.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[profiles.sim]\nmode = "sim"\nwings = 2\n', "wings"),
        ('[profiles.sim.strategies.funding_arb]\nkind = "funding_arb"\nmin_spread = "1bps"\n', "bps/8h"),
        ('[profiles.sim.limits]\nportfolio_leverage = "lots"\n', "portfolio_leverage"),
        ('[profiles.sim.ladder]\ncut = "80%"\ncut_to = "90%"\n', "less than ladder.cut (0.80)"),
        ("[profiles.sim\n", "config.toml:1"),
    ],
    ids=["unknown key", "wrong unit", "wrong type", "contradictory limits", "no TOML"],
)
def test_malformed_configuration(tmp_path: Path, text: str, says: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text)
    with state_folder() as folder:
        line = complaint(run(folder, *SHORT, STABLECONSOLE_CONFIG=str(config)), 2)
        assert says in line
        assert "config.toml" in line


def test_unknown_scenario() -> None:
    with state_folder() as folder:
        line = complaint(run(folder, *SHORT, "--scenario", "sunny-side"), 2)
        assert "sunny-side" in line
        assert "funding-harvest" in line, "names what there is"


def test_another_world_needs_new_world() -> None:
    with state_folder() as folder:
        assert run(folder, *SHORT, "--seed", "7").returncode == 0
        line = complaint(run(folder, *SHORT, "--seed", "8"), 2)
        assert "--new-world" in line
        assert run(folder, *SHORT, "--seed", "8", "--new-world").returncode == 0
        assert [path for path in folder.iterdir() if path.is_dir() and path.name != "exchange"], "moved aside"


def test_second_engine_is_six_and_names_the_first() -> None:
    with state_folder() as folder, headless(folder) as first:
        until(lambda: status(folder), "the first answers")
        line = complaint(run(folder, *SHORT), 6)
        assert str(first.pid) in line
        assert str(folder) in line


def test_socket_path_too_long() -> None:
    with state_folder() as folder:
        deep = folder / ("d" * 60) / ("e" * 60)
        assert "--state-dir" in complaint(run(deep, *SHORT), 2)
        assert "--state-dir" in complaint(ask(deep, "status"), 2)


@pytest.mark.root
def test_read_only_state_folder() -> None:
    """Root writes through permissions, so the folder is a read-only mount."""
    with state_folder() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)], check=True)
        try:
            assert "--state-dir" in complaint(run(folder, *SHORT), 1)
        finally:
            subprocess.run(["umount", str(folder)], check=True)


def test_state_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "--state-dir" in complaint(run(tmp_path / "file", *SHORT), 1)


def test_history_that_is_not_there() -> None:
    with state_folder() as folder:
        assert "/nonexistent/history" in complaint(
            run(folder, *SHORT, "--history", "/nonexistent/history"), 2
        )


def test_store_of_a_newer_version_is_refused() -> None:
    with state_folder() as folder:
        open_store(folder / "store.sqlite", "abc123", version=SCHEMA_VERSION + 1)
        line = complaint(run(folder, *SHORT), 1)
        assert "store.sqlite" in line
        assert "upgrade stableconsole" in line


def test_no_engine_is_three() -> None:
    with state_folder() as folder:
        for name in ("status", "positions", "orders", "pairs", "halt", "stop"):
            ran = ask(folder, name)
            assert ran.returncode == 3
            assert ran.stderr.count("\n") == 1


def test_commands_with_bad_arguments_are_two() -> None:
    with state_folder() as folder, headless(folder):
        until(lambda: status(folder), "the engine answers")
        for words in (("pause", "nobody"), ("enable", "nobody", "because"), ("flatten", "DOGE", "--yes")):
            ran = ask(folder, *words)
            assert ran.returncode == 2, (words, ran)
            assert ran.stderr.count("\n") == 1, ran.stderr


def test_without_a_terminal() -> None:
    with state_folder() as folder:
        ran = ask(folder)
        assert ran.returncode == 2
        assert "--no-ui" in ran.stderr
        assert os.listdir(folder) == []


def test_summary_is_the_last_line() -> None:
    with state_folder() as folder:
        ran = run(folder, *SHORT)
        assert ran.returncode == 0, ran.stderr
        summary = json.loads(ran.stdout.splitlines()[-1])
        assert summary["schema"] == 1
        assert summary["ended_by"]
        assert summary["synthetic"] is True
