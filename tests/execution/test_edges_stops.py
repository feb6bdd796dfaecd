"""Edges of the local stops, each once changed unnoticed (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import OrderState, Side
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.execution.actions import Action, Actions, Arm, Disarm, Escalate
from services.execution.entries import OrderEntry
from services.execution.ids import IdCounter
from services.execution.stops import StopBook
from services.settings.parameters import Settings
from tests.execution.builders import BTC_A, BTC_B, INSTRUMENTS, MS, SECOND, START, USDC_B, USDT_A, Book
from tests.execution.test_stops import places

D = Decimal
DWELL = 400 * MS


def book(instruments: dict[str, Instrument] | None = None) -> StopBook:
    return StopBook(Settings(), instruments or INSTRUMENTS, IdCounter("abc123"))


def triggered(size: str = "0.5", at: str = "22000", prices: Book | None = None) -> tuple[StopBook, Actions]:
    stops = book()
    stops.on_position(BTC_A, D(size), D(23_000), D(23_000), START)
    return stops, stops.on_mark(BTC_A, D(at), START, prices or Book())


def ended(order: OrderRequest) -> OrderEntry:
    entry = OrderEntry(order, "alpha")
    entry.state = OrderState.CANCELED
    return entry


def other(actions: tuple[Action, ...], kind: type) -> list[Action]:
    return [action for action in actions if isinstance(action, kind)]


@pytest.mark.parametrize(("sign", "side"), [(1, Side.SELL), (-1, Side.BUY)])
def test_a_triggered_stop_from_the_first_band_to_the_longest_wait(sign: int, side: Side) -> None:
    """Five bands, one dwell each; then the last one again at 2, 4, ... 32 dwells, paged once."""
    bands = [20, 50, 100, 200, 500]
    stops = book()
    stops.on_position(BTC_A, D(sign) / 2, D(23_000), D(23_000), START)
    now, prices = START, Book(lasts={BTC_A: D(9)})
    actions = stops.on_mark(BTC_A, D(23_000 - 1000 * sign), now, prices)
    pages = 0
    for attempt in range(1, 13):
        (place,) = places(actions)
        order = place.order
        off = D(23_000) * bands[min(attempt, 5) - 1] / 10_000
        assert (order.side, order.quantity, order.price) == (side, D("0.5"), D(23_000) - sign * off)
        assert (order.attempt, order.decided_mid) == (attempt, D(23_000))
        assert order.client_order_id.endswith(f"s0{'0123456789abc'[attempt].zfill(3)}")
        due = now + DWELL * 2 ** min(max(attempt - 5, 0), 5)
        assert other(actions, Arm) == [Arm(f"stop:{BTC_A}", due)]
        found = other(actions, Escalate)
        assert all(isinstance(page, Escalate) and page.reducing for page in found)
        pages += len(found)
        assert pages == (1 if attempt > 5 else 0)
        assert stops.on_mark(BTC_A, D(23_000 - 1000 * sign), due, prices) == (), "one at a time"
        assert stops.on_timer(BTC_A, due, prices) == ()
        assert stops.on_order(ended(order), now + 1, prices) == (Arm(f"stop:{BTC_A}", due),)
        now = due
        actions = stops.on_timer(BTC_A, now, prices)


def test_without_any_price_it_comes_back_for_one() -> None:
    stops, actions = triggered(prices=Book(mids={}))
    assert actions == (Arm(f"stop:{BTC_A}", START + DWELL),)
    (place,) = places(stops.on_timer(BTC_A, START + DWELL, Book(mids={}, lasts={BTC_A: D(22_000)})))
    assert (place.order.price, place.order.decided_mid, place.order.attempt) == (D(21_956), None, 1)


def test_only_its_own_order_and_its_own_trigger_move_it() -> None:
    stops = book()
    stops.on_position(BTC_A, D("0.5"), D(23_000), D(23_000), START)
    assert stops.on_timer(BTC_A, START, Book()) == ()
    assert stops.on_timer(BTC_B, START, Book()) == ()
    assert stops.on_mark(BTC_B, D(1), START, Book()) == ()
    for mark in ("0", "-1"):
        assert stops.on_mark(BTC_A, D(mark), START, Book()) == ()
    actions = stops.on_mark(BTC_A, D(22_000), START, Book())
    order = places(actions)[0].order
    later = START + SECOND
    backstop = msgspec.structs.replace(order, client_order_id="abc123000000099s0000")
    assert stops.on_order(ended(backstop), later, Book()) == ()
    elsewhere = msgspec.structs.replace(order, instrument=BTC_B)
    assert stops.on_order(ended(elsewhere), later, Book()) == ()
    working = ended(order)
    working.state = OrderState.ACCEPTED
    assert stops.on_order(working, later, Book()) == ()
    assert len(places(stops.on_order(ended(order), later, Book()))) == 1


def test_marks_and_best_prices_below_a_dollar_count() -> None:
    stops = book()
    stops.on_position(USDT_A, D(1000), D(1), D(1), START)
    assert len(places(stops.on_mark(USDT_A, D("0.99"), START, Book()))) == 1
    stops.on_position(USDC_B, D(-1000), D("0.99"), D("0.99"), START, best=D("0.95"))
    short = stops.get(USDC_B)
    assert short is not None
    assert (short.best, short.trailing, short.level) == (D("0.95"), True, D("0.95") * D("1.0025"))


@pytest.mark.parametrize("mark", [None, "0", "-5"])
def test_a_mark_that_is_none_trails_nothing(mark: str | None) -> None:
    stops = book()
    stops.on_position(BTC_A, D(-1), D(23_000), None if mark is None else D(mark), START)
    stop = stops.get(BTC_A)
    assert stop is not None
    assert (stop.best, stop.trailing, stop.level) == (D(23_000), False, D(23_460))


@pytest.mark.parametrize("entry", [None, "0", "-1"])
def test_without_an_entry_price_there_is_no_stop_and_it_is_said(entry: str | None) -> None:
    stops = book()
    (page,) = stops.on_position(BTC_A, D(1), None if entry is None else D(entry), D(23_000), START)
    assert isinstance(page, Escalate)
    assert page.name == "no stop"
    assert stops.get(BTC_A) is None
    assert stops.on_position("DOGE-PERP.alpha", D(1), D(1), D(1), START) == ()
    assert stops.on_position(BTC_A, D(0), D(1), D(1), START) == ()
    assert stops.state.stops == {}


def test_a_size_that_grows_tightens_and_one_that_does_not_leaves_the_level() -> None:
    stops = book()
    levels = []
    for size, entry in (("0.5", 23_000), ("0.5", 24_000), ("0.4", 24_000), ("0.6", 24_000), ("0.9", 22_000)):
        stops.on_position(BTC_A, D(size), D(entry), D(23_000), START)
        stop = stops.get(BTC_A)
        assert stop is not None
        assert (stop.size, stop.entry) == (D(size), D(entry))
        levels.append(stop.level)
    assert levels == [D(22_540)] * 3 + [D(23_520)] * 2


@pytest.mark.parametrize("size", ["0", "-0.3"])
def test_the_end_of_a_triggered_episode_takes_its_timer_with_it(size: str) -> None:
    stops, _ = triggered()
    assert stops.on_position(BTC_A, D(size), D(22_000), None, START) == (Disarm(f"stop:{BTC_A}"),)
    quiet = book()
    quiet.on_position(BTC_A, D("0.5"), D(23_000), D(23_000), START)
    assert quiet.on_position(BTC_A, D(size), D(22_000), None, START) == ()


@pytest.mark.parametrize(
    ("size", "lot", "least", "quantity"),
    [
        ("0.0014", "0.001", "0.001", "0.001"),
        ("0.0014", "0.001", "0.002", None),
        ("0.0004", "0.001", "0", None),
    ],
)
def test_dust_is_not_sent(size: str, lot: str, least: str, quantity: str | None) -> None:
    facts = msgspec.structs.replace(INSTRUMENTS[BTC_A], size_increment=D(lot), min_size=D(least))
    stops = book({BTC_A: facts})
    stops.on_position(BTC_A, D(size), D(23_000), D(23_000), START)
    found = [place.order.quantity for place in places(stops.on_mark(BTC_A, D(1), START, Book()))]
    assert found == ([] if quantity is None else [D(quantity)])


def test_it_stands_down_for_a_backstop_at_work_and_goes_on_after_it() -> None:
    stops = book()
    assert stops.stand_down(BTC_A, True, START, Book()) == ()
    stops.on_position(BTC_A, D("0.5"), D(23_000), D(23_000), START)
    assert stops.stand_down(BTC_A, False, START, Book()) == ()
    assert stops.stand_down(BTC_A, True, START, Book()) == ()
    assert stops.on_mark(BTC_A, D(22_000), START, Book()) == ()
    assert stops.stand_down(BTC_A, True, START, Book()) == ()
    assert len(places(stops.stand_down(BTC_A, False, START, Book()))) == 1
    went, actions = triggered()
    went.on_order(ended(places(actions)[0].order), START, Book())
    assert went.stand_down(BTC_A, False, START + SECOND, Book()) == (), (
        "it has not stood down: its timer fires"
    )
    quiet = book()
    quiet.on_position(BTC_A, D("0.5"), D(23_000), D(23_000), START)
    quiet.stand_down(BTC_A, True, START, Book())
    assert quiet.stand_down(BTC_A, False, START, Book()) == (), "it has not triggered"


# -- naked legs --


@pytest.mark.parametrize("sign", [1, -1])
def test_a_naked_leg_has_a_stop_that_trails_and_is_crossed_once(sign: int) -> None:
    stops = book()
    stops.on_naked("P-01", BTC_A, D(sign) / 2, D(23_000), None)
    stop = stops.of_leg("P-01", BTC_A)
    assert stop is not None
    assert (stop.sign, stop.size, stop.level) == (sign, D("0.5"), D(23_000) - 460 * sign)
    assert stops.of_leg("P-01", BTC_B) is None
    assert stops.of_leg("P-02", BTC_A) is None
    best = D(23_000 + 1000 * sign)
    for mark in (D(0), D(-1), best):
        assert not stops.naked_crossed("P-01", mark, START)
    level = best * (1 - sign * D("0.01"))
    assert stop.level == level
    assert not stops.naked_crossed("P-01", level + sign, START)
    assert [stops.naked_crossed("P-01", level, START + 7) for _ in range(2)] == [True, False]
    assert stop.triggered == START + 7
    assert not stops.naked_crossed("P-02", level, START)
    stops.hedged("P-01")
    stops.hedged("P-01")
    assert stops.of_leg("P-01", BTC_A) is None


def test_a_naked_leg_that_changes_its_size_keeps_its_level_and_one_that_turns_begins_anew() -> None:
    stops = book()
    stops.on_naked("P-01", USDT_A, D(-500), D(1), D("0.99"))
    first = stops.of_leg("P-01", USDT_A)
    assert first is not None
    assert (first.best, first.trailing, first.level) == (D("0.99"), True, D("0.99") * D("1.0025"))
    stops.on_naked("P-01", USDT_A, D(-700), D(2), D("0.98"))
    assert stops.of_leg("P-01", USDT_A) is first
    assert (first.size, first.entry) == (D(700), D(1))
    stops.on_naked("P-01", USDT_A, D("0.5"), D(1), D(0))
    turned = stops.of_leg("P-01", USDT_A)
    assert turned is not None
    assert (turned.sign, turned.size, turned.best, turned.level) == (1, D("0.5"), D(1), D("0.995"))
    stops.on_naked("P-01", USDC_B, D(-9), D(1), D(0))
    short = stops.of_leg("P-01", USDC_B)
    assert short is not None
    assert (short.best, short.level) == (D(1), D("1.005"))
    assert not stops.naked_crossed("P-01", D("0.9"), START)
    assert stops.naked_crossed("P-01", D("0.95"), START)
