"""Orders on Binance spot against a scripted server: filters first, doubt kept, cancels by their own names."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.domain.enums import OrderState, OrderType, Side, TimeInForce
from services.domain.events import (
    AccountReport,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
    VenueLink,
)
from services.domain.venue_events import RequestFailed
from services.venues.binance.spot.api import DAY_MS, PAGE
from services.venues.wire.bans import Bans
from tests.binance.samples import NAME, OTHER, D
from tests.binance.server import now_ms
from tests.binance.spot_server import SYMBOL, FakeSpot, trading
from tests.binance.test_spot_venue import order

PLACE, CANCEL, LOOK, TRADES = (
    "POST /api/v3/order", "DELETE /api/v3/order", "GET /api/v3/order", "GET /api/v3/myTrades",
)  # fmt: skip


def reply(**more: object) -> dict[str, object]:
    return {
        "symbol": SYMBOL, "orderId": 77, "orderListId": -1, "clientOrderId": NAME, "transactTime": now_ms(),
        "price": "60000.10000000", "origQty": "0.01000000", "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000", "status": "NEW", "timeInForce": "GTC", "type": "LIMIT",
        "side": "BUY", **more,
    }  # fmt: skip


def trade(number: int, at: int, **more: object) -> dict[str, object]:
    return {
        "symbol": SYMBOL, "id": number, "orderId": 77, "price": "60000.00000000", "qty": "0.01000000",
        "commission": "0.00001000", "commissionAsset": "BTC", "time": at, "isBuyer": True, "isMaker": False,
        **more,
    }  # fmt: skip


def refused(code: int, text: str) -> tuple[int, dict[str, str], object]:
    return 400, {}, {"code": code, "msg": text}


async def test_an_order_is_accepted_filled_and_told_once() -> None:
    server = FakeSpot()
    server.say(PLACE, reply(timeInForce="GTC", type="LIMIT_MAKER"))
    async with trading(server) as (_, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        venue.submit(0, order(post_only=True))
        accepted = await heard.until(OrderAccepted)
        assert (accepted.client_order_id, accepted.venue_order_id) == (NAME, "77")
        (query,) = server.queries(PLACE)
        assert list(query)[-1] == "signature"
        told = ("type", "timeInForce", "quantity", "price", "reduceOnly")
        assert {key: query.get(key) for key in told} == {
            "type": "LIMIT_MAKER", "timeInForce": None, "quantity": "0.0100", "price": "60000.10",
            "reduceOnly": None,
        }  # fmt: skip
        assert (query["newClientOrderId"], query["newOrderRespType"]) == (NAME, "RESULT")
        await server.event(server.report(NAME))
        fill = server.report(
            NAME, x="TRADE", X="FILLED", l="0.01000000", z="0.01000000", L="60000.00000000", t=501,
            n="0.00001000", N="BTC", m=True,
        )  # fmt: skip
        await server.event(fill)
        await server.event(fill)
        found = await heard.until(OrderFilled)
        assert (found.client_order_id, found.quantity, found.fee, found.fee_coin, found.maker) == (
            NAME, D("0.01"), D("0.00001"), "BTC", True,
        )  # fmt: skip
        assert len(heard.of(OrderAccepted)) == 1
        assert {each.trade_id for each in heard.of(OrderFilled)} == {"501"}


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((503, {}, "Service Unavailable."), OrderUnknown, "Unavailable"),
        (
            (503, {}, {"code": -1008, "msg": "Request throttled by system-level protection."}),
            OrderUnknown,
            "",
        ),
        (refused(-1006, "An unexpected response was received from the message bus."), OrderUnknown, "-1006"),
        (refused(-1007, "Timeout waiting for response from backend server."), OrderUnknown, "-1007"),
        (None, OrderUnknown, "no answer"),
        ((200, {}, {"symbol": SYMBOL, "orderId": 1}), OrderUnknown, "cannot be read"),
        ((200, {}, '{"a":' * 5_000 + "1" + "}" * 5_000), OrderUnknown, "cannot be read"),
        (refused(-2010, "Duplicate order sent."), OrderUnknown, "Duplicate"),
        (refused(-2010, "Account has insufficient balance for requested action."), OrderRejected, "balance"),
        (refused(-1013, "Filter failure: NOTIONAL"), OrderRejected, "NOTIONAL"),
        ((429, {"retry-after": "0"}, {"code": -1015, "msg": "Too many new orders."}), OrderRejected, "-1015"),
        (refused(-2015, "Invalid API-key, IP, or permissions for action."), OrderRejected, "auth"),
    ],
)
async def test_what_may_live_is_in_doubt_and_never_sent_again(
    answer: object, kind: type[OrderUnknown] | type[OrderRejected], said: str
) -> None:
    server = FakeSpot()
    server.routes[PLACE] = answer
    async with trading(server) as (_, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        venue.submit(0, order())
        assert said in (await heard.until(kind)).reason
        venue.submit(0, order())
        await heard.until(OrderUnknown)
    assert len(server.queries(PLACE)) == 1


async def test_a_post_only_order_that_would_trade_is_refused_as_such() -> None:
    server = FakeSpot()
    server.routes[PLACE] = refused(-2010, "Order would immediately match and take.")
    async with trading(server) as (_, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        venue.submit(0, order(post_only=True))
        assert (await heard.until(OrderRejected)).would_cross


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"quantity": D("0.00005")}, "LOT_SIZE"),
        ({"quantity": D("0.00015")}, "LOT_SIZE"),
        ({"price": D("60000.001")}, "PRICE_FILTER"),
        ({"price": D("95000")}, "PERCENT_PRICE: 95000 is above the average price"),
        ({"price": D("20000"), "side": Side.SELL}, "PERCENT_PRICE: 20000 is below the average price"),
        ({"quantity": D("0.0001"), "price": D("40000")}, "NOTIONAL: 4.0000 is below 5"),
        ({"quantity": D("0.0001"), "price": D("40000"), "side": Side.SELL, "reduce_only": True}, "NOTIONAL"),
        ({"quantity": D("200"), "price": D("60000")}, "NOTIONAL: 12000000 is above"),
        ({"quantity": D("121"), "type": OrderType.MARKET, "price": None}, "MARKET_LOT_SIZE"),
        ({"quantity": D("0.00015"), "type": OrderType.MARKET, "price": None}, "LOT_SIZE: 0.00015 is not on"),
        ({"trigger": D("50000"), "reduce_only": True, "side": Side.SELL}, "no conditional orders"),
        ({"reduce_only": True}, "a buy reduces nothing"),
    ],
)
async def test_filters_are_honoured_before_anything_is_sent(change: dict[str, object], said: str) -> None:
    server = FakeSpot()
    async with trading(server) as (_, venue, heard):
        venue.submit(0, order(**change))
        assert said in (await heard.until(OrderRejected)).reason
    assert server.queries(PLACE) == []


async def test_a_sale_that_only_reduces_is_sent_without_a_flag_that_spot_does_not_know() -> None:
    server = FakeSpot()
    server.say(PLACE, reply(side="SELL"))
    async with trading(server) as (_, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        venue.submit(0, order(side=Side.SELL, reduce_only=True, tif=TimeInForce.IOC))
        await heard.until(OrderAccepted)
    (query,) = server.queries(PLACE)
    assert not {"reduceOnly", "positionSide"} & query.keys()
    assert query["timeInForce"] == "IOC"


async def test_a_cancel_has_an_id_of_its_own_and_ends_our_order_once() -> None:
    server = FakeSpot()
    server.say(PLACE, reply())
    ended = reply(status="CANCELED", clientOrderId="cancel-1", origClientOrderId=NAME)
    server.say(CANCEL, ended)
    async with trading(server) as (_, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        venue.submit(0, order())
        await heard.until(OrderAccepted)
        venue.cancel(0, f"{SYMBOL}.binance", NAME, "77")
        await heard.until(OrderCanceled)
        await server.event(server.report("cancel-1", C=NAME, x="CANCELED", X="CANCELED"))
        own = {"x": "TRADE", "X": "FILLED", "l": "0.01", "z": "0.01", "L": "6", "n": "0", "N": "BTC"}
        await server.event(server.report("web_1", i=5, t=9, **own))
        foreign = await heard.until(OrderFilled)
        assert (foreign.client_order_id, foreign.venue_order_id) == ("", "5")
        assert [each.client_order_id for each in heard.of(OrderCanceled)] == [NAME]
        assert [each.client_order_id for each in heard.of(OrderAccepted)] == [NAME]
    assert server.queries(CANCEL)[0]["orderId"] == "77"


async def test_a_coin_that_a_fee_was_paid_in_stays_in_the_reads() -> None:
    async with trading() as (server, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        paid = {
            "x": "TRADE",
            "X": "FILLED",
            "l": "0.01",
            "z": "0.01",
            "L": "60000",
            "t": 5,
            "n": "3",
            "N": "DOGE",
        }
        await server.event(server.report(NAME, **paid))
        await heard.until(OrderFilled)
        venue.read_account(0, "r", 0)
        report = await heard.until(AccountReport)
        assert {row.coin: row.total for row in report.balances}["DOGE"] == 77


async def test_self_trade_prevention_ends_an_order_and_lists_are_passed_over() -> None:
    async with trading() as (server, _, heard):
        await heard.until(VenueLink, lambda link: link.up)
        await server.event({"e": "listStatus", "E": 1, "s": SYMBOL, "g": 2})
        await server.event(server.report(NAME))
        await server.event(server.report(NAME, x="TRADE_PREVENTION", X="EXPIRED_IN_MATCH"))
        ended = await heard.until(OrderCanceled)
        assert (ended.client_order_id, ended.filled, ended.reason) == (NAME, 0, "expired_in_match")
        assert all(link.up for link in heard.of(VenueLink))


async def test_a_query_tells_state_fills_and_a_definite_no() -> None:
    server = FakeSpot()
    server.routes[LOOK] = lambda query: (
        (200, {}, reply(status="FILLED", executedQty="0.01000000", time=now_ms()))
        if query.get("origClientOrderId") == NAME
        else refused(-2013, "Order does not exist.")
    )
    server.say(TRADES, [trade(501, now_ms())])
    async with trading(server) as (_, venue, heard):
        venue.query(0, f"{SYMBOL}.binance", NAME)
        found = await heard.until(OrderReport)
        assert (found.found, found.state, found.filled) == (True, OrderState.FILLED, D("0.01"))
        assert [fill.trade_id for fill in found.fills] == ["501"]
        venue.query(0, f"{SYMBOL}.binance", OTHER)
        assert not (await heard.until(OrderReport, lambda each: each.client_order_id == OTHER)).found


async def test_the_switch_it_has_not_got_is_told_as_failed() -> None:
    async with trading() as (_, venue, heard):
        venue.dead_man(0, 60_000)
        assert (await heard.until(RequestFailed)).what == "dead man"


async def test_trades_beyond_the_newest_page_are_walked_day_by_day_and_then_by_number() -> None:
    """Three days with more trades than a page holds: none is missed, none too old is told."""
    now = now_ms()
    since = now - 3 * DAY_MS
    all_of_them = [
        trade(number, now - 5 * DAY_MS + number * (5 * DAY_MS // 5_000)) for number in range(5_000)
    ]

    def page(query: dict[str, str]) -> tuple[int, dict[str, str], object]:
        rows, most = all_of_them, int(query["limit"])
        if "fromId" in query:
            return 200, {}, [row for row in rows if row["id"] >= int(query["fromId"])][:most]  # type: ignore[operator]
        if "startTime" in query:
            first, last = int(query["startTime"]), int(query["endTime"])
            assert last - first < DAY_MS, "the venue takes a day at most"
            return 200, {}, [row for row in rows if first <= row["time"] <= last][:most]  # type: ignore[operator]
        return 200, {}, rows[-most:]

    server = FakeSpot()
    server.routes[TRADES] = page
    server.say(LOOK, reply())
    async with trading(server) as (_, venue, heard):
        venue.read_account(0, "r", since * 1_000_000)
        report = await heard.until(AccountReport)
        wanted = [str(row["id"]) for row in all_of_them if row["time"] >= since]  # type: ignore[operator]
        assert [fill.trade_id for fill in report.fills] == wanted
        assert len(wanted) > 2 * PAGE
        assert len(server.queries(TRADES)) < 8


async def test_a_stale_clock_is_measured_and_a_ban_holds_all_back_and_outlasts_a_restart(
    tmp_path: Path,
) -> None:
    server = FakeSpot()
    stale = refused(-1021, "Timestamp for this request is outside of the recvWindow.")
    banned = f"Way too much request weight used; IP banned until {now_ms() + 90_000}."
    server.routes[PLACE] = [stale, (200, {}, reply()), (418, {}, {"code": -1003, "msg": banned})]
    bans = Bans(tmp_path / "bans.json")
    async with trading(server, bans=bans) as (_, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        venue.submit(0, order())
        await heard.until(OrderAccepted)
        assert len(server.queries(PLACE)) == 2
        venue.submit(0, order(OTHER))
        assert "throttled" in (await heard.until(OrderRejected)).reason
        asked = len(server.asked)
        venue.cancel(0, f"{SYMBOL}.binance", NAME, "77")
        assert (await heard.until(RequestFailed)).what == "cancel"
        assert not [name for name, _ in server.asked[asked:] if "/api/" in name], "nothing leaves"
        host = server.rest
    assert 80_000 < Bans(tmp_path / "bans.json").left_ms(host, now_ms()) <= 91_000
