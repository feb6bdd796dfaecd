"""Edges of the flatten, each found by a change of code that no test noticed (docs/mutants.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.domain.enums import OrderState, Side
from services.domain.events import AccountReport, PositionRow, WorkingRow
from services.domain.orders import OrderRequest
from services.execution.actions import Actions, Arm, Ask, CancelForeign, CancelOrder, Disarm, Flattened, Place
from services.execution.entries import OrderEntry
from services.execution.flatten import FlattenMachine, RestingOrder, Scope
from services.execution.flatten_close import is_dust
from services.execution.ids import IdCounter
from services.execution.pairs import PairMachine
from services.settings.parameters import Settings
from tests.execution.builders import BTC_A, BTC_B, INSTRUMENTS, MS, SECOND, START, USDT_A, Book

D = Decimal
SETTINGS = Settings()
ALL, ALPHA = Scope(), Scope(venue="alpha")


@dataclass
class View(Book):
    held: dict[str, Decimal] = field(default_factory=dict)
    rows: list[RestingOrder] = field(default_factory=list)

    def positions(self) -> dict[str, Decimal]:
        return {name: size for name, size in self.held.items() if size}

    def resting(self) -> tuple[RestingOrder, ...]:
        return tuple(self.rows)


@dataclass
class Desk:
    """A flatten machine, what it may look at, and the hands of a test."""

    view: View = field(default_factory=View)
    now: int = START

    def __post_init__(self) -> None:
        self.ids = IdCounter("abc123")
        self.pairs = PairMachine(SETTINGS, INSTRUMENTS, self.ids)
        self.machine = FlattenMachine(SETTINGS, INSTRUMENTS, self.ids, self.pairs)

    def start(self, scope: Scope = ALL) -> tuple[str, Actions]:
        return self.machine.start(scope, "why", "operator", self.now, self.view)

    def later(self, run: str, ns: int) -> Actions:
        self.now += ns
        return self.machine.on_timer(run, self.now, self.view)

    def read(
        self,
        venue: str = "alpha",
        *,
        at: int | None = None,
        orders: tuple[WorkingRow, ...] = (),
        **sizes: str,
    ) -> Actions:
        names = {"btc_a": BTC_A, "btc_b": BTC_B, "usdt_a": USDT_A, "doge_a": "DOGE-PERP.alpha"}
        report = AccountReport(
            venue=venue,
            request="r",
            balances=(),
            positions=tuple(PositionRow(names[n], D(s), D(1), None) for n, s in sizes.items()),
            orders=orders,
            ts_event=self.now if at is None else at,
            ts=self.now,
        )
        return self.machine.on_report(report, self.now, self.view)

    def news(self, order: OrderRequest, state: OrderState, filled: str = "0", text: str = "") -> Actions:
        entry = OrderEntry(request=order, venue="alpha", created=self.now, changed=self.now)
        entry.state, entry.filled, entry.text, entry.sent = state, D(filled), text, self.now
        return self.machine.on_order(entry, self.now, self.view)


def rest(name: str, instrument: str = BTC_A, **changes: Any) -> RestingOrder:
    facts = {
        "venue": instrument.rpartition(".")[2], "instrument": instrument, "client_order_id": name,
        "venue_order_id": f"v{name}", "reducing": False, "foreign": False, **changes,
    }  # fmt: skip
    return RestingOrder(**facts)


def of(actions: Actions, kind: type) -> list[Any]:
    return [action for action in actions if isinstance(action, kind)]


def orders(actions: Actions) -> list[OrderRequest]:
    return [action.order for action in of(actions, Place)]


# -- starting -------------------------------------------------------------------------------------------


def test_a_run_is_joined_by_its_own_scope_and_by_everything() -> None:
    desk = Desk(View(held={BTC_A: D(1)}))
    alpha, _ = desk.start(ALPHA)
    assert desk.start(ALPHA)[0] == alpha
    beta, _ = desk.start(Scope(venue="beta"))
    assert beta != alpha
    everything, _ = desk.start(ALL)
    assert everything not in (alpha, beta)
    assert desk.start(Scope(instrument=BTC_A))[0] == everything
    assert [run.id for run in desk.machine.running()] == [alpha, beta, everything]


def test_a_run_that_is_over_is_forgotten_when_the_next_begins() -> None:
    desk = Desk()
    first, actions = desk.start(ALPHA)
    assert [ask.venue for ask in of(actions, Ask)] == ["alpha"]
    desk.now += SECOND
    ended = desk.read("alpha")
    assert of(ended, Flattened)[0].flat
    assert of(ended, Disarm)
    assert desk.later(first, SECOND) == ()
    assert desk.machine.on_timer("f999", desk.now, desk.view) == ()
    second, _ = desk.start(ALPHA)
    assert list(desk.machine.state.runs) == [second]


def test_two_runs_never_close_one_position_at_once() -> None:
    desk = Desk(View(held={BTC_A: D(1)}))
    _, first = desk.start(Scope(instrument=BTC_A))
    assert len(orders(first)) == 1
    _, second = desk.start(ALPHA)
    assert orders(second) == []


# -- cancels --------------------------------------------------------------------------------------------


def test_increasing_orders_go_first_each_by_its_own_name_and_again_after_two_seconds() -> None:
    view = View(rows=[rest("ours"), rest("theirs", foreign=True, client_order_id="")])
    desk = Desk(view)
    run, actions = desk.start()
    assert [each.client_order_id for each in of(actions, CancelOrder)] == ["ours"]
    (foreign,) = of(actions, CancelForeign)
    assert (foreign.venue, foreign.instrument, foreign.venue_order_id) == ("alpha", BTC_A, "vtheirs")
    assert not of(desk.later(run, 2 * SECOND - 1), CancelOrder)
    again = desk.later(run, 1)
    assert len(of(again, CancelOrder)) == len(of(again, CancelForeign)) == 1
    view.rows.append(rest("new"))
    assert [each.client_order_id for each in of(desk.later(run, MS), CancelOrder)] == ["new"]


def test_reducing_orders_stay_until_all_is_closed() -> None:
    view = View(held={BTC_A: D(1)}, rows=[rest("stop", reducing=True)])
    desk = Desk(view)
    run, actions = desk.start()
    (order,) = orders(actions)
    assert not of(actions, CancelOrder)
    view.held[BTC_A] = D(0)
    assert [each.client_order_id for each in of(desk.news(order, OrderState.FILLED, "1"), CancelOrder)] == [
        "stop"
    ]
    view.rows.clear()
    assert {ask.venue for ask in of(desk.later(run, SECOND), Ask)} == {"alpha", "beta"}


def test_orders_out_of_scope_of_unknown_instruments_and_of_pairs_are_left_alone() -> None:
    view = View(
        rows=[rest("b", BTC_B), rest("x", "DOGE-PERP.alpha"), rest("gone", pair="P-99"), rest("in", USDT_A)]
    )
    desk = Desk(view)
    _, actions = desk.start(ALPHA)
    assert [each.client_order_id for each in of(actions, CancelOrder)] == ["gone", "in"]


def test_a_close_waits_two_seconds_for_what_is_against_it_and_no_longer() -> None:
    view = View(held={BTC_A: D(1), USDT_A: D(100)}, rows=[rest("up")])
    desk = Desk(view)
    run, actions = desk.start()
    assert [order.instrument for order in orders(actions)] == [USDT_A]
    assert orders(desk.later(run, 2 * SECOND - 1)) == []
    assert [order.instrument for order in orders(desk.later(run, 1))] == [BTC_A]
    doubtful = Desk(View(held={BTC_A: D(1)}, rows=[rest("up", in_doubt=True)]))
    assert [order.instrument for order in orders(doubtful.start()[1])] == [BTC_A]


def test_what_rests_to_reduce_is_canceled_once_it_stands_in_the_way() -> None:
    view = View(held={BTC_A: D(1)}, rows=[rest("stop", reducing=True), rest("far", USDT_A, reducing=True)])
    desk = Desk(view)
    run, actions = desk.start()
    (order,) = orders(actions)
    desk.now += MS
    assert not of(desk.news(order, OrderState.REJECTED, text="reduce only"), CancelOrder)
    refused = desk.later(run, 400 * MS)
    assert [each.client_order_id for each in of(refused, CancelOrder)] == ["stop"]
    assert len(orders(refused)) == 1


# -- closing orders -------------------------------------------------------------------------------------


def test_a_closing_order_is_reducing_banded_and_bounded_by_the_book_for_three_bands() -> None:
    view = View(held={BTC_A: D(12)})
    desk = Desk(view)
    run, actions = desk.start()
    bands = SETTINGS.exec.flatten_bands
    for attempt, quantity in ((1, 10), (2, 10), (3, 10), (4, 12), (5, 12), (6, 12)):
        (order,) = orders(actions)
        assert (order.side, order.quantity, order.reduce_only) == (Side.SELL, D(quantity), True)
        assert (order.attempt, order.decided_mid) == (attempt, D(23_000))
        off = bands[min(attempt - 1, len(bands) - 1)]
        assert order.price == D(23_000) - D(23_000) * off / 10_000
        desk.now += MS
        assert orders(desk.news(order, OrderState.CANCELED)) == []
        target = desk.machine.state.runs[run].targets[BTC_A]
        assert (target.refusals, target.last_refusal) == (attempt, "nothing inside the band")
        actions = desk.later(run, 399 * MS)
        assert len(orders(actions)) == 1 if attempt else True
    buying = Desk(View(held={BTC_A: D(-1)}))
    (order,) = orders(buying.start()[1])
    assert (order.side, order.price) == (Side.BUY, D(23_000) + D(46))


def test_after_a_part_fill_it_goes_on_at_once_in_the_same_band() -> None:
    view = View(held={BTC_A: D(12)})
    desk = Desk(view)
    run, actions = desk.start()
    (order,) = orders(actions)
    desk.now += MS
    desk.news(order, OrderState.CANCELED)
    (order,) = orders(desk.later(run, 399 * MS))
    assert order.attempt == 2
    view.held[BTC_A] = D(7)
    desk.now += MS
    (order,) = orders(desk.news(order, OrderState.CANCELED, "5"))
    assert (order.attempt, order.quantity) == (2, D(7))
    target = desk.machine.state.runs[run].targets[BTC_A]
    assert (target.refusals, target.last_refusal, target.sent) == (0, "", desk.now)


def test_an_order_of_ours_that_is_in_doubt_stops_the_close_until_its_word() -> None:
    view = View(held={BTC_A: D(1)})
    desk = Desk(view)
    run, actions = desk.start()
    (order,) = orders(actions)
    target = desk.machine.state.runs[run].targets[BTC_A]
    desk.news(order, OrderState.IN_DOUBT)
    assert target.in_doubt
    assert orders(desk.later(run, 5 * SECOND)) == []
    desk.news(msgspec.structs.replace(order, client_order_id="another"), OrderState.CANCELED)
    assert target.order == order.client_order_id
    desk.news(order, OrderState.CANCELED)
    assert not target.in_doubt


def test_a_remainder_the_venue_would_not_take_goes_with_the_rest() -> None:
    """10 of 10.0001 in the book would leave less than the least order: all of it is asked for."""
    view = View(held={BTC_A: D("10.0001")}, depths={BTC_A: D(10)})
    (order,) = orders(Desk(view).start()[1])
    assert order.quantity == D("10.000")
    thin = View(held={BTC_A: D("0.3")}, depths={BTC_A: D("0.2999")})
    (order,) = orders(Desk(thin).start()[1])
    assert order.quantity == D("0.299")
    least = View(held={BTC_A: D("0.3")}, depths={BTC_A: D("0.00001")})
    (order,) = orders(Desk(least).start()[1])
    assert order.quantity == D("0.001")
    unknown = View(held={BTC_A: D("0.3")}, depths={})
    (order,) = orders(Desk(unknown).start()[1])
    assert order.quantity == D("0.3")


@pytest.mark.parametrize("price", [None, D(0), D(-1)])
def test_without_any_price_nothing_is_sent_and_it_is_said(price: Decimal | None) -> None:
    view = View(held={BTC_A: D(1)}, mids={BTC_A: None}, lasts={BTC_A: price})
    desk = Desk(view)
    run, actions = desk.start()
    assert orders(actions) == []
    assert desk.machine.state.runs[run].targets[BTC_A].last_refusal == "no price was ever known"


@pytest.mark.parametrize(
    ("size", "dust"), [("0", True), ("0.0009", True), ("0.001", False), ("-0.001", False)]
)
def test_dust_is_less_than_a_lot_or_the_least_order(size: str, dust: bool) -> None:
    view = View()
    assert is_dust(INSTRUMENTS[BTC_A], D(size), view) is dust
    spec = msgspec.structs.replace(INSTRUMENTS[BTC_A], min_size=D("0.002"))
    assert is_dust(spec, D("0.0019"), view)
    assert not is_dust(spec, D("0.002"), view)
    dear = msgspec.structs.replace(INSTRUMENTS[BTC_A], min_notional=D(46))
    assert is_dust(dear, D("0.001"), view)
    assert not is_dust(dear, D("0.002"), view)
    assert not is_dust(dear, D("0.001"), View(mids={}))


# -- the proof ------------------------------------------------------------------------------------------


def test_no_read_proves_that_is_not_newer_than_its_question() -> None:
    desk = Desk()
    desk.start(ALPHA)
    assert not of(desk.read("alpha", at=desk.now), Flattened)
    desk.now += SECOND
    assert of(desk.read("alpha"), Flattened)[0].flat


def test_every_venue_is_asked_and_asked_again_after_two_seconds_until_it_proves() -> None:
    desk = Desk()
    run, actions = desk.start()
    assert [ask.venue for ask in of(actions, Ask)] == ["alpha", "beta"]
    desk.now += SECOND
    assert not of(desk.read("alpha"), Flattened)
    assert of(desk.later(run, SECOND - 1), Ask) == []
    assert [ask.venue for ask in of(desk.later(run, 1), Ask)] == ["beta"]
    desk.now += SECOND
    (end,) = of(desk.read("beta"), Flattened)
    assert end.flat
    assert [text.split(":")[0] for text in end.proof] == ["alpha", "beta"]
    assert "zero orders, zero positions" in end.proof[0]


def test_an_order_that_the_venue_lists_stands_against_the_proof_in_scope_only() -> None:
    row = WorkingRow("", "v1", BTC_A, Side.BUY, D(1), D(0), D(1), False)
    desk = Desk()
    desk.start(ALPHA)
    desk.now += SECOND
    assert not of(desk.read("alpha", orders=(row,)), Flattened)
    assert of(desk.read("alpha"), Flattened)[0].flat
    narrow = Desk()
    narrow.start(Scope(instrument=USDT_A))
    narrow.now += SECOND
    assert of(narrow.read("alpha", orders=(row,)), Flattened)


def test_what_only_the_venue_holds_is_believed_when_two_reads_agree_and_then_closed() -> None:
    desk = Desk()
    run, _ = desk.start(ALPHA)
    state = desk.machine.state.runs[run]
    desk.now += SECOND
    assert orders(desk.read("alpha", btc_a="0.5", usdt_a="7")) == []
    assert state.seen == {BTC_A: D("0.5"), USDT_A: D(7)}
    desk.now += SECOND
    assert [order.quantity for order in orders(desk.read("alpha", btc_a="0.5", usdt_a="8"))] == [D("0.5")]
    assert (state.extra, state.seen) == ({BTC_A: D("0.5")}, {USDT_A: D(8)})
    gone = Desk(View(mids={}))
    run, _ = gone.start(ALPHA)
    state = gone.machine.state.runs[run]
    believed = []
    for size in ("7", "7", "0", "0"):
        gone.now += SECOND
        actions = gone.read("alpha", usdt_a=size)
        believed.append(state.extra.get(USDT_A))
    assert believed == [None, D(7), D(7), None]
    assert of(actions, Flattened)[0].flat


def test_a_proof_falls_with_a_read_that_speaks_against_it() -> None:
    desk = Desk()
    run, _ = desk.start()
    state = desk.machine.state.runs[run]
    desk.now += SECOND
    desk.read("alpha")
    assert set(state.proof) == {"alpha"}
    desk.now += SECOND
    desk.read("alpha", btc_a="0.5")
    assert state.proof == {}


@pytest.mark.parametrize(
    "row",
    [rest("up"), rest("doubt", in_doubt=True, reducing=True), rest("leg", pair="P-01", reducing=True)],
)
def test_no_read_counts_for_an_instrument_on_which_something_of_ours_moves(row: RestingOrder) -> None:
    desk = Desk()
    run, _ = desk.start(ALPHA)
    desk.view.rows.append(row)
    desk.now += SECOND
    assert not of(desk.read("alpha", btc_a="0.5", usdt_a="3"), Flattened)
    assert desk.machine.state.runs[run].seen == {USDT_A: D(3)}


def test_a_foreign_order_and_a_resting_stop_move_nothing_of_ours() -> None:
    for row in (rest("f", foreign=True), rest("stop", reducing=True)):
        desk = Desk()
        run, _ = desk.start(ALPHA)
        desk.view.rows.append(row)
        desk.now += SECOND
        desk.read("alpha", btc_a="0.5")
        assert desk.machine.state.runs[run].seen == {BTC_A: D("0.5")}


def test_a_read_older_than_the_news_of_our_order_says_nothing_of_its_instrument() -> None:
    view = View(held={BTC_A: D(1)})
    desk = Desk(view)
    run, actions = desk.start(ALPHA)
    (order,) = orders(actions)
    desk.now += SECOND
    view.held[BTC_A] = D(0)
    desk.news(order, OrderState.FILLED, "1")
    touched = desk.now
    desk.read("alpha", at=touched, btc_a="1")
    assert desk.machine.state.runs[run].seen == {}
    desk.now += SECOND
    desk.read("alpha", at=touched + 1, btc_a="1")
    assert desk.machine.state.runs[run].seen == {BTC_A: D(1)}


def test_positions_we_have_no_facts_of_are_left_and_named() -> None:
    desk = Desk()
    run, _ = desk.start(ALPHA)
    state = desk.machine.state.runs[run]
    desk.now += SECOND
    assert not of(desk.read("alpha", doge_a="5"), Flattened)
    assert state.unknown == {"DOGE-PERP.alpha": D(5)}
    desk.now += SECOND
    desk.read("beta")
    assert state.unknown == {"DOGE-PERP.alpha": D(5)}
    (end,) = of(desk.later(run, 60 * SECOND), Flattened)
    assert not end.flat
    (left,) = end.left
    assert (left.venue, left.subject, left.size) == ("alpha", "DOGE-PERP.alpha", D(5))
    sold = Desk()
    sold.start(ALPHA)
    sold.now += SECOND
    sold.read("alpha", doge_a="5")
    sold.now += SECOND
    assert of(sold.read("alpha"), Flattened)[0].flat
    narrow = Desk()
    narrow.start(Scope(instrument=BTC_A))
    narrow.now += SECOND
    assert of(narrow.read("alpha", doge_a="5"), Flattened)[0].flat


def test_an_order_in_an_instrument_we_do_not_know_is_no_zero_orders() -> None:
    """SEMANTICS 10: zero orders, or the exact list of what remains and why. Nobody here could cancel it."""
    strange = WorkingRow("", "v1", "DOGE-PERP.alpha", Side.BUY, D(1), D(0), D(1), False)
    desk = Desk()
    run, _ = desk.start(ALPHA)
    desk.now += SECOND
    assert not of(desk.read("alpha", orders=(strange,)), Flattened)
    (end,) = of(desk.later(run, 60 * SECOND), Flattened)
    assert not end.flat
    (left,) = end.left
    assert (left.venue, left.subject, left.size) == ("alpha", "v1", None)
    assert left.why == "order in DOGE-PERP.alpha, not an instrument of ours: cancel it there"
    named = Desk()
    lasting, _ = named.start(ALPHA)
    named.now += SECOND
    named.read(
        "alpha", orders=(WorkingRow("c7", "v1", "DOGE-PERP.alpha", Side.BUY, D(1), D(0), D(1), False),)
    )
    assert [row.subject for row in of(named.later(lasting, 60 * SECOND), Flattened)[0].left] == ["c7"]
    gone = Desk()
    gone.start(ALPHA)
    gone.now += SECOND
    gone.read("alpha", orders=(strange,))
    gone.now += SECOND
    assert of(gone.read("alpha"), Flattened)[0].flat
    narrow = Desk()
    narrow.start(Scope(instrument=BTC_A))
    narrow.now += SECOND
    assert of(narrow.read("alpha", orders=(strange,)), Flattened)[0].flat


# -- the end --------------------------------------------------------------------------------------------


def test_it_ends_after_a_minute_without_progress_and_progress_begins_it_anew() -> None:
    view = View(held={USDT_A: D(100)}, mids={}, lasts={})
    desk = Desk(view)
    run, _ = desk.start(ALPHA)
    assert not of(desk.later(run, 60 * SECOND - 1), Flattened)
    view.held[USDT_A] = D(99)
    assert not of(desk.later(run, 1), Flattened)
    view.rows.append(rest("new", USDT_A))
    assert not of(desk.later(run, 60 * SECOND - 1), Flattened)
    assert not of(desk.later(run, 60 * SECOND - 1), Flattened)
    (end,) = of(desk.later(run, 1), Flattened)
    assert not end.flat
    whys = {left.subject: left.why for left in end.left}
    assert whys[USDT_A] == "no price was ever known"
    assert whys["new"] == "order still open"
    assert desk.machine.running() == ()


def test_dust_is_proven_and_still_named() -> None:
    desk = Desk(View(held={BTC_A: D("0.0005")}))
    _, actions = desk.start(ALPHA)
    assert orders(actions) == []
    desk.now += SECOND
    desk.view.held[BTC_A] = D("0.0005")
    (end,) = of(desk.read("alpha", btc_a="0.0005"), Flattened)
    assert not end.flat
    assert [(left.subject, left.size) for left in end.left] == [(BTC_A, D("0.0005"))]
    assert end.left[0].why.startswith("dust")
    assert "1 dust positions" in end.proof[0]


def test_its_timer_is_set_once_and_moved_only_when_it_has_passed() -> None:
    desk = Desk(View(held={BTC_A: D(1)}))
    run, actions = desk.start(ALPHA)
    (arm,) = of(actions, Arm)
    assert (arm.name, arm.due) == (f"flatten:{run}", START + 400 * MS)
    (order,) = orders(actions)
    desk.now += 399 * MS
    assert of(desk.news(order, OrderState.ACCEPTED), Arm) == []
    desk.now += MS
    (arm,) = of(desk.news(order, OrderState.ACCEPTED), Arm)
    assert arm.due == START + 800 * MS
    assert of(desk.later(run, MS), Arm)[0].due == desk.now + 400 * MS
