"""Properties of a resting leg 1: random fills, moves of the market, lost words, halts (SEMANTICS 3, 7)."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.domain.enums import PairState, Purpose
from services.execution.pair_state import Pair
from services.settings.parameters import Execution, Settings
from tests.execution.builders import BTC_B, MS, SECOND, Answer, Market, Rest, market, opened
from tests.execution.test_pair_properties import ANSWERS, HELD, KINDS, LONG_ENOUGH, at_rest, steps

D = Decimal
MAKER = Settings(exec=Execution(entry_style="maker", exit_style="maker"))
CALM = settings(max_examples=100, deadline=None)

RESTS = st.builds(
    Rest,
    fills=st.lists(
        st.tuples(st.integers(0, 14_000), st.sampled_from([D("0"), D("0.004"), D("0.1"), D("0.5"), D("1")])),
        max_size=4,
    ).map(lambda found: tuple(sorted(found))),
    kind=st.sampled_from(["rests", "rests", "rests", "rests", "reject", "deny", "lost", "swallowed"]),
    latency_ms=st.integers(1, 700),
    cancel=st.sampled_from(["yes", "yes", "yes", "lost", "refused"]),
    late=st.booleans(),
)
QUOTED = st.lists(RESTS, max_size=8)
SCRIPTS = st.lists(ANSWERS, max_size=6)
THEN = st.sampled_from(["", "halt", "stop", "freeze", "protect"])
MOVES = st.lists(st.integers(-6, 6), max_size=30)


def world_of(rests: list[Rest], script: list[Answer], moves: list[int]) -> Market:
    world = market(script, settings=MAKER)
    world.rests.extend(rests)
    mid = world.book.mids[BTC_B]
    assert mid is not None
    for count, move in enumerate(moves, 1):
        mid += move
        world.push(world.now + count * 700 * MS, "mid", (BTC_B, mid))
    return world


def walk(world: Market, pair: Pair, seconds: int) -> None:
    """Step by step: the bounds hold at every moment, not only at the end."""
    timeout = MAKER.pair.leg_timeout_ms * MS
    end = world.now + seconds * SECOND
    for _ in range(9000):
        if not world.queue or world.queue[0][0] > end:
            return
        world.step()
        assert pair.naked.notional <= pair.naked_bound or world.now - (pair.naked.since or 0) < timeout
        for leg in pair.legs:
            assert leg.size <= leg.target
        standing = [memo for memo in pair.orders.values() if memo.resting and not memo.settled]
        assert len(standing) <= 1
        for memo in standing:
            assert memo.quantity * (memo.price or D(0)) <= min(pair.slice_notional, pair.naked_bound)
    raise AssertionError("no end of events")


def few_requotes(world: Market) -> None:
    """Never more than three re-quotes within any fifteen seconds."""
    times = [
        at
        for at, order in zip(world.placed_at, world.placed, strict=True)
        if order.post_only and order.attempt > 1
    ]
    for number, first in enumerate(times):
        assert sum(1 for at in times[number:] if at - first < 15 * SECOND) <= 3


@CALM
@given(QUOTED, SCRIPTS, MOVES, st.sampled_from(HELD))
def test_a_quoted_entry_stays_within_its_bounds_and_ends_hedged_or_flat(
    rests: list[Rest], script: list[Answer], moves: list[int], kind: tuple[str, str]
) -> None:
    world = world_of(rests, script, moves)
    pair = world.machine.get(opened(world, kind[1], kind[0]))
    assert pair is not None
    walk(world, pair, LONG_ENOUGH)
    assert pair.state in (PairState.HEDGED, PairState.CLOSED)
    assert pair.failed == (pair.state is PairState.CLOSED)
    at_rest(world, pair.id)
    few_requotes(world)
    assert not any(each.live for each in world.standing.values())
    for order in world.placed:
        assert order.post_only is (order.purpose is Purpose.ENTRY)
    assert world.worst_naked <= pair.naked_bound


@CALM
@given(QUOTED, SCRIPTS, MOVES, KINDS, st.integers(0, 60))
def test_a_halt_at_any_moment_withdraws_and_nothing_increases_after_it(
    rests: list[Rest], script: list[Answer], moves: list[int], kind: tuple[str, str], before: int
) -> None:
    world = world_of(rests, script, moves)
    pair = world.machine.get(opened(world, kind[1], kind[0]))
    assert pair is not None
    steps(world, before)
    placed = len(world.placed)
    resting = [
        name
        for name, memo in pair.orders.items()
        if memo.resting and not memo.settled and not memo.cancel_asked
    ]
    world.halted = True
    world.carry_out(world.machine.request_unwind(pair.id, "halt", world.now, world.book))
    asked = [name for at, name in world.cancels if at == world.now]
    assert all(name in asked for name in resting)
    walk(world, pair, LONG_ENOUGH)
    assert pair.state in (PairState.HEDGED, PairState.CLOSED)
    assert all(order.reduce_only and order.purpose is Purpose.UNWIND for order in world.placed[placed:])
    assert not any(each.live for each in world.standing.values())
    at_rest(world, pair.id)


@CALM
@given(QUOTED, SCRIPTS, MOVES, st.sampled_from(HELD), st.integers(0, 60), THEN)
@example([Rest(kind="swallowed", latency_ms=1)], [], [], ("hedge", "0.4"), 2, "halt")
def test_a_quoted_exit_never_increases_and_ends_matched(
    rests: list[Rest], script: list[Answer], moves: list[int], kind: tuple[str, str], split: int, then: str
) -> None:
    world = market(settings=Settings(exec=Execution(exit_style="maker")))
    pair = world.machine.get(opened(world, kind[1], kind[0]))
    assert pair is not None
    world.run(20)
    assert pair.state is PairState.HEDGED
    shaped = world_of(rests, script, moves)
    world.rests, world.script = shaped.rests, shaped.script
    for at, _, kind_of, what in shaped.queue:
        world.push(at + 20 * SECOND, kind_of, what)
    placed = len(world.placed)
    machine = world.machine
    world.carry_out(machine.request_close(pair.id, "max hold", world.now, world.book))
    steps(world, split)
    if then == "halt":
        world.halted = True
        world.carry_out(machine.request_unwind(pair.id, "halt", world.now, world.book))
    elif then == "stop":
        world.carry_out(machine.stop_resting(pair.id, "stop", world.now, world.book))
    elif then == "freeze":
        world.carry_out(machine.freeze(pair.id, "stale", world.now))
    elif then == "protect":
        world.carry_out(
            machine.request_close(pair.id, "pair stop", world.now, world.book, purpose=Purpose.STOP)
        )
    walk(world, pair, LONG_ENOUGH)
    if then in ("halt", "freeze"):
        assert pair.state in (PairState.HEDGED, PairState.FROZEN, PairState.CLOSED)
    else:
        assert pair.state is PairState.CLOSED
    assert all(order.reduce_only for order in world.placed[placed:])
    assert not any(each.live for each in world.standing.values())
    few_requotes(world)
    at_rest(world, pair.id)
