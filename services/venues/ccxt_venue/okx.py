"""OKX v5 beside the unified words: one-way mode, cross margin, contracts of their own size."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.domain.events import BalanceRow
from services.venues.ccxt_venue import errors
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.rows import Account, Moved, TradeRow, text_of, weight_of
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import BadNumber, wire_count, wire_decimal, wire_int, wire_positive

PAGE = 100
DAY_MS = 86_400_000
MOST_PAGES = 50
TRADE, FUNDING = "2", "8"
ENDS = ("5", "6", "7", "9")
"""Bills of what was closed for us: delivery, conversion, liquidation, deleveraging; trades tell of them."""
LIQUIDATED = frozenset({"100", "101", "102", "103", "104", "105", "106", "107"})
DELEVERAGED = frozenset({"125", "126", "127", "128"})
POST_ONLY_CROSSED = "31"


class Okx:
    dead_man = True
    tier_contracts = True

    async def account(self, door: Door) -> Account:
        row = _rows(await door.ask("privateGetAccountConfig"))[0]
        rights = str(row.get("perm") or "")
        mode = str(row.get("posMode"))
        level = str(row.get("acctLv"))
        wrong = []
        if mode != "net_mode":
            wrong.append(f"position mode {mode}: set one-way (net) mode")
        if level == "1":
            wrong.append("the account's level is spot only")
        if rights and "trade" not in rights:
            wrong.append("the key cannot trade")
        return Account(
            withdraws=("withdraw" in rights) if rights else None,
            hedged=mode != "net_mode",
            margin={"2": "cross, coin by coin", "3": "cross, one pool", "4": "portfolio"}.get(level, level),
            wrong=tuple(wrong),
        )

    async def balances(self, door: Door) -> tuple[BalanceRow, ...]:
        info = (await door.ask("fetch_balance")).get("info") or {}
        found = []
        for row in _rows(info)[0]["details"]:
            coin = str(row["ccy"])
            total = wire_decimal(row.get("cashBal"), f"{coin} cashBal")
            if total:
                weight = weight_of(coin)
                found.append(BalanceRow(coin, total, weight, weight))
        return tuple(found)

    async def trades(self, door: Door, since_ms: int, until_ms: int) -> list[TradeRow]:
        rows = await _all(door, "privateGetTradeFillsHistory", "billId", since_ms, until_ms)
        return [
            TradeRow(
                market=str(row["instId"]),
                # A trade number is the market's: with both sides ours it comes twice.
                id=f"{text_of(row.get('tradeId'), 'tradeId')}-{text_of(row.get('ordId'), 'ordId')}",
                order=text_of(row.get("ordId"), "ordId"),
                name=str(row.get("clOrdId") or ""),
                side=str(row.get("side")),
                contracts=row.get("fillSz"),
                price=row.get("fillPx"),
                fee=-wire_decimal(row.get("fee") or "0", "fee"),
                coin=str(row.get("feeCcy") or ""),
                maker=row.get("execType") == "M",
                ms=row.get("ts"),
                liquidation=str(row.get("subType")) in LIQUIDATED,
                adl=str(row.get("subType")) in DELEVERAGED,
            )
            for row in rows
        ]

    async def moved(self, door: Door, since_ms: int, until_ms: int) -> list[Moved]:
        found = []
        # The quick list holds a week, the slow one three months.
        week = until_ms - since_ms < 6 * DAY_MS
        call = "privateGetAccountBills" if week else "privateGetAccountBillsArchive"
        for row in await _all(door, call, "billId", since_ms, until_ms):
            kind = str(row.get("type"))
            amount = wire_decimal(row.get("balChg"), "balChg")
            if kind in (TRADE, *ENDS) or not amount:
                continue
            paid = kind == FUNDING
            found.append(
                Moved(
                    id=text_of(row.get("billId"), "billId"),
                    coin=str(row["ccy"]),
                    amount=amount,
                    ms=wire_int(row.get("ts"), "bill time"),
                    market=str(row.get("instId") or "") if paid else "",
                    size=wire_count(row.get("sz") or "0", "bill size") if paid else Decimal(0),
                    price=wire_positive(row.get("px"), "bill price")
                    if paid and row.get("px")
                    else Decimal(0),
                )
            )
        return found

    async def open_orders(self, door: Door, coins: tuple[str, ...]) -> list[Mapping[str, Any]]:
        return _whole(await door.ask("fetch_open_orders", None, None, PAGE), PAGE, "open orders")

    async def positions(self, door: Door, coins: tuple[str, ...]) -> list[Mapping[str, Any]]:
        return list(await door.ask("fetch_positions"))

    async def order(self, door: Door, market: Listed, name: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = await door.ask("fetch_order", None, market.symbol, {"clOrdId": name})
        except WireError as error:
            if error.code != errors.NOT_FOUND:
                raise
            return None
        return found

    def fires_at(self, reply: Mapping[str, Any]) -> int | None:
        due = _rows(reply)[0].get("triggerTime")
        return None if due in (None, "", "0") else wire_int(due, "triggerTime")

    def crossed(self, order: Mapping[str, Any]) -> bool:
        return str((order.get("info") or {}).get("cancelSource")) == POST_ONLY_CROSSED

    def adl(self, position: Mapping[str, Any]) -> int | None:
        told = str((position.get("info") or {}).get("adl") or "0")
        return int(told) - 1 if told in ("1", "2", "3", "4", "5") else None

    def cancel_params(self, name: str) -> dict[str, Any]:
        return {"clOrdId": name} if name else {}


async def _all(door: Door, call: str, key: str, since_ms: int, until_ms: int) -> list[Mapping[str, Any]]:
    """Newest first, page by page by the number of the last row."""
    found: list[Mapping[str, Any]] = []
    query: dict[str, Any] = {"instType": "SWAP", "begin": since_ms, "end": until_ms, "limit": PAGE}
    if call.startswith("privateGetAccountBills"):
        del query["instType"]
    for _ in range(MOST_PAGES):
        page = _rows(await door.ask(call, query), least=0)
        found += page
        if len(page) < PAGE:
            return found
        query["after"] = text_of(page[-1].get(key), key)
    raise WireError(ErrorKind.UNAVAILABLE, f"{call}: more than {MOST_PAGES * PAGE} rows")


def _rows(reply: Any, least: int = 1) -> list[Any]:
    rows = reply.get("data") if isinstance(reply, Mapping) else None
    if not isinstance(rows, list) or len(rows) < least or not all(isinstance(each, Mapping) for each in rows):
        raise BadNumber("a reply without its rows")
    return rows


def _whole(rows: list[Any], page: int, what: str) -> list[Any]:
    if len(rows) >= page:
        raise WireError(ErrorKind.UNAVAILABLE, f"{page} {what} or more: the list may be cut")
    return rows
