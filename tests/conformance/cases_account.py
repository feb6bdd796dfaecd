"""Cases: the account read, and what funding does to it."""

from __future__ import annotations

from services.domain.enums import Side, TimeInForce
from services.domain.events import VenueLink
from services.domain.money import round_coin
from services.portfolio.ledger import Ledger
from tests.conformance.subject import Can, D, Subject, case


@case(Can.ORDERS)
async def a_read_is_of_one_moment_while_orders_are_filled(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    opening = (await venue.read()).balances
    orders = [
        venue.order(Side.BUY, None, await venue.price(Side.BUY, "1.02"), tif=TimeInForce.IOC)
        for _ in range(3)
    ]
    for request in orders:
        venue.door.submit(venue.now(), request)
        report = await venue.read()
        bought = sum((fill.quantity for fill in report.fills), D(0))
        assert venue.held(report) == bought
        # What our ledger makes of the fills is what the venue's own books say, to the last digit.
        ledger = Ledger()
        for row in opening:
            ledger.adopt_balance(venue.name, row.coin, row.total)
        for fill in report.fills:
            ledger.apply_fill(fill, venue.spec(), None)
        booked = ledger.account(venue.name).balances
        assert {row.coin: row.total for row in report.balances} == booked


@case(Can.ORDERS)
async def a_read_tells_only_what_is_younger_than_it_asks_for(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    first = await venue.take(Side.BUY)
    youngest = max(fill.ts_event for fill in venue.fills(first).values())
    await venue.elapse(2)
    second = await venue.take(Side.BUY)
    report = await venue.read(youngest + 1_000_000)
    assert {fill.client_order_id for fill in report.fills} == {second.client_order_id}
    report = await venue.read(youngest)
    assert {fill.client_order_id for fill in report.fills} == {first.client_order_id, second.client_order_id}


@case(Can.ORDERS, Can.TRUTH)
async def a_read_is_what_the_venues_own_books_say(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    await venue.take(Side.BUY)
    await venue.take(Side.SELL, venue.spec().min_size * 4)
    report, truth = await venue.read(), venue.truth()
    assert {row.coin: row.total for row in report.balances} == {row.coin: row.total for row in truth.balances}
    assert [(row.instrument, row.size, row.entry_price) for row in report.positions] == [
        (row.instrument, row.size, row.entry_price) for row in truth.positions
    ]
    assert sum((fill.fee for fill in report.fills), D(0)) == sum((fill.fee for fill in truth.fills), D(0))


@case(Can.FUNDING, Can.ORDERS, Can.TRUTH)
async def a_long_pays_a_positive_rate(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    held = await venue.take(Side.BUY)
    settle = venue.spec().settle
    before = {row.coin: row.total for row in (await venue.read()).balances}[settle]
    await venue.settle()
    for _ in range(60):
        # Some venues tell of a settlement a while after it.
        report = await venue.read()
        if report.payments:
            break
        await venue.elapse(2)
    (paid,) = report.payments
    assert (paid.instrument, paid.size, paid.coin) == (venue.perp, held.quantity, settle)
    assert paid.rate != 0
    assert paid.amount == round_coin(-paid.size * paid.price * paid.rate)
    assert {row.coin: row.total for row in report.balances}[settle] == before + paid.amount
