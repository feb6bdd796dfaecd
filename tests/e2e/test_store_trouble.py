"""A disk that is full and a store that is locked: halt and flatten work, nothing is lost, no traceback."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.builders import (
    ask,
    end_engine,
    engine_pid,
    exchange_positions,
    headless,
    state_folder,
    status,
    until,
)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A state folder on a file system of its own, 24 MiB large; the exchange's books lie on another one."""
    with state_folder() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], check=True)
        (folder / "exchange").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder / "exchange")], check=True)
        try:
            yield folder
        finally:
            pid = engine_pid(folder)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
            subprocess.run(["umount", "-l", str(folder / "exchange")], check=True)
            subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Takes every free byte."""
    hog = folder / "hog"
    with hog.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return hog


@pytest.mark.root
def test_full_disk_at_halt(small_disk: Path) -> None:
    with headless(small_disk, "--seed", "7") as engine:
        until(lambda: status(small_disk).get("pairs"), "a pair is open")
        hog = fill(small_disk)
        halted = ask(small_disk, "halt", "disk", "is", "full", "--json")
        assert halted.returncode == 0, halted.stderr
        assert status(small_disk)["trading_state"] == "HALTED"
        until(
            lambda: any("store" in cause["name"] for cause in status(small_disk)["causes"]),
            "store trouble is a cause",
        )
        engine.kill()
        engine.wait()
        errors = engine.stderr.read() if engine.stderr else ""
        assert "Traceback" not in errors
    hog.unlink()
    with headless(small_disk, "--seed", "7") as again:
        until(lambda: status(small_disk).get("trading_state") == "HALTED", "halted after the restart")
        flat = ask(small_disk, "flatten", "--yes", "--json")
        assert flat.returncode == 0, flat.stderr
        assert ask(small_disk, "stop").returncode == 0
        again.wait(60)
        assert exchange_positions(small_disk) == {}


@pytest.mark.root
def test_start_on_a_full_disk_says_so(small_disk: Path) -> None:
    fill(small_disk)
    ran = ask(small_disk, "run", "--no-ui", "--for-sim", "10s", "--speed", "max")
    assert ran.returncode == 1
    lines = [line for line in ran.stderr.splitlines() if line.startswith("stableconsole: ")]
    assert len(lines) == 1
    assert "space" in lines[0]
    assert "internal" not in lines[0]
    assert "Traceback" not in ran.stderr


@pytest.mark.root
def test_everything_on_the_full_disk_and_nothing_is_lost() -> None:
    """The exchange's log is full as well: it has a reserve, the halt holds, a restart knows all."""
    with state_folder() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], check=True)
        try:
            with headless(folder, "--seed", "7") as engine:
                until(lambda: status(folder).get("pairs"), "a pair is open")
                hog = fill(folder)
                assert ask(folder, "halt").returncode == 0
                flat = ask(folder, "flatten", "--yes")
                assert flat.returncode == 0, flat.stderr
                assert status(folder)["trading_state"] == "HALTED"
                assert status(folder)["positions"] == []
                engine.kill()
                engine.wait()
                assert "Traceback" not in (engine.stderr.read() if engine.stderr else "")
            assert exchange_positions(folder) == {}, "what was closed stays closed"
            hog.unlink()
            with headless(folder) as again:
                until(lambda: status(folder).get("trading_state") == "HALTED", "halted after the restart")
                assert ask(folder, "flatten", "--yes").returncode == 0
                assert ask(folder, "stop").returncode == 0
                again.wait(60)
            assert exchange_positions(folder) == {}
            assert ask(folder, "audit", "verify").returncode == 0
        finally:
            end_engine(folder)
            subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.root
def test_flatten_on_a_full_disk(small_disk: Path) -> None:
    with headless(small_disk, "--seed", "7"):
        until(lambda: status(small_disk).get("positions"), "something is open")
        fill(small_disk)
        flat = ask(small_disk, "flatten", "--yes", "--json")
        assert flat.returncode == 0, flat.stderr
        assert status(small_disk)["positions"] == []


