"""Every kind of order leaves in the call that hands it over, before the loop turns."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.domain.enums import OrderType, Purpose, Side
from services.domain.orders import OrderRequest
from tests.ftx.test_clock import client

NAME = "abcdef000000001e1000"


@pytest.mark.parametrize("trigger", [None, Decimal(9)])
async def test_an_order_and_a_stop_are_written_at_once_and_then_their_cancel(trigger: Decimal | None) -> None:
    order = OrderRequest(
        client_order_id=NAME, instrument="A.alpha", side=Side.SELL, quantity=Decimal(1), origin="operator",
        price=Decimal(10) if trigger is None else None, trigger=trigger, reduce_only=trigger is not None,
        type=OrderType.LIMIT if trigger is None else OrderType.MARKET,
        purpose=Purpose.ENTRY if trigger is None else Purpose.STOP,
    )  # fmt: skip
    async with client() as (venue, server):
        await venue.resync()
        await venue._api.balances()  # a connection is warm
        venue.submit(0, order)
        assert venue._trading.unsent._handed[NAME].left
        venue.cancel(0, "A.alpha", NAME, "")
        assert venue._trading.unsent._handed[NAME].unwanted
        await venue._work.finish(2)
        path = "/api/orders" if trigger is None else "/api/conditional_orders"
        assert server.asked.count(path) == 1, "the reply cannot be read: it may live, and is not sent again"


@pytest.mark.parametrize("purpose", [Purpose.ENTRY, Purpose.HEDGE])
async def test_a_hedge_of_what_has_filled_has_the_share_that_an_entry_waits_outside_of(
    purpose: Purpose,
) -> None:
    order = OrderRequest(
        client_order_id=NAME, instrument="A.alpha", side=Side.SELL, quantity=Decimal(1), origin="desk",
        price=Decimal(10), purpose=purpose,
    )  # fmt: skip
    async with client() as (venue, _):
        await venue.resync()
        await venue._api.balances()  # a connection is warm
        venue.reserve(0.999)
        venue.submit(0, order)
        assert venue._trading.unsent._handed[NAME].left is (purpose is Purpose.HEDGE)
        await venue._work.finish(2)
