"""Stops of unpaired positions (SEMANTICS 8)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import Purpose, Side
from services.execution.actions import Action, Arm, Escalate, Place
from services.execution.ids import IdCounter
from services.execution.stops import Stop, StopBook, StopBookState, crossed, follow, initial_level, rule_for
from services.execution.table import OrderTable
from services.settings.parameters import Settings
from tests.execution.builders import BTC_A, INSTRUMENTS, MS, START, USDT_A, Book

D = Decimal
RULE = rule_for(INSTRUMENTS[BTC_A], Settings().stop)
MARKS = st.lists(st.integers(800, 1200).map(D), min_size=1, max_size=30)


def book() -> StopBook:
    return StopBook(Settings(), INSTRUMENTS, IdCounter("abc123"))


def places(actions: tuple[Action, ...]) -> list[Place]:
    return [action for action in actions if isinstance(action, Place)]


@pytest.mark.parametrize(
    ("sign", "entry", "marks", "level"),
    [
        (1, "1000", [], "980"),
        (-1, "1000", [], "1020"),
        (1, "1000", ["1009"], "980"),
        (1, "1000", ["1010"], "999.90"),
        (-1, "1000", ["990"], "999.90"),
        (1, "1000", ["1050", "1045"], "1039.50"),
        (-1, "1000", ["950", "955"], "959.50"),
    ],
)
def test_initial_level_activation_and_trail(sign: int, entry: str, marks: list[str], level: str) -> None:
    stops = book()
    stops.on_position(BTC_A, D(sign), D(entry), D(entry), START)
    for mark in marks:
        assert places(stops.on_mark(BTC_A, D(mark), START, Book())) == []
    stop = stops.get(BTC_A)
    assert stop is not None
    assert stop.level == D(level)


def test_instruments_on_a_stablecoin_have_stops_in_basis_points() -> None:
    """Bug A10: a stablecoin is no coin for two percent stops."""
    stops = book()
    stops.on_position(USDT_A, D(1000), D(1), D(1), START)
    assert stops.get(USDT_A).level == D("0.995")  # type: ignore[union-attr]
    stops.on_mark(USDT_A, D("1.0025"), START, Book())
    assert stops.get(USDT_A).level == D("1.0025") * D("0.9975")  # type: ignore[union-attr]


@settings(max_examples=80, deadline=None)
@given(MARKS, st.sampled_from([1, -1]))
def test_the_stop_only_ratchets(marks: list[Decimal], sign: int) -> None:
    stop = Stop(BTC_A, sign, D(1), D(1000), initial_level(RULE, sign, D(1000)), D(1000))
    for mark in marks:
        before = stop.level
        follow(stop, RULE, mark)
        assert (stop.level - before) * sign >= 0
        assert (stop.level - initial_level(RULE, sign, D(1000))) * sign >= 0


@settings(max_examples=80, deadline=None)
@given(MARKS)
def test_long_and_short_are_mirror_images(marks: list[Decimal]) -> None:
    """Mirrored at the entry: the same moves in favour activate both, at the same share of the best mark."""
    entry = D(1000)
    long = Stop(BTC_A, 1, D(1), entry, initial_level(RULE, 1, entry), entry)
    short = Stop(BTC_A, -1, D(1), entry, initial_level(RULE, -1, entry), entry)
    assert entry - long.level == short.level - entry
    for mark in marks:
        follow(long, RULE, mark)
        follow(short, RULE, 2 * entry - mark)
        assert long.trailing == short.trailing
        assert long.best - entry == entry - short.best
        if long.trailing:
            assert long.level == max(D(980), long.best * D("0.99"))
            assert short.level == min(D(1020), short.best * D("1.01"))


def test_the_level_itself_triggers() -> None:
    stop = Stop(BTC_A, 1, D(1), D(1000), D(980), D(1000))
    assert crossed(stop, D(980))
    assert not crossed(stop, D("980.1"))
    stop = Stop(BTC_A, -1, D(1), D(1000), D(1020), D(1000))
    assert crossed(stop, D(1020))
    assert not crossed(stop, D("1019.9"))


def test_flat_or_flipped_drops_the_state_and_adding_never_loosens() -> None:
    stops = book()
    stops.on_position(BTC_A, D(1), D(1000), D(1000), START)
    stops.on_mark(BTC_A, D(1100), START, Book())
    trailed = stops.get(BTC_A).level  # type: ignore[union-attr]
    stops.on_position(BTC_A, D(2), D(1050), D(1100), START)
    stop = stops.get(BTC_A)
    assert stop is not None
    assert (stop.level, stop.entry, stop.size) == (trailed, D(1050), D(2))
    stops.on_position(BTC_A, D(3), D(1120), D(1100), START)
    assert stop.level == D("1097.60")
    stops.on_position(BTC_A, D(-1), D(1000), D(1000), START)
    assert stops.get(BTC_A).level == D(1020)  # type: ignore[union-attr]
    stops.on_position(BTC_A, D(0), None, None, START)
    assert stops.get(BTC_A) is None


def test_a_position_that_grows_at_an_unknown_price_keeps_its_level_for_all_of_it() -> None:
    stops = book()
    stops.on_position(BTC_A, D(1), D(1000), D(1000), START)
    assert stops.on_position(BTC_A, D(3), None, D(1000), START) == ()
    stop = stops.get(BTC_A)
    assert stop is not None
    assert (stop.level, stop.size) == (D(980), D(3))


def test_after_a_restart_best_comes_from_the_store_else_from_the_mark_and_never_looser() -> None:
    stops = book()
    stops.on_position(BTC_A, D(1), D(1000), D(990), START, best=D(1100))
    assert stops.get(BTC_A).level == D(1089)  # type: ignore[union-attr]
    stops = book()
    stops.on_position(BTC_A, D(1), D(1000), D(1050), START)
    assert stops.get(BTC_A).level == D("1039.50")  # type: ignore[union-attr]
    stops = book()
    stops.on_position(BTC_A, D(1), D(1000), D(900), START)
    assert stops.get(BTC_A).level == D(980)  # type: ignore[union-attr]
    stops = book()
    assert any(isinstance(a, Escalate) for a in stops.on_position(BTC_A, D(1), None, D(1), START))


def test_a_crossed_stop_reduces_widens_its_band_and_escalates() -> None:
    stops, table, prices, now = book(), OrderTable(Settings().exec), Book(), START
    prices.mids[BTC_A] = D(22000)
    stops.on_position(BTC_A, D("0.5"), D(23000), D(23000), now)
    actions = stops.on_mark(BTC_A, D(22500), now, prices)
    limits, pages = [], []
    for _ in range(7):
        (place,) = places(actions)
        order = place.order
        assert (order.side, order.quantity, order.reduce_only) == (Side.SELL, D("0.500"), True)
        assert order.purpose is Purpose.STOP
        assert order.price is not None
        limits.append(order.price)
        entry = table.add(order, now)
        assert places(stops.on_mark(BTC_A, D(22400), now, prices)) == []  # one at a time
        table.denied(order.client_order_id, "nothing there", now)
        actions = stops.on_order(entry, now, prices)
        assert places(actions) == []
        stop = stops.get(BTC_A)
        assert stop is not None
        now = stop.next_at
        actions = stops.on_timer(BTC_A, now, prices)
        pages += [action for action in actions if isinstance(action, Escalate)]
    assert limits[:5] == [D("21956.0"), D("21890.0"), D("21780.0"), D("21560.0"), D("20900.0")]
    assert len(pages) == 1
    assert now > START + 5 * 400 * MS


def test_dust_is_not_retried_and_the_state_survives_a_restart() -> None:
    stops = book()
    stops.on_position(BTC_A, D("0.0004"), D(23000), D(23000), START)
    assert stops.on_mark(BTC_A, D(20000), START, Book()) == ()
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(stops.state), type=StopBookState)
    assert state == stops.state


def test_a_triggered_stop_with_dust_left_wakes_for_what_is_added_though_no_mark_comes() -> None:
    stops, prices = book(), Book()
    stops.on_position(BTC_A, D("0.0005"), D(23000), D(23000), START)
    assert stops.on_mark(BTC_A, D(22000), START, prices) == (), "dust is not sent"
    for entry, size in ((D(23000), D("0.5")), (None, D("0.7"))):
        (arm,) = stops.on_position(BTC_A, size, entry, None, START + MS)
        assert isinstance(arm, Arm)
        assert arm.due == START + MS
    (place,) = places(stops.on_timer(BTC_A, START + MS, prices))
    assert place.order.quantity == D("0.7")
