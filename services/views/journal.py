"""The Journal screen: what was decided, commanded, refused and done, newest first, and the chain of one row.

A topic `journal:KIND/NAME` asks for one kind of rows (`all`, `decisions`, `commands`, `refused`, `orders`)
and for everything about one order, pair, strategy or cause.
"""

from __future__ import annotations

from msgspec import Struct

KINDS = ("all", "decisions", "commands", "refused", "orders")


class JournalRowView(Struct, frozen=True, kw_only=True):
    seq: int
    """Counts the rows that this engine has heard: newer ones are larger."""
    ts: int
    group: str
    """One of KINDS, never `all`."""
    kind: str
    """`gate`, `size`, `denied`, `opened`, `sent`, an order's state, ..."""
    subject: str
    """Order, pair, strategy, cause or command."""
    text: str
    figures: dict[str, str] = {}
    """In the chain alone: most rows have many."""
    about: tuple[str, ...] = ()
    """Names whose chain the row belongs to: the order and its pair."""


class JournalView(Struct, frozen=True, kw_only=True):
    ts: int
    kind: str
    rows: tuple[JournalRowView, ...]
    """Newest first, bounded."""
    heard: int
    """Rows of this kind that are kept; more than `rows` holds when only the newest are shown."""
    name: str
    chain: tuple[JournalRowView, ...]
    """All kept rows about `name`, oldest first."""


def topic_of(kind: str, name: str) -> str:
    return f"journal:{kind}/{name}"
