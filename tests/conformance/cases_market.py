"""Cases: what a venue says of itself and of its market, before anybody trades."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import RateKind
from services.domain.events import MarketFrame, QuoteRow, VenueLink
from services.domain.venue_events import VenueFacts
from tests.conformance.subject import Can, Subject, case


@case()
async def facts_come_before_the_link_and_the_link_before_frames(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    await venue.first(MarketFrame)
    kinds = [type(event) for event in venue.events]
    assert kinds.index(VenueFacts) < kinds.index(VenueLink) < kinds.index(MarketFrame)


@case(Can.CONDITIONAL)
async def it_says_that_it_takes_conditional_orders(venue: Subject) -> None:
    assert (await venue.first(VenueFacts)).conditional


@case(Can.DEAD_MAN)
async def it_says_that_it_has_a_dead_mans_switch(venue: Subject) -> None:
    assert (await venue.first(VenueFacts)).dead_man


@case()
async def instruments_are_complete(venue: Subject) -> None:
    listed = venue.door.instruments()
    assert venue.perp in {each.id for each in listed}
    assert len({each.id for each in listed}) == len(listed)
    for each in listed:
        assert each.id == f"{each.symbol}.{venue.name}"
        assert each.venue == venue.name
        assert min(each.price_increment, each.size_increment, each.min_size) > 0
        assert each.maker_fee is not None
        assert each.taker_fee is not None
        if each.is_perp:
            assert each.tiers
            assert each.tiers[-1].cap is None
            assert all(0 < tier.maintenance <= tier.initial <= 1 for tier in each.tiers)
            assert each.funding_interval_h is None or each.funding_interval_h > 0


@case()
async def the_first_frames_tell_quotes_marks_and_indexes(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    row = await venue.quoted()
    spec = venue.spec()
    assert row.bid < row.ask
    assert min(row.bid_size, row.ask_size) > 0
    # A book may be filled after the first quote.
    await venue.until(lambda: _deep(venue.quote()), "the depth behind the quote")
    for price in (row.bid, row.ask):
        assert spec.price_of(price) % spec.price_increment == 0
    await venue.until(lambda: spec.id in _marked(venue), "a mark")
    await venue.until(lambda: {spec.quote, spec.settle} - {"USD"} <= _indexed(venue), "the coins' indexes")
    # The exchange in process shows its books by itself (`tests/desk/test_market_views.py`).
    depth = getattr(venue.door, "depth", None)
    if depth is not None:
        await venue.until(lambda: depth(spec.id, 3), "the levels of the book")
        bids, asks = depth(spec.id, 3)
        assert 0 < len(bids) <= 3
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0][0] < asks[0][0]
        for price, size in (*bids, *asks):
            assert price % spec.price_increment == 0
            assert size > 0
        assert depth(f"NO-SUCH.{venue.name}", 3) is None


@case(Can.FUNDING)
async def a_settled_rate_is_visible_only_at_or_after_its_instant(venue: Subject) -> None:
    await venue.first(VenueLink, up=True)
    began = venue.now()
    await venue.settle()
    await venue.until(lambda: _settled_after(venue, began), "a settled rate")
    for at, event in venue.heard:
        for row in event.rates if isinstance(event, MarketFrame) else ():
            assert row.kind is not RateKind.SETTLED or row.rate_ts <= at
            assert row.interval_h is None or row.interval_h > 0
            assert abs(row.rate) < Decimal("0.1")


def _deep(row: QuoteRow | None) -> bool:
    return row is not None and row.bid_depth >= row.bid_size and row.ask_depth >= row.ask_size


def _marked(venue: Subject) -> set[str]:
    return {row.instrument for frame in venue.of(MarketFrame) for row in frame.marks if row.mark > 0}


def _indexed(venue: Subject) -> set[str]:
    return {row.coin for frame in venue.of(MarketFrame) for row in frame.indexes if row.index > 0}


def _settled_after(venue: Subject, began: int) -> list[object]:
    return [
        row
        for frame in venue.of(MarketFrame)
        for row in frame.rates
        if row.kind is RateKind.SETTLED and row.instrument == venue.perp and row.rate_ts > began
    ]
