"""What we hold of a coin without having bought it: the hidden currency position (SEMANTICS 2 and 5.10).

Exposure to q = balance_q + uPnL_q - sum(size x mark) over instruments quoted in q + perps on q, in USD. Long
BTC margined in USDC against short BTC margined in USDT is neutral in BTC, but short USDC and long USDT for
the full notional. Only the part made by positions is limited; the balance is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from services.domain.money import DOLLARS, ZERO
from services.portfolio.inputs import AccountInput, coin_index
from services.portfolio.margin import value_position


class Exposure(Struct, frozen=True):
    """USD; > 0 = loses when the coin falls. None = unknown."""

    coin: str
    balance: Decimal | None
    by_positions: Decimal | None
    total: Decimal | None


def coin_exposure(account: AccountInput, coin: str) -> Exposure:
    """One account's exposure to one coin."""
    balance = _balance_usd(account, coin)
    by_positions = _positions_usd(account, coin)
    total = None if balance is None or by_positions is None else balance + by_positions
    return Exposure(coin, balance, by_positions, total)


def total_exposure(accounts: Iterable[AccountInput], coin: str) -> Exposure:
    """The sum over accounts; one unknown part makes the sum unknown."""
    balance: Decimal | None = ZERO
    by_positions: Decimal | None = ZERO
    for account in accounts:
        one = coin_exposure(account, coin)
        balance = None if balance is None or one.balance is None else balance + one.balance
        if by_positions is not None:
            by_positions = None if one.by_positions is None else by_positions + one.by_positions
    total = None if balance is None or by_positions is None else balance + by_positions
    return Exposure(coin, balance, by_positions, total)


def exposed_coins(accounts: Iterable[AccountInput]) -> tuple[str, ...]:
    """The stablecoins that any balance or position touches, in the fixed order."""
    touched: dict[str, None] = {}
    for account in accounts:
        for coin, balance in account.balances.items():
            if balance != ZERO:
                touched[coin] = None
        for position in account.positions:
            if position.size != ZERO:
                instrument = position.instrument
                touched[instrument.underlying] = touched[instrument.quote] = touched[instrument.settle] = None
    return tuple(coin for coin in DOLLARS if coin in touched)


def _balance_usd(account: AccountInput, coin: str) -> Decimal | None:
    balance = account.balances.get(coin, ZERO)
    if not account.balances_known or not balance.is_finite():
        return None
    if balance == ZERO:
        return ZERO
    index = coin_index(account, coin)
    return None if index is None else balance * index


def _positions_usd(account: AccountInput, coin: str) -> Decimal | None:
    total = ZERO
    for position in account.positions:
        instrument = position.instrument
        if coin not in (instrument.underlying, instrument.quote, instrument.settle) or position.size == ZERO:
            continue
        valued = value_position(position)
        if valued.notional is None or valued.upnl is None:
            return None
        worth = valued.notional if position.size > ZERO else -valued.notional
        if instrument.settle == coin:
            total += valued.upnl
        if instrument.quote == coin:
            total -= worth
        if instrument.underlying == coin:
            total += worth
    return total
