"""Orders over REST in the FTX dialect: bodies checked, the exchange asked, its no in the dialect's words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from services.domain.enums import OrderType, Purpose, Side, TimeInForce
from services.domain.events import (
    CancelRejected,
    Event,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.venues.sim.book import SimOrder
from services.venues.sim.floor import TradingFloor
from services.venues.wire.numbers import BadNumber, wire_positive
from services.workers.simserver import killed, shown
from services.workers.simserver.auth import Refused
from services.workers.simserver.house import Seat
from services.workers.simserver.killed import KilledOrder
from services.workers.simserver.shown import Row

NO_ANSWER = "no answer"
"""The exchange's own word for a reply that is lost."""
PATIENCE_S = 30.0
"""A word that a fault keeps back: the request is held so long, longer than any client waits."""

MS = 1_000_000
LARGEST = 99_999_999
"""Size of an order (ftx.md 1.2)."""

OVER = "429: do"
"""Begins the exchange's own word on a limit; the dialect says the same."""
SLOW_DOWN = "Slow down"
"""What a fault says: no limit was met, so none is named."""

_BODY: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)

_WORDS: tuple[tuple[str, str, int], ...] = (
    ("429", SLOW_DOWN, 429),
    ("duplicate client order id", "Duplicate client order ID", 400),
    ("insufficient margin", "Account does not have enough margin for order.", 400),
    ("insufficient", "Not enough balances", 400),
    ("not enough", "Not enough balances", 400),
    ("quantity is below the minimum", "Size too small", 400),
    ("quantity is not a multiple", "Size too small", 400),
    ("quantity is above", "Size too large", 400),
    ("quantity must be", "Size too small", 400),
    ("notional is below", "Size too small for provide", 400),
    ("price is", "Invalid price", 400),
    ("a limit order needs", "Invalid price", 400),
    ("trigger price too high", "Trigger price too high", 400),
    ("trigger price too low", "Trigger price too low", 400),
    ("reduce-only is not for spot", "Spot orders cannot be reduce-only", 400),
    ("reduce-only", "Invalid reduce-only order", 400),
    ("a conditional order must be reduce-only", "Invalid reduce-only order", 400),
    ("unknown instrument", "No such market", 404),
    ("unknown order", "Order not found", 404),
    ("order is already", "Order already closed", 400),
    ("the exchange cannot write", "Please retry request", 503),
)


def body_of(raw: bytes) -> dict[str, Any]:
    """A JSON object with exact numbers. Raises Refused."""
    try:
        return _BODY.decode(raw or b"{}")
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError):
        raise Refused(400, "Invalid parameter body") from None


def spec_named(floor: TradingFloor, name: object) -> Instrument:
    spec = floor.listed.get(f"{name}.{floor.name}")
    if spec is None:
        raise Refused(404, f"No such market: {name}")
    return spec


def need(body: Mapping[str, Any], name: str) -> Any:
    if name not in body or body[name] is None:
        raise Refused(400, f"Missing parameter {name}")
    return body[name]


def amount(body: Mapping[str, Any], name: str) -> Decimal:
    try:
        return wire_positive(need(body, name), name)
    except BadNumber:
        raise Refused(400, f"Invalid parameter {name}") from None


def side_in(body: Mapping[str, Any]) -> Side:
    side = need(body, "side")
    if side not in ("buy", "sell"):
        raise Refused(400, "Invalid parameter side")
    return Side(side)


def flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if value not in (True, False, None):
        raise Refused(400, f"Invalid parameter {name}")
    return bool(value)


def order_request(seat: Seat, floor: TradingFloor, body: Mapping[str, Any]) -> OrderRequest:
    """`POST /orders`."""
    spec = spec_named(floor, need(body, "market"))
    kind = body.get("type", "limit")
    if kind not in ("limit", "market"):
        raise Refused(400, "Invalid parameter type")
    if "price" not in body:
        raise Refused(400, "Missing parameter price")
    price = None if kind == "market" else amount(body, "price")
    name = body.get("clientId")
    if name is not None and (not isinstance(name, str) or not 0 < len(name) <= 64 or name.startswith("~")):
        raise Refused(400, "Invalid parameter clientId")
    if name is not None and seat.killed.named(floor.name, name) is not None:
        raise Refused(400, "Duplicate client order ID")
    size = amount(body, "size")
    if size > LARGEST:
        raise Refused(400, "Size too large")
    _may_still_be_placed(seat, floor, spec, price, body)
    return OrderRequest(
        client_order_id=name or seat.draw_id(),
        instrument=spec.id,
        side=side_in(body),
        quantity=size,
        price=price,
        type=OrderType(kind),
        tif=TimeInForce.IOC if flag(body, "ioc") else TimeInForce.GTC,
        post_only=flag(body, "postOnly"),
        reduce_only=flag(body, "reduceOnly"),
        purpose=Purpose.TICKET,
        origin="operator",
    )


