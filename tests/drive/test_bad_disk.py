"""Halt, breaker and latch on a disk that takes nothing: read-only or full. Real store, real latch file."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from services.domain.enums import PairState, TradingState
from services.domain.events import Command
from services.drive import direct
from services.drive import latch as latch_module
from services.drive.guard import Watchdog
from services.drive.latch import read_latch
from services.drive.lock import Holder
from services.drive.machine import VirtualMachine
from services.drive.pulse import Pulse
from services.drive.session import Session
from services.store.disk import Disk
from services.store.replay import verify
from services.venues.sim import log as log_module
from tests.desk.world import S, quick
from tests.drive.engines import books_agree, engine, positions_of

BAD = {
    "read-only": "attempt to write a readonly database",
    "full": "database or disk is full",
}


class BadDisk:
    """Lets nothing of the store through while it is bad; the latch's page only where that is said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        self.bad = self.latch_too = False
        self.kind = kind
        write, pwrite = Disk.write, os.pwrite

        def stored(disk: Disk, *args: object) -> bool:
            if self.bad:
                raise sqlite3.OperationalError(BAD[kind])
            return write(disk, *args)  # type: ignore[arg-type]

        def latched(fd: int, page: bytes, at: int) -> int:
            if self.latch_too:
                raise OSError(errno.EROFS, "Read-only file system")
            return pwrite(fd, page, at)

        monkeypatch.setattr(Disk, "write", stored)
        monkeypatch.setattr(latch_module.os, "pwrite", latched)


@pytest.fixture(params=sorted(BAD))
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> BadDisk:
    return BadDisk(monkeypatch, request.param)


def hedged(folder: Path) -> tuple[Session, VirtualMachine]:
    session, machine = engine(folder, quick())
    while not any(pair.state is PairState.HEDGED for pair in session.desk.core.pairs.live()):
        machine.settle_commits()
        machine.step()
    return session, machine


def spoil(disk: BadDisk, session: Session, machine: VirtualMachine) -> None:
    """From here on nothing is written; the desk is told as the engine's pulse tells it."""
    assert session.writer is not None
    # A full disk still takes the latch's page, which was allocated before; a read-only one does not.
    disk.bad, disk.latch_too = True, disk.kind == "read-only"
    session.writer.record(_row())
    while not (facts := session.writer.facts()):
        pass
    machine.give_up(facts[0].text, facts[0].kind)


def _row() -> object:
    from tests.store.builders import risk_event

    return risk_event(1)


def run(machine: VirtualMachine, seconds: int) -> None:
    """Protective orders never wait for the disk, so neither does this."""
    end = machine.queue.now + seconds * S
    while (due := machine.queue.next_due()) is not None and due <= end:
        machine.step()


def heal(disk: BadDisk, session: Session, folder: Path) -> None:
    """What waited in memory is written now, in order; then the chain holds."""
    disk.bad = disk.latch_too = False
    assert session.owed() == "", "room is seen at once, not at the next try"
    assert session.close()
    assert verify(folder / "store.sqlite").ok


def test_halt_and_flatten_work_and_nothing_is_lost(disk: BadDisk, tmp_path: Path) -> None:
    session, machine = hedged(tmp_path)
    spoil(disk, session, machine)
    core = session.desk.core
    assert core.causes.worst() is TradingState.REDUCING
    machine.feed(Command(id="h", name="halt", args={"reason": "disk"}, origin="t", ts=session.queue.now))
    run(machine, 5)
    assert core.causes.overall() is TradingState.HALTED
    assert len(positions_of(session)) == 2
    latch = read_latch(tmp_path / "latch")
    assert latch is not None
    if disk.kind == "full":
        assert latch.state == "HALTED"
        assert not core.alerts.is_open("latch")
    else:
        assert latch.state == "ACTIVE"
        assert core.alerts.is_open("latch"), "a halt that would not survive a restart is said"
    machine.feed(Command(id="f", name="flatten", args={}, origin="t", ts=session.queue.now))
    run(machine, 30)
    assert positions_of(session) == {}
    books_agree(session)
    assert session.writer is not None
    assert session.writer.waiting > 10, "it waits in memory"
    # What a `stop` now would answer, and what the end of the log says if there is no room until then.
    assert session.owed().startswith(f"{session.writer.waiting} rows, store.sqlite: ")
    heal(disk, session, tmp_path)
    again, machine = engine(tmp_path, quick())
    run(machine, 5)
    assert again.desk.core.causes.overall() is TradingState.HALTED, (
        "the store knows it, whatever the latch says"
    )
    books_agree(again)
    assert again.owed() == ""
    again.close()


