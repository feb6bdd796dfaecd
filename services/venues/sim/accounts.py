"""The exchange's own books of an account: balances, positions, cross margin. Money is Decimal.

Written apart from the desk's ledger by intent: the two check each other (RUNTIME 6). Average-cost positions;
every cash flow (realised profit, spot proceeds, fee, funding) is rounded once, half-even, to eight places, in
the coin it is paid in. Margin is the cross margin of SEMANTICS 2: one pool of weighted collateral, unrealised
profit at the mark included, against the tiered requirements of all positions.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec import Struct, field

from services.domain.enums import Side
from services.domain.events import FundingSettled, OrderFilled, TransferBooked
from services.domain.instrument import Instrument, MarginTier
from services.domain.money import DESK_CONTEXT, ONE, ZERO, round_coin
from services.venues.sim.facts import WEIGHTS

EXCHANGE_CONTEXT = DESK_CONTEXT.copy()
"""34 digits, half-even, floats trapped: the arithmetic of these books."""


class Holding(Struct):
    """A perp position."""

    size: Decimal
    """Signed, base units; never zero while it is listed."""
    entry: Decimal
    """Average entry price, quote coin."""


class AccountBooks(Struct):
    """Everything an account owns and everything that ever moved it."""

    balances: dict[str, Decimal]
    holdings: dict[str, Holding] = field(default_factory=dict)
    fills: list[OrderFilled] = field(default_factory=list)
    payments: list[FundingSettled] = field(default_factory=list)
    transfers: list[TransferBooked] = field(default_factory=list)

    def size(self, instrument: str) -> Decimal:
        holding = self.holdings.get(instrument)
        return ZERO if holding is None else holding.size

    def add(self, coin: str, amount: Decimal) -> None:
        self.balances[coin] = self.balances.get(coin, ZERO) + amount

    def trade(
        self, instrument: Instrument, side: Side, quantity: Decimal, price: Decimal, fee: Decimal
    ) -> Decimal:
        """Book one fill; returns the realised profit in the settle coin (zero for spot)."""
        with decimal.localcontext(EXCHANGE_CONTEXT):
            self.add(instrument.settle, -fee)
            signed = quantity * side.sign
            if not instrument.is_perp:
                self.add(instrument.underlying, signed)
                self.add(instrument.quote, round_coin(-signed * price))
                return ZERO
            realised = round_coin(self._move(instrument.id, signed, price))
            self.add(instrument.settle, realised)
            return realised

    def _move(self, key: str, signed: Decimal, price: Decimal) -> Decimal:
        """Change a position at a price; the profit realised by what it closes, unrounded."""
        held = self.holdings.get(key)
        if held is None:
            self.holdings[key] = Holding(size=signed, entry=price)
            return ZERO
        after = held.size + signed
        if held.size * signed > 0:
            held.entry = (held.entry * held.size + price * signed) / after
            held.size = after
            return ZERO
        closed = min(abs(held.size), abs(signed)).copy_sign(held.size)
        realised = (price - held.entry) * closed
        if after == 0:
            del self.holdings[key]
        else:
            if after * held.size < 0:
                held.entry = price
            held.size = after
        return realised


def fee_of(instrument: Instrument, quantity: Decimal, price: Decimal, maker: bool) -> Decimal:
    """Paid > 0, in the settle coin."""
    rate = instrument.maker_fee if maker else instrument.taker_fee
    return round_coin(quantity * price * (rate or ZERO))


def funding_amount(size: Decimal, price: Decimal, rate: Decimal) -> Decimal:
    """Received > 0: a long pays a positive rate. One rounding, half-even, to the coin's increment."""
    return round_coin(-size * price * rate)


def requirement(tiers: tuple[MarginTier, ...] | None, notional: Decimal) -> tuple[Decimal, Decimal]:
    """(initial, maintenance) USD of a notional by the brackets' form: notional x ratio - cum."""
    for tier in tiers or ():
        if tier.cap is None or notional <= tier.cap:
            return notional * tier.initial, notional * tier.maintenance - tier.cum
    return notional, notional


class Margin(Struct):
    """USD figures of an account."""

    equity: Decimal
    collateral: Decimal
    collateral_initial: Decimal
    initial: Decimal
    maintenance: Decimal

    @property
    def liquidated(self) -> bool:
        """Maintenance has eaten the collateral: usage is at or above one."""
        return self.maintenance > 0 and self.maintenance >= self.collateral


Exposure = Callable[[Instrument, Decimal], Decimal]
"""Size whose initial requirement counts, from the held one: working orders make it larger."""


def _as_held(_: Instrument, size: Decimal) -> Decimal:
    return size


def margin_of(
    books: AccountBooks,
    instruments: Mapping[str, Instrument],
    mark: Callable[[str], Decimal],
    index: Callable[[str], Decimal],
    extra: Mapping[str, Decimal] | None = None,
    counted: Exposure = _as_held,
) -> Margin:
    """Margin at the present marks and indexes.

    `extra` are coin amounts that a hypothetical trade would move; `counted` the exposure whose requirement
    is wanted, so that working orders and a new one are weighed at their worst.
    """
    with decimal.localcontext(EXCHANGE_CONTEXT):
        net = dict(books.balances)
        for coin, amount in (extra or {}).items():
            net[coin] = net.get(coin, ZERO) + amount
        initial = maintenance = ZERO
        for instrument in instruments.values():
            if not instrument.is_perp:
                continue
            size = books.size(instrument.id)
            weighed = counted(instrument, size)
            if size == 0 and weighed == 0:
                continue
            price = mark(instrument.id)
            if size != 0:
                profit = (price - books.holdings[instrument.id].entry) * size
                net[instrument.settle] = net.get(instrument.settle, ZERO) + profit
                usd = abs(size) * price * index(instrument.quote)
                maintenance += requirement(instrument.tiers, usd)[1]
            usd = abs(weighed) * price * index(instrument.quote)
            initial += requirement(instrument.tiers, usd)[0]
        equity = collateral = collateral_initial = ZERO
        for coin, amount in net.items():
            if amount == 0:
                continue
            usd = amount * index(coin)
            total, first = WEIGHTS.get(coin, (ZERO, ZERO)) if amount > 0 else (ONE, ONE)
            equity += usd
            collateral += usd * total
            collateral_initial += usd * first
        return Margin(equity, collateral, collateral_initial, initial, maintenance)
