"""The ccxt venue against its scripted servers: what it refuses, what it must not lose, what it never says."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from services.domain.enums import Flow, OrderType, Purpose, RateKind, Side, TimeInForce
from services.domain.events import (
    AccountReport,
    MarketFrame,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    VenueLink,
)
from services.domain.orders import OrderRequest
from services.domain.venue_events import DeadManReport, RequestFailed, VenueFacts
from services.protocol.errors import ProductError
from services.protocol.redact import Redactor
from services.runtime.clock import boot_ns
from services.settings.errors import SettingsError
from services.settings.parameters import Settings
from services.settings.venues import VenueWire, read_wires
from services.venues.ccxt_venue.build import build_ccxt
from services.venues.ccxt_venue.bybit import Bybit
from services.venues.ccxt_venue.door import WINDOW
from services.venues.ccxt_venue.exact import ForbiddenHost
from services.venues.ccxt_venue.funding import cap_of
from services.venues.ccxt_venue.profile import CcxtSettings
from services.venues.ccxt_venue.venue import CcxtVenue
from services.venues.live import Capabilities, Verdict
from services.venues.paper.venue import PaperVenue
from services.venues.wire.bans import Bans
from services.venues.wire.budget import Budget, Lane, Window
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import BadNumber
from services.workers.doctor import started_findings
from services.workers.needs import NEEDS, needed
from services.workers.paper import terms_of
from services.workers.wires import build_venues
from tests.binance.server import Heard
from tests.ccxt_venue.bybit import BybitExchange
from tests.ccxt_venue.exchange import Exchange, fake, now_ms
from tests.ccxt_venue.okx import OkxExchange
from tests.conformance.ccxt import QUICK
from tests.wire.server import encoded

D = Decimal
NAME = "0" * 19 + "1"
SECRET, WORD, KEY = "secretsecret", "wordwordword", "keykeykey"


def wide() -> Budget:
    return Budget([Window(name=WINDOW, span_s=1, limit=10_000_000)])


def made(server: Exchange, heard: Any, *, keyed: bool = True, **more: Any) -> CcxtVenue:
    settings = CcxtSettings(
        exchange=server.name,
        symbols=(server.market,),
        key=KEY if keyed else "",
        local=server.rest,
        spot=server.spot,
    )
    given = {"pace": QUICK, "timeout_s": 1.0, "budget": wide(), **more}
    secret = SECRET if keyed else None
    return build_ccxt(server.name, settings, secret, heard, passphrase=WORD, **given)


@asynccontextmanager
async def trading(server: Exchange, **more: Any) -> AsyncIterator[tuple[CcxtVenue, Heard]]:
    async with fake(server):
        heard = Heard()
        venue = made(server, heard, **more)
        try:
            await venue.start()
            await heard.until(VenueLink)
            yield venue, heard
        finally:
            await venue.close()


def order(server: Exchange, **more: Any) -> OrderRequest:
    given = {
        "client_order_id": NAME, "instrument": f"{server.market}.{server.name}", "side": Side.BUY,
        "quantity": D("0.01"), "price": D("60010"), "type": OrderType.LIMIT, "tif": TimeInForce.IOC,
        "purpose": Purpose.TICKET, "origin": "operator",
    }  # fmt: skip
    return OrderRequest(**{**given, **more})


async def test_contracts_of_another_size_leave_as_the_venue_counts_them() -> None:
    sent = {}
    for server in (OkxExchange(), BybitExchange()):
        async with trading(server) as (venue, heard):
            venue.submit(0, order(server))
            fill = await heard.until(OrderFilled)
            assert (fill.quantity, fill.price) == (D("0.01"), D("60001"))
        (query,) = [query for name, query, _ in server.asked if name == server.order_path]
        sent[server.name] = query
    assert (sent["okx"]["sz"], sent["okx"]["px"], sent["okx"]["clOrdId"]) == ("1", "60010", NAME)
    assert (sent["okx"]["ordType"], sent["okx"]["tdMode"]) == ("ioc", "cross")
    assert (sent["bybit"]["qty"], sent["bybit"]["price"], sent["bybit"]["timeInForce"]) == (
        "0.01",
        "60010",
        "IOC",
    )


def _every(frame: MarketFrame) -> set[Decimal | None]:
    return {row.interval_h for row in frame.rates if row.kind is RateKind.PREDICTED}


async def test_an_interval_that_was_switched_is_told_at_once() -> None:
    for server in (OkxExchange(), BybitExchange()):
        async with trading(server) as (_, heard):
            await heard.until(MarketFrame, lambda frame: _every(frame) == {8})
            server.hours = 1
            await heard.until(MarketFrame, lambda frame: _every(frame) == {1})


@pytest.mark.parametrize(
    ("change", "said"),
    [({"mode": "long_short_mode"}, "position mode"), ({"rights": "read_only"}, "cannot trade")],
)
async def test_an_account_that_stands_wrong_takes_no_risk(change: dict[str, str], said: str) -> None:
    server = OkxExchange()
    for name, value in change.items():
        setattr(server, name, value)
    async with trading(server) as (venue, heard):
        assert not venue.capabilities.orders
        rows = await started_findings("okx", venue, Settings(mode="live"))
        assert any(row.verdict is Verdict.STOP and said in row.text for row in rows)
        venue.submit(0, order(server))
        assert said in (await heard.until(OrderRejected)).reason
    assert not any(name == server.order_path for name, _, _ in server.asked)


async def test_a_key_that_can_withdraw_is_a_stop() -> None:
    okx, bybit = OkxExchange(), BybitExchange()
    okx.rights, bybit.wallet_rights = "read_only,trade,withdraw", ["Withdraw"]
    for server in (okx, bybit):
        async with trading(server) as (venue, _):
            rows = {row.check: row for row in await venue.examine()}
            assert rows["key rights"].verdict is Verdict.STOP


async def test_doctor_tells_what_is_lacking() -> None:
    async with trading(BybitExchange()) as (venue, _):
        rows = {row.check: row for row in await started_findings("bybit", venue, Settings())}
        assert "conditional orders" not in rows["capabilities"].text
        assert "a dead-man's switch" in rows["capabilities"].text
        assert rows["clock"].verdict is Verdict.OK
        assert WINDOW in rows["rate budget"].text
        venue.dead_man(0, 60_000)


async def test_a_switch_that_is_not_there_is_never_told_as_armed() -> None:
    async with trading(BybitExchange()) as (venue, heard):
        assert not venue.capabilities.dead_man
        venue.dead_man(0, 60_000)
        await heard.until(RequestFailed, lambda failed: failed.what == "dead man")
        assert heard.of(DeadManReport) == []


def can(**more: Any) -> Capabilities:
    given = {
        "orders": True, "conditional": True, "dead_man": True, "conditional_survives_dead_man": True,
        "funding_price": "mark", "history": True,
    }  # fmt: skip
    return Capabilities(**{**given, **more})


def test_a_strategy_is_refused_by_name_where_its_venue_lacks_what_it_needs() -> None:
    settings = Settings()
    assert needed("v", can(), settings) == ()
    spot = can(funding_price="none", history=False)
    assert needed("v", spot, settings) == (), "no perp there is ever looked at"
    for more, said in (({"history": False}, "rates of the past"), ({"funding_price": "index"}, "instants")):
        (row,) = needed("v", can(**more), settings)
        assert (row.check, row.verdict) == (NEEDS, Verdict.STOP)
        assert "funding_arb needs" in row.text
        assert said in row.text


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (encoded(503, {}, b"<html>"), OrderUnknown),
        (encoded(200, {}, b"not json"), OrderUnknown),
        (encoded(200, {}, b'{"code":"0","data":[{"ordId":"","sCode":"0"}]}'), OrderUnknown),
        (encoded(200, {}, b'{"code":"1","data":[{"sCode":"59999","sMsg":"new"}]}'), OrderUnknown),
        (encoded(200, {}, b'{"code":"50004","data":[]}'), OrderUnknown),
        (None, OrderUnknown),
        (encoded(307, {"Location": "/elsewhere"}, b""), OrderUnknown),
        (encoded(302, {"Location": "/elsewhere"}, b""), OrderUnknown),
        (encoded(200, {}, b'{"code":"1","data":[{"sCode":"51008","sMsg":"poor"}]}'), OrderRejected),
        (encoded(429, {"Retry-After": "1"}, b"{}"), OrderRejected),
        (encoded(401, {}, b'{"code":"50111","msg":"Invalid OK_ACCESS_KEY","data":[]}'), OrderRejected),
    ],
)
async def test_a_send_without_a_definite_word_is_in_doubt_and_sent_once(
    reply: bytes | None, kind: Any
) -> None:
    server = OkxExchange()
    server.replies[server.order_path] = lambda query: reply
    async with trading(server) as (venue, heard):
        venue.submit(0, order(server))
        told = await heard.until(kind)
        assert told.client_order_id == NAME
        assert heard.of(OrderAccepted) == []
        await asyncio.sleep(0)
    assert sum(name == server.order_path for name, _, _ in server.asked) == 1
    assert not any("elsewhere" in name for name, _, _ in server.asked), "key and passphrase stay here"


async def test_what_would_be_sent_otherwise_than_meant_is_denied_here() -> None:
    server = OkxExchange()
    async with trading(server) as (venue, heard):
        for n, more in enumerate(
            (
                {"quantity": D("0.00005")},
                {"price": D("60010.05")},
                {"trigger": D("5.05"), "reduce_only": True},
            )
        ):
            name = f"{n:020d}"
            venue.submit(0, order(server, client_order_id=name, **more))
            told = await heard.until(OrderRejected, lambda each, name=name: each.client_order_id == name)
            assert told.reason.startswith("denied")
    assert not any(name == server.order_path for name, _, _ in server.asked)


async def test_a_position_taken_by_deleveraging_is_told_as_such() -> None:
    server = BybitExchange()
    async with trading(server) as (venue, heard):
        venue.submit(0, order(server))
        await heard.until(OrderFilled)
        foreign = {"id": "99", "name": "", "side": "sell"}
        server.trades.append(
            {"id": "adl-1", "order": foreign, "quantity": D("0.01"), "price": D(60000), "fee": D(0),
             "coin": "USDT", "ms": now_ms(), "kind": "AdlTrade"}
        )  # fmt: skip
        fill = await heard.until(OrderFilled, lambda each: each.trade_id == "adl-1")
        assert (fill.adl, fill.client_order_id, fill.side) == (True, "", Side.SELL)
        await asyncio.sleep(0.2)
        assert len(heard.of(OrderFilled)) == 2, "each trade is told once, however often it is listed"


async def test_funding_and_transfers_come_with_the_read() -> None:
    okx, bybit = OkxExchange(), BybitExchange()
    last = okx.due() - 8 * 3_600_000
    okx.ledger = [
        {"billId": "1", "type": "8", "ccy": "USDT", "balChg": "-1.2", "instId": okx.market, "sz": "10",
         "px": "60000", "ts": str(last + 7)},
        {"billId": "2", "type": "1", "ccy": "USDT", "balChg": "500", "instId": "", "ts": str(last)},
        {"billId": "3", "type": "2", "ccy": "USDT", "balChg": "-3", "instId": okx.market, "ts": str(last)},
        {"billId": "4", "type": "7", "ccy": "USDT", "balChg": "-2", "instId": "", "ts": str(last)},
        {"billId": "5", "type": "5", "ccy": "USDT", "balChg": "-9", "instId": okx.market, "ts": str(last)},
    ]  # fmt: skip
    bybit.ledger = [
        {"id": "1", "type": "SETTLEMENT", "currency": "USDT", "change": "-1.2", "symbol": bybit.market,
         "size": "0.1", "tradePrice": "60000", "feeRate": "0.0002", "transactionTime": str(last)},
        {"id": "2", "type": "TRANSFER_IN", "currency": "USDT", "change": "500", "symbol": "",
         "transactionTime": str(last)},
        {"id": "3", "type": "TRADE", "currency": "USDT", "change": "-3", "symbol": bybit.market,
         "transactionTime": str(last)},
        {"id": "4", "type": "INTEREST", "currency": "USDT", "change": "-2", "symbol": "",
         "transactionTime": str(last)},
    ]  # fmt: skip
    for server in (okx, bybit):
        async with trading(server) as (venue, heard):
            await heard.until(MarketFrame, lambda f: any(r.kind is RateKind.SETTLED for r in f.rates))
            venue.read_account(0, "r", (last - 1000) * 1_000_000)
            report = await heard.until(AccountReport)
            (paid,) = report.payments
            # a long pays a positive rate
            assert (paid.amount, paid.size, paid.price, paid.rate) == (
                D("-1.2"),
                D("0.1"),
                D(60000),
                D("0.0002"),
            )
            assert paid.amount == -paid.size * paid.price * paid.rate
            assert paid.ts_event == last * 1_000_000, "settled on its hour, however late the row is stamped"
            assert [(row.amount, row.transfer_id, row.kind) for row in report.transfers] == [
                (D(500), "2", Flow.TRANSFER),
                (D(-2), "4", Flow.INTEREST),
            ]


@pytest.mark.parametrize(("level", "weight"), [("2", None), ("3", D(1))])
async def test_a_coin_that_is_margined_apart_carries_no_other_coins_contracts(
    level: str, weight: Decimal | None
) -> None:
    server = OkxExchange()
    server.level, server.dollars = level, D(500)
    async with trading(server) as (venue, heard):
        assert venue.capabilities.orders
        venue.read_account(0, "r", 0)
        rows = {row.coin: row for row in (await heard.until(AccountReport)).balances}
    assert (rows["USDC"].weight_total, rows["USDC"].weight_initial) == (weight, weight)
    assert (rows["USDT"].weight_total, rows["USDT"].weight_initial) == (1, 1)


async def test_what_the_account_holds_beside_the_profiles_markets_is_told() -> None:
    """It has its margin out of the same pot: left out, usage would look better than it is, and a flatten
    would call an account flat that is not. Bybit tells by coin, and inverse contracts apart."""
    for server, names in (
        (OkxExchange(), ("SOL-USDT-SWAP",)),
        (BybitExchange(), ("SOLUSDT", "ETHPERP", "XRPUSD")),
    ):
        server.strangers = [server.stranger(name, "3") for name in names]
        async with trading(server) as (venue, heard):
            venue.read_account(0, "r", 0)
            report = await heard.until(AccountReport)
            assert len(report.positions) == len(names)
            assert all(
                row.size == 3 and row.instrument.endswith(f".{server.name}") for row in report.positions
            )
            assert not {row.instrument for row in report.positions} & {
                each.id for each in venue.instruments()
            }


async def test_an_account_without_inverse_contracts_is_read_all_the_same() -> None:
    server = BybitExchange()
    server.linear_only = True
    server.strangers = [server.stranger("SOLUSDT", "3")]
    async with trading(server) as (venue, heard):
        venue.read_account(0, "r", 0)
        (row,) = (await heard.until(AccountReport)).positions
        assert row.size == 3


async def test_an_account_that_goes_on_changing_is_not_told() -> None:
    server = OkxExchange()
    async with trading(server) as (venue, heard):
        bill = {"type": "1", "ccy": "USDT", "balChg": "5", "instId": ""}

        def grown(query: Any) -> bytes:
            server.ledger.append({**bill, "billId": str(len(server.ledger)), "ts": str(now_ms())})
            return server.said(server.ledger)

        server.replies["GET /api/v5/account/bills-archive"] = grown
        server.replies["GET /api/v5/account/bills"] = grown
        venue.read_account(0, "r", 0)
        failed = await heard.until(RequestFailed, lambda each: each.what == "read")
        assert "changed during each" in failed.reason
        assert heard.of(AccountReport) == []


async def test_neither_secret_nor_key_is_ever_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server, redactor = OkxExchange(), Redactor()
    async with trading(server, redactor=redactor) as (venue, heard):
        server.replies[server.order_path] = lambda query: encoded(500, {}, b"no")
        venue.submit(0, order(server))
        await heard.until(OrderUnknown)
        shown = f"{venue!r} {venue.__dict__!r} {venue.health()!r} {heard.events!r}"
    for hidden in (SECRET, WORD):
        assert hidden not in shown
        assert hidden not in caplog.text
        assert hidden not in redactor.text(f"x {hidden}")
    signed = [headers["ok-access-sign"] for _, _, headers in server.asked if "ok-access-sign" in headers]
    assert signed
    assert not any(each in caplog.text.lower() for each in signed)


async def test_only_what_is_on_the_list_can_be_called_and_only_the_named_host() -> None:
    async with fake(OkxExchange()) as server:
        venue = made(server, Heard())
        door = venue._door
        try:
            for name in ("withdraw", "transfer", "privatePostAssetWithdrawal", "set_leverage", "close"):
                with pytest.raises(ValueError, match="not to be called"):
                    await door.ask(name)
            for url in ("https://www.okx.com/api", "http://127.0.0.1.evil.com/", "http://127.0.0.1:1/"):
                with pytest.raises(ForbiddenHost):
                    door._exchange.fence.check(url)
        finally:
            await venue.close()
    assert server.asked == []


async def test_a_start_that_is_made_again_reads_the_list_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library keeps the list of the first time: steps of an hour ago would count as today's."""
    async with fake(OkxExchange()) as server:
        venue = made(server, Heard())

        async def silent(door: object) -> None:
            raise WireError(ErrorKind.UNAVAILABLE, "no connection")

        def lists() -> int:
            return sum(name == "GET /api/v5/public/instruments" for name, _, _ in server.asked)

        try:
            with monkeypatch.context() as patched:
                patched.setattr(venue._manner, "account", silent)
                with pytest.raises(WireError):
                    await venue.start()
            before = lists()
            assert before
            await venue.start()
            assert lists() == 2 * before
        finally:
            await venue.close()