def test_a_breaker_trips_and_latches(disk: BadDisk, tmp_path: Path) -> None:
    session, machine = hedged(tmp_path)
    spoil(disk, session, machine)
    breaker = session.desk.core.breaker.state
    assert breaker.day_start is not None
    breaker.day_start *= 2
    run(machine, 10)
    core = session.desk.core
    assert core.causes.has("breaker daily")
    assert core.causes.overall() is TradingState.HALTED
    latch = read_latch(tmp_path / "latch")
    assert latch is not None
    assert latch.state == ("HALTED" if disk.kind == "full" else "ACTIVE")
    assert core.alerts.is_open("latch") == (disk.kind == "read-only")
    assert len(positions_of(session)) == 2, "a breaker halts, it does not sell"
    heal(disk, session, tmp_path)


def test_what_the_exchange_has_only_in_memory_is_store_trouble_until_it_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session, machine = hedged(tmp_path)
    pulse = Pulse(session, machine, Watchdog(tmp_path / "latch"))
    core = session.desk.core
    monkeypatch.setattr("services.drive.pulse.BEAT_S", 0.0)

    def broken(fd: int, data: bytes, at: int) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as bad:
        bad.setattr(log_module.os, "pwrite", broken)
        machine.feed(Command(id="f", name="flatten", args={}, origin="t", ts=session.queue.now))
        run(machine, 30)
        assert positions_of(session) == {}
        pulse.beat()
        (cause,) = [each for each in core.causes.causes() if each.name == "store"]
        assert "only in memory: Read-only file system" in cause.text
        assert "only in memory" in session.trouble()
        assert not session.facts(), "told once"
    pulse.beat()
    assert not session.trouble()
    run(machine, 70)
    assert "store" not in [each.name for each in core.causes.causes()]
    assert session.close()
    again, machine = engine(tmp_path, quick())
    assert positions_of(again) == {}
    again.close()


def test_trouble_from_before_the_start_is_not_taken_for_good_by_it(
    disk: BadDisk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The alert was resolved 60 s later and the desk ACTIVE, while nothing was written."""
    monkeypatch.setattr("services.drive.pulse.BEAT_S", 0.0)
    disk.bad = True
    session, machine = engine(tmp_path, quick())
    pulse = Pulse(session, machine, Watchdog(tmp_path / "latch"))
    assert "store.sqlite" in session.trouble(), "the very first rows were refused"
    pulse.beat()
    assert machine.events == 0, "nothing comes before the start"
    machine.step()
    pulse.beat()
    run(machine, 120)
    core = session.desk.core
    assert "store.sqlite" in session.trouble()
    (cause,) = [each for each in core.causes.causes() if each.name == "store"]
    assert cause.holds
    assert core.causes.overall() is TradingState.REDUCING
    assert core.alerts.is_open("store")
    assert positions_of(session) == {}
    disk.bad = False
    assert session.writer is not None
    assert session.writer.flush(5.0)
    pulse.beat()
    run(machine, 70)
    assert "store" not in [each.name for each in core.causes.causes()]
    heal(disk, session, tmp_path)


class Hasty:
    """The clock of a direct flatten: what it sleeps passes at once."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)


@pytest.mark.parametrize("broken", [False, True])
def test_a_direct_flatten_on_a_bad_disk_says_whether_it_will_be_remembered(
    broken: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Full: the reserve takes it. Read-only under the open file: what is flat now is not after a restart."""
    session, _ = hedged(tmp_path)
    world, settings = session.world, session.settings
    session.close()

    def refused(*_: object) -> int:
        raise OSError(errno.EROFS if broken else errno.ENOSPC, "the disk takes nothing")

    with monkeypatch.context() as bad:
        bad.setattr(direct, "time", Hasty())
        bad.setattr(log_module.os, "posix_fallocate", refused)
        bad.setattr(log_module, "write_atomically", refused)
        if broken:
            bad.setattr(log_module.os, "pwrite", refused)
        holder = Holder(os.getpid(), "sim", "test", "", (), str(tmp_path))
        done = direct.flatten(session.layout, world, settings, holder, "", lambda _: None)
    assert (done.ok, done.exit) == ((False, 5) if broken else (True, 0))
    assert ("could not write it down" in done.text) == broken
    again, _ = engine(tmp_path, quick())
    assert len(positions_of(again)) == (2 if broken else 0)
    again.close()
