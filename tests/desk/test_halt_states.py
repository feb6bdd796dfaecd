"""Halt in every pair state and fill pattern ends with nothing naked, without one position-increasing order.

SEMANTICS 3: "from every pair state and fill pattern, halt ends with |naked| = 0 or an IN DOUBT alert without
one position-increasing order". The exchange's own books are the judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from services.domain.enums import PairState, Purpose, TradingState
from services.domain.orders import OrderRequest
from tests.desk.world import (
    MS,
    DeskWorld,
    Wire,
    fills_first,
    late,
    on_leg,
    quick,
    refuse,
    swallow,
    thin,
    twice,
)

JOINT_LOT = {"BTC": "0.001", "ETH": "0.01"}
Hook = Callable[[DeskWorld, OrderRequest], OrderRequest | None]


def _world(pattern: str) -> DeskWorld:
    world = DeskWorld(settings=quick())
    submits: dict[str, Hook] = {
        "half": thin("0.5"),
        "half of the second leg": on_leg(2, thin("0.5")),
        "half of the first leg": on_leg(1, thin("0.3")),
        "second leg refused": on_leg(2, refuse),
        "second leg lost": on_leg(2, swallow),
        "first leg lost": on_leg(1, swallow),
    }
    wires = {"late": late(700 * MS), "twice": twice, "fills first": fills_first}
    if pattern in submits:
        world.on_submit = submits[pattern]
    if pattern in wires:
        world.wire.hook = wires[pattern]
    return world


PATTERNS = (
    "whole",
    "half",
    "half of the first leg",
    "half of the second leg",
    "second leg refused",
    "second leg lost",
    "first leg lost",
    "late",
    "twice",
    "fills first",
)


def _naked_is_nothing(world: DeskWorld) -> bool:
    return all(abs(size) < type(size)(JOINT_LOT[coin]) for coin, size in world.naked().items())


def _in_doubt_said(world: DeskWorld) -> bool:
    return PairState.IN_DOUBT in world.pair_states() and any(
        note.key.startswith("in doubt:") for note in world.told
    )


def _halt_and_judge(world: DeskWorld) -> None:
    sent = len(world.sent)
    done = world.answer("halt", reason="test")
    assert done.ok
    assert world.trading_state is TradingState.HALTED
    first = world.keeper.latches[-1]
    assert first.state is TradingState.HALTED
    world.run(20)
    increasing = [each for each in world.sent[sent:] if each.increasing]
    assert increasing == []
    assert _naked_is_nothing(world) or _in_doubt_said(world), f"naked {world.naked()} {world.pair_states()}"
    assert not any(
        state in (PairState.PLANNED, PairState.OPENING, PairState.CLOSING) for state in world.pair_states()
    )


@pytest.mark.parametrize("pattern", PATTERNS)
def test_halt_while_opening_leaves_nothing_naked(pattern: str) -> None:
    base = _world(pattern).until(lambda w: PairState.OPENING in w.pair_states())
    start = base.machine.events
    base.run(2.2)
    count = base.machine.events - start
    assert count >= 6
    visited: Counter[str] = Counter()
    nakeds = 0
    for step in range(0, count, max(1, count // 9)):
        world = _world(pattern).until(lambda w, n=start + step: w.machine.events >= n)  # type: ignore[misc]
        visited.update(state.value for state in world.pair_states())
        nakeds += not _naked_is_nothing(world)
        _halt_and_judge(world)
    assert visited["opening"] + visited["in_doubt"] + visited["unwinding"] >= 4, visited
    if pattern != "first leg lost":
        assert nakeds >= 1, "no halt met a naked moment"


def _hedged(pattern: str = "whole") -> DeskWorld:
    return _world(pattern).until(lambda w: w.pair_states() == [PairState.HEDGED])


def test_halt_while_hedged_keeps_the_pair() -> None:
    world = _hedged()
    before = world.positions()
    assert len(before) == 2
    _halt_and_judge(world)
    assert world.positions() == before
    assert world.pair_states() == [PairState.HEDGED]


@pytest.mark.parametrize("pattern", ["whole", "half", "second leg refused", "late", "twice", "fills first"])
def test_halt_while_closing_leaves_nothing_naked(pattern: str) -> None:
    visited: Counter[str] = Counter()
    for step in range(1, 30, 6):
        world = _hedged()
        shape = _world(pattern)
        world.on_submit = _closing_hook(pattern)
        world.wire.hook = shape.wire.hook
        pair = world.pair()
        assert pair is not None
        assert world.answer("pair close", id=pair.id).ok
        events = world.machine.events + step
        world.until(lambda w, n=events: w.machine.events >= n)  # type: ignore[misc]
        visited.update(state.value for state in world.pair_states())
        _halt_and_judge(world)
    assert visited["closing"] >= 2, visited


def _closing_hook(pattern: str) -> Hook:
    hooks: dict[str, Hook] = {"half": thin("0.5")}

    def second_refused(world: DeskWorld, order: OrderRequest) -> OrderRequest | None:
        return refuse(world, order) if order.leg == 2 and order.purpose.value == "exit" else order

    hooks["second leg refused"] = second_refused
    return hooks.get(pattern, lambda _world, order: order)


def test_halt_while_unwinding_goes_on_to_nothing_naked() -> None:
    world = _world("second leg refused").until(lambda w: PairState.UNWINDING in w.pair_states(), 120)
    _halt_and_judge(world)


def test_halt_while_frozen_leaves_the_pair_matched() -> None:
    world = _hedged()
    pair = world.pair()
    assert pair is not None
    world.machine.desk.submit.run(  # type: ignore[attr-defined]
        world.desk.core.pairs.freeze(pair.id, "stale", world.now)
    )
    assert world.pair_states() == [PairState.FROZEN]
    _halt_and_judge(world)
    assert world.pair_states() == [PairState.FROZEN]


def test_halt_in_doubt_sends_nothing_until_the_outcome_is_known() -> None:
    world = _world("second leg lost").until(lambda w: PairState.IN_DOUBT in w.pair_states(), 120)
    assert not _naked_is_nothing(world)
    sent = len(world.sent)
    world.answer("halt", reason="test")
    world.run(5)
    assert world.sent[sent:] == [], "an order on a guess"
    assert _in_doubt_said(world)
    world.run(20)
    # Past the settling time the venue's "no such order" is definite: now the excess goes.
    assert _naked_is_nothing(world)
    assert [each for each in world.sent[sent:] if each.increasing] == []
    assert len(world.sent) > sent


def test_wire_passes_everything_by_default() -> None:
    world = DeskWorld(settings=quick())
    assert isinstance(world.outbox, Wire)
    world.until(lambda w: w.pair_states() == [PairState.HEDGED])
    world.books_agree()
    assert len(world.sent) >= 4


@pytest.mark.parametrize("pattern", ["half", "half of the second leg", "late"])
def test_halt_after_a_close_by_hand_while_opening_begins_no_exit(pattern: str) -> None:
    """It unwinds for the close; the exit behind that, which a policy may stop naked, is none after a halt."""
    unwound = 0
    for step in range(4):
        world = _world(pattern).until(
            lambda w: (
                PairState.OPENING in w.pair_states() and len(w.positions()) == 2 and not _naked_is_nothing(w)
            )
        )
        pair = world.pair()
        assert pair is not None
        assert world.answer("pair close", id=pair.id).ok
        events = world.machine.events + step
        world.until(lambda w, n=events: w.machine.events >= n)  # type: ignore[misc]
        unwound += PairState.UNWINDING in (pair.state, pair.resume)
        sent = len(world.sent)
        _halt_and_judge(world)
        assert Purpose.EXIT not in [each.order.purpose for each in world.sent[sent:]]
    assert unwound >= 2
