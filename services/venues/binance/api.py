"""Each call of USD-M futures that we make, typed, with its weight (binance.md 4 to 6). Raise WireError."""

from __future__ import annotations

from collections.abc import Container, Mapping
from decimal import Decimal
from typing import TypeVar

from services.venues.binance import errors
from services.venues.binance import schemas as wire
from services.venues.binance.lists import exchange_info, rows
from services.venues.binance.rest import FUNDING, LIMIT_NAMES, ORDERS_1M, ORDERS_10S, WEIGHT, Calls, sending
from services.venues.binance.weeks import Weeks
from services.venues.wire.budget import Lane
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import LATEST_MS, BadNumber, wire_int
from services.venues.wire.rest import Begun, Request, Rest

R = TypeVar("R")
PAGE = 1_000
TRADES_KEPT_MS = 89 * 86_400_000
"""The venue keeps three months of trades and incomes."""
EARLIEST_MS = 1_483_228_800_000
"""2017: before it there was no such venue."""
CONDITIONALS = "/fapi/v1/algoOrder"
"""The service of conditional orders."""
ORDER_WEIGHTS = {ORDERS_10S: 1, ORDERS_1M: 1}


class BinanceApi:
    def __init__(self, rest: Rest) -> None:
        self.rest = rest
        self._calls = Calls(rest)
        self._trades: Weeks[wire.Trade] = Weeks()
        self._incomes: Weeks[wire.Income] = Weeks()

    # Public.

    async def time_ms(self) -> int:
        return server_time(await self._calls.get(wire.Time, "/fapi/v1/time"))

    async def exchange_info(self) -> wire.ExchangeInfo:
        """Also takes the venue's own limits over into the budget."""
        path = "/fapi/v1/exchangeInfo"
        found = exchange_info(wire.ExchangeInfo, wire.Symbol, await self._calls.body(path), path)
        for row in found.rateLimits:
            name = LIMIT_NAMES.get((row.rateLimitType, row.interval, row.intervalNum))
            if name is not None and row.limit > 0:
                self.rest.budget.resize(name, row.limit)
        return found

    async def premium(self, symbol: str) -> wire.PremiumIndex:
        return await self._calls.get(wire.PremiumIndex, "/fapi/v1/premiumIndex", {"symbol": symbol})

    async def funding_rates(self, symbol: str, since_ms: int) -> list[wire.FundingRate]:
        """Settled ones since then, oldest first."""
        return await self._calls.get(
            list[wire.FundingRate],
            "/fapi/v1/fundingRate",
            {"symbol": symbol, "startTime": str(since_ms), "limit": str(PAGE)},
            window=FUNDING,
        )

    async def funding_info(self, ours: Container[str]) -> dict[str, wire.FundingInfo]:
        """Interval and bounds of the symbols that were adjusted; all others have the default interval, so the
        rows of `ours` are read, or none is."""
        path = "/fapi/v1/fundingInfo"
        body = await self._calls.body(path, window=FUNDING)
        return {row.symbol: row for row in rows(wire.FundingInfo, body, path, ours)}

    async def depth(self, symbol: str) -> wire.Depth:
        query = {"symbol": symbol, "limit": "1000"}
        return await self._calls.get(wire.Depth, "/fapi/v1/depth", query, weight=20)

    async def tops(self, symbols: tuple[str, ...]) -> list[wire.BookTicker]:
        return [
            await self._calls.get(wire.BookTicker, "/fapi/v1/ticker/bookTicker", {"symbol": symbol}, weight=2)
            for symbol in symbols
        ]

    async def asset_index(self) -> list[wire.AssetIndex]:
        path = "/fapi/v1/assetIndex"
        return rows(wire.AssetIndex, await self._calls.body(path, weight=10), path)

    # The account.

    async def account_config(self) -> wire.AccountConfig:
        return await self._signed(wire.AccountConfig, "/fapi/v1/accountConfig", 5)

    async def symbol_configs(self) -> dict[str, wire.SymbolConfig]:
        path = "/fapi/v1/symbolConfig"
        body = await self._calls.body(path, weight=5, signed=True)
        return {row.symbol: row for row in rows(wire.SymbolConfig, body, path)}

    async def brackets(self) -> dict[str, wire.Brackets]:
        path = "/fapi/v1/leverageBracket"
        body = await self._calls.body(path, signed=True)
        return {row.symbol: row for row in rows(wire.Brackets, body, path)}

    async def commission(self, symbol: str) -> wire.Commission:
        return await self._signed(wire.Commission, "/fapi/v1/commissionRate", 20, {"symbol": symbol})

    async def account(self) -> wire.Account:
        return await self._signed(wire.Account, "/fapi/v3/account", 5)

    async def positions(self) -> list[wire.Position]:
        return await self._signed(list[wire.Position], "/fapi/v3/positionRisk", 5)

    async def open_orders(self) -> list[wire.Order]:
        """Of all symbols: a foreign order elsewhere shares the margin."""
        return await self._signed(list[wire.Order], "/fapi/v1/openOrders", 40)

    async def open_conditionals(self) -> list[wire.AlgoOrder]:
        return await self._signed(list[wire.AlgoOrder], "/fapi/v1/openAlgoOrders", 40)

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> wire.Order:
        query = {"symbol": symbol, "origClientOrderId": client_order_id}
        return await self._signed(wire.Order, "/fapi/v1/order", 1, query, lane=Lane.SAFE)

    async def order(self, symbol: str, order_id: int) -> wire.Order:
        query = {"symbol": symbol, "orderId": str(order_id)}
        return await self._signed(wire.Order, "/fapi/v1/order", 1, query)

    async def conditional(self, client_order_id: str) -> wire.AlgoOrder:
        query = {"clientAlgoId": client_order_id}
        return await self._signed(wire.AlgoOrder, CONDITIONALS, 1, query, lane=Lane.SAFE)

    async def trades_of(self, symbol: str, order_id: int) -> list[wire.Trade]:
        """All fills of one order."""
        query = {"symbol": symbol, "orderId": str(order_id), "limit": str(PAGE)}
        return await self._signed(list[wire.Trade], "/fapi/v1/userTrades", 5, query, lane=Lane.SAFE)

    async def trades(self, symbol: str, since_ms: int, now_ms: int) -> list[wire.Trade]:
        """Oldest first. A window is a week at most; within it pages are walked by trade id."""

        async def between(start: int, end: int) -> list[wire.Trade]:
            span = {"symbol": symbol, "startTime": str(start), "endTime": str(end), "limit": str(PAGE)}
            rows = await self._signed(list[wire.Trade], "/fapi/v1/userTrades", 5, span)
            found = list(rows)
            while len(rows) >= PAGE:
                query = {"symbol": symbol, "fromId": str(max(row.id for row in rows) + 1), "limit": str(PAGE)}
                rows = await self._signed(list[wire.Trade], "/fapi/v1/userTrades", 5, query)
                found += rows
            return found

        since = max(since_ms, now_ms - TRADES_KEPT_MS)
        rows = await self._trades.read(symbol, since, now_ms, between)
        found = {row.id: row for row in rows if row.time >= since}
        return sorted(found.values(), key=lambda row: (row.time, row.id))

    async def incomes(self, since_ms: int, now_ms: int) -> list[wire.Income]:
        """Oldest first. `tranId` is unique within one type only."""

        async def between(start: int, end: int) -> list[wire.Income]:
            found: dict[tuple[str, int, str, str], wire.Income] = {}
            while True:
                query = {"startTime": str(start), "endTime": str(end), "limit": str(PAGE)}
                rows = await self._signed(list[wire.Income], "/fapi/v1/income", 30, query)
                fresh = {_name(row): row for row in rows}
                more = len(rows) >= PAGE and fresh.keys() - found.keys()
                found.update(fresh)
                if not more:
                    return list(found.values())
                # A full page may end inside a millisecond: start the next one on it.
                start = max(row.time for row in rows)

        since = max(since_ms, now_ms - TRADES_KEPT_MS)
        rows = await self._incomes.read("", since, now_ms, between)
        found = {_name(row): row for row in rows if row.time >= since}
        return sorted(found.values(), key=lambda row: (row.time, row.tranId))

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        query = {"symbol": symbol, "leverage": str(leverage)}
        await self._set("/fapi/v1/leverage", query)

    async def listen_key(self) -> str:
        """A new one, or the living one with its life prolonged."""
        return (await self._key(wire.ListenKey, "POST")).listenKey

    async def keep_listening(self) -> None:
        """Raises WireError with `errors.NO_LISTEN_KEY` when the key has died."""
        await self._key(wire.Empty, "PUT")

    # Orders.

    async def place(self, request: Request, begun: Begun | None = None) -> wire.Order:
        """`request`: of `order_request`; `begun`: what `rest.begin` made of it."""
        return await self._calls.send(wire.Order, request, begun)

    async def place_conditional(self, request: Request, begun: Begun | None = None) -> wire.AlgoOrder:
        """`request`: of `conditional_request`."""
        return await self._calls.send(wire.AlgoOrder, request, begun)

    def cancel_request(self, symbol: str, client_order_id: str, order_id: str) -> Request:
        """By the venue's id where it is known, else by ours."""
        query = {"symbol": symbol}
        query |= {"orderId": order_id} if order_id else {"origClientOrderId": client_order_id}
        return _cancel("/fapi/v1/order", query)

    async def cancel(self, request: Request, begun: Begun | None = None) -> wire.Order:
        return await self._calls.send(wire.Order, request, begun)

    async def cancel_conditional(self, request: Request, begun: Begun | None = None) -> None:
        """`request`: of `conditional_cancel`."""
        await self._calls.send(wire.Empty, request, begun)

    async def countdown(self, symbol: str, timeout_ms: int) -> None:
        """Armed, or disarmed, for a symbol. It leaves conditional orders alone, as far as is known."""
        query = {"symbol": symbol, "countdownTime": str(timeout_ms)}
        path, weights = "/fapi/v1/countdownCancelAll", {WEIGHT: 10}
        request = sending("POST", path, query, Lane.SAFE, weights=weights, repeat=True)
        told = await self._calls.send(wire.Countdown, request)
        if str(told.countdownTime) != str(timeout_ms):
            text = f"{symbol}: the switch counts {told.countdownTime!r:.20} ms, not {timeout_ms}"
            raise WireError(ErrorKind.UNKNOWN, text)

    # Inside.

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

    async def _key(self, kind: type[R], method: str) -> R:
        path, weights = "/fapi/v1/listenKey", {WEIGHT: 1}
        request = sending(method, path, {}, Lane.SAFE, weights=weights, signed=False, repeat=True)
        return await self._calls.send(kind, request)

    async def _set(self, path: str, query: Mapping[str, str]) -> None:
        request = sending("POST", path, query, Lane.DATA, weights={WEIGHT: 1}, repeat=True)
        try:
            await self._calls.send(wire.Empty, request)
        except WireError as error:
            if error.code not in errors.NO_CHANGE:
                raise


