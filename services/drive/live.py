"""The machine and its loop at the wall's time: paper and live (RUNTIME 2).

Nothing stands still for the disk here. While one order's intent is being written, fills of others are
handled; each intent waits for its own write, at most `intent_timeout_ms`, and is denied when that passes: a
slow disk is store trouble (RUNTIME 3). Everything else is the machine and the loop of virtual time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from msgspec import Struct

from services.domain.effects import SaveIntent
from services.domain.events import IntentDurable, StoreHealth, VenueLink
from services.drive.live_queue import PRIVATE_MOST, LiveQueue
from services.drive.machine import VirtualMachine
from services.drive.pace import NS
from services.drive.runner import Runner
from services.runtime.clock import steady_ns
from services.venues.port import VirtualVenue

_BREATHE_S = 0.005
_IDLE_S = 0.05


class _Intent(Struct):
    seq: int
    commit: Future[None]
    since: float
    slow_until: float = 0.0
    """Not on disk before that, whatever the real one says: the fault `fsync`."""

    def written(self, now: float) -> bool:
        return now >= self.slow_until and self.commit.done()


class LiveMachine(VirtualMachine):
    """Intents wait side by side."""

    queue: LiveQueue

    def __init__(self, *args: Any, clock: Callable[[], float] = time.monotonic, **more: Any) -> None:
        """As `VirtualMachine`; `clock`: monotonic seconds."""
        super().__init__(*args, **more)
        self._clock = clock
        self._intents: list[_Intent] = []
        self._late: list[_Intent] = []
        self.on_written: Callable[[], None] = lambda: None
        """Called from the writer's thread when a commit has ended."""

    def _save_intent(self, effect: SaveIntent) -> None:
        commit = self.keeper.commit()
        if all(order.purpose.protective for order in effect.orders):
            return
        self.awaited = commit
        self.preparing.extend(effect.orders)
        now = self._clock()
        slow_until = now + self.disk.lag(int(now * NS)) / NS
        self._intents.append(_Intent(effect.seq, commit, now, slow_until))
        commit.add_done_callback(lambda _: self.on_written())

    def take_in(self, name: str, venue: VirtualVenue, read: tuple[str, int] | None) -> None:
        """The venue itself where one has held its place; a read that waited for it is asked of it."""
        self.venues[name] = venue
        if read is not None:
            venue.read_account(self.queue.now, *read)

    def settle_intents(self, timeout_s: float) -> None:
        """Deliver what is on disk; give up what has waited too long, and everything that waits with it."""
        trouble = ""
        waiting: list[_Intent] = []
        clock = self._clock()
        for intent in self._intents:
            if intent.written(clock):
                error = intent.commit.exception() if not intent.commit.cancelled() else None
                if error is None and not intent.commit.cancelled():
                    now = self.queue.now
                    self.queue.deliver(now, IntentDurable(seq=intent.seq, ts=now))
                else:
                    trouble = trouble or str(error or "the write was given up")
            elif clock - intent.since >= timeout_s:
                trouble = trouble or f"an intent was not on disk within {timeout_s * 1000:.0f} ms"
                self._late.append(intent)
            else:
                waiting.append(intent)
        self._intents = waiting
        if trouble:
            # The desk denies all intents that wait: none of them may become durable later and go out.
            self._late.extend(self._intents)
            self._intents = []
            self.feed(StoreHealth(ok=False, text=trouble, ts=self.queue.now))
        elif self._late and all(intent.written(clock) for intent in self._late):
            late, self._late = [intent.commit for intent in self._late], []
            if all(not each.cancelled() and each.exception() is None for each in late):
                self.feed(StoreHealth(ok=True, text="", ts=self.queue.now))

    def give_up(self, text: str, kind: str = "") -> None:
        """The store has told of trouble: nothing that waits for it is sent."""
        self._intents = []
        self.feed(StoreHealth(ok=False, text=text, ts=self.queue.now, kind=kind))


class LiveRunner(Runner):
    """Turns at the wall's time until `request_stop` or a wall limit."""

    machine: LiveMachine

    def __init__(
        self,
        machine: LiveMachine,
        *args: Any,
        intent_timeout_s: float,
        wall: Callable[[], int] = steady_ns,
        **more: Any,
    ) -> None:
        super().__init__(machine, *args, **more)
        self.machine = machine
        self._intent_timeout_s = intent_timeout_s
        self._wall = wall
        self._flooded: tuple[str, ...] = ()

    async def run(self) -> bool:
        """As `Runner.run`."""
        loop = asyncio.get_running_loop()
        machine, queue = self.machine, self.machine.queue
        queue.on_deliver = self.stir
        machine.on_written = lambda: _stir_from_writer(loop, self.stir)
        started = breath = self._clock()
        while machine.stopped is None:
            now = self._clock()
            self._beat()
            queue.tick(self._wall())
            if machine.events:  # the start comes first, as in every run
                self._take_wishes()
                machine.settle_intents(self._intent_timeout_s)
                self._watch_flood()
                self._check_stop(now, started)
            if self._force or (self._stop_wall is not None and now >= self._stop_wall):
                return False
            due = queue.next_due()
            if due is None or due > queue.now:
                ahead = _IDLE_S if due is None else (due - queue.now) / NS
                await self._sleep(min(ahead, _IDLE_S))
                breath = self._clock()
                continue
            machine.step()
            if self._clock() - breath > _BREATHE_S:
                await asyncio.sleep(0)
                breath = self._clock()
        return True

    def _watch_flood(self) -> None:
        """A venue whose private events pile up is stale, and is read anew once the heap is gone."""
        flooded = self.machine.queue.overfull()
        now = self.machine.queue.now
        for venue in flooded:
            if venue not in self._flooded:
                reason = f"over {PRIVATE_MOST} of its events wait"
                self.machine.feed(VenueLink(venue=venue, ts=now, up=False, reason=reason))
        for venue in self._flooded:
            if venue not in flooded:
                self.machine.feed(VenueLink(venue=venue, ts=now, up=True, reason="caught up"))
        self._flooded = flooded


def _stir_from_writer(loop: asyncio.AbstractEventLoop, stir: Callable[[], None]) -> None:
    """From the writer's thread. The last commits end after the loop: nobody waits for them then."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(stir)
