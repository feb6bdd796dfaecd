"""What the shell tells the desk of the machine it runs on, and of its own loop, at the wall's time only."""

from __future__ import annotations

from msgspec import Struct


class ReadingsFound(Struct, frozen=True, tag="readings", kw_only=True):
    """Readings that are over their limit now. Told when the set of keys has changed; empty = all are well."""

    found: tuple[tuple[str, str], ...]
    """(alert key, what is wrong)."""
    ts: int


class LoopStall(Struct, frozen=True, tag="stall"):
    stalled_ms: int
    ts: int
