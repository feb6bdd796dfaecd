"""Reading the journal back: for recovery, replay and audit; beside a running engine too.

A replay feeds `events()` of each `block` and `command` row to a desk and a second `JournalWriter`, and
compares the rows that come out with the ones read here.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from services.domain.effects import Effect
from services.domain.events import Command, Event
from services.store.journal import (
    BLOCK,
    CHECKPOINT,
    COMMAND,
    DECISION,
    GAP,
    GENESIS,
    KIND_CODE,
    SESSION,
    SessionStarted,
    link,
)
from services.store.migrate import CorruptStore
from services.store.reader import connect_read_only

_COLUMNS = "seq, kind, ts, count, codec, payload, digest, hash, note"


@cache
def _decoders() -> tuple[
    msgspec.msgpack.Decoder[list[Event]], msgspec.json.Decoder[Command], msgspec.json.Decoder[Effect]
]:
    """Of events, commands and effects: made when a journal is read, for they cost a start 14 ms."""
    return msgspec.msgpack.Decoder(list[Event]), msgspec.json.Decoder(Command), msgspec.json.Decoder(Effect)


class JournalRow(Struct, frozen=True):
    """A row as stored. `payload` is uncompressed; None = pruned, or lost (kind `gap`)."""

    seq: int
    kind: str
    ts: int
    count: int
    payload: bytes | None
    digest: bytes
    hash: bytes
    note: str

    def events(self) -> list[Event]:
        """The inputs of a `block` or `command` row, in order; none for other kinds."""
        if self.payload is None:
            return []
        if self.kind == BLOCK:
            return _decoders()[0].decode(self.payload)
        if self.kind == COMMAND:
            return [_decoders()[1].decode(self.payload)]
        return []

    def effect(self) -> Effect:
        """The effect of a `decision` row. Raises ValueError for other kinds and when the payload is gone."""
        found: Effect = _decoders()[2].decode(self._payload(DECISION))
        return found

    def session(self) -> SessionStarted:
        """What a `session` row says. Raises ValueError for other kinds."""
        return msgspec.json.decode(self._payload(SESSION), type=SessionStarted)

    def _payload(self, kind: str) -> bytes:
        if self.kind != kind or self.payload is None:
            raise ValueError(f"journal row {self.seq} is no {kind} with a payload but {self.kind}")
        return self.payload


class Start(Struct, frozen=True):
    """Where a recovery or a replay begins: a session or checkpoint row, and the session it belongs to."""

    seq: int
    ts: int
    hash: bytes
    session: SessionStarted
    state: bytes
    """Desk state right after that row, msgpack; empty = a new desk."""


class Broken(Struct, frozen=True):
    """A row that is not what was written."""

    seq: int
    text: str


class Verdict(Struct, frozen=True):
    """`audit verify`."""

    ok: bool
    head: str
    """Hex of the last row's hash."""
    rows: int
    first_broken: int | None
    text: str
    gaps: int = 0
    """Blocks without payload: lost or pruned; the chain holds over them."""


Tell = Callable[[int, int], None]
"""Hears after each row its number and the last one's: how far a long reading is."""