def test_locked_store_while_running() -> None:
    with state_folder() as folder, headless(folder, "--seed", "7") as engine:
        until(lambda: status(folder).get("pairs"), "a pair is open")
        with sqlite3.connect(folder / "store.sqlite", isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            until(
                lambda: any("store" in cause["name"] for cause in status(folder)["causes"]),
                "store trouble is a cause",
            )
            assert status(folder)["trading_state"] != "ACTIVE"
            flat = ask(folder, "flatten", "--yes", "--json")
            assert flat.returncode == 0, flat.stderr
            other.execute("ROLLBACK")
        other.close()
        until(
            lambda: not any("store" in cause["name"] for cause in status(folder)["causes"]),
            "the store is well",
        )
        assert ask(folder, "stop").returncode == 0
        engine.wait(60)
        assert "Traceback" not in (engine.stderr.read() if engine.stderr else "")
        verified = ask(folder, "audit", "verify", "--json")
        assert verified.returncode == 0, verified.stdout + verified.stderr


def test_locked_store_at_start() -> None:
    with state_folder() as folder:
        with headless(folder, "--speed", "max", "--for-sim", "10s") as first:
            first.wait(60)
        with sqlite3.connect(folder / "store.sqlite", isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            with headless(folder, "--speed", "max", "--for-sim", "10s") as second:
                second.wait(60)
                errors = second.stderr.read() if second.stderr else ""
            other.execute("ROLLBACK")
        other.close()
        assert second.returncode == 1, errors
        assert "Traceback" not in errors
        (line,) = [line for line in errors.splitlines() if line.startswith("stableconsole: ")]
        assert "store" in line


def _spoil(folder: Path) -> None:
    """Garbage over file and log, as a dying disk would leave them, under the running engine."""
    for name in ("store.sqlite", "store.sqlite-wal"):
        path = folder / name
        with path.open("r+b") as file:
            file.write(b"\xa5" * path.stat().st_size)
    os.truncate(folder / "store.sqlite-wal", 0)


def test_a_store_spoilt_while_running_is_told_and_the_next_start_rebuilds_it() -> None:
    with state_folder() as folder:
        with headless(folder, "--seed", "7") as engine:
            until(lambda: [p for p in status(folder).get("pairs", []) if p["state"] == "hedged"], "a pair")
            _spoil(folder)
            found = until(
                lambda: [c for c in status(folder)["causes"] if c["name"] == "store corrupt"], "it is told"
            )
            assert found[0]["latched"]
            assert found[0]["state"] == "REDUCING"
            assert len(status(folder)["positions"]) == 2, "nothing is closed because of it"
            assert ask(folder, "halt", "the", "disk", "dies").returncode == 0
            engine.kill()
            engine.wait()
            assert "Traceback" not in (engine.stderr.read() if engine.stderr else "")
        held = exchange_positions(folder)
        assert len(held) == 2
        with headless(folder, "--log-json") as again:
            seen = until(lambda: (now := status(folder)).get("pairs") and now, "read")
            assert seen["trading_state"] == "HALTED", "the latch's halt outlives the store"
            (cause,) = [each for each in seen["causes"] if each["name"] == "store corrupt"]
            (aside,) = folder.glob("store.sqlite.corrupt-2*Z")
            assert str(aside) in cause["text"]
            assert "lost: pairs, episodes" in cause["text"]
            (pair,) = seen["pairs"]
            assert pair["state"] == "hedged", "it is looked after as a pair"
            assert not any(row["foreign"] for row in seen["positions"])
            assert exchange_positions(folder) == held, "nothing is closed because of it"
            assert ask(folder, "flatten", "--yes").returncode == 0
            assert exchange_positions(folder) == {}
            assert ask(folder, "resume", "both", "venues", "checked").returncode == 0
            assert "store corrupt" not in [each["name"] for each in status(folder)["causes"]]
            assert ask(folder, "stop").returncode == 0
            lines = again.communicate(timeout=60)[0].splitlines()
        assert any("the books are rebuilt from the venues" in line for line in lines)
        assert ask(folder, "audit", "verify").returncode == 0
