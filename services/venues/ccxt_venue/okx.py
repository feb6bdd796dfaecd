"""OKX v5 beside the unified words: one-way mode, cross margin, contracts of their own size; or spot."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.domain.enums import Flow
from services.domain.events import BalanceRow
from services.venues.ccxt_venue import errors, okx_algo
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.okx_algo import ALGO
from services.venues.ccxt_venue.rows import Account, Moved, TradeRow, sized, text_of, weight_of
from services.venues.wire.budget import Lane
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import BadNumber, wire_count, wire_decimal, wire_ms, wire_positive

PAGE = 100
DAY_MS = 86_400_000
MOST_PAGES = 50
YOUNG_MS = 60 * 3_600_000
"""The young list of trades spans three days."""
SECONDS = 10**11
"""An instant below it is told in seconds: as milliseconds it would lie in the year 1973."""
AHEAD_MS = 60_000
"""Whoever asks for trades asks so far ahead of the present."""
TRADE, FUNDING = "2", "8"
ENDS = ("3", "5", "9")
"""Bills of what was closed for us: delivery, liquidation, deleveraging; trades tell of them."""
KINDS = {
    "1": Flow.TRANSFER,
    "6": Flow.TRANSFER,
    "12": Flow.TRANSFER,
    "4": Flow.CONVERSION,
    "11": Flow.CONVERSION,
    "27": Flow.CONVERSION,
    "28": Flow.CONVERSION,
    "7": Flow.INTEREST,
}
LIQUIDATED = frozenset({"100", "101", "102", "103", "104", "105", "106", "107"})
DELEVERAGED = frozenset({"125", "126", "127", "128"})
POST_ONLY_CROSSED = "31"
_LEVELS = {"2": "cross, coin by coin", "3": "cross, one pool", "4": "portfolio"}


class Okx:
    dead_man = True
    tier_contracts = True
    conditional = True
    spares_stops = False
    """Nobody has said that the switch leaves the algo service's orders alone."""

    def __init__(self, *, spot: bool = False) -> None:
        self._spot = spot
        self._kind = "SPOT" if spot else "SWAP"
        self._owners = okx_algo.Owners()

    async def account(self, door: Door) -> Account:
        row = _rows(await door.ask("privateGetAccountConfig"))[0]
        rights = str(row.get("perm") or "")
        mode = str(row.get("posMode"))
        level = str(row.get("acctLv"))
        wrong = []
        if self._spot:
            held = await door.ask("fetch_positions")
            if any(wire_count(each.get("contracts"), "contracts") for each in held):
                wrong.append("it holds perpetuals, which a spot profile does not see: use a sub-account")
        elif mode != "net_mode":
            wrong.append(f"position mode {mode}: set one-way (net) mode")
        if level == "1" and not self._spot:
            wrong.append("the account's level is spot only")
        if rights and "trade" not in rights:
            wrong.append("the key cannot trade")
        return Account(
            withdraws=("withdraw" in rights) if rights else None,
            hedged=mode != "net_mode",
            margin="spot: coins, nothing lent" if self._spot else _LEVELS.get(level, level),
            wrong=tuple(wrong),
            apart=level == "2" and not self._spot,
        )

    async def balances(self, door: Door) -> tuple[BalanceRow, ...]:
        info = (await door.ask("fetch_balance")).get("info") or {}
        found = []
        for row in _rows(_rows(info)[0], least=0, field="details"):
            coin = text_of(row.get("ccy"), "ccy")
            total = wire_decimal(row.get("cashBal"), f"{coin} cashBal")
            if total:
                weight = weight_of(coin)
                found.append(BalanceRow(coin, total, weight, weight))
        return tuple(found)

    async def trades(self, door: Door, since_ms: int, until_ms: int, *, whole: bool = True) -> list[TradeRow]:
        # The young list costs a sixth of the long one, and is asked for with every look.
        young = until_ms - since_ms < YOUNG_MS
        call = "privateGetTradeFills" if young else "privateGetTradeFillsHistory"
        rows = await _all(door, call, "billId", since_ms, until_ms, self._kind)
        nameless = [
            row
            for row in rows
            if not row.get("clOrdId") and str(row.get("subType")) not in LIQUIDATED | DELEVERAGED
        ]
        if self._spot:
            owners: Mapping[str, str | None] = {}
        else:
            owners = await self._owners.of(door, nameless, until_ms - AHEAD_MS)
        undecided = {order for order, owner in owners.items() if owner is None}
        if undecided and whole:
            raise WireError(ErrorKind.UNAVAILABLE, "whose trade it was is not told yet")
        return [
            TradeRow(
                market=text_of(row.get("instId"), "instId"),
                # A trade number is the market's: with both sides ours it comes twice.
                id=f"{text_of(row.get('tradeId'), 'tradeId')}-{text_of(row.get('ordId'), 'ordId')}",
                order=text_of(row.get("ordId"), "ordId"),
                name=str(row.get("clOrdId") or owners.get(str(row.get("ordId"))) or ""),
                side=str(row.get("side")),
                contracts=row.get("fillSz"),
                price=row.get("fillPx"),
                # Empty where none is taken; that it lacks is another thing.
                fee=-wire_decimal("0" if row.get("fee") == "" else row.get("fee"), "fee"),
                coin=str(row.get("feeCcy") or ""),
                maker=row.get("execType") == "M",
                ms=row.get("ts"),
                liquidation=str(row.get("subType")) in LIQUIDATED,
                adl=str(row.get("subType")) in DELEVERAGED,
            )
            for row in rows
            if str(row.get("ordId")) not in undecided
        ]

    async def moved(self, door: Door, since_ms: int, until_ms: int) -> list[Moved]:
        found = []
        # The quick list holds a week, the slow one three months.
        week = until_ms - since_ms < 6 * DAY_MS
        call = "privateGetAccountBills" if week else "privateGetAccountBillsArchive"
        for row in await _all(door, call, "billId", since_ms, until_ms, self._kind):
            kind = str(row.get("type"))
            amount = wire_decimal(row.get("balChg"), "balChg")
            if kind in (TRADE, *ENDS) or not amount:
                continue
            paid = kind == FUNDING
            found.append(
                Moved(
                    id=text_of(row.get("billId"), "billId"),
                    coin=text_of(row.get("ccy"), "ccy"),
                    amount=amount,
                    ms=wire_ms(row.get("ts"), "bill time"),
                    kind=KINDS.get(kind, Flow.OTHER),
                    market=str(row.get("instId") or "") if paid else "",
                    size=wire_count(row.get("sz") or "0", "bill size") if paid else Decimal(0),
                    price=wire_positive(row.get("px"), "bill price")
                    if paid and row.get("px")
                    else Decimal(0),
                )
            )
        return found

    async def open_orders(
        self, door: Door, coins: tuple[str, ...], *, conditional: bool, foreign: bool = False
    ) -> list[Mapping[str, Any]]:
        found = _whole(await door.ask("fetch_open_orders", None, None, PAGE), PAGE, "open orders")
        if self._spot or not conditional:
            return found
        return [*found, *(await okx_algo.pending(door, foreign=foreign))]

    async def positions(self, door: Door, coins: tuple[str, ...]) -> list[Mapping[str, Any]]:
        return [] if self._spot else sized(await door.ask("fetch_positions"), "pos")

    async def order(
        self, door: Door, market: Listed, name: str, *, conditional: bool | None
    ) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = None
        if not conditional:
            found = await _known(door, market, None, {"clOrdId": name})
        if found is None and conditional is not False and not self._spot:
            algo = await okx_algo.found(door, name)
            if algo is None:
                return None
            became = okx_algo.released(algo)
            if not became:
                return okx_algo.row_of(algo, market.symbol)
            found = await _known(door, market, became, {})
            if found is None:
                raise WireError(ErrorKind.UNAVAILABLE, f"{name}: released, and its order is not told yet")
            return {**found, "clientOrderId": name}
        return found

    def stop_params(self, name: str, trigger: Decimal) -> dict[str, Any]:
        return {"stopLossPrice": f"{trigger:f}", "slTriggerPxType": "mark", "algoClOrdId": name}

    def stop_id(self, told: str) -> str:
        return f"{ALGO}{told}"

    async def cancel(self, door: Door, market: Listed, name: str, order_id: str) -> None:
        if order_id.startswith(ALGO):
            await okx_algo.cancel(door, market, order_id)
            return
        params = {} if order_id else {"clOrdId": name}
        try:
            await door.ask("cancel_order", order_id or None, market.symbol, params, lane=Lane.SAFE)
        except WireError as error:
            if order_id or error.code != errors.NOT_FOUND or self._spot:
                raise
            algo = await okx_algo.found(door, name)
            if algo is None or okx_algo.released(algo):
                raise
            await okx_algo.cancel(door, market, f"{ALGO}{algo['algoId']}")

    def fires_at(self, reply: Mapping[str, Any]) -> int | None:
        due = _rows(reply)[0].get("triggerTime")
        if due in (None, "", "0"):
            return None
        # The venue's documents write it in seconds, other instants in milliseconds.
        found = wire_ms(due, "triggerTime")
        return found if found >= SECONDS else found * 1_000

    def crossed(self, order: Mapping[str, Any]) -> bool:
        return str((order.get("info") or {}).get("cancelSource")) == POST_ONLY_CROSSED

    def adl(self, position: Mapping[str, Any]) -> int | None:
        told = str((position.get("info") or {}).get("adl") or "0")
        return int(told) - 1 if told in ("1", "2", "3", "4", "5") else None


