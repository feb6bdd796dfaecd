"""What coins are worth in USD by a venue's own indexes, asked for through the library."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from services.venues.ccxt_venue.door import Door
from services.venues.wire.numbers import wire_positive


async def okx_indexes(
    door: Door, quotes: set[str], name: Callable[[Mapping[str, Any]], str]
) -> dict[str, object]:
    """As they are told, by `name` of a row. Raises WireError and what a reply of any shape may."""
    found: dict[str, object] = {}
    for quote in sorted(quotes):
        reply = await door.ask("publicGetMarketIndexTickers", {"quoteCcy": quote})
        found |= {name(row): row.get("idxPx") for row in reply.get("data") or ()}
    return found


async def implied(door: Door, coin: str) -> Decimal | None:
    """A coin that an inverse contract is on has an index in USD of its own. Of a dollar coin: one underlying
    has an index in USD and one in the coin, and their ratio is the coin in USD. Raises as `okx_indexes`."""
    own = f"{coin}/USD:{coin}"
    if own in door.markets:
        ticker = await door.ask("fetch_ticker", own)
        return wire_positive(ticker.get("indexPrice"), f"{own} index")
    for base in ("BTC", "ETH"):
        inverse, linear = f"{base}/USD:{base}", f"{base}/{coin}:{coin}"
        if inverse in door.markets and linear in door.markets:
            dollars, coins = await asyncio.gather(
                door.ask("fetch_ticker", inverse), door.ask("fetch_ticker", linear)
            )
            return wire_positive(dollars.get("indexPrice"), f"{inverse} index") / wire_positive(
                coins.get("indexPrice"), f"{linear} index"
            )
    return None