def _name(row: wire.Income) -> tuple[str, int, str, str]:
    return row.incomeType, row.tranId, row.symbol, row.asset


def server_time(row: wire.Time) -> int:
    """The venue's clock, ms. Raises WireError for one that no venue has: what is signed would carry it, and
    what is late be judged by it."""
    try:
        return wire_int(row.serverTime, "serverTime", least=EARLIEST_MS, most=LATEST_MS)
    except BadNumber as error:
        raise WireError(ErrorKind.UNAVAILABLE, str(error)) from None


def order_request(query: Mapping[str, str], lane: Lane) -> Request:
    """A new order, `orders.order_query`."""
    name = query["newClientOrderId"]
    return sending("POST", "/fapi/v1/order", query, lane, weights=ORDER_WEIGHTS, order=name)


def conditional_request(query: Mapping[str, str], lane: Lane) -> Request:
    """A new conditional order, `orders.conditional_query`."""
    name = query["clientAlgoId"]
    return sending("POST", CONDITIONALS, query, lane, weights=ORDER_WEIGHTS, order=name)


def conditional_cancel(client_order_id: str, algo_id: str) -> Request:
    """By the venue's id where it is known, else by ours."""
    query = {"algoId": algo_id} if algo_id else {"clientAlgoId": client_order_id}
    return _cancel(CONDITIONALS, query)


def _cancel(path: str, query: Mapping[str, str]) -> Request:
    return sending("DELETE", path, query, Lane.SAFE, weights={WEIGHT: 1}, repeat=True)


def plain(number: Decimal) -> str:
    """As the venue takes it: never with an exponent."""
    return f"{number:f}"
