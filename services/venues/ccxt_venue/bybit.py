"""Bybit v5 beside the unified words: unified account, one-way mode, linear perpetuals; or spot.

No dead-man's switch: the library's call only sets how long the venue waits after a private socket has gone,
which arms nothing by itself (fact sheet 5, pitfall 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.domain.enums import Flow
from services.domain.events import BalanceRow
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.rows import Account, Moved, TradeRow, sized, text_of, weight_of
from services.venues.wire.budget import Lane
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import BadNumber, wire_count, wire_decimal, wire_ms, wire_positive

PAGE = 100
LEDGER_PAGE = 50
MOST_PAGES = 50
WEEK_MS = 7 * 86_400_000
"""A question for a list spans a week at most."""
WEEKS = 8
"""No list is read further back: each week of it is a question."""
FILLS = ("Trade", "AdlTrade", "BustTrade", "BlockTrade", "MovePosition", "FutureSpread")
NO_FILLS = ("Funding", "Delivery", "Settle", "SessionSettlePnL")
"""The ledger tells of them."""
ENDED = ("closed", "canceled", "rejected", "expired")
FROM_FILLS = ("TRADE", "LIQUIDATION", "ADL")
FUNDING = "SETTLEMENT"
KINDS = {
    "TRANSFER_IN": Flow.TRANSFER,
    "TRANSFER_OUT": Flow.TRANSFER,
    "CURRENCY_BUY": Flow.CONVERSION,
    "CURRENCY_SELL": Flow.CONVERSION,
    "AUTO_DEDUCTION": Flow.CONVERSION,
    "INTEREST": Flow.INTEREST,
}
POST_ONLY_CROSSED = "EC_PostOnlyWillTakeLiquidity"


class Bybit:
    dead_man = False
    tier_contracts = False
    conditional = True
    spares_stops = True
    """There is no switch."""

    def __init__(self, *, spot: bool = False) -> None:
        self._spot = spot
        self._kind = "spot" if spot else "swap"

    async def account(self, door: Door) -> Account:
        key = _result(await door.ask("privateGetV5UserQueryApi"))
        info = _result(await door.ask("privateGetV5AccountInfo"))
        rights = key.get("permissions")
        wallet = rights.get("Wallet") if isinstance(rights, Mapping) else None
        wrong = []
        if str(key.get("uta")) != "1":
            wrong.append("not a unified trading account")
        if str(key.get("readOnly")) == "1":
            wrong.append("the key cannot trade")
        if self._spot:
            for coin in ("USDT", "USDC"):
                held = await door.ask("fetch_positions", None, {"settleCoin": coin})
                if any(wire_count(each.get("contracts"), "contracts") for each in held):
                    wrong.append(f"it holds perpetuals in {coin}, which a spot profile does not see")
        elif str(info.get("marginMode")) == "ISOLATED_MARGIN":
            wrong.append("isolated margin: set cross margin")
        return Account(
            withdraws=("Withdraw" in wallet) if isinstance(wallet, list) else None,
            # Told position by position.
            hedged=None,
            margin="spot: coins, nothing lent" if self._spot else str(info.get("marginMode") or "not told"),
            wrong=tuple(wrong),
        )

    async def balances(self, door: Door) -> tuple[BalanceRow, ...]:
        info = (await door.ask("fetch_balance")).get("info") or {}
        found = []
        for row in _named(_list(info)[0], "coin", least=0):
            coin = text_of(row.get("coin"), "coin")
            total = wire_decimal(row.get("walletBalance"), f"{coin} walletBalance")
            if total:
                used = row.get("marginCollateral") is True and row.get("collateralSwitch") is True
                # Spot lends nothing: there a coin counts for itself whether or not it is pledged.
                weight = weight_of(coin) if used or self._spot else Decimal(0)
                found.append(BalanceRow(coin, total, weight, weight))
        return tuple(found)

    async def trades(self, door: Door, since_ms: int, until_ms: int, *, whole: bool = True) -> list[TradeRow]:
        query = {"category": "spot" if self._spot else "linear"}
        rows = await _all(door, "privateGetV5ExecutionList", query, PAGE, since_ms, until_ms)
        strange = {str(row.get("execType")) for row in rows} - {*FILLS, *NO_FILLS}
        if strange:
            raise BadNumber(f"a trade of type {min(strange):.30}")
        return [
            TradeRow(
                market=text_of(row.get("symbol"), "symbol"),
                id=text_of(row.get("execId"), "execId"),
                order=text_of(row.get("orderId"), "orderId"),
                name=str(row.get("orderLinkId") or ""),
                side=str(row.get("side")),
                contracts=row.get("execQty"),
                price=row.get("execPrice"),
                fee="0" if row.get("execFee") == "" else row.get("execFee"),
                coin=str(row.get("feeCurrency") or ""),
                maker=row.get("isMaker") is True,
                ms=row.get("execTime"),
                liquidation=row.get("execType") == "BustTrade",
                adl=row.get("execType") == "AdlTrade",
            )
            for row in rows
            if row.get("execType") in FILLS
        ]

    async def moved(self, door: Door, since_ms: int, until_ms: int) -> list[Moved]:
        query = {"accountType": "UNIFIED"}
        rows = await _all(door, "privateGetV5AccountTransactionLog", query, LEDGER_PAGE, since_ms, until_ms)
        found = []
        for row in rows:
            amount = wire_decimal(row.get("change"), "change")
            kind = str(row.get("type"))
            if kind in FROM_FILLS or not amount:
                continue
            paid = kind == FUNDING and bool(row.get("symbol"))
            found.append(
                Moved(
                    id=text_of(row.get("id"), "log id"),
                    coin=text_of(row.get("currency"), "currency"),
                    amount=amount,
                    ms=wire_ms(row.get("transactionTime"), "log time"),
                    kind=KINDS.get(kind, Flow.OTHER),
                    market=str(row["symbol"]) if paid else "",
                    size=abs(wire_decimal(row.get("size") or row.get("qty") or "0", "size")),
                    price=wire_positive(row["tradePrice"], "price")
                    if paid and row.get("tradePrice")
                    else Decimal(0),
                    rate=wire_decimal(row.get("feeRate") or "0", "rate") if paid else Decimal(0),
                )
            )
        return found

    async def open_orders(
        self, door: Door, coins: tuple[str, ...], *, conditional: bool, foreign: bool = False
    ) -> list[Mapping[str, Any]]:
        """Conditional ones stand in the same list."""
        found: list[Mapping[str, Any]] = []
        asked = [{"type": "spot"}] if self._spot else [{"settleCoin": coin} for coin in coins]
        for query in asked:
            rows = await door.ask("fetch_open_orders", None, None, 50, query)
            if len(rows) >= 50:
                raise WireError(ErrorKind.UNAVAILABLE, "50 open orders or more: the list may be cut")
            found += rows
        living: list[Mapping[str, Any]] = []
        for row in found:
            if row.get("status") in ENDED:
                continue
            if row.get("status") != "open":
                raise BadNumber(f"order status {row.get('status')!r:.30}")
            name = text_of((row.get("info") or {}).get("symbol"), "symbol")
            living.append({**_waiting(row), "symbol": door.symbol(name, self._kind)})
        return living

    async def positions(self, door: Door, coins: tuple[str, ...]) -> list[Mapping[str, Any]]:
        """Also those that the profile names no market of: they share its margin."""
        if self._spot:
            return []
        found: list[Mapping[str, Any]] = []
        beside = [{"settleCoin": coin} for coin in ("USDT", "USDC") if coin not in coins]
        for query in (*({"settleCoin": coin} for coin in coins), *beside, {"subType": "inverse"}):
            try:
                found += sized(await door.ask("fetch_positions", None, query), "size")
            except WireError as error:
                # An account that cannot hold such contracts is refused the question: it holds none.
                if query.get("settleCoin") in coins or error.kind is not ErrorKind.REJECTED:
                    raise
        return found

    async def order(
        self, door: Door, market: Listed, name: str, *, conditional: bool | None
    ) -> Mapping[str, Any] | None:
        """In the list of the living and the youngest dead, else in the history: `no` is the word of both."""
        for call in ("fetch_open_orders", "fetch_canceled_and_closed_orders"):
            rows = await door.ask(call, market.symbol, None, None, {"orderLinkId": name})
            found: Mapping[str, Any] | None = next((r for r in rows if r.get("clientOrderId") == name), None)
            if found is not None:
                return found
            if rows:
                raise BadNumber(f"{name}: the answer tells of other orders")
        return None

    def fires_at(self, reply: Mapping[str, Any]) -> int | None:
        raise BadNumber("no dead-man's switch")

    def crossed(self, order: Mapping[str, Any]) -> bool:
        return str((order.get("info") or {}).get("rejectReason")) == POST_ONLY_CROSSED

    def adl(self, position: Mapping[str, Any]) -> int | None:
        told = str((position.get("info") or {}).get("adlRankIndicator") or "0")
        return int(told) - 1 if told in ("1", "2", "3", "4", "5") else None

    def stop_params(self, name: str, trigger: Decimal) -> dict[str, Any]:
        return {"stopLossPrice": f"{trigger:f}", "triggerBy": "MarkPrice"}

    def stop_id(self, told: str) -> str:
        """It keeps its number when it is released."""
        return told

    async def cancel(self, door: Door, market: Listed, name: str, order_id: str) -> None:
        params = {} if order_id else {"orderLinkId": name}
        await door.ask("cancel_order", order_id or None, market.symbol, params, lane=Lane.SAFE)


def _waiting(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The price at which it was released stays on an order that works by now."""
    if (row.get("info") or {}).get("orderStatus") == "Untriggered":
        return row
    return {**row, "triggerPrice": None}


