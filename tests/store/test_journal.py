"""The chain: the same history gives the same bytes, every change of a stored byte is found and named."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.effects import SetTimer
from services.domain.events import Command, MarketFrame
from services.store.journal import (
    BLOCK,
    BLOCK_BYTES,
    BLOCK_NS,
    CHECKPOINT,
    COMMAND,
    DECISION,
    GENESIS,
    SESSION,
    ChainRow,
    JournalWriter,
)
from services.store.reader import StoreReader
from services.store.replay import JournalReader, export, export_to, verify
from services.store.writer import StoreWriter
from tests.store.builders import SECOND, feed, frame, history, new_store, session, written_store

ROOT = Path(__file__).resolve().parents[2]

_IN_A_PROCESS = """
from services.store.journal import JournalWriter
from tests.store.builders import feed, history, session
journal = JournalWriter(lambda row: None)
journal.session(session(), {"pid": "%s"})
feed(journal, history(500))
journal.seal()
print(journal.seq, journal.head.hex())
"""


def chain(turns: int = 300) -> list[ChainRow]:
    rows: list[ChainRow] = []
    journal = JournalWriter(rows.append)
    journal.session(session())
    feed(journal, history(turns))
    journal.seal()
    return rows


def test_identical_histories_give_identical_bytes_in_two_processes_with_other_hash_seeds() -> None:
    heads = []
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", _IN_A_PROCESS % seed],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        heads.append(done.stdout)
    assert heads[0].split()[0] != "0"
    assert heads[0] == heads[1]


def test_wall_facts_of_a_session_stay_outside_the_chain() -> None:
    heads = []
    for note in (None, {"pid": "1", "speed": "60"}, {"pid": "2", "speed": "max"}):
        journal = JournalWriter(lambda row: None)
        journal.session(session(), note)
        heads.append(journal.head)
    assert len(set(heads)) == 1


def test_the_order_of_rows_is_the_order_of_what_happened() -> None:
    rows: list[ChainRow] = []
    journal = JournalWriter(rows.append)
    journal.input(frame(0))
    journal.input(frame(1))
    journal.decision(SetTimer("a", 1), 1)
    journal.input(frame(2))
    journal.input(Command(id="c", name="halt", args={}, origin="shell:1", ts=3))
    journal.decision(SetTimer("b", 2), 3)
    journal.input(frame(3))
    journal.checkpoint(4, b"state")
    assert [(row.kind, row.count) for row in rows] == [
        (BLOCK, 2),
        (DECISION, 1),
        (BLOCK, 1),
        (COMMAND, 1),
        (DECISION, 1),
        (BLOCK, 1),
        (CHECKPOINT, 1),
    ]
    assert [row.seq for row in rows] == list(range(1, 8))


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(st.integers(0, 2 * SECOND), min_size=1, max_size=60))
def test_a_block_spans_at_most_a_second_of_the_events_own_time(steps: list[int]) -> None:
    rows: list[ChainRow] = []
    journal = JournalWriter(rows.append)
    times = []
    now = 0
    for number, step in enumerate(steps):
        now += step
        times.append(now)
        journal.input(frame_at(number, now))
    journal.seal()
    assert sum(row.count for row in rows) == len(steps)
    start = 0
    for row in rows:
        inside = times[start : start + row.count]
        assert inside[-1] - inside[0] < BLOCK_NS
        start += row.count


def frame_at(number: int, ts: int) -> MarketFrame:
    return msgspec.structs.replace(frame(number), ts=ts, ts_event=ts)


def test_a_block_is_cut_at_its_size() -> None:
    rows: list[ChainRow] = []
    journal = JournalWriter(rows.append)
    for number in range(3_000):
        journal.input(frame(number, step_ns=1))
    journal.seal()
    assert len(rows) > 1
    assert all(row.payload is not None and len(row.payload) <= BLOCK_BYTES for row in rows)
    assert sum(row.count for row in rows) == 3_000


def test_the_journal_gives_back_what_was_put_in(tmp_path: Path) -> None:
    path = written_store(tmp_path, 200)
    turns = history(200)
    reader = JournalReader(path)
    rows = list(reader.rows())
    events = [event for row in rows for event in row.events()]
    effects = [row.effect() for row in rows if row.kind == DECISION]
    assert len(events) == 200
    assert events == [event for event, _ in turns]
    assert effects == [effect for _, answers in turns for effect in answers]
    assert rows[0].kind == SESSION
    assert rows[0].session() == session()
    assert rows[0].note == '{"pid":"1"}'
    reader.close()


def test_the_stored_chain_is_the_built_chain(tmp_path: Path) -> None:
    path = written_store(tmp_path, 300)
    built = chain(300)
    reader = JournalReader(path)
    assert [(row.seq, row.hash) for row in reader.rows()] == [(row.seq, row.hash) for row in built]
    reader.close()
    verdict = verify(path)
    assert (verdict.ok, verdict.rows, verdict.head) == (True, len(built), built[-1].hash.hex())


def test_a_recovery_starts_at_the_last_checkpoint(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    writer = StoreWriter(path, watch_slow=False)
    writer.start()
    journal = JournalWriter(writer.journal)
    journal.session(session(state=b"first"))
    feed(journal, history(20))
    journal.checkpoint(77, b"desk state")
    after = journal.seq
    feed(journal, history(5))
    journal.seal()
    assert writer.close(10)
    reader = JournalReader(path)
    start = reader.last_start()
    assert start is not None
    assert (start.seq, start.ts, start.state) == (after, 77, b"desk state")
    assert start.session.state == b"first"
    first = reader.first_start()
    assert first is not None
    assert (first.seq, first.state) == (1, b"first")
    assert next(row.seq for row in reader.rows(start.seq)) == after + 1
    reader.close()


def test_a_second_session_goes_on_with_the_chain(tmp_path: Path) -> None:
    path = written_store(tmp_path, 30)
    reader = StoreReader(path)
    head = reader.head()
    assert reader.instance() == "abc123"
    reader.close()
    writer = StoreWriter(path, watch_slow=False)
    writer.start()
    journal = JournalWriter(writer.journal, seq=head.seq, head=head.hash)
    journal.session(session(ts=99))
    assert writer.close(10)
    verdict = verify(path)
    assert verdict.ok
    assert verdict.rows == head.seq + 1


def damage(path: Path, statement: str, *params: object) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement, params)
    connection.commit()
    connection.close()


def test_verify_finds_a_flipped_byte_of_any_payload_and_names_its_row(tmp_path: Path) -> None:
    path = written_store(tmp_path, 60)
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT seq, codec, payload FROM journal ORDER BY seq").fetchall()
    assert len(rows) > 20
    for seq, codec, payload in rows[:: len(rows) // 8]:
        content = bytearray(zlib.decompress(payload) if codec else payload)
        content[len(content) // 2] ^= 1
        spoilt = zlib.compress(content, 1) if codec else bytes(content)
        connection.execute("UPDATE journal SET payload = ? WHERE seq = ?", (spoilt, seq))
        connection.commit()
        verdict = verify(path)
        assert (verdict.ok, verdict.first_broken) == (False, seq)
        assert f"row {seq}" in verdict.text
        connection.execute("UPDATE journal SET payload = ? WHERE seq = ?", (payload, seq))
        connection.commit()
    connection.close()
    assert verify(path).ok


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE journal SET ts = ts + 1 WHERE seq = 9", 9),
        ("UPDATE journal SET kind = 'command' WHERE seq = 9", 9),
        ("UPDATE journal SET count = 99 WHERE seq = 9", 9),
        ("UPDATE journal SET kind = 'nonsense' WHERE seq = 9", 9),
        ("UPDATE journal SET hash = zeroblob(32) WHERE seq = 9", 9),
        ("DELETE FROM journal WHERE seq = 9", 10),
        ("UPDATE journal SET payload = NULL WHERE kind = 'session'", 1),
        ("UPDATE journal SET payload = x'78', codec = 1 WHERE seq = 9", 9),
        ("UPDATE journal SET payload = 'by hand' WHERE seq = 9", 9),
        ("UPDATE journal SET payload = 7 WHERE kind = 'session'", 1),
        ("UPDATE journal SET digest = 'by hand' WHERE seq = 9", 9),
        ("UPDATE journal SET hash = 'by hand' WHERE seq = 9", 9),
        ("UPDATE journal SET ts = 'by hand' WHERE seq = 9", 9),
        ("UPDATE journal SET ts = -ts * 1000 WHERE seq = 9", 9),
        ("UPDATE journal SET count = 'by hand' WHERE seq = 9", 9),
    ],
)
def test_verify_finds_what_was_changed(tmp_path: Path, statement: str, broken: int) -> None:
    path = written_store(tmp_path, 60)
    assert verify(path).ok
    damage(path, statement)
    verdict = verify(path)
    assert (verdict.ok, verdict.first_broken) == (False, broken)


def test_a_pruned_block_leaves_the_chain_verifiable(tmp_path: Path) -> None:
    path = written_store(tmp_path, 60)
    before = verify(path)
    damage(path, "UPDATE journal SET payload = NULL WHERE kind = 'block' AND seq < 20")
    after = verify(path)
    assert after.ok
    assert after.gaps > 0
    assert after.head == before.head


def test_an_empty_journal_is_whole(tmp_path: Path) -> None:
    path = new_store(tmp_path)
    verdict = verify(path)
    assert (verdict.ok, verdict.rows, verdict.head) == (True, 0, GENESIS.hex())
    reader = JournalReader(path)
    assert reader.last_start() is None
    reader.close()


def test_export_writes_one_clear_line_a_row(tmp_path: Path) -> None:
    path = written_store(tmp_path, 40)
    lines = [json.loads(line) for line in export(path)]
    assert len(lines) == verify(path).rows
    assert {line["kind"] for line in lines} == {SESSION, BLOCK, COMMAND, DECISION}
    block = next(line for line in lines if line["kind"] == BLOCK)
    assert block["content"][0]["type"] == "market"
    decision = next(line for line in lines if line["kind"] == DECISION)
    assert decision["content"]["type"] in ("timer", "set_timer", "decision", "save_intent")
    out = tmp_path / "journal.jsonl"
    assert export_to(path, out) == len(lines) == len(out.read_text().splitlines())
