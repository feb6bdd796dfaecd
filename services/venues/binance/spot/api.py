"""Each call of spot that we make, typed, with its weight (binance.md 3, 8). All raise WireError.

The fact sheet names few of spot's weights; those here are the larger of what is known of them, and the
venue's header corrects our count upwards whenever it is more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeVar

from services.venues.binance import schemas as wire
from services.venues.binance.api import server_time
from services.venues.binance.lists import exchange_info
from services.venues.binance.rest import LIMIT_NAMES, ORDERS_1D, ORDERS_10S, WEIGHT, Calls, sending
from services.venues.binance.spot import schemas as spot
from services.venues.wire.budget import Lane
from services.venues.wire.rest import Begun, Request, Rest

R = TypeVar("R")
PAGE = 1_000
DAY_MS = 86_400_000
TRADES_KEPT_MS = 89 * DAY_MS
ORDER_WEIGHTS = {WEIGHT: 1, ORDERS_10S: 1, ORDERS_1D: 1}


class SpotApi:
    def __init__(self, rest: Rest, index: Rest | None) -> None:
        """`index`: the futures service, where coins have a price in dollars; None = nowhere."""
        self.rest = rest
        self._calls = Calls(rest)
        self._index = None if index is None else Calls(index)

    # Public.

    async def time_ms(self) -> int:
        return server_time(await self._calls.get(wire.Time, "/api/v3/time"))

    async def exchange_info(self, symbols: tuple[str, ...]) -> spot.ExchangeInfo:
        """Also takes the venue's own limits over into the budget. An unknown symbol is refused whole."""
        query = {"symbols": json.dumps(symbols, separators=(",", ":"))}
        path = "/api/v3/exchangeInfo"
        body = await self._calls.body(path, query, weight=20)
        found = exchange_info(spot.ExchangeInfo, spot.Symbol, body, path)
        for row in found.rateLimits:
            name = LIMIT_NAMES.get((row.rateLimitType, row.interval, row.intervalNum))
            if name is not None and row.limit > 0:
                self.rest.budget.resize(name, row.limit)
        return found

    async def depth(self, symbol: str) -> wire.Depth:
        query = {"symbol": symbol, "limit": "1000"}
        return await self._calls.get(wire.Depth, "/api/v3/depth", query, weight=50)

    async def tops(self, symbols: tuple[str, ...]) -> list[wire.BookTicker]:
        query = {"symbols": json.dumps(symbols, separators=(",", ":"))}
        return await self._calls.get(list[wire.BookTicker], "/api/v3/ticker/bookTicker", query, weight=4)

    async def average_price(self, symbol: str) -> spot.AveragePrice:
        return await self._calls.get(spot.AveragePrice, "/api/v3/avgPrice", {"symbol": symbol}, weight=2)

    async def coin_indexes(self) -> list[wire.AssetIndex]:
        """USD per coin; empty where nobody tells."""
        if self._index is None:
            return []
        return await self._index.get(list[wire.AssetIndex], "/fapi/v1/assetIndex", weight=10)

    # The account.

    async def account(self) -> spot.Account:
        return await self._signed(spot.Account, "/api/v3/account", 20)

    async def open_orders(self) -> list[spot.Order]:
        """Of all symbols: a foreign order elsewhere locks the same coins."""
        return await self._signed(list[spot.Order], "/api/v3/openOrders", 80)

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> wire.Order:
        query = {"symbol": symbol, "origClientOrderId": client_order_id}
        return (await self._signed(spot.Order, "/api/v3/order", 4, query, lane=Lane.SAFE)).plain()

    async def order(self, symbol: str, order_id: int) -> wire.Order:
        query = {"symbol": symbol, "orderId": str(order_id)}
        return (await self._signed(spot.Order, "/api/v3/order", 4, query)).plain()

    async def trades_of(self, symbol: str, order_id: int) -> list[wire.Trade]:
        """All fills of one order."""
        query = {"symbol": symbol, "orderId": str(order_id), "limit": str(PAGE)}
        rows = await self._signed(list[spot.Trade], "/api/v3/myTrades", 20, query, lane=Lane.SAFE)
        return [row.plain() for row in rows]

    async def trades(self, symbol: str, since_ms: int, now_ms: int) -> list[wire.Trade]:
        """Oldest first. The newest page is all there is, mostly; else days are walked, then trade ids."""
        since = max(since_ms, now_ms - TRADES_KEPT_MS)
        found = {row.id: row for row in await self._page(symbol)}
        if len(found) >= PAGE:
            await self._older(symbol, since, now_ms, found)
            # Whatever a page without times holds: nothing comes after the last one.
            while late := await self._page(symbol, fromId=max(found) + 1):
                found.update((row.id, row) for row in late)
        kept = [row.plain() for row in found.values() if row.time >= since]
        return sorted(kept, key=lambda row: (row.time, row.id))

    async def _older(self, symbol: str, since: int, now_ms: int, found: dict[int, spot.Trade]) -> None:
        """What lies between `since` and the newest page."""
        if min(row.time for row in found.values()) < since:
            return
        rows: list[spot.Trade] = []
        day = since
        while not rows and day <= now_ms:
            rows = await self._page(symbol, startTime=day, endTime=day + DAY_MS - 1)
            day += DAY_MS
        while any(row.id not in found for row in rows):
            found.update((row.id, row) for row in rows)
            rows = await self._page(symbol, fromId=max(row.id for row in rows) + 1)

    async def _page(self, symbol: str, **more: int) -> list[spot.Trade]:
        query = {"symbol": symbol, "limit": str(PAGE)} | {name: str(value) for name, value in more.items()}
        return await self._signed(list[spot.Trade], "/api/v3/myTrades", 20, query)

    # Orders.

    async def place(self, request: Request, begun: Begun | None = None) -> wire.Order:
        """`request`: of `order_request`; `begun`: what `rest.begin` made of it."""
        return (await self._calls.send(spot.Order, request, begun)).plain()

    def cancel_request(self, symbol: str, client_order_id: str, order_id: str) -> Request:
        """By the venue's id where it is known, else by ours."""
        query = {"symbol": symbol}
        query |= {"orderId": order_id} if order_id else {"origClientOrderId": client_order_id}
        return sending("DELETE", "/api/v3/order", query, Lane.SAFE, weights={WEIGHT: 1}, repeat=True)

    async def cancel(self, request: Request, begun: Begun | None = None) -> wire.Order:
        return (await self._calls.send(spot.Order, request, begun)).plain()

    async def _signed(
        self,
        kind: type[R],
        path: str,
        weight: int,
        query: Mapping[str, str] | None = None,
        *,
        lane: Lane = Lane.DATA,
    ) -> R:
        return await self._calls.get(kind, path, query, weight=weight, signed=True, lane=lane)


def order_request(query: Mapping[str, str], lane: Lane) -> Request:
    """A new order, `parse.order_query`."""
    name = query["newClientOrderId"]
    return sending("POST", "/api/v3/order", query, lane, weights=ORDER_WEIGHTS, order=name)
