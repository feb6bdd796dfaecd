"""One market's facts, asked for at the start: its fees, its margin table, what its contracts are worth."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.domain.instrument import MarginTier
from services.venues.ccxt_venue import facts
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.manners import MANNERS, Manner
from services.venues.wire.numbers import wire_positive

SAFE_CUT = Decimal("0.9")
"""Bounds told in contracts are worth less when the price has fallen: a tenth less is believed."""


async def learn(venue: str, exchange: str, door: Door, manner: Manner | None, market: Any) -> Listed:
    """`manner`: None = it is only watched. Raises WireError, BadNumber."""
    symbol = str(market["symbol"])
    fees: tuple[Decimal | None, Decimal | None] = (None, None)
    if manner is not None and door.can("fetchTradingFee"):
        # The library's table of fees is not this account's.
        fees = facts.fee_pair(await door.ask("fetch_trading_fee", symbol))
    tiers: tuple[MarginTier, ...] | None = None
    if market.get("spot") is not True and door.can("fetchMarketLeverageTiers"):
        rows = await door.ask("fetch_market_leverage_tiers", symbol)
        tiers = facts.tiers_of(list(rows), await _tier_unit(exchange, door, symbol, market))
    return facts.listed(
        venue,
        market,
        tick_sizes=door.tick_sizes,
        fees=fees,
        tiers=tiers,
        # Where no order can be sent the flag is paper's, which keeps to it by itself.
        reduce_only=manner is None or door.can("createReduceOnlyOrder"),
    )


async def _tier_unit(exchange: str, door: Door, symbol: str, market: Any) -> Decimal:
    """USD of one unit of a tier's bound."""
    manner = MANNERS.get(exchange)
    if manner is None or not manner.tier_contracts:
        return Decimal(1)
    marks = await door.ask("fetch_mark_prices", [symbol])
    mark = wire_positive((marks.get(symbol) or {}).get("markPrice"), f"{symbol} mark")
    return mark * wire_positive(market.get("contractSize"), f"{symbol} contract size") * SAFE_CUT


async def suspended(door: Door) -> tuple[str, ...]:
    """Coins that can leave by none of their chains. Raises WireError and what a reply of any shape may."""
    found = await door.ask("fetch_currencies")
    shut = (code for code, row in found.items() if isinstance(row, Mapping) and row.get("withdraw") is False)
    return tuple(sorted(str(code) for code in shut))
