"""Binance spot against a scripted server on loopback: what a start learns, hears, and refuses."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.domain.enums import InstrumentKind, Side, TimeInForce
from services.domain.events import (
    AccountReport,
    MarketFrame,
    OrderFilled,
    OrderRejected,
    TransferBooked,
    VenueLink,
)
from services.domain.orders import OrderRequest
from services.domain.venue_events import RequestFailed, VenueFacts
from services.portfolio.ledger import Ledger
from services.venues.binance.hosts import SPOT, SpotHosts, SpotSettings, check_hosts, spot_hosts_of
from services.venues.binance.spot.build import build_spot
from services.venues.live import Verdict
from services.venues.paper.account import PaperSettings
from services.venues.paper.venue import PaperVenue
from services.venues.wire.errors import WireError
from tests.binance import samples
from tests.binance.samples import D
from tests.binance.server import QUICK, Heard, fake, now_ms
from tests.binance.spot_exchange import SpotExchange
from tests.binance.spot_server import (
    SYMBOL,
    FakeSpot,
    account_row,
    filters,
    hosts_of,
    limit,
    symbol_row,
    trading,
)
from tests.binance.test_sign import RFC_KEY, pem

NS = 1_000_000


def order(name: str = samples.NAME, **more: object) -> OrderRequest:
    return samples.order(name, **{"quantity": D("0.0100"), "price": D("60000.10"), **more})


async def test_the_start_learns_everything_and_the_first_frames_tell_it() -> None:
    async with trading() as (server, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        facts = await heard.until(VenueFacts)
        assert (facts.conditional, facts.dead_man, facts.conditional_survives_dead_man) == (False,) * 3
        frame = await heard.until(MarketFrame, lambda frame: frame.quotes and frame.quotes[0].ask_depth)
        (spec,) = venue.instruments()
        assert (spec.kind, spec.underlying, spec.quote, spec.settle) == (
            InstrumentKind.SPOT, "BTC", "USDT", "USDT",
        )  # fmt: skip
        assert (spec.price_increment, spec.size_increment, spec.min_size, spec.min_notional) == (
            D("0.01"), D("0.0001"), D("0.0001"), 5,
        )  # fmt: skip
        assert (spec.maker_fee, spec.taker_fee) == (D("0.001"), D("0.001"))
        assert not spec.reduce_only_supported
        (quote,) = frame.quotes
        assert (quote.bid, quote.ask, quote.bid_depth, quote.ask_depth) == (60000.0, 60001.0, 6.0, 3.0)
        marked = await heard.until(MarketFrame, lambda frame: frame.marks)
        assert (marked.marks[0].mark, marked.marks[0].index) == (60000.5, 60000.5)
        indexed = await heard.until(MarketFrame, lambda frame: frame.indexes)
        assert {row.coin: row.index for row in indexed.indexes} == {"USDT": 0.9998, "BTC": 60000.0}
        budget = venue.health().budget
        assert (budget["weight-1m"][1], budget["orders-1d"][1], budget["orders-10s"][1]) == (5000, 200000, 50)
        assert sorted(server.paths) == ["/stream", "/ws-api/v3"]
        (asked,) = server.subscribed
        assert set(asked["params"]) == {"apiKey", "timestamp", "signature"}
        venue.read_account(0, "r", 0)
        report = await heard.until(AccountReport)
        assert {row.coin: (row.total, row.weight_total) for row in report.balances} == {
            "USDT": (D("1000.5"), 1), "BTC": (D("0.25"), None),
        }  # fmt: skip


async def test_an_ed25519_key_signs_the_subscription_as_text_in_base64() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(RFC_KEY))
    async with trading(secret=pem(key)) as (server, _, heard):
        await server.asked_for_events()
        params = server.subscribed[0]["params"]
        text = f"apiKey=key&timestamp={params['timestamp']}"
        key.public_key().verify(base64.b64decode(params["signature"]), text.encode())
    assert [link for link in heard.of(VenueLink) if link.up] == [], "this server knows the other key alone"


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"canTrade": False}, "may not trade"), ({"accountType": "MARGIN"}, "a MARGIN account")],
)
async def test_a_wrong_account_keeps_the_venue_read_only_with_its_reason(
    change: dict[str, object], reason: str
) -> None:
    server = FakeSpot()
    server.say("GET /api/v3/account", account_row(**change))
    async with trading(server) as (_, venue, heard):
        assert not venue.capabilities.orders
        assert reason in "; ".join(venue.reasons)
        assert Verdict.STOP in {row.verdict for row in await venue.examine()}
        venue.submit(0, order())
        refused = await heard.until(OrderRejected)
        assert reason in refused.reason
    assert server.queries("POST /api/v3/order") == []


async def test_what_cannot_be_traded_exactly_is_left_out_by_name() -> None:
    fine = [
        {**row, "stepSize": "0.00000010"} if row["filterType"] == "LOT_SIZE" else row for row in filters()
    ]
    for change, text in (
        ({"status": "BREAK"}, "none of BTCUSDT can be used"),
        ({"isSpotTradingAllowed": False}, "none of BTCUSDT can be used"),
        ({"quoteAsset": "BTC"}, "none of BTCUSDT can be used"),
        ({"filters": fine}, "none of BTCUSDT can be used"),
        ({"symbol": "ETHUSDT"}, "lists no symbol BTCUSDT"),
    ):
        server = FakeSpot()
        row = symbol_row() | change
        server.say("GET /api/v3/exchangeInfo", {"rateLimits": [limit("ORDERS", "DAY", 5)], "symbols": [row]})
        with pytest.raises(WireError, match=text):
            async with trading(server):
                raise AssertionError("it started")


async def test_without_a_key_it_is_market_data_alone() -> None:
    async with trading(keyed=False) as (server, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        assert server.paths == ["/stream"]
        (spec,) = venue.instruments()
        assert (spec.maker_fee, spec.taker_fee) == (None, None)
        assert not venue.capabilities.orders
        venue.read_account(0, "r", 0)
        assert (await heard.until(RequestFailed)).what == "read"


async def test_without_an_index_service_no_coin_is_taken_at_par() -> None:
    server = FakeSpot()
    server.routes["GET /fapi/v1/assetIndex"] = (200, {}, [])
    async with trading(server) as (_, _, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        assert not any(frame.indexes for frame in heard.of(MarketFrame))


@pytest.mark.parametrize("pays_in_bnb", [False, True])
async def test_our_ledger_is_the_venues_to_the_last_digit_whatever_fees_are_paid_in(
    pays_in_bnb: bool,
) -> None:
    server = SpotExchange(pays_in_bnb=pays_in_bnb)
    async with trading(server) as (_, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.read_account(0, "opening", 0)
        opening = await heard.until(AccountReport)
        sizes = [("0.0137", Side.BUY), ("0.3331", Side.BUY), ("0.0071", Side.SELL), ("0.9999", Side.BUY)]
        for number, (size, side) in enumerate(sizes):
            price = D("60100") if side is Side.BUY else D("59900")
            name = f"{number:020d}"
            venue.submit(0, order(name, side=side, quantity=D(size), price=price, tif=TimeInForce.IOC))
            await heard.until(OrderFilled, lambda fill, name=name: fill.client_order_id == name)
        (spec,) = venue.instruments()
        ledger = Ledger()
        for row in opening.balances:
            ledger.adopt_balance("binance", row.coin, row.total)
        for fill in (*heard.of(OrderFilled), *heard.of(OrderFilled)):
            ledger.apply_fill(fill, spec, D("0.9998"))
        assert ledger.account("binance").balances == {coin: server.total(coin) for coin in server.free}
        venue.read_account(0, "later", 0)
        report = await heard.until(AccountReport, lambda report: report.request == "later")
        assert {row.coin: row.total for row in report.balances} == ledger.account("binance").balances
        fee_coins = {fill.fee_coin for fill in report.fills}
        assert fee_coins == ({"BNB"} if pays_in_bnb else {"BTC", "USDT"})


async def test_a_transfer_is_told_once_and_stands_in_the_next_read() -> None:
    async with trading() as (server, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        at = now_ms()
        moved = {"e": "balanceUpdate", "E": at, "a": "USDT", "d": "-12.50000000", "T": at}
        await server.event(moved)
        await server.event(moved)
        found = await heard.until(TransferBooked)
        assert (found.coin, found.amount, found.ts_event) == ("USDT", D("-12.5"), at * NS)
        venue.read_account(0, "r", at * NS)
        assert (await heard.until(AccountReport)).transfers == (found,)
        venue.read_account(0, "s", (at + 1) * NS)
        later = await heard.until(AccountReport, lambda report: report.request == "s")
        assert later.transfers == ()
        assert len(heard.of(TransferBooked)) == 1


@pytest.mark.parametrize(
    "word",
    [
        {"e": "eventStreamTerminated", "E": 1},
        {"e": "executionReport", "E": 1, "s": "BTCUSDT"},
        {"e": "balanceUpdate", "E": 1, "a": "USDT", "d": "NaN", "T": 1},
        {"e": "serverShutdown", "E": 1},
    ],
    ids=lambda word: word["e"],
)
async def test_a_subscription_that_ends_or_cannot_be_read_is_made_anew(word: dict[str, object]) -> None:
    async with trading() as (server, _, heard):
        await heard.until(VenueLink, lambda link: link.up)
        await server.event(word)
        await heard.until(VenueLink, lambda link: not link.up)
        heard.events.clear()
        await heard.until(VenueLink, lambda link: link.up)
        assert len(server.subscribed) == 2


async def test_a_subscription_that_is_refused_is_no_link() -> None:
    async with trading(secret="another") as (server, venue, heard):
        await server.asked_for_events()
        assert not venue.health().connected
        assert not any(link.up for link in heard.of(VenueLink))


async def test_paper_meets_the_live_book_and_holds_coins() -> None:
    server = FakeSpot()
    async with fake(server):
        heard = Heard()
        settings = SpotSettings(hosts=hosts_of(server), symbols=(SYMBOL,))
        venue = PaperVenue(
            lambda outbox: build_spot("binance", settings, None, outbox, habits=QUICK),
            PaperSettings(
                balances={"USDT": D(1000)}, maker_fee=D("0.001"), taker_fee=D("0.001"), latency_ms=1
            ),
            None,
            heard,
        )
        try:
            await venue.start()
            await heard.until(MarketFrame, lambda frame: frame.quotes and frame.quotes[0].ask > 0)
            await heard.until(MarketFrame, lambda frame: frame.indexes)
            venue.submit(0, order(tif=TimeInForce.IOC, price=D("60010")))
            fill = await heard.until(OrderFilled)
            assert (fill.price, fill.quantity) == (60_001, D("0.0100"))
            venue.read_account(0, "r", 0)
            report = await heard.until(AccountReport)
            held = {row.coin: row.total for row in report.balances}
            assert (held["BTC"], held["USDT"], report.positions) == (D("0.0100"), D("399.38999"), ())
        finally:
            await venue.close()
    assert not any("order" in name.lower() for name, _ in server.asked)


def test_hosts_are_named_by_the_profile_and_never_in_the_clear() -> None:
    for name in ("production", "demo", "testnet"):
        check_hosts(spot_hosts_of(name))
        assert spot_hosts_of(name) is SPOT[name]
    assert SPOT["demo"].rest == "https://demo-api.binance.com"
    with pytest.raises(ValueError, match="no hosts called"):
        spot_hosts_of("live")
    good = SPOT["production"]
    for change in ({"api": "ws://ws-api.binance.com/ws-api/v3"}, {"index": "http://fapi.binance.com"}):
        plain = {"rest": good.rest, "stream": good.stream, "api": good.api, "index": good.index} | change
        with pytest.raises(ValueError, match="needs"):
            check_hosts(SpotHosts(**plain))
    with pytest.raises(ValueError, match="a key needs its secret"):
        build_spot("b", SpotSettings(hosts=good, symbols=(SYMBOL,), key="k"), None, Heard())
    with pytest.raises(ValueError, match="names its symbols"):
        build_spot("b", SpotSettings(hosts=good, symbols=()), None, Heard())
