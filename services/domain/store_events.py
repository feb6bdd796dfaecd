"""What the shell tells the desk of a store that was lost."""

from __future__ import annotations

from msgspec import Struct


class StoreRebuilt(Struct, frozen=True, tag="rebuilt", kw_only=True):
    """At start: the store was damaged or gone; a new one was made, and the venues tell what is open."""

    found: str
    """What was wrong with it."""
    aside: str
    """Where the old file lies; empty = there is none."""
    former: tuple[str, ...]
    """Instances of this folder's earlier stores: orders that carry one are ours."""
    ts: int