async def test_cancels_have_a_share_of_their_own() -> None:
    async with fake(OkxExchange()) as server:
        budget = Budget([Window(name=WINDOW, span_s=60, limit=10_000)])
        venue = made(server, Heard(), budget=budget)
        door = venue._door
        try:
            await door._throttle(7.0)
            with pytest.raises(WireError) as caught:
                await door.ask("fetch_time", lane=Lane.ENTRY)
            assert caught.value.kind is ErrorKind.DENIED
            assert server.asked == []
            await door.ask("fetch_time", lane=Lane.SAFE)
            assert len(server.asked) == 1
        finally:
            await venue.close()


async def test_a_book_waits_for_no_list_of_weeks_ago() -> None:
    """At a start all is asked at once: a first book that comes a window later is a venue that is down."""
    async with fake(BybitExchange()) as server:
        venue = made(server, Heard())
        door = venue._door
        try:
            await door.ask("load_markets")
            while door.budget.wait(boot_ns(), Lane.PAST, {WINDOW: 5_000}) == 0:
                door.budget.take(boot_ns(), {WINDOW: 5_000})
            first = asyncio.create_task(Bybit().trades(door, 0, now_ms()))
            await asyncio.wait_for(door.ask("fetch_order_book", "BTC/USDT:USDT", 50), 1.0)
            assert not first.done(), "it waits for its share"
            first.cancel()
        finally:
            await venue.close()


