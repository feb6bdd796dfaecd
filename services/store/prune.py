"""Old blocks of inputs lose their payload: the chain keeps their hashes, decisions stay (RUNTIME 4).

Everything before a start (a session or a checkpoint) may go: a recovery begins at the last one, and a replay
begins past the last block that was emptied. What the disk gives back is used again by new rows; the file
itself gets smaller by `compact` alone.
"""

from __future__ import annotations

import sqlite3

from msgspec import Struct

BATCH = 100
"""Blocks of one transaction: a few milliseconds, after which whoever waits for the database goes first."""

_BORDER = (
    "SELECT coalesce(max(seq), 0) FROM journal "
    "WHERE kind IN ('session', 'checkpoint') AND payload IS NOT NULL AND ts <= ?"
)
_DONE = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'pruned'"
_NOTE = (
    "INSERT INTO meta (key, value) VALUES ('pruned', ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_FIND = (
    "SELECT seq, kind, ts, count, digest, hash, note, length(payload) FROM journal "
    "WHERE kind = 'block' AND seq > ? AND seq < ? AND payload IS NOT NULL ORDER BY seq LIMIT ?"
)
_PUT = (
    "INSERT INTO journal (seq, kind, ts, count, codec, payload, digest, hash, note) "
    "VALUES (?, ?, ?, ?, 0, NULL, ?, ?, ?)"
)


class Step(Struct, frozen=True):
    blocks: int
    """Emptied by this step; less than `BATCH` = there are no more."""
    freed: int
    """Bytes of payload, as stored."""


def step(connection: sqlite3.Connection, keep_from: int) -> Step:
    """Empties some of the blocks before the last start that is not younger than `keep_from` (desk time, ns).

    One transaction. Raises what SQLite raises, then rolled back. The connection is in autocommit mode.
    """
    border = int(connection.execute(_BORDER, (keep_from,)).fetchone()[0])
    done = connection.execute(_DONE).fetchone()
    found = connection.execute(_FIND, (0 if done is None else done[0], border, BATCH)).fetchall()
    if not found:
        return Step(0, 0)
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Deleted and put anew: an update would leave the emptied pages half full for ever.
        connection.executemany("DELETE FROM journal WHERE seq = ?", [(row[0],) for row in found])
        connection.executemany(_PUT, [row[:7] for row in found])
        connection.execute(_NOTE, (str(found[-1][0]),))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return Step(len(found), sum(int(row[7]) for row in found))


def last_ts(connection: sqlite3.Connection) -> int:
    """Desk time of the journal's last row, ns; 0 = it is empty."""
    found = connection.execute("SELECT ts FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
    return 0 if found is None else int(found[0])


def compact(connection: sqlite3.Connection) -> None:
    """Give the free pages back to the disk. Needs the store alone, and as much free space as it is large."""
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
