"""A quote that would have traded ends as a refusal, in whatever order the venue says so (ftx.md 3.2)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.domain.events import Event, OrderAccepted, OrderCanceled, OrderRejected
from services.venues.ftx import parse
from services.venues.ftx import schemas as wire
from services.venues.ftx.orders import CROSSED_NS, OrderBook

NAME = "sc-1"
BORN = "2026-11-27T12:00:00.000000+00:00"


class Desk:
    def __init__(self) -> None:
        self.now = parse.iso_ns(BORN) + 100_000_000
        self.told: list[Event] = []
        self.book = OrderBook("alpha", {}, lambda: self.now, self.told.append)

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.told]


def order(status: str, *, post_only: bool = True, filled: str = "0") -> wire.Order:
    return wire.Order(
        id=7, market="BTC-PERP", side="buy", type="limit", price=Decimal(1), size=Decimal(2),
        filledSize=Decimal(filled), remainingSize=Decimal(0), status=status, postOnly=post_only,
        clientId=NAME, reduceOnly=False, ioc=False, createdAt=BORN,
    )  # fmt: skip


def test_a_reply_that_it_is_new_and_an_end_on_the_stream_is_a_refusal() -> None:
    """It was told as an order that rested, and that the venue canceled for whatever reason."""
    desk = Desk()
    desk.book.placed(order("new"), NAME)
    desk.book.frame(order("new"))
    desk.book.frame(order("closed"))
    desk.book.frame(order("closed"))
    assert desk.kinds() == ["OrderAccepted", "OrderRejected"]
    assert isinstance(desk.told[1], OrderRejected)
    assert desk.told[1].would_cross


def test_the_stream_may_be_quicker_than_the_reply() -> None:
    desk = Desk()
    desk.book.frame(order("closed"))
    desk.book.placed(order("new"), NAME)
    assert desk.kinds() == ["OrderRejected"]


def test_a_reply_that_it_is_closed_is_one_too() -> None:
    desk = Desk()
    desk.book.placed(order("closed"), NAME)
    desk.book.frame(order("closed"))
    assert desk.kinds() == ["OrderRejected"]


@pytest.mark.parametrize("how", ["it rested", "later", "partly filled", "no quote"])
def test_every_other_end_is_an_end(how: str) -> None:
    desk = Desk()
    plain = how == "no quote"
    desk.book.placed(order("new", post_only=not plain), NAME)
    if how == "it rested":
        desk.book.frame(order("open"))
    if how == "later":
        desk.now += CROSSED_NS + 1
    desk.book.frame(order("closed", post_only=not plain, filled="1" if how == "partly filled" else "0"))
    assert [type(event) for event in desk.told] == [OrderAccepted, OrderCanceled]


def test_a_quote_that_rested_before_this_process_did_not_cross() -> None:
    """Nobody here has seen it `open`; its end by our own cancel is no refusal."""
    desk = Desk()
    desk.now += CROSSED_NS
    desk.book.frame(order("closed"))
    assert desk.kinds() == ["OrderAccepted", "OrderCanceled"]
