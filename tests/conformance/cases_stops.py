"""Cases: conditional orders, and the dead-man's switch that spares them."""

from __future__ import annotations

from services.domain.enums import OrderState, Side
from services.domain.events import OrderAccepted, OrderCanceled, OrderRejected, OrderReport, VenueLink
from services.domain.orders import OrderRequest
from services.domain.venue_events import DeadManReport, VenueFacts
from tests.conformance.subject import Can, D, Subject, case


async def stopped(venue: Subject, factor: str) -> tuple[OrderRequest, OrderAccepted]:
    """A long position with a stop under it, `factor` times the mark."""
    await venue.first(VenueLink, up=True)
    held = await venue.take(Side.BUY)
    trigger = venue.spec().round_price(Side.BUY, venue.mark() * D(factor))
    request = venue.order(Side.SELL, held.quantity, reduce_only=True, trigger=trigger)
    venue.door.submit(venue.now(), request)
    return request, await venue.first(OrderAccepted, client_order_id=request.client_order_id)


@case(Can.CONDITIONAL, Can.TRUTH)
async def a_conditional_order_rests_is_listed_found_and_canceled(venue: Subject) -> None:
    request, accepted = await stopped(venue, "0.9")
    (row,) = (await venue.read()).orders
    assert (row.client_order_id, row.venue_order_id, row.trigger) == (
        request.client_order_id, accepted.venue_order_id, request.trigger,
    )  # fmt: skip
    assert row.reduce_only
    venue.door.query(venue.now(), venue.perp, request.client_order_id)
    found = await venue.first(OrderReport, client_order_id=request.client_order_id)
    assert (found.found, found.state) == (True, OrderState.ACCEPTED)
    venue.door.cancel(venue.now(), venue.perp, request.client_order_id, accepted.venue_order_id)
    await venue.first(OrderCanceled, client_order_id=request.client_order_id)
    assert (await venue.read()).orders == ()


@case(Can.CONDITIONAL, Can.TRUTH)
async def a_trigger_that_is_already_reached_is_refused(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    held = await venue.take(Side.BUY)
    trigger = venue.spec().round_price(Side.BUY, venue.mark() * D("1.05"))
    request = venue.order(Side.SELL, held.quantity, reduce_only=True, trigger=trigger)
    venue.door.submit(venue.now(), request)
    await venue.first(OrderRejected, client_order_id=request.client_order_id)
    assert (await venue.read()).orders == ()


@case(Can.CONDITIONAL, Can.MOVES, Can.TRUTH)
async def a_conditional_order_whose_trigger_is_reached_closes_the_position(venue: Subject) -> None:
    request, _ = await stopped(venue, "0.9999")
    for _ in range(200):
        await venue.elapse(10)
        if not venue.truth().positions:
            break
    await venue.until(lambda: venue.filled(request) == request.quantity, "the fill of a stop under our id")
    report = await venue.read()
    assert (report.positions, report.orders) == ((), ())
    venue.door.query(venue.now(), venue.perp, request.client_order_id)
    found = await venue.first(OrderReport, client_order_id=request.client_order_id)
    assert (found.state, found.filled) == (OrderState.FILLED, request.quantity)


@case(Can.DEAD_MAN, Can.SPARES, Can.CONDITIONAL, Can.TRUTH)
async def the_switch_is_beaten_fires_and_spares_conditional_orders(venue: Subject) -> None:
    assert (await venue.first(VenueFacts)).conditional_survives_dead_man
    stop, _ = await stopped(venue, "0.9")
    resting = venue.order(Side.BUY, None, await venue.price(Side.BUY, "0.9"))
    venue.door.submit(venue.now(), resting)
    await venue.first(OrderAccepted, client_order_id=resting.client_order_id)
    for _ in range(3):
        before = len(venue.of(DeadManReport, armed=True))
        venue.door.dead_man(venue.now(), 60_000)
        await venue.until(lambda: len(venue.of(DeadManReport, armed=True)) > before, "the switch's word")  # noqa: B023
        await venue.elapse(30)
    assert {row.client_order_id for row in venue.truth().orders} == {
        stop.client_order_id, resting.client_order_id,
    }  # fmt: skip
    await venue.elapse(60)
    await venue.first(OrderCanceled, client_order_id=resting.client_order_id)
    assert [row.client_order_id for row in (await venue.read()).orders] == [stop.client_order_id]


@case(Can.DEAD_MAN, Can.TRUTH)
async def a_switch_that_is_disarmed_leaves_orders_alone(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    resting = venue.order(Side.BUY, None, await venue.price(Side.BUY, "0.9"))
    venue.door.submit(venue.now(), resting)
    await venue.first(OrderAccepted, client_order_id=resting.client_order_id)
    venue.door.dead_man(venue.now(), 60_000)
    armed = await venue.first(DeadManReport, armed=True)
    assert armed.fires_at is not None
    venue.door.dead_man(venue.now(), 0)
    await venue.first(DeadManReport, armed=False)
    await venue.elapse(120)
    assert len((await venue.read()).orders) == 1
