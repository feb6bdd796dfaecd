"""The engine dies in the middle of a scenario and comes back from what its disk holds; the venues go on.

What was on its way to it is lost, what it had sent is on its way yet. The disk holds a prefix of the journal:
all of it, or no more than what somebody waited for. The new desk is the old one's inputs handled again, by
way of a checkpoint, like a real start (`drive/recover`).
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from services.desk.desk import Desk
from services.domain.effects import Record, WriteLatch
from services.domain.enums import TradingState
from services.domain.events import Event, LatchFound, Timer, VenueLink
from services.domain.records import FillRecord
from services.drive.queue import Kind, VirtualQueue
from services.execution.ids import restarted
from tests.adversary.plan import DEAD_MAN_S, Restart

if TYPE_CHECKING:
    from tests.adversary.arena import Arena

S = 1_000_000_000
ARMED_WITHIN_S = 8
"""A death that waits for an armed dead-man's switch waits no longer."""


def restart(arena: Arena, what: Restart) -> None:
    """Die, let the venues go on alone, live again. Notes what really happened in `arena.happened`."""
    if what.dead_man:
        _wait_for_orders_that_rest(arena)
    armed = {name for name in arena.exchange.venues if _fires_at(arena, name) is not None}
    _alone(arena, what.down_s + (DEAD_MAN_S if what.dead_man else 0.0))
    if any(_fires_at(arena, name) is None for name in armed):
        arena.happened.add("dead man")
    _live_again(arena, what)
    arena.happened.add("restart")


def _fires_at(arena: Arena, venue: str) -> int | None:
    return arena.exchange.venues[venue].state.switch.fires_at


def _wait_for_orders_that_rest(arena: Arena) -> None:
    end = arena.queue.now + ARMED_WITHIN_S * S
    while not any(_fires_at(arena, name) is not None for name in arena.exchange.venues):
        arena.machine.settle_commits()
        due = arena.queue.next_due()
        if due is None or due > end:
            return
        arena.machine.step()


def _forget(queue: VirtualQueue) -> None:
    """Whatever was for the engine: answers on their way, its timers."""
    queue._heap = [entry for entry in queue._heap if entry[2] is Kind.WAKE]
    queue._timers.clear()
    heapq.heapify(queue._heap)


def _alone(arena: Arena, seconds: float) -> None:
    queue = arena.queue
    _forget(queue)
    end = queue.now + int(seconds * S)
    while (due := queue.next_due()) is not None and due <= end:
        entry = queue.pop()
        if entry is not None and entry[2] is Kind.WAKE:
            arena.exchange.wake(due, entry[3])
    _forget(queue)
    queue.now = max(queue.now, end)


def _live_again(arena: Arena, what: Restart) -> None:
    keeper, queue = arena.keeper, arena.queue
    kept = keeper.inputs[: keeper.sure] if what.late else list(keeper.inputs)
    arena.desk = _recovered(arena, kept)
    arena.machine = arena.build()
    arena.done.clear()  # a command may be answered again: its first answer may not have reached the disk
    now = queue.now
    # Before any command: it puts in doubt what may have been sent before the end.
    arena.machine.feed(Timer(name="start", ts=now))
    latch = keeper.latched
    if latch is not None and (latch.state is not TradingState.ACTIVE or latch.scopes):
        arena.machine.feed(_found(latch, now))
    for name, venue in arena.exchange.venues.items():
        if venue.line.down(now):
            queue.deliver(now, VenueLink(venue=name, ts=now, up=False, reason="cannot be reached"))
        else:
            venue.reconnect(now, "the engine was started")


def _recovered(arena: Arena, kept: list[Event]) -> Desk:
    """Each start has left its gap in the ids where it happened: before its first input, and on the disk."""
    facts = {each.id: each for each in arena.world.instruments}
    desk, keeper = Desk(arena.settings, facts, instance="adv000"), arena.keeper
    fills: list[FillRecord] = []
    for number, event in enumerate(kept):
        if number in keeper.starts:
            desk = _started(arena, desk)
        fills += [
            effect.row
            for effect in desk.handle(event)
            if isinstance(effect, Record) and isinstance(effect.row, FillRecord)
        ]
    keeper.fills, keeper.inputs, keeper.sure = fills, kept, len(kept)
    keeper.starts.append(len(kept))
    return _started(arena, desk)


def _started(arena: Arena, desk: Desk) -> Desk:
    facts = {each.id: each for each in arena.world.instruments}
    restarted(desk.state.ids, desk.state.ids.pairs)
    return Desk(arena.settings, facts, Desk.restore(desk.export()), instance="adv000")


def _found(latch: WriteLatch, now: int) -> LatchFound:
    return LatchFound(
        state=latch.state, cause=latch.cause, text=latch.text, since=latch.ts, ts=now, scopes=latch.scopes
    )