class JournalReader:
    """Raises StoreError when the store cannot be opened."""

    def __init__(self, path: Path, tell: Tell | None = None) -> None:
        self._tell = tell
        self._connection = connect_read_only(path)

    def rows(self, after: int = 0, upto: int | None = None) -> Generator[JournalRow, None, None]:
        """Rows with `after < seq <= upto`, in order. Raises ValueError when a payload cannot be unpacked."""
        for raw in self._raw(after, upto):
            seq, kind, ts, count, codec, payload, digest, hash_, note = raw
            yield JournalRow(seq, kind, ts, count, _unpacked(seq, codec, payload), digest, hash_, note)

    def mentioning(
        self, words: Sequence[bytes], after: int = 0, upto: int | None = None
    ) -> Generator[JournalRow, None, None]:
        """Decision rows whose text holds one of `words` (JSON texts, quotes included), in order."""
        bound = upto if upto is not None else (1 << 63) - 1
        held = " OR ".join("instr(payload, ?) > 0" for _ in words) or "0"
        query = (
            f"SELECT {_COLUMNS} FROM journal WHERE kind = 'decision' AND seq > ? AND seq <= ? "  # noqa: S608
            f"AND (codec <> 0 OR {held}) ORDER BY seq"
        )
        for raw in self._connection.execute(query, (after, bound, *words)):
            row = _row(raw)
            if row.payload is not None and any(word in row.payload for word in words):
                yield row

    def row_at(self, ts: int) -> int:
        """The last row at or before a time, by bisection: times never fall along the chain; 0 = none."""
        low, high = 0, self._number("SELECT max(seq) FROM journal") or 0
        while low < high:
            middle = (low + high + 1) // 2
            found = self._number("SELECT ts FROM journal WHERE seq >= ? ORDER BY seq LIMIT 1", middle)
            if found is None or found > ts:
                high = middle - 1
            else:
                low = middle
        return low

    def before_newest(self, decisions: int) -> int:
        """The decision row behind which so many more stand; 0 = there are not as many."""
        query = "SELECT seq FROM journal WHERE kind = 'decision' ORDER BY seq DESC LIMIT 1 OFFSET ?"
        return self._number(query, decisions) or 0

    def turn_end(self, row: int) -> int:
        """The last decision of the turn that a decision row belongs to: the next input comes after it."""
        found = self._number("SELECT min(seq) FROM journal WHERE seq > ? AND kind <> 'decision'", row)
        return (1 << 63) - 1 if found is None else found - 1

    def turn_start(self, row: int) -> int:
        """The input whose turn a decision row belongs to; 0 = before any."""
        return self._number("SELECT max(seq) FROM journal WHERE seq < ? AND kind <> 'decision'", row) or 0

    def sessions(self, newest: int = -1) -> list[JournalRow]:
        """In order; of the last `newest` starts, -1 = of all."""
        query = f"SELECT {_COLUMNS} FROM journal WHERE kind = 'session' ORDER BY seq DESC LIMIT ?"  # noqa: S608
        return [_row(raw) for raw in self._connection.execute(query, (newest,))][::-1]

    def last_start(self, before: int | None = None) -> Start | None:
        """The newest session or checkpoint at or before row `before`; None = the journal is empty."""
        return self._start("DESC", before)

    def first_start(self) -> Start | None:
        """The oldest session or checkpoint with all inputs after it, so past the pruned blocks; None = none.

        A lost block (gap) is no matter of this: a replay stops at it by name."""
        pruned = self._number("SELECT max(seq) FROM journal WHERE kind = 'block' AND payload IS NULL")
        return self._start("ASC", None, after=pruned or 0)

    def prove(self, start: Start) -> None:
        """Check the chain from `start` to its end: what a recovery feeds on. Raises CorruptStore."""
        found = self.fault_after(start)
        if found is not None:
            raise CorruptStore(f"journal row {found.seq}: {found.text}")

    def fault_after(self, start: Start) -> Broken | None:
        """The first row from `start` on that does not hold, with what is wrong; None = all do."""
        query = "SELECT hash FROM journal WHERE seq = ?"
        before = self._connection.execute(query, (start.seq - 1,)).fetchone()
        head = GENESIS if before is None else bytes(before[0])
        expected = start.seq
        for raw in self._raw(start.seq - 1, None):
            fault = _fault(raw, expected, head)
            if fault:
                return Broken(raw[0], fault)
            expected, head = expected + 1, bytes(raw[7])
        return None

    def close(self) -> None:
        self._connection.close()

    def _number(self, query: str, *given: int) -> int | None:
        """The first figure of the first row that a query finds."""
        found = self._connection.execute(query, given).fetchone()
        return None if found is None or found[0] is None else int(found[0])

    def _raw(self, after: int, upto: int | None) -> Iterator[tuple[Any, ...]]:
        bound = upto if upto is not None else (1 << 63) - 1
        found = self._connection.execute(
            f"SELECT {_COLUMNS} FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq",  # noqa: S608
            (after, bound),
        )
        if self._tell is None:
            yield from found
            return
        last = self._number("SELECT max(seq) FROM journal") or 0
        for raw in found:
            yield raw
            self._tell(raw[0], last)

    def _start(self, order: str, before: int | None, after: int = 0) -> Start | None:
        bound = before if before is not None else (1 << 63) - 1
        query = (
            f"SELECT {_COLUMNS} FROM journal WHERE kind IN ('session', 'checkpoint') AND payload IS NOT NULL "  # noqa: S608
            f"AND seq > ? AND seq <= ? ORDER BY seq {order} LIMIT 1"
        )
        raw = self._connection.execute(query, (after, bound)).fetchone()
        if raw is None:
            return None
        row = _row(raw)
        if row.kind == SESSION:
            session = row.session()
            return Start(row.seq, row.ts, row.hash, session, session.state)
        before_it = [found for found in self.sessions() if found.seq < row.seq]
        if not before_it:
            raise ValueError(f"journal row {row.seq} is a {CHECKPOINT} without a session before it")
        return Start(row.seq, row.ts, row.hash, before_it[-1].session(), row.payload or b"")


