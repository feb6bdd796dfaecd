"""How much of the day's loss is currency: what held coins lost in USD since the day's start (SEMANTICS 9).

A breaker configured to flatten does so only when this is known to be at most half of the loss: a depeg must
not be sold at its low. Counted on balances, coin by coin and venue by venue, between two evaluations.
"""

from __future__ import annotations

from decimal import Decimal

from services.desk.core import DAY, DeskCore
from services.domain.money import ONE, ZERO
from services.risk.breaker import DAILY, BreakerEvent


def follow(core: DeskCore) -> None:
    """Add what the indexes have done to the balances since the last look; a new UTC day starts at zero."""
    book = core.state.revaluation
    day = core.now // DAY
    if book.day != day:
        book.day, book.usd = day, ZERO
    for venue, account in core.ledger.state.accounts.items():
        for coin, amount in account.balances.items():
            index = core.picture.fresh_index(venue, coin, core.now)
            if index is None:
                continue
            key = f"{venue}|{coin}"
            before = book.indexes.get(key, index)
            book.indexes[key] = index
            book.usd += amount * (index - before)


def wants_flatten(core: DeskCore, trip: BreakerEvent, equity: Decimal | None) -> bool:
    """The configured action of a trip. The currency part is known for the daily loss alone; else halt."""
    if trip.name != DAILY or trip.value is None or equity is None or trip.value >= ONE:
        return core.breaker.action(None, None) == "flatten"
    loss = equity * trip.value / (ONE - trip.value)
    return core.breaker.action(loss, max(ZERO, -core.state.revaluation.usd)) == "flatten"
