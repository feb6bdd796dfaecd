"""The exchange's log on a disk that takes no more: the way out goes on, and nothing that happened is lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from services.domain.events import CancelRejected, OrderCanceled, OrderFilled, OrderRejected
from services.venues.sim import log as log_module
from services.venues.sim.log import CHECKPOINT_FILE, LOG_FILE
from services.venues.sim.world import write_atomically
from tests.sim.builders import BTC, Sim, order


class NoDisk:
    """Full: no block is given, what is reserved can be written. Broken: no byte is taken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = self.broken = False
        reserve, write, whole = os.posix_fallocate, os.pwrite, write_atomically

        def fallocate(fd: int, at: int, count: int) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            reserve(fd, at, count)

        def pwrite(fd: int, data: bytes, at: int) -> int:
            if self.broken:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            if self.full and at + len(data) > os.fstat(fd).st_size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(fd, data, at)

        def checkpoint(path: Path, data: bytes) -> None:
            if self.full or self.broken:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            whole(path, data)

        monkeypatch.setattr(log_module.os, "posix_fallocate", fallocate)
        monkeypatch.setattr(log_module.os, "pwrite", pwrite)
        monkeypatch.setattr(log_module, "write_atomically", checkpoint)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> NoDisk:
    return NoDisk(monkeypatch)


def held(sim: Sim) -> list[str]:
    return [f"{row.instrument} {row.size:f}" for row in sim.exchange.books("alpha").positions if row.size]


def opened(folder: Path) -> Sim:
    """Long 0.5 BTC, with an order that rests."""
    sim = Sim(folder=folder)
    sim.run(2)
    sim.send(order("buy", "0.5", sim.quote()[1] + 5, tif="ioc"))
    sim.send(order("buy", "0.1", "15000", cid="rests"))
    assert held(sim) == [f"{BTC} 0.500"]
    return sim


def test_on_a_full_disk_the_reserve_takes_the_way_out_and_a_killed_exchange_knows_it(
    disk: NoDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "RESERVE", 8_192)
    sim = opened(tmp_path)
    length = (tmp_path / LOG_FILE).stat().st_size
    assert length >= 8_192
    disk.full = True
    for _ in range(1_000):
        # Marks of time, one a minute, must not use up what commands are to have.
        sim.exchange._mark_time()
    for number in range(3):
        sim.send(order("buy", "0.01", "15000", cid=f"w{number}"), 0.1)
        sim.exchange.venues["alpha"].cancel(sim.queue.now, BTC, f"w{number}", "")
        sim.run(0.1)
    sim.exchange.venues["alpha"].cancel(sim.queue.now, BTC, "rests", "")
    fills = sim.send(order("sell", "0.5", sim.quote()[0] - 5, tif="ioc", reduce_only=True))
    assert any(isinstance(each, OrderFilled) for each in fills)
    assert held(sim) == []
    assert (sim.exchange.unwritten(), (tmp_path / LOG_FILE).stat().st_size) == ("", length)
    back = Sim(folder=tmp_path, resume_at=sim.queue.now)  # as after SIGKILL: nothing was closed
    assert held(back) == []
    assert back.exchange.books("alpha").orders == ()
    assert back.exchange.books("alpha").balances == sim.exchange.books("alpha").balances


def test_a_disk_that_takes_nothing_refuses_risk_and_not_the_way_out(disk: NoDisk, tmp_path: Path) -> None:
    sim = opened(tmp_path)
    disk.broken = True
    (refused,) = sim.send(order("buy", "0.1", "15000"))
    assert isinstance(refused, OrderRejected)
    assert "cannot write its log" in refused.reason
    assert sim.exchange.unwritten() == "", "what was refused has not happened"
    sim.exchange.venues["alpha"].cancel(sim.queue.now, BTC, "rests", "")
    told = sim.private(0.2)
    assert [type(each) for each in told] == [OrderCanceled]
    sim.send(order("sell", "0.5", sim.quote()[0] - 5, tif="ioc", reduce_only=True))
    assert held(sim) == []
    assert "2 commands are only in memory: Read-only file system" in sim.exchange.unwritten()
    # Killed now, the exchange comes back with what its disk had: that is told, and the desk reconciles.
    back = Sim(folder=tmp_path, resume_at=sim.queue.now)
    assert held(back) == [f"{BTC} 0.500"]
    assert len(back.exchange.books("alpha").orders) == 1
    back.exchange.close()


