"""The list of symbols while an engine runs: what ends is known before it ends, other steps hold at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.domain.events import AccountReport, MarketFrame, OrderRejected, VenueLink
from services.domain.venue_events import DeadManReport, InstrumentsListed, RequestFailed
from services.venues.binance.feed import Feed
from services.venues.binance.spot.feed import SpotFeed
from services.venues.relisting import AGAIN_S, EVERY_S, Missing, Rounds, relisted
from services.venues.wire.errors import ErrorKind, WireError
from tests.binance.samples import order
from tests.binance.server import PATIENCE_S, FakeBinance, filters, now_ms, symbol_row, trading
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
        for rows in ([symbol_row(status="SETTLING")], [symbol_row("ETHUSDT")]):
            server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": rows})
            await venue.relist()
            assert venue.instruments()[0].delisting_ts is not None
        assert len(heard.of(InstrumentsListed)) == 2, "it has ended once"


async def test_a_pair_that_spot_does_not_know_any_more_takes_no_other_along() -> None:
    server = FakeSpot()
    async with spot_trading(server) as (_, venue, heard):
        gone = (400, {}, {"code": -1121, "msg": "Invalid symbol."})
        server.routes["GET /api/v3/exchangeInfo"] = server.routes["GET /api/v3/ticker/bookTicker"] = gone
        assert isinstance(venue._public_feed, SpotFeed)
        with pytest.raises(WireError):
            await venue._public_feed._ask_tops(("BTCUSDT",))
        await heard.until(InstrumentsListed)
        assert await venue._public_feed._ask_tops(("BTCUSDT",)) == {}, "it is not asked for"
        (told,) = heard.of(InstrumentsListed)
        assert told.instruments[0].delisting_ts is not None
        server.say("GET /api/v3/exchangeInfo", {"rateLimits": [], "symbols": [spot_row()]})
        await venue.relist()
        assert heard.of(InstrumentsListed)[-1].instruments[0].delisting_ts is None


async def test_a_pair_whose_row_cannot_be_read_takes_no_other_of_ours_along() -> None:
    """Spot's list is asked for our own pairs alone: one such row once made the whole answer unreadable."""
    server = FakeSpot()
    other, path = spot_row("ETHUSDT"), "GET /api/v3/exchangeInfo"
    both = ("BTCUSDT", "ETHUSDT")
    server.say(path, {"rateLimits": [], "symbols": [spot_row(), other]})
    async with spot_trading(server, symbols=both) as (_, venue, _):
        # That the other one has closed is learnt all the same; what cannot be read is not gone.
        rows = [{**spot_row(), "status": 7}, {**other, "status": "BREAK"}]
        server.say(path, {"rateLimits": [], "symbols": rows})
        for _ in range(3):
            await venue.relist()
        unclear, closed = venue.instruments()
        assert (unclear.delisting_ts, unclear.taker_fee) == (None, None), "nothing new is risked there"
        assert closed.delisting_ts is not None
    with pytest.raises(WireError, match=r"no symbol BTCUSDT \(a row that cannot be read"):
        async with spot_trading(server, symbols=both):
            raise AssertionError("it started")


async def test_what_is_listed_anew_on_our_underlyings_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    server = FakeBinance()
    rows = [symbol_row(), symbol_row("ETHUSDC"), symbol_row("BTCUSDT_261225", contractType="CURRENT_QUARTER")]
    async with trading(server) as (_, venue, _):
        for more in ([], [symbol_row("BTCUSDC")], [symbol_row("BTCUSDC")]):
            server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": rows + more})
            await venue.relist(whole=False)
        told = [text for text in caplog.messages if "listed anew" in text]
        assert told == ["binance: listed anew, known from the next start on: BTCUSDC"]
        assert [spec.symbol for spec in venue.instruments()] == ["BTCUSDT"]


async def test_an_end_that_was_told_stays_the_end() -> None:
    async with trading() as (_, venue, _):
        (plain,) = venue.instruments()
        closed = {plain.symbol: Missing.CLOSED}
        spec = relisted({plain.symbol: plain}, closed, 50)[plain.symbol]
        assert spec.delisting_ts == 50
        assert relisted({plain.symbol: spec}, closed, 90) == {}
        assert relisted({plain.symbol: spec}, {plain.symbol: Missing.UNCLEAR}, 90) == {}
        early = relisted({plain.symbol: spec}, closed, 40)
        assert early[plain.symbol].delisting_ts == 40, "it is closed now, whatever was announced"


