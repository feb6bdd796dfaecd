"""Opening a store: create, migrate forward after a backup copy, refuse what is newer (signatures first)."""

from __future__ import annotations
from pathlib import Path
from msgspec import Struct


class StoreError(Exception):
    """One line: what is wrong with the store and what to do."""


class StoreMeta(Struct, frozen=True):
    schema: int
    instance: str
    created: bool
    """True = a new store was made by this call."""


def open_store(path: Path, new_instance: str) -> StoreMeta:
    """Create (with `new_instance`, 6 x [0-9a-z]) or migrate. Raises StoreError: locked, corrupt, newer, read-only."""
    raise NotImplementedError
