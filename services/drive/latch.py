"""The latch: one pre-allocated 4 KiB file, overwritten in place, that says the desk is halted (RUNTIME 3).

Writing it needs no new disk block, so it works on a full disk; fdatasync before it returns. What cannot be
read counts as HALTED. Standard library only and little of it: the watchdog imports this.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import NamedTuple

SIZE = 4096
_TEXT_MOST = 1_500
"""Characters of a cause's text that are kept."""
_SCOPE_TEXT_MOST = 120
_STATES = ("ACTIVE", "REDUCING", "HALTED")


class LatchRecord(NamedTuple):
    state: str
    """ACTIVE, REDUCING or HALTED."""
    cause: str
    text: str
    ts: int
    """Desk time, ns; 0 = unknown."""
    scopes: tuple[tuple[str, str, str], ...] = ()
    """(cause, scope, text) of everything less than the whole desk that is halted."""


class Latch:
    """Open for the engine's life. `write` raises OSError: an alert for the driver, never a delay."""

    def __init__(self, path: Path | str) -> None:
        """Opens the file, or creates it as ACTIVE and full length. Raises OSError."""
        self.path = Path(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(self.path, flags, 0o600)
        if os.fstat(self._fd).st_size == 0:
            self.write("ACTIVE", "", "", 0)
            _sync_folder(self.path.parent)

    def read(self) -> LatchRecord:
        return _read(self._fd)

    def write(
        self, state: str, cause: str, text: str, ts: int, scopes: tuple[tuple[str, str, str], ...] = ()
    ) -> None:
        """In place, then fdatasync."""
        self.put(LatchRecord(state, cause, text, ts, scopes))
        self.sync()

    def put(self, record: LatchRecord) -> None:
        """In place: from here on the death of the process does not lose it."""
        if os.pwrite(self._fd, _page(record), 0) != SIZE:
            raise OSError(f"{self.path}: the latch was written only in part")

    def sync(self) -> None:
        """Onto the disk."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


def read_latch(path: Path | str) -> LatchRecord | None:
    """The latch without creating it; None = there is no file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _unreadable(str(error))
    try:
        return _read(fd)
    finally:
        os.close(fd)


def _page(record: LatchRecord) -> bytes:
    scopes = [[cause[:60], scope[:80], text[:_SCOPE_TEXT_MOST]] for cause, scope, text in record.scopes]
    body = json.dumps(
        {
            "state": record.state,
            "cause": record.cause[:200],
            "text": record.text[:_TEXT_MOST],
            "ts": record.ts,
            "scopes": scopes,
        }
    ).encode("ascii", "backslashreplace")
    head = f"{zlib.crc32(body):08x} {len(body):4d} ".encode()
    page = head + body
    if len(page) >= SIZE and record.scopes:
        if record.state == "HALTED":
            return _page(record._replace(scopes=()))  # it covers them
        if len(record.text) > _SCOPE_TEXT_MOST:
            return _page(record._replace(text=record.text[:_SCOPE_TEXT_MOST]))
        text = f"more is halted than the latch holds: {len(record.scopes)} scopes"
        return _page(LatchRecord("HALTED", record.scopes[0][0], text, record.ts))
    if len(page) >= SIZE:  # text of four-byte characters grows when escaped
        return _page(record._replace(cause=record.cause[:60], text=record.text[: len(record.text) // 2]))
    return page.ljust(SIZE - 1) + b"\n"


def _read(fd: int) -> LatchRecord:
    try:
        page = os.pread(fd, SIZE, 0)
        body = page[14 : 14 + int(page[9:13])]
        if zlib.crc32(body) != int(page[:8], 16):
            return _unreadable("its checksum does not match")
        facts = json.loads(body)
        scopes = tuple((str(a), str(b), str(c)) for a, b, c in facts.get("scopes", ()))
        record = LatchRecord(
            str(facts["state"]), str(facts["cause"]), str(facts["text"]), int(facts["ts"]), scopes
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        return _unreadable(f"{type(error).__name__}: {error}")
    if record.state not in _STATES:
        return _unreadable(f"unknown state {record.state!r}")
    return record


def _unreadable(why: str) -> LatchRecord:
    return LatchRecord("HALTED", "latch", f"the latch file cannot be read ({why}): halted to be safe", 0)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
