"""`/conditional_orders` of the FTX dialect: stops, take-profit and trailing stops, waiting, released, gone.

A reduce-only stop is an order of the exchange, so it is judged, kept and cut to the position there; every
other kind waits in the account's `Triggers`. A client sees one list of one shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.domain.enums import Side
from services.domain.instrument import Instrument
from services.venues.sim.book import SimOrder
from services.workers.simserver import orders, shown
from services.workers.simserver.auth import Refused
from services.workers.simserver.question import PAGE, Question
from services.workers.simserver.shown import Row
from services.workers.simserver.triggers import Kind, Status, Waiting, reached

_KINDS = {
    "stop": Kind.STOP,
    "takeProfit": Kind.TAKE_PROFIT,
    "take_profit": Kind.TAKE_PROFIT,
    "trailingStop": Kind.TRAILING_STOP,
    "trailing_stop": Kind.TRAILING_STOP,
}
"""Requests and replies write them differently: both are taken (ftx.md 3.3)."""
CHANGING = ("size", "triggerPrice", "orderPrice", "trailValue")
KEPT = ("market", "side", "type", "reduceOnly", "retryUntilFilled")


async def place(q: Question) -> Any:
    return await _place(q, orders.body_of(q.body))


async def _place(q: Question, body: Mapping[str, Any]) -> Row:
    kind = _KINDS.get(str(orders.need(body, "type")))
    if kind is None:
        raise Refused(400, "Invalid parameter type")
    if not _beside(kind, body):
        request = orders.conditional_request(q.seat, q.floor, body)
        sim = await orders.placed(q.seat, q.floor, request)
        if not isinstance(sim, SimOrder) or request.trigger is None:
            raise Refused(400, "Invalid parameter type")
        q.seat.triggers[sim.venue_order_id] = request.trigger
        return _stop_row(q, sim)
    return _waiting_row(q, _wait(q, kind, body))


def _beside(kind: Kind, body: Mapping[str, Any]) -> bool:
    """It waits beside the exchange, not in it."""
    return kind is not Kind.STOP or not orders.flag(body, "reduceOnly")


def waits(raw: bytes) -> bool:
    """The body is of an order that the exchange's own door never sees, so that no fault is drawn there."""
    try:
        body = orders.body_of(raw)
        kind = _KINDS.get(str(body.get("type")))
        return kind is not None and _beside(kind, body)
    except Refused:
        return False


def _wait(q: Question, kind: Kind, body: Mapping[str, Any]) -> Waiting:
    """Checked as the matching would check the order that it becomes. Raises Refused."""
    spec, side = orders.spec_named(q.floor, orders.need(body, "market")), orders.side_in(body)
    size, mark = orders.amount(body, "size"), q.floor.mark(spec.id)
    if size % spec.size_increment or size < spec.min_size:
        raise Refused(400, "Size too small")
    if orders.flag(body, "reduceOnly") and not spec.is_perp:
        raise Refused(400, "Spot orders cannot be reduce-only")
    if mark <= 0:
        raise Refused(400, "Invalid price")
    trail = _trail(spec, side, body) if kind is Kind.TRAILING_STOP else None
    trigger = _on_grid(spec, body, "triggerPrice") if trail is None else mark + trail
    if trigger <= 0:
        raise Refused(400, "Invalid parameter trailValue")
    if reached(kind, side, trigger, mark):
        raise Refused(400, f"Trigger price too {'high' if trigger >= mark else 'low'}")
    name = body.get("clientId")
    return q.seat.conditionals.add(
        venue=q.venue,
        instrument=spec.id,
        kind=kind,
        side=side,
        size=size,
        trigger=trigger,
        price=None if body.get("orderPrice") is None else _on_grid(spec, body, "orderPrice"),
        trail=trail,
        start=None if trail is None else mark,
        reduce_only=orders.flag(body, "reduceOnly"),
        retry=orders.flag(body, "retryUntilFilled") and body.get("orderPrice") is None,
        client_id=str(name) if name else None,
    )


def _on_grid(spec: Instrument, body: Mapping[str, Any], name: str) -> Decimal:
    price = orders.amount(body, name)
    if price % spec.price_increment:
        raise Refused(400, "Invalid price")
    return price


def _trail(spec: Instrument, side: Side, body: Mapping[str, Any]) -> Decimal:
    """A distance in price: below zero for a sell, above for a buy."""
    told = orders.need(body, "trailValue")
    numeric = isinstance(told, int | Decimal) and not isinstance(told, bool)
    trail = orders.amount({"trailValue": abs(told) if numeric else None}, "trailValue")
    if trail % spec.price_increment or (told < 0) is (side is Side.BUY):
        raise Refused(400, "Invalid parameter trailValue")
    return trail if side is Side.BUY else -trail


# --- asking ----------------------------------------------------------------------------------------------


def live(q: Question) -> list[Any]:
    """`GET /conditional_orders`: those that wait."""
    return _chosen(q, [row for row in _all(q) if row["status"] == Status.OPEN])


def history(q: Question) -> list[Any]:
    return _chosen(q, _all(q))[::-1][:PAGE]


def _all(q: Question) -> list[Row]:
    """Oldest first."""
    stops = [_stop_row(q, sim) for sim in q.floor.state.orders.values() if _is_stop(q, sim)]
    waiting = [_waiting_row(q, order) for order in q.seat.conditionals.of(q.venue)]
    return sorted([*stops, *waiting], key=lambda row: str(row["createdAt"]))


