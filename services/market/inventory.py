"""What lies where: each coin's balance on each venue against its target, and the transfer that would mend it.

A coin's target on a venue is an equal share of what all these venues hold of it. At or below `low` of its
target a venue runs low. The transfer is a suggestion in words: nothing here, or anywhere in this program,
moves a balance (SEMANTICS 6, market.md F6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from services.domain.money import ZERO, floor_to

STEP = Decimal("0.01")
"""A suggested amount is a multiple of it where the coin has no lot of its own."""


_PAST = Decimal("0.9")
"""Of the low mark: where spot that changes hands stops."""


class Stock(Struct, frozen=True, kw_only=True):
    """One coin on one venue."""

    coin: str
    venue: str
    balance: Decimal | None
    """None = the account has not been read lately."""
    target: Decimal | None
    low: bool | None
    """At or below the low mark; None = unknown."""


class Transfer(Struct, frozen=True, kw_only=True):
    """What a person may move, from the venue that has most above its target."""

    coin: str
    amount: Decimal
    source: str
    to: str


def stocks(
    balances: Mapping[str, Mapping[str, Decimal] | None], coins: Sequence[str], low: Decimal
) -> tuple[Stock, ...]:
    """`balances`: venue -> its balances, None = unknown. One unknown venue leaves every target unknown; a
    coin that nobody holds is low everywhere: nothing can be entered with it."""
    out: list[Stock] = []
    for coin in coins:
        held = {venue: None if book is None else book.get(coin, ZERO) for venue, book in balances.items()}
        known = [amount for amount in held.values() if amount is not None and amount.is_finite()]
        target = sum(known, ZERO) / len(held) if held and len(known) == len(held) else None
        for venue, amount in held.items():
            below = None
            if target is not None and amount is not None:
                below = target <= ZERO or amount <= target * low
            out.append(Stock(coin=coin, venue=venue, balance=amount, target=target, low=below))
    return tuple(out)


def transfers(rows: Sequence[Stock], lots: Mapping[str, Decimal]) -> tuple[Transfer, ...]:
    """One for each venue and coin that runs low and that another venue can help, up to both targets."""
    out: list[Transfer] = []
    for row in rows:
        if not row.low or row.balance is None or row.target is None or row.target <= ZERO:
            continue
        spare = [
            (other.balance - other.target, other.venue)
            for other in rows
            if other.coin == row.coin and other.balance is not None and other.target is not None
        ]
        most, source = max(spare, key=lambda each: each[0])
        amount = floor_to(min(most, row.target - row.balance), lots.get(row.coin, STEP))
        if amount > ZERO and source != row.venue:
            out.append(Transfer(coin=row.coin, amount=amount, source=source, to=row.venue))
    return tuple(out)


def spare(rows: Sequence[Stock], coin: str, venue: str, low: Decimal) -> Decimal | None:
    """What may be given away there: a tenth past the low mark, so that roundings leave it reached, and said.
    None = unknown, or no such row."""
    for row in rows:
        if row.coin == coin and row.venue == venue:
            if row.balance is None or row.target is None or not low.is_finite():
                return None
            return max(ZERO, row.balance - max(ZERO, row.target * low * _PAST))
    return None


def refusal(rows: Sequence[Stock], coin: str, venue: str) -> str:
    """Why nothing may be entered that needs this coin on this venue; empty = there is enough."""
    for row in rows:
        if row.coin == coin and row.venue == venue:
            if row.low is None:
                return f"inventory unknown: {coin} on {venue}"
            return f"inventory low: {coin} on {venue}" if row.low else ""
    return f"inventory unknown: {coin} on {venue}"
