"""The exchange's own durable books: a log of accepted commands, and a checkpoint every simulated hour.

A command is written with one `write()` before its acknowledgement leaves, so it survives the death of the
process. Recovery is the last checkpoint plus the commands after it, replayed at the market instant at which
they were taken. A torn last line, from a death inside the write, is cut off: its acknowledgement never left.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import Struct

from services.domain.events import RateRow
from services.domain.orders import OrderRequest
from services.venues.sim.state import VenueState
from services.venues.sim.world import write_atomically

LOG_FILE = "commands.log"
CHECKPOINT_FILE = "checkpoint"


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


@dataclass(slots=True)
class Checkpoint:
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
    """Append-only file of entries; without a folder it keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._fd = -1
        self._size = 0
        if folder is not None:
            self._fd = os.open(folder / LOG_FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._size = os.fstat(self._fd).st_size

    def append(self, entry: Entry) -> None:
        """One write. Raises OSError when the disk did not take all of it; then nothing of it stays."""
        if self._fd < 0:
            return
        line = msgspec.json.encode(entry) + b"\n"
        try:
            written = os.write(self._fd, line)
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        if written != len(line):
            os.ftruncate(self._fd, self._size)
            raise OSError(f"{LOG_FILE}: only {written} of {len(line)} bytes were written")
        self._size += written

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint atomically. Raises OSError; the older one then stands."""
        if self.folder is not None:
            write_atomically(self.folder / CHECKPOINT_FILE, msgspec.msgpack.encode(checkpoint))

    def recover(self) -> tuple[Checkpoint | None, list[Entry]]:
        """The last checkpoint and the entries after it. Cuts a torn last line off the file."""
        if self.folder is None:
            return None, []
        checkpoint: Checkpoint | None = None
        try:
            raw = (self.folder / CHECKPOINT_FILE).read_bytes()
        except FileNotFoundError:
            raw = b""
        if raw:
            checkpoint = msgspec.msgpack.decode(raw, type=Checkpoint)
        whole = (self.folder / LOG_FILE).read_bytes()
        good = whole.rfind(b"\n") + 1
        if good != len(whole):
            os.ftruncate(self._fd, good)
        self._size = good
        begin = checkpoint.log_bytes if checkpoint is not None else 0
        lines = whole[begin:good].splitlines()
        return checkpoint, [msgspec.json.decode(line, type=Entry) for line in lines]

    @property
    def size(self) -> int:
        return self._size

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
