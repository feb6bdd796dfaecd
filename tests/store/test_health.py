"""A damaged store is known for one at the start, whatever is damaged, and nothing of it is deleted."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from services.store.health import set_aside
from services.store.journal import JournalWriter
from services.store.migrate import CorruptStore, StoreError, open_store
from services.store.replay import JournalReader
from services.store.writer import StoreWriter
from tests.store.builders import INSTANCE, feed, history, session, written_store


def killed_store(folder: Path) -> Path:
    """A store as a killed writer leaves it: most of it in the write-ahead log."""
    live = folder / "live"
    live.mkdir()
    path = live / "store.sqlite"
    open_store(path, INSTANCE)
    writer = StoreWriter(path, watch_slow=False, every_s=0.001)
    writer.start()
    journal = JournalWriter(writer.journal)
    journal.session(session())
    for turn in history(300):
        feed(journal, [turn])
        if turn[1]:
            assert writer.flush(30)
    dead = folder / "dead"
    shutil.copytree(live, dead)
    assert writer.close(30)
    return dead / "store.sqlite"


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def overwrite(path: Path, at: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * size)


def test_a_killed_writers_store_is_whole(tmp_path: Path) -> None:
    path = killed_store(tmp_path)
    assert wal_of(path).stat().st_size > 100_000
    assert not open_store(path, "zzzzzz").created
    reader = JournalReader(path)
    start = reader.last_start()
    assert start is not None
    reader.prove(start)
    assert sum(1 for _ in reader.rows()) > 50
    reader.close()


def turn(path: Path, at: int) -> None:
    """A byte becomes another one: the log's salt is random, and may hold any."""
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(bytes(content))


def test_a_commit_that_was_torn_by_the_kill_is_no_damage(tmp_path: Path) -> None:
    path = killed_store(tmp_path)
    os.truncate(wal_of(path), wal_of(path).stat().st_size - 2_000)
    assert not open_store(path, "zzzzzz").created


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda wal: overwrite(wal, 0, 32), "begins with garbage"),
        (lambda wal: overwrite(wal, 0, wal.stat().st_size), "begins with garbage"),
        (lambda wal: turn(wal, 17), "begins with garbage"),
        (lambda wal: overwrite(wal, wal.stat().st_size // 2, 5_000), "damaged after frame"),
    ],
)
def test_a_log_whose_commits_are_lost_is_damage_and_is_kept(
    tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    path = killed_store(tmp_path)
    damage(wal_of(path))
    bytes_of_it = wal_of(path).read_bytes()
    with pytest.raises(CorruptStore, match=said):
        open_store(path, INSTANCE)
    aside = set_aside(path, "20260101T000000Z")
    assert not path.exists()
    assert not wal_of(path).exists()
    assert wal_of(aside).read_bytes() == bytes_of_it
    assert open_store(path, "zzzzzz").created


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: overwrite(path, 0, 100), "damaged"),
        (lambda path: overwrite(path, path.stat().st_size // 2 // 4096 * 4096, 4096), "damaged"),
        (lambda path: os.truncate(path, path.stat().st_size // 2), "damaged"),
        (lambda path: os.truncate(path, 50), "damaged"),
        (lambda path: _sql(path, "DELETE FROM meta"), "names no schema"),
        (lambda path: _sql(path, "DROP TABLE pairs"), "its table pairs is gone"),
    ],
)
def test_a_damaged_file_is_named_and_moved_whole(
    tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    path = written_store(tmp_path, 400)
    damage(path)
    content = path.read_bytes()
    with pytest.raises(CorruptStore, match=said) as caught:
        open_store(path, INSTANCE)
    assert "\n" not in str(caught.value)
    aside = set_aside(path, "20260101T000000Z")
    assert aside.name == "store.sqlite.corrupt-20260101T000000Z"
    assert aside.read_bytes() == content
    path.write_bytes(b"again")
    assert set_aside(path, "20260101T000000Z").name.endswith("Z.2"), "never over an older one"


def test_what_is_no_damage_is_never_set_aside(tmp_path: Path) -> None:
    path = written_store(tmp_path, 10)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("UPDATE meta SET value = value")
    with pytest.raises(StoreError) as locked:
        open_store(path, INSTANCE, busy_s=0.05)
    other.execute("ROLLBACK")
    other.close()
    _sql(path, "UPDATE meta SET value = '999' WHERE key = 'schema'")
    with pytest.raises(StoreError) as newer:
        open_store(path, INSTANCE)
    foreign = tmp_path / "foreign.sqlite"
    _sql(foreign, "CREATE TABLE other (a)")
    with pytest.raises(StoreError) as strange:
        open_store(foreign, INSTANCE)
    for caught in (locked, newer, strange):
        assert not isinstance(caught.value, CorruptStore), caught.value


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE journal SET payload = x'00' WHERE seq = 9",
        "UPDATE journal SET hash = x'00' WHERE seq = 9",
        "DELETE FROM journal WHERE seq = 9",
        "UPDATE journal SET kind = 'what' WHERE seq = 9",
        "UPDATE journal SET ts = ts + 1 WHERE seq = 1",
        "UPDATE journal SET payload = 'by hand' WHERE seq = 9",
        "UPDATE journal SET count = 'by hand' WHERE seq = 9",
    ],
)
def test_a_chain_that_does_not_hold_where_recovery_reads_is_damage(tmp_path: Path, change: str) -> None:
    path = written_store(tmp_path, 100)
    _sql(path, change)
    reader = JournalReader(path)
    start = reader.last_start()
    assert start is not None
    with pytest.raises(CorruptStore, match="row"):
        reader.prove(start)
    reader.close()


def _sql(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
