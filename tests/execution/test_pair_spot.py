"""A pair that changes hands once (SEMANTICS 6): sold on one venue, bought on another, nothing held after."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import PairState, Purpose, Side
from services.domain.events import OrderFilled
from services.execution.pair_legs import least
from services.execution.pair_state import LegPolicy, Pair
from tests.execution.builders import (
    BTC_A,
    INSTRUMENTS,
    SPOT_A,
    SPOT_B,
    Answer,
    Book,
    Market,
    market,
    opened,
    planned,
)

D = Decimal
NOTHING = Answer(fills=())


def net(world: Market) -> Decimal:
    return sum((size for name, size in world.positions.items() if name in (SPOT_A, SPOT_B)), D(0))


def test_both_legs_filled_is_the_end_of_it() -> None:
    world = market()
    name = opened(world, "0.4", "spot")
    world.machine.state.failures[f"{SPOT_A}|{SPOT_B}"] = 2
    world.run(30)
    pair = world.machine.get(name)
    assert pair is not None
    assert (pair.state, pair.failed) == (PairState.CLOSED, False)
    assert pair.text == "exchanged 0.400: filled"
    assert [(leg.size, leg.done) for leg in pair.legs] == [(D(0), D("0.4")), (D(0), D("0.4"))]
    assert world.positions == {SPOT_A: D("-0.4"), SPOT_B: D("0.4")}
    assert {order.purpose for order in world.placed} == {Purpose.ENTRY, Purpose.HEDGE}
    assert not any(order.reduce_only for order in world.placed)
    assert [each.state for each in world.became] == [PairState.OPENING, PairState.CLOSED]
    assert world.worst_naked <= pair.naked_bound
    assert (pair.naked.since, pair.naked.leg, pair.naked.quantity) == (None, 0, 0)
    assert world.machine.failures(SPOT_A, SPOT_B) == 0
    assert world.machine.size_on(SPOT_A) == world.machine.size_on(SPOT_B) == 0


@pytest.mark.parametrize(("first", "back"), [(SPOT_B, Side.SELL), (SPOT_A, Side.BUY)])
def test_what_one_leg_did_alone_is_taken_back(first: str, back: Side) -> None:
    """Leg 2 does not fill: what leg 1 bought is sold, or what it sold is bought back, on its own venue."""
    world = market([Answer(), *[NOTHING] * 8])
    world.book.depths[first] = D(1)
    name = opened(world, "0.1", "spot")
    world.run(60)
    pair = world.machine.get(name)
    assert pair is not None
    assert (pair.state, pair.failed) == (PairState.CLOSED, True)
    cuts = [order for order in world.placed if order.reduce_only]
    assert cuts
    assert {(order.instrument, order.side, order.purpose) for order in cuts} == {
        (first, back, Purpose.UNWIND)
    }
    assert net(world) == 0
    assert set(world.positions.values()) == {D(0)}
    assert world.machine.failures(SPOT_A, SPOT_B) == 1
    assert "reversing" in pair.text


def test_a_part_that_both_legs_did_stands_and_only_the_rest_is_taken_back() -> None:
    half = Answer(fills=(D("0.5"),))
    world = market([Answer(), half, *[NOTHING] * 8])
    name = opened(world, "0.1", "spot")
    world.run(60)
    pair = world.machine.get(name)
    assert pair is not None
    assert (pair.state, pair.failed) == (PairState.CLOSED, True)
    assert net(world) == 0
    assert world.positions[SPOT_A] < 0 < world.positions[SPOT_B]
    assert pair.short.done == pair.long.done > 0


@pytest.mark.parametrize("ask", ["close", "protect", "reduce", "unwind", "freeze"])
def test_whatever_is_asked_of_it_meanwhile_it_ends_with_nothing_done_alone(ask: str) -> None:
    """A request that a held pair would survive smaller, hedged or frozen ends this one."""
    world = market([Answer(fills=(D("0.5"),)), Answer(fills=(D("0.2"),), latency_ms=300)])
    name = opened(world, "0.4", "spot")
    for _ in range(6):
        world.step()
    machine, now, book = world.machine, world.now, world.book
    match ask:
        case "close":
            world.carry_out(machine.request_close(name, "operator", now, book))
        case "protect":
            world.carry_out(machine.request_close(name, "flatten", now, book, purpose=Purpose.FLATTEN))
        case "reduce":
            world.carry_out(machine.request_reduce(name, D("0.3"), "margin ladder", now, book))
        case "unwind":
            world.carry_out(machine.request_unwind(name, "halt", now, book))
        case _:
            world.carry_out(machine.freeze(name, "stale", now))
    placed = len(world.placed)
    world.run(60)
    pair = world.machine.get(name)
    assert pair is not None
    assert pair.state is PairState.CLOSED
    assert net(world) == 0
    later = [order for order in world.placed[placed:] if not order.reduce_only]
    assert ask == "freeze" or not later
    assert not any(order.purpose is Purpose.ENTRY for order in later)


def test_stopped_by_policy_it_waits_for_a_person_and_then_takes_back() -> None:
    world = market([Answer(), *[NOTHING] * 8])
    name = opened(world, "0.1", "spot", entry_policy=LegPolicy.CANCEL)
    world.run(20)
    pair = world.machine.get(name)
    assert pair is not None
    frozen = pair.state
    assert frozen is PairState.FROZEN
    assert world.pages
    world.script.clear()
    world.carry_out(world.machine.request_close(name, "operator", world.now, world.book, origin="operator"))
    world.run(30)
    assert pair.state is PairState.CLOSED
    assert net(world) == 0


def test_no_venue_says_that_a_leg_is_missing() -> None:
    """What a venue shows is an inventory: by its figure no leg of this pair is ever found smaller."""
    world = market([Answer(), NOTHING])
    name = opened(world, "0.1", "spot")
    for _ in range(4):
        world.step()
    pair = world.machine.get(name)
    assert pair is not None
    sizes = [leg.size for leg in pair.legs]
    assert any(sizes)
    for instrument in (SPOT_A, SPOT_B):
        assert world.machine.leg_changed(name, instrument, D(0), "ADL", world.now, world.book) == ()
    assert [leg.size for leg in pair.legs] == sizes


def test_a_fill_that_comes_after_its_end_is_taken_back() -> None:
    world = market()
    name = opened(world, "0.1", "spot")
    world.run(10)
    pair = world.machine.get(name)
    assert pair is not None
    assert pair.state is PairState.CLOSED
    order = world.placed[0]
    late = OrderFilled(
        venue=order.instrument.rpartition(".")[2],
        instrument=order.instrument,
        client_order_id=order.client_order_id,
        venue_order_id="v",
        trade_id="late",
        side=order.side,
        quantity=D("0.01"),
        price=D(23_000),
        fee=D(0),
        fee_coin="USD",
        ts_event=world.now,
        ts=world.now,
    )
    world.positions[order.instrument] += D("0.01") * order.side.sign
    world.push(world.now, "event", late)
    world.run(10)
    assert pair.state is PairState.CLOSED
    assert net(world) == 0
    assert pair.failed is False


def test_what_may_not_be_such_a_pair_is_refused_by_name() -> None:
    def why(kind: str, short: str, long: str) -> str:
        pair, _, text = market().machine.plan(
            strategy="cross",
            kind=kind,
            short=short,
            long=long,
            short_quantity=D("0.1"),
            long_quantity=D("0.1"),
            capital=D(100_000),
            origin="strategy:cross",
            reason="",
            now=0,
        )
        assert (pair is None) is bool(text)
        return text

    assert why("spot", SPOT_A, SPOT_B) == ""
    assert "spot changes hands with spot" in why("spot", SPOT_A, BTC_A)
    other = msgspec.structs.replace(INSTRUMENTS[SPOT_B], id="ETH/USD.beta", underlying="ETH")
    same = msgspec.structs.replace(INSTRUMENTS[SPOT_A], id="BTC/USDT.alpha", symbol="BTC/USDT")
    machine = market().machine
    machine._instruments = {**INSTRUMENTS, other.id: other, same.id: same}
    for long, capital, said in (
        (other.id, D(1), "one coin on two venues"),
        (same.id, D(1), "one coin on two venues"),
        (SPOT_B, None, "capital unknown"),
    ):
        text = machine.plan(
            strategy="cross", kind="spot", short=SPOT_A, long=long, short_quantity=D("0.1"),
            long_quantity=D("0.1"), capital=capital, origin="", reason="", now=0,
        )[2]  # fmt: skip
        assert said in text
    assert "perps hedge perps" in why("hedge", SPOT_A, SPOT_B)
    assert "perps hedge perps" in why("peg", BTC_A, SPOT_B)
    assert why("exchange", SPOT_A, SPOT_B).startswith("unknown kind")
    assert "below the venue's minimum" in market().machine.plan(
        strategy="cross", kind="spot", short=SPOT_A, long=SPOT_B, short_quantity=D("0.1"),
        long_quantity=INSTRUMENTS[SPOT_B].size_increment / 2, capital=D(1), origin="", reason="", now=0,
    )[2]  # fmt: skip


def test_a_checkpoint_from_before_there_were_such_pairs_loads() -> None:
    world = market()
    pair = world.machine.get(planned(world))
    assert pair is not None
    old = msgspec.to_builtins(pair)
    for leg in ("short", "long"):
        del old[leg]["done"]
    assert msgspec.convert(old, Pair) == pair
    assert pair.one_shot is False


def test_a_rest_that_no_limit_would_bring_over_the_minimum_is_not_chased() -> None:
    """5 USD at the mid are less at a sale's limit: the venue would refuse every one (found by seed 2252)."""
    world = market()
    world.book.mids = {SPOT_A: D(5_100), SPOT_B: D(5_100)}
    name = opened(world, "0.1", "spot")
    pair = world.machine.get(name)
    assert pair is not None
    assert least(pair.short, INSTRUMENTS, world.book, reducing=True) == D("0.002")
    assert least(pair.short, INSTRUMENTS, Book(mids={SPOT_A: D(5_530)}), reducing=True) == D("0.002"), (
        "a tenth below the mid"
    )
    pair.short.instrument, pair.long.instrument = BTC_A, BTC_A
    assert least(pair.short, INSTRUMENTS, Book(mids={BTC_A: D(5_100)}), reducing=True) == D("0.001")


