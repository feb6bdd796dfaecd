"""Auto-deleveraging: an account's places in the queue, and the price at which it is taken from.

A venue that cannot close a bankrupt account in the market closes it against those who gained most at the
highest leverage, at the bankrupt account's own price. Binance ranks by profit share times leverage and shows
five lights; the figures at which a light goes on are ours, since there is nobody else here to be ranked with.
"""

from __future__ import annotations

import decimal
from decimal import Decimal

from services.domain.money import ZERO
from services.venues.sim.accounts import EXCHANGE_CONTEXT, margin_of
from services.venues.sim.facts import ADL_DISCOUNT_BPS, ADL_STEPS
from services.venues.sim.floor import TradingFloor


def places(floor: TradingFloor) -> dict[str, int]:
    """Each position's place: 0 is out of profit and last, 4 is next."""
    account = floor.state.account
    if not account.holdings:
        return {}
    with decimal.localcontext(EXCHANGE_CONTEXT):
        collateral = margin_of(account, floor.listed, floor.mark, floor.index).collateral
        out: dict[str, int] = {}
        for name, held in account.holdings.items():
            mark = floor.mark(name)
            gain = (mark - held.entry) * held.size / (abs(held.size) * held.entry)
            usd = abs(held.size) * mark * floor.index(floor.listed[name].quote)
            out[name] = place_of(gain, usd, collateral)
        return out


def place_of(gain: Decimal, notional: Decimal, collateral: Decimal) -> int:
    """`gain`: unrealised profit as a share of the entry value. Notional and collateral in USD."""
    if gain <= ZERO:
        return 0
    if collateral <= ZERO:
        return len(ADL_STEPS) + 1
    score = gain * notional / collateral
    return 1 + sum(score >= step for step in ADL_STEPS)


def taken_at(mark_ticks: int, size: Decimal) -> int:
    """Ticks of the price: the mark has passed the counterparty's bankruptcy price, to the holder's cost."""
    away = mark_ticks * ADL_DISCOUNT_BPS // 10_000
    return mark_ticks - away if size > 0 else mark_ticks + away
