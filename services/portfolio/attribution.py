"""The waterfall of equity (SEMANTICS 11): what every change of what we own came from, to the last digit.

Each holding is an amount of a coin on a venue (balance, and the uPnL quoted in it) with the index that it
was last valued at. Between two looks it changes value in two ways: its index moves (`currency`, on what was
held before) or its amount does, which belongs to one named part, turned to USD at the index of that instant.
So the parts add up to the change of the sum of all holdings by construction, exactly: amounts are cut to
`GRID`, indexes stand on theirs, and no product needs more digits than the desk's arithmetic has.

A flow whose index is unknown is valued at the last known one; a coin that never had one counts from its
first.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct, field

from services.domain.money import ZERO

GRID = Decimal("1e-12")

Key = str
"""`COIN` for a balance, `COIN|INSTRUMENT` for the uPnL of a position, quoted in that coin."""


class Parts(Struct):
    """USD since the books began. Costs are positive when paid."""

    price: Decimal = ZERO
    """Against the mid at which each order was decided."""
    funding: Decimal = ZERO
    """Received less paid."""
    currency: Decimal = ZERO
    """What the coins did after each flow."""
    fees: Decimal = ZERO
    slippage: Decimal = ZERO
    """Fills against that mid."""
    interest: Decimal = ZERO
    conversion: Decimal = ZERO
    """Spot trades: the price paid against the index."""
    liquidation: Decimal = ZERO
    """Fees of liquidations, and their prices against the mid."""
    adjustments: Decimal = ZERO
    """What a venue's read brought that no fill, payment or transfer explains."""
    transfers: Decimal = ZERO

    def total(self) -> Decimal:
        """The change of equity they make, transfers included."""
        gains = self.price + self.funding + self.currency + self.adjustments + self.transfers
        costs = self.fees + self.slippage + self.interest + self.conversion + self.liquidation
        return gains - costs


class Held(Struct):
    amount: Decimal = ZERO
    index: Decimal = ZERO
    """The last one known; 0 = none was."""


class VenueParts(Struct):
    """One account."""

    held: dict[Key, Held] = field(default_factory=dict)
    parts: Parts = field(default_factory=Parts)
    begun: Decimal | None = None
    """Worth of the holdings when they were first complete, USD; None = not yet."""
    begun_ts: int = 0
    unmeasured: int = 0
    """Fills of ours whose order was decided without a mid: their slippage is inside `price`."""


class AttributionState(Struct):
    venues: dict[str, VenueParts] = field(default_factory=dict)


def cut(value: Decimal) -> Decimal:
    return value.quantize(GRID, rounding=ROUND_HALF_EVEN)


def coin_of(key: Key) -> str:
    return key.partition("|")[0]


def revalue(
    book: VenueParts, amounts: Mapping[Key, Decimal], indexes: Mapping[str, Decimal | None]
) -> Decimal:
    """Take the holdings as they are now. Index moves go to `currency`; given back is what changed amounts are
    worth, USD, which the caller names. An amount that is no number keeps its last value until it is one.
    """
    changed = ZERO
    for key in dict.fromkeys((*book.held, *amounts)):
        held = book.held.get(key)
        if held is None:
            held = book.held[key] = Held()
        index = indexes.get(coin_of(key))
        if index is not None and index.is_finite() and index > ZERO and index != held.index:
            if held.index == ZERO:
                book.parts.adjustments += held.amount * index
            else:
                book.parts.currency += held.amount * (index - held.index)
            held.index = index
        amount = amounts.get(key, ZERO)
        if not amount.is_finite():
            continue
        if amount != held.amount:  # most are what they were at the last look
            amount = cut(amount)
            changed += (amount - held.amount) * held.index
            held.amount = amount
        if amount == ZERO and "|" in key:
            del book.held[key]
    return changed


def worth(book: VenueParts) -> Decimal:
    """USD of all holdings as last valued: equity at the last known figures."""
    return sum((held.amount * held.index for held in book.held.values()), ZERO)
