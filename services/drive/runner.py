"""The event loop around a virtual-time machine: pacing, operator commands between two pops, limits, the stop.

Commands are taken between two pops and get the virtual time that stands then (RUNTIME 2). The loop breathes
at least every 5 ms of work, so that sockets are served while virtual time runs at full speed.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from msgspec import Struct

from services.domain.events import Command, StopRequested, StoreHealth
from services.drive.machine import VirtualMachine
from services.drive.pace import NS, Pacer

_BREATHE_S = 0.005
_IDLE_S = 0.05
_COMMIT_LOOK_S = 0.005
"""While a durable write is outstanding, so long at most before a waiting command is taken."""

_LAST_WORD_S = 0.5
"""The desk's own deadline comes first: it says what was left. Only one that does not is cut off."""

COMMIT_PATIENCE_S = 5.0
"""Wall seconds that virtual time may stand for a durable write; after that it is store trouble."""


class Limits(Struct, frozen=True, kw_only=True):
    """Where a run ends by itself; None = not by this."""

    wall_s: float | None = None
    virtual_end: int | None = None
    history_end: int | None = None
    stop_timeout_s: float = 10.0


class Wish(Struct, frozen=True, kw_only=True):
    """A command as it came in, before it has a time."""

    id: str
    name: str
    args: dict[str, str]
    origin: str


def _hear(answer: asyncio.Future[None]) -> None:
    """A commit that was given up may fail later: told once when it was given up, and not by the loop."""
    if not answer.cancelled():
        answer.exception()


class Runner:
    """Runs the machine until a limit, `request_stop`, or the end of the world."""

    def __init__(
        self,
        machine: VirtualMachine,
        pacer: Pacer,
        limits: Limits,
        *,
        beat: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.machine = machine
        self.pacer = pacer
        self.limits = limits
        self._beat = beat
        self._clock = clock
        self._wishes: deque[Wish] = deque()
        self._stirred = asyncio.Event()
        self._stop_reason: str | None = None
        self._stop_wall: float | None = None
        self._force = False
        self._commit_waited = 0.0
        self._waited_for: tuple[Future[None], asyncio.Future[None]] | None = None
        """The commit that is outstanding and its future of this loop, made once: every look waits for it."""
        self._given_up: Future[None] | None = None
        """A commit nobody waits for any more; when it succeeds after all, the store is well again."""
        self.ended_by = ""

    def submit(self, wish: Wish) -> None:
        """Queue an operator's command; it is taken before the next pop."""
        self._wishes.append(wish)
        self._stirred.set()

    def request_stop(self, reason: str) -> None:
        """Graceful stop; asked a second time it ends at once and reports what is open."""
        if self._stop_reason is not None:
            self._force = True
        else:
            self._stop_reason = reason
        self._stirred.set()

    def stir(self) -> None:
        """Wake the loop: something outside has changed."""
        self._stirred.set()

    async def run(self) -> bool:
        """True = came to rest in time; False = the stop's time ran out or was forced."""
        started = self._clock()
        breath = started
        machine = self.machine
        while machine.stopped is None:
            now = self._clock()
            self._beat()
            self.pacer.mark(now, machine.queue.now)
            if machine.commit is not None:
                await self._await_commit(machine.commit)
                continue
            self._hear_late_commit()
            if machine.events:
                # The start comes first: until it is heard, an intent that may be at its venue looks unsent,
                # and a halt would call it denied.
                self._take_wishes()
                self._check_stop(now, started)
            if self._force or (self._stop_wall is not None and now >= self._stop_wall):
                return False
            due = machine.queue.next_due()
            if due is None:
                self._begin_stop("history", now)
                if self._stop_wall is not None and machine.queue.next_due() is None:
                    return machine.stopped is not None
                continue
            if self._past_end(due):
                machine.queue.now = max(machine.queue.now, self._end_time() or 0)
                self._begin_stop(self._end_name(), now)
            wait = 0.0 if self._stop_wall is not None else self.pacer.delay(due, now)
            if wait > 0:
                await self._sleep(min(wait, _IDLE_S))
                breath = self._clock()
                continue
            machine.step()
            if self._clock() - breath > _BREATHE_S:
                await asyncio.sleep(0)
                breath = self._clock()
        return True

    async def _await_commit(self, commit: Future[None]) -> None:
        """Virtual time stands; halts and stops are taken all the same. A store that hangs is given up."""
        if self._waited_for is None or self._waited_for[0] is not commit:
            self._waited_for = commit, asyncio.wrap_future(commit)
            self._waited_for[1].add_done_callback(_hear)
        answer = self._waited_for[1]
        done, _ = await asyncio.wait({answer}, timeout=_COMMIT_LOOK_S)
        if not done:
            self._commit_waited += _COMMIT_LOOK_S
            self._take_wishes()
            if self._commit_waited >= COMMIT_PATIENCE_S and self.machine.commit is not None:
                self._commit_waited = 0.0
                self._given_up = commit
                self.machine.give_up(f"the store has not answered for {COMMIT_PATIENCE_S:g} s")
            return
        error = answer.exception()
        if isinstance(error, OSError):
            self.machine.give_up(str(error))
            return
        answer.result()
        self._commit_waited = 0.0
        if self.machine.commit is commit:
            self.machine.durable()

    def _hear_late_commit(self) -> None:
        """A disk that hung is told of by nobody else when it comes back."""
        if self._given_up is None or not self._given_up.done():
            return
        commit, self._given_up = self._given_up, None
        if not commit.cancelled() and commit.exception() is None:
            self.machine.feed(StoreHealth(ok=True, text="", ts=self.machine.queue.now))

    def _take_wishes(self) -> None:
        while self._wishes:
            wish = self._wishes.popleft()
            self.machine.feed(
                Command(
                    id=wish.id, name=wish.name, args=wish.args, origin=wish.origin, ts=self.machine.queue.now
                )
            )

    def _check_stop(self, now: float, started: float) -> None:
        if self._stop_reason is not None:
            self._begin_stop(self._stop_reason, now)
        elif self.limits.wall_s is not None and now - started >= self.limits.wall_s:
            self._begin_stop("for", now)

    def _begin_stop(self, reason: str, now: float) -> None:
        if self._stop_wall is not None:
            return
        self._stop_wall = now + self.limits.stop_timeout_s + _LAST_WORD_S
        self._stop_reason = reason
        self.ended_by = reason
        virtual = self.machine.queue.now
        deadline = virtual + int(self.limits.stop_timeout_s * NS)
        self.machine.feed(StopRequested(reason=reason, deadline=deadline, ts=virtual))

    def _end_time(self) -> int | None:
        ends = [end for end in (self.limits.virtual_end, self.limits.history_end) if end is not None]
        return min(ends) if ends else None

    def _end_name(self) -> str:
        end = self._end_time()
        return "history" if end == self.limits.history_end else "for-sim"

    def _past_end(self, due: int) -> bool:
        end = self._end_time()
        return self._stop_wall is None and end is not None and due > end

    async def _sleep(self, seconds: float) -> None:
        self._stirred.clear()
        if self._wishes or self._force:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            return
