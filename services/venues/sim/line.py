"""The line between one venue and the desk: a latency each way, order kept, and the times when it is down.

Private events never overtake an earlier one and are never dropped: what a venue says while the line is down
is told when it comes up again, right after the greeting. What is sent into a dead line is heard by nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Protocol

from services.domain.events import Event, MarketFrame
from services.venues.port import Outbox
from services.venues.sim.facts import LATENCY_JITTER_NS, LATENCY_NS
from services.venues.sim.spoiled import restamped

Make = Callable[[int], Event]
"""An event, made with the time at which it will arrive."""


class Wish:
    """A command under way to the exchange, or a moment that a venue waits for: the token of its wake."""

    __slots__ = ("act",)

    def __init__(self, act: Callable[[int], None]) -> None:
        self.act = act


class Opening(Protocol):
    """Whether the exchange is open: while its log is replayed nothing is sent."""

    @property
    def live(self) -> bool: ...


class Line:
    """Latencies are drawn one for each command, bundle of private events and frame, in that order."""

    def __init__(
        self, outbox: Outbox, house: Opening, latency: Random, outages: tuple[tuple[int, int], ...]
    ) -> None:
        """`outages`: market times between which the venue cannot be reached."""
        self._outbox = outbox
        self._house = house
        self._latency = latency
        self._outages = outages
        self._up_at = self._down_at = self._frame_at = 0
        self._held: list[Event] = []
        self.latency_ns, self.jitter_ns = LATENCY_NS, LATENCY_JITTER_NS
        self.dark = True
        """The desk has not been told that the line is up."""

    def delay(self) -> int:
        return self.latency_ns + int((2.0 * self._latency.random() - 1.0) * self.jitter_ns)

    def down(self, ts: int) -> bool:
        """Whether `ts` lies in an outage."""
        # Asked several times an instant, and mostly of none.
        return bool(self._outages) and any(begin <= ts < end for begin, end in self._outages)

    def go_dark(self, begin: int, end: int) -> None:
        """An outage between two market times."""
        self._outages = (*(each for each in self._outages if each[1] > begin), (begin, end))

    def come_back(self, now: int) -> None:
        """An outage that lasts ends now."""
        self._outages = tuple((begin, min(end, now) if begin <= now else end) for begin, end in self._outages)

    def open(self, ts: int) -> bool:
        """Whether what is said at `ts` reaches the desk."""
        return self._house.live and not self.dark and not self.down(ts)

    def carry(self, now: int, act: Callable[[int], None]) -> None:
        """Take a command to the venue, if the line is up."""
        if not self.down(now):
            self._up_at = max(self._up_at, now + self.delay())
            self._outbox.wake(self._up_at, Wish(act))

    def send(self, ts: int, *makes: Make) -> None:
        """Let private events leave at `ts`, all in one message."""
        if not self._house.live:
            return
        if self.dark or self.down(ts):
            # Made now: an answer tells the books as they stood when it was asked.
            self._held += [make(ts) for make in makes]
            return
        self.release(ts)
        self._leave(ts, makes)

    def release(self, ts: int) -> None:
        """What was held back leaves, if the line is up: an outage may be over before anybody noticed it."""
        if self._held and self.open(ts):
            held, self._held = self._held, []
            for event in held:
                self._leave(ts, (partial(restamped, event),))

    def _leave(self, ts: int, makes: tuple[Make, ...]) -> None:
        self._down_at = max(self._down_at, ts + self.delay())
        for make in makes:
            self._outbox.deliver(self._down_at, make(self._down_at))

    def lost(self, ts: int, event: Event) -> None:
        """The line has gone dead: the desk's own end of it says so at once."""
        self.dark = True
        self._outbox.deliver(ts, event)

    def greet(self, ts: int, *makes: Make) -> None:
        """The line comes up: the greeting first, then what was held back; frames follow it."""
        self.dark = False
        self._leave(ts, makes)
        self.release(ts)
        self._frame_at = self._down_at

    def frame(self, ts: int, make: Callable[[int], MarketFrame]) -> None:
        """Let a frame leave; frames keep their own order."""
        self._frame_at = max(self._frame_at, ts + self.delay())
        self._outbox.deliver(self._frame_at, make(self._frame_at))
