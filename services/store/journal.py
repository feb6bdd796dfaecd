"""The journal's chain: every event handed to the desk and every effect it returned, hashed (RUNTIME 4).

Rows are made here and written by `services.store.writer`. The order is total: an effect closes the open
block of inputs, so what stands before a row on disk is exactly what happened before it, and the effects after
a block are those of its last event. Nothing here reads a clock; identical events and effects give identical
bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from struct import Struct as Packed
from typing import Any

import msgspec
from msgspec import Struct

from services.domain.effects import Effect, SaveIntent, WriteLatch
from services.domain.events import Command, Event
from services.domain.instrument import Instrument

JOURNAL_SCHEMA = 1
GENESIS = bytes(32)
"""The hash before the first row."""

BLOCK_NS = 1_000_000_000
"""A block spans at most one second of the events' own time."""
BLOCK_BYTES = 256 * 1024
HEADER_BYTES = 5
"""The longest msgpack header of an array."""

SESSION = "session"
BLOCK = "block"
COMMAND = "command"
DECISION = "decision"
CHECKPOINT = "checkpoint"
GAP = "gap"
"""A block whose payload was lost to a full lane: its hash stays, a replay stops there by name."""

KIND_CODE = {SESSION: 1, BLOCK: 2, COMMAND: 3, DECISION: 4, CHECKPOINT: 5}

_HEADER = Packed(">QBqI")
_NOTHING = hashlib.sha256()
"""Copied for each hash: a new one looks for its algorithm first, and an order waits for four of them."""


class SessionStarted(Struct, frozen=True, kw_only=True, tag="session"):
    """What a replay needs besides the rows after it. All of it is hashed, so nothing of the wall is in it."""

    schema: int
    code: str
    """Version of the program that writes what follows."""
    profile: str
    mode: str
    settings: dict[str, Any]
    """Resolved and redacted (`msgspec.to_builtins` of `Settings`)."""
    instruments: tuple[Instrument, ...]
    world: dict[str, Any]
    """Scenario or history digest, seed, step, start: what `world.json` holds."""
    instance: str
    ts: int
    state: bytes = b""
    """Restored desk state, msgpack; empty = a new desk."""


class ChainRow(Struct):
    """One row of the chain on its way to the writer. `payload` is uncompressed: the hash covers that."""

    seq: int
    kind: str
    ts: int
    count: int
    payload: bytes | None
    digest: bytes
    hash: bytes
    bulk: bool = False
    sync: bool = False
    note: str = ""


def link(previous: bytes, seq: int, kind: str, ts: int, count: int, digest: bytes) -> bytes:
    """The hash of a row: sha256(previous hash, header, sha256 of the payload).

    The payload enters by its digest, so a pruned or lost payload leaves the chain verifiable.
    """
    hashing = _NOTHING.copy()
    hashing.update(previous + _HEADER.pack(seq, KIND_CODE[kind], ts, count) + digest)
    return hashing.digest()


def _array_header(count: int) -> bytes:
    """msgpack's header of an array, so that a block is one list of events."""
    if count < 16:
        return bytes((0x90 | count,))
    if count < 1 << 16:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")


class JournalWriter:
    """Builds the chain. `put` receives each finished row, in order (the writer's `journal`)."""

    def __init__(self, put: Callable[[ChainRow], None], *, seq: int = 0, head: bytes = GENESIS) -> None:
        """`seq` and `head` of the last row on disk (`reader.head`)."""
        self.seq = seq
        self.head = head
        self._put = put
        self._encoder = msgspec.msgpack.Encoder()
        self._json = msgspec.json.Encoder()
        self._buffer = bytearray()
        self._count = 0
        self._first_ts = 0
        self._last_ts = 0

    def session(self, started: SessionStarted, note: dict[str, str] | None = None) -> None:
        """`note` (pid, speed, paths, wall time) is stored beside the row and not hashed."""
        self.seal()
        text = self._json.encode(note).decode() if note else ""
        self._row(SESSION, started.ts, 1, self._json.encode(started), sync=True, note=text)

    def input(self, event: Event) -> None:
        """An event, before it is handed to `Desk.handle`. Commands get a clear row of their own."""
        ts = event.ts
        if event.__class__ is Command:
            self.seal()
            self._row(COMMAND, ts, 1, self._json.encode(event))
            return
        buffer = self._buffer
        if self._count and ts >= self._first_ts + BLOCK_NS:
            self.seal()
        before = len(buffer)
        self._encoder.encode_into(event, buffer, -1)
        if self._count and len(buffer) > BLOCK_BYTES - HEADER_BYTES:
            over = bytes(buffer[before:])
            del buffer[before:]
            self.seal()
            buffer += over
        if not self._count:
            self._first_ts = ts
        self._count += 1
        self._last_ts = ts

    def decision(self, effect: Effect, ts: int) -> None:
        """An effect, at the time of the event that caused it. Closes the open block first."""
        if self._count:
            self.seal()
        kind = effect.__class__
        self._row(DECISION, ts, 1, self._json.encode(effect), sync=kind is SaveIntent or kind is WriteLatch)

    def checkpoint(self, ts: int, state: bytes) -> None:
        """The whole desk state: a replay or a recovery may start after this row."""
        self.seal()
        self._row(CHECKPOINT, ts, 1, state)

    def seal(self) -> None:
        """Close the open block of inputs, if any. Call at the end of a run."""
        count = self._count
        if not count:
            return
        payload = _array_header(count) + self._buffer
        self._buffer.clear()
        self._count = 0
        self._row(BLOCK, self._last_ts, count, payload, bulk=True)

    def _row(
        self,
        kind: str,
        ts: int,
        count: int,
        payload: bytes,
        *,
        bulk: bool = False,
        sync: bool = False,
        note: str = "",
    ) -> None:
        self.seq += 1
        hashing = _NOTHING.copy()
        hashing.update(payload)
        digest = hashing.digest()
        self.head = link(self.head, self.seq, kind, ts, count, digest)
        self._put(
            ChainRow(self.seq, kind, ts, count, payload, digest, self.head, bulk=bulk, sync=sync, note=note)
        )
