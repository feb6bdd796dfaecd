"""The latch file (signatures first). Standard library only: the watchdog imports it."""

from __future__ import annotations
from pathlib import Path
from typing import NamedTuple


class LatchRecord(NamedTuple):
    state: str
    """ACTIVE, REDUCING or HALTED."""
    cause: str
    text: str
    ts: int


class Latch:
    def __init__(self, path: Path | str) -> None:
        """Opens, or creates and pre-allocates."""

    def read(self) -> LatchRecord:
        """Unreadable or corrupt reads as HALTED."""
        raise NotImplementedError

    def write(self, state: str, cause: str, text: str, ts: int) -> None:
        """In place, then fdatasync. Raises OSError."""

    def close(self) -> None: ...
