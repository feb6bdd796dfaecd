"""Orders against a scripted server on loopback: accepted, refused, in doubt, conditional, canceled."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from services.domain.enums import OrderState, OrderType, Purpose, Side, TimeInForce
from services.domain.events import (
    CancelRejected,
    MarketFrame,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
    VenueLink,
)
from services.domain.venue_events import RequestFailed
from services.runtime.clock import boot_ns
from services.venues.binance import schemas as wire
from services.venues.binance.filters import filters_of
from services.venues.binance.venue import BinanceVenue
from tests.binance.samples import NAME, OTHER, D, order, reply, trade_row
from tests.binance.server import SYMBOL, FakeBinance, now_ms, symbol_row, trading
from tests.wire.server import Asked


async def test_an_order_is_accepted_filled_and_told_once() -> None:
    server = FakeBinance()
    server.say("POST /fapi/v1/order", reply())
    async with trading(server) as (_, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.submit(0, order(post_only=True))
        accepted = await heard.until(OrderAccepted)
        assert (accepted.client_order_id, accepted.venue_order_id) == (NAME, "77")
        (query,) = server.queries("POST /fapi/v1/order")
        assert list(query)[-1] == "signature"
        assert {key: query[key] for key in ("type", "timeInForce", "quantity", "price")} == {
            "type": "LIMIT", "timeInForce": "GTX", "quantity": "0.010", "price": "60000.1",
        }  # fmt: skip
        assert query["newClientOrderId"] == NAME
        assert "reduceOnly" not in query
        await server.tell("private", server.order_frame(NAME))
        hint = {"e": "TRADE_LITE", "E": 1, "T": 1, "s": SYMBOL, "l": "0.010", "L": "60000", "t": 501}
        await server.tell("private", hint)
        fill = {"x": "TRADE", "X": "FILLED", "l": "0.010", "z": "0.010", "L": "60000", "t": 501, "n": "0.3",
                "N": "USDT"}  # fmt: skip
        await server.tell("private", server.order_frame(NAME, **fill))
        found = await heard.until(OrderFilled)
        assert (found.client_order_id, found.quantity, found.fee, found.trade_id) == (
            NAME, D("0.010"), D("0.3"), "501",
        )  # fmt: skip
        assert len(heard.of(OrderAccepted)) == len(heard.of(OrderFilled)) == 1


async def test_one_that_was_made_while_its_intent_was_written_is_said_once_and_as_it_was_made() -> None:
    server = FakeBinance()
    server.say("POST /fapi/v1/order", reply())
    async with trading(server) as (_, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        await heard.until(MarketFrame, lambda frame: frame.marks)
        account = venue._account()
        venue.prepare(order())
        venue.prepare(order(OTHER, type=OrderType.MARKET, price=None, post_only=True))
        assert server.queries("POST /fapi/v1/order") == []
        made = account._ahead._made[NAME]
        venue.submit(0, order())
        assert account._ahead._made.keys() <= {OTHER}
        await heard.until(OrderAccepted)
        (query,) = server.queries("POST /fapi/v1/order")
        assert f"signature={query['signature']} ".encode() in made.said
        assert (query["quantity"], query["newClientOrderId"]) == ("0.010", NAME)


async def test_an_ioc_that_finds_nobody_ends_with_its_reply() -> None:
    server = FakeBinance()
    server.say("POST /fapi/v1/order", reply(status="EXPIRED", timeInForce="IOC"))
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.submit(0, order(tif=TimeInForce.IOC))
        ended = await heard.until(OrderCanceled)
        assert ended.filled == 0
        (query,) = server.queries("POST /fapi/v1/order")
        assert (query["timeInForce"], query["newOrderRespType"]) == ("IOC", "RESULT")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, "Unknown error, please check your request or try again later."),
        (504, {"code": -1007, "msg": "Timeout waiting for response. execution status unknown."}),
        (400, {"code": -4116, "msg": "clientOrderId is duplicated."}),
        (200, "no json"),
        (0, ""),
    ],
)
async def test_an_unknown_outcome_is_told_and_never_sent_again(status: int, body: object) -> None:
    server = FakeBinance()
    if status:
        server.say("POST /fapi/v1/order", body, status)
    else:
        server.routes["POST /fapi/v1/order"] = None  # the connection breaks
    server.say("GET /fapi/v1/order", reply(status="FILLED", executedQty="0.010"))
    server.say("GET /fapi/v1/userTrades", [trade_row()])
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.submit(0, order())
        unknown = await heard.until(OrderUnknown)
        assert unknown.client_order_id == NAME
        assert len(server.queries("POST /fapi/v1/order")) == 1
        venue.query(0, f"{SYMBOL}.binance", NAME)
        report = await heard.until(OrderReport)
        assert (report.found, report.state, report.filled) == (True, OrderState.FILLED, D("0.010"))
        (fill,) = report.fills
        assert (fill.client_order_id, fill.fee) == (NAME, D("0.3")), "a fee that is paid is above zero"
        assert server.queries("GET /fapi/v1/order")[0]["origClientOrderId"] == NAME


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (503, "Service Unavailable.", "unavailable"),
        (503, {"code": -1008, "msg": "Request throttled by system-level protection."}, "throttled"),
        (400, {"code": -2019, "msg": "Margin is insufficient."}, "rejected"),
        (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, "auth"),
    ],
)
async def test_a_definite_no_is_a_rejection(status: int, body: object, kind: str) -> None:
    server = FakeBinance()
    server.say("POST /fapi/v1/order", body, status)
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.submit(0, order())
        refused = await heard.until(OrderRejected)
        assert refused.reason.startswith(kind)
        assert not refused.would_cross
        assert len(server.queries("POST /fapi/v1/order")) == 1


async def test_a_client_id_leaves_once_though_the_venue_would_take_it_again() -> None:
    server = FakeBinance()
    server.say("POST /fapi/v1/order", reply())
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.submit(0, order())
        await heard.until(OrderAccepted)
        venue.submit(0, order(quantity=D("0.020")))
        assert "sent before" in (await heard.until(OrderUnknown)).reason
        assert len(server.queries("POST /fapi/v1/order")) == 1


async def test_a_post_only_that_would_take_is_nobodys_fault() -> None:
    server = FakeBinance()
    server.say("POST /fapi/v1/order", {"code": -5022, "msg": "Post Only order will be rejected."}, 400)
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.submit(0, order(post_only=True))
        assert (await heard.until(OrderRejected)).would_cross


async def test_a_stale_clock_is_measured_and_the_order_sent_once_more() -> None:
    server = FakeBinance()
    stale = (400, {}, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."})
    server.routes["POST /fapi/v1/order"] = [stale, (200, {}, reply())]
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        measured = len(server.queries("GET /fapi/v1/time"))
        venue.submit(0, order())
        await heard.until(OrderAccepted)
        assert len(server.queries("GET /fapi/v1/time")) == measured + 1
        assert len(server.queries("POST /fapi/v1/order")) == 2


async def test_filters_are_held_before_anything_is_sent() -> None:
    async with trading() as (server, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        for number, (more, name) in enumerate(
            (
                ({"quantity": D("0.0105")}, "LOT_SIZE"),
                ({"price": D("60000.15")}, "PRICE_FILTER"),
                ({"price": D("70000")}, "PERCENT_PRICE"),
                ({"price": D("50000")}, "PERCENT_PRICE"),
                ({"quantity": D("0.001")}, "MIN_NOTIONAL"),
                ({"type": OrderType.MARKET, "price": None, "quantity": D("121")}, "MARKET_LOT_SIZE"),
            )
        ):
            key = f"abcdef{number:09d}e1000"
            venue.submit(0, order(key, **more))
            refused = await heard.until(OrderRejected, lambda event, key=key: event.client_order_id == key)
            assert refused.reason.startswith(f"denied: {name}")
        assert server.queries("POST /fapi/v1/order") == []


@pytest.mark.parametrize(
    ("more", "sent"),
    [
        ({"price": D("63500"), "purpose": Purpose.HEDGE}, "63000.0"),
        ({"price": D("56000"), "side": Side.SELL, "purpose": Purpose.STOP, "reduce_only": True}, "57000.0"),
        ({"price": D("61000"), "purpose": Purpose.HEDGE}, "61000"),
        ({"price": D("63500"), "purpose": Purpose.ENTRY}, None),
        ({"price": D("63500"), "purpose": Purpose.HEDGE, "tif": TimeInForce.GTC}, None),
        ({"price": D("56000"), "purpose": Purpose.HEDGE}, None),
    ],
)
def test_what_has_to_go_now_is_offered_at_the_edge_of_the_venues_band(
    more: dict[str, Any], sent: str | None
) -> None:
    """The desk's widest band is 5 % from the mid and the venue's 5 % from the mark: the last tries of a close
    in a falling market were all denied here."""
    filters = filters_of(msgspec.json.decode(json.dumps(symbol_row()), type=wire.Symbol))
    asked = order(**{"tif": TimeInForce.IOC, **more})
    found = filters.within(asked, D(60_000))
    assert filters.within(asked, None) == asked
    assert bool(filters.refusal(found, D(60_000))) is (sent is None)
    if sent is not None:
        assert (found.price, replace(found, price=asked.price)) == (D(sent), asked)


@pytest.mark.parametrize("ahead", [False, True])
async def test_the_edge_of_the_band_is_what_leaves(ahead: bool) -> None:
    server = FakeBinance()
    server.say("POST /fapi/v1/order", reply(status="FILLED", executedQty="0.010", type="LIMIT"))
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        asked = order(price=D("90000"), purpose=Purpose.HEDGE, tif=TimeInForce.IOC)
        if ahead:
            venue.prepare(asked)
        venue.submit(0, asked)
        await heard.until(OrderAccepted)
        (query,) = server.queries("POST /fapi/v1/order")
    assert D("60000") < D(query["price"]) < D("70000")


async def test_a_conditional_order_watches_the_mark_and_its_release_is_ours() -> None:
    server = FakeBinance()
    algo = {"algoId": 9, "clientAlgoId": NAME, "symbol": SYMBOL, "side": "SELL", "algoStatus": "NEW",
            "triggerPrice": "55000", "quantity": "0.010"}  # fmt: skip
    server.say("POST /fapi/v1/algoOrder", algo)
    async with trading(server) as (_, venue, heard):
        await heard.until(VenueLink, lambda link: link.up)
        venue.submit(
            0,
            order(
                side=Side.SELL, type=OrderType.MARKET, price=None, trigger=D(55_000), purpose=Purpose.STOP,
                reduce_only=True,
            ),
        )  # fmt: skip
        accepted = await heard.until(OrderAccepted)
        assert accepted.venue_order_id == "a9"
        (query,) = server.queries("POST /fapi/v1/algoOrder")
        assert (query["type"], query["workingType"], query["reduceOnly"]) == (
            "STOP_MARKET", "MARK_PRICE", "true",
        )  # fmt: skip
        # The release comes under a name and number of its own, and before the word that explains it.
        fill = {"x": "TRADE", "X": "FILLED", "i": 88, "S": "SELL", "l": "0.010", "z": "0.010", "L": "54990",
                "t": 502, "n": "0.3", "N": "USDT", "R": True}  # fmt: skip
        await server.tell("private", server.order_frame("x-released", **fill))
        released = {"caid": NAME, "aid": 9, "s": SYMBOL, "X": "TRIGGERED", "ai": "88"}
        await server.tell("private", {"e": "ALGO_UPDATE", "E": now_ms(), "T": now_ms(), "o": released})
        found = await heard.until(OrderFilled)
        assert (found.client_order_id, found.venue_order_id, found.price) == (NAME, "88", 54990)


async def test_cancels_go_to_the_right_service_and_a_late_one_is_looked_into() -> None:
    server = FakeBinance()
    server.say("DELETE /fapi/v1/algoOrder", {"algoId": 9})
    server.say("DELETE /fapi/v1/order", reply(status="CANCELED"))
    async with trading(server) as (_, venue, heard):
        venue.cancel(0, f"{SYMBOL}.binance", NAME, "a9")
        await heard.until(OrderCanceled, lambda event: event.client_order_id == NAME)
        assert server.queries("DELETE /fapi/v1/algoOrder")[0]["algoId"] == "9"
        venue.cancel(0, f"{SYMBOL}.binance", OTHER, "77")
        await heard.until(OrderCanceled, lambda event: event.client_order_id == OTHER)
        server.say("DELETE /fapi/v1/order", {"code": -2011, "msg": "Unknown order sent."}, 400)
        server.say("GET /fapi/v1/order", reply(status="FILLED", executedQty="0.010"))
        server.say("GET /fapi/v1/userTrades", [trade_row()])
        venue.cancel(0, f"{SYMBOL}.binance", NAME, "")
        await heard.until(CancelRejected)
        assert (await heard.until(OrderReport)).state is OrderState.FILLED


async def test_no_such_order_is_believed_only_without_a_trade_of_it() -> None:
    server = FakeBinance()
    missing = {"code": -2013, "msg": "Order does not exist."}
    server.say("POST /fapi/v1/order", "Unknown error", 503)
    by_id = (200, {}, reply(clientOrderId=NAME))
    server.routes["GET /fapi/v1/order"] = lambda query: by_id if "orderId" in query else (400, {}, missing)
    server.say("GET /fapi/v1/algoOrder", missing, 400)
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.submit(0, order())
        await heard.until(OrderUnknown)
        venue.query(0, f"{SYMBOL}.binance", NAME)
        assert not (await heard.until(OrderReport)).found
        server.say("GET /fapi/v1/userTrades", [trade_row()])
        venue.query(0, f"{SYMBOL}.binance", NAME)
        failed = await heard.until(RequestFailed)
        assert "knows its trades" in failed.reason
        assert len(heard.of(OrderReport)) == 1


class Slow(FakeBinance):
    """An order arrives behind its cancel: another connection was quicker."""

    def __init__(self) -> None:
        super().__init__()
        self.canceled = asyncio.Event()

    async def answer(self, asked: Asked) -> bytes | None:
        if asked.method == "POST" and "/order?" in asked.target:
            await self.canceled.wait()
        said = await super().answer(asked)
        if asked.method == "DELETE":
            self.canceled.set()
        return said


async def sends_over(venue: BinanceVenue) -> None:
    async with asyncio.timeout(5):
        while venue._account().unsent._handed:
            await asyncio.sleep(0)


async def test_a_cancel_that_came_before_its_order_is_said_again_behind_it() -> None:
    server = Slow()
    server.say("POST /fapi/v1/order", reply())
    gone = (400, {}, {"code": -2011, "msg": "Unknown order sent."})
    server.routes["DELETE /fapi/v1/order"] = [gone, (200, {}, reply(status="CANCELED"))]
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.submit(0, order())
        unsent = venue._account().unsent
        async with asyncio.timeout(5):
            while not unsent._handed[NAME].left:
                await asyncio.sleep(0)
        venue.cancel(0, f"{SYMBOL}.binance", NAME, "")
        await heard.until(OrderCanceled)
        assert len(server.queries("DELETE /fapi/v1/order")) == 2
        assert not heard.of(CancelRejected)


async def test_an_order_and_its_cancel_are_written_in_the_calls_that_hand_them_over() -> None:
    """What a task would do later, something else could do first: a halt's cancel, a slow parser."""
    server = FakeBinance()
    server.say("POST /fapi/v1/order", reply())
    server.say("DELETE /fapi/v1/order", reply(status="CANCELED"))
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.cancel(0, f"{SYMBOL}.binance", OTHER, "76")
        await heard.until(OrderCanceled)  # from here on a connection of the cancels is warm
        unsent, budget = venue._account().unsent, venue._market_api.rest.budget
        before = budget.used(0)["orders-10s"][0]
        venue.submit(0, order())
        assert unsent._handed[NAME].left
        assert budget.used(0)["orders-10s"][0] == before + 1
        weight = budget.used(0)["weight-1m"][0]
        venue.cancel(0, f"{SYMBOL}.binance", NAME, "")
        assert budget.used(0)["weight-1m"][0] == weight + 1
        await heard.until(OrderCanceled, lambda event: event.client_order_id == NAME)
        await sends_over(venue)
        assert len(server.queries("POST /fapi/v1/order")) == 1
        assert len(server.queries("DELETE /fapi/v1/order")) == 2


