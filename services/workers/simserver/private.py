"""What a key may ask and do: account, orders, fills, payments."""

from __future__ import annotations

from typing import Any

from services.domain.orders import OrderRequest
from services.venues.sim.book import SimOrder
from services.workers.simserver import account as accounts
from services.workers.simserver import conditionals, orders, shown
from services.workers.simserver.auth import Refused
from services.workers.simserver.killed import KilledOrder
from services.workers.simserver.question import PAGE, Question, spec_of


def account(q: Question) -> Any:
    return accounts.account(q.seat, q.venue, q.caller is not None and q.caller.key.withdraw)


def set_leverage(q: Question) -> None:
    value = orders.amount(orders.body_of(q.body), "leverage")
    if not 1 <= value <= 20:
        raise Refused(400, "Invalid parameter leverage")
    q.seat.set_leverage(q.venue, value)


def positions(q: Question) -> list[Any]:
    return accounts.positions(q.seat, q.venue, average=q.query.get("showAvgPrice") == "true")


def balances(q: Question) -> list[Any]:
    return accounts.balances(q.floor)


def all_balances(q: Question) -> Any:
    return {q.caller.subaccount or "main" if q.caller else "main": accounts.balances(q.floor)}


def subaccounts(q: Question) -> list[Any]:
    names = q.caller.key.subaccounts if q.caller is not None else ()
    return [{"nickname": name, "deletable": False, "editable": False, "special": False} for name in names]


def deposits(q: Question) -> list[Any]:
    return _transfers(q, 1)


def withdrawals(q: Question) -> list[Any]:
    return _transfers(q, -1)


def _transfers(q: Question, sign: int) -> list[Any]:
    since, until = q.span()
    rows = [
        row
        for row in q.floor.state.account.transfers
        if row.amount * sign > 0 and since <= row.ts_event <= until
    ]
    return [accounts.transfer(row) for row in reversed(rows[-PAGE:])]


async def place_order(q: Question) -> Any:
    request = orders.order_request(q.seat, q.floor, orders.body_of(q.body))
    return shown.fresh(orders.row_of(q.floor, await orders.placed(q.seat, q.floor, request)))


def open_orders(q: Question) -> list[Any]:
    market_name = q.query.get("market")
    wanted = spec_of(q, market_name).id if market_name else None
    return [
        orders.order_row(q.floor, sim)
        for sim in q.floor.state.orders.values()
        if sim.live and sim.trigger is None and wanted in (None, sim.instrument)
    ]


def order_history(q: Question) -> list[Any]:
    since, until = q.span()
    market_name = q.query.get("market")
    wanted = spec_of(q, market_name).id if market_name else None
    side, kind = q.query.get("side"), q.query.get("orderType")
    all_orders: list[tuple[int, OrderRequest | SimOrder, SimOrder | KilledOrder]] = [
        *((sim.ts, sim, sim) for sim in q.floor.state.orders.values() if sim.trigger is None),
        *((dead.ts, dead.order, dead) for dead in q.seat.killed.of(q.venue)),
    ]
    rows = sorted(
        (
            (ts, found)
            for ts, said, found in all_orders
            if since <= ts <= until
            and wanted in (None, said.instrument)
            and side in (None, said.side.value)
            and kind in (None, said.type.value)
        ),
        key=lambda each: each[0],
    )
    return [orders.row_of(q.floor, found) for _, found in reversed(rows[-q.limit() :])]


def one_order(q: Question) -> Any:
    return _ordinary(q, orders.find(q.seat, q.floor, q.names["id"]))


def one_order_by_client_id(q: Question) -> Any:
    return _ordinary(q, orders.find_named(q.seat, q.floor, q.names["id"]))


def _ordinary(q: Question, found: SimOrder | KilledOrder) -> Any:
    """One that waits for its trigger is none of these."""
    if isinstance(found, SimOrder) and found.trigger is not None:
        raise Refused(404, "Order not found")
    return orders.row_of(q.floor, found)


def cancel_order(q: Question) -> str:
    orders.cancel(q.seat, q.floor, orders.find(q.seat, q.floor, q.names["id"]))
    return "Order queued for cancelation"


def cancel_by_client_id(q: Question) -> str:
    orders.cancel(q.seat, q.floor, orders.find_named(q.seat, q.floor, q.names["id"]))
    return "Order queued for cancelation"


def cancel_all(q: Question) -> str:
    body = orders.body_of(q.body)
    only_conditional, only_limit = (
        orders.flag(body, "conditionalOrdersOnly"),
        orders.flag(body, "limitOrdersOnly"),
    )
    wanted = spec_of(q, body["market"]).id if body.get("market") else None
    side = orders.side_in(body) if body.get("side") else None
    for sim in list(q.floor.state.orders.values()):
        conditional = sim.trigger is not None
        if not sim.live or wanted not in (None, sim.instrument) or side not in (None, sim.side):
            continue
        if (only_conditional and not conditional) or (only_limit and conditional):
            continue
        q.seat.cancel(q.venue, sim.instrument, sim.venue_order_id)
    if not only_limit:
        conditionals.cancel_all(q, wanted, side)
    return "Orders queued for cancelation"


async def modify_order(q: Question) -> Any:
    return await _modify(q, orders.find(q.seat, q.floor, q.names["id"]))


async def modify_by_client_id(q: Question) -> Any:
    return await _modify(q, orders.find_named(q.seat, q.floor, q.names["id"]))


async def _modify(q: Question, old: SimOrder | KilledOrder) -> Any:
    """Cancel and replace: a new id, the priority lost (ftx.md 3.2). What cannot be asked cancels nothing."""
    body = orders.body_of(q.body)
    if isinstance(old, KilledOrder) or not old.live:
        raise Refused(400, "Order already closed")
    spec = q.floor.listed[old.instrument]
    price = None if old.ticks is None else old.ticks * spec.price_increment
    merged = {
        "market": spec.symbol,
        "side": old.side.value,
        "type": old.type.value,
        "price": body.get("price", price),
        "size": body.get("size", old.leaves * spec.size_increment),
        "reduceOnly": old.reduce_only,
        "postOnly": old.post_only,
        "clientId": body.get("clientId"),
    }
    request = orders.order_request(q.seat, q.floor, merged)
    orders.cancel(q.seat, q.floor, old)
    return shown.fresh(orders.row_of(q.floor, await orders.placed(q.seat, q.floor, request)))


def fills(q: Question) -> list[Any]:
    since, until = q.span()
    market_name, order_id = q.query.get("market"), q.query.get("orderId")
    wanted = spec_of(q, market_name).id if market_name else None
    rows = [
        row
        for row in q.floor.state.account.fills
        if since <= row.ts_event <= until
        and wanted in (None, row.instrument)
        and order_id in (None, str(shown.number(row.venue_order_id)))
    ]
    if q.query.get("order") != "asc":
        rows = rows[::-1]
    return [shown.fill(q.floor.listed[row.instrument], row) for row in rows[:PAGE]]


def funding_payments(q: Question) -> list[Any]:
    since, until = q.span()
    wanted = q.query.get("future")
    rows = [
        row
        for row in q.floor.state.account.payments
        if since <= row.ts_event <= until and wanted in (None, q.floor.listed[row.instrument].symbol)
    ]
    return [shown.payment(q.floor.listed[row.instrument], row) for row in reversed(rows[-PAGE:])]
