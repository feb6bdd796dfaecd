"""Nothing is lost, nothing changes places: locked, full and killed stores hold a prefix of what happened."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from services.domain.records import RiskRecord
from services.store.facts import StoreFact, StoreTrouble
from services.store.journal import GAP, ChainRow, JournalWriter
from services.store.reader import StoreReader
from services.store.replay import JournalReader, verify
from services.store.writer import StoreWriter
from tests.store.builders import feed, frame, history, new_store, risk_event, session

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 30.0
"""How long a test waits for another thread or process before it fails; never slept through."""


class Heard:
    """Facts as they come, and a way to wait for one of them."""

    def __init__(self) -> None:
        self.facts: list[StoreFact] = []
        self._new = threading.Condition()

    def __call__(self, fact: StoreFact) -> None:
        with self._new:
            self.facts.append(fact)
            self._new.notify_all()

    def wait_for(self, kind: str) -> StoreFact:
        with self._new:
            assert self._new.wait_for(lambda: any(f.kind == kind for f in self.facts), WAIT_S)
            return next(fact for fact in self.facts if fact.kind == kind)


def stored(path: Path) -> list[int]:
    reader = StoreReader(path)
    numbers = [row.ts for row in reader.risk_events(limit=100_000)]
    reader.close()
    return numbers[::-1]


def test_records_arrive_in_the_order_they_were_given(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    writer = StoreWriter(path)
    writer.start()
    for number in range(5_000):
        writer.record(risk_event(number))
    assert writer.close(WAIT_S)
    assert stored(path) == list(range(5_000))


def test_an_intents_commit_writes_everything_that_stands_before_it(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    writer = StoreWriter(path, every_s=3_600.0)
    writer.start()
    journal = JournalWriter(writer.journal)
    journal.session(session())
    for number in range(100):
        journal.input(frame(number))
        writer.record(risk_event(number))
    journal.seal()
    assert writer.commit_intent(42).result(WAIT_S) == 42
    assert stored(path) == list(range(100))
    reader = StoreReader(path)
    assert reader.head().hash == journal.head
    reader.close()
    assert writer.waiting == 0
    assert writer.close(WAIT_S)


def test_a_commit_with_nothing_new_is_answered(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    writer = StoreWriter(path)
    writer.start()
    assert writer.commit_intent(1).result(WAIT_S) == 1
    assert writer.flush(WAIT_S)
    assert writer.close(WAIT_S)
    with pytest.raises(StoreTrouble):
        writer.commit_intent(2).result(WAIT_S)


def test_queries_work_while_an_engine_writes(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    writer = StoreWriter(path)
    writer.start()
    reader = StoreReader(path)
    for number in range(3):
        writer.record(risk_event(number))
        assert writer.flush(WAIT_S)
        assert len(reader.risk_events()) == number + 1
    reader.close()
    assert writer.close(WAIT_S)


def test_locked_store_is_trouble_and_what_waited_is_written_later_in_order(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    heard = Heard()
    writer = StoreWriter(path, on_fact=heard)
    writer.start()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for number in range(50):
        writer.record(risk_event(number))
    waited = writer.commit_intent(1)
    with pytest.raises(StoreTrouble, match="locked"):
        waited.result(WAIT_S)
    assert "close it" in heard.wait_for("locked").text
    for number in range(50, 100):
        writer.record(risk_event(number))
    assert writer.waiting == 100
    other.execute("ROLLBACK")
    other.close()
    assert heard.wait_for("ok").ok
    assert writer.flush(WAIT_S)
    assert stored(path) == list(range(100))
    assert [fact.kind for fact in writer.facts()] == ["locked", "ok"]
    assert writer.close(WAIT_S)


def test_closing_a_locked_store_ends_in_time_and_says_so(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    writer = StoreWriter(path)
    writer.start()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer.record(risk_event(1))
    assert not writer.close(0.5)
    assert writer.waiting == 1
    other.close()


def test_a_full_bulk_lane_loses_the_oldest_blocks_by_name_and_keeps_the_chain(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    writer = StoreWriter(path, bulk_max=10)
    journal = JournalWriter(writer.journal)
    journal.session(session())
    for number in range(25):
        journal.input(frame(number))
        journal.seal()
        writer.record(risk_event(number))
    assert writer.gaps == 15
    writer.start()
    assert writer.close(WAIT_S)
    verdict = verify(path)
    assert verdict.ok
    assert (verdict.rows, verdict.gaps) == (26, 15)
    reader = JournalReader(path)
    kinds = [row.kind for row in reader.rows()]
    reader.close()
    assert kinds == ["session"] + [GAP] * 15 + ["block"] * 10
    assert stored(path) == list(range(25))


def test_in_virtual_time_the_driver_waits_for_room_instead_of_losing_a_block(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    writer = StoreWriter(path, bulk_max=5, wait_when_full=True, watch_slow=False)
    writer.start()
    journal = JournalWriter(writer.journal)
    journal.session(session())
    for number in range(300):
        journal.input(frame(number))
        journal.seal()
    assert writer.close(WAIT_S)
    assert writer.gaps == 0
    assert verify(path).gaps == 0
    assert verify(path).rows == 301


def test_a_disk_that_hangs_costs_memory_not_blocks_and_not_the_heartbeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.store.writer._ROOM_WAIT_S", 0.01)
    path = new_store(tmp_path)
    writer = StoreWriter(path, bulk_max=2, wait_when_full=True, watch_slow=False)
    journal = JournalWriter(writer.journal)
    journal.session(session())
    for number in range(10):
        journal.input(frame(number))
        journal.seal()
    assert (writer.gaps, writer.waiting) == (0, 11)
    writer.start()
    assert writer.close(WAIT_S)
    assert verify(path).rows == 11


def test_a_long_critical_lane_is_trouble_until_it_is_short_again(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    writer = StoreWriter(path, critical_max=20, critical_age_s=3_600.0)
    for number in range(20):
        writer.record(risk_event(number))
    assert writer.facts() == []
    writer.record(risk_event(20))
    (fact,) = writer.facts()
    assert (fact.ok, fact.kind) == (False, "slow")
    assert writer.facts() == []
    writer.start()
    assert writer.flush(WAIT_S)
    assert [fact.ok for fact in writer.facts()] == [True]
    assert writer.close(WAIT_S)


def test_an_old_critical_lane_is_trouble(tmp_path: Path) -> None:
    writer = StoreWriter(new_store(tmp_path), critical_age_s=-1.0)
    writer.record(risk_event(1))
    assert [fact.kind for fact in writer.facts()] == ["slow"]
    writer.start()
    assert writer.close(WAIT_S)


def test_a_store_that_vanished_is_trouble_not_a_crash(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    heard = Heard()
    writer = StoreWriter(path, on_fact=heard)
    path.rename(tmp_path / "elsewhere.sqlite")
    writer.start()
    writer.record(risk_event(1))
    assert not heard.wait_for("failed").ok
    (tmp_path / "elsewhere.sqlite").rename(path)
    assert heard.wait_for("ok").ok
    assert writer.close(WAIT_S)
    assert stored(path) == [1]


def test_a_corrupt_store_is_named(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    path.write_bytes(b"not a database at all, " * 400)
    heard = Heard()
    writer = StoreWriter(path, on_fact=heard)
    writer.start()
    writer.record(risk_event(1))
    assert "damaged" in heard.wait_for("corrupt").text
    assert not writer.close(0.2)


_KILLED = """
import sys
from pathlib import Path
from services.store.journal import JournalWriter
from services.store.writer import StoreWriter
from tests.store.builders import feed, history, risk_event, session
writer = StoreWriter(Path(sys.argv[1]), watch_slow=False, every_s=0.001)
writer.start()
journal = JournalWriter(writer.journal)
journal.session(session())
for number, turn in enumerate(history(100_000)):
    feed(journal, [turn])
    writer.record(risk_event(number))
    if number % 20 == 0:
        journal.seal()
        writer.commit_intent(journal.seq).result()
        print(journal.seq, number, flush=True)
