"""A flatten by a desk that knows nothing yet: the direct one, and one whose store was lost (SEMANTICS 10)."""

from __future__ import annotations

import heapq
from decimal import Decimal

import pytest

from services.desk.desk import Desk
from services.domain.enums import PairState
from services.domain.events import AccountReport, Event, Timer
from services.domain.store_events import StoreRebuilt
from services.domain.venue_events import VenueFacts
from services.drive.machine import VirtualMachine
from services.drive.queue import Kind
from tests.desk.world import Answers, DeskWorld, S, Tap, quick

D = Decimal


def begun_anew(
    *, silent: str = "", deaf_s: int = 0, lost: bool = False
) -> tuple[DeskWorld, dict[str, Decimal]]:
    """A world with a hedged pair and a new desk over it, and what it held. `silent`: a venue whose account
    is not told for `deaf_s`. `lost`: the desk's folder had a store before."""
    world = DeskWorld(settings=quick()).until(lambda w: PairState.HEDGED in w.pair_states()).run(1)
    held = world.positions()
    assert len(held) == 2
    queue = world.queue
    queue._heap = [entry for entry in queue._heap if entry[2] is Kind.WAKE]
    heapq.heapify(queue._heap)
    queue._timers.clear()
    hears_at = world.now + deaf_s * S

    def unheard(due: int, event: Event) -> Answers:
        gone = isinstance(event, AccountReport) and event.venue == silent and due < hears_at
        return () if gone else ((due, event),)

    world.wire.hook = unheard
    instruments = {each.id: each for each in world.world.instruments}
    world.desk = Desk(world.settings, instruments, instance="dir000")
    world.machine = VirtualMachine(
        world.desk,
        {name: Tap(world, venue) for name, venue in world.exchange.venues.items()},  # type: ignore[misc]
        world.exchange,
        queue,
        world.keeper,
        on_answer=world._answer,
    )
    world.machine.feed(Timer(name="start", ts=world.now))
    if lost:
        world.machine.feed(StoreRebuilt(found="gone", aside="", former=("abc123",), ts=world.now))
    for venue in world.exchange.venues.values():
        venue.reconnect(world.now, "the engine was started")
    return world, held


def flatten(world: DeskWorld, what: str, origin: str = "direct:1") -> str:
    from services.domain.events import Command

    args = {"what": what} if what else {}
    world.machine.feed(Command(id="x", name="flatten", args=args, origin=origin, ts=world.now))
    return "x"


def naked(world: DeskWorld) -> Decimal:
    return max((abs(size) for size in world.naked().values()), default=D(0))


@pytest.mark.parametrize("early", [True, False], ids=["before the reads", "after them"])
def test_a_direct_flatten_of_one_venue_takes_the_other_leg_in_step(early: bool) -> None:
    world, held = begun_anew()
    if not early:
        world.run(3)
    command = flatten(world, "alpha")
    worst = D(0)

    def watched(w: DeskWorld) -> bool:
        nonlocal worst
        worst = max(worst, naked(w))
        return command in w.done

    world.until(watched, 90)
    assert world.done[command].ok, world.done[command].text
    assert world.positions() == {}
    assert 0 < worst < abs(next(iter(held.values()))) / 2, "a slice"


@pytest.mark.parametrize("what", ["", "alpha"])
def test_a_leg_stays_while_the_other_venue_is_not_read_and_goes_with_it_once_it_is(what: str) -> None:
    world, held = begun_anew(silent="beta", deaf_s=25)
    command = flatten(world, what)
    world.run(20)
    assert world.positions() == held
    assert command not in world.done
    worst = D(0)

    def watched(w: DeskWorld) -> bool:
        nonlocal worst
        worst = max(worst, naked(w))
        return command in w.done

    world.until(watched, 90)
    assert world.done[command].ok, world.done[command].text
    assert world.positions() == {}
    assert worst < abs(next(iter(held.values()))) / 2, "a slice"


def test_a_dead_venue_ends_the_flatten_with_the_leg_named_and_not_naked() -> None:
    world, held = begun_anew(silent="beta", deaf_s=1_000)
    command = flatten(world, "")
    world.until(lambda w: command in w.done, 90)
    done = world.done[command]
    assert (done.ok, done.exit) == (False, 5)
    assert "beta not read: what hedges it may be there" in done.text
    assert "beta: no fresh read of the account" in done.text
    assert world.positions() == held


@pytest.mark.parametrize("what", ["alpha", ""])
def test_a_flatten_before_a_lost_stores_pairs_are_made_again_waits_for_them(what: str) -> None:
    """Of everything too: in the turn of the last read the whole other leg went out alone."""
    world, _ = begun_anew(silent="beta", deaf_s=5, lost=True)
    command = flatten(world, what, "operator")
    worst = D(0)

    def watched(w: DeskWorld) -> bool:
        nonlocal worst
        worst = max(worst, naked(w))
        return command in w.done

    world.until(watched, 120)
    assert world.done[command].ok, world.done[command].text
    assert worst * 23_000 < 6_000, "a slice"
    assert world.positions() == {}


@pytest.mark.parametrize("lost", [False, True])
def test_a_venue_with_market_data_only_holds_nothing_up(lost: bool) -> None:
    """No key, so no account that could be read: what it might hedge is nobody's of ours."""
    world, held = begun_anew(silent="beta", deaf_s=1_000, lost=lost)
    (leg,) = [name for name in held if name.endswith(".alpha")]
    facts = VenueFacts(
        venue="beta", ts=world.now, conditional=False, dead_man=False,
        conditional_survives_dead_man=False, account=False,
    )  # fmt: skip
    world.until(lambda w: bool(w.desk.state.venues["beta"].facts))
    world.machine.feed(facts)
    command = flatten(world, "")
    world.until(lambda w: command in w.done, 90)
    assert world.done[command].ok, world.done[command].text
    assert leg not in world.positions()
    assert world.desk.state.rebuild is None, "a lost store is looked after: its report is made"
