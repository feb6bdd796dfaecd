"""Edges of a flatten beside pairs, foreign trades and other runs (docs/mutants.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import InstrumentKind, OrderState, PairState
from services.domain.events import OrderRejected
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.execution.actions import Actions, Ask, CancelForeign, CancelOrder, Flattened
from services.execution.entries import OrderEntry
from services.execution.flatten import Flatten, FlattenMachine, RestingOrder, Scope, Target
from services.execution.flatten_close import is_dust
from services.execution.flatten_left import leg_sizes, open_sizes, outer_legs, remaining
from services.execution.ids import IdCounter
from services.execution.pair_state import Pair
from services.execution.pairs import PairMachine
from services.execution.table import OrderTable
from services.settings.parameters import Execution, Settings
from tests.execution.builders import BTC_A, BTC_B, INSTRUMENTS, MS, SECOND, START, USDC_B, USDT_A, perp
from tests.execution.test_edges_flatten import ALL, ALPHA, Desk, View, of, orders, rest

D = Decimal
SPOT = msgspec.structs.replace(perp("AAB-USD.alpha", "AAB", "USD", "0.1", "0.1"), kind=InstrumentKind.SPOT)
ETH_A, ETH_B = "ETH-USDT-PERP.alpha", "ETH-USDC-PERP.beta"
WIDE: dict[str, Instrument] = {
    **INSTRUMENTS,
    SPOT.id: SPOT,
    ETH_A: perp(ETH_A, "ETH", "USDT", "0.01", "0.01"),
    ETH_B: perp(ETH_B, "ETH", "USDC", "0.01", "0.01"),
}
DOGE = "AAA-PERP.alpha"  # no instrument of ours; it stands first in every order of names


@dataclass
class Coins(View):
    """A view whose quote coins are worth what a test says."""

    worth: dict[str, Decimal | None] = field(default_factory=dict)

    def usd(self, instrument: str) -> Decimal | None:
        return self.worth.get(instrument, D(1))


@dataclass
class Wide(Desk):
    def __post_init__(self) -> None:
        self.ids = IdCounter("abc123")
        self.pairs = PairMachine(Settings(), WIDE, self.ids)
        self.machine = FlattenMachine(Settings(), WIDE, self.ids, self.pairs)

    def pair(self, size: str = "0.4", short: str = BTC_A, long: str = BTC_B) -> Pair:
        pair, _, why = self.pairs.plan(
            strategy="s", kind="hedge", short=short, long=long, short_quantity=D(size), long_quantity=D(size),
            capital=D(100_000), origin="strategy:s", reason="r", now=self.now,
        )  # fmt: skip
        assert pair is not None, why
        for leg in pair.legs:
            leg.size = leg.bought = D(size)
            self.view.held[leg.instrument] = (
                self.view.held.get(leg.instrument, D(0)) + leg.size * leg.side.sign
            )
        pair.state, pair.hedged_ts = PairState.HEDGED, self.now
        return pair

    def word(self, order: OrderRequest, state: OrderState, *, answered: bool, text: str = "no") -> Actions:
        entry = OrderEntry(request=order, venue="alpha", created=self.now, changed=self.now)
        entry.state, entry.text, entry.sent = state, text, self.now
        entry.answered = self.now if answered else None
        return self.machine.on_order(entry, self.now, self.view)


def closed(pair: Pair, view: View) -> None:
    pair.state = PairState.CLOSED
    for leg in pair.legs:
        leg.size = D(0)
        view.held[leg.instrument] = D(0)


def run_of(scope: Scope = ALL, *pairs: Pair) -> Flatten:
    return Flatten(
        "f1", scope, "operator", "why", ["alpha", "beta"], START, pairs=[pair.id for pair in pairs]
    )


# -- what is open -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("net", "open_size"),
    [("-0.5", "-0.1"), ("-0.4", None), ("-0.3", None), ("0.1", "0.1"), ("0", None), ("-0.3996", None)],
)
def test_beside_a_pairs_leg_only_what_is_beyond_it_is_open(net: str, open_size: str | None) -> None:
    """The pair is short 0.4: a net below that holds nothing unpaired, one above zero is all to sell."""
    desk = Wide()
    desk.pair("0.4")
    desk.view.held[BTC_A] = D(net)
    desk.view.held[USDT_A] = D(9)
    found = open_sizes(run_of(ALPHA), desk.view, WIDE, desk.pairs)
    assert found == {**({BTC_A: D(open_size)} if open_size else {}), USDT_A: D(9)}


def test_only_perps_that_we_know_are_open() -> None:
    view = View(held={DOGE: D(5), SPOT.id: D(7), BTC_A: D(1), USDT_A: D("0.5")})
    desk = Wide(view)
    assert open_sizes(run_of(), view, WIDE, desk.pairs) == {BTC_A: D(1)}
    assert open_sizes(run_of(), view, WIDE, desk.pairs, dust_too=True) == {BTC_A: D(1), USDT_A: D("0.5")}


def test_of_a_leg_is_left_what_the_venue_holds_beside_all_other_pairs() -> None:
    """Two pairs short 0.4 and 0.2 on one instrument, of which the venue holds less."""
    desk = Wide()
    first, second, third = desk.pair("0.4"), desk.pair("0.2"), desk.pair("3", ETH_A, ETH_B)
    assert leg_sizes(run_of(ALL, first, second, third), desk.view, WIDE, desk.pairs) == []
    run = run_of(ALL, third, first, second)
    desk.view.held[BTC_A] = D("-0.5")
    run.extra[BTC_A] = D("0.05")
    desk.view.held[ETH_B] = D(2)
    third.short.size = D(0)
    assert leg_sizes(run, desk.view, WIDE, desk.pairs) == [
        (third.id, ETH_B, D(2)),
        (first.id, BTC_A, D("0.25")),
        (second.id, BTC_A, D("0.05")),
    ]
    assert leg_sizes(run, desk.view, INSTRUMENTS, desk.pairs) == [
        (first.id, BTC_A, D("0.25")),
        (second.id, BTC_A, D("0.05")),
    ]
    run.pairs[:0] = ["P-99"]
    desk.view.held[BTC_A] = D("0.7")
    assert leg_sizes(run, desk.view, WIDE, desk.pairs)[1:] == [
        (first.id, BTC_A, D(0)),
        (second.id, BTC_A, D(0)),
    ]
    desk.pairs.start(third.id, desk.now, desk.view)
    third.state, third.short.size, third.long.size = PairState.PLANNED, D(0), D(0)
    desk.view.mids.update({ETH_A: D(1600), ETH_B: D(1600)})
    desk.view.depths.update({ETH_A: D(100), ETH_B: D(100)})
    desk.pairs.start(third.id, desk.now, desk.view)
    assert third.unsettled
    third.long.size = D(3)
    assert [row[0] for row in leg_sizes(run, desk.view, WIDE, desk.pairs)] == [first.id, second.id]


def test_a_runs_legs_outside_its_scope() -> None:
    desk = Wide()
    pair, eth = desk.pair(), desk.pair("3", ETH_A, ETH_B)
    run = run_of(ALPHA, pair, eth)
    run.pairs.append("P-99")
    assert outer_legs(run, WIDE, desk.pairs) == (BTC_B, ETH_B)
    assert outer_legs(run, INSTRUMENTS, desk.pairs) == (BTC_B,)


def test_all_that_is_left_is_named_with_its_reason() -> None:
    desk = Wide(Coins())
    pair = desk.pair("0.4")
    gone = desk.pair("3", ETH_A, ETH_B)
    closed(gone, desk.view)
    gone.long.size = D("0.01")
    desk.view.held.update({USDT_A: D(50), USDC_B: D(60), BTC_A: D("-1.4")})
    pair.state, pair.text = PairState.CLOSING, "stuck"
    run = run_of(ALPHA, pair, gone)
    run.pairs.insert(1, "P-99")
    run.targets[USDT_A] = Target(USDT_A, order="o7", in_doubt=True)
    run.extra[BTC_B] = D("0.3")
    run.proof["beta"] = "beta: zero"
    left = remaining(run, desk.view, (rest("b", BTC_A),), WIDE, desk.pairs)
    assert [(row.venue, row.subject, row.size) for row in left] == [
        ("alpha", BTC_A, D(-1)),
        ("alpha", USDT_A, D(50)),
        ("alpha", BTC_A, D("-0.4")),
        ("beta", BTC_B, D("0.4")),
        ("beta", ETH_B, D("0.01")),
        ("beta", BTC_B, D("0.3")),
        ("alpha", "b", None),
    ]
    whys = [row.why for row in left]
    assert whys[:4] == ["not filled", "order o7 is in doubt", *["pair P-01 closing: stuck"] * 2]
    assert whys[4].startswith("dust left: 0.01")
    assert whys[5].startswith("the venue holds it beyond our books")


@pytest.mark.parametrize("size", ["0.0004", "0.001"])
def test_without_a_price_dust_is_less_than_a_lot_or_the_least_size(size: str) -> None:
    blind = Coins(mids={}, lasts={})
    free = msgspec.structs.replace(INSTRUMENTS[BTC_A], min_size=D(0))
    assert is_dust(free, D(size), blind) is (D(size) < D("0.001"))
    two = msgspec.structs.replace(INSTRUMENTS[BTC_A], min_size=D("0.002"))
    assert is_dust(two, D(size), blind)
    assert not is_dust(free, D(1), Coins(worth={BTC_A: None}))


@pytest.mark.parametrize(
    ("usd", "held", "depth", "quantity"),
    [
        ("1", "0.010", "0.001", "0.002"),
        ("0.5", "0.010", "0.001", "0.004"),
        ("0.5", "0.006", "0.004", "0.006"),
        ("0.5", "0.008", "0.004", "0.004"),
        (None, "0.010", "0.001", "0.001"),
    ],
)
def test_a_part_is_at_least_what_the_venue_takes_in_its_coin_and_leaves_as_much(
    usd: str | None, held: str, depth: str, quantity: str
) -> None:
    """Least notional 46 USD at 23 000: 0.002 of a dollar coin, 0.004 when the quote coin is worth half."""
    view = Coins(
        held={BTC_A: D(held)}, depths={BTC_A: D(depth)}, worth={BTC_A: None if usd is None else D(usd)}
    )
    desk = Wide(view)
    dear = {**WIDE, BTC_A: msgspec.structs.replace(WIDE[BTC_A], min_notional=D(46))}
    desk.machine = FlattenMachine(Settings(), dear, desk.ids, desk.pairs)
    (order,) = orders(desk.start(ALPHA)[1])
    assert (order.quantity, order.client_order_id[-5:]) == (D(quantity), "f0001")


# -- scopes -----------------------------------------------------------------------------------------------


def test_what_a_scope_covers() -> None:
    names = (BTC_A, BTC_B, USDT_A, USDC_B)
    table = {
        ALL: (names, True),
        ALPHA: ((BTC_A, USDT_A), False),
        Scope(symbol="BTC-USDC-PERP"): ((BTC_B,), False),
        Scope(instrument=USDC_B): ((USDC_B,), False),
        Scope(venue="alpha", symbol="USDT-PERP"): ((USDT_A,), False),
        Scope(venue="beta", instrument=BTC_A): ((), False),
        Scope(pair="P-01"): ((), False),
    }
    for scope, (covered, everything) in table.items():
        assert tuple(name for name in names if scope.covers(INSTRUMENTS[name])) == covered
        assert scope.everything is everything
    assert rest("n", client_order_id="").name == "vn"
    assert rest("n").name == "n"


def test_a_pair_out_of_scope_is_left_and_one_in_scope_is_asked_for_once() -> None:
    desk = Wide()
    pair = desk.pair()
    run, actions = desk.start(Scope(instrument=USDT_A))
    assert (orders(actions), desk.machine.state.runs[run].pairs) == ([], [])
    wide, actions = desk.start(Scope(venue="beta"))
    state = desk.machine.state.runs[wide]
    assert {order.pair for order in orders(actions)} == {pair.id}
    assert sorted(state.venues) == ["alpha", "beta"], "the proof speaks of both legs' venues"
    desk.later(wide, 400 * MS)
    desk.later(wide, 400 * MS)
    assert state.pairs == [pair.id]


# -- the order of things ------------------------------------------------------------------------------------


def test_no_account_is_asked_while_an_order_flies_or_a_pair_lives() -> None:
    stop = rest("stop", USDT_A, reducing=True)
    flying = Wide(View(held={BTC_A: D(1)}, rows=[stop]))
    run, _ = flying.start(ALPHA)
    flying.view.held.clear()
    actions = flying.later(run, SECOND)
    assert not of(actions, Ask)
    assert not of(actions, CancelOrder)
    flying.view.rows.clear()
    assert not of(flying.later(run, SECOND), Ask)
    living = Wide()
    pair = living.pair()
    living.view.rows.append(stop)
    run, actions = living.start(ALPHA)
    assert not of(actions, Ask)
    assert not of(actions, CancelOrder)
    living.view.rows.clear()
    assert not of(living.later(run, SECOND), Ask)
    closed(pair, living.view)
    assert [ask.venue for ask in of(living.later(run, SECOND), Ask)] == ["alpha", "beta"]
    living.pairs.state.pairs.clear()
    living.now += 1
    assert not of(living.read("alpha"), Flattened)
    assert of(living.read("beta"), Flattened)[0].flat, "a pair that was forgotten holds nothing"


def test_two_runs_on_different_instruments_go_on_beside_each_other() -> None:
    desk = Wide(View(held={USDT_A: D(9)}))
    desk.start(Scope(instrument=USDT_A))
    desk.view.held[BTC_A] = D(1)
    assert [order.instrument for order in orders(desk.start(ALPHA)[1])] == [BTC_A]


@pytest.mark.parametrize(
    ("state", "answered", "gone"),
    [
        (OrderState.REJECTED, True, ["plain", "waits"]),
        (OrderState.REJECTED, False, ["plain"]),
        (OrderState.DENIED, False, ["plain"]),
        (OrderState.CANCELED, True, ["plain"]),
    ],
)
def test_protection_goes_early_only_where_the_venue_itself_refused(
    state: OrderState, answered: bool, gone: list[str]
) -> None:
    rows: list[RestingOrder] = [
        rest("plain", reducing=True),
        rest("waits", reducing=True, conditional=True),
        rest("other", USDT_A, reducing=True, conditional=True),
    ]
    desk = Wide(View(held={BTC_A: D(1)}, rows=rows))
    run, actions = desk.start()
    desk.word(orders(actions)[0], state, answered=answered)
    assert [each.client_order_id for each in of(desk.later(run, 400 * MS), CancelOrder)] == gone


@pytest.mark.parametrize(("unsent", "gone"), [(False, ["plain", "waits"]), (True, ["plain"])])
def test_an_order_that_found_no_way_to_its_venue_was_refused_by_nobody(unsent: bool, gone: list[str]) -> None:
    """Our own budget refused the close, and the stop at the venue was canceled for it."""
    rows = [rest("plain", reducing=True), rest("waits", reducing=True, conditional=True)]
    desk = Wide(View(held={BTC_A: D(1)}, rows=rows))
    run, actions = desk.start()
    (order,) = orders(actions)
    table = OrderTable(Execution())
    table.add(order, desk.now)
    table.sent(order.client_order_id, desk.now)
    no = OrderRejected("alpha", order.client_order_id, "denied: no", desk.now, desk.now, unsent=unsent)
    entry = table.apply(no, desk.now).entry
    assert entry is not None
    desk.machine.on_order(entry, desk.now, desk.view)
    assert [each.client_order_id for each in of(desk.later(run, 400 * MS), CancelOrder)] == gone


def test_of_a_pairs_orders_only_the_backstop_of_its_leg_is_the_flattens() -> None:
    desk = Wide()
    mine, other = desk.pair(), desk.pair("3", ETH_A, ETH_B)
    run, _ = desk.start(Scope(symbol="BTC-USDT-PERP"))
    closed(mine, desk.view)
    desk.view.rows += [
        rest("leg", BTC_A, pair=mine.id, reducing=True),
        rest("stop", BTC_B, pair=mine.id, reducing=True, conditional=True),
        rest("theirs", ETH_A, pair=other.id, reducing=True, conditional=True),
        rest("entry", BTC_A, pair=other.id),
    ]
    assert [each.client_order_id for each in of(desk.later(run, SECOND), CancelOrder)] == ["stop"]


def test_what_rests_to_reduce_on_a_refused_leg_of_the_runs_pair_goes_out_of_the_way() -> None:
    """Also on the leg outside the scope; not what waits for its trigger, nor the runs' own orders."""
    desk = Wide()
    mine, other = desk.pair(), desk.pair("3", ETH_A, ETH_B)
    desk.view.held[USDT_A] = D(9)
    _, actions = desk.start(Scope(instrument=USDT_A))
    (own,) = orders(actions)
    run, _ = desk.start(Scope(instrument=BTC_B))
    desk.machine.state.runs[run].pairs.append("P-99")
    mine.short.refusals = other.short.refusals = 1
    desk.view.rows += [
        rest("plain", BTC_A, reducing=True),
        rest("waits", BTC_A, reducing=True, conditional=True),
        rest("legs", BTC_A, reducing=True, pair=mine.id),
        rest("opens", BTC_A),
        rest("calm", BTC_B, reducing=True),
        rest("theirs", ETH_A, reducing=True),
        rest(own.client_order_id, BTC_A, reducing=True),
        rest("", BTC_A, reducing=True, foreign=True),
    ]
    actions = desk.later(run, MS)
    assert [each.client_order_id for each in of(actions, CancelOrder)] == ["plain"]
    assert [each.venue_order_id for each in of(actions, CancelForeign)] == ["v"]
