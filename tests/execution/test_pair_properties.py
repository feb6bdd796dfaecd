"""Properties of SEMANTICS 3, 7 and 10, against a market that delays, drops, doubles and refuses."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import PairState, Purpose
from services.execution.pair_legs import cuttable, excess, least, lot
from services.execution.pair_state import Pair, PairBookState
from services.execution.pairs import PairMachine
from tests.execution.builders import (
    INSTRUMENTS,
    SECOND,
    Answer,
    Market,
    market,
    opened,
)

D = Decimal
SHARES = st.sampled_from([D("0"), D("0.004"), D("0.1"), D("0.37"), D("0.5"), D("1")])

ANSWERS = st.builds(
    Answer,
    fills=st.lists(SHARES, max_size=3).map(tuple),
    kind=st.sampled_from(["ioc", "ioc", "ioc", "reject", "deny", "lost", "swallowed", "silent_after_fill"]),
    latency_ms=st.integers(1, 900),
    gap_ms=st.integers(0, 700),
    duplicate=st.booleans(),
    late=st.booleans(),
)
SCRIPTS = st.lists(ANSWERS, max_size=12)
HELD = [("hedge", "0.4"), ("hedge", "0.05"), ("peg", "9000")]
"""Kinds that stand once they are hedged; one of spot changes hands and is gone."""
KINDS = st.sampled_from([*HELD, ("spot", "0.4")])
CALM = settings(max_examples=100, deadline=None)

LONG_ENOUGH = 400
"""Each order in doubt takes some ten seconds to become definite, and a script has at most twelve."""


def at_rest(world: Market, pair_id: str) -> None:
    """Our own count equals the venue's, and the legs match to less than what a venue would take."""
    pair = world.machine.get(pair_id)
    assert pair is not None
    for leg in pair.legs:
        assert world.positions.get(leg.instrument, D(0)) == (leg.size + leg.done) * leg.side.sign
        assert leg.size >= 0
    if pair.one_shot:
        assert pair.state is PairState.CLOSED
        left_alone(world, pair)
    heavy, quantity = excess(pair)
    assert heavy == 0 or cuttable(pair, heavy, INSTRUMENTS, world.book) == 0 or pair.state is PairState.HEDGED
    if heavy:
        unit = world.book.mid(pair.leg(heavy).instrument)
        assert unit is not None
        assert quantity * unit <= 100
    assert not pair.unsettled
    assert not world.anomalies


def left_alone(world: Market, pair: Pair) -> None:
    """What a pair that changes hands once has moved on one venue only: a lot of both, or less than the venue
    takes back."""
    moved = pair.short.done + pair.short.size - pair.long.done - pair.long.size
    leg = pair.short if moved > 0 else pair.long
    both = lot(pair, leg.number, INSTRUMENTS)
    assert abs(moved) <= max(both, least(leg, INSTRUMENTS, world.book, reducing=True))


def steps(world: Market, count: int) -> None:
    for _ in range(count):
        if not world.step():
            return


@CALM
@given(SCRIPTS, KINDS)
def test_after_faults_end_hedged_or_flat_and_no_fill_lost_or_counted_twice(
    script: list[Answer], kind: tuple[str, str]
) -> None:
    world = market(script)
    pair_id = opened(world, kind[1], kind[0])
    world.run(LONG_ENOUGH)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state in (PairState.HEDGED, PairState.CLOSED)
    at_rest(world, pair_id)
    assert len({order.client_order_id for order in world.placed}) == len(world.placed)
    assert world.worst_naked <= pair.naked_bound


