"""Conditional orders of every kind over REST, as clients of the time asked for them; grouped books."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from services.domain.enums import FaultKind, OrderType, Side
from services.domain.events import MarketFrame, OrderAccepted, OrderCanceled, OrderFilled, OrderRejected
from services.domain.orders import OrderRequest
from services.venues.ftx.sign import signed_headers
from services.workers.simserver.booking import grouped
from services.workers.simserver.triggers import FIRST, Kind, Status, Triggers, Waiting, follow, reached
from tests.simserver.served import KEY, serving

D = Decimal
MARKET = "BTC-PERP"


class Client:
    def __init__(self, http: httpx.AsyncClient, house: Any) -> None:
        self._http = http
        self.house = house

    async def said(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        text = b"" if body is None else json.dumps(body).encode()
        now = time.time_ns() // 1_000_000
        headers = dict(signed_headers(KEY.key, KEY.secret.encode(), now, method, f"/api{path}", text, None))
        reply = await self._http.request(method, f"/api{path}", content=text, headers=headers)
        assert reply.status_code == status, reply.text
        told = reply.json(parse_float=Decimal)
        return told["result"] if status == 200 else told["error"]

    async def mark(self) -> Decimal:
        return D(str((await self.said("GET", f"/futures/{MARKET}"))["mark"]))

    async def place(self, status: int = 200, **more: object) -> Any:
        body = {"market": MARKET, "side": "sell", "size": 0.01, "type": "stop", **more}
        return await self.said("POST", "/conditional_orders", body, status)

    async def open(self, query: str = "") -> list[int]:
        return [row["id"] for row in await self.said("GET", f"/conditional_orders{query}")]


@asynccontextmanager
async def client() -> AsyncIterator[Client]:
    async with (
        serving() as (house, server),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.ports['alpha']}", trust_env=False) as http,
    ):
        yield Client(http, house)


async def test_every_kind_is_taken_listed_modified_and_canceled() -> None:
    async with client() as asked:
        mark = float(await asked.mark())
        low, high = round(mark * 0.9), round(mark * 1.1)
        guard = await asked.place(triggerPrice=low, reduceOnly=True, status=400)
        assert guard == "Invalid reduce-only order", "the exchange judges what guards a position"
        made = [
            await asked.place(triggerPrice=low),
            await asked.place(type="takeProfit", triggerPrice=high, orderPrice=high),
            await asked.place(type="take_profit", side="buy", triggerPrice=low),
            await asked.place(type="trailingStop", trailValue=-100),
            await asked.place(type="trailing_stop", side="buy", trailValue=100, retryUntilFilled=True),
        ]
        told = [(row["type"], row["orderType"], row["status"]) for row in made]
        assert told == [
            ("stop", "market", "open"), ("take_profit", "limit", "open"), ("take_profit", "market", "open"),
            ("trailing_stop", "market", "open"), ("trailing_stop", "market", "open"),
        ]  # fmt: skip
        assert made[3]["trailStart"] + made[3]["trailValue"] == made[3]["triggerPrice"]
        ids = [row["id"] for row in made]
        assert set(await asked.open()) == set(ids)
        assert await asked.open("?type=trailingStop") == ids[3:]
        assert await asked.open("?market=ETH-PERP") == []
        assert await asked.said("GET", f"/conditional_orders/{ids[0]}/triggers") == []
        moved = await asked.said("POST", f"/conditional_orders/{ids[0]}/modify", {"triggerPrice": low - 1})
        assert (moved["id"] != ids[0], moved["triggerPrice"], moved["size"]) == (True, low - 1, D("0.01"))
        closed = await asked.said("DELETE", f"/conditional_orders/{ids[0]}", status=400)
        assert closed == "Order already closed"
        refused = await asked.said(
            "POST", f"/conditional_orders/{moved['id']}/modify", {"triggerPrice": high}, 400
        )
        assert refused == "Trigger price too high"
        assert moved["id"] in await asked.open(), "what cannot be placed changes nothing"
        assert await asked.said("DELETE", f"/conditional_orders/{moved['id']}") == "Order cancelled"
        await asked.said("DELETE", "/orders", {"limitOrdersOnly": True})
        assert len(await asked.open()) == 4
        await asked.said("DELETE", "/orders", {"conditionalOrdersOnly": True})
        assert await asked.open() == []
        past = await asked.said("GET", "/conditional_orders/history?type=stop")
        assert {row["status"] for row in past} == {"cancelled"}


WRONG: list[tuple[dict[str, object], str]] = [
    ({"type": "iceberg"}, "Invalid parameter type"),
    ({}, "Missing parameter triggerPrice"),
    ({"triggerPrice": "NaN"}, "Invalid parameter triggerPrice"),
    ({"triggerPrice": 20_000.03}, "Invalid price"),
    ({"triggerPrice": 9e9}, "Trigger price too high"),
    ({"type": "takeProfit", "triggerPrice": 1}, "Trigger price too low"),
    ({"type": "trailingStop", "trailValue": 100}, "Invalid parameter trailValue"),
    ({"type": "trailingStop", "trailValue": True}, "Missing parameter trailValue"),
    ({"type": "trailingStop", "trailValue": -9e9}, "Invalid parameter trailValue"),
    ({"triggerPrice": 10_000, "size": 0.00001}, "Size too small"),
    ({"triggerPrice": 10_000, "size": -1}, "Invalid parameter size"),
    ({"market": "USDC/USD2", "triggerPrice": 1}, "No such market: USDC/USD2"),
    ({"market": "BTC/USD", "triggerPrice": 10_000, "reduceOnly": True, "type": "takeProfit"},
     "Spot orders cannot be reduce-only"),
]  # fmt: skip


async def test_what_is_none_is_refused_in_the_dialects_words() -> None:
    async with client() as asked:
        for wrong, text in WRONG:
            status = 404 if text.startswith("No such") else 400
            assert await asked.place(status, **wrong) == text
        assert await asked.open() == []


async def test_faults_of_the_line_meet_those_that_wait_beside_the_exchange_too() -> None:
    async with client() as asked:
        for kind, status in ((FaultKind.THROTTLED, 429), (FaultKind.SERVER_ERROR, 500)):
            asked.house.set_fault(kind, "alpha", D(1))
            await asked.place(status, triggerPrice=1000)
            asked.house.set_fault(kind, "alpha", D(0))
            asked.house.advance(asked.house.now + 60_000_000_000)
        assert "id" in await asked.place(triggerPrice=1000)


async def test_a_trailing_stop_follows_the_mark_and_becomes_an_order_of_its_own() -> None:
    async with client() as asked:
        made = await asked.place(type="trailingStop", trailValue=-0.5, clientId="mine")
        path = f"/conditional_orders/{made['id']}/triggers"
        fired: list[Any] = []
        while not fired or not fired[0]["filledSize"]:
            # The market's time, driven from here: no waiting for a price.
            asked.house.advance(asked.house.now + 1_000_000_000)
            fired = await asked.said("GET", path)
        assert fired[0]["error"] is None
        (row,) = await asked.said("GET", "/conditional_orders/history")
        assert (row["status"], row["filledSize"], row["clientId"]) == ("triggered", D("0.01"), "mine")
        assert row["avgFillPrice"] is not None
        order = await asked.said("GET", f"/orders/{row['orderId']}")
        assert (order["filledSize"], order["status"], order["clientId"]) == (D("0.01"), "closed", None)
        (held,) = await asked.said("GET", "/positions")
        assert held["netSize"] == D("-0.01")


marks = st.lists(st.integers(1, 10_000).map(Decimal), min_size=1, max_size=30)


@given(marks, st.integers(1, 500).map(Decimal), st.sampled_from(Side))
def test_a_trailing_trigger_never_moves_away_and_mirrors(
    path: list[Decimal], distance: Decimal, side: Side
) -> None:
    """Both sides of one market, mirrored at nought: the same moves, the same moment."""
    trail = -distance if side is Side.SELL else distance
    order = waiting(side=side, trail=trail, trigger=path[0] + trail)
    mirror = waiting(side=side.opposite, trail=-trail, trigger=-order.trigger)
    for mark in path:
        before = order.trigger
        order.trigger, mirror.trigger = follow(order, mark), follow(mirror, -mark)
        assert (order.trigger - before) * side.sign <= 0
        assert mirror.trigger == -order.trigger
        fires = reached(Kind.TRAILING_STOP, side, order.trigger, mark)
        assert fires is reached(Kind.TRAILING_STOP, side.opposite, mirror.trigger, -mark)
        assert fires is (
            abs(mark - order.trigger + trail) >= distance and (mark - order.trigger) * side.sign >= 0
        )


def waiting(**more: Any) -> Waiting:
    facts = {"side": Side.SELL, "trigger": D(90), "kind": Kind.STOP, "size": D(2), **more}
    return Waiting(number=1, venue="alpha", instrument="X.alpha", created=0, **facts)


class Market:
    """A `Triggers` with a mark that the test sets, and what it sends."""

    def __init__(self, path: Path | None = None) -> None:
        self.price = D(100)
        self.sent: list[OrderRequest] = []
        self.made = Triggers(
            lambda venue, order: self.sent.append(order),
            lambda: f"~{len(self.sent) + 1}",
            lambda venue, instrument: self.price,
            lambda: 7,
            path,
        )

    def add(self, **more: Any) -> Waiting:
        facts = {"kind": Kind.STOP, "side": Side.SELL, "size": D(2), "trigger": D(90), **more}
        return self.made.add(venue="alpha", instrument="X.alpha", **facts)

    def at(self, price: int, venue: str = "alpha") -> None:
        self.price = D(price)
        self.made.hear(venue, MarketFrame(venue, 1, 1, 1, (), (), (), ()))

    def fill(self, name: str, size: int) -> None:
        fill = OrderFilled(
            venue="alpha", client_order_id=name, venue_order_id="alpha-o5", trade_id=f"t{name}{size}",
            instrument="X.alpha", side=Side.SELL, quantity=D(size), price=D(89), fee=D(0), fee_coin="USD",
            maker=False, ts_event=8, ts=8,
        )  # fmt: skip
        self.made.hear("alpha", fill)


def test_an_order_is_released_once_and_only_by_its_own_market() -> None:
    market = Market()
    order = market.add()
    market.at(91)
    market.at(89, venue="beta")
    assert not market.sent
    market.at(0)
    assert not market.sent, "an unknown mark releases nothing"
    market.at(90)
    market.at(80)
    (sent,) = market.sent
    assert (sent.quantity, sent.type, sent.reduce_only, order.status) == (
        2, OrderType.MARKET, False, Status.TRIGGERED,
    )  # fmt: skip
    market.made.hear("alpha", OrderRejected("alpha", "~1", "insufficient margin", 9, 9))
    market.at(70)
    assert (len(market.sent), order.error) == (1, "insufficient margin")


def test_one_that_is_to_be_filled_whole_is_sent_again_for_what_is_left() -> None:
    market = Market()
    order = market.add(retry=True)
    market.at(90)
    market.made.hear("alpha", OrderAccepted("alpha", "~1", "alpha-o5", 8, 8))
    market.fill("~1", 1)
    market.at(89)
    assert len(market.sent) == 1, "it still works"
    market.made.hear("alpha", OrderCanceled("alpha", "~1", "no more liquidity", D(1), 8, 8))
    market.at(89)
    assert [each.quantity for each in market.sent] == [2, 1]
    market.fill("~2", 1)
    market.at(89)
    assert (len(market.sent), order.filled, order.paid) == (2, 2, 178)


def test_what_waits_comes_back_from_disk_and_is_not_sent_twice(tmp_path: Path) -> None:
    path = tmp_path / "conditionals.json"
    market = Market(path)
    kept = market.add(trigger=D("89.5"), client_id="mine", kind=Kind.TRAILING_STOP, trail=D(-10), start=D(99))
    market.add(retry=True)
    market.at(90)
    again = Market(path)
    assert again.made.find("alpha", str(FIRST)) == kept
    again.at(90)
    assert not again.sent, "what was under way is told no more"
    again.at(89)
    assert len(again.sent) == 1
    assert again.add().number == FIRST + 2
    assert again.made.find("beta", str(FIRST)) is None
    for wrong in ("x", "9" * 5_000, "\u0661", ""):
        assert again.made.find("alpha", wrong) is None


def test_one_that_dies_while_it_sends_sends_it_no_second_time(tmp_path: Path) -> None:
    path = tmp_path / "conditionals.json"
    market = Market(path)
    market.add()

    def die(venue: str, order: OrderRequest) -> None:
        market.sent.append(order)
        raise KeyboardInterrupt

    market.made._send = die
    with pytest.raises(KeyboardInterrupt):
        market.at(89)
    again = Market(path)
    again.at(88)
    assert (len(market.sent), again.sent) == (1, [])


def test_a_grouped_level_never_looks_better_than_what_stands_in_it() -> None:
    rows = [(D("100.5"), D(1)), (D("100"), D(2)), (D("99.5"), D(3))]
    assert grouped(rows, D(1), asks=False) == [(100, 3), (99, 3)]
    assert grouped(rows[::-1], D(1), asks=True) == [(100, 5), (101, 1)]


async def test_grouped_books_are_whole_first_and_need_a_width() -> None:
    async with serving() as (_, server), connect(f"ws://127.0.0.1:{server.ports['alpha']}/ws/") as socket:
        asked = {"op": "subscribe", "channel": "orderbookGrouped", "market": MARKET}
        for wrong in (None, 0, -5, "wide"):
            await socket.send(json.dumps({**asked, "grouping": wrong}))
            assert json.loads(await socket.recv())["msg"] == 'Invalid parameter "grouping"'
        await socket.send(json.dumps({**asked, "grouping": 50}))
        assert json.loads(await socket.recv()) == {
            "type": "subscribed", "channel": "orderbookGrouped", "market": MARKET, "grouping": 50,
        }  # fmt: skip
        frame = json.loads(await socket.recv())
        assert (frame["type"], frame["grouping"], frame["data"]["action"]) == ("partial", 50, "partial")
        prices = [price for side in ("bids", "asks") for price, _ in frame["data"][side]]
        assert prices
        assert all(price % 50 == 0 for price in prices)
