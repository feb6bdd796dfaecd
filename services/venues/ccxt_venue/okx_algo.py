"""Conditional orders of OKX: its algo service, whose released orders have numbers and lists of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.venues.ccxt_venue import errors
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.rows import text_of
from services.venues.wire.budget import Lane
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import BadNumber, wire_ms

ALGO = "algo-"
"""Before the number of a conditional order: the service counts by itself."""
KINDS = ("conditional,oco", "trigger", "move_order_stop")
"""All that wait for a price, whoever sent them, ours among the first; each is a question."""
PAGE = 100
MOST_PAGES = 10
YOUNG_MS = 5_000
"""The list of the released may be so far behind the list of trades."""
KEEP = 20_000
_STATES = {
    "live": "open",
    "pause": "open",
    "partially_effective": "open",
    "effective": "open",
    "canceled": "canceled",
    "order_failed": "rejected",
    "partially_failed": "rejected",
}


def row_of(row: Mapping[str, Any], symbol: str) -> Mapping[str, Any]:
    """In the library's words, as an order that waits. Raises BadNumber."""
    status = _STATES.get(str(row.get("state")))
    if status is None:
        raise BadNumber(f"algo order state {row.get('state')!r:.30}")
    price = str(row.get("slOrdPx") or row.get("ordPx") or row.get("tpOrdPx") or "-1")
    return {
        "symbol": symbol,
        "id": f"{ALGO}{text_of(row.get('algoId'), 'algoId')}",
        "clientOrderId": str(row.get("algoClOrdId") or ""),
        "side": row.get("side"),
        "amount": row.get("sz"),
        "filled": "0",
        "price": None if price in ("-1", "0") else price,
        "reduceOnly": str(row.get("reduceOnly")).lower() == "true",
        "triggerPrice": row.get("slTriggerPx")
        or row.get("triggerPx")
        or row.get("tpTriggerPx")
        or row.get("moveTriggerPx")
        or None,
        "status": status,
    }


def released(row: Mapping[str, Any]) -> str:
    """The number of the order that it has become; "" = none."""
    several = row.get("ordIdList")
    if isinstance(several, Sequence) and not isinstance(several, str) and several:
        return text_of(several[0], "ordIdList")
    told = str(row.get("ordId") or "")
    return "" if told == "0" else told


async def pending(door: Door, *, foreign: bool) -> list[Mapping[str, Any]]:
    """Those that wait; without `foreign` of the kind that we send. Raises WireError, BadNumber."""
    found = []
    for kind in KINDS if foreign else KINDS[:1]:
        query = {"ordType": kind, "instType": "SWAP", "limit": PAGE}
        rows = _rows(await door.ask("privateGetTradeOrdersAlgoPending", query))
        if len(rows) >= PAGE:
            raise WireError(ErrorKind.UNAVAILABLE, f"{PAGE} {kind} orders or more: the list may be cut")
        found += [row_of(row, door.symbol(str(row.get("instId")))) for row in rows]
    return found


async def found(door: Door, name: str) -> Mapping[str, Any] | None:
    """By client id; None = the service's definite word that there is none."""
    try:
        rows = _rows(await door.ask("privateGetTradeOrderAlgo", {"algoClOrdId": name}))
    except WireError as error:
        if error.code != errors.NOT_FOUND:
            raise
        return None
    if not rows:
        raise BadNumber(f"{name}: an answer without its row")
    row: Mapping[str, Any] = rows[0]
    return row


async def cancel(door: Door, market: Listed, order_id: str) -> None:
    """Raises WireError."""
    number = order_id.removeprefix(ALGO)
    await door.ask("cancel_orders", [number], market.symbol, {"trigger": True}, lane=Lane.SAFE)


class Owners:
    """Whose the trades without a client id are: a released order has none, the service knows its name."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    async def of(
        self, door: Door, rows: Sequence[Mapping[str, Any]], now_ms: int
    ) -> Mapping[str, str | None]:
        """Order number -> client id, "" = nobody's here, None = too young to be judged."""
        times = {str(row.get("ordId")): wire_ms(row.get("ts"), "fill time") for row in rows}
        unknown = {order for order in times if order not in self._known}
        if unknown:
            for order, name in (await self._released(door, unknown)).items():
                self._known[order] = name
            for order in unknown:
                if order not in self._known and now_ms - times[order] > YOUNG_MS:
                    self._known[order] = ""
            while len(self._known) > KEEP:
                del self._known[next(iter(self._known))]
        return {order: self._known.get(order) for order in times}

    async def _released(self, door: Door, wanted: set[str]) -> dict[str, str]:
        """Newest first, until all are found or the list has ended."""
        told: dict[str, str] = {}
        query: dict[str, Any] = {
            "ordType": "conditional", "state": "effective", "instType": "SWAP", "limit": PAGE,
        }  # fmt: skip
        for _ in range(MOST_PAGES):
            page = _rows(await door.ask("privateGetTradeOrdersAlgoHistory", query))
            for row in page:
                order = released(row)
                if order in wanted:
                    told[order] = str(row.get("algoClOrdId") or "")
            if len(page) < PAGE or len(told) == len(wanted):
                break
            query["after"] = text_of(page[-1].get("algoId"), "algoId")
        return told


def _rows(reply: Any) -> list[Any]:
    rows = reply.get("data") if isinstance(reply, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(each, Mapping) for each in rows):
        raise BadNumber("a reply without its rows")
    return rows