async def _known(
    door: Door, market: Listed, order_id: str | None, more: dict[str, Any]
) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = await door.ask("fetch_order", order_id, market.symbol, more)
    except WireError as error:
        if error.code != errors.NOT_FOUND:
            raise
        return None
    return found


async def _all(
    door: Door, call: str, key: str, since_ms: int, until_ms: int, kind: str
) -> list[Mapping[str, Any]]:
    """Newest first, page by page by the number of the last row."""
    found: list[Mapping[str, Any]] = []
    query: dict[str, Any] = {"instType": kind, "begin": since_ms, "end": until_ms, "limit": PAGE}
    if call.startswith("privateGetAccountBills"):
        del query["instType"]
    for _ in range(MOST_PAGES):
        page = _rows(await door.ask(call, query), least=0)
        found += page
        if len(page) < PAGE:
            return found
        query["after"] = text_of(page[-1].get(key), key)
    raise WireError(ErrorKind.UNAVAILABLE, f"{call}: more than {MOST_PAGES * PAGE} rows")


def _rows(reply: Any, least: int = 1, field: str = "data") -> list[Any]:
    rows = reply.get(field) if isinstance(reply, Mapping) else None
    if not isinstance(rows, list) or len(rows) < least or not all(isinstance(each, Mapping) for each in rows):
        raise BadNumber("a reply without its rows")
    return rows


def _whole(rows: list[Any], page: int, what: str) -> list[Any]:
    if len(rows) >= page:
        raise WireError(ErrorKind.UNAVAILABLE, f"{page} {what} or more: the list may be cut")
    return rows
