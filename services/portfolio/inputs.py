"""What margin arithmetic is asked about: one venue account with everything needed to value it."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.instrument import Instrument
from services.domain.money import ONE, ZERO

USD = "USD"
UNKNOWN = Decimal("NaN")
"""A figure that cannot be known: as a balance it makes C unknown (an unknown fee is booked so)."""


class PositionInput(Struct, frozen=True):
    """A position with what is needed to value it; None = unknown or stale."""

    instrument: Instrument
    size: Decimal
    """Signed, base units."""
    entry: Decimal
    mark: Decimal | None
    quote_usd: Decimal | None
    settle_usd: Decimal | None


class AccountInput(Struct, frozen=True):
    """Everything that margin arithmetic knows of one venue account."""

    venue: str
    balances: dict[str, Decimal]
    weights_total: dict[str, Decimal | None]
    weights_initial: dict[str, Decimal | None]
    indexes: dict[str, Decimal | None]
    """USD per coin; USD itself is 1."""
    positions: tuple[PositionInput, ...]
    leverage_settings: dict[str, Decimal | None] = {}
    """By instrument id: the venue's setting read back; None or absent = it has none."""
    marks: dict[str, Decimal | None] = {}
    """By instrument id, for instruments that hypothetical fills may open."""
    balances_known: bool = True
    """False = the balances are stale: C is unknown."""


def known(value: Decimal | None) -> bool:
    """A positive number: what a price or an index must be to count."""
    return value is not None and value.is_finite() and value > ZERO


def coin_index(account: AccountInput, coin: str) -> Decimal | None:
    """USD per coin on this account's venue: from its indexes, else from a position that settles in it."""
    if coin == USD:
        return ONE
    index = account.indexes.get(coin)
    if index is None and coin not in account.indexes:
        for position in account.positions:
            if position.instrument.settle == coin:
                index = position.settle_usd
            elif position.instrument.quote == coin:
                index = position.quote_usd
    return index if known(index) else None
