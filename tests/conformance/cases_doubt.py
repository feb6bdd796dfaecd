"""Cases: orders of which nobody knows, questions that fail, words that come twice or out of order."""

from __future__ import annotations

from services.domain.enums import Side
from services.domain.events import (
    AccountReport,
    OrderAccepted,
    OrderCanceled,
    OrderReport,
    OrderUnknown,
    VenueLink,
)
from services.domain.venue_events import RequestFailed
from tests.conformance.subject import Can, Subject, case


@case(Can.ORDERS, Can.LOSE_REPLY)
async def an_order_without_a_reply_is_unknown_and_a_query_finds_it(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    request = venue.order(Side.BUY, None, await venue.price(Side.BUY, "0.9"))
    await venue.lose_reply()
    venue.door.submit(venue.now(), request)
    await venue.first(OrderUnknown, client_order_id=request.client_order_id)
    await venue.fail_questions(on=False)
    venue.door.query(venue.now(), venue.perp, request.client_order_id)
    found = await venue.first(OrderReport, client_order_id=request.client_order_id)
    assert found.found
    venue.door.cancel(venue.now(), venue.perp, request.client_order_id, found.venue_order_id)
    await venue.first(OrderCanceled, client_order_id=request.client_order_id)
    assert (await venue.read()).orders == ()


@case(Can.FAIL_QUESTIONS)
async def a_question_that_fails_is_told_as_failed_and_never_as_a_no(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    await venue.fail_questions(on=True)
    venue.door.read_account(venue.now(), "failing", 0)
    venue.door.query(venue.now(), venue.perp, "q" * 20)
    await venue.first(RequestFailed, what="read", subject="failing")
    await venue.first(RequestFailed, what="query", subject="q" * 20)
    assert venue.of(OrderReport) == []
    assert venue.of(AccountReport) == []
    await venue.fail_questions(on=False)
    await venue.read()


@case(Can.ORDERS, Can.FAIL_QUESTIONS)
async def a_cancel_that_fails_is_told_as_failed(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    request = venue.order(Side.BUY, None, await venue.price(Side.BUY, "0.9"))
    venue.door.submit(venue.now(), request)
    accepted = await venue.first(OrderAccepted, client_order_id=request.client_order_id)
    await venue.fail_questions(on=True)
    venue.door.cancel(venue.now(), venue.perp, request.client_order_id, accepted.venue_order_id)
    await venue.until(
        lambda: venue.of(RequestFailed, what="cancel") or venue.of(OrderCanceled), "a word on the cancel"
    )
    await venue.fail_questions(on=False)


@case(Can.ORDERS, Can.DUPLICATE)
async def words_that_come_twice_say_the_same(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    await venue.quoted()
    await venue.say_twice(on=True)
    request = await venue.take(Side.BUY)
    resting = venue.order(Side.BUY, None, await venue.price(Side.BUY, "0.9"))
    venue.door.submit(venue.now(), resting)
    accepted = await venue.first(OrderAccepted, client_order_id=resting.client_order_id)
    venue.door.cancel(venue.now(), venue.perp, resting.client_order_id, accepted.venue_order_id)
    await venue.first(OrderCanceled, client_order_id=resting.client_order_id)
    await venue.elapse(2)
    await venue.say_twice(on=False)
    assert venue.filled(request) == request.quantity
    for name in (request.client_order_id, resting.client_order_id):
        assert len({each.venue_order_id for each in venue.of(OrderAccepted, client_order_id=name)}) == 1
    report = await venue.read()
    assert sum(fill.quantity for fill in report.fills) == request.quantity
    assert len({fill.trade_id for fill in report.fills}) == len(report.fills)


@case(Can.ORDERS, Can.REORDER)
async def words_that_are_overtaken_are_all_told(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    await venue.quoted()
    await venue.overtake(on=True)
    taken = [await venue.take(side) for side in (Side.BUY, Side.BUY, Side.SELL)]
    await venue.overtake(on=False)
    report = await venue.read()
    for request in taken:
        mine = [fill for fill in report.fills if fill.client_order_id == request.client_order_id]
        assert {fill.trade_id for fill in mine} == set(venue.fills(request))
    assert venue.held(report) == taken[0].quantity
