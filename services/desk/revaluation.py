"""How much of a loss is currency: what held coins have lost in USD since the loss is measured (SEMANTICS 9).

A breaker configured to flatten does so only when this is known to be at most half of the loss: a depeg must
not be sold at its low. Counted on balances, coin by coin and venue by venue, between two evaluations, as one
running sum; each breaker looks at it from its own base: the day's start, 24 hours ago, the peak.
"""

from __future__ import annotations

from decimal import Decimal

from services.desk.core import DAY, DeskCore
from services.domain.money import ONE, ZERO
from services.risk.breaker import BUCKET, DAILY, DRAWDOWN, ROLLING, BreakerEvent


def follow(core: DeskCore) -> None:
    """Add what the indexes have done to the balances since the last look; a new UTC day starts at zero."""
    book = core.state.revaluation
    day = core.now // DAY
    if book.day != day:
        book.day, book.usd = day, ZERO
    change = ZERO
    for venue, account in core.ledger.state.accounts.items():
        for coin, amount in account.balances.items():
            index = core.picture.fresh_index(venue, coin, core.now)
            if index is None:
                continue
            key = f"{venue}|{coin}"
            before = book.indexes.get(key, index)
            book.indexes[key] = index
            change += amount * (index - before)
    book.usd += change
    book.total += change
    if not book.window or core.now - book.window[-1][0] >= BUCKET:
        book.window.append((core.now, book.total))
    while len(book.window) > 1 and book.window[1][0] <= core.now - DAY:
        del book.window[0]
    if book.peak != core.breaker.state.peak:
        book.peak, book.peak_total = core.breaker.state.peak, book.total


def rebased(core: DeskCore, which: str) -> None:
    """The operator measures a loss anew from here: so is its currency part."""
    book = core.state.revaluation
    if which == DRAWDOWN:
        book.peak, book.peak_total = core.breaker.state.peak, book.total
    elif which == DAILY:
        book.usd, book.window = ZERO, [(core.now, book.total)]


def currency_loss(core: DeskCore, name: str) -> Decimal | None:
    """USD lost to currency since the base of this breaker, never below 0; None = not known."""
    book = core.state.revaluation
    if name == DAILY:
        return max(ZERO, -book.usd)
    if name == ROLLING and book.window:
        return max(ZERO, book.window[0][1] - book.total)
    if name == DRAWDOWN and book.peak is not None:
        return max(ZERO, book.peak_total - book.total)
    return None


def wants_flatten(core: DeskCore, trip: BreakerEvent, equity: Decimal | None) -> bool:
    """The configured action of a trip; what cannot be told apart halts."""
    if trip.value is None or equity is None or trip.value >= ONE:
        return core.breaker.action(None, None) == "flatten"
    loss = equity * trip.value / (ONE - trip.value)
    return core.breaker.action(loss, currency_loss(core, trip.name)) == "flatten"