def test_what_was_owed_is_written_in_order_when_the_disk_takes_it(disk: NoDisk, tmp_path: Path) -> None:
    sim = opened(tmp_path)
    disk.broken = True
    sim.exchange.venues["alpha"].cancel(sim.queue.now, BTC, "rests", "")
    sim.run(0.2)
    sim.send(order("sell", "0.2", sim.quote()[0] - 5, tif="ioc", reduce_only=True))
    assert sim.exchange.unwritten()
    disk.broken = False
    assert not any(isinstance(each, OrderRejected) for each in sim.send(order("buy", "0.1", "15000")))
    assert sim.exchange.unwritten() == ""
    back = Sim(folder=tmp_path, resume_at=sim.queue.now)
    for name in ("orders", "positions", "balances"):
        assert getattr(back.exchange.books("alpha"), name) == getattr(sim.exchange.books("alpha"), name)
    assert held(back) == [f"{BTC} 0.300"]


def test_a_checkpoint_holds_what_was_owed_and_it_does_not_happen_twice(
    disk: NoDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = opened(tmp_path)
    disk.broken = True
    sim.send(order("sell", "0.2", sim.quote()[0] - 5, tif="ioc", reduce_only=True))
    monkeypatch.setattr(log_module, "write_atomically", write_atomically)
    sim.exchange._save(sim.exchange.now)
    assert (tmp_path / CHECKPOINT_FILE).exists()
    disk.broken = False
    assert sim.exchange.unwritten() == ""
    sim.exchange._mark_time()
    back = Sim(folder=tmp_path, resume_at=sim.queue.now)
    assert held(back) == [f"{BTC} 0.300"]
    assert back.exchange.books("alpha").balances == sim.exchange.books("alpha").balances


def test_a_graceful_end_says_what_it_could_not_write(disk: NoDisk, tmp_path: Path) -> None:
    sim = opened(tmp_path)
    disk.broken = True
    sim.exchange.venues["alpha"].cancel(sim.queue.now, BTC, "rests", "")
    assert not any(isinstance(each, CancelRejected) for each in sim.private(0.2))
    assert not sim.exchange.close()
    disk.broken = False
    assert Sim(folder=tmp_path).exchange.close()


def test_a_flatten_that_begins_on_a_full_disk_finds_the_reserve_of_the_engine_before_it(
    disk: NoDisk, tmp_path: Path
) -> None:
    sim = opened(tmp_path)
    sim.exchange.close()
    disk.full = True
    with (tmp_path / LOG_FILE).open("r+b") as log:
        log.seek(sim.exchange._log.size)
        log.write(b'{"instants":9')  # a line that death has torn gives its bytes back
    direct = Sim(folder=tmp_path, resume_at=sim.queue.now)
    direct.send(order("sell", "0.5", direct.quote()[0] - 5, tif="ioc", reduce_only=True))
    assert direct.exchange.unwritten() == ""
    assert direct.exchange.close()
    back = Sim(folder=tmp_path, resume_at=direct.queue.now)
    assert held(back) == []


def test_a_file_that_the_disk_took_in_part_replaces_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint"
    write_atomically(path, b"whole")
    monkeypatch.setattr("services.venues.sim.world.os.write", lambda fd, data: len(data) - 1)
    with pytest.raises(OSError, match="only 4 of 5"):
        write_atomically(path, b"later")
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint"]
    assert path.read_bytes() == b"whole"