async def test_an_order_canceled_before_its_first_byte_never_leaves() -> None:
    server = FakeBinance()
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        pool = venue._market_api.rest._pool
        held, pool._shared[:] = list(pool._shared), []  # no connection is free: it has to wait for one
        venue.submit(0, order())
        venue.cancel(0, f"{SYMBOL}.binance", NAME, "")
        told = await heard.until(OrderCanceled)
        assert (told.reason, told.filled) == ("canceled before it was sent", 0)
        for each in held:
            pool.give(each)
        await sends_over(venue)
        assert not server.queries("POST /fapi/v1/order")
        assert not server.queries("DELETE /fapi/v1/order")
        assert len(heard.of(OrderCanceled)) == 1
        assert not heard.of(OrderRejected), "a refusal would be counted against the venue"
        venue.submit(0, order(OTHER, quantity=D("0.0005")))
        venue.cancel(0, f"{SYMBOL}.binance", OTHER, "")
        await sends_over(venue)
        words = [each for each in heard.events if getattr(each, "client_order_id", "") == OTHER]
        assert len(words) == 1, "one that is denied here too has one end"


async def test_an_order_that_the_venue_has_no_words_for_is_a_definite_no() -> None:
    async with trading() as (server, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.submit(0, order(price=None))
        assert (await heard.until(OrderRejected)).reason.startswith("denied: ")
        assert server.queries("POST /fapi/v1/order") == []


@pytest.mark.parametrize("purpose", [Purpose.ENTRY, Purpose.HEDGE])
async def test_a_hedge_of_what_has_filled_has_the_share_that_an_entry_waits_outside_of(
    purpose: Purpose,
) -> None:
    async with trading() as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        budget = venue._market_api.rest.budget
        budget.take(boot_ns(), {"orders-10s": 1})
        venue.reserve(0.999)
        venue.submit(0, order(purpose=purpose))
        assert venue._account().unsent._handed[NAME].left is (purpose is Purpose.HEDGE)
        venue.cancel(0, f"{SYMBOL}.binance", NAME, "")
        await sends_over(venue)
