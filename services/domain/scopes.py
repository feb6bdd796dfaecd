"""Less than the whole desk, as the latch names it."""

from __future__ import annotations

from msgspec import Struct


class ScopeHalt(Struct, frozen=True, array_like=True):
    """Halted in part: by a flatten of a venue, a pair, an instrument."""

    cause: str
    scope: str
    """`pair:P-07`, `venue:alpha`, `instrument:ID`."""
    text: str
