"""A venue that spares what only reduces its least notional: every place that asks for the least order.

Least notional 900 USD here: 0.050 of the short leg, 0.040 of the long one; to reduce, the lots: 0.001, 0.002.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import PairState, Purpose
from services.domain.instrument import Instrument
from services.execution.flatten import FlattenMachine
from services.execution.flatten_close import is_dust
from services.execution.flatten_step import in_step
from services.execution.pair_legs import cuttable, hedgeable, nothing_left
from services.execution.pair_quotes import overdue
from services.execution.pair_reduce import fix
from services.execution.pair_state import LONG, SHORT
from services.settings.parameters import Pair as PairSettings
from services.settings.parameters import Settings
from tests.execution.builders import BTC_A, BTC_B, INSTRUMENTS, SECOND, START
from tests.execution.hand import MAKER, ODD, Hand, orders, pages
from tests.execution.test_edges_flatten import View
from tests.execution.test_edges_flatten_pairs import ALPHA, WIDE, Coins, Wide

D = Decimal
SMALL = "0.010"
"""Under both least orders, over both lots; 180 USD and more."""


def dear(spec: Instrument, notional: int = 900, *, spared: bool = True) -> Instrument:
    found = msgspec.structs.replace(spec, min_notional=D(notional))
    return msgspec.structs.replace(found, reduces_any_notional=True) if spared else found


@pytest.fixture(params=[True, False], ids=["spared", "bound"])
def spared(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    for name in (BTC_A, BTC_B):
        monkeypatch.setitem(ODD, name, dear(ODD[name], spared=request.param))
    return bool(request.param)


def leaving(short: str, long: str, purpose: Purpose = Purpose.EXIT) -> Hand:
    return Hand().put(PairState.CLOSING, short, long, close_purpose=purpose, close_reason="why", first=LONG)


def test_the_thin_leg_of_a_small_pair_is_closed_first(spared: bool) -> None:
    hand = leaving(SMALL, SMALL)
    found = [(order.leg, order.quantity) for order in orders(hand.tick())]
    assert found == ([(LONG, D(SMALL))] if spared else [])
    assert hand.pair.state is (PairState.CLOSING if spared else PairState.FROZEN)


def test_a_rest_that_the_other_leg_cannot_match_goes_by_itself(spared: bool) -> None:
    found = [(order.leg, order.quantity) for order in orders(leaving("0.001", "0.001").tick())]
    assert found == ([(SHORT, D("0.001"))] if spared else [])


def test_what_holds_a_leg_up_is_named_by_the_figure_that_binds_it(
    spared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ODD, BTC_A, msgspec.structs.replace(ODD[BTC_A], min_size=D("0.02")))
    ((text, _),) = pages(leaving(SMALL, SMALL).tick())
    assert text.startswith(f"0.01 {BTC_A} is less than its venue takes ({'0.02' if spared else '0.05'})")


def test_an_excess_is_cut_and_never_hedged_with_less_than_the_venue_takes(spared: bool) -> None:
    hand = Hand().put(PairState.OPENING, "0.1", "0.09")
    assert cuttable(hand.pair, SHORT, ODD, hand.prices) == (D(SMALL) if spared else 0)
    assert hedgeable(hand.pair, LONG, ODD, hand.prices) == 0
    small = Hand().put(PairState.CLOSING, SMALL, SMALL)
    assert nothing_left(small.pair, ODD, small.prices) is not spared


def test_a_cut_takes_its_share_where_the_rest_can_still_be_closed(spared: bool) -> None:
    """Of 0.05 a tenth goes; where the venue takes no such rest, the whole pair."""
    hand = Hand().put(PairState.CLOSING, "0.05", "0.05", shrink=D("0.1"))
    fix(hand.work(), hand.pair)
    assert hand.pair.short.keep == (D("0.044") if spared else 0)


@pytest.mark.parametrize("state", [PairState.OPENING, PairState.CLOSING])
def test_a_small_excess_beside_a_quote_is_late_where_it_can_be_cut(state: PairState, spared: bool) -> None:
    hand = Hand(settings=MAKER).put(state, "0.1", "0.09")
    hand.pair.naked.since = START - 3 * SECOND
    hand.memo("q", SHORT, increasing=state is PairState.OPENING, resting=True)
    assert overdue(hand.work(), hand.pair) is (spared and state is PairState.CLOSING)


def test_a_flatten_leaves_no_dust_that_the_venue_takes() -> None:
    assert is_dust(dear(INSTRUMENTS[BTC_A], spared=False), D("0.001"), View())
    assert not is_dust(dear(INSTRUMENTS[BTC_A]), D("0.001"), View())
    assert is_dust(dear(INSTRUMENTS[BTC_A]), D("0.0009"), View())


@pytest.mark.parametrize(("free", "quantity"), [(True, "0.001"), (False, "0.002")])
def test_a_flatten_takes_what_the_book_holds(free: bool, quantity: str) -> None:
    desk = Wide(Coins(held={BTC_A: D("0.010")}, depths={BTC_A: D("0.001")}, worth={BTC_A: D(1)}))
    listed = {**WIDE, BTC_A: dear(WIDE[BTC_A], 46, spared=free)}
    desk.machine = FlattenMachine(Settings(), listed, desk.ids, desk.pairs)
    (order,) = orders(desk.start(ALPHA)[1])
    assert order.quantity == D(quantity)


@pytest.mark.parametrize(("free", "parts"), [(True, ["0.004", "0.004"]), (False, ["0.004", "0.005"])])
def test_a_flatten_in_step_goes_by_the_least_order_of_both_sides(free: bool, parts: list[str]) -> None:
    """A slice is twice the larger least order: 0.004 by the lots, 0.008 by 60 USD. Of 0.010 that would leave
    less than anybody takes, so each side sends a least order less."""
    names = (BTC_A, BTC_B)
    listed = {**WIDE, **{name: dear(WIDE[name], 60, spared=free) for name in names}}
    view = Coins(held={BTC_A: D("0.010"), BTC_B: D("-0.010")}, worth={BTC_A: D(1), BTC_B: D(1)})
    settings = Settings(pair=PairSettings(slice_notional=D(46)))
    most = in_step(view.held, {}, listed, view, settings)
    assert sorted(most.values()) == [D(part) for part in parts]


def test_an_entry_takes_no_slice_that_only_a_close_could_be(spared: bool) -> None:
    hand = Hand(target=SMALL).put(PairState.OPENING)
    assert orders(hand.tick()) == []
    assert hand.pair.state is PairState.CLOSED