def brackets(initial: int, ratio: object = 0.02) -> list[dict[str, object]]:
    row = {"bracket": 1, "initialLeverage": initial, "notionalCap": 5000, "notionalFloor": 0,
           "maintMarginRatio": ratio, "cum": 0.0}  # fmt: skip
    return [{"symbol": "BTCUSDT", "brackets": [row]}]


def fees(maker: str, taker: str) -> dict[str, str]:
    return {"symbol": "BTCUSDT", "makerCommissionRate": maker, "takerCommissionRate": taker}


async def test_fees_brackets_and_leverage_are_asked_for_each_hour_and_hold_at_once() -> None:
    server = FakeBinance()
    async with trading(server) as (_, venue, heard):
        (plain,) = venue.instruments()
        server.say("GET /fapi/v1/commissionRate", fees("0.0003", "0.0009"))
        server.say("GET /fapi/v1/leverageBracket", brackets(4))
        await venue.relist(whole=False)
        assert venue.instruments() == (plain,), "the list alone"
        await venue.relist()
        (spec,) = heard.of(InstrumentsListed)[-1].instruments
        assert (spec.maker_fee, spec.taker_fee) == (D("0.0003"), D("0.0009"))
        assert [(tier.cap, tier.initial, tier.maintenance) for tier in spec.tiers] == [
            (5000, D("0.25"), D("0.02")), (None, 1, 1),
        ]  # fmt: skip
        # What is not answered stays as it was, and the list is told all the same.
        server.say("GET /fapi/v1/leverageBracket", {"code": -1001, "msg": "Internal error"}, 500)
        ends = now_ms() + 30 * HOUR_MS
        server.say(
            "GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [symbol_row(deliveryDate=ends)]}
        )
        with pytest.raises(WireError):
            await venue.relist()
        assert venue.instruments() == (replace(spec, delisting_ts=ends * 1_000_000),)
        assert not venue._account().refuses


@pytest.mark.parametrize("odd", ["brackets", "missing", "fees", "leverage"])
async def test_terms_that_are_unknown_now_keep_out_what_is_new_and_the_old_ones_judge_what_is_held(
    odd: str,
) -> None:
    server = FakeBinance()
    async with trading(server) as (_, venue, _):
        (plain,) = venue.instruments()
        match odd:
            case "brackets":
                server.say("GET /fapi/v1/leverageBracket", brackets(4, 1.5))
            case "missing":
                server.say("GET /fapi/v1/leverageBracket", [])
            case "fees":
                server.say("GET /fapi/v1/commissionRate", fees("0.0003", "0.9"))
            case _:
                server.say("GET /fapi/v1/symbolConfig", [])
        await venue.relist()
        (spec,) = venue.instruments()
        assert (spec.taker_fee, spec.tiers, spec.delisting_ts) == (None, plain.tiers, None)
        assert bool(venue._account().refuses) is (odd == "leverage")


@pytest.mark.parametrize("leverage", [0, -5, 10**30])
async def test_a_leverage_that_cannot_be_is_unknown_and_keeps_out_what_is_new(leverage: int) -> None:
    """It was kept, and told with the position."""
    server = FakeBinance()
    server.say(
        "GET /fapi/v3/positionRisk",
        [{"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "1", "entryPrice": "6", "adl": 0}],
    )
    async with trading(server) as (_, venue, heard):
        row = {"symbol": "BTCUSDT", "marginType": "CROSSED", "leverage": leverage}
        server.say("GET /fapi/v1/symbolConfig", [row])
        await venue.relist()
        assert venue.instruments()[0].taker_fee is None
        venue.read_account(0, "r", now_ms() * 1_000_000)
        (position,) = (await heard.until(AccountReport)).positions
        assert (position.size, position.leverage) == (1, None)


async def test_an_answer_that_makes_no_sense_closes_nothing() -> None:
    """To take a market for closed makes the strategies leave it: one bad answer must not."""
    server = FakeBinance()
    async with trading(server) as (_, venue, _):
        (plain,) = venue.instruments()
        server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": []})
        with pytest.raises(WireError, match="nothing on it"):
            await venue.relist()
        assert venue.instruments() == (plain,)
        server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [symbol_row(filters=[])]})
        for _ in range(3):
            await venue.relist()
            assert venue.instruments() == (replace(plain, taker_fee=None),), "and nothing new comes in"
        server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [symbol_row()]})
        await venue.relist()
        assert venue.instruments() == (plain,)


