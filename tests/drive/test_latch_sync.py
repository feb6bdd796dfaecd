"""The latch's way to the disk is waited for, but not for ever: a disk that hangs holds no cancel back."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from services.drive.direct import end_engine
from services.drive.latch import Latch, read_latch
from services.drive.latch_sync import LatchWriter
from services.settings.layout import StateLayout

LONG_S = 30.0
"""No test waits this long: it is what a writer with patience would."""


class SlowDisk(Latch):
    """Its sync stands until it is let go, and then may fail."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.go = threading.Event()
        self.trouble: OSError | None = None
        self.synced = 0

    def sync(self) -> None:
        self.go.wait(LONG_S)
        self.synced += 1
        if self.trouble is not None:
            raise self.trouble


def test_a_hanging_sync_delays_nothing_and_what_is_written_survives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "latch"
    Latch(path).close()
    disk = SlowDisk(path)
    writer = LatchWriter(disk, patience_s=0.001)
    assert writer.write("HALTED", "operator", "by hand", 5) is None
    assert disk.synced == 0, "it came back before the disk did"
    found = read_latch(path)
    assert found is not None
    assert found.state == "HALTED"
    # A second halt behind the one that hangs does not wait at all, and both reach the disk in the end.
    assert writer.write("HALTED", "breaker daily", "again", 6) is None
    disk.go.set()
    writer.close()
    assert disk.synced == 2
    assert writer.late() is None


def test_an_error_that_comes_after_the_wait_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "latch"
    Latch(path).close()
    disk = SlowDisk(path)
    disk.trouble = OSError("the device is gone")
    writer = LatchWriter(disk, patience_s=0.001)
    assert writer.write("HALTED", "operator", "by hand", 5) is None
    disk.go.set()
    writer.close()
    assert writer.late() == "the device is gone"
    assert writer.late() is None


def test_an_error_within_the_wait_is_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "latch"
    Latch(path).close()
    disk = SlowDisk(path)
    disk.trouble = OSError("input/output error")
    disk.go.set()
    writer = LatchWriter(disk, patience_s=LONG_S)
    assert writer.write("HALTED", "operator", "by hand", 5) == "input/output error"
    writer.close()


def test_a_latch_that_cannot_be_written_at_all_says_so_at_once(tmp_path: Path) -> None:
    latch = Latch(tmp_path / "latch")
    writer = LatchWriter(latch)
    latch.close()
    text = writer.write("HALTED", "operator", "by hand", 5)
    assert text is not None
    assert "descriptor" in text
    writer.close()


def test_a_direct_flatten_is_held_up_by_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SEMANTICS 10: the kill path needs nothing but the venues. What could not be written is said."""
    layout = StateLayout(tmp_path)
    monkeypatch.setattr("services.drive.direct.LATCH_WAIT_S", LONG_S)
    assert end_engine(layout) == "no engine was running"
    found = read_latch(layout.latch)
    assert found is not None
    assert (found.state, found.cause) == ("HALTED", "flatten")
    go = threading.Event()
    monkeypatch.setattr("services.drive.direct.LATCH_WAIT_S", 0.001)
    monkeypatch.setattr(Latch, "sync", lambda self: go.wait(LONG_S))
    assert "could NOT be written (the disk does not answer)" in end_engine(layout)
    go.set()
    layout.latch.unlink()
    layout.latch.mkdir()
    said = end_engine(layout)
    assert said.startswith("no engine was running; the latch could NOT be written (")
