"""Backstops resting at the venue (SEMANTICS 8): one for each thing that stands alone, never less than one."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import Purpose, Side
from services.domain.events import OrderAccepted, OrderCanceled, OrderFilled, OrderRejected
from services.domain.orders import OrderRequest
from services.execution.actions import Actions, CancelOrder, Escalate, Place
from services.execution.backstops import BackstopBook, BackstopState, Want
from services.execution.ids import IdCounter
from services.execution.stop_levels import backstop_level
from services.execution.table import OrderTable
from services.settings.parameters import Settings
from tests.execution.builders import BTC_A, INSTRUMENTS, MS, SECOND, START, USDT_A

D = Decimal


class Desk:
    """Carries out what the book asks for, and answers as a venue would."""

    def __init__(self) -> None:
        self.table = OrderTable(Settings().exec)
        self.book = BackstopBook(Settings(), INSTRUMENTS, IdCounter("abc123"))
        self.now = START
        self.placed: list[OrderRequest] = []
        self.asked: list[str] = []
        self.pages: list[Escalate] = []
        self.trades = 0

    def sync(self, *wants: Want, paused: tuple[str, ...] = ()) -> None:
        self.carry(self.book.sync({want.key: want for want in wants}, self.now, paused))

    def carry(self, actions: Actions) -> None:
        for action in actions:
            match action:
                case Place():
                    order = action.order
                    self.placed.append(order)
                    self.table.add(order, self.now)
                    self.table.sent(order.client_order_id, self.now)
                case CancelOrder():
                    self.asked.append(action.client_order_id)
                    self.table.cancel_sent(action.client_order_id, self.now)
                case Escalate():
                    self.pages.append(action)
                case _:
                    continue

    def tell(self, event: OrderAccepted | OrderRejected | OrderCanceled | OrderFilled) -> None:
        applied = self.table.apply(event, self.now)
        assert applied.entry is not None
        self.carry(self.book.on_order(applied.entry, self.now))

    def accept(self, order: OrderRequest) -> None:
        self.tell(
            OrderAccepted("alpha", order.client_order_id, f"v{order.client_order_id}", self.now, self.now)
        )

    def reject(self, order: OrderRequest, why: str = "no") -> None:
        self.tell(OrderRejected("alpha", order.client_order_id, why, self.now, self.now))

    def cancel(self, order: OrderRequest) -> None:
        self.tell(OrderCanceled("alpha", order.client_order_id, "gone", D(0), self.now, self.now))

    def fill(self, order: OrderRequest, quantity: str) -> None:
        self.trades += 1
        self.tell(
            OrderFilled(
                venue="alpha",
                instrument=order.instrument,
                client_order_id=order.client_order_id,
                venue_order_id="",
                trade_id=f"t{self.trades}",
                side=order.side,
                quantity=D(quantity),
                price=D(22000),
                fee=D(0),
                fee_coin="USDT",
                ts_event=self.now,
                ts=self.now,
            )
        )

    def resting(self) -> list[OrderRequest]:
        return [entry.request for entry in self.table.open_orders()]


def want(size: str, entry: str = "23000", instrument: str = BTC_A, pair: str | None = None) -> Want:
    return Want(
        instrument=instrument, size=D(size), entry=D(entry), pair=pair, leg=1 if pair is not None else 0
    )


@pytest.mark.parametrize(
    ("size", "entry", "side", "trigger"),
    [("0.5", "23000.03", Side.SELL, "22080.0"), ("-0.5", "23000.03", Side.BUY, "23920.1")],
)
def test_a_backstop_is_conditional_reduce_only_and_four_percent_away(
    size: str, entry: str, side: Side, trigger: str
) -> None:
    desk = Desk()
    desk.sync(want(size, entry))
    (order,) = desk.placed
    assert (order.side, order.trigger, order.quantity, order.reduce_only) == (
        side,
        D(trigger),
        D("0.5"),
        True,
    )
    assert order.purpose is Purpose.STOP
    assert order.price is not None
    assert (order.price - D(trigger)) * side.sign > 0, "released it must reach into the book"
    assert desk.book.level(BTC_A) is None, "sent is not resting"
    desk.accept(order)
    assert desk.book.level(BTC_A) == D(trigger)


def test_bug_g9_a_pegged_instrument_has_its_backstop_in_basis_points() -> None:
    assert backstop_level(INSTRUMENTS[USDT_A], Settings().stop, 1, D(1)) == D("0.985")
    assert backstop_level(INSTRUMENTS[USDT_A], Settings().stop, -1, D(1)) == D("1.015")


def test_a_larger_position_gets_the_new_one_before_the_old_one_goes() -> None:
    desk = Desk()
    desk.sync(want("0.5"))
    desk.accept(desk.placed[0])
    desk.now += 5 * SECOND
    desk.sync(want("0.8", "23100"))
    assert [order.quantity for order in desk.placed] == [D("0.5"), D("0.8")]
    assert desk.asked == [], "the old one stays until the new one rests"
    desk.accept(desk.placed[1])
    desk.sync(want("0.8", "23100"))
    assert desk.asked == [desk.placed[0].client_order_id]
    desk.cancel(desk.placed[0])
    desk.sync(want("0.8", "23100"))
    assert [order.quantity for order in desk.resting()] == [D("0.8")]
    assert len(desk.placed) == 2


def test_adding_at_a_worse_price_never_loosens_what_rests() -> None:
    desk = Desk()
    desk.sync(want("0.5", "23000"))
    desk.accept(desk.placed[0])
    desk.now += 5 * SECOND
    desk.sync(want("0.8", "22000"))
    assert desk.placed[1].trigger == desk.placed[0].trigger
    desk.now += 60 * SECOND
    desk.accept(desk.placed[1])
    desk.sync(want("0.8", "24000"))
    assert desk.placed[2].trigger == D("23040.0")


def test_flat_cancels_it_and_the_next_episode_begins_anew() -> None:
    """G5: the next position inherits nothing, though its side and size be the same."""
    desk = Desk()
    desk.sync(want("0.5", "23000"))
    desk.accept(desk.placed[0])
    desk.sync()
    assert desk.asked == [desk.placed[0].client_order_id]
    desk.sync(want("0.5", "20000"))
    assert desk.placed[1].trigger == D("19200.0")
    desk.cancel(desk.placed[0])
    desk.accept(desk.placed[1])
    desk.sync(want("0.5", "20000"))
    assert [order.trigger for order in desk.resting()] == [D("19200.0")]


def test_a_flip_cancels_before_it_protects_the_other_side() -> None:
    desk = Desk()
    desk.sync(want("0.5"))
    desk.accept(desk.placed[0])
    desk.sync(want("-0.3"))
    assert desk.asked == [desk.placed[0].client_order_id]
    assert len(desk.placed) == 1
    desk.cancel(desk.placed[0])
    desk.sync(want("-0.3"))
    assert [order.side for order in desk.resting()] == [Side.BUY]


def test_a_refusal_is_told_and_tried_again_ever_later() -> None:
    desk = Desk()
    waits = []
    desk.sync(want("0.5"))
    for _ in range(9):
        desk.reject(desk.placed[-1], "would trigger at once")
        assert desk.book.refusal(BTC_A) == "would trigger at once"
        before, tried = desk.now, len(desk.placed)
        while len(desk.placed) == tried:
            desk.now += 500 * MS
            desk.sync(want("0.5"))
        waits.append((desk.now - before) // SECOND)
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert max(waits) == 60
    assert {page.name for page in desk.pages} == {"backstop"}
    desk.accept(desk.placed[-1])
    assert desk.book.refusal(BTC_A) == ""


def test_one_that_is_lost_at_the_venue_is_placed_again() -> None:
    desk = Desk()
    desk.sync(want("0.5"))
    desk.accept(desk.placed[0])
    desk.now += 30 * SECOND
    desk.cancel(desk.placed[0])
    assert desk.book.level(BTC_A) is None
    desk.now += SECOND
    desk.sync(want("0.5"))
    assert len(desk.resting()) == 1
    assert len(desk.placed) == 2


def test_silence_is_never_answered_by_a_second_order() -> None:
    desk = Desk()
    desk.sync(want("0.5"))
    for _ in range(50):
        desk.now += SECOND
        desk.sync(want("0.7"))
        desk.table.due(desk.now)
    assert len(desk.placed) == 1


def test_a_released_one_is_left_to_work_and_what_it_leaves_gets_a_new_one() -> None:
    desk = Desk()
    desk.sync(want("0.5"))
    desk.accept(desk.placed[0])
    assert desk.book.waiting(desk.placed[0].client_order_id)
    desk.fill(desk.placed[0], "0.2")
    assert not desk.book.waiting(desk.placed[0].client_order_id)
    assert desk.book.released(BTC_A)
    desk.now += 10 * SECOND
    desk.sync(want("0.3"))
    assert (len(desk.placed), desk.asked) == (1, [])
    desk.tell(
        OrderCanceled("alpha", desk.placed[0].client_order_id, "book empty", D("0.2"), desk.now, desk.now)
    )
    assert not desk.book.released(BTC_A)
    desk.sync(want("0.3"))
    assert desk.placed[1].quantity == D("0.3")
    assert desk.pages == []


def test_a_flatten_pauses_new_ones_and_keeps_those_that_rest() -> None:
    desk = Desk()
    desk.sync(want("0.5"), paused=(BTC_A,))
    assert desk.placed == []
    desk.sync(want("0.5"))
    desk.accept(desk.placed[0])
    desk.now += 9 * SECOND
    desk.sync(want("0.4"), paused=(BTC_A,))
    assert (len(desk.placed), desk.asked) == (1, [])


def test_a_naked_leg_has_one_of_its_own_beside_an_unpaired_position() -> None:
    desk = Desk()
    desk.sync(want("-0.5"), want("-0.2", pair="P-01"))
    assert [(order.pair, order.leg, order.quantity) for order in desk.placed] == [
        (None, 0, D("0.5")),
        ("P-01", 1, D("0.2")),
    ]


def test_after_a_restart_a_lost_row_is_adopted_and_doubles_nothing() -> None:
    desk = Desk()
    old = OrderRequest(
        client_order_id="abc123000000001s0000",
        instrument=BTC_A,
        side=Side.SELL,
        quantity=D("0.5"),
        price=D("21000"),
        reduce_only=True,
        trigger=D("22080.0"),
        purpose=Purpose.STOP,
        origin="desk",
    )
    entry = desk.table.adopt(old, "v9", D(0), desk.now, desk.now)
    desk.book.adopt(want("0.5"), entry, desk.now)
    desk.sync(want("0.5"))
    assert desk.placed == []
    assert desk.book.level(BTC_A) == D("22080.0")
    desk.sync()
    assert desk.asked == [old.client_order_id], "nothing stands alone there any more"
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(desk.book.state), type=BackstopState)
    assert state == desk.book.state


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-3, 3), st.sampled_from(["accept", "reject", "cancel", "silence"])), max_size=25
    )
)
def test_whatever_a_venue_answers_it_comes_to_one_order_of_the_right_size(
    steps: list[tuple[int, str]],
) -> None:
    desk = Desk()
    size = 0
    for size, answer in steps:
        desk.now += 3 * SECOND
        wants = (want(str(D(size) / 10)),) if size else ()
        desk.sync(*wants)
        assert len(desk.resting()) <= 3
        for entry in desk.table.open_orders():
            order = entry.request
            if order.client_order_id in desk.asked or answer == "cancel":
                desk.cancel(order)
            elif answer == "reject" and entry.answered is None:
                desk.reject(order)
            elif answer == "accept":
                desk.accept(order)
    for _ in range(30):
        desk.now += 70 * SECOND
        desk.sync(*((want(str(D(size) / 10)),) if size else ()))
        for entry in desk.table.open_orders():
            if entry.id in desk.asked:
                desk.cancel(entry.request)
            elif entry.answered is None:
                desk.accept(entry.request)
    left = [(order.quantity, order.side) for order in desk.resting()]
    assert left == ([(abs(D(size)) / 10, Side.SELL if size > 0 else Side.BUY)] if size else [])
