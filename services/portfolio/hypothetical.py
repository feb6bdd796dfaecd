"""The account after fills that have not happened: what the gate judges (SEMANTICS 3).

Every fill pays the taker fee in full. An unknown taker fee, an unknown index where coins differ, or a figure
that is no number makes the balance unknown, and with it C.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from services.domain.enums import Side
from services.domain.instrument import Instrument
from services.domain.money import ZERO
from services.portfolio.inputs import UNKNOWN, AccountInput, PositionInput, coin_index

Fill = tuple[Instrument, Side, Decimal, Decimal]
"""(instrument, side, quantity in base units, price in the quote coin)."""


def with_fills(account: AccountInput, fills: Sequence[Fill]) -> AccountInput:
    """`account` after `fills`, in order. An instrument not yet held takes its mark from `account.marks`."""
    if not fills:
        return account
    balances = dict(account.balances)
    positions = {position.instrument.id: position for position in account.positions}
    for instrument, side, quantity, price in fills:
        change = quantity if side is Side.BUY else -quantity
        fee = UNKNOWN
        rate = instrument.taker_fee
        if rate is not None and rate.is_finite():
            fee = quantity * price * rate
        if not instrument.is_perp:
            _add(balances, instrument.underlying, change)
            _add(balances, instrument.quote, -change * price - fee)
            continue
        held = positions.get(instrument.id)
        if held is None:
            held = PositionInput(
                instrument=instrument,
                size=ZERO,
                entry=ZERO,
                mark=account.marks.get(instrument.id),
                quote_usd=coin_index(account, instrument.quote),
                settle_usd=coin_index(account, instrument.settle),
            )
        size, entry, gain = _filled(held.size, held.entry, change, price)
        _add(balances, instrument.settle, _in_settle(held, gain - fee))
        positions[instrument.id] = PositionInput(
            instrument, size, entry, held.mark, held.quote_usd, held.settle_usd
        )
    return AccountInput(
        venue=account.venue,
        balances=balances,
        weights_total=account.weights_total,
        weights_initial=account.weights_initial,
        indexes=account.indexes,
        positions=tuple(positions.values()),
        leverage_settings=account.leverage_settings,
        marks=account.marks,
        balances_known=account.balances_known,
    )


def _filled(
    size: Decimal, entry: Decimal, change: Decimal, price: Decimal
) -> tuple[Decimal, Decimal, Decimal]:
    """(size, average entry, realised in the quote coin) after the change."""
    if not (size.is_finite() and change.is_finite() and entry.is_finite() and price.is_finite()):
        return UNKNOWN, UNKNOWN, UNKNOWN
    after = size + change
    if size == ZERO or (size > ZERO) == (change > ZERO):
        if after == ZERO:
            return ZERO, ZERO, ZERO
        return after, (size * entry + change * price) / after, ZERO
    if abs(change) < abs(size):
        return after, entry, -change * (price - entry)
    return after, (ZERO if after == ZERO else price), size * (price - entry)


def _in_settle(held: PositionInput, amount: Decimal) -> Decimal:
    if held.instrument.quote == held.instrument.settle:
        return amount
    quote_usd, settle_usd = held.quote_usd, held.settle_usd
    if quote_usd is None or settle_usd is None or not settle_usd.is_finite() or settle_usd <= ZERO:
        return UNKNOWN
    return amount * quote_usd / settle_usd


def _add(balances: dict[str, Decimal], coin: str, amount: Decimal) -> None:
    balances[coin] = balances.get(coin, ZERO) + amount