async def _all(
    door: Door, call: str, query: Mapping[str, Any], page: int, since_ms: int, until_ms: int
) -> list[Mapping[str, Any]]:
    """Week by week, page by page by the venue's cursor."""
    found: list[Mapping[str, Any]] = []
    begin, pages = since_ms, 0
    begin = max(begin, until_ms - WEEKS * WEEK_MS)
    while begin <= until_ms:
        end = min(until_ms, begin + WEEK_MS - 1)
        cursor = ""
        while True:
            pages += 1
            if pages > 2 * MOST_PAGES:
                raise WireError(ErrorKind.UNAVAILABLE, f"{call}: more than {pages - 1} pages")
            asked = {**query, "startTime": begin, "endTime": end, "limit": page}
            lane = Lane.DATA if end == until_ms else Lane.PAST
            reply = await door.ask(call, {**asked, "cursor": cursor} if cursor else asked, lane=lane)
            rows = _list(reply, least=0)
            found += rows
            cursor = str(_result(reply).get("nextPageCursor") or "")
            if len(rows) < page or not cursor:
                break
        begin = end + 1
    return found


def _result(reply: Any) -> Mapping[str, Any]:
    found = reply.get("result") if isinstance(reply, Mapping) else None
    if not isinstance(found, Mapping):
        raise BadNumber("a reply without its result")
    return found


def _list(reply: Any, least: int = 1) -> list[Any]:
    return _named(_result(reply), "list", least)


def _named(found: Mapping[str, Any], field: str, least: int) -> list[Any]:
    rows = found.get(field)
    if not isinstance(rows, list) or len(rows) < least or not all(isinstance(each, Mapping) for each in rows):
        raise BadNumber("a reply without its rows")
    return rows