async def test_a_hedge_of_what_has_filled_has_that_share_too(monkeypatch: pytest.MonkeyPatch) -> None:
    server = OkxExchange()
    async with trading(server) as (venue, heard):
        plain, lanes = venue._door.ask, []

        async def ask(name: str, *args: object, lane: Lane = Lane.DATA, **more: Any) -> Any:
            if name == "create_order":
                lanes.append(lane)
            return await plain(name, *args, lane=lane, **more)

        monkeypatch.setattr(venue._door, "ask", ask)
        for n, purpose in enumerate((Purpose.ENTRY, Purpose.HEDGE)):
            name = f"{n:020d}"
            venue.submit(0, order(server, client_order_id=name, purpose=purpose))
            await heard.until(OrderAccepted, lambda each, name=name: each.client_order_id == name)
    assert lanes == [Lane.ENTRY, Lane.SAFE]


async def test_a_throttling_pauses_all_and_outlasts_a_restart(tmp_path: Path) -> None:
    async with fake(OkxExchange()) as server:
        server.replies["GET /api/v5/public/time"] = lambda query: encoded(429, {"Retry-After": "30"}, b"{}")
        venue = made(server, Heard(), bans=Bans(tmp_path / "bans.json"))
        with pytest.raises(WireError) as caught:
            await venue.start()
        await venue.close()
        assert (caught.value.kind, caught.value.retry_after_s) == (ErrorKind.THROTTLED, 30.0)
        assert Bans(tmp_path / "bans.json").left_ms(server.rest, now_ms()) > 25_000
        again = made(server, Heard(), bans=Bans(tmp_path / "bans.json"))
        asked = len(server.asked)
        with pytest.raises(WireError, match="no room"):
            await again._door.ask("fetch_time", lane=Lane.SAFE)
        assert len(server.asked) == asked
        await again.close()


