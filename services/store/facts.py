"""What the store's writer tells of itself."""

from __future__ import annotations

from msgspec import Struct


class StoreFact(Struct, frozen=True):
    """What the writer found; the driver makes a `StoreHealth` event of it at its own time."""

    ok: bool
    kind: str
    """ok, locked, full, corrupt, slow, failed, or beside: books beside the store are meant."""
    text: str


class StoreTrouble(OSError):
    """A commit that was waited for did not succeed. Its rows stay queued and are written later, in order."""
