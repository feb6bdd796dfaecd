"""engine.lock and the account locks (signatures first)."""

from __future__ import annotations
from collections.abc import Sequence
from pathlib import Path
from msgspec import Struct


class Holder(Struct, frozen=True):
    pid: int
    profile: str
    version: str
    started: str
    accounts: tuple[str, ...]
    folder: str


class LockError(Exception):
    """One line; `exit` is the status for the shell."""

    exit: int = 1


class SecondEngine(LockError):
    exit = 6


class EngineLock:
    def __init__(self, folder: Path, holder: Holder) -> None:
        """Takes `folder/engine.lock` at once or raises SecondEngine naming pid, profile, folder."""

    def lock_account(self, folder: Path, venue: str, key_id: str) -> None: ...
    def release(self) -> None: ...


def holder_of(folder: Path) -> Holder | None:
    """Who holds the lock now; None = nobody."""
    raise NotImplementedError
