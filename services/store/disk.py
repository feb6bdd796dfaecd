"""The writer's hand on the database: one batch, one transaction, with the sync level it needs.

Used from the writer thread only. Raises whatever SQLite raises; the writer decides what trouble that is.
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peewee import SqliteDatabase

from services.domain.records import Row
from services.store import prune
from services.store.journal import GAP, ChainRow
from services.store.records import TABLES

_COMPRESS_FROM = 512
"""Bytes; smaller payloads are stored as they are."""
_BUSY_MS = 200
"""SQLite's own wait for another program's lock, before it counts as trouble."""

_INSERT_JOURNAL = (
    "INSERT INTO journal (seq, kind, ts, count, codec, payload, digest, hash, note) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_TOUCH = "UPDATE meta SET value = value WHERE key = 'schema'"
"""A write that changes nothing: under FULL it brings every earlier commit to the disk."""


class Disk:
    """Opened on first use and again after a failure that may have spoilt the connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: SqliteDatabase | None = None
        self._full: bool | None = None
        self.elsewhere = threading.Lock()
        """Free while a commit is with the device: from there on the write needs no interpreter. A lock and no
        event: whoever waits for it is an order, and waits one call of C and not six functions."""
        self.elsewhere.acquire()

    def write(self, rows: Sequence[ChainRow | Row], sync: bool) -> bool:
        """Commit `rows` together; FULL sync when `sync` or a row asks for it. True = all is durable."""
        groups: dict[str, list[tuple[Any, ...]]] = {}
        for row in rows:
            if isinstance(row, ChainRow):
                sync = sync or row.sync
                groups.setdefault(_INSERT_JOURNAL, []).append(_journal_params(row))
            else:
                table = TABLES[row.__class__]
                groups.setdefault(table.insert, []).append(table.params(row))
        connection = self._connection()
        if sync is not self._full:
            connection.execute(f"PRAGMA synchronous = {'FULL' if sync else 'NORMAL'}")
            self._full = sync
        connection.execute("BEGIN IMMEDIATE")
        for statement, params in groups.items():
            connection.executemany(statement, params)
        if not rows:
            connection.execute(_TOUCH)
        self.elsewhere.release()
        try:
            connection.execute("COMMIT")
        finally:
            self.elsewhere.acquire()
        return sync

    def roll_back(self, *, reopen: bool) -> None:
        """Undo an open transaction; with `reopen` the next write starts on a new connection."""
        if self._database is None:
            return
        try:
            connection = self._connection()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            reopen = True  # a connection that cannot roll back is of no more use
        if reopen:
            self.close()

    def prune(self, keep_from: int) -> bool:
        """One step of emptying old blocks (`prune.step`). False = nothing is left to do."""
        connection = self._connection()
        if self._full is not False:
            connection.execute("PRAGMA synchronous = NORMAL")
            self._full = False
        return prune.step(connection, keep_from).blocks == prune.BATCH

    def fold(self) -> None:
        """Fold the write-ahead log into the database file; what is in the log is durable all the same."""
        self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        database, self._database, self._full = self._database, None, None
        if database is not None:
            database.close()

    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
            if not self._path.exists():
                raise sqlite3.OperationalError(f"unable to open database file: {self._path} is gone")
            database = SqliteDatabase(
                str(self._path), pragmas={"journal_mode": "wal", "busy_timeout": _BUSY_MS}
            )
            database.connect()
            self._database = database
        connection: sqlite3.Connection = self._database.connection()  # type: ignore[no-untyped-call]
        return connection


def _journal_params(row: ChainRow) -> tuple[Any, ...]:
    payload = row.payload
    kind = row.kind
    codec = 0
    if payload is None:
        kind = GAP
    elif len(payload) >= _COMPRESS_FROM:
        small = zlib.compress(payload, 1)
        if len(small) < len(payload):
            payload, codec = small, 1
    return row.seq, kind, row.ts, row.count, codec, payload, row.digest, row.hash, row.note