@pytest.mark.parametrize(
    ("minimum", "filled", "price", "grave"),
    [
        ("1000", "0.7", "23000", True),
        ("1000", "0.96", "25000", True),
        ("1000", "0.96", "24999", False),
        ("100", "0.96", "23000", False),
    ],
)
def test_what_no_venue_takes_back_stays_done_alone_and_is_told(
    minimum: str, filled: str, price: str, grave: bool
) -> None:
    """Worth more than a hedged pair may have in excess, a hundred dollars, it takes the risk off."""
    world = market([Answer(), Answer(fills=(D(filled),)), *[NOTHING] * 8])
    world.book.mids = {SPOT_A: D(price), SPOT_B: D(price)}
    dear = {
        name: msgspec.structs.replace(INSTRUMENTS[name], min_notional=D(minimum)) for name in (SPOT_A, SPOT_B)
    }
    world.machine._instruments = {**INSTRUMENTS, **dear}
    name = opened(world, "0.1", "spot")
    world.run(30)
    pair = world.machine.get(name)
    assert pair is not None
    assert (pair.state, pair.failed) == (PairState.CLOSED, True)
    alone = abs(net(world))
    assert alone == D("0.1") * (1 - D(filled))
    assert f"{alone.normalize():f} {SPOT_B} stays done alone" in pair.text
    told = [page for page in world.pages if "cannot be cut" in page.text]
    assert [page.reducing for page in told] == [grave]
    assert not any(order.reduce_only for order in world.placed), "nothing that would only be refused"
