"""Is a store's file whole? Looked at once, at the start, before anything is written to it.

SQLite checks its pages, and says nothing of a write-ahead log that ends in garbage: it takes the frames
before it for all there was. A desk that recovered from such a prefix would not know orders that it sent, so
the log is checked here (file format: https://www.sqlite.org/fileformat2.html, section 4).
"""

from __future__ import annotations

import os
import sqlite3
import struct
from pathlib import Path

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGIC = (0x377F0682, 0x377F0683)
"""The second one: checksums over big-endian words."""


def quick_check(connection: sqlite3.Connection) -> str | None:
    """The first fault of the pages and their trees; None = there is none. Raises what SQLite raises.

    0.25 s for 200 MB in the page cache.
    """
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if found == "ok" else f"the file is damaged ({' '.join(str(found).split())})"


def lost_log(connection: sqlite3.Connection, path: Path) -> str | None:
    """What of the write-ahead log cannot be read any more although it was committed; None = nothing.

    A process that is killed leaves at most one torn commit at the log's end, which never was durable. A
    commit beyond the readable part with more behind it was.
    """
    try:
        log = _wal(path).read_bytes()
    except FileNotFoundError:
        return None
    if not log:
        return None
    if not _header_holds(log):
        return "its write-ahead log begins with garbage: what was last committed is lost"
    # A read lets SQLite find out how far the log can be read; the checkpoint tells us.
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    _, readable, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    page, salts = struct.unpack_from(">I", log, 8)[0], log[16:24]
    step = _FRAME.size + page
    beyond = [
        struct.unpack_from(">I", log, at + 4)[0] > 0
        for at in range(_HEADER.size + max(readable, 0) * step, len(log) - step + 1, step)
        if log[at + 8 : at + 16] == salts
    ]
    if any(beyond[:-1]):
        return f"its write-ahead log is damaged after frame {readable}: what was committed there is lost"
    return None


def keep_log(path: Path) -> None:
    """Rename the log, so that the connection that is about to close does not delete it. Raises OSError."""
    wal = _wal(path)
    if wal.exists():
        wal.rename(wal.with_name(wal.name + ".kept"))


def set_aside(path: Path, stamp: str) -> Path:
    """Move a damaged store with its log to `store.sqlite.corrupt-STAMP`; nothing is deleted. Raises OSError.

    Gives the file's new place.
    """
    target, number = path.with_name(f"{path.name}.corrupt-{stamp}"), 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.corrupt-{stamp}.{number}")
    kept = _wal(path).with_name(_wal(path).name + ".kept")
    # The file first: a start that is killed in between finds no store, which is told like a damaged one.
    for old, new in ((path, target), (_wal(path), _wal(target)), (kept, _wal(target))):
        if old.exists():
            old.rename(new)
    shared = path.with_name(path.name + "-shm")
    if shared.exists():
        shared.rename(target.with_name(target.name + "-shm"))
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return target


def _wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _header_holds(log: bytes) -> bool:
    """Magic and checksum of the log's first 32 bytes."""
    if len(log) < _HEADER.size:
        return False
    order = ">" if log[3] & 1 else "<"
    words = struct.unpack_from(f"{order}6I", log)
    one = two = 0
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    magic, *_, sum_one, sum_two = _HEADER.unpack_from(log)
    return magic in _MAGIC and (one, two) == (sum_one, sum_two)