def verify(path: Path, tell: Tell | None = None) -> Verdict:
    """Check every row's payload and link, from the first. Raises StoreError when there is no store."""
    reader = JournalReader(path, tell)
    head = GENESIS
    rows = gaps = 0
    try:
        for raw in reader._raw(0, None):
            fault = _fault(raw, rows + 1, head)
            if fault:
                return Verdict(False, head.hex(), rows, raw[0], f"row {raw[0]}: {fault}", gaps)
            rows += 1
            head = raw[7]
            gaps += raw[5] is None
    except sqlite3.DatabaseError as error:
        return Verdict(False, head.hex(), rows, rows + 1, f"row {rows + 1}: {error}", gaps)
    finally:
        reader.close()
    return Verdict(True, head.hex(), rows, None, f"{rows} rows, the chain holds", gaps)


def export(path: Path, after: int = 0) -> Iterator[str]:
    """One JSON line a row, for `audit export`: blocks opened into their events, hashes in hex."""
    reader = JournalReader(path)
    encoder = msgspec.json.Encoder()
    try:
        for row in reader.rows(after):
            content: Any = None
            if row.kind in (BLOCK, COMMAND):
                content = row.events()
            elif row.kind in (DECISION, SESSION) and row.payload is not None:
                content = msgspec.Raw(row.payload)
            elif row.payload is not None:
                content = row.payload
            line: dict[str, Any] = {
                "seq": row.seq,
                "kind": row.kind,
                "ts": row.ts,
                "hash": row.hash.hex(),
                "content": content,
            }
            if row.payload is None:
                line["missing"] = "lost" if row.kind == GAP else "pruned"
            yield encoder.encode(line).decode()
    finally:
        reader.close()


def export_to(path: Path, out: Path) -> int:
    """`export` into a file; how many rows. Raises OSError."""
    rows = 0
    with out.open("w", encoding="utf-8") as file:
        for line in export(path):
            file.write(line + "\n")
            rows += 1
    return rows


def _fault(raw: tuple[Any, ...], expected: int, head: bytes) -> str:
    """What is wrong with a stored row that should follow `head`; empty = nothing."""
    seq, kind, ts, count, codec, payload, digest, hash_, _ = raw
    if seq != expected:
        return f"rows {expected} to {seq - 1} are missing"
    hashed_kind = BLOCK if kind == GAP else kind
    if hashed_kind not in KIND_CODE:
        return f"unknown kind {kind!r}"
    if payload is not None:
        try:
            content = _unpacked(seq, codec, payload)
        except ValueError as error:
            return str(error)
        if hashlib.sha256(content or b"").digest() != digest:
            return "its payload does not match its digest"
    elif kind not in (BLOCK, GAP):
        return f"the payload of a {kind} is missing"
    try:
        follows = link(head, seq, hashed_kind, ts, count, digest) == hash_
    except (TypeError, struct.error):  # a column of another type, or a number that fits none
        follows = False
    return "" if follows else "its hash does not follow from the row before"


def _unpacked(seq: int, codec: int, payload: bytes | None) -> bytes | None:
    if payload is not None and not isinstance(payload, bytes):
        # SQLite keeps what an edit has put there, of whatever type.
        raise ValueError(f"row {seq}: its payload is not what was written")
    if payload is None or codec == 0:
        return payload
    try:
        return zlib.decompress(payload)
    except zlib.error as error:
        raise ValueError(f"row {seq}: its payload cannot be unpacked ({error})") from error


def _row(raw: tuple[Any, ...]) -> JournalRow:
    seq, kind, ts, count, codec, payload, digest, hash_, note = raw
    return JournalRow(seq, kind, ts, count, _unpacked(seq, codec, payload), digest, hash_, note)
