"""The list of markets is read anew: other steps, a market closed and opened again, new ones beside ours."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from services.domain.enums import Side, TimeInForce
from services.domain.events import (
    AccountReport,
    MarketFrame,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    QuoteRow,
    VenueLink,
)
from services.domain.venue_events import InstrumentsListed
from services.venues.ccxt_venue import facts, relisting
from services.venues.ccxt_venue.books import Books
from services.venues.sim.facts import perp
from services.venues.wire.errors import ErrorKind, WireError
from tests.binance.server import PATIENCE_S
from tests.ccxt_venue.bybit import BybitExchange
from tests.ccxt_venue.exchange import Exchange, Refused
from tests.ccxt_venue.okx import OkxExchange
from tests.ccxt_venue.test_venue import order, trading
from tests.conformance.ccxt import QUICK
from tests.wire.server import Asked

D = Decimal
PACE = structs.replace(QUICK, markets_s=0.1)


@pytest.mark.parametrize(
    ("make", "step", "size"), [(OkxExchange, "1", D("0.01")), (BybitExchange, "0.01", D("0.01"))]
)
async def test_other_steps_are_told_and_held_to(make: type[Exchange], step: str, size: Decimal) -> None:
    server = make()
    async with trading(server, pace=PACE) as (venue, heard):
        before = venue.instruments()[0]
        server.step = step
        told = await heard.until(InstrumentsListed)
        (spec,) = told.instruments
        assert (spec.id, spec.size_increment) == (before.id, size)
        assert spec.size_increment > before.size_increment
        assert venue.instruments() == (spec,)
        venue.submit(0, order(server, quantity=before.size_increment))
        assert "no multiple" in (await heard.until(OrderRejected)).reason
        assert len(heard.of(InstrumentsListed)) == 1, "told once, however often it is read"


@pytest.mark.parametrize("make", [OkxExchange, BybitExchange])
async def test_a_market_that_left_the_list_is_refused_by_name_and_can_still_be_left(
    make: type[Exchange],
) -> None:
    server = make()
    async with trading(server, pace=PACE) as (venue, heard):
        (plain,) = venue.instruments()
        venue.submit(0, order(server))
        await heard.until(OrderFilled)
        server.active = False
        await heard.until(InstrumentsListed, lambda each: each.instruments[0].delisting_ts is not None)
        # Its quote is no market any more, and one refusal does not take the line down.
        await heard.until(MarketFrame, lambda frame: any(row.bid == 0 for row in frame.quotes))
        venue.submit(0, order(server, client_order_id="1" * 20))
        refused = await heard.until(OrderRejected)
        assert f"{server.market} is closed" in refused.reason
        leave: dict[str, Any] = {"side": Side.SELL, "price": D("50000"), "reduce_only": True}
        venue.submit(0, order(server, client_order_id="2" * 20, **leave))
        await heard.until(OrderFilled, lambda each: each.client_order_id == "2" * 20)
        server.active = True
        again = await heard.until(InstrumentsListed, lambda each: each.instruments[0] == plain)
        assert again.instruments[0].symbol == server.market
        venue.submit(0, order(server, client_order_id="3" * 20))
        await heard.until(OrderAccepted, lambda each: each.client_order_id == "3" * 20)
        assert [link.up for link in heard.of(VenueLink)] == [True]


class Slow(OkxExchange):
    """Keeps the list of markets to itself while `held`, and then cuts the connection."""

    def __init__(self) -> None:
        super().__init__()
        self.held = False
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def answer(self, asked: Asked) -> bytes | None:
        if self.held and "instruments" in asked.target:
            self.reached.set()
            await self.go.wait()
            return None
        return await super().answer(asked)


async def test_orders_and_cancels_do_not_wait_for_the_list_and_do_not_fail_with_it() -> None:
    server = Slow()
    async with trading(server, pace=PACE, timeout_s=60.0) as (venue, heard):
        server.held = True
        await asyncio.wait_for(server.reached.wait(), PATIENCE_S)
        resting: dict[str, Any] = {"price": D("50000"), "tif": TimeInForce.GTC}
        venue.submit(0, order(server, **resting))
        accepted = await heard.until(OrderAccepted)
        venue.cancel(0, instrument_of(server), accepted.client_order_id, accepted.venue_order_id)
        await heard.until(OrderCanceled)
        assert not server.go.is_set(), "the list has not been told yet"
        server.go.set()
        venue.submit(0, order(server, client_order_id="4" * 20))
        await heard.until(OrderFilled, lambda each: each.client_order_id == "4" * 20)
        assert heard.of(OrderUnknown) == []


async def test_what_was_handed_over_and_has_not_left_at_an_end_stays_here_and_is_told() -> None:
    server = OkxExchange()
    async with trading(server) as (venue, heard):
        venue.submit(0, order(server))
        await venue.close()
        (told,) = heard.of(OrderRejected)
        assert told.reason.endswith("canceled before it was sent")
        assert [name for name, *_ in server.asked if name == server.order_path] == []


@pytest.mark.parametrize("times", [1, 9])
async def test_a_market_is_gone_when_two_lists_do_not_name_it(times: int) -> None:
    server = OkxExchange()
    async with trading(server, pace=PACE) as (venue, heard):
        (plain,) = venue.instruments()
        left = [times]

        def lacking(query: Any) -> bytes | None:
            rows = server.instruments(str(query.get("instType")))
            if query.get("instType") == "SWAP" and left[0]:
                left[0] -= 1
                other = {"instId": "ETH-USDT-SWAP", "uly": "ETH-USDT", "ctValCcy": "ETH"}
                rows = [{**row, **other} for row in rows if isinstance(row, dict)]
            return server.said(rows)

        server.replies["GET /api/v5/public/instruments"] = lacking
        (lacked,) = (await heard.until(InstrumentsListed)).instruments
        assert lacked == structs.replace(plain, taker_fee=None)
        await heard.until(InstrumentsListed, lambda each: each.instruments[0] != lacked)
        (after,) = heard.of(InstrumentsListed)[1].instruments
        assert (after == plain) if times == 1 else after.delisting_ts is not None


async def test_a_list_with_nothing_on_it_takes_no_position_its_name() -> None:
    """The library took the empty list over: every read after it lacked the legs that we hold."""
    server = OkxExchange()
    async with trading(server, pace=PACE) as (venue, heard):
        venue.submit(0, order(server))
        await heard.until(OrderFilled)
        asked, twice = [0], asyncio.Event()

        def nothing(_: object) -> bytes | None:
            asked[0] += 1
            if asked[0] > 9:
                twice.set()
            return server.said([])

        server.replies["GET /api/v5/public/instruments"] = nothing
        await asyncio.wait_for(twice.wait(), PATIENCE_S)
        venue.read_account(0, "then", 0)
        report = await heard.until(AccountReport, lambda each: each.request == "then")
        held = [(row.instrument, row.size) for row in report.positions]
        assert held == [(instrument_of(server), sum(fill.quantity for fill in report.fills))]
        assert heard.of(InstrumentsListed) == []


async def test_brackets_that_are_not_told_any_more_leave_the_last_ones_and_no_fee_to_enter_by() -> None:
    server = OkxExchange()
    async with trading(server, pace=PACE) as (venue, heard):
        (plain,) = venue.instruments()
        server.replies["GET /api/v5/public/position-tiers"] = lambda query: server.said([])
        (spec,) = (await heard.until(InstrumentsListed)).instruments
        assert plain.tiers
        assert (spec.tiers, spec.taker_fee) == (plain.tiers, None)
        del server.replies["GET /api/v5/public/position-tiers"]
        again = await heard.until(InstrumentsListed, lambda each: each.instruments[0].taker_fee is not None)
        assert again.instruments == (plain,)


async def test_a_line_that_is_lost_makes_the_list_be_read_long_before_its_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody answers for a market that has gone, and what goes on asking for it would never learn why."""
    monkeypatch.setattr(relisting, "REST_S", 0.05)
    server = OkxExchange()
    pace = structs.replace(QUICK, markets_s=3_600.0, silence_s=0.2)
    async with trading(server, pace=pace, follow=None) as (_, heard):
        server.replies["GET /api/v5/market/books"] = lambda query: server.said(None, Refused("51001", "gone"))
        server.active = False
        await heard.until(InstrumentsListed, lambda each: each.instruments[0].delisting_ts is not None)