def _may_still_be_placed(
    seat: Seat, floor: TradingFloor, spec: Instrument, price: Decimal | None, body: Mapping[str, Any]
) -> None:
    """What the client itself makes a condition of: the band of prices, and a time. Raises Refused."""
    band = shown.band(floor, spec) if flag(body, "rejectOnPriceBand") else None
    if band is not None and price is not None and not band[0] <= price <= band[1]:
        raise Refused(400, "Invalid price")
    if body.get("rejectAfterTs") is not None and seat.queue.now > amount(body, "rejectAfterTs") * MS:
        raise Refused(400, "Invalid parameter rejectAfterTs")


def conditional_request(seat: Seat, floor: TradingFloor, body: Mapping[str, Any]) -> OrderRequest:
    """`POST /conditional_orders` of a reduce-only stop, the only kind that the exchange itself keeps."""
    spec = spec_named(floor, need(body, "market"))
    limit = body.get("orderPrice")
    name = body.get("clientId")
    return OrderRequest(
        client_order_id=str(name) if name else seat.draw_id(),
        instrument=spec.id,
        side=side_in(body),
        quantity=amount(body, "size"),
        price=None if limit is None else amount(body, "orderPrice"),
        type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        reduce_only=flag(body, "reduceOnly"),
        trigger=amount(body, "triggerPrice"),
        purpose=Purpose.TICKET,
        origin="operator",
    )


async def placed(seat: Seat, floor: TradingFloor, request: OrderRequest) -> SimOrder | KilledOrder:
    """Send it and wait for the venue's first word. A post-only order that would have traded is taken, too.

    Raises Refused; never answers when a fault swallowed the word: the client's own time-out ends that.
    """
    try:
        word: Event = await asyncio.wait_for(seat.place(floor.name, request), PATIENCE_S)
    except TimeoutError:
        raise Refused(503, "Order took too long to process") from None
    if isinstance(word, OrderAccepted):
        return floor.state.orders[word.venue_order_id]
    if isinstance(word, OrderRejected):
        # Of any other order a fault may say that it would cross.
        dead = seat.killed.named(floor.name, request.client_order_id)
        if dead is not None:
            return dead
        raise refusal(word.reason)
    if isinstance(word, OrderUnknown) and word.reason == NO_ANSWER:
        # A reply that is lost: the client hears nothing at all.
        await asyncio.sleep(PATIENCE_S)
    raise Refused(500, "An unexpected error occurred, please try again later")


def refusal(reason: str) -> Refused:
    """The exchange's reason in the dialect's words."""
    if reason.startswith(OVER):
        # The limit that was met, and no other: clients pace themselves by it. A market has no venue here.
        words, inside, instrument = reason.removeprefix(OVER).partition(" in ")
        return Refused(429, f"Do{words}{inside}{instrument.partition('.')[0]}")
    for start, text, status in _WORDS:
        if reason.startswith(start):
            return Refused(status, text)
    return Refused(400, f"Invalid parameter: {reason}")


def fills_of(floor: TradingFloor, sim: SimOrder) -> list[OrderFilled]:
    return [row for row in floor.state.account.fills if row.venue_order_id == sim.venue_order_id]


def order_row(floor: TradingFloor, sim: SimOrder) -> Row:
    return shown.order(floor.listed[sim.instrument], sim, fills_of(floor, sim))


def killed_row(floor: TradingFloor, order: KilledOrder) -> Row:
    return killed.row(floor.listed[order.order.instrument], order)


def find(seat: Seat, floor: TradingFloor, order_id: str) -> SimOrder | KilledOrder:
    """By the venue's number. Raises Refused."""
    for sim in floor.state.orders.values():
        if str(shown.number(sim.venue_order_id)) == order_id:
            return sim
    return _there(seat.killed.find(floor.name, order_id))


def find_named(seat: Seat, floor: TradingFloor, client_order_id: str) -> SimOrder | KilledOrder:
    key = floor.state.by_client.get(client_order_id)
    sim = floor.state.orders.get(key) if key is not None else None
    return sim if sim is not None else _there(seat.killed.named(floor.name, client_order_id))


def _there(order: KilledOrder | None) -> KilledOrder:
    if order is None:
        raise Refused(404, "Order not found")
    return order


def row_of(floor: TradingFloor, order: SimOrder | KilledOrder) -> Row:
    return killed_row(floor, order) if isinstance(order, KilledOrder) else order_row(floor, order)


def cancel(seat: Seat, floor: TradingFloor, sim: SimOrder | KilledOrder) -> None:
    """Queue a cancel. Raises Refused when there is nothing left of it, or one is queued already."""
    if isinstance(sim, KilledOrder) or not sim.live:
        raise Refused(400, "Order already closed")
    if not seat.cancel(floor.name, sim.instrument, sim.venue_order_id):
        raise Refused(400, "Order already queued for cancellation")


async def cancelled(seat: Seat, floor: TradingFloor, sim: SimOrder) -> None:
    """Cancel and wait for the exchange's word. Raises Refused when there was nothing left to cancel."""
    if not sim.live:
        raise Refused(400, "Order already closed")
    try:
        word = await asyncio.wait_for(
            seat.cancel_named(floor.name, sim.instrument, sim.client_order_id, sim.venue_order_id), PATIENCE_S
        )
    except TimeoutError:
        raise Refused(503, "Order took too long to process") from None
    if isinstance(word, CancelRejected):
        raise refusal(word.reason)