async def test_a_row_of_a_stranger_that_cannot_be_read_takes_none_of_ours_along() -> None:
    """A contract of a new kind, somewhere among hundreds, once kept the whole venue from starting."""
    server = FakeBinance()
    odd = {"symbol": "NEWUSDT", "status": 7, "filters": {}}
    server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [odd, symbol_row()]})
    for route in ("symbolConfig", "leverageBracket", "assetIndex", "fundingInfo"):
        status, headers, body = server.routes[f"GET /fapi/v1/{route}"]  # type: ignore[misc]
        server.routes[f"GET /fapi/v1/{route}"] = (status, headers, [{"symbol": "NEWUSDT"}, *body])
    async with trading(server) as (_, venue, _):
        (plain,) = venue.instruments()
        assert plain.tiers is not None
        assert not venue._account().refuses
        # One of ours, or one that does not tell its name, is not taken for gone, however often.
        for unread in ({**symbol_row(), "status": 7}, {"symbol": 7}):
            rows = [unread, symbol_row("ETHUSDT")]
            server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": rows})
            for _ in range(3):
                await venue.relist()
                assert venue.instruments() == (replace(plain, taker_fee=None),)
    server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [odd, symbol_row("ETHUSDT")]})
    async with trading(server, symbols=("ETHUSDT",)) as (_, venue, _):
        for unread in ({"symbol": "ETHUSDT"}, {"symbol": 7}):
            server.say("GET /fapi/v1/fundingInfo", [unread, body[0]])
            with pytest.raises(WireError, match="cannot be read"):
                await venue._api.funding_info(("ETHUSDT",))
    for name, text in (("BTCUSDT", "no symbol BTCUSDT$"), ("NEWUSDT", r"no symbol NEWUSDT \(a row that")):
        with pytest.raises(WireError, match=text):
            async with trading(server, symbols=(name,)):
                raise AssertionError("it started")


async def test_a_mode_that_was_changed_by_somebody_is_found_within_the_hour() -> None:
    server = FakeBinance()
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        config = {"canTrade": True, "dualSidePosition": True, "multiAssetsMargin": True}
        server.say("GET /fapi/v1/accountConfig", config)
        await venue.relist()
        venue.submit(0, order())
        told = (await heard.until(OrderRejected)).reason
        assert "hedge mode" in told
        assert "multi-assets mode" in told
        # Else the other venue's leg would be entered, and its hedge denied here.
        assert [each.taker_fee for each in venue.instruments()] == [None]


@pytest.mark.parametrize(
    ("path", "odd"),
    [
        ("symbolConfig", []),
        ("symbolConfig", [{"symbol": "BTCUSDT", "marginType": "ISOLATED", "leverage": 10}]),
        ("accountConfig", {"canTrade": True, "dualSidePosition": True, "multiAssetsMargin": False}),
    ],
)
async def test_one_odd_answer_about_the_account_refuses_until_the_next_and_that_is_asked_for_soon(
    path: str, odd: object
) -> None:
    """It once refused until the next start of the engine."""
    server = FakeBinance()
    async with trading(server) as (_, venue, heard):
        (plain,) = venue.instruments()
        route = f"GET /fapi/v1/{path}"
        sound = server.routes[route]
        server.say(route, odd)
        await venue.relist()
        assert venue._account().refuses
        assert not venue.capabilities.orders
        assert [each.taker_fee for each in venue.instruments()] == [None]
        assert venue._rounds.doubted
        server.routes[route] = sound
        await venue.relist()
        assert not venue._account().refuses
        assert venue.capabilities.orders
        assert heard.of(InstrumentsListed)[-1].instruments == (plain,)
        # What the stream has told is no answer that may be odd: a person has changed something.
        change = {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "T": 1, "ac": {"s": "BTCUSDT", "l": 25}}
        await server.tell("private", change)
        await heard.until(InstrumentsListed)
        await venue.relist()
        assert "changed elsewhere" in venue._account().refuses