@pytest.mark.parametrize("kind", [ErrorKind.REJECTED, ErrorKind.UNAVAILABLE, ErrorKind.UNKNOWN])
@pytest.mark.parametrize("gone", [("B",), ("A", "B")])
async def test_a_market_that_is_not_answered_takes_no_other_book_along(
    gone: tuple[str, ...], kind: ErrorKind
) -> None:
    class Door:
        streams = False

        async def ask(self, name: str, symbol: str, levels: int) -> dict[str, Any]:
            if symbol in gone:
                raise WireError(kind, f"no market {symbol}")
            return {"bids": [["1.0", "2"]], "asks": [["1.1", "2"]]}

    told: list[QuoteRow] = []
    words: list[str] = []
    listed = {
        name: facts.Listed(symbol=name, id=name, contract=D(1), spec=perp("okx", name, "BTC", "USDT"))
        for name in ("A", "B")
    }
    books = Books(
        Door(), listed, words.append, lambda ts, quotes, marks: told.extend(quotes), follow=None,  # type: ignore[arg-type]
        spot=False, venue_ms=lambda: 1, wall=lambda: 1, say=words.append,
        unlisted=lambda: words.append("gone"),
    )  # fmt: skip
    hint = ["gone"] if kind is ErrorKind.REJECTED else []
    if len(gone) == 2:
        with pytest.raises(WireError):
            await books.ask()
        assert (words, told) == (hint, [])
        return
    await books.ask()
    assert words == [*hint, "market"]
    assert [(row.instrument, row.bid) for row in told] == [("A.okx", 1.0), ("B.okx", 0.0)]


def instrument_of(server: Exchange) -> str:
    return f"{server.market}.{server.name}"


def test_new_markets_on_our_underlyings_are_told_apart() -> None:
    def market(name: str, base: str, **more: object) -> dict[str, object]:
        return {"id": name, "base": base, "swap": True, "linear": True, "active": True, **more}

    rows = [market("A", "BTC"), market("B", "BTC"), market("C", "DOGE"), market("D", "BTC", active=False)]
    markets = {str(row["id"]): row for row in rows}
    assert facts.besides(markets, ("A",), {"BTC"}) == {"B"}
    assert facts.besides(markets, ("A",), {"BTC"}, spot=True) == set()
