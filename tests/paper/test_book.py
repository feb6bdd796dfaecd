"""The book of live quotes: it shows what the venue shows, and reads every doubt against us."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from services.domain.enums import OrderType, Side, TimeInForce
from services.domain.events import MarkRow, QuoteRow
from services.venues.paper.book import QuoteBook
from services.venues.sim.book import SimOrder
from services.venues.sim.facts import perp
from services.venues.sim.source import Cell

SPEC = perp("data", "BTC-USDT-PERP", "BTC", "USDT")
NAME = SPEC.id


def row(bid: float = 100.0, ask: float = 100.1, size: float = 1.0, depth: float = 3.0) -> QuoteRow:
    return QuoteRow(NAME, bid, size, ask, size, depth, depth)


def shown(quote: QuoteRow | None = None) -> QuoteBook:
    book = QuoteBook(Cell.of(SPEC))
    book.mark(MarkRow(NAME, 100.05, 100.05))
    book.show(row() if quote is None else quote)
    return book


def resting(side: Side, ticks: int, lots: int, number: int = 1) -> SimOrder:
    return SimOrder(
        client_order_id=f"{number}", venue_order_id=f"o{number}", instrument=NAME, side=side, lots=lots,
        asked_lots=lots, ticks=ticks, type=OrderType.LIMIT, tif=TimeInForce.GTC, post_only=False,
        reduce_only=False, ts=0, number=number,
    )  # fmt: skip


def test_the_top_is_at_its_price_and_the_depth_behind_it_at_the_edge() -> None:
    book = shown(row(bid=1000.0, ask=1000.2))
    assert book.levels(asks=True) == [(10_002, 1_000), (10_006, 2_000)]
    assert book.levels(asks=False) == [(10_000, 1_000), (9_996, 2_000)]


def test_where_the_grid_is_coarser_than_the_depth_there_is_the_top_alone() -> None:
    assert shown().levels(asks=True) == [(1_001, 1_000)]


def test_what_was_taken_comes_back_only_when_something_else_is_shown_there() -> None:
    book = shown(row(bid=1000.0, ask=1000.2))
    assert book.take(Side.BUY, None, 1_500) == [(10_002, 1_000), (10_006, 500)]
    # The other side has moved, and the edge with it.
    book.show(row(bid=999.9, ask=1000.2))
    assert book.levels(asks=True) == [(10_005, 1_500)]
    book.show(row(bid=1000.0, ask=1000.2, size=2.0, depth=4.0))
    assert book.levels(asks=True)[0] == (10_002, 2_000)


@pytest.mark.parametrize(
    "quote",
    [
        row(bid=0.0, ask=0.0, size=0.0, depth=0.0), row(bid=float("nan")), row(ask=float("inf")),
        row(size=0.0), row(bid=101.0), row(size=-1.0), row(size=0.0001),
    ],
)  # fmt: skip
def test_a_quote_that_is_none_takes_the_market_away(quote: QuoteRow) -> None:
    book = shown()
    assert book.priced
    book.show(quote)
    assert not book.priced
    assert book.take(Side.BUY, None, 10) == []


def test_without_a_mark_a_perpetual_is_not_priced() -> None:
    book = QuoteBook(Cell.of(SPEC))
    book.show(row())
    assert not book.priced
    book.mark(MarkRow(NAME, float("nan"), 1.0))
    assert not book.priced
    book.mark(MarkRow(NAME, 100.0, 100.0))
    assert book.priced
    assert book.cell.mark_ticks * SPEC.price_increment == Decimal("100.0")


def test_our_resting_order_is_met_only_when_the_other_side_comes_to_it() -> None:
    book = shown(row(bid=1000.0, ask=1000.2))
    first, second = resting(Side.BUY, 10_001, 800, 1), resting(Side.BUY, 10_001, 800, 2)
    book.rest(first)
    book.rest(second)
    book.show(row(bid=999.0, ask=1000.2))
    assert book.traded_through(Random(0)) == []
    book.show(row(bid=999.0, ask=1000.1, size=1.0, depth=1.0))
    assert book.traded_through(Random(0)) == [(first, 800), (second, 200)]
    # The same quote is the same liquidity.
    book.show(row(bid=999.0, ask=1000.1, size=1.0, depth=1.0))
    assert book.traded_through(Random(0)) == []