async def test_an_odd_answer_at_the_start_is_asked_for_again() -> None:
    server = FakeBinance()
    sound = server.routes["GET /fapi/v1/symbolConfig"]
    server.routes["GET /fapi/v1/symbolConfig"] = [(200, {}, []), sound]
    async with trading(server) as (_, venue, _):
        assert venue.reasons == ()
        assert not venue._account().refuses


async def test_a_mode_that_the_stream_tells_of_is_told_to_who_would_enter_here() -> None:
    server = FakeBinance()
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        (plain,) = venue.instruments()
        change = {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "T": 1, "ac": {"s": "BTCUSDT", "l": 25}}
        await server.tell("private", change)
        assert (await heard.until(InstrumentsListed)).instruments == (replace(plain, taker_fee=None),)


async def test_fees_of_spot_are_asked_for_each_hour_too() -> None:
    server = FakeSpot()
    async with spot_trading(server) as (_, venue, heard):
        status, headers, body = server.routes["GET /api/v3/account"]  # type: ignore[misc]
        rates = {"maker": "0.002", "taker": "0.003", "buyer": "0", "seller": "0"}
        server.routes["GET /api/v3/account"] = (status, headers, {**body, "commissionRates": rates})
        await venue.relist()
        (spec,) = heard.of(InstrumentsListed)[-1].instruments
        assert (spec.maker_fee, spec.taker_fee) == (D("0.002"), D("0.003"))
        for name, odd in (("taker", "0.9"), ("buyer", "NaN"), ("maker", "sNaN")):
            plain, rates[name] = rates[name], odd
            await venue.relist()
            (spec,) = venue.instruments()
            assert (spec.maker_fee, spec.taker_fee, spec.delisting_ts) == (None, None, None)
            rates[name] = plain


async def test_a_symbol_that_has_gone_is_neither_waited_for_nor_keeps_the_account_from_being_read() -> None:
    server = FakeBinance()
    async with trading(server) as (_, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        market, unknown = venue._ears["market"], (400, {}, {"code": -1121, "msg": "Invalid symbol."})
        server.routes["GET /fapi/v1/userTrades"] = unknown
        venue.read_account(0, "early", 0)
        assert (await heard.until(RequestFailed)).what == "read", "one that is open has its trades told"
        server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [symbol_row("ETHUSDT")]})
        late = float("1e12")
        assert market.silent(late) == "btcusdt@markPrice@1s"
        # Its marks end with it: the connection that is lost by their silence makes the list be read.
        await server.cut("market")
        (lacked,) = (await heard.until(InstrumentsListed)).instruments
        assert (lacked.delisting_ts, lacked.taker_fee) == (None, None), "one list may lack it by mistake"
        await venue.relist(whole=False)
        assert venue.instruments()[0].delisting_ts is not None, "two do not"
        await heard.until(VenueLink, lambda link: not link.up)
        assert market.silent(late) == "!assetIndex@arr", "the others are still waited for"
        market.greeting()
        market._asked.clear()
        assert market.ready(), "up without it"
        venue.read_account(0, "whole", 0)
        assert (await heard.until(AccountReport)).fills == ()
        server.say("POST /fapi/v1/countdownCancelAll", {"code": -1121, "msg": "Invalid symbol."}, 400)
        venue.dead_man(0, 60_000)
        assert (await heard.until(DeadManReport)).armed, "nothing of ours can rest there"


def unknown_but(symbol: str, body: object, code: int = -1121) -> Callable[[dict[str, str]], object]:
    """A venue that knows one symbol."""
    odd = (400, {}, {"code": code, "msg": "Invalid symbol."})
    return lambda query: (200, {}, body) if query["symbol"] == symbol else odd


