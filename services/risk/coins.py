"""Which coins an order hangs on, and whether their peg lets it in (SEMANTICS 5.11)."""

from __future__ import annotations

from decimal import Decimal

from services.domain.instrument import Instrument
from services.domain.money import DOLLARS, ONE, ZERO
from services.portfolio.inputs import USD, AccountInput
from services.portfolio.margin import effective_weight
from services.risk.context import Check, GateContext
from services.risk.lines import positive

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
    """Coins that make at least `share` of the account's collateral; an unknown value counts as that much."""
    worth: dict[str, Decimal | None] = {}
    total = ZERO
    for coin, balance in account.balances.items():
        index = ONE if coin == USD else positive(account.indexes.get(coin))
        if not balance.is_finite() or (index is None and balance != ZERO):
            worth[coin] = None
            continue
        worth[coin] = max(ZERO, balance * (index or ZERO) * effective_weight(account.weights_total.get(coin)))
        total += worth[coin] or ZERO
    return [
        coin for coin, value in worth.items() if value is None or (value > ZERO and value >= share * total)
    ]
