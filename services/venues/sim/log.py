"""The exchange's own durable books: a log of accepted commands, and a checkpoint every simulated hour.

A command is written with one `write()` before its acknowledgement leaves, so it survives the death of the
process. Recovery is the last checkpoint plus the commands after it, replayed at the market instant at which
they were taken. A torn last line, from a death inside the write, is cut off: its acknowledgement never left.

Blocks are reserved ahead of the last line, so on a disk that fills up the way out (halt, flatten) is still
written. What no disk takes, a read-only one say, is refused if it may add risk; what leads out of risk is
kept in memory and written later, in order.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import msgspec
from msgspec import Struct, field

from services.domain.events import RateRow
from services.domain.orders import OrderRequest
from services.venues.sim.state import VenueState
from services.venues.sim.world import write_atomically

LOG_FILE = "commands.log"
CHECKPOINT_FILE = "checkpoint"

RESERVE = 512 * 1024
"""Bytes reserved behind the last line, anew when half of them are used: the rest is some 800 orders."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Entry(Struct, frozen=True, omit_defaults=True):
    """One line of the log. Without a venue it only says how far the market has come."""

    instants: int
    """Market instants that had happened before it."""
    ts: int
    venue: str = ""
    order: OrderRequest | None = None
    cancel: str = ""
    """Venue order id."""
    coin: str = ""
    amount: str = ""
    """A transfer: coin and signed amount."""
    most: str = ""
    """The most that the order could meet on its arrival, by a fault."""
    taken: str = ""
    percent: int = 0
    """Auto-deleveraging by a fault: the instrument, and the share of the position."""
    dead_man: int | None = None
    """The dead-man's switch is armed for so many ms; 0 = disarmed."""

    @property
    def leads_out(self) -> bool:
        """A cancel, a reduce-only order, a word to the switch: no account is at more risk after it."""
        reduces = self.order is not None and self.order.reduce_only
        return reduces or bool(self.cancel) or self.dead_man is not None


class Checkpoint(Struct):
    """The whole exchange right after a market instant."""

    instants: int
    ts: int
    log_bytes: int
    """Length of the log that it already contains."""
    source: bytes
    settled: list[RateRow] = field(default_factory=list)
    """Settled rates since the start, without the back-fill, which the world gives again."""
    venues: dict[str, VenueState] = field(default_factory=dict)


class CommandLog:
    """Append-only file of entries; without a folder it keeps nothing.

    The file is longer than its text: behind the last line lie reserved zeros.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._fd = -1
        self._size = 0
        self._room = 0
        """Where the reserved blocks end."""
        self._owed: list[bytes] = []
        """Lines that happened and that the disk did not take, in order."""
        self._why = ""
        if folder is not None:
            self._fd = os.open(folder / LOG_FILE, os.O_RDWR | os.O_CREAT, 0o600)
            self._size = self._room = os.fstat(self._fd).st_size

    def append(self, entry: Entry) -> None:
        """One write; without the disk, what leads out of risk is kept. Raises OSError for anything else that
        the disk did not take; then nothing of it stays.
        """
        if self._fd < 0:
            return
        line = msgspec.json.encode(entry) + b"\n"
        try:
            ahead = self._reserve(len(line))
            if not entry.venue and not ahead:
                # What is left of the reserve is for commands; the market's time can be found again.
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._write_owed()
            self._write(line)
        except OSError as error:
            if not entry.leads_out:
                raise
            self._owed.append(line)
            self._why = error.strerror or str(error)

    @property
    def trouble(self) -> str:
        """Why something that happened is not written; empty = all of it is."""
        owed = len(self._owed)
        return f"{LOG_FILE}: {owed} commands are only in memory: {self._why}" if owed else ""

    def retry(self) -> None:
        """Write what is owed, if the disk takes it now."""
        if self._owed and self._fd >= 0:
            with contextlib.suppress(OSError):  # `trouble` goes on saying why
                self._write_owed()

    def _write_owed(self) -> None:
        while self._owed:
            self._write(self._owed[0])
            del self._owed[0]

    def _write(self, line: bytes) -> None:
        """One line, whole or not at all: what lies behind `_size` is written over, or wiped at a start."""
        try:
            written = os.pwrite(self._fd, line, self._size)
            if written != len(line):
                raise OSError(f"only {written} of {len(line)} bytes were written")
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, max(self._room, self._size))
            raise
        self._size += len(line)
        self._room = max(self._room, self._size)

    def _reserve(self, count: int) -> bool:
        """Blocks for `count` bytes and more. False = the disk is full, and half of the reserve is used."""
        if self._room - self._size - count >= RESERVE // 2:
            return True
        try:
            os.posix_fallocate(self._fd, self._size, RESERVE)
        except OSError as error:
            return error.errno not in _FULL
        self._room = self._size + RESERVE
        return True

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint atomically. Raises OSError; the older one then stands."""
        if self.folder is not None:
            write_atomically(self.folder / CHECKPOINT_FILE, msgspec.msgpack.encode(checkpoint))
            self._owed.clear()  # it is in the checkpoint

    def recover(self) -> tuple[Checkpoint | None, list[Entry]]:
        """The last checkpoint and the entries after it. Wipes a torn last line out; the reserve stays.

        Raises OSError for books that are damaged: nothing is guessed, and nothing is written over them."""
        if self.folder is None:
            return None, []
        checkpoint: Checkpoint | None = None
        try:
            raw = (self.folder / CHECKPOINT_FILE).read_bytes()
        except FileNotFoundError:
            raw = b""
        if raw:
            try:
                checkpoint = msgspec.msgpack.decode(raw, type=Checkpoint)
            except (msgspec.MsgspecError, ValueError) as error:
                raise self._damaged(CHECKPOINT_FILE, error) from error
        whole = (self.folder / LOG_FILE).read_bytes()
        good = whole.partition(b"\0")[0].rfind(b"\n") + 1
        torn = len(whole[good:].rstrip(b"\0"))
        if torn:
            os.pwrite(self._fd, bytes(torn), good)
        self._size, self._room = good, len(whole)
        begin = checkpoint.log_bytes if checkpoint is not None else 0
        lines = whole[begin:good].splitlines()
        try:
            return checkpoint, [msgspec.json.decode(line, type=Entry) for line in lines]
        except (msgspec.MsgspecError, ValueError) as error:
            raise self._damaged(LOG_FILE, error) from error

    def _damaged(self, name: str, error: Exception) -> OSError:
        path = None if self.folder is None else str(self.folder / name)
        return OSError(errno.EBADMSG, f"damaged ({error}); --new-world moves the world aside", path)

    @property
    def size(self) -> int:
        return self._size

    def close(self) -> bool:
        """The reserve stays, for a kill path on a full disk. False = what happened could not be written."""
        if self._fd >= 0:
            self.retry()
            os.close(self._fd)
            self._fd = -1
        return not self._owed
