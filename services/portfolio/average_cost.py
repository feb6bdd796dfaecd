"""Average cost of a signed position as venues book it: entry unrounded, each realised flow rounded once.

Adding moves the entry to the average of both, closing leaves it, a flip closes everything and opens the rest
at the fill's price.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.money import ZERO, round_coin


class Step(Struct, frozen=True):
    """What one fill did to a position."""

    size: Decimal
    """Signed, after the fill."""
    entry: Decimal
    """Average entry of what is held after it; 0 when flat."""
    realised: Decimal
    """Price profit of the part that was closed, rounded to the coin's increment; fees are not in it."""
    closed: Decimal
    """Quantity closed, >= 0."""
    opened: Decimal
    """Quantity opened, >= 0."""


def book(size: Decimal, entry: Decimal, change: Decimal, price: Decimal) -> Step:
    """`change` (signed base units, not 0) at `price`."""
    after = size + change
    if size == ZERO:
        return Step(after, price, ZERO, ZERO, abs(change))
    if (size > ZERO) == (change > ZERO):
        return Step(after, (entry * size + price * change) / after, ZERO, ZERO, abs(change))
    closed = min(abs(size), abs(change))
    realised = round_coin((price - entry) * closed.copy_sign(size))
    if after == ZERO:
        return Step(ZERO, ZERO, realised, closed, ZERO)
    if (after > ZERO) == (size > ZERO):
        return Step(after, entry, realised, closed, ZERO)
    return Step(after, price, realised, closed, abs(after))
