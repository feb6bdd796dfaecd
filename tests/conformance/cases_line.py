"""Cases: a line that goes down and comes up again."""

from __future__ import annotations

from services.domain.enums import Side
from services.domain.events import Event, MarketFrame, OrderRejected, OrderUnknown, VenueLink
from services.domain.venue_events import VenueFacts
from tests.conformance.subject import Can, Subject, case


def since_down(venue: Subject) -> list[Event]:
    events = venue.events
    at = max(n for n, each in enumerate(events) if isinstance(each, VenueLink) and not each.up)
    return events[at + 1 :]


async def down(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    await venue.quoted()
    await venue.cut()
    await venue.first(VenueLink, up=False)


async def up(venue: Subject) -> None:
    await venue.mend()
    await venue.until(
        lambda: any(isinstance(each, VenueLink) and each.up for each in since_down(venue)), "the line again"
    )


@case(Can.CUT)
async def a_line_that_comes_back_tells_all_again(venue: Subject) -> None:
    await down(venue)
    await up(venue)
    spec = venue.spec()

    def told() -> bool:
        frames = [each for each in since_down(venue) if isinstance(each, MarketFrame)]
        return (
            any(row.instrument == spec.id and row.bid > 0 for each in frames for row in each.quotes)
            and any(row.instrument == spec.id for each in frames for row in each.marks)
            and (not spec.is_perp or any(row.instrument == spec.id for each in frames for row in each.rates))
            and {spec.settle} <= {row.coin for each in frames for row in each.indexes}
        )

    await venue.until(told, "quote, mark, rate and index anew")
    kinds = [type(each) for each in since_down(venue)]
    assert kinds.index(VenueFacts) < kinds.index(VenueLink) < kinds.index(MarketFrame)


@case(Can.CUT, Can.ORDERS)
async def an_order_into_a_dead_line_is_never_told_as_accepted(venue: Subject) -> None:
    await down(venue)
    request = venue.order(Side.BUY, None, venue.spec().price_increment * 1000)
    venue.door.submit(venue.now(), request)
    await venue.until(
        lambda: [
            each
            for each in venue.events
            if isinstance(each, OrderUnknown | OrderRejected)
            and each.client_order_id == request.client_order_id
        ],
        "a word on an order that nobody heard",
    )
    await up(venue)
    assert (await venue.read()).orders == ()


@case(Can.CUT, Can.UNHEARD, Can.ORDERS, Can.MOVES, Can.TRUTH)
async def a_fill_that_was_missed_comes_with_the_account_read(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    request = await venue.rest_near(Side.BUY)
    await venue.cut()
    await venue.first(VenueLink, up=False)
    for _ in range(400):
        if venue.truth().positions:
            break
        await venue.elapse(5)
        await venue.cut()
    assert venue.truth().positions
    await up(venue)
    report = await venue.read()
    assert {row.size for row in report.positions} == {row.size for row in venue.truth().positions}
    mine = [fill for fill in report.fills if fill.client_order_id == request.client_order_id]
    assert {fill.quantity for fill in mine} == {fill.quantity for fill in venue.truth().fills}
