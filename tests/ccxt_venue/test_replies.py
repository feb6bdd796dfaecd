"""What is no reply, or lacks what it should tell, is no answer: no flat account, and no "no such order"."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.domain.enums import TimeInForce
from services.domain.events import AccountReport, OrderAccepted, OrderFilled, OrderReport
from services.domain.venue_events import DeadManReport, RequestFailed
from services.venues.ccxt_venue.exact import Exact
from services.venues.ccxt_venue.replies import Unreadable, check
from services.venues.ccxt_venue.rows import TradeRow, fill_of, position_of
from services.venues.wire.numbers import BadNumber
from tests.ccxt_venue.bybit import BybitExchange
from tests.ccxt_venue.exchange import Exchange, Query
from tests.ccxt_venue.okx import OkxExchange
from tests.ccxt_venue.test_parts import listed
from tests.ccxt_venue.test_venue import NAME, order, trading
from tests.wire.server import encoded

D = Decimal
PAGE = b"<html>come back later</html>"
OKX, BYBIT = "https://h/api/v5/account/positions?x=1", "https://h/v5/position/list?category=linear"


@pytest.mark.parametrize("reply", [None, "", "<html>", b"ok", {}, [], 5, {"data": None, "result": None},
                                   {"data": {}, "result": {}}, {"data": "", "result": {"list": ""}},
                                   {"data": [None], "result": {"list": ["x"]}}])  # fmt: skip
def test_a_reply_without_its_rows_is_none(reply: object) -> None:
    for exchange, url in (("okx", OKX), ("bybit", BYBIT)):
        with pytest.raises(Unreadable):
            check(exchange, url, reply)


def test_what_other_exchanges_answer_is_only_asked_to_be_json() -> None:
    for reply in ({}, [], 5):
        check("kraken", "https://h/time", reply)
    check("okx", OKX, {"code": "0", "data": []})
    check("bybit", "https://h/v5/order/create", {"result": {"orderId": "1"}})
    with pytest.raises(Unreadable, match="no JSON"):
        check("kraken", "https://h/time", "<html>")


@pytest.mark.parametrize("body", [PAGE, b'{"code":"0","msg":"","retCode":0,"result":{}}'])
@pytest.mark.parametrize(
    ("make", "routes"),
    [
        (OkxExchange, ("GET /api/v5/account/positions", "GET /api/v5/trade/orders-pending")),
        (BybitExchange, ("GET /v5/position/list", "GET /v5/order/realtime")),
    ],
)
async def test_a_page_in_place_of_positions_or_orders_is_no_flat_account(
    make: type[Exchange], routes: tuple[str, str], body: bytes
) -> None:
    server = make()
    async with trading(server) as (venue, heard):
        for number, route in enumerate(routes):
            server.replies = {route: lambda query: encoded(200, {}, body)}
            venue.read_account(0, f"r{number}", 0)
            failed = await heard.until(RequestFailed, lambda each, at=number: each.subject == f"r{at}")
            assert "a reply" in failed.reason
        assert heard.of(AccountReport) == []


async def test_a_page_in_place_of_an_order_is_no_word_that_there_is_none() -> None:
    server = BybitExchange()
    async with trading(server) as (venue, heard):
        server.replies["GET /v5/order/realtime"] = lambda query: encoded(200, {}, PAGE)
        venue.query(0, f"{server.market}.bybit", NAME)
        assert (await heard.until(RequestFailed)).what == "query"
        server.replies["GET /v5/order/realtime"] = lambda query: server.said(
            {"list": [{"symbol": server.market, "orderId": "7", "orderStatus": "New", "qty": "1"}]}
        )
        venue.query(0, f"{server.market}.bybit", NAME)
        await heard.until(RequestFailed, lambda each: "other orders" in each.reason)
        assert heard.of(OrderReport) == []


@pytest.mark.parametrize(
    ("route", "field", "value", "why"),
    [
        ("order/realtime", "orderStatus", "Waiting", "order status 'Waiting'"),
        ("execution/list", "execType", "Borrowed", "a trade of type Borrowed"),
        ("execution/list", "execFee", None, "fee: None is no number"),
        ("execution/list", "symbol", None, "symbol: None is no id"),
        ("position/list", "size", "1_000", "size: '1_000' is no number"),
        ("position/list", "leverage", "ten", "leverage: Decimal('NaN') is out of range"),
    ],
)
async def test_a_row_that_is_not_understood_is_refused_by_name(
    route: str, field: str, value: object, why: str
) -> None:
    """An order in a state of tomorrow, or a trade of a new kind, was left out: as if it were not there."""
    server = BybitExchange()
    real = server.route

    def odd(name: str, query: Query) -> Any:
        found: Any = real(name, query)
        if name == f"GET /v5/{route}":
            found = {**found, "list": [{**row, field: value} for row in found["list"]]}
        return found

    async with trading(server) as (venue, heard):
        venue.submit(0, order(server))
        await heard.until(OrderFilled)
        rest = "0" * 18 + "12"
        venue.submit(0, order(server, client_order_id=rest, price=D("59000"), tif=TimeInForce.GTC))
        await heard.until(OrderAccepted, lambda each: each.client_order_id == rest)
        server.route = odd  # type: ignore[method-assign]
        venue.read_account(0, "r", 0)
        failed = await heard.until(RequestFailed, lambda each: each.what == "read")
        assert why in failed.reason
        assert heard.of(AccountReport) == []


@pytest.mark.parametrize("due", ["0", "", None])
async def test_a_switch_that_names_no_time_is_not_armed(due: object) -> None:
    server = OkxExchange()
    async with trading(server) as (venue, heard):
        server.replies["POST /api/v5/trade/cancel-all-after"] = lambda query: server.said(
            [{"triggerTime": due}]
        )
        venue.dead_man(0, 60_000)
        assert (await heard.until(RequestFailed)).what == "dead man"
        assert heard.of(DeadManReport) == []


@pytest.mark.parametrize("text", ["1_000", "\u0663", "ten", " 5", "0x10"])
def test_text_that_is_no_number_is_refused_also_where_one_may_be_missing(text: str) -> None:
    """`Decimal` reads the first two; of the others the library made missing ones: a leverage not stated."""
    number = Exact().parse_number(text)
    row = {"contracts": D(1), "side": "long", "entryPrice": D(1), "leverage": number}
    with pytest.raises(BadNumber):
        position_of(row, listed(), None)
    assert Exact().parse_number("", "none") == "none"


def test_a_contracts_fee_is_paid_in_what_it_settles_in_and_a_coins_fee_in_a_coin_that_is_named() -> None:
    row = TradeRow(
        market="BTC-USDT-SWAP", id="1", order="2", name="", side="buy", contracts="1", price="5", fee="0.5",
        coin="", maker=False, ms=1_700_000_000_000,
    )  # fmt: skip
    assert fill_of("v", row, listed(), 0).fee_coin == "USDT"
    with pytest.raises(BadNumber, match="no coin"):
        fill_of("v", row, listed(swap=False, spot=True, settle=None), 0)
