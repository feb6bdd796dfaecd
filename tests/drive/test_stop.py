"""The graceful stop: no new intents, pairs under way come to rest, and what is left is listed (RUNTIME 1)."""

from __future__ import annotations

from collections import Counter
from decimal import localcontext

import pytest
from msgspec.structs import replace

from services.domain.enums import PairState, Side
from services.domain.events import Event, OrderAccepted, OrderCanceled, OrderFilled, StopRequested
from services.domain.money import DESK_CONTEXT
from services.domain.records import CoinRecord, EquityRecord, WaterfallRecord
from tests.desk.world import Answers, DeskWorld, S, on_leg, quick, refuse, swallow


def stop(world: DeskWorld) -> None:
    deadline = world.now + 10 * S
    world.machine.feed(StopRequested(reason="test", deadline=deadline, ts=world.now))


@pytest.mark.parametrize("step", [0, 4, 8, 12, 18, 24])
def test_a_stop_while_opening_ends_matched_with_nothing_left(step: int) -> None:
    """Bugs E17, O5: a clean stop cancels what rests and leaves no leg alone."""
    world = DeskWorld(settings=quick()).until(lambda w: PairState.OPENING in w.pair_states())
    events = world.machine.events + step
    world.until(lambda w: w.machine.events >= events)
    sent = len(world.sent)
    stop(world)
    world.run(15)
    assert world.machine.stopped is not None
    assert world.machine.stopped.left == ()
    assert all(size == 0 for size in world.naked().values())
    assert [each for each in world.sent[sent:] if each.increasing] == []


def test_a_stop_writes_what_was_earned_since_the_last_sample() -> None:
    """Else a report of a run of four minutes ends where it began."""
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    world.until(lambda w: w.now % (300 * S) > 200 * S)
    world.run(1.5)  # off the looks of the breakers, too
    stop(world)
    world.run(10)
    assert world.machine.stopped is not None
    rows = [row for row in world.keeper.rows if isinstance(row, EquityRecord | WaterfallRecord | CoinRecord)]
    last = {(type(row), row.account): row for row in rows}
    total, units = last[EquityRecord, "all"], world.desk.core.units.state.units
    assert isinstance(total, EquityRecord)
    assert total.ts % (300 * S) > 200 * S
    assert total.total_balance is not None
    assert units is not None
    with localcontext(DESK_CONTEXT):
        assert total.unit_value == total.total_balance / units
    assert {row.ts for row in last.values()} == {total.ts}, "of every kind one of the same instant"
    assert len(last) == 3 + 2 + 2


def test_a_stop_while_closing_lets_the_exit_finish() -> None:
    met: Counter[str] = Counter()
    for step in (1, 5, 9):
        world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
        pair = world.pair()
        assert pair is not None
        world.command("pair close", id=pair.id)
        events = world.machine.events + step
        world.until(lambda w, n=events: w.machine.events >= n)  # type: ignore[misc]
        met.update(state.value for state in world.pair_states())
        cancels = len(world.cancels)
        stop(world)
        world.run(15)
        assert len(world.cancels) == cancels, "an exit that takes ends by itself"
        assert world.machine.stopped is not None
        assert world.machine.stopped.left == ()
        assert world.positions() == {}
    assert met["closing"] >= 2


def test_a_stop_waits_for_a_flatten_also_between_two_of_its_orders() -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.desk.state.venue("beta").opened)
    world.foreign("ETH-USDT-PERP.beta", Side.BUY, "0.5")
    world.run(1)
    takes, world.on_submit = world.on_submit, refuse
    world.command("flatten")
    world.until(lambda w: len(w.sent) > 1)
    stop(world)
    world.run(2)
    assert world.machine.stopped is None
    world.on_submit = takes
    world.run(7)
    assert world.machine.stopped is not None
    assert world.machine.stopped.left == ()
    assert world.positions() == {}


def test_a_stop_waits_for_a_leg_that_stands_alone_also_between_two_of_its_cuts() -> None:
    world = DeskWorld(settings=quick())
    world.until(lambda w: any(w.naked().values()), 120)
    takes, world.on_submit = world.on_submit, refuse
    stop(world)
    world.run(3)
    assert any(world.naked().values())
    assert world.machine.stopped is None
    world.on_submit = takes
    world.run(6)
    assert world.machine.stopped is not None
    assert world.machine.stopped.left == ()
    assert not any(world.naked().values())


def test_a_stop_waits_for_an_exit_also_between_two_of_its_slices() -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    pair = world.pair()
    assert pair is not None
    takes, world.on_submit = world.on_submit, refuse
    world.command("pair close", id=pair.id)
    world.until(lambda w: not w.desk.core.orders.open_orders() and bool(w.sent[-1].order.reduce_only))
    assert world.pair_states() == [PairState.CLOSING]
    stop(world)
    assert world.machine.stopped is None
    world.on_submit = takes
    world.run(8)
    assert world.machine.stopped is not None
    assert world.machine.stopped.left == ()
    assert world.positions() == {}


def test_what_a_stop_waited_for_in_vain_is_told_one_line_each() -> None:
    """A leg that the policy leaves alone until a person decides, and a flatten that gets nowhere."""
    settings = quick()
    world = DeskWorld(settings=replace(settings, pair=replace(settings.pair, entry_policy="cancel")))
    world.on_submit = on_leg(2, refuse)
    world.until(lambda w: w.pair_states() == [PairState.FROZEN], 120)
    world.on_submit = refuse
    world.foreign("USDT-PERP.beta", Side.BUY, "1000")
    world.run(1)
    world.command("flatten", what="USDT-PERP.beta")
    stop(world)
    world.run(11)
    assert world.machine.stopped is not None
    assert [line.partition(" f")[0] for line in world.machine.stopped.left] == ["P-01", "flatten"]


def test_a_stop_while_hedged_keeps_the_pair_and_ends_at_once() -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    world.run(1)
    sent = len(world.sent)
    stop(world)
    assert world.machine.stopped is not None
    assert world.machine.stopped.left == ()
    assert len(world.sent) == sent
    assert len(world.positions()) == 2


def test_a_stop_while_in_doubt_lists_what_is_open_at_the_deadline() -> None:
    world = DeskWorld(settings=quick(), on_submit=on_leg(2, swallow))
    world.until(lambda w: PairState.IN_DOUBT in w.pair_states(), 120)
    world.on_submit = refuse
    stop(world)
    by_hand = world.answer("buy", symbol="ETH-USDT-PERP.alpha", size="0.1")
    assert (by_hand.code, by_hand.exit) == ("stopping", 4), "nothing new, whoever wants it"
    world.run(11)
    assert world.machine.stopped is not None
    assert any("in_doubt" in line for line in world.machine.stopped.left)


def test_a_stop_while_an_entry_is_in_doubt_lets_it_grow_no_more() -> None:
    """Once its outcome is known it is matched by cutting, and not by going on with the entry."""

    def deaf(due: int, event: Event) -> Answers:
        heard = not isinstance(event, OrderAccepted | OrderFilled | OrderCanceled)
        return ((due, event),) if heard else ()

    world = DeskWorld(settings=quick())
    hears, world.wire.hook = world.wire.hook, deaf
    world.until(lambda w: PairState.IN_DOUBT in w.pair_states(), 120)
    assert world.positions()
    world.wire.hook = hears
    sent = len(world.sent)
    stop(world)
    world.run(11)
    assert world.machine.stopped is not None
    assert world.machine.stopped.left == ()
    assert len(world.sent) > sent
    assert [each for each in world.sent[sent:] if each.increasing] == []
    assert not any(world.naked().values())
