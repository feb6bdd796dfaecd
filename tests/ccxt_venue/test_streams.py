"""Books that are followed: proven, dated by the venue, made anew when silent, asked for meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import dropwhile
from typing import Any

import pytest
from msgspec.structs import replace

from services.domain.events import MarketFrame, QuoteRow, VenueLink
from services.runtime.backoff import Backoff
from services.venues.ccxt_venue.exact import Fence, ForbiddenHost
from services.venues.ccxt_venue.feed import Pace
from services.venues.ccxt_venue.findings import ASKED, FOLLOWED
from services.venues.ccxt_venue.followed import Habits
from services.venues.ccxt_venue.sockets import Proof, Unproven
from services.venues.ccxt_venue.venue import CcxtVenue
from tests.binance.server import Heard
from tests.ccxt_venue.bybit import BybitExchange
from tests.ccxt_venue.exchange import Exchange, fake
from tests.ccxt_venue.okx import OkxExchange
from tests.ccxt_venue.streams import Books, BybitBooks, OkxBooks
from tests.ccxt_venue.test_venue import made

BOOK_CALLS = ("GET /api/v5/market/books", "GET /v5/market/orderbook")
CALM = Pace(books_s=0.05, flush_s=0.02, check_s=60, marks_s=0.3, coins_s=0.3, rates_s=30, look_s=0.3,
            hasty_s=0.1, silence_s=5)  # fmt: skip
HABITS = Habits(step_s=0.05, most_wait_s=0.5)
LONG_S = 20.0

KINDS: list[tuple[type[Exchange], type[Books]]] = [(OkxExchange, OkxBooks), (BybitExchange, BybitBooks)]
both = pytest.mark.parametrize(("exchange", "books"), KINDS, ids=["okx", "bybit"])


@asynccontextmanager
async def followed(
    exchange: type[Exchange], books: type[Books], *, pace: Pace = CALM, habits: Habits = HABITS,
    ready: Callable[[Books], None] = lambda books: None,
) -> AsyncIterator[tuple[CcxtVenue, Heard, Books]]:  # fmt: skip
    server = exchange()
    stream = books(server)
    ready(stream)
    async with fake(server):
        heard = Heard()
        venue = made(server, heard, keyed=False, pace=pace, follow=habits)
        try:
            await venue.start()
            yield venue, heard, stream
        finally:
            await venue.close()


async def until(found: Callable[[], Any], what: str) -> None:
    try:
        async with asyncio.timeout(LONG_S):
            while not found():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what} never came") from None


def quotes(heard: Heard) -> list[QuoteRow]:
    return [row for each in heard.events if isinstance(each, MarketFrame) for row in each.quotes]


def live(venue: CcxtVenue) -> bool:
    feed = venue._feed
    assert feed is not None
    book = feed._books.followed
    return book is not None and all(book.live(name) for name in venue._listed)


def asks(stream: Books) -> int:
    return sum(name in BOOK_CALLS for name, _, _ in stream.server.asked)


@both
async def test_a_followed_book_is_told_as_it_changes_and_not_asked_for(
    exchange: type[Exchange], books: type[Books]
) -> None:
    async with followed(exchange, books) as (venue, heard, stream):
        await until(lambda: live(venue), "a book by stream")
        await heard.until(VenueLink)
        before = asks(stream)
        one = stream.server.contracts
        from decimal import Decimal as D

        stream.say(stream.change([["60000.5", one(D("0.5")), "0", "1"]], []))
        await until(lambda: quotes(heard) and quotes(heard)[-1].bid == 60000.5, "the change")
        row = quotes(heard)[-1]
        assert (row.bid_size, row.ask, row.ask_size) == (0.5, 60001.0, 3.0)
        stream.say(stream.change([["60000.5", "0", "0", "0"]], []))
        await until(lambda: quotes(heard)[-1].bid == 60000.0, "the level that is gone")
        assert asks(stream) == before, "a book that is followed costs no question"
        shown = venue.depth(venue.instruments()[0].id, 5)
        assert shown is not None
        assert shown[0][0][0] == D(60000)
        rows = {each.check: each.text for each in await venue.examine()}
        assert rows["books"] == FOLLOWED


@both
async def test_a_cut_stream_begins_without_a_book_and_is_asked_for_meanwhile(
    exchange: type[Exchange], books: type[Books]
) -> None:
    async with followed(exchange, books) as (venue, heard, stream):
        await until(lambda: live(venue), "a book by stream")
        await heard.until(VenueLink)
        stream.whole = False
        before, since = asks(stream), len(heard.events)
        stream.server.bid -= 1  # only who asks hears of it
        stream.cut()
        await until(lambda: len(stream.subscribed) >= 2 and stream.sockets, "the second subscription")
        assert not live(venue), "subscribed is not followed"
        await until(lambda: asks(stream) > before, "a question for the book")
        await until(lambda: quotes(heard)[-1].bid == 59999.0, "its answer")
        told = [
            row.bid for each in heard.events[since:] if isinstance(each, MarketFrame) for row in each.quotes
        ]
        known = list(dropwhile(lambda bid: bid == 60000.0, told))  # what was on its way before the cut
        assert 60000.0 not in known, "what the old connection told is known no more"
        assert not [each for each in heard.events[since:] if isinstance(each, VenueLink)]
        stream.server.bid -= 7
        stream.say(stream.book())
        await until(lambda: live(venue), "the book of the new connection")
        await until(lambda: quotes(heard)[-1].bid == 59992.0, "its quote")


async def test_a_hole_in_bybits_numbers_ends_the_connection_with_its_books() -> None:
    async with followed(BybitExchange, BybitBooks) as (venue, heard, stream):
        await until(lambda: live(venue), "a book by stream")
        await heard.until(VenueLink)
        since, first = len(quotes(heard)), stream.sockets[0]
        stream.say(stream.change([["60000.9", "1", "0", "1"]], [], lost=1))
        await until(lambda: any(each is not first for each in stream.sockets), "another connection")
        await until(lambda: live(venue), "the book again")
        await until(lambda: quotes(heard)[-1].bid == 60000.0, "its quote")
        assert 60000.9 not in [row.bid for row in quotes(heard)[since:]], (
            "of a book with a hole nothing is told"
        )


async def test_a_hole_in_okxs_numbers_ends_the_book_and_it_is_subscribed_anew() -> None:
    async with followed(OkxExchange, OkxBooks) as (venue, heard, stream):
        await until(lambda: live(venue), "a book by stream")
        await heard.until(VenueLink)
        since = len(quotes(heard))
        stream.say(stream.change([["60000.9", "1", "0", "1"]], [], lost=1))
        await until(lambda: stream.subscribed[-2:] == ["unsubscribe", "subscribe"], "a new subscription")
        await until(lambda: live(venue), "the book again")
        await until(lambda: quotes(heard)[-1].bid == 60000.0, "its quote")
        assert 60000.9 not in [row.bid for row in quotes(heard)[since:]], (
            "of a book with a hole nothing is told"
        )


@pytest.mark.parametrize("spoilt", ["a change before a whole book", "no json", "a number that is none"])
async def test_what_the_library_would_swallow_ends_the_connection(spoilt: str) -> None:
    """Bybit's handler makes a book of one change; an exception anywhere ends the library's loop unseen."""

    def ready(stream: Books) -> None:
        stream.whole = spoilt != "a change before a whole book"

    async with followed(BybitExchange, BybitBooks, ready=ready) as (venue, heard, stream):
        await until(lambda: stream.sockets and stream.subscribed, "a subscription")
        await heard.until(VenueLink)
        if stream.whole:
            await until(lambda: live(venue), "a book by stream")
        first = stream.sockets[0]
        row = [["61000", "1", "0", "1"]]
        if spoilt == "no json":
            stream.say('{"topic": "orderbook.50.BTCUSDT", ')
        elif spoilt == "a number that is none":
            stream.say(stream.change([["NaN", "1", "0", "1"]], []))
        else:
            stream.say(stream.change(row, []))
        await until(lambda: any(each is not first for each in stream.sockets), "another connection")
        stream.whole = True
        stream.say(stream.book())
        await until(lambda: live(venue), "a whole book")
        await until(lambda: quotes(heard)[-1].bid == 60000.0, "its quote")
        assert 61000.0 not in [each.bid for each in quotes(heard)]


async def test_a_half_open_stream_is_noticed_by_its_silence_and_asked_for_meanwhile() -> None:
    habits = Habits(step_s=0.02, silence_s=0.4, ready_s=5.0, most_wait_s=0.3)
    async with followed(OkxExchange, OkxBooks, habits=habits) as (venue, heard, stream):
        await until(lambda: live(venue), "a book by stream")
        await heard.until(VenueLink)
        stream.pongs = False
        before = asks(stream)
        await until(lambda: len(stream.sockets) > 1, "another connection")
        await until(lambda: asks(stream) > before, "a question meanwhile")
        assert not heard.of(VenueLink)[1:], "one of two ways to a book has failed"


@pytest.mark.parametrize("behind_ms", [5_000, None])
async def test_a_book_that_comes_late_by_the_venues_own_stamp_or_without_one_is_none(
    behind_ms: int | None,
) -> None:
    async with followed(BybitExchange, BybitBooks) as (venue, heard, stream):
        await until(lambda: live(venue), "a book by stream")
        await heard.until(VenueLink)
        stream.behind_ms = behind_ms
        before = asks(stream)
        stream.say(stream.change([["60000.7", "1", "0", "1"]], []))
        await until(lambda: asks(stream) > before, "a question instead")
        assert not live(venue)
        assert 60000.7 not in [row.bid for row in quotes(heard)]
        stream.behind_ms = 0
        stream.say(stream.change([["60000.7", "1", "0", "1"]], []))
        await until(lambda: live(venue) and quotes(heard)[-1].bid == 60000.7, "the book in time")


async def test_a_followed_book_that_is_not_the_venues_is_followed_anew() -> None:
    """Whatever else may go wrong between a venue and us: its own answer is asked for every 20 s."""

    async with followed(BybitExchange, BybitBooks, pace=replace(CALM, check_s=0.1)) as (venue, heard, stream):
        await until(lambda: live(venue), "a book by stream")
        await heard.until(VenueLink)
        stream.server.bid, stream.server.ask = stream.server.bid + 100, stream.server.ask + 100
        await until(lambda: len(stream.sockets) > 1, "another connection")
        await until(lambda: quotes(heard)[-1].bid == 60100.0, "the venue's quote")


async def test_an_exchange_without_a_stream_is_asked_and_says_so() -> None:
    server = OkxExchange()
    async with fake(server):
        heard = Heard()
        venue = made(server, heard, keyed=False, pace=CALM, follow=HABITS)
        venue._door._exchange.has["watchOrderBook"] = False
        try:
            await venue.start()
            await heard.until(VenueLink)
            await until(lambda: quotes(heard) and quotes(heard)[-1].bid == 60000.0, "a quote")
            rows = {each.check: each.text for each in await venue.examine()}
            assert rows["books"] == ASKED
        finally:
            await venue.close()


def test_a_stream_leaves_for_no_host_but_the_one_that_was_named() -> None:
    venue = made(OkxExchange(), Heard(), keyed=False) if False else None
    assert venue is None

    def nothing(*args: object) -> Any:
        raise AssertionError

    here = Fence(nothing, lambda: 0, nothing, "http://127.0.0.1:9")
    here.check_stream("ws://127.0.0.1:9/ws/v5/public")
    away = Fence(nothing, lambda: 0, nothing)
    away.check_stream("wss://ws.okx.com:443/ws/v5/public")
    for fence, url in (
        (here, "wss://ws.okx.com:443/ws/v5/public"),
        (here, "ws://127.0.0.1:99/ws"),
        (away, "ws://ws.okx.com/ws"),
    ):
        with pytest.raises(ForbiddenHost):
            fence.check_stream(url)


def test_each_change_of_bybits_has_the_next_number() -> None:
    proof = Proof()
    topic, other = "orderbook.50.BTCUSDT", "orderbook.50.ETHUSDT"
    proof.bybit({"topic": "tickers.BTCUSDT"})
    proof.bybit({"topic": topic, "type": "snapshot", "data": {"u": 5}})
    proof.bybit({"topic": other, "type": "snapshot", "data": {"u": 90}})
    proof.bybit({"topic": topic, "type": "delta", "data": {"u": 6}})
    for number in (6, 3, 8, "7", None, True):
        with pytest.raises(Unproven):
            proof.bybit({"topic": topic, "type": "delta", "data": {"u": number}})
    proof.bybit({"topic": topic, "type": "snapshot", "data": {"u": 1}})
    proof.bybit({"topic": topic, "type": "delta", "data": {"u": 2}})
    proof.bybit({"topic": other, "type": "delta", "data": {"u": 91}})


async def test_a_connection_that_does_not_last_makes_the_next_wait_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Were a venue to leave numbers out by habit, it would not be asked for four connections a second."""
    waits: list[float] = []
    following = Backoff.next

    def noted(self: Backoff) -> float:
        waits.append(self._next)
        return following(self)

    monkeypatch.setattr(Backoff, "next", noted)
    async with followed(BybitExchange, BybitBooks) as (venue, _, stream):
        for _ in range(2):
            await until(lambda: live(venue), "a book by stream")
            before = len(stream.sockets)
            stream.say(stream.change([["60000.9", "1", "0", "1"]], [], lost=1))
            await until(lambda count=before: len(stream.sockets) > count, "another connection")
    assert waits[:2] == [0.25, 0.5]
