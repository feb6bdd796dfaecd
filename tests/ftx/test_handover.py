"""Every kind of order leaves in the call that hands it over, before the loop turns."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.domain.enums import OrderType, Purpose, Side
from services.domain.events import OrderReport, VenueLink
from services.domain.orders import OrderRequest
from services.domain.venue_events import RequestFailed
from services.venues.ftx import schemas as wire
from services.venues.ftx.orders import OrderBook
from services.venues.wire.numbers import BadNumber
from tests.ftx.test_clock import Elsewhere, client
from tests.simserver.served import Box
from tests.wire.server import Asked

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


async def test_a_switch_whose_instant_cannot_be_read_has_failed_and_takes_no_connection_along() -> None:
    class Odd(Elsewhere):
        def result(self, asked: Asked) -> object:
            return {"armed": True, "firesAt": "soon"}

    async with client(server=Odd()) as (venue, _):
        await venue.resync()
        venue.dead_man(0, 60_000)
        await venue._work.finish(2)
        box = venue._outbox
        assert isinstance(box, Box)
        (failed,) = box.of(RequestFailed, VenueLink)
        assert isinstance(failed, RequestFailed)
        assert failed.what == "dead man"


def test_a_fill_that_cannot_be_read_does_not_wait_for_its_order_to_be_named() -> None:
    """It would break whoever names it: the reply to our own send, and the order would be in doubt."""
    fill = wire.Fill(
        id=7, market="A", orderId=9, side="buy", price=Decimal("NaN"), size=Decimal(1), fee=Decimal(0),
        liquidity="taker", time="2022-04-15T05:20:00+00:00",
    )  # fmt: skip
    book = OrderBook("alpha", {}, lambda: 1, lambda event: None)
    with pytest.raises(BadNumber):
        book.fill(fill)
    assert book.waiting() == ()


@pytest.mark.parametrize(("told", "found"), [(NAME, True), ("abcdef000000002e1000", False), (None, False)])
async def test_a_question_for_one_order_is_not_answered_by_another(told: str | None, found: bool) -> None:
    """Its state and its fills would be taken for ours, and the real one be forgotten."""

    class Answering(Elsewhere):
        def result(self, asked: Asked) -> object:
            row = {"id": 7, "market": "A", "side": "buy", "type": "limit", "size": 1, "filledSize": 0,
                   "remainingSize": 1, "status": "open", "reduceOnly": False, "ioc": False,
                   "postOnly": False}  # fmt: skip
            return row | {"clientId": told} if "by_client_id" in asked.target else []

    async with client(server=Answering()) as (venue, _):
        await venue.resync()
        venue.query(0, "A.alpha", NAME)
        await venue._work.finish(2)
        box = venue._outbox
        assert isinstance(box, Box)
        (word,) = box.of(RequestFailed, OrderReport)
        if found:
            assert isinstance(word, OrderReport)
            assert (word.client_order_id, word.venue_order_id) == (NAME, "7")
        else:
            assert isinstance(word, RequestFailed)
            assert (word.what, word.subject) == ("query", NAME)
            assert f"asked for {NAME}, told of {told or 'no id'}" in word.reason
