"""Which coins an order hangs on, and whether their peg lets it in (SEMANTICS 5.11)."""

from __future__ import annotations

from decimal import Decimal

from services.domain.instrument import Instrument
from services.domain.money import DOLLARS, ZERO
from services.portfolio.inputs import USD, AccountInput, coin_index
from services.portfolio.margin import effective_weight, value_position
from services.risk.context import Check, GateContext

OPEN_LEVELS = ("ok", "warn")
"""Depeg levels that allow entries."""


def depeg_checks(ctx: GateContext, instrument: Instrument) -> list[Check]:
    """Quote, settle, underlying, and every coin that makes a tenth of the account's collateral."""
    coins = [instrument.quote, instrument.settle]
    if instrument.pegged:
        coins.append(instrument.underlying)
    account = ctx.accounts.get(instrument.venue)
    if account is not None:
        coins += collateral_coins(account, ctx.settings.depeg.collateral_share)
    checks = []
    for coin in dict.fromkeys(coins):
        if coin == USD or (coin not in DOLLARS and coin not in (instrument.quote, instrument.settle)):
            continue
        level = ctx.depeg_levels.get(coin, "unknown")
        checks.append(
            Check(
                name="depeg",
                subject=coin,
                unit="state",
                passed=level in OPEN_LEVELS,
                text=f"{coin} peg: {level}",
            )
        )
    return checks


def collateral_coins(account: AccountInput, share: Decimal) -> list[str]:
    """Coins that make at least `share` of the account's collateral, what is won in them and not yet paid
    included (SEMANTICS 2); an unknown value counts as that much."""
    nets: dict[str, Decimal | None] = dict(account.balances)
    for position in account.positions:
        coin, gain = position.instrument.settle, value_position(position).upnl_settle
        before = nets.get(coin, ZERO)
        nets[coin] = None if gain is None or before is None else before + gain
    worth: dict[str, Decimal | None] = {}
    total = ZERO
    for coin, net in nets.items():
        index = coin_index(account, coin)
        if net is None or not net.is_finite() or (index is None and net != ZERO):
            worth[coin] = None
            continue
        worth[coin] = max(ZERO, net * (index or ZERO) * effective_weight(account.weights_total.get(coin)))
        total += worth[coin] or ZERO
    return [
        coin for coin, value in worth.items() if value is None or (value > ZERO and value >= share * total)
    ]
