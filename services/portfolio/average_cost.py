"""Average cost of a signed position, kept as size and cost so that nothing is lost to division.

`cost` is the signed money spent on what is held (size x average entry, quote coin). Closing a part takes its
share of the cost away, rounded once to the coin's increment; closing all takes the rest exactly. Realised
profits of an episode therefore sum to its sales less its purchases, to the last digit.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.money import ZERO, round_coin


class Step(Struct, frozen=True):
    """What one fill did to a position."""

    size: Decimal
    """Signed, after the fill."""
    cost: Decimal
    """Signed, of what is held after it."""
    realised: Decimal
    """Price profit of the part that was closed; fees are not in it."""
    closed: Decimal
    """Quantity closed, >= 0."""
    opened: Decimal
    """Quantity opened, >= 0."""


def book(size: Decimal, cost: Decimal, change: Decimal, price: Decimal) -> Step:
    """`change` (signed base units) at `price`. A flip closes everything and opens the rest at the price."""
    if size == ZERO or (size > ZERO) == (change > ZERO):
        return Step(size + change, cost + change * price, ZERO, ZERO, abs(change))
    if abs(change) < abs(size):
        part = round_coin(cost * abs(change) / abs(size))
        return Step(size + change, cost - part, -change * price - part, abs(change), ZERO)
    left = size + change
    return Step(left, left * price, size * price - cost, abs(size), abs(left))


def entry_of(size: Decimal, cost: Decimal) -> Decimal:
    """Average entry price; 0 when flat."""
    return ZERO if size == ZERO else cost / size