async def test_paper_trades_on_its_market_and_sends_nothing() -> None:
    for server in (OkxExchange(), BybitExchange()):
        async with fake(server):
            heard = Heard()
            venue = PaperVenue(
                lambda outbox, server=server: made(server, outbox, keyed=False),
                terms_of("ccxt", server.name),
                None,
                heard,
            )
            try:
                await venue.start()
                await heard.until(MarketFrame, lambda frame: frame.marks)
                await heard.until(MarketFrame, lambda frame: frame.quotes and frame.quotes[0].ask > 0)
                index = await heard.until(MarketFrame, lambda frame: frame.indexes)
                assert {row.coin: round(row.index, 4) for row in index.indexes} == {"USDT": 0.9998}
                venue.submit(0, order(server))
                fill = await heard.until(OrderFilled)
                assert (fill.price, fill.quantity) == (D("60001"), D("0.01"))
                taker = terms_of("ccxt", server.name).taker_fee
                assert taker is not None
                assert fill.fee == fill.price * fill.quantity * taker
            finally:
                await venue.close()
        assert not any(name.startswith("POST") or "private" in name for name, _, _ in server.asked)
        assert not any("ok-access-key" in headers for _, _, headers in server.asked)


async def test_without_a_key_every_question_on_the_account_fails() -> None:
    server = OkxExchange()
    async with trading(server, keyed=False) as (venue, heard):
        venue.submit(0, order(server))
        assert "no key" in (await heard.until(OrderRejected)).reason
        venue.read_account(0, "r", 0)
        venue.query(0, "x", NAME)
        venue.cancel(0, "x", NAME, "")
        venue.dead_man(0, 1000)
        for what in ("read", "query", "cancel", "dead man"):
            await heard.until(RequestFailed, lambda failed, what=what: failed.what == what)


