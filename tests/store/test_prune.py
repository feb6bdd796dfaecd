"""Old inputs go and nothing else: hashes, decisions and what a recovery needs stay (RUNTIME 4)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from services.domain.events import Timer
from services.store import prune
from services.store.disk import Disk
from services.store.journal import JournalWriter
from services.store.reader import StoreReader
from services.store.replay import JournalReader, verify
from services.store.writer import StoreWriter
from tests.store.builders import SECOND, feed, history, new_store, risk_event, session

WAIT_S = 30.0
EVENTS = 900
"""Ten a second, so 90 s of desk time; a checkpoint stands in the middle."""
MIDDLE = EVENTS // 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = new_store(tmp_path)
    writer = StoreWriter(path)
    writer.start()
    journal = JournalWriter(writer.journal)
    journal.session(session())
    turns = history(EVENTS)
    feed(journal, turns[:MIDDLE])
    journal.checkpoint(MIDDLE * SECOND // 10, b"the desk in the middle")
    feed(journal, turns[MIDDLE:])
    journal.seal()
    assert writer.close(WAIT_S)
    return path


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        yield opened


def emptied(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """How many blocks there are, how many are empty, the last empty one."""
    return connection.execute(
        "SELECT count(*), sum(payload IS NULL), max(CASE WHEN payload IS NULL THEN seq ELSE 0 END) "
        "FROM journal WHERE kind = 'block'"
    ).fetchone()


def all_steps(connection: sqlite3.Connection, keep_from: int) -> int:
    blocks = 0
    while True:
        done = prune.step(connection, keep_from)
        blocks += done.blocks
        if done.blocks < prune.BATCH:
            return blocks


def others(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    return connection.execute("SELECT * FROM journal WHERE kind <> 'block' ORDER BY seq").fetchall()


def test_what_lies_before_the_last_start_goes_and_the_chain_holds(
    path: Path, connection: sqlite3.Connection
) -> None:
    before, kept = verify(path), others(connection)
    reader = JournalReader(path)
    start = reader.last_start()
    reader.close()
    assert start is not None
    assert all_steps(connection, 1 << 62) > prune.BATCH, "more than one step"
    blocks, empty, last = emptied(connection)
    assert 0 < empty < blocks
    assert last < start.seq
    assert connection.execute(
        "SELECT count(*) FROM journal WHERE kind = 'block' AND payload IS NOT NULL AND seq < ?", (start.seq,)
    ).fetchone() == (0,)
    after = verify(path)
    assert (after.ok, after.head, after.rows, after.gaps) == (True, before.head, before.rows, empty)
    assert others(connection) == kept
    reader = JournalReader(path)
    assert reader.first_start() == reader.last_start() == start
    reader.prove(start)
    reader.close()
    assert prune.step(connection, 1 << 62) == prune.Step(0, 0)


def test_nothing_goes_before_a_start_that_is_old_enough(path: Path, connection: sqlite3.Connection) -> None:
    middle = MIDDLE * SECOND // 10
    assert prune.step(connection, middle - 1) == prune.Step(0, 0)
    assert prune.step(connection, -1) == prune.Step(0, 0)
    assert emptied(connection)[1] == 0
    assert all_steps(connection, middle) > 0


def test_whole_pages_come_free_for_new_rows(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    writer = StoreWriter(path)
    writer.start()
    journal = JournalWriter(writer.journal)
    journal.session(session())
    for number in range(120):
        noise = sha256(str(number).encode()).hexdigest() * 12
        journal.input(Timer(name=f"{number} {noise}", ts=number * SECOND))
    journal.checkpoint(120 * SECOND, b"")
    assert writer.close(WAIT_S)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        stored = connection.execute(
            "SELECT sum(length(payload)) FROM journal WHERE kind = 'block'"
        ).fetchone()
        assert all_steps(connection, 1 << 62) == 120
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (page,) = connection.execute("PRAGMA page_size").fetchone()
    assert free * page > stored[0] / 2, "half-full pages would never be used again"


def test_a_step_that_fails_changes_nothing(path: Path, connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT raise(ABORT, 'disk is full'); END"
    )
    with pytest.raises(sqlite3.Error, match="full"):
        prune.step(connection, 1 << 62)
    assert not connection.in_transaction
    assert emptied(connection)[1] == 0
    assert verify(path).gaps == 0


def test_the_writer_prunes_between_its_writes_and_loses_nothing(path: Path) -> None:
    reader = StoreReader(path)
    head = reader.head()
    reader.close()
    writer = StoreWriter(path)
    writer.start()
    journal = JournalWriter(writer.journal, seq=head.seq, head=head.hash)
    writer.prune(MIDDLE * SECOND // 10)
    rounds = 0
    while writer._keep_from is not None:
        rounds += 1
        assert rounds < 1_000
        journal.session(session(EVENTS * SECOND))
        assert writer.flush(WAIT_S)
    assert writer.close(WAIT_S)
    found = verify(path)
    assert found.ok
    assert found.gaps > prune.BATCH
    assert found.head == journal.head.hex()


def test_trouble_while_pruning_ends_no_writer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_disk: Disk, _keep_from: int) -> bool:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(Disk, "prune", broken)
    writer = StoreWriter(path)
    writer.start()
    for number in range(3):
        writer.prune(1 << 62)
        writer.record(risk_event(number))
        assert writer.flush(WAIT_S)
    assert writer.trouble() == ""
    assert writer.close(WAIT_S)
    reader = StoreReader(path)
    assert len(reader.risk_events(limit=10)) == 3
    reader.close()
    assert verify(path).gaps == 0
