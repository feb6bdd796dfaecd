"""What is refused to one order may be refused to all: then nothing that adds risk leaves (binance.md 3.2)."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from services.domain.enums import Purpose, Side
from services.domain.events import MarketFrame, OrderAccepted, OrderRejected
from services.domain.venue_events import InstrumentsListed, MarginCalled
from services.runtime.clock import boot_ns
from services.venues.binance.errors import refusal, shuts_account, shuts_market
from services.venues.shut import SHUT_NS
from tests.binance.samples import NAME, D, order, reply
from tests.binance.server import FakeBinance, symbol_row, trading

NOW_MS = 1_790_000_000_000
ACCOUNT, MARKET, ORDER = (True, False), (False, True), (False, False)


@pytest.mark.parametrize(
    ("status", "code", "text", "shuts"),
    [
        (400, -2023, "User in liquidation mode now.", ACCOUNT),
        (400, -4087, "User can only place reduce only order.", ACCOUNT),
        (400, -4088, "User can not place order currently.", ACCOUNT),
        (400, -4109, "This account is inactive.", ACCOUNT),
        (400, -4192, "Cannot open position due to cooling-off period.", ACCOUNT),
        (400, -4061, "Order's position side does not match user's setting.", ACCOUNT),
        (400, -4062, "Invalid or improper reduceOnly value.", ACCOUNT),
        (401, -2015, "Invalid API-key, IP, or permissions for action.", ACCOUNT),
        (400, -2014, "API-key format invalid.", ACCOUNT),
        (400, -1022, "Signature for this request is not valid.", ACCOUNT),
        (451, None, "restricted location", ACCOUNT),
        (400, -2010, "This account may not place or cancel orders.", ACCOUNT),
        (400, -2010, "This action is disabled on this account.", ACCOUNT),
        (400, -1021, "Timestamp for this request is outside of the recvWindow.", ORDER),
        (400, -5028, "Timestamp is outside of the ME recvWindow.", ORDER),
        (400, -1121, "Invalid symbol.", MARKET),
        (400, -4140, "Invalid symbol status for opening position.", MARKET),
        (400, -4141, "Symbol is closed.", MARKET),
        (400, -2010, "Market is closed.", MARKET),
        *((400, code, "no", ORDER) for code in (
            -1013, -1015, -1102, -1104, -1106, -1111, -2010, -2011, -2013, -2018, -2019, -2020, -2021, -2022,
            -2025, -2027, -2028, -4003, -4004, -4005, -4014, -4015, -4023, -4116, -4118, -4120, -4131, -4164,
            -5021, -5022, -5029,
        )),
        (429, -1003, "Too many requests.", ORDER),
        (503, None, "Service Unavailable.", ORDER),
    ],
)  # fmt: skip
def test_which_refusals_say_more_than_no_to_their_order(
    status: int, code: int | None, text: str, shuts: tuple[bool, bool]
) -> None:
    body = text if code is None else json.dumps({"code": code, "msg": text})
    error = refusal(status, {}, body.encode(), NOW_MS)
    assert (shuts_account(error), shuts_market(error)) == shuts


async def test_an_account_that_may_only_close_is_sent_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    server = FakeBinance()
    cooling = {"code": -4192, "msg": "Cannot open position due to cooling-off period."}
    route = "POST /fapi/v1/order"
    server.say(route, cooling, 400)
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        venue.submit(0, order())
        await heard.until(OrderRejected)
        # No other venue's leg is begun for a hedge that would be refused here.
        (told,) = (await heard.until(InstrumentsListed)).instruments
        assert told.taker_fee is None
        server.say(route, reply())
        for name, more in (("a" * 20, {}), ("b" * 20, {"purpose": Purpose.EXIT, "reduce_only": True})):
            venue.submit(0, replace(order(side=Side.SELL, **more), client_order_id=name))
        refused = await heard.until(OrderRejected, lambda event: event.client_order_id == "a" * 20)
        assert refused.reason == f"denied: the venue refuses: -4192 {cooling['msg']}"
        await heard.until(OrderAccepted, lambda event: event.client_order_id == "b" * 20)
        assert len(server.queries(route)) == 2
        # It is tried again a quarter of an hour later.
        later = boot_ns() + SHUT_NS
        monkeypatch.setattr(venue._account()._shut, "_clock", lambda: later)
        await venue.relist(whole=False)
        assert venue.instruments()[0].taker_fee == D("0.0005")
        assert heard.of(MarginCalled) == []


async def test_an_account_in_liquidation_is_a_margin_call_and_a_closed_market_is_looked_at_now() -> None:
    server = FakeBinance()
    route = "POST /fapi/v1/order"
    server.routes[route] = [
        (400, {}, {"code": -4140, "msg": "Invalid symbol status for opening position."}),
        (400, {}, {"code": -2023, "msg": "User in liquidation mode now."}),
    ]
    async with trading(server) as (_, venue, heard):
        await heard.until(MarketFrame, lambda frame: frame.marks)
        closed = [symbol_row(status="SETTLING")]
        server.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": closed})
        venue.submit(0, order())
        (told,) = (await heard.until(InstrumentsListed)).instruments
        assert told.delisting_ts is not None
        assert heard.of(MarginCalled) == []
        venue.submit(0, replace(order(), client_order_id="c" * 20))
        called = await heard.until(MarginCalled)
        assert (called.venue, called.instruments) == ("binance", ())
        assert [each.client_order_id for each in heard.of(OrderRejected)] == [NAME, "c" * 20]