TABLE = {"kind": "ccxt", "exchange": "okx", "hosts": "local", "rest": "http://127.0.0.1:1", "symbols": ["A"]}


@pytest.mark.parametrize(
    "change",
    [
        {"exchange": "../okx"}, {"hosts": "real"}, {"rest": "http://example.org"}, {"symbols": []},
        {"hosts": "demo"}, {"hosts": "production", "rest": None}, {"secret": "x"},
    ],
)  # fmt: skip
def test_a_table_that_is_wrong_names_its_place(change: dict[str, Any]) -> None:
    table = {key: value for key, value in {**TABLE, **change}.items() if value is not None}
    with pytest.raises(SettingsError):
        read_wires(("profiles", "p", "venue"), {"v": table})


def test_a_profile_reaches_it_with_both_secrets() -> None:
    (wire,) = read_wires(("p",), {"okx": {**TABLE, "key": KEY}}).values()
    assert isinstance(wire, VenueWire)
    environ = {"STABLECONSOLE_SECRET_OKX": SECRET, "STABLECONSOLE_SECRET_OKX__PASSPHRASE": WORD}
    found = build_venues("p", {"okx": wire}, environ, Heard(), Redactor())["okx"]
    assert isinstance(found, CcxtVenue)
    assert found.capabilities.orders
    exchange = found._door._exchange
    assert (exchange.apiKey, exchange.secret, exchange.password) == (KEY, SECRET, WORD)
    no = r"^venue okx: its key has no passphrase: set STABLECONSOLE_SECRET_OKX__PASSPHRASE, or"
    with pytest.raises(ProductError, match=no):
        build_venues("p", {"okx": wire}, {"STABLECONSOLE_SECRET_OKX": SECRET}, Heard(), Redactor())
    other = {**TABLE, "exchange": "kucoinfutures"}
    (wire,) = read_wires(("p",), {"kf": other}).values()
    watched = build_venues("p", {"kf": wire}, {}, Heard(), Redactor())["kf"]
    assert not watched.capabilities.orders


