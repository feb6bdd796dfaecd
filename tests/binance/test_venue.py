"""The venue against a scripted server on loopback: what a start learns, and what it refuses."""

from __future__ import annotations

import pytest

from services.domain.enums import Purpose, RateKind
from services.domain.events import (
    AccountReport,
    MarketFrame,
    OrderAccepted,
    OrderRejected,
    VenueLink,
)
from services.domain.venue_events import RequestFailed, VenueFacts
from services.runtime.clock import boot_ns
from services.venues.binance.build import build_binance
from services.venues.binance.hosts import BinanceSettings, Hosts, hosts_of
from services.venues.live import Verdict
from services.venues.wire.errors import WireError
from tests.binance.samples import HOUR_MS, NS, OTHER, D, order, reply
from tests.binance.server import SYMBOL, FakeBinance, Heard, fake, settings_of, symbol_row, trading


async def test_the_start_learns_everything_and_the_first_frame_is_whole() -> None:
    async with trading() as (server, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        frame = await heard.until(MarketFrame, lambda frame: frame.quotes and frame.quotes[0].ask_depth)
        first = next(i for i, event in enumerate(heard.events) if isinstance(event, VenueLink))
        facts = heard.events[first - 1]
        assert isinstance(facts, VenueFacts)
        assert facts.funding_caps == {"BTCUSDT.binance": D("0.003")}
        assert facts.dead_man_s == 120
        (spec,) = venue.instruments()
        assert (spec.id, spec.settle, spec.funding_interval_h) == ("BTCUSDT.binance", "USDT", 8)
        assert (spec.price_increment, spec.size_increment, spec.min_notional) == (D("0.10"), D("0.001"), 100)
        assert spec.reducing_notional == 0, "-4164: unless you choose reduce only"
        assert (spec.maker_fee, spec.taker_fee) == (D("0.0002"), D("0.0005"))
        assert spec.tiers is not None
        assert [(t.cap, t.initial, t.maintenance, t.cum) for t in spec.tiers] == [
            (50_000, D("0.1"), D("0.004"), 0), (1_000_000, D("0.1"), D("0.01"), 300), (None, 1, 1, 0),
        ]  # fmt: skip
        (quote,) = frame.quotes
        assert (quote.bid, quote.ask, quote.bid_depth, quote.ask_depth) == (60000.0, 60001.0, 6.0, 3.0)
        told = await heard.until(MarketFrame, lambda frame: frame.marks)
        assert (told.marks[0].mark, told.rates[0].kind) == (60000.5, RateKind.PREDICTED)
        assert told.rates[0].next_ts % (HOUR_MS * NS) == 0
        assert {row.coin: row.index for row in told.indexes}["USDT"] == 0.9998
        assert venue.capabilities.orders
        assert venue.health().connected
        assert venue.health().budget["weight-1m"][1] == 2000, "the venue's own limit"
        assert "/private/ws?listenKey=ear" in server.paths
        asked = [name for name, _ in server.asked]
        assert asked.index("GET /fapi/v1/exchangeInfo") < asked.index("GET /fapi/v1/accountConfig")
        assert asked.index("GET /fapi/v1/fundingInfo") < asked.index("POST /fapi/v1/listenKey")


@pytest.mark.parametrize(
    ("route", "body", "reason"),
    [
        (
            "accountConfig",
            {"canTrade": True, "dualSidePosition": True, "multiAssetsMargin": False},
            "hedge mode",
        ),
        (
            "accountConfig",
            {"canTrade": False, "dualSidePosition": False, "multiAssetsMargin": False},
            "may not trade",
        ),
        ("symbolConfig", [{"symbol": SYMBOL, "marginType": "ISOLATED", "leverage": 10}], "ISOLATED margin"),
        ("symbolConfig", [], "no margin type"),
    ],
)
async def test_a_wrong_mode_keeps_the_venue_read_only_with_its_reason(
    route: str, body: object, reason: str
) -> None:
    server = FakeBinance()
    server.say(f"GET /fapi/v1/{route}", body)
    async with trading(server) as (_, venue, heard):
        assert not venue.capabilities.orders
        assert reason in "; ".join(venue.reasons)
        assert Verdict.STOP in {row.verdict for row in await venue.examine()}
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.submit(0, order())
        refused = await heard.until(OrderRejected)
        assert reason in refused.reason
        assert server.queries("POST /fapi/v1/order") == []
        # What makes the account safer goes out all the same.
        server.say("POST /fapi/v1/order", reply(clientOrderId=OTHER))
        venue.submit(0, order(OTHER, reduce_only=True, purpose=Purpose.UNWIND))
        await heard.until(OrderAccepted, lambda event: event.client_order_id == OTHER)


async def test_single_asset_mode_margins_two_coins_apart_and_multi_assets_weighs_them() -> None:
    both = {"symbols": (SYMBOL, "BTCUSDC")}
    for multi in (False, True):
        server = FakeBinance()
        server.say(
            "GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [symbol_row(), symbol_row("BTCUSDC")]}
        )
        config = [{"symbol": name, "marginType": "CROSSED", "leverage": 10} for name in both["symbols"]]
        server.say("GET /fapi/v1/symbolConfig", config)
        server.say(
            "GET /fapi/v1/accountConfig",
            {"canTrade": True, "dualSidePosition": False, "multiAssetsMargin": multi},
        )
        async with trading(server, **both) as (_, venue, heard):
            assert venue.multi_assets is multi
            assert venue.capabilities.orders is multi
            assert ("single-asset mode" in "; ".join(venue.reasons)) is not multi
            venue.read_account(0, "r", 0)
            report = await heard.until(AccountReport)
            weight = D("0.9999") if multi else None
            assert [(row.coin, row.weight_total) for row in report.balances] == [("USDT", weight)]


async def test_leverage_is_set_and_read_back() -> None:
    server = FakeBinance()
    server.say("POST /fapi/v1/leverage", {"symbol": SYMBOL, "leverage": 3})
    async with trading(server, leverage=3) as (_, venue, _heard):
        assert server.queries("POST /fapi/v1/leverage")[0]["leverage"] == "3"
        assert "leverage reads 10 after it was set to 3" in "; ".join(venue.reasons)
        assert not venue.capabilities.orders


async def test_without_a_key_it_is_market_data_only() -> None:
    async with trading(keyed=False) as (server, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        assert not venue.capabilities.orders
        (spec,) = venue.instruments()
        assert (spec.taker_fee, spec.tiers) == (None, None)
        venue.submit(0, order())
        assert "market data only" in (await heard.until(OrderRejected)).reason
        venue.submit(0, order(OTHER, reduce_only=True))
        refused = await heard.until(OrderRejected, lambda event: event.client_order_id == OTHER)
        assert refused.reason.startswith("auth: ")
        venue.read_account(0, "r", 0)
        assert (await heard.until(RequestFailed)).what == "read"
        (finding,) = await venue.examine()
        assert finding.verdict is Verdict.WARN
        assert not any("signature" in query for _, query in server.asked)


def test_nothing_connects_by_default_and_plain_text_stays_on_this_machine() -> None:
    with pytest.raises(TypeError, match="hosts"):
        BinanceSettings(symbols=("BTCUSDT",))  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="no hosts called 'live'"):
        hosts_of("live")
    for name in ("production", "demo", "testnet"):
        hosts = hosts_of(name)
        assert hosts.rest.startswith("https://")
        assert hosts.stream.startswith("wss://")
    for rest, stream in (("http://example.org", "wss://example.org"), ("https://x.org", "ws://x.org")):
        settings = BinanceSettings(hosts=Hosts(rest=rest, stream=stream), symbols=("BTCUSDT",))
        with pytest.raises(ValueError, match="needs"):
            build_binance("binance", settings, None, Heard())
    local = Hosts(rest="http://127.0.0.1:1", stream="ws://127.0.0.1:1")
    with pytest.raises(ValueError, match="names its symbols"):
        build_binance("binance", BinanceSettings(hosts=local, symbols=()), None, Heard())
    keyless = BinanceSettings(hosts=local, symbols=("BTCUSDT",), key="k")
    with pytest.raises(ValueError, match="needs its secret"):
        build_binance("binance", keyless, None, Heard())


async def test_unknown_symbols_are_named() -> None:
    async with fake() as server:
        venue = build_binance(
            "binance", settings_of(server, symbols=("USDTUSDT", "BUSDUSDT")), "secret", Heard()
        )
        with pytest.raises(WireError, match="lists no symbol USDTUSDT, BUSDUSDT"):
            await venue.start()
        await venue.close()


@pytest.mark.parametrize("told", [0, -1, 1_000_000_000, 10**18, 10**400, True])
async def test_a_clock_that_no_venue_has_is_not_measured(told: int) -> None:
    server = FakeBinance()
    async with trading(server) as (_, venue, heard):
        before = venue._offset.offset_ms(boot_ns())
        server.say("GET /fapi/v1/time", {"serverTime": told})
        with pytest.raises(WireError):
            await venue.resync()
        assert venue._offset.offset_ms(boot_ns()) == before
        assert heard.of(RequestFailed) == []
