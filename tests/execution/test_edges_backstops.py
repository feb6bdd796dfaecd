"""Edges of the backstops, ids and order facts: each was a change no test noticed (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import OrderState, OrderType, Purpose, Side, TimeInForce
from services.domain.events import CancelRejected, OrderReport
from services.domain.orders import OrderRequest, parse_client_order_id
from services.execution.actions import Arm, CancelOrder, Place
from services.execution.entries import OrderEntry
from services.execution.ids import IdCounter
from tests.execution.builders import BTC_A, BTC_B, SECOND, START, USDT_A
from tests.execution.test_backstops import Desk, want

D = Decimal


def asks(desk: Desk, order: OrderRequest) -> tuple[Decimal | None, bool, bool, bool]:
    """(where it rests, waiting, resting, released), as the desk asks."""
    name, book = order.client_order_id, desk.book
    return book.level(order.instrument), book.waiting(name), book.resting(name), book.released(BTC_A)


def test_what_the_book_says_of_an_order_through_all_its_life() -> None:
    desk = Desk()
    desk.sync(want("0.5"), want("7000", "0.99", USDT_A))
    order, other = desk.placed
    level = order.trigger
    assert asks(desk, order) == (None, True, False, False), "sent"
    desk.accept(order)
    assert asks(desk, order) == (level, True, True, False), "accepted"
    assert not desk.book.resting(other.client_order_id)
    desk.accept(other)
    desk.book.triggered(order.client_order_id)
    assert asks(desk, order) == (None, False, False, True), "released by the venue's list"
    assert asks(desk, other) == (other.trigger, True, True, True), "the other one still waits"
    unknown = msgspec.structs.replace(order, client_order_id="nobody", instrument=BTC_B)
    assert asks(desk, unknown) == (None, False, False, True)
    going = Desk()
    going.sync(want("0.5"))
    going.accept(going.placed[0])
    going.sync()
    assert asks(going, going.placed[0]) == (None, True, False, False), "asked to go"


@pytest.mark.parametrize(
    ("size", "trigger", "price"), [("0.5", "22080", "20976"), ("-0.5", "23920", "25116")]
)
def test_released_it_reaches_five_percent_into_the_book(size: str, trigger: str, price: str) -> None:
    desk = Desk()
    desk.sync(want(size))
    assert (desk.placed[0].trigger, desk.placed[0].price) == (D(trigger), D(price))


def test_a_size_that_changes_is_followed_once_a_second_and_the_timer_says_when() -> None:
    desk = Desk()
    first = desk.book.sync({BTC_A: want("0.5")}, desk.now)
    assert [type(action) for action in first] == [Place, Arm]
    assert first[1] == Arm("backstop", START + SECOND)
    desk.carry(first)
    desk.accept(desk.placed[0])
    desk.now += SECOND - 1
    both = {BTC_A: want("0.6"), USDT_A: want("7000", "0.99", USDT_A)}
    actions = desk.book.sync(both, desk.now)
    assert [action.order.instrument for action in actions if isinstance(action, Place)] == [USDT_A]
    assert [action for action in actions if isinstance(action, Arm)] == [], "the earlier time stands already"
    desk.carry(actions)
    desk.accept(desk.placed[1])
    desk.now += 1
    desk.book.state.armed = None
    wide = dict(both, **{BTC_A: want("0.6")})
    actions = desk.book.sync(wide, desk.now)
    assert [action.order.quantity for action in actions if isinstance(action, Place)] == [D("0.6")]
    assert [action for action in actions if isinstance(action, Arm)] == [
        Arm("backstop", desk.now + SECOND - 1)
    ]
    desk.now += 2 * SECOND
    desk.carry(actions)
    desk.accept(desk.placed[2])
    assert not [each for each in desk.book.sync(wide, desk.now) if isinstance(each, Arm)], "nothing waits"
    at_once = Desk()
    at_once.sync(want("0.5"))
    at_once.now += SECOND
    at_once.book.state.armed = None
    assert at_once.book.sync({BTC_A: want("0.5")}, at_once.now) == (), "a time that has come is not set again"


def test_one_that_turned_over_does_not_hold_up_the_next() -> None:
    desk = Desk()
    desk.sync(want("0.5"))
    desk.accept(desk.placed[0])
    desk.sync(want("-0.3"), want("7000", "0.99", USDT_A))
    assert [order.instrument for order in desk.placed] == [BTC_A, USDT_A]
    desk.sync(want("-0.3"), want("7000", "0.99", USDT_A))
    assert desk.asked == [desk.placed[0].client_order_id], "asked once"


def test_an_order_found_by_the_read_joins_what_is_known_and_changes_nothing_of_it() -> None:
    desk = Desk()
    desk.sync(want("0.5"))
    (known,) = desk.placed
    entry = desk.table.get(known.client_order_id)
    assert entry is not None
    desk.book.adopt(want("0.5"), entry, desk.now)
    assert desk.book.level(BTC_A) is None, "an order whose answer is awaited is not resting by that"
    other = msgspec.structs.replace(known, client_order_id="abc123000000099s0000", trigger=D(22100))
    desk.book.adopt(want("0.5"), desk.table.adopt(other, "v7", D(0), desk.now, desk.now), desk.now)
    plain = msgspec.structs.replace(known, client_order_id="abc123000000098s0000", trigger=None)
    desk.book.adopt(want("0.5"), desk.table.adopt(plain, "v8", D(0), desk.now, desk.now), desk.now)
    stop = desk.book.state.stops[BTC_A]
    assert list(stop.orders) == [other.client_order_id, known.client_order_id]
    desk.book.adopt(want("0.5"), entry, desk.now)
    assert list(stop.orders) == [other.client_order_id, known.client_order_id], "the newest stays the newest"
    assert desk.book.level(BTC_A) == D(22100)
    desk.accept(known)
    desk.book.triggered(other.client_order_id)
    desk.sync(want("0.5"))
    assert desk.asked == [other.client_order_id], "the newest one covers all of it"


def test_a_cancel_that_was_refused_is_asked_again() -> None:
    desk = Desk()
    desk.sync(want("0.5"))
    (order,) = desk.placed
    desk.accept(order)
    desk.sync()
    name = order.client_order_id
    for event in (
        CancelRejected("alpha", name, "busy", desk.now, desk.now),
        OrderReport(
            venue="alpha", client_order_id=name, found=True, state=OrderState.ACCEPTED,
            ts_event=desk.now + 1, ts=desk.now + 1,
        ),
    ):  # fmt: skip
        applied = desk.table.apply(event, desk.now)
        assert applied.entry is not None
        desk.carry(desk.book.on_order(applied.entry, desk.now))
    desk.sync()
    assert desk.asked == [name, name]


@pytest.mark.parametrize("who", ["the book, crossed by the venue's own end", "somebody else"])
def test_an_end_that_was_asked_for_is_no_loss(who: str) -> None:
    desk = Desk()
    desk.sync(want("0.5"))
    (order,) = desk.placed
    desk.accept(order)
    if who == "somebody else":
        desk.table.cancel_sent(order.client_order_id, desk.now)
    else:
        assert desk.book.sync({}, desk.now) == (CancelOrder(order.client_order_id),)
    desk.cancel(order)
    assert desk.pages == []
    assert all(stop.failures == 0 for stop in desk.book.state.stops.values())


def test_an_end_without_words_is_named_by_its_state_and_its_number_counts_the_refusals() -> None:
    desk = Desk()
    desk.sync(want("0.5"))
    desk.reject(desk.placed[0], "")
    assert desk.book.refusal(BTC_A) == "rejected"
    desk.now += SECOND
    desk.sync(want("0.5"))
    parts = [parse_client_order_id(order.client_order_id) for order in desk.placed]
    assert [(part.purpose, part.attempt) for part in parts if part] == [(Purpose.STOP, 0), (Purpose.STOP, 1)]


def test_the_next_episode_of_a_short_inherits_neither_level_nor_refusals() -> None:
    desk = Desk()
    desk.sync(want("-0.5", "23000"))
    desk.accept(desk.placed[0])
    desk.sync()
    desk.sync(want("-0.5", "26000"))
    assert desk.placed[1].trigger == D(27040)
    desk.reject(desk.placed[1])
    desk.now += SECOND
    desk.sync(want("-0.5", "26000"))
    assert len(desk.placed) == 3, "the first refusal waits a second"


def order(**changes: object) -> OrderRequest:
    facts: dict[str, object] = {
        "client_order_id": "o1", "instrument": BTC_A, "side": Side.BUY, "quantity": D(2), "price": D(23_000),
        "purpose": Purpose.ENTRY, "origin": "desk", **changes,
    }  # fmt: skip
    return msgspec.convert(facts, OrderRequest)


def test_what_cannot_rest_and_what_a_fill_cost_on_average() -> None:
    kinds = [
        (TimeInForce.IOC, OrderType.LIMIT, True),
        (TimeInForce.GTC, OrderType.MARKET, True),
        (TimeInForce.IOC, OrderType.MARKET, True),
        (TimeInForce.GTC, OrderType.LIMIT, False),
    ]
    for tif, kind, immediate in kinds:
        assert OrderEntry(order(tif=tif, type=kind), "alpha").immediate is immediate
    entry = OrderEntry(order(), "alpha")
    assert entry.avg_price is None
    entry.filled, entry.cost = D("0.5"), D(11_600)
    assert entry.avg_price == D(23_200)


def test_numbers_follow_one_another_and_the_attempt_wraps() -> None:
    ids = IdCounter("abc123")
    drawn = [ids.draw(Purpose.STOP, 1, attempt) for attempt in (35, 36**3 - 1, 36**3)]
    assert drawn == ["abc123000000001s100z", "abc123000000002s1zzz", "abc123000000003s1000"]
    assert [ids.number(), ids.number()] == [4, 5]
    for name in ("äbc123", "Abc123", "abc12", "abc 12"):
        with pytest.raises(ValueError, match="six characters"):
            IdCounter(name)
