"""Connections against a scripted server: gaps filled by reads, silence, listen keys, bans, budgets."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from services.domain.enums import Flow
from services.domain.events import (
    AccountReport,
    MarketFrame,
    OrderAccepted,
    VenueLink,
)
from services.domain.venue_events import DeadManReport, MarginCalled, RequestFailed
from services.runtime.clock import boot_s
from services.venues.binance import market
from services.venues.binance.build import build_binance
from services.venues.binance.feed import Feed
from services.venues.wire.bans import Bans
from services.venues.wire.crosscheck import QUIET_S
from services.venues.wire.errors import ErrorKind, WireError
from tests.binance.samples import HOUR_MS, NAME, NS, D, order, reply, trade_row
from tests.binance.server import SYMBOL, FakeBinance, Heard, fake, now_ms, settings_of, trading


async def test_the_dead_mans_switch_is_one_per_symbol_and_tells_when_it_fires() -> None:
    server = FakeBinance()
    server.say("POST /fapi/v1/countdownCancelAll", {"symbol": SYMBOL, "countdownTime": "5"})
    async with trading(server) as (_, venue, heard):
        venue.dead_man(0, 60_000)
        failed = await heard.until(RequestFailed)
        assert failed.what == "dead man", "it counts something else"
        server.say("POST /fapi/v1/countdownCancelAll", {"symbol": SYMBOL, "countdownTime": "60000"})
        venue.dead_man(0, 60_000)
        report = await heard.until(DeadManReport)
        assert report.armed
        assert abs(report.fires_at - (now_ms() + 60_000) * NS) < 2_000 * NS
        assert server.queries("POST /fapi/v1/countdownCancelAll")[-1]["symbol"] == SYMBOL


async def test_what_was_missed_while_the_private_stream_was_down_is_read() -> None:
    server = FakeBinance()
    server.say("POST /fapi/v1/order", reply())
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.submit(0, order())
        await heard.until(OrderAccepted)
        await server.cut("private")
        await heard.until(VenueLink, lambda link: not link.up)
        server.say("GET /fapi/v1/userTrades", [trade_row()])
        server.say(
            "GET /fapi/v3/positionRisk",
            [{"symbol": SYMBOL, "positionSide": "BOTH", "positionAmt": "0.010", "entryPrice": "60000",
              "adl": 2}],
        )  # fmt: skip
        hour = now_ms() // HOUR_MS * HOUR_MS
        fee = {"symbol": SYMBOL, "incomeType": "FUNDING_FEE", "income": "-0.06", "asset": "USDT",
               "time": hour + 7, "tranId": 5}  # fmt: skip
        server.say(
            "GET /fapi/v1/income",
            [fee, {**fee, "incomeType": "COMMISSION", "income": "-0.3"},
             {**fee, "incomeType": "TRANSFER", "income": "100", "symbol": ""},
             {**fee, "incomeType": "AUTO_EXCHANGE", "income": "-7", "symbol": ""},
             {**fee, "incomeType": "BFUSD_INTEREST", "income": "-0.1", "symbol": ""},
             {**fee, "incomeType": "COMMISSION_REBATE", "income": "0.2", "symbol": ""}],
        )  # fmt: skip
        server.say(
            "GET /fapi/v1/fundingRate",
            [{"symbol": SYMBOL, "fundingRate": "0.0001", "fundingTime": hour + 3, "markPrice": "60000"}],
        )
        ups = len([link for link in heard.of(VenueLink) if link.up])
        async with asyncio.timeout(5):
            while len([link for link in heard.of(VenueLink) if link.up]) == ups:
                await asyncio.sleep(0.02)
        assert len(server.queries("POST /fapi/v1/listenKey")) == 2, "each connection has a key of its own"
        venue.read_account(0, "r1", (hour - 60_000) * NS)
        report = await heard.until(AccountReport)
        (fill,) = report.fills
        assert (fill.client_order_id, fill.trade_id, fill.fee) == (NAME, "501", D("0.3"))
        (position,) = report.positions
        assert (position.size, position.leverage, position.adl) == (D("0.010"), 10, 2)
        (payment,) = report.payments
        assert (payment.amount, payment.size, payment.rate) == (D("-0.06"), D("0.010"), D("0.0001"))
        assert payment.ts_event == hour * NS
        assert payment.payment_id == "FUNDING_FEE:5:BTCUSDT:USDT"
        transfer, *others = report.transfers
        assert [row.kind for row in (transfer, *others)] == [
            Flow.TRANSFER,
            Flow.CONVERSION,
            Flow.INTEREST,
            Flow.OTHER,
        ]
        assert (transfer.amount, transfer.transfer_id) == (100, "TRANSFER:5::USDT")


async def test_a_read_during_which_something_happened_is_asked_again() -> None:
    async with trading() as (server, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        reads = 0

        def account(query: dict[str, str]) -> tuple[int, dict[str, str], object]:
            nonlocal reads
            reads += 1
            return 200, {}, {"assets": [{"asset": "USDT", "walletBalance": str(reads)}]}

        async def late(asked: object) -> None:
            await server.tell("private", server.order_frame(NAME))

        server.routes["GET /fapi/v3/account"] = account
        venue.read_account(0, "r", 0)
        await late(None)
        report = await heard.until(AccountReport)
        await heard.until(OrderAccepted)
        assert report.balances[0].total == reads, "the balance is the last read's"


async def test_an_acknowledgement_proves_nothing_and_silence_renews(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market, "MARKS_S", 0.15)
    server = FakeBinance()
    server.mute.add("market")
    async with trading(server) as (_, venue, heard):
        async with asyncio.timeout(5):
            while len([path for path in server.paths if path.startswith("/market")]) < 2:
                await asyncio.sleep(0.02)
        assert heard.of(VenueLink) == heard.of(MarketFrame) == []
        assert not venue.health().connected
        server.mute.clear()
        await heard.until(MarketFrame, lambda frame: frame.marks)
        down = await heard.until(VenueLink, lambda link: not link.up)
        assert down.reason == "market: btcusdt@markPrice@1s was subscribed and stays silent"


async def test_an_expired_listen_key_and_an_unreadable_private_word_renew_the_connection() -> None:
    async with trading() as (server, _, heard):
        await heard.until(VenueLink, lambda link: link.up)
        await server.tell("private", {"e": "listenKeyExpired", "E": 1, "listenKey": "ear"})
        down = await heard.until(VenueLink, lambda link: not link.up)
        assert down.reason == "private: the listen key has expired"
        async with asyncio.timeout(5):
            while not server.sockets["private"]:
                await asyncio.sleep(0.02)
        await server.tell("private", server.order_frame(NAME, x="TRADE", l="NaN"))
        await heard.until(VenueLink, lambda link: "cannot be read" in link.reason)


async def test_a_ban_stops_everything_and_outlasts_a_restart(tmp_path: Path) -> None:
    server = FakeBinance()
    async with fake(server):
        path = tmp_path / "bans.json"
        server.say(
            "GET /fapi/v1/exchangeInfo",
            {"code": -1003, "msg": f"Way too many requests; IP banned until {now_ms() + 300_000}."}, 418,
        )  # fmt: skip
        for number in range(2):
            venue = build_binance("binance", settings_of(server), "secret", Heard(), bans=Bans(path))
            with pytest.raises(WireError) as told:
                await venue.start()
            await venue.close()
            assert told.value.kind is (ErrorKind.DENIED if number else ErrorKind.THROTTLED)
        assert len(server.queries("GET /fapi/v1/exchangeInfo")) == 1, "the second start asked nothing"
        assert len(server.queries("GET /fapi/v1/time")) == 1
        (until,) = json.loads(path.read_text())["until_ms"].values()
        assert 250_000 < until - now_ms() <= 300_000


async def test_used_weight_of_the_headers_is_believed_upwards() -> None:
    server = FakeBinance()
    server.say("GET /fapi/v1/assetIndex", [], x_mbx_used_weight_1m="1500", x_mbx_order_count_10s="7")
    async with trading(server) as (_, venue, _heard):
        used = venue.health().budget
        assert used["weight-1m"][0] >= 1500
        assert used["orders-10s"][0] == 7


async def test_a_quiet_quote_is_asked_for_and_a_stream_that_has_stopped_is_made_anew() -> None:
    server = FakeBinance()
    quiet = 0.0
    async with trading(server, keyed=False) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: any(row.bid for row in frame.quotes))
        feed = venue._public_feed
        assert isinstance(feed, Feed)
        feed._cross._clock = lambda: boot_s() + quiet
        top = {"symbol": SYMBOL, "bidPrice": "60000", "bidQty": "1", "askPrice": "60001", "askQty": "1"}
        server.say("GET /fapi/v1/ticker/bookTicker", top)
        before = len(heard.events)
        quiet += QUIET_S
        await feed._cross.look()
        await heard.until(MarketFrame, lambda frame: heard.events.index(frame) >= before and frame.quotes)
        server.say("GET /fapi/v1/ticker/bookTicker", {**top, "askPrice": "60002"})
        doors = server.paths.count("/public/ws")
        quiet += QUIET_S
        await feed._cross.look()
        await feed._cross.look()
        await heard.until(VenueLink, lambda link: "silent" in link.reason)
        async with asyncio.timeout(5):
            while server.paths.count("/public/ws") == doors:
                await asyncio.sleep(0.01)


async def test_a_call_for_margin_reaches_the_desk_with_the_instruments_that_are_ours() -> None:
    async with trading() as (server, _, heard):
        await heard.until(VenueLink, lambda link: link.up)
        rows = [
            {"s": name, "ps": "BOTH", "pa": "1", "mt": "CROSSED"}
            for name in ("BTCUSDT", "XRPUSDT", "BTCUSDT")
        ]
        await server.tell("private", {"e": "MARGIN_CALL", "E": 1, "cw": "3.1", "p": rows})
        assert (await heard.until(MarginCalled)).instruments == ("BTCUSDT.binance",)


async def test_a_listen_key_that_was_not_prolonged_is_asked_for_again_and_a_dead_one_renews(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After one refusal it was left alone for half an hour, the other half of its life."""
    server = FakeBinance()
    async with trading(server) as (_, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        now = boot_s()
        monkeypatch.setattr("services.venues.binance.venue.boot_s", lambda: now)
        await venue._keep_listening()
        assert server.queries("PUT /fapi/v1/listenKey") == []
        for later, code in ((1_800, -1100), (60, -1125)):
            now += later
            server.say("PUT /fapi/v1/listenKey", {"code": code, "msg": "no"}, 400)
            with pytest.raises(WireError):
                await venue._keep_listening()
        assert len(server.queries("PUT /fapi/v1/listenKey")) == 2
        await heard.until(VenueLink, lambda link: not link.up)
        async with asyncio.timeout(5):
            while len(server.queries("POST /fapi/v1/listenKey")) == 1:
                await asyncio.sleep(0.02)
        server.say("PUT /fapi/v1/listenKey", {})
        now += 1_800
        await venue._keep_listening()
        await venue._keep_listening()
        assert len(server.queries("PUT /fapi/v1/listenKey")) == 3
