"""Cases: orders and cancels whose outcome is told."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from services.domain.enums import OrderState, Side, TimeInForce
from services.domain.events import (
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
    VenueLink,
)
from services.domain.orders import OrderRequest
from tests.conformance.subject import Can, Subject, case

D = Decimal


@case(Can.ORDERS)
async def an_order_is_accepted_and_filled_and_the_account_agrees(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    request = await venue.take(Side.BUY)
    accepted = await venue.first(OrderAccepted, client_order_id=request.client_order_id)
    fills = venue.fills(request).values()
    assert {fill.venue_order_id for fill in fills} == {accepted.venue_order_id}
    assert {(fill.side, fill.instrument, fill.fee_coin, fill.maker) for fill in fills} == {
        (Side.BUY, venue.perp, venue.fee_coin(Side.BUY), False)
    }
    assert all(fill.fee > 0 for fill in fills)
    report = await venue.read()
    assert venue.held(report) == request.quantity
    assert {row.instrument for row in report.positions} <= {venue.perp}
    assert {fill.trade_id for fill in report.fills} == set(venue.fills(request))
    assert {fill.client_order_id for fill in report.fills} == {request.client_order_id}
    assert report.orders == ()


@case(Can.ORDERS)
async def an_order_that_is_canceled_in_the_turn_of_its_send_does_not_work_after_it(venue: Subject) -> None:
    """A halt may come between the send and its first byte: nothing of it leaves behind the cancel."""
    await venue.first(VenueLink, up=True)
    request = venue.order(Side.BUY, None, await venue.price(Side.BUY, "0.9"))
    name = request.client_order_id
    venue.door.submit(venue.now(), request)
    venue.door.cancel(venue.now(), venue.perp, name, "")
    kinds = (OrderRejected, OrderCanceled)
    await venue.until(lambda: any(venue.of(kind, client_order_id=name) for kind in kinds), "its end")
    assert (await venue.read()).orders == ()
    assert venue.fills(request) == {}


def _over(venue: Subject, request: OrderRequest) -> bool:
    canceled = venue.of(OrderCanceled, client_order_id=request.client_order_id)
    return bool(canceled) or venue.filled(request) == request.quantity


@case(Can.ORDERS)
async def what_an_immediate_order_cannot_meet_is_canceled(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    spec = venue.spec()
    for _ in range(8):
        row = await venue.quoted()
        size = spec.round_size(D(str(row.ask_size)) * D("1.5"))
        request = venue.order(Side.BUY, size, spec.price_of(row.ask), tif=TimeInForce.IOC)
        venue.door.submit(venue.now(), request)
        name = request.client_order_id
        # The market may have moved meanwhile, for or against it: then once more.
        await venue.until(partial(_over, venue, request), "the end of an immediate order")
        ended = venue.of(OrderCanceled, client_order_id=name)
        if ended and ended[0].filled > 0:
            break
    assert 0 < ended[0].filled < request.quantity
    await venue.until(lambda: venue.filled(request) == ended[0].filled, "the fills of the part")


@case(Can.ORDERS)
async def post_only_that_would_trade_is_refused_as_such(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    request = venue.order(Side.BUY, None, await venue.price(Side.BUY, "1.01"), post_only=True)
    venue.door.submit(venue.now(), request)
    refused = await venue.first(OrderRejected, client_order_id=request.client_order_id)
    assert refused.would_cross
    assert venue.of(OrderFilled) == []
    assert (await venue.read()).orders == ()


@case(Can.ORDERS)
async def what_the_account_cannot_carry_is_refused_for_good(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    request = venue.order(Side.BUY, D(1_000), await venue.price(Side.BUY, "0.99"))
    venue.door.submit(venue.now(), request)
    refused = await venue.first(OrderRejected, client_order_id=request.client_order_id)
    assert not refused.would_cross
    assert venue.of(OrderAccepted) == []


@case(Can.ORDERS, Can.REDUCE_ONLY)
async def reduce_only_never_turns_a_position_over(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    flat = venue.order(Side.SELL, None, await venue.price(Side.SELL, "0.99"), reduce_only=True)
    venue.door.submit(venue.now(), flat)
    await venue.first(OrderRejected, client_order_id=flat.client_order_id)
    held = await venue.take(Side.BUY)
    closing = venue.order(
        Side.SELL, held.quantity * 5, await venue.price(Side.SELL, "0.98"),
        tif=TimeInForce.IOC, reduce_only=True,
    )  # fmt: skip
    venue.door.submit(venue.now(), closing)
    await venue.until(lambda: venue.filled(closing) == held.quantity, "the close")
    assert (await venue.read()).positions == ()
    assert venue.filled(closing) == held.quantity


@case(Can.ORDERS)
async def a_client_id_is_never_a_second_order(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    first = await venue.take(Side.BUY)
    again = venue.order(
        Side.BUY, first.quantity * 2, await venue.price(Side.BUY, "1.02"),
        tif=TimeInForce.IOC, client_order_id=first.client_order_id,
    )  # fmt: skip
    venue.door.submit(venue.now(), again)
    await venue.until(
        lambda: venue.of(OrderRejected) + venue.of(OrderUnknown),  # type: ignore[operator] # only counted
        "a word on the second send",
    )
    accepted = venue.of(OrderAccepted, client_order_id=first.client_order_id)
    assert len({each.venue_order_id for each in accepted}) == 1
    assert venue.held(await venue.read()) == first.quantity


@case(Can.ORDERS)
async def a_resting_order_is_listed_and_canceled_once(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    request = venue.order(Side.BUY, None, await venue.price(Side.BUY, "0.9"))
    venue.door.submit(venue.now(), request)
    accepted = await venue.first(OrderAccepted, client_order_id=request.client_order_id)
    (row,) = (await venue.read()).orders
    assert (row.client_order_id, row.venue_order_id) == (request.client_order_id, accepted.venue_order_id)
    assert (row.side, row.quantity, row.filled, row.price, row.trigger) == (
        Side.BUY, request.quantity, 0, request.price, None,
    )  # fmt: skip
    venue.door.cancel(venue.now(), venue.perp, request.client_order_id, accepted.venue_order_id)
    ended = await venue.first(OrderCanceled, client_order_id=request.client_order_id)
    assert ended.filled == 0
    venue.door.cancel(venue.now(), venue.perp, request.client_order_id, accepted.venue_order_id)
    await venue.first(CancelRejected, client_order_id=request.client_order_id)
    assert len(venue.of(OrderCanceled)) == 1
    assert (await venue.read()).orders == ()


@case(Can.ORDERS)
async def an_order_is_canceled_by_our_own_id_alone(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    request = venue.order(Side.SELL, None, await venue.price(Side.SELL, "1.1"))
    venue.door.submit(venue.now(), request)
    await venue.first(OrderAccepted, client_order_id=request.client_order_id)
    venue.door.cancel(venue.now(), venue.perp, request.client_order_id, "")
    await venue.first(OrderCanceled, client_order_id=request.client_order_id)


@case(Can.ORDERS)
async def a_filled_order_cannot_be_canceled(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    request = await venue.take(Side.BUY)
    accepted = await venue.first(OrderAccepted, client_order_id=request.client_order_id)
    venue.door.cancel(venue.now(), venue.perp, request.client_order_id, accepted.venue_order_id)
    await venue.first(CancelRejected, client_order_id=request.client_order_id)
    assert venue.of(OrderCanceled) == []


@case(Can.ORDERS)
async def a_query_tells_state_and_fills_and_a_definite_no(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    resting = venue.order(Side.BUY, None, await venue.price(Side.BUY, "0.9"))
    venue.door.submit(venue.now(), resting)
    await venue.first(OrderAccepted, client_order_id=resting.client_order_id)
    taken = await venue.take(Side.BUY)
    for name in (resting.client_order_id, taken.client_order_id, "z" * 20):
        venue.door.query(venue.now(), venue.perp, name)
        await venue.first(OrderReport, client_order_id=name)
    (found,) = venue.of(OrderReport, client_order_id=resting.client_order_id)
    assert (found.found, found.state, found.filled, found.fills) == (True, OrderState.ACCEPTED, 0, ())
    (found,) = venue.of(OrderReport, client_order_id=taken.client_order_id)
    assert (found.found, found.state, found.filled) == (True, OrderState.FILLED, taken.quantity)
    assert {fill.trade_id for fill in found.fills} == set(venue.fills(taken))
    (missing,) = venue.of(OrderReport, client_order_id="z" * 20)
    assert not missing.found


@case(Can.ORDERS, Can.MOVES, Can.TRUTH)
async def a_resting_order_is_filled_as_a_maker(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    request = await venue.rest_near(Side.BUY)
    for _ in range(200):
        await venue.elapse(10)
        if venue.truth().positions:
            break
    await venue.until(lambda: venue.filled(request) == request.quantity, "the fill of a resting order")
    assert all(fill.maker and fill.price == request.price for fill in venue.fills(request).values())
