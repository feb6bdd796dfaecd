"""The gate's answer to an order that is still being typed: nothing is reserved, nothing is remembered."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct


class CheckView(Struct, frozen=True, kw_only=True):
    name: str
    subject: str
    value: Decimal | None
    limit: Decimal | None
    unit: str
    passed: bool
    text: str


class BoundView(Struct, frozen=True, kw_only=True):
    """How much more of it one limit leaves."""

    name: str
    notional: Decimal
    """USD."""
    used: Decimal | None = None
    """Share of it that what is typed takes; 1 and more: over. None = what is typed has no worth yet."""


class TicketView(Struct, frozen=True, kw_only=True):
    ts: int
    instrument: str
    side: str
    quantity: Decimal
    """On the lot grid."""
    price: Decimal
    stated: bool
    """False = at most so, from the mid and the first band; it does not rest."""
    rests: bool = False
    post_only: bool = False
    notional: Decimal | None
    """USD at the mark."""
    fee: Decimal | None
    """USD, the taker's; None = unknown."""
    from_mid_bps: Decimal | None
    """The limit against the mid; dearer > 0 whatever the side."""
    allowed: bool
    quantity_allowed: Decimal
    """A reducing order that is too large is cut to this."""
    reducing: bool
    refusal: str
    """Every failing check in words; empty when allowed."""
    failed: tuple[CheckView, ...]
    bounds: tuple[BoundView, ...]
    """The tightest first."""
    sizing: tuple[BoundView, ...] = ()
    """What a sized entry without a record would take at most: told, and binding nobody who types an order."""
    binding: str
    price_increment: Decimal
    size_increment: Decimal
