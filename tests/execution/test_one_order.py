"""A venue bounds what one order may be: whatever closes goes in several, for it would refuse the whole."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import OrderState, PairState, Purpose
from services.execution.flatten import FlattenMachine
from services.execution.pair_state import LONG
from services.settings.parameters import Settings
from tests.execution.builders import BTC_A, INSTRUMENTS, SECOND, START, Book
from tests.execution.hand import ODD, Hand, orders
from tests.execution.test_edges_flatten import Desk, View
from tests.execution.test_edges_stops import book, ended
from tests.execution.test_stops import places

D = Decimal
BOUND = D("0.2")
SMALL = msgspec.structs.replace(INSTRUMENTS[BTC_A], max_size=BOUND)


def test_a_quantity_is_cut_only_where_a_bound_is_known() -> None:
    assert INSTRUMENTS[BTC_A].one_order(D(500)) == 500
    assert (SMALL.one_order(D(500)), SMALL.one_order(D("0.1"))) == (BOUND, D("0.1"))


def test_a_triggered_stop_goes_in_several_orders() -> None:
    stops = book({**INSTRUMENTS, BTC_A: SMALL})
    stops.on_position(BTC_A, D("0.5"), D(23_000), D(23_000), START)
    now, sent = START, []
    actions = stops.on_mark(BTC_A, D(22_000), now, Book())
    for left in ("0.3", "0.1", "0"):
        (place,) = places(actions)
        sent.append(place.order.quantity)
        stops.on_position(BTC_A, D(left), D(23_000), D(22_000), now)
        now += SECOND
        actions = stops.on_order(ended(place.order), now, Book())
    assert sent == [BOUND, BOUND, D("0.1")]
    assert actions == ()


def test_a_flatten_goes_in_several_orders() -> None:
    view = View(held={BTC_A: D("0.5")})
    desk = Desk(view)
    desk.machine = FlattenMachine(Settings(), {**INSTRUMENTS, BTC_A: SMALL}, desk.ids, desk.pairs)
    (order,) = orders(desk.start()[1])
    assert order.quantity == BOUND
    view.held[BTC_A] = D("0.3")
    (again,) = orders(desk.news(order, OrderState.FILLED, "0.2"))
    assert again.quantity == BOUND


@pytest.mark.parametrize("bound", [None, "0.004"])
def test_a_leg_of_a_pair_that_is_closed_goes_in_several_orders(
    bound: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand().put(
        PairState.CLOSING, "0.1", "0.1", close_purpose=Purpose.STOP, close_reason="why", first=LONG
    )
    name = hand.pair.long.instrument
    if bound is not None:
        monkeypatch.setitem(ODD, name, msgspec.structs.replace(ODD[name], max_size=D(bound)))
    (order,) = (each for each in orders(hand.tick()) if each.instrument == name)
    assert order.quantity == (D("0.1") if bound is None else D(bound))
    assert hand.pair.orders[order.client_order_id].quantity == order.quantity