"""


@pytest.mark.parametrize("after", [1, 15, 40])
def test_a_killed_process_leaves_a_prefix_with_every_durable_intent(tmp_path: Path, after: int) -> None:
    path = new_store(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(after)]
    child.send_signal(signal.SIGKILL)
    told += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    seq, number = (int(word) for word in [line for line in told if line.endswith("\n")][-1].split())

    verdict = verify(path)
    assert verdict.ok
    assert verdict.rows >= seq
    rebuilt: list[ChainRow] = []
    again = JournalWriter(rebuilt.append)
    again.session(session())
    for at, turn in enumerate(history(number + 2_000)):
        feed(again, [turn])
        if at % 20 == 0:
            again.seal()
    reader = JournalReader(path)
    found = [row.hash for row in reader.rows()]
    reader.close()
    assert found == [row.hash for row in rebuilt[: len(found)]]
    kept = stored(path)
    assert kept == list(range(len(kept)))
    assert len(kept) > number


def mount_small(folder: Path) -> None:
    """A file system of one megabyte, or a skip with the reason."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"cannot mount a small file system: {done.stderr.strip()}")


@pytest.mark.root
def test_full_disk_is_trouble_and_what_waited_is_written_later_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    mount_small(folder)
    try:
        path = new_store(folder)
        heard = Heard()
        writer = StoreWriter(path, on_fact=heard)
        writer.start()
        writer.record(risk_event(0))
        assert writer.flush(WAIT_S)
        ballast = folder / "ballast"
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(bytes(2_000_000))
        for number in range(1, 400):
            writer.record(RiskRecord(ts=number, kind="k", subject="s", text="x" * 500))
        assert "disk is full" in heard.wait_for("full").text
        ballast.unlink()
        assert heard.wait_for("ok").ok
        assert writer.flush(WAIT_S)
        assert stored(path) == list(range(400))
        assert writer.close(WAIT_S)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_many_commits_are_answered_in_order(tmp_path: Path) -> None:
    writer = StoreWriter(new_store(tmp_path))
    writer.start()
    answers: list[int] = []
    futures: list[Future[int]] = []
    for number in range(50):
        writer.record(risk_event(number))
        future = writer.commit_intent(number)
        future.add_done_callback(lambda done: answers.append(done.result()))
        futures.append(future)
    assert [future.result(WAIT_S) for future in futures] == list(range(50))
    assert len(set(map(id, futures))) == 50, "each has an answer of its own"
    assert writer.close(WAIT_S)
    assert answers == list(range(50))


def test_a_long_history_is_one_valid_chain(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    writer = StoreWriter(path, wait_when_full=True, watch_slow=False)
    writer.start()
    journal = JournalWriter(writer.journal)
    journal.session(session())
    feed(journal, history(3_000))
    journal.seal()
    assert writer.close(WAIT_S)
    assert verify(path).head == journal.head.hex()
