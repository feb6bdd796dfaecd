"""Orders that are made while their intents are being written: the same bytes, or made anew."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.domain.enums import OrderType, Purpose, Side
from services.domain.orders import OrderRequest
from services.venues.wire.ahead import KEPT_NS, MOST, Ahead
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.rest import Request

HEDGE = OrderRequest(
    client_order_id="abcdef000000001h1000", instrument="A.alpha", side=Side.SELL, quantity=Decimal("0.5"),
    price=Decimal(10), type=OrderType.LIMIT, purpose=Purpose.HEDGE, origin="desk",
)  # fmt: skip


class Bench:
    """Says a request by counting; `now` is its clock."""

    def __init__(self) -> None:
        self.now = 0
        self.said = 0
        self.ahead = Ahead(self.say, lambda: self.now)

    def say(self, request: Request) -> bytes:
        self.said += 1
        return request.body

    def make(self, order: OrderRequest) -> None:
        self.ahead.make(order, lambda: request_of(order))


def request_of(order: OrderRequest) -> Request:
    return Request(method="POST", path="/orders", body=str(order.quantity).encode())


def test_it_is_taken_once_and_is_the_order_that_was_made() -> None:
    bench = Bench()
    bench.make(HEDGE)
    made = bench.ahead.take(replace(HEDGE))
    assert made is not None
    assert (made.order, made.request, made.said) == (HEDGE, request_of(HEDGE), b"0.5")
    assert bench.ahead.take(HEDGE) is None, "a second send would be of bytes that were sent"


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": Decimal("0.4")},
        {"price": Decimal(11)},
        {"side": Side.BUY},
        {"reduce_only": True},
        {"instrument": "B.alpha"},
        {"post_only": True},
    ],
)
def test_another_order_of_the_same_name_is_made_anew(change: dict[str, object]) -> None:
    bench = Bench()
    bench.make(HEDGE)
    assert bench.ahead.take(replace(HEDGE, **change)) is None
    assert bench.ahead.take(HEDGE) is None


@pytest.mark.parametrize(("later", "kept"), [(KEPT_NS - 1, True), (KEPT_NS, False), (-1, False)])
def test_a_time_stamp_that_has_grown_old_is_not_sent(later: int, kept: bool) -> None:
    bench = Bench()
    bench.make(HEDGE)
    bench.now += later
    assert (bench.ahead.take(HEDGE) is not None) is kept


@pytest.mark.parametrize("error", [WireError(ErrorKind.AUTH, "no key"), ValueError("a line break")])
def test_what_cannot_be_made_is_left_to_the_submit(error: Exception) -> None:
    def say(request: Request) -> bytes:
        raise error

    ahead = Ahead(say)
    ahead.make(HEDGE, lambda: request_of(HEDGE))
    assert ahead.take(HEDGE) is None


def test_orders_that_were_never_sent_do_not_pile_up() -> None:
    bench = Bench()
    names = [f"abcdef{number:09d}h1000" for number in range(MOST + 3)]
    for name in names:
        bench.make(replace(HEDGE, client_order_id=name))
    kept = [name for name in names if bench.ahead.take(replace(HEDGE, client_order_id=name)) is not None]
    assert kept == names[3:]