@CALM
@given(SCRIPTS, KINDS, st.integers(0, 60), st.booleans(), st.integers(0, 40))
def test_halt_ends_with_nothing_naked_or_in_doubt_without_one_increasing_order(
    script: list[Answer], kind: tuple[str, str], before: int, closing: bool, later: int
) -> None:
    world = market(script)
    pair_id = opened(world, kind[1], kind[0])
    steps(world, before)
    if closing:
        world.run(60)
        world.carry_out(world.machine.request_close(pair_id, "spread gone", world.now, world.book))
        steps(world, later)
    placed = len(world.placed)
    world.halted = True
    world.carry_out(world.machine.request_unwind(pair_id, "halt", world.now, world.book))
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state not in (PairState.OPENING, PairState.CLOSING)
    world.run(LONG_ENOUGH)
    assert pair.state in (PairState.HEDGED, PairState.CLOSED)
    assert all(order.reduce_only and order.purpose is Purpose.UNWIND for order in world.placed[placed:])
    at_rest(world, pair_id)


@CALM
@given(SCRIPTS, KINDS, st.integers(0, 40), st.sampled_from([Purpose.EXIT, Purpose.UNWIND, Purpose.FLATTEN]))
def test_exits_never_increase_a_position_and_end_flat_once_the_market_answers(
    script: list[Answer], kind: tuple[str, str], split: int, purpose: Purpose
) -> None:
    world = market()
    pair_id = opened(world, kind[1], kind[0])
    world.run(30)
    world.script.extend(script)
    placed = len(world.placed)
    world.carry_out(world.machine.request_close(pair_id, "max hold", world.now, world.book, purpose=purpose))
    steps(world, split)
    world.carry_out(world.machine.on_timer(pair_id, world.now, world.book))
    world.run(LONG_ENOUGH)
    pair = world.machine.get(pair_id)
    assert pair is not None
    assert pair.state is PairState.CLOSED
    assert all(order.reduce_only for order in world.placed[placed:])
    at_rest(world, pair_id)


@CALM
@given(SCRIPTS, KINDS, st.integers(0, 60))
def test_a_missing_leg_takes_the_other_leg_with_it(
    script: list[Answer], kind: tuple[str, str], before: int
) -> None:
    world = market(script)
    pair_id = opened(world, kind[1], kind[0])
    world.run(LONG_ENOUGH)
    pair = world.machine.get(pair_id)
    assert pair is not None
    if pair.state is not PairState.HEDGED:
        return
    half = (pair.long.size / 2).quantize(INSTRUMENTS[pair.long.instrument].size_increment)
    world.positions[pair.long.instrument] = half
    placed = len(world.placed)
    world.carry_out(
        world.machine.leg_changed(pair_id, pair.long.instrument, half, "ADL", world.now, world.book)
    )
    world.run(60)
    assert pair.state is PairState.CLOSED
    assert all(order.reduce_only for order in world.placed[placed:])
    at_rest(world, pair_id)


@CALM
@given(SCRIPTS, KINDS, st.integers(0, 30), st.integers(1, 30))
def test_nothing_is_sent_while_an_order_is_in_doubt(
    script: list[Answer], kind: tuple[str, str], first: int, count: int
) -> None:
    world = market(script)
    pair_id = opened(world, kind[1], kind[0])
    pair = world.machine.get(pair_id)
    assert pair is not None
    for _ in range(first + count * 4):
        placed, doubt = len(world.placed), pair.doubtful
        if not world.step():
            break
        if doubt and pair.doubtful:
            assert len(world.placed) == placed
            assert pair.state is PairState.IN_DOUBT


@settings(max_examples=40, deadline=None)
@given(SCRIPTS, KINDS, st.integers(0, 60))
def test_a_restored_machine_goes_on_exactly_as_the_old_one(
    script: list[Answer], kind: tuple[str, str], before: int
) -> None:
    plain, restored = market(list(script)), market(list(script))
    ids = [opened(world, kind[1], kind[0]) for world in (plain, restored)]
    steps(plain, before)
    steps(restored, before)
    machine = restored.machine
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(machine.state), type=PairBookState)
    restored.machine = PairMachine(machine._settings, INSTRUMENTS, machine._ids, state)
    for world in (plain, restored):
        world.run(60)
    assert plain.placed == restored.placed
    assert plain.machine.get(ids[0]) == restored.machine.get(ids[1])
    assert plain.now == restored.now > SECOND
