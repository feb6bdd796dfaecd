"""A flatten while a venue has not been read: what may be hedged there stays, the rest goes (SEMANTICS 10)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.domain.enums import InstrumentKind
from services.execution.flatten import Scope
from services.execution.flatten_step import in_step
from services.settings.parameters import Pair, Settings
from tests.execution.builders import BTC_A, BTC_B, INSTRUMENTS, SECOND, USDC_B, USDT_A, Answer, perp
from tests.execution.hand import Coins
from tests.execution.test_edges_flatten import ALPHA, View
from tests.execution.test_edges_flatten_pairs import Wide, orders
from tests.execution.test_flatten import World
from tests.execution.test_flatten_step import answers, hedged, sent

D = Decimal
PRICE = D(23_000)
SLICE = Pair().slice_notional
BTC_C = "BTC-USD-PERP.alpha"


def silent(flat: World, *venues: str) -> World:
    flat.view.silent = venues
    return flat


def test_a_leg_is_never_closed_alone_because_the_other_venue_is_silent() -> None:
    flat, noted = hedged("0.522", "0")
    silent(flat, "beta").flatten()
    flat.run(70)
    assert sent(flat, BTC_A) == []
    assert noted.worst == 0, "nobody traded"
    (end,) = flat.ended
    left = {row.subject: row.why for row in end.left}
    assert not end.flat
    assert left[BTC_A] == "beta not read: what hedges it may be there"


def test_once_the_silent_venue_answers_both_legs_go_in_step() -> None:
    flat, noted = hedged("0.522", "-0.522")
    other = flat.ledger.pop(BTC_B)
    silent(flat, "beta").flatten()
    flat.run(20)
    assert sent(flat, BTC_A) == []
    flat.ledger[BTC_B] = other
    silent(flat)
    flat.run(20)
    assert flat.ended[0].flat
    assert not any(flat.market.positions.values())
    assert 0 < noted.worst * PRICE <= SLICE


def test_what_the_silent_venue_does_not_trade_goes_at_once() -> None:
    """Beta lists BTC, the pegs and ETH itself, but no perp on it: there is nothing that it could hedge."""
    eth = perp("ETH-USDT-PERP.alpha", "ETH", "USDT", "0.01", "0.01")
    desk = Wide(View(held={BTC_A: D(1), eth.id: D(2)}))
    desk.view.mids[eth.id] = D(1_500)
    spot = structs.replace(eth, id="ETH/USDT.beta", venue="beta", kind=InstrumentKind.SPOT)
    desk.machine._instruments = {**INSTRUMENTS, eth.id: eth, spot.id: spot}
    desk.view.silent = ("beta",)
    assert [order.instrument for order in orders(desk.start()[1])] == [eth.id]
    desk.view.silent = ("nowhere",)
    other = Wide(View(held={BTC_A: D(1), USDT_A: D(9_000)}, silent=("nowhere",)))
    assert orders(other.start()[1]) == [], "of a venue without a list nothing is known"


@pytest.mark.parametrize(
    ("scope", "venues"),
    [
        (Scope(), ["alpha", "beta", "nowhere"]),
        (Scope(venue="nowhere"), ["nowhere"]),
        (ALPHA, ["alpha"]),
        (Scope(symbol="USDT-PERP"), ["alpha"]),
    ],
)
def test_the_proof_needs_a_read_of_a_venue_of_which_nothing_is_known(scope: Scope, venues: list[str]) -> None:
    desk = Wide(View(silent=("nowhere",)))
    run, _ = desk.start(scope)
    assert desk.machine.state.runs[run].venues == venues
    bare = Wide(View(silent=("nowhere",), data_only=("alpha",)))
    run, _ = bare.start(scope)
    assert bare.machine.state.runs[run].venues == [name for name in venues if name != "alpha"]


@pytest.mark.parametrize(
    ("sizes", "way", "kept", "most"),
    [
        ({BTC_A: "1", BTC_C: "-1"}, {}, "0", {BTC_A: "0.217", BTC_C: "0.217"}),
        ({BTC_A: "1.5", BTC_C: "-1"}, {}, "0.5", {BTC_A: "0.217", BTC_C: "0.217"}),
        ({BTC_A: "1.3", BTC_C: "-1"}, {}, "0.5", {BTC_A: "0.017", BTC_C: "0.417"}),
        ({BTC_A: "0.6", BTC_C: "-0.1"}, {}, "0.5", {BTC_A: "0.100", BTC_C: "0.1"}),
        ({BTC_A: "0.6", BTC_C: "-0.1"}, {BTC_A: "0.08"}, "0.5", {BTC_A: "0.020", BTC_C: "0.1"}),
        ({BTC_A: "0.4", BTC_C: "-0.1"}, {}, "0.5", {BTC_A: "0", BTC_C: "0.1"}),
        ({BTC_A: "0.5"}, {}, "0.5", {BTC_A: "0"}),
        ({BTC_A: "-0.5"}, {}, "-0.5", {BTC_A: "0"}),
        ({BTC_A: "0.5", BTC_C: "0.5"}, {}, "1", {BTC_A: "0", BTC_C: "0"}),
        ({BTC_C: "-0.1"}, {}, "0.5", {BTC_C: "0.1"}),
        ({BTC_A: "0.3", BTC_B: "0.3", BTC_C: "-0.02"}, {}, "0.5", {BTC_B: "0.1", BTC_C: "0.02", BTC_A: "0"}),
    ],
)
def test_of_what_stands_alone_nothing_goes_and_what_hedges_itself_goes_in_step(
    sizes: dict[str, str], way: dict[str, str], kept: str, most: dict[str, str]
) -> None:
    """A slice of 5 000 USD is 0.2173 at 23 000 USD."""
    view = Coins(mids={BTC_A: PRICE, BTC_B: PRICE, BTC_C: PRICE}, worth={})
    found = in_step(
        {name: D(size) for name, size in sizes.items()},
        {name: D(size) for name, size in way.items()},
        {**INSTRUMENTS, BTC_C: perp(BTC_C, "BTC", "USD", "0.1", "0.001", "5")},
        view,
        Settings(),
        {"BTC": D(kept)},
    )
    assert found == {name: D(quantity) for name, quantity in most.items()}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("blind", "most"),
    [
        ((), {BTC_A: "0.217", BTC_B: "0.216", BTC_C: "0"}),
        ((BTC_A,), {BTC_A: "0.217", BTC_B: "0", BTC_C: "0"}),
        ((BTC_C,), {BTC_A: "0.217", BTC_B: "0", BTC_C: "0"}),
        ((BTC_B,), {BTC_A: "0", BTC_B: "0.216", BTC_C: "0"}),
        ((BTC_A, BTC_B), {BTC_A: "0.217", BTC_B: "0.216", BTC_C: "0"}),
    ],
)
def test_a_side_waits_for_fills_of_one_that_has_no_fresh_price(
    blind: tuple[str, ...], most: dict[str, str], sign: int
) -> None:
    """Two against one: a single blind one makes its side the first."""
    view = Coins(mids={BTC_A: PRICE, BTC_B: PRICE, BTC_C: PRICE}, worth={})
    for name in blind:
        view.lasts[name], view.mids[name] = PRICE, None
    sizes = {BTC_A: D("0.6"), BTC_C: D("0.4"), BTC_B: D(-1)}
    specs = {**INSTRUMENTS, BTC_C: perp(BTC_C, "BTC", "USD", "0.1", "0.001", "5")}
    found = in_step({name: size * sign for name, size in sizes.items()}, {}, specs, view, Settings())
    assert found == {name: D(quantity) for name, quantity in most.items()}


@settings(max_examples=25, deadline=None)
@given(long=st.integers(1, 900), short=st.integers(0, 900), script=answers, late=st.integers(0, 30))
def test_whatever_fills_the_net_that_may_be_hedged_elsewhere_stays(
    long: int, short: int, script: list[Answer], late: int
) -> None:
    """Both legs answer, a third venue does not, and then it does, and has nothing."""
    flat, noted = hedged(str(D(long) / 1000), str(D(-short) / 1000), script)
    net = D(long - short) / 1000
    silent(flat, "gamma").flatten()
    flat.run(late)
    here = [noted.get(name, D(0)) for name in (BTC_A, BTC_B)]
    assert abs(sum(here) - net) <= SLICE / PRICE
    assert abs(here[0 if net > 0 else 1]) >= abs(net) - D("0.002")
    silent(flat)
    flat.run(70)
    assert flat.ended
    if flat.ended[0].flat:
        assert not any(noted.values())


def test_a_venue_that_answers_while_half_a_step_has_filled_leaves_nothing_of_that_step_standing() -> None:
    """Two venues are silent, and what hedges itself here goes in step. One of them answers, holding nothing,
    when only one side of the step has traded: the other side is ours to take, not somebody's hedge."""
    desk = Wide(View(held={BTC_A: D(1), BTC_C: D(-1)}, silent=("beta", "nowhere")))
    desk.machine._instruments = {**INSTRUMENTS, BTC_C: perp(BTC_C, "BTC", "USD", "0.1", "0.001", "5")}
    desk.view.mids[BTC_C] = PRICE
    name, _ = desk.start()
    run = desk.machine.state.runs[name]
    assert run.kept == {"BTC": 0}
    desk.view.held[BTC_A] = D("0.8")
    desk.view.silent = ("nowhere",)
    desk.later(name, SECOND)
    assert run.kept == {"BTC": 0}
    # What it holds of something that nothing of waits here is no part of it.
    desk.view.silent = ("beta", "nowhere")
    desk.later(name, SECOND)
    desk.view.held[USDC_B] = D(9_000)
    desk.view.silent = ("nowhere",)
    desk.later(name, SECOND)
    assert (run.kept["BTC"], list(run.kept)) == (D("-0.2"), ["BTC", "peg"])
    del desk.view.held[USDC_B]
    # Once one that had answered falls silent, it begins anew, and what stands there is not reckoned with.
    desk.view.held[BTC_B] = D("-0.3")
    desk.view.silent = ("beta", "nowhere")
    desk.later(name, SECOND)
    assert run.kept == {"BTC": D("-0.2")}
    desk.view.silent = ("nowhere",)
    desk.later(name, SECOND)
    assert run.kept == {"BTC": D("-0.5")}, "what it holds itself may be hedged by the other one"
    desk.view.silent = ()
    desk.later(name, SECOND)
    assert run.kept == {}
