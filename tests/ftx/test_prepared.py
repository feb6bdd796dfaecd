"""An order that was made while its intent was being written leaves as it would have been made then."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from services.domain.enums import OrderType, Purpose, Side
from services.domain.orders import OrderRequest
from services.venues.ftx.rest import FtxDialect
from services.venues.ftx.sign import signature
from services.venues.ftx.trading import Trading
from tests.ftx.test_clock import Elsewhere, client
from tests.wire.server import Asked

NAME = "abcdef000000001h1000"
HEDGE = OrderRequest(
    client_order_id=NAME, instrument="A.alpha", side=Side.SELL, quantity=Decimal("0.5"), origin="desk",
    price=Decimal(10), purpose=Purpose.HEDGE,
)  # fmt: skip
STOP = replace(HEDGE, purpose=Purpose.STOP, type=OrderType.MARKET, price=None, trigger=Decimal(9))


class Keeping(Elsewhere):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[Asked] = []

    def result(self, asked: Asked) -> object:
        if asked.method == "POST":
            self.orders.append(asked)
            stamp, path = int(asked.headers["ftx-ts"]), asked.target
            assert asked.headers["ftx-sign"] == signature(b"a secret", stamp, "POST", path, asked.body)
        return []


@pytest.mark.parametrize("order", [HEDGE, STOP])
async def test_it_says_nothing_until_it_is_submitted_and_then_what_was_made(order: OrderRequest) -> None:
    async with client(server=Keeping()) as (venue, server):
        assert isinstance(server, Keeping)
        await venue.resync()
        await venue._api.balances()  # a connection is warm
        venue.prepare(order)
        await asyncio.sleep(0)
        assert server.orders == []
        assert venue._trading.unsent._handed == {}, "nobody has handed it over"
        with (
            patch.object(Trading, "_request", side_effect=AssertionError("made a second time")),
            patch.object(FtxDialect, "said", side_effect=AssertionError("said a second time")),
        ):
            venue.submit(0, order)
            assert venue._trading.unsent._handed[NAME].left
        await venue._work.finish(2)
        (asked,) = server.orders
        path = "/api/orders" if order.trigger is None else "/api/conditional_orders"
        assert asked.target == path
        assert json.loads(asked.body)["size"] == 0.5


async def test_what_the_gate_has_cut_meanwhile_is_made_anew() -> None:
    async with client(server=Keeping()) as (venue, server):
        assert isinstance(server, Keeping)
        await venue.resync()
        venue.prepare(HEDGE)
        venue.submit(0, replace(HEDGE, quantity=Decimal("0.25"), reduce_only=True))
        await venue._work.finish(2)
        (asked,) = server.orders
        body = json.loads(asked.body)
        assert (body["size"], body["reduceOnly"]) == (0.25, True)


async def test_a_stamp_that_is_refused_is_not_sent_again() -> None:
    """The clock was never measured here: the first try is refused, the second has the venue's time."""
    async with client(server=Keeping()) as (venue, server):
        assert isinstance(server, Keeping)
        await venue._api.markets()
        venue.prepare(HEDGE)
        venue.submit(0, HEDGE)
        await venue._work.finish(2)
        assert server.asked == ["/api/markets", "/api/orders", "/api/time", "/api/orders"]
        (taken,) = server.orders
        assert not server.stale(taken)


async def test_without_a_key_nothing_is_made_and_the_submit_says_why() -> None:
    async with client(server=Keeping()) as (venue, server):
        assert isinstance(server, Keeping)
        dialect = venue._api.rest._dialect
        assert isinstance(dialect, FtxDialect)
        dialect._signs = None
        venue.prepare(HEDGE)
        assert venue._trading._ahead.take(HEDGE) is None
        await venue._api.markets()
        venue.submit(0, HEDGE)
        await venue._work.finish(2)
        assert server.orders == []
