"""What a quantity would really cost: volume-weighted prices over the part of the book that is known.

Known are the best price with its size, and the quantity within 5 bps of the mid. What lies between the two is
priced at the far end of those 5 bps, the worst it can be; beyond them nothing is known, and there is no
price. Figures cross from floats through the instrument's grids; prices in the quote coin, quantities in base
units.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from services.domain.enums import InstrumentKind, Side
from services.domain.events import QuoteRow
from services.domain.instrument import Instrument
from services.domain.money import BPS, ONE, ZERO, ceil_to, floor_to
from services.market.picture import USD
from services.market.possible import IMPOSSIBLE, two_sided

NEAR_BPS = Decimal(5)
"""How far the stated depth reaches from the mid."""


class Book(Struct, frozen=True):
    """One side of a book as far as it is known."""

    price: Decimal
    """The best."""
    top: Decimal
    """Base units at it."""
    known: Decimal
    """Base units in all, the best price included."""
    worst: Decimal
    """No unit of `known` is dearer (buying) or cheaper (selling)."""


def side_of(spec: Instrument, row: QuoteRow | None, side: Side) -> Book | None:
    """What an order of this side meets. None = no sane two-sided quote, or a size that is no number."""
    if row is None or not two_sided(row):
        return None
    buying = side is Side.BUY
    sizes = (row.ask_size, row.ask_depth) if buying else (row.bid_size, row.bid_depth)
    if not all(math.isfinite(each) and 0.0 <= each < IMPOSSIBLE for each in sizes):
        return None
    bid, ask = spec.price_of(row.bid), spec.price_of(row.ask)
    if not ZERO < bid <= ask:
        return None
    mid = (bid + ask) / 2
    top, depth = (_whole_lots(spec, each) for each in sizes)
    if buying:
        worst = max(ask, ceil_to(mid * (1 + NEAR_BPS * BPS), spec.price_increment))
    else:
        worst = min(bid, floor_to(mid * (1 - NEAR_BPS * BPS), spec.price_increment))
    known = max(top, depth)
    return Book(ask if buying else bid, top, known, worst) if known > ZERO and worst > ZERO else None


def _whole_lots(spec: Instrument, size: float) -> Decimal:
    """Down to the lot: a nearest point above would be more than is there."""
    lots = spec.size_of(size)
    return lots if float(lots) <= size * (1 + 1e-12) else lots - spec.size_increment


def average(side: Book | None, quantity: Decimal) -> Decimal | None:
    """The volume-weighted price of `quantity`; None = more than is known, nothing, or no number."""
    if side is None or not quantity.is_finite() or not ZERO < quantity <= side.known:
        return None
    if quantity <= side.top:
        return side.price
    return (side.top * side.price + (quantity - side.top) * side.worst) / quantity


class CoinBook(Struct, frozen=True, kw_only=True):
    """How a coin is turned into USD, or USD into it, on one venue: its spot pair against USD."""

    coin: str
    venue: str
    pair: str = ""
    """The instrument; empty for USD itself."""
    bid: Book | None = None
    """What a sale of the coin meets."""
    ask: Book | None = None
    fee: Decimal = ZERO
    """Taker fee, fraction."""
    age_ns: int | None = 0
    missing: str = ""
    """Why it cannot be used, by name; empty = it can."""

    def usd(self, amount: Decimal, *, buying: bool) -> Decimal | None:
        """USD of one coin for an amount of it, fee included: paid when buying, left when selling."""
        if self.missing:
            return None
        if self.coin == USD:
            return ONE
        price = average(self.ask if buying else self.bid, amount)
        if price is None:
            return None
        return price * (1 + self.fee) if buying else price * (1 - self.fee)

    def mid(self) -> Decimal | None:
        """USD of one coin half way between bid and ask, without fee."""
        if self.missing:
            return None
        if self.coin == USD:
            return ONE
        return None if self.bid is None or self.ask is None else (self.bid.price + self.ask.price) / 2


def coin_pair(instruments: Iterable[Instrument], venue: str, coin: str) -> Instrument | None:
    """The venue's spot pair of a coin against USD, from the instrument list: no symbol is ever made up, and
    a coin has no pair with itself."""
    if coin == USD:
        return None
    for each in instruments:
        spot = each.kind is InstrumentKind.SPOT and each.venue == venue and not each.inverse
        if spot and each.underlying == coin and each.quote == USD:
            return each
    return None


def coin_book(
    spec: Instrument | None, venue: str, coin: str, row: QuoteRow | None, age_ns: int | None
) -> CoinBook:
    """A coin's way to USD; what is missing is named. `spec` is `coin_pair`'s answer."""
    if coin == USD:
        return CoinBook(coin=coin, venue=venue)
    if spec is None:
        return CoinBook(coin=coin, venue=venue, missing=f"no {coin}/{USD} on {venue}", age_ns=None)
    fee = spec.taker_fee
    bid, ask = side_of(spec, row, Side.SELL), side_of(spec, row, Side.BUY)
    missing = ""
    if fee is None or not fee.is_finite():
        missing = f"unknown fee: {spec.id}"
    elif bid is None or ask is None or age_ns is None:
        missing = f"no quote: {spec.id}"
    return CoinBook(
        coin=coin,
        venue=venue,
        pair=spec.id,
        bid=bid,
        ask=ask,
        fee=ZERO if missing or fee is None else max(ZERO, fee),
        age_ns=age_ns,
        missing=missing,
    )
