"""Conditional orders through the library: released under another number, lost on the way, whose they are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.domain.enums import OrderState, Side, TimeInForce
from services.domain.events import (
    AccountReport,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
)
from services.venues.ccxt_venue.okx_algo import Owners, released, row_of
from services.venues.ccxt_venue.venue import CcxtVenue
from services.venues.wire.numbers import BadNumber
from tests.binance.server import Heard
from tests.ccxt_venue.bybit import BybitExchange
from tests.ccxt_venue.exchange import Exchange
from tests.ccxt_venue.okx import OkxExchange
from tests.ccxt_venue.test_venue import made, order, trading

D = Decimal
STOP = "s" * 20


def stop(server: Exchange, **more: Any) -> Any:
    given = {
        "client_order_id": STOP, "side": Side.SELL, "price": D("50000"), "trigger": D("55000"),
        "tif": TimeInForce.GTC, "reduce_only": True,
    }  # fmt: skip
    return order(server, **{**given, **more})


async def rested(server: Exchange, venue: CcxtVenue, heard: Heard) -> dict[str, Any]:
    """A long with a stop under it, as the exchange holds the stop."""
    venue.submit(0, order(server))
    await heard.until(OrderFilled)
    venue.submit(0, stop(server))
    await heard.until(OrderAccepted, lambda each: each.client_order_id == STOP)
    (found,) = server.waiting()
    assert (found["trigger"], found["price"], found["reduces"]) == (D(55000), D(50000), True)
    return found


@pytest.mark.parametrize("make", [OkxExchange, BybitExchange])
async def test_a_released_stop_is_filled_under_our_id(make: type[Exchange]) -> None:
    server = make()
    async with trading(server) as (venue, heard):
        assert venue.capabilities.conditional
        server.release(await rested(server, venue, heard))
        fill = await heard.until(OrderFilled, lambda each: each.side is Side.SELL)
        assert (fill.client_order_id, fill.quantity) == (STOP, D("0.01"))
        venue.query(0, fill.instrument, STOP)
        found = await heard.until(OrderReport)
        assert (found.found, found.state, found.filled) == (True, OrderState.FILLED, D("0.01"))
        # Whoever was away meanwhile reads the same.
        later = Heard()
        other = made(server, later)
        await other.start()
        other.read_account(0, "r", 0)
        report = await later.until(AccountReport)
        await other.close()
        assert {each.client_order_id for each in report.fills} == {STOP, "0" * 19 + "1"}
        assert (report.positions, report.orders) == ((), ())


@pytest.mark.parametrize("make", [OkxExchange, BybitExchange])
async def test_a_stop_whose_reply_is_lost_is_in_doubt_and_found(make: type[Exchange]) -> None:
    server = make()
    async with trading(server) as (venue, heard):
        venue.submit(0, order(server))
        await heard.until(OrderFilled)
        path = server.order_path.replace("batch-orders", "order-algo")

        def taken(query: dict[str, Any]) -> None:
            server.route(path, query)

        server.replies[path] = taken
        venue.submit(0, stop(server))
        await heard.until(OrderUnknown, lambda each: each.client_order_id == STOP)
        venue.query(0, stop(server).instrument, STOP)
        found = await heard.until(OrderReport)
        assert (found.found, found.state, len(server.waiting())) == (True, OrderState.ACCEPTED, 1)
        venue.cancel(0, stop(server).instrument, STOP, found.venue_order_id)
        await heard.until(OrderCanceled, lambda each: each.client_order_id == STOP)
        assert server.waiting() == []
        venue.query(0, stop(server).instrument, "x" * 20)
        assert not (await heard.until(OrderReport, lambda each: each.client_order_id == "x" * 20)).found


async def test_a_stop_that_was_released_is_canceled_under_its_new_number() -> None:
    server = OkxExchange()
    async with trading(server) as (venue, heard):
        venue.submit(0, order(server))
        await heard.until(OrderFilled)
        # Far from the market once it is released: it rests.
        venue.submit(0, stop(server, price=D("70000")))
        told = await heard.until(OrderAccepted, lambda each: each.client_order_id == STOP)
        assert told.venue_order_id == "algo-1001"
        server.release(server.waiting()[0])
        (resting,) = server.open()
        venue.cancel(0, stop(server).instrument, STOP, told.venue_order_id)
        await heard.until(OrderCanceled, lambda each: each.client_order_id == STOP)
        assert (resting["state"], server.open()) == ("canceled", [])


async def test_spot_takes_neither_stops_nor_market_orders_and_only_its_own_coins() -> None:
    server = BybitExchange(spot=True)
    async with trading(server) as (venue, heard):
        for n, wrong in enumerate((stop(server, reduce_only=False), order(server, price=None))):
            kind = type(wrong.type)("market") if wrong.price is None else wrong.type
            name = f"{n + 7:020d}"
            venue.submit(0, _as(wrong, client_order_id=name, type=kind))
            told = await heard.until(OrderRejected, lambda each, name=name: each.client_order_id == name)
            assert told.reason.startswith("denied")
        venue.submit(0, order(server))
        fill = await heard.until(OrderFilled)
        assert (fill.fee_coin, fill.fee) == ("BTC", D("0.01") * D("0.0005"))
        venue.read_account(0, "r", 0)
        report = await heard.until(AccountReport)
        assert {row.coin: row.total for row in report.balances} == {
            "BTC": D(1) + D("0.01") - fill.fee, "USDT": server.wallet,
        }, "another coin in the account is nobody's here"  # fmt: skip


async def test_a_spot_profile_on_an_account_with_perpetuals_takes_no_risk() -> None:
    server = OkxExchange(spot=True)
    server.size, server.entry, server.market = D("0.5"), D(60000), "BTC-USDT-SWAP"
    server.contract, held = D("0.01"), server.positions()
    server.market, server.contract = "BTC-USDT", D(1)
    server.positions = lambda: held  # type: ignore[method-assign] # of a market that the profile does not name
    async with trading(server) as (venue, heard):
        venue.submit(0, order(server))
        assert "use a sub-account" in (await heard.until(OrderRejected)).reason
    assert not any(name == server.order_path for name, _, _ in server.asked)


def _as(request: Any, **more: Any) -> Any:
    return type(request)(**{name: getattr(request, name) for name in request.__struct_fields__} | more)


class Service:
    """A door behind which the algo service has this list of released orders."""

    def __init__(self, *released: dict[str, str]) -> None:
        self.rows = list(released)
        self.asked = 0

    async def ask(self, name: str, query: dict[str, Any]) -> Any:
        assert name == "privateGetTradeOrdersAlgoHistory"
        self.asked += 1
        return {"data": self.rows}


async def test_whose_a_trade_without_a_client_id_is() -> None:
    """Nobody's only after the service has had its time: else ours would be a stranger's for good."""
    owners, service = Owners(), Service({"ordId": "7", "algoId": "1", "algoClOrdId": STOP})
    door: Any = service
    rows = [{"ordId": "7", "ts": "1000"}, {"ordId": "8", "ts": "1000"}]
    assert await owners.of(door, rows, 2_000) == {"7": STOP, "8": None}
    service.rows.append({"ordId": "8", "algoId": "2", "algoClOrdId": "late" * 5})
    assert await owners.of(door, rows, 2_100) == {"7": STOP, "8": "late" * 5}
    assert await owners.of(door, [{"ordId": "9", "ts": "1000"}], 60_000) == {"9": ""}
    asked = service.asked
    assert await owners.of(door, rows, 60_000) == {"7": STOP, "8": "late" * 5}
    assert service.asked == asked, "an owner is asked for once"


def test_what_the_algo_service_says_is_read_or_refused() -> None:
    row = {"algoId": "5", "algoClOrdId": "", "state": "live", "side": "sell", "sz": "1", "triggerPx": "40000",
           "ordPx": "-1", "ordId": "", "reduceOnly": "false"}  # fmt: skip
    found = row_of(row, "BTC/USDT:USDT")
    assert (found["id"], found["price"], found["triggerPrice"], found["reduceOnly"]) == (
        "algo-5", None, "40000", False,
    )  # fmt: skip
    assert released(row) == ""
    assert released({**row, "ordIdList": ["9"]}) == released({**row, "ordId": "9"}) == "9"
    with pytest.raises(BadNumber, match="state"):
        row_of({**row, "state": "thinking"}, "BTC/USDT:USDT")