BAD = (None, "", "NaN", "Infinity", "-1", "1e99", [], {}, True, "x", -5)


def leaves(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [at, *(leaf for key, each in items for leaf in leaves(each, (*at, key)))]


@pytest.mark.parametrize("make", [OkxExchange, BybitExchange])
async def test_no_reply_of_any_shape_breaks_it_or_is_taken_for_a_number(make: type[Exchange]) -> None:
    chance = random.Random(5)
    server = make()
    plain = server.said
    bent, mad = 0, False

    def mangled(body: Any, error: Any = None) -> bytes:
        nonlocal bent
        tree = json.loads(plain(body, error).partition(b"\r\n\r\n")[2])
        if mad and chance.random() < 0.4:
            *way, last = chance.choice([leaf for leaf in leaves(tree) if leaf])
            there = tree
            for key in way:
                there = there[key]
            there[last] = chance.choice(BAD)
            bent += 1
        return encoded(200, {"content-type": "application/json"}, json.dumps(tree).encode())

    async with trading(server) as (venue, heard):
        venue.submit(0, order(server))
        await heard.until(OrderFilled)
        server.said = mangled  # type: ignore[method-assign] # the exchange goes mad
        mad = True
        for n in range(25):
            venue.read_account(0, f"r{n}", 0)
            venue.query(0, order(server).instrument, NAME)
            venue.cancel(0, order(server).instrument, NAME, "")
            venue.submit(0, order(server, client_order_id=f"{n + 50:020d}", post_only=n % 2 == 0))
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
    assert bent > 100
    assert not [link for link in heard.of(VenueLink) if "internal" in link.reason]
    for report in heard.of(AccountReport):
        for row in report.positions:
            assert row.size.is_finite()
            assert 0 < row.entry_price < 10**20
        assert all(row.total.is_finite() for row in report.balances)
    for frame in heard.of(MarketFrame):
        for quote in frame.quotes:
            assert (quote.bid, quote.ask) == (0, 0) or 0 < quote.bid < quote.ask < 10**20
        assert all(0 < mark.mark < 10**20 for mark in frame.marks)
        assert all(abs(rate.rate) < D("0.1") for rate in frame.rates)


@pytest.mark.parametrize("server", [OkxExchange(), BybitExchange()], ids=["okx", "bybit"])
async def test_the_bound_of_a_funding_rate_is_told_with_it_and_moves_with_it(
    server: Exchange,
) -> None:
    name = f"{server.market}.{server.name}"
    server.cap = D("0.00375")
    async with trading(server) as (_, heard):
        await heard.until(VenueFacts, lambda each: each.funding_caps == {name: D("0.00375")})
        links = len(heard.of(VenueLink))
        server.cap = D("0.02")
        await heard.until(VenueFacts, lambda each: each.funding_caps == {name: D("0.02")})
        assert len(heard.of(VenueLink)) == links, "a bound that moves is no new connection"


def test_a_bound_that_is_no_number_is_none_and_the_wider_side_counts() -> None:
    told = {"info": {"maxFundingRate": "0.00375", "minFundingRate": "-0.005"}}
    assert cap_of("okx", told) == D("0.005")
    assert cap_of("okx", {"info": {"maxFundingRate": "", "minFundingRate": None}}) is None
    assert cap_of("bybit", {"info": {"fundingCap": "0"}}) is None, "a bound of nothing would refuse all"
    assert cap_of("kraken", told) is None
    for wrong in ("NaN", "Infinity", "x"):
        with pytest.raises(BadNumber):
            cap_of("bybit", {"info": {"fundingCap": wrong}})


@pytest.mark.parametrize("server", [OkxExchange(), BybitExchange()], ids=["okx", "bybit"])
async def test_withdrawals_that_are_suspended_are_told_with_the_account(server: Exchange) -> None:
    """Of every chain: one that still pays out is no suspension."""
    server.shut = {"USDT"}
    async with trading(server, pace=replace(QUICK, payouts_s=0.05)) as (venue, heard):
        await read_until(venue, heard, ("USDT",))
        server.shut = set()
        await read_until(venue, heard, ())


async def read_until(venue: CcxtVenue, heard: Heard, suspended: tuple[str, ...]) -> None:
    for number in range(200):
        request = f"payouts-{suspended}-{number}"
        venue.read_account(0, request, 0)
        report = await heard.until(AccountReport, lambda each: each.request == request)  # noqa: B023
        if report.suspended == suspended:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"never told: {suspended}")
