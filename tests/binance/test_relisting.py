"""The list of symbols while an engine runs: what ends is known before it ends, other steps hold at once."""

from __future__ import annotations

from decimal import Decimal

from services.domain.events import MarketFrame, OrderRejected
from services.domain.venue_events import InstrumentsListed
from services.venues.binance.spot.feed import SpotFeed
from services.venues.relisting import relisted
from tests.binance.samples import order
from tests.binance.server import FakeBinance, filters, now_ms, symbol_row, trading
from tests.binance.spot_server import FakeSpot
from tests.binance.spot_server import symbol_row as spot_row
from tests.binance.spot_server import trading as spot_trading

D = Decimal
HOUR_MS = 3_600_000


async def test_a_delivery_date_that_is_pulled_in_is_told_and_taken_back() -> None:
    server = FakeBinance()
    async with trading(server) as (_, venue, heard):
        (plain,) = venue.instruments()
        ends = now_ms() + 30 * HOUR_MS
        for date, end in ((ends, ends * 1_000_000), (4133404800000, None)):
            server.say(
                "GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [symbol_row(deliveryDate=date)]}
            )
            await venue.relist()
            told = heard.of(InstrumentsListed)[-1]
            assert [each.delisting_ts for each in told.instruments] == [end]
            assert venue.instruments() == told.instruments
        assert venue.instruments() == (plain,), "fees and brackets are still known"
        await venue.relist()
        assert len(heard.of(InstrumentsListed)) == 2, "nothing has changed since"


async def test_one_that_is_closed_or_gone_has_ended_and_other_filters_hold_for_the_next_order() -> None:
    server = FakeBinance()
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        coarse = [{**row, "tickSize": "1.00"} if "tickSize" in row else row for row in filters()]
        server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [symbol_row(filters=coarse)]})
        await venue.relist()
        assert venue.instruments()[0].price_increment == 1
        venue.submit(0, order(price=D("60000.1")))
        assert (await heard.until(OrderRejected)).reason.startswith("denied: PRICE_FILTER")
        for rows in ([symbol_row(status="SETTLING")], []):
            server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": rows})
            await venue.relist()
            assert venue.instruments()[0].delisting_ts is not None
        assert len(heard.of(InstrumentsListed)) == 2, "it has ended once"


async def test_a_pair_that_spot_does_not_know_any_more_takes_no_other_along() -> None:
    server = FakeSpot()
    async with spot_trading(server) as (_, venue, heard):
        gone = (400, {}, {"code": -1121, "msg": "Invalid symbol."})
        server.routes["GET /api/v3/exchangeInfo"] = gone
        await venue.relist()
        assert isinstance(venue._public_feed, SpotFeed)
        assert await venue._public_feed._ask_tops(("BTCUSDT",)) == {}, "it is not asked for"
        (told,) = heard.of(InstrumentsListed)
        assert told.instruments[0].delisting_ts is not None
        server.say("GET /api/v3/exchangeInfo", {"rateLimits": [], "symbols": [spot_row()]})
        await venue.relist()
        assert heard.of(InstrumentsListed)[-1].instruments[0].delisting_ts is None


async def test_an_end_that_was_told_stays_the_end() -> None:
    async with trading() as (_, venue, _):
        (plain,) = venue.instruments()
        spec = relisted({plain.symbol: plain}, {}, 50)[plain.symbol]
        assert spec.delisting_ts == 50
        assert relisted({plain.symbol: spec}, {plain.symbol: None}, 90) == {}
        early = relisted({plain.symbol: spec}, {plain.symbol: None}, 40)
        assert early[plain.symbol].delisting_ts == 40, "it is closed now, whatever was announced"
