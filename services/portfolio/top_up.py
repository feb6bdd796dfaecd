"""The transfer that takes an account back from its margin limit, in words' figures (PARAMETERS, situations).

A pair over two venues wins on one side what it loses on the other, so the losing account runs out of margin
while the sum has not changed: collateral then has to move. This program moves nothing; it says how much.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_UP, Decimal

from msgspec import Struct

from services.domain.money import ONE, ZERO
from services.portfolio.inputs import AccountInput, coin_index
from services.portfolio.margin import Margin, effective_weight

AIM = Decimal("0.8")
"""Of the usage at which no new risk is taken: where both accounts stay after the transfer."""


class TopUp(Struct, frozen=True):
    """`coin` empty: no other account can spare anything, `amount` is USD of collateral from outside."""

    amount: Decimal
    """Units of the coin, two digits rounded up (it is said, and must not change at every tick), at most what
    the source has."""
    coin: str
    source: str
    to: str
    whole: bool
    """It is enough by itself."""


def needed(
    venue: str, books: Mapping[str, AccountInput], margins: Mapping[str, Margin], limit: Decimal
) -> TopUp | None:
    """What brings `venue` to `AIM` of the limit; None = nothing, or it cannot be told.

    The source is the account that can spare most above its own aim of the coin of which it has most.
    """
    gap = _gap(margins.get(venue), limit * AIM)
    if gap is None or gap <= ZERO:
        return None
    best: TopUp | None = None
    worth = ZERO
    for source, book in books.items():
        room = _gap(margins.get(source), limit * AIM)
        units = {coin: unit for coin in book.balances if (unit := _unit(book, coin)) > ZERO}
        if source == venue or room is None or room >= ZERO or not units:
            continue
        coin = max(units, key=lambda each: book.balances[each] * units[each])
        given = min(book.balances[coin] * units[coin], -room)
        if given > worth:
            worth = given
            amount = min(_said(min(gap, given) / units[coin]), book.balances[coin])
            best = TopUp(amount, coin, source, venue, given >= gap)
    if best is not None:
        return best
    return TopUp(_said(gap), "", "", venue, True)


def _said(amount: Decimal) -> Decimal:
    return amount.quantize(ONE.scaleb(amount.adjusted() - 1), ROUND_UP)


def _gap(margin: Margin | None, usage: Decimal) -> Decimal | None:
    """Collateral, USD, that is missing to that usage; negative = to spare, None = unknown, or no collateral
    would do: a limit of 0 lets nothing be used."""
    if margin is None or margin.collateral is None or margin.maintenance is None or usage <= ZERO:
        return None
    return margin.maintenance / usage - margin.collateral


def _unit(book: AccountInput, coin: str) -> Decimal:
    """USD of collateral in one unit; 0 = unknown. The same weight is taken for both accounts."""
    index = coin_index(book, coin)
    if index is None or not book.balances[coin].is_finite():
        return ZERO
    return index * effective_weight(book.weights_total.get(coin))