def _chosen(q: Question, rows: list[Row]) -> list[Row]:
    since, until = q.span()
    kind = _KINDS.get(q.query.get("type", ""))
    if kind is None and "type" in q.query:
        raise Refused(400, "Invalid parameter type")
    wanted = {name: q.query[name] for name in ("market", "side", "orderType") if name in q.query}
    return [
        row
        for row in rows
        if kind in (None, row["type"])
        and all(row[name] == value for name, value in wanted.items())
        and shown.iso(since) <= row["createdAt"] <= shown.iso(min(until, q.house.now))
    ]


def triggers(q: Question) -> list[Any]:
    """What has come of it; empty while it waits."""
    order = q.seat.conditionals.find(q.venue, q.names["id"])
    if order is not None:
        if order.status is not Status.TRIGGERED:
            return []
        return [
            {
                "error": _why(order),
                "filledSize": order.filled,
                "orderSize": order.size,
                "orderId": shown.number(order.became) if order.became else None,
                "time": shown.iso(order.ended),
            }
        ]
    sim = _stop(q, q.names["id"])
    if sim.trigger is not None:
        return []
    lot = q.floor.listed[sim.instrument].size_increment
    return [
        {
            "error": None,
            "filledSize": sim.filled * lot,
            "orderSize": sim.asked_lots * lot,
            "orderId": shown.number(sim.venue_order_id),
            "time": shown.iso(sim.ts),
        }
    ]


# --- changing --------------------------------------------------------------------------------------------


async def cancel(q: Question) -> str:
    """Unlike an ordinary cancel it is not queued: the answer says that the order is gone (ftx.md 3.3)."""
    await _gone(q, q.names["id"])
    return "Order cancelled"


async def modify(q: Question) -> Any:
    """Placed anew and canceled: another number (ftx.md 3.3). What cannot be placed changes nothing."""
    body = orders.body_of(q.body)
    old = _waiting(q, q.names["id"])
    changed = {name: body[name] for name in CHANGING if name in body}
    fresh = await _place(q, {name: old[name] for name in (*KEPT, *CHANGING)} | changed)
    try:
        await _gone(q, q.names["id"])
    except Refused:
        # It was released meanwhile: there must not be two of it.
        await _gone(q, str(fresh["id"]))
        raise
    return fresh


def _stop(q: Question, number: str) -> SimOrder:
    """One that the exchange keeps, waiting or released. Raises Refused: no other order is one of these."""
    found = orders.find(q.seat, q.floor, number)
    if isinstance(found, SimOrder) and _is_stop(q, found):
        return found
    raise Refused(404, "Order not found")


def _is_stop(q: Question, sim: SimOrder) -> bool:
    return sim.trigger is not None or sim.venue_order_id in q.seat.triggers


def _waiting(q: Question, number: str) -> Row:
    """Raises Refused when it waits no more."""
    order = q.seat.conditionals.find(q.venue, number)
    row = _waiting_row(q, order) if order is not None else _stop_row(q, _stop(q, number))
    if row["status"] != Status.OPEN:
        raise Refused(400, "Order already closed")
    return row


async def _gone(q: Question, number: str) -> None:
    """Raises Refused when it waits no more."""
    _waiting(q, number)
    order = q.seat.conditionals.find(q.venue, number)
    if order is not None:
        q.seat.conditionals.cancel(order)
    else:
        await orders.cancelled(q.seat, q.floor, _stop(q, number))


def cancel_all(q: Question, instrument: str | None, side: Side | None) -> None:
    """Those that wait beside the exchange."""
    for order in q.seat.conditionals.of(q.venue):
        wanted = instrument in (None, order.instrument) and side in (None, order.side)
        if wanted and order.status is Status.OPEN:
            q.seat.conditionals.cancel(order)


# --- rows ------------------------------------------------------------------------------------------------


def _stop_row(q: Question, sim: SimOrder) -> Row:
    spec = q.floor.listed[sim.instrument]
    asked = q.seat.triggers.get(sim.venue_order_id)
    if asked is None:
        asked = (sim.trigger or 0) * spec.price_increment
    return shown.conditional(spec, sim, asked, orders.fills_of(q.floor, sim))


def _why(order: Waiting) -> str | None:
    return orders.refusal(order.error).text if order.error else None


def _waiting_row(q: Question, order: Waiting) -> Row:
    spec = q.floor.listed[order.instrument]
    released = order.status is Status.TRIGGERED
    average = order.paid / order.filled if order.filled else None
    return {
        "id": order.number,
        "clientId": order.client_id,
        "market": spec.symbol,
        "future": spec.symbol if spec.is_perp else None,
        "side": order.side.value,
        "type": order.kind.value,
        "size": order.size,
        "triggerPrice": order.trigger,
        "orderPrice": order.price,
        "orderType": "market" if order.price is None else "limit",
        "status": order.status.value,
        "reduceOnly": order.reduce_only,
        "retryUntilFilled": order.retry,
        "trailStart": order.start,
        "trailValue": order.trail,
        "triggeredAt": shown.iso(order.ended) if released else None,
        "orderId": shown.number(order.became) if order.became else None,
        "error": _why(order),
        "filledSize": order.filled,
        "avgFillPrice": None if average is None else average.quantize(spec.price_increment / 100),
        "orderStatus": ("open" if order.working else "closed") if released else None,
        "createdAt": shown.iso(order.created),
        "cancelledAt": shown.iso(order.ended) if order.status is Status.CANCELLED else None,
        "cancelReason": None,
    }