async def test_a_symbol_that_goes_takes_no_other_along_also_in_its_first_minute() -> None:
    """An answer that does not know it and a list without it are two witnesses: nothing waits for a second
    list, a minute later. Reads and the switch of all the others failed as long."""
    server = FakeBinance()
    both = ("BTCUSDT", "ETHUSDT")
    fees = server.routes["GET /fapi/v1/commissionRate"]
    server.say(
        "GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [symbol_row(each) for each in both]}
    )
    server.say(
        "GET /fapi/v1/symbolConfig",
        [{"symbol": each, "marginType": "CROSSED", "leverage": 10} for each in both],
    )
    async with trading(server, symbols=both) as (_, venue, heard):
        server.routes["GET /fapi/v1/commissionRate"] = fees
        trade = {"id": 7, "orderId": 3, "symbol": "BTCUSDT", "side": "BUY", "price": "60000", "qty": "0.1",
                 "commission": "1", "commissionAsset": "USDT", "time": now_ms(), "maker": False,
                 "positionSide": "BOTH", "buyer": True, "realizedPnl": "0", "quoteQty": "6000",
                 "marginAsset": "USDT"}  # fmt: skip
        server.routes["GET /fapi/v1/userTrades"] = unknown_but("BTCUSDT", [trade])
        server.say("GET /fapi/v1/order", {"code": -2013, "msg": "Order does not exist."}, 400)
        venue.read_account(0, "named", 0)
        assert (await heard.until(RequestFailed)).what == "read", "the list names it: it may have trades"
        assert all(each.delisting_ts is None for each in venue.instruments())
        server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [symbol_row()]})
        venue.read_account(0, "whole", 0)
        assert [fill.trade_id for fill in (await heard.until(AccountReport)).fills] == ["7"]
        here, gone = venue.instruments()
        assert (here.delisting_ts, bool(gone.delisting_ts)) == (None, True)


@pytest.mark.parametrize("code", [-1121, -4141])
async def test_the_switch_is_armed_without_a_symbol_that_has_just_gone(code: int) -> None:
    server = FakeBinance()
    both = ("BTCUSDT", "ETHUSDT")
    server.say(
        "GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [symbol_row(each) for each in both]}
    )
    async with trading(server, symbols=both) as (_, venue, heard):
        told = {"symbol": "BTCUSDT", "countdownTime": "60000"}
        server.routes["POST /fapi/v1/countdownCancelAll"] = unknown_but("BTCUSDT", told, code)
        venue.dead_man(0, 60_000)
        assert (await heard.until(RequestFailed)).what == "dead man"
        server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [symbol_row()]})
        venue.dead_man(0, 60_000)
        assert (await heard.until(DeadManReport)).armed
        tops = {"symbol": "BTCUSDT", "bidPrice": "60000", "bidQty": "1", "askPrice": "60001", "askQty": "1"}
        server.routes["GET /fapi/v1/ticker/bookTicker"] = unknown_but("BTCUSDT", tops)
        assert isinstance(venue._public_feed, Feed)
        assert list(await venue._public_feed._ask_tops(both)) == ["BTCUSDT"]


async def test_a_round_is_whole_each_hour_bare_after_a_hint_and_soon_again_when_it_failed() -> None:
    looks: list[bool] = []
    now, fails = 0.0, False
    looked = asyncio.Event()

    async def look(whole: bool) -> None:
        looks.append(whole)
        looked.set()
        if fails:
            raise WireError(ErrorKind.UNAVAILABLE, "down")

    async def hinted() -> bool:
        looked.clear()
        rounds.hint()
        await asyncio.wait_for(looked.wait(), PATIENCE_S)
        return looks[-1]

    troubles: list[str] = []
    rounds = Rounds(look, troubles.append, clock=lambda: now, rest_s=0.0)
    running = asyncio.create_task(rounds.run())
    assert not await hinted()
    now, fails = EVERY_S, True
    assert await hinted()
    now += AGAIN_S - 1
    assert not await hinted(), "and what fails on the way puts nothing off"
    now, fails = now + 1, False
    assert await hinted()
    assert not await hinted()
    assert len(troubles) == 2
    rounds.doubt()
    assert not await hinted()
    now += AGAIN_S
    assert await hinted(), "what keeps us from trading is asked for again soon"
    assert not rounds.doubted
    now += AGAIN_S
    assert not await hinted(), "and then each hour"
    rounds.stop()
    await asyncio.wait_for(running, PATIENCE_S)
    assert len(looks) == 8
