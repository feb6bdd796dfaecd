"""Views pulled for whoever watches: at most 10 Hz, built and encoded once for all, only what changed.

What they may cost a tick is bounded: what is over waits for the next. One slot for each topic: the newest
frame. A client that cannot take it now gets whatever is newest when it
can; frames between are never queued. Between two topics the loop runs free, so that a command that has just
come in goes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec import Raw

from services.control.ports import ViewSource
from services.protocol.errors import ProtocolError
from services.protocol.frames import MAX_HZ, View, encode, to_json, topic_known

log = logging.getLogger("stableconsole.control")

Made = TypeVar("Made")

BUDGET_S = 0.0018
"""What building and encoding may take of each tick (0.1 s), whatever the number of consoles: 2 ms, less what
the last look of a tick takes beyond it."""
SAVED_S = 0.004
"""Budget that idle ticks may leave for a busy one."""
OWED_S = 0.02
"""The most that ticks to come have to save: one dear look must not keep a screen from all others."""
SPELL_S = 0.02
"""Of work towards a first view, in one round; it goes on in the next, and the answer bar comes between."""
KEEP_S = 1.0
"""An unchanged view is sent again after so long: a console that hears nothing of it must take it for old."""
PATIENCE_S = 0.8
"""So long a topic waits for a budget that never lasts: a slow machine shows few figures, not none."""

MIN_HZ = 0.1
FIRST = "strip"
MAX_TOPICS = 64
"""Topics that one client may watch."""


@dataclass(slots=True, eq=False)
class Watcher:
    """One client's wishes."""

    send: Callable[[bytes], None]
    topics: dict[str, int] = field(default_factory=dict)
    """Topic -> seq of the last frame sent (0 = none yet); the longest unserved first."""
    served: dict[str, float] = field(default_factory=dict)
    """Topic -> when its last frame was sent, the loop's time."""
    period_s: float = 1 / MAX_HZ
    next_due: float = 0.0
    writable: bool = True


@dataclass(slots=True)
class _Slot:
    version: int | None = None
    seq: int = 0
    frame: bytes = b""
    broken: bool = False
    present: bool = False
    """The last look at the topic gave this frame."""
    tried: float = -math.inf
    """When it was last looked at, the loop's time."""
    checked: float = -math.inf
    """When the frame was last known to be the present view, the loop's time."""


class Budget:
    """Seconds that views may still take of the loop."""

    __slots__ = ("_left", "_since", "paid")

    def __init__(self) -> None:
        self.paid = 0.0
        """By all views so far."""
        self._left = BUDGET_S
        self._since: float | None = None

    def earn(self, now: float) -> None:
        """`BUDGET_S` for each tick that has passed."""
        if self._since is not None:
            self._left = min(SAVED_S, self._left + BUDGET_S * (now - self._since) * MAX_HZ)
        self._since = now

    def pay(self, seconds: float) -> None:
        self.paid += seconds
        self._left = max(-OWED_S, self._left - seconds)

    @property
    def spent(self) -> bool:
        return self._left <= 0


class Views:
    """The pump. It sleeps while nobody watches."""

    def __init__(self, source: ViewSource) -> None:
        self._source = source
        self._watchers: list[Watcher] = []
        self._slots: dict[str, _Slot] = {}
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._late: list[str] = []
        """Topics for which the budget of their tick was spent, and unfinished ones: first in the next."""
        self._budget = Budget()
        self._stumbled = False

    def watch(self, watcher: Watcher, topics: Sequence[str], hz: float) -> tuple[str, ...]:
        """Replaces what this client watches; the unknown topics are given back."""
        unknown = tuple(topic for topic in topics if not topic_known(topic))
        wanted = [topic for topic in topics if topic_known(topic)][:MAX_TOPICS]
        watcher.topics = {topic: watcher.topics.get(topic, 0) for topic in wanted}
        watcher.served = {topic: at for topic, at in watcher.served.items() if topic in watcher.topics}
        rate = hz if math.isfinite(hz) else MAX_HZ
        watcher.period_s = 1 / min(max(rate, MIN_HZ), MAX_HZ)
        watcher.next_due = 0.0
        if watcher not in self._watchers:
            self._watchers.append(watcher)
        if not watcher.topics:
            self.forget(watcher)
        elif self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        self._drop_unwatched()
        self._wake.set()
        return unknown

    def forget(self, watcher: Watcher) -> None:
        if watcher in self._watchers:
            self._watchers.remove(watcher)
        self._drop_unwatched()

    def close(self) -> None:
        self._watchers.clear()
        if self._task:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._watchers:
            started = loop.time()
            self._wake.clear()
            self._budget.earn(started)
            try:
                await self._round(started)
                self._stumbled = False
            except Exception:
                # Without this task every screen would stand still, while the engine trades on.
                if not self._stumbled:
                    log.exception("a round of views broke off; the next one follows")
                self._stumbled = True
            # A new wish is served at once: another screen must not wait for the next tick.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, started + 1 / MAX_HZ - loop.time()))
        self._task = None

    async def _round(self, now: float) -> None:
        """One pull: each watched topic of a client that is due and can take it."""
        due = [watcher for watcher in self._watchers if watcher.writable and watcher.next_due <= now]
        asked = dict.fromkeys(topic for watcher in due for topic in watcher.topics)
        still = [topic for topic in self._late if any(topic in each.topics for each in self._watchers)]
        # The answer bar first: it says whether one may trade.
        order = dict.fromkeys([*(t for t in asked if t == FIRST), *still, *asked])
        self._late = []
        for topic in order:
            slot = self._slots.get(topic)
            # What was not looked at for so long waits for no budget: screens would have old figures, or none.
            waits = slot is not None and now - slot.tried < PATIENCE_S
            if topic != FIRST and self._budget.spent and waits:
                self._late.append(topic)
            elif await self._made_ready(topic):
                self._spend(self._refresh, topic, now)
                await asyncio.sleep(0)
            else:
                self._late.append(topic)
        for watcher in self._watchers:
            if watcher in due:
                # A tenth of a period early still counts: timers are never exact.
                watcher.next_due = now + watcher.period_s * 0.9
            elif not watcher.writable or not any(topic in watcher.topics for topic in still):
                continue
            self._deliver(watcher, now)

    async def _made_ready(self, topic: str) -> bool:
        """Does the long work that a topic's first view has to wait for, a step at a time: between two the
        loop runs free. False = it goes on in the next round."""
        before = self._budget.paid
        while self._budget.paid - before < SPELL_S:
            if self._spend(self._prepare, topic):
                return True
            await asyncio.sleep(0)
        return False

    def _spend(self, work: Callable[..., Made], *args: object) -> Made:
        # Work, not waiting: another program's turn on a busy machine would keep screens empty for long.
        before = time.thread_time()
        made = work(*args)
        self._budget.pay(time.thread_time() - before)
        return made

    def _deliver(self, watcher: Watcher, now: float) -> None:
        """Writing may fill the client's buffer, which clears `writable`: the rest waits its turn.

        What stands unchanged goes out again after `KEEP_S`; what could not be looked at goes out to nobody,
        also not to a newcomer. So silence about a topic means that nobody knows whether it still holds.
        """
        for topic, sent in list(watcher.topics.items()):
            slot = self._slots.get(topic)
            if not watcher.writable:
                return
            if slot is None or not slot.frame or slot.checked < now - KEEP_S:
                continue
            if sent == slot.seq and slot.checked < watcher.served.get(topic, now) + KEEP_S:
                continue
            del watcher.topics[topic]
            watcher.topics[topic] = slot.seq
            watcher.served[topic] = now
            watcher.send(slot.frame)

    def _prepare(self, topic: str) -> bool:
        """One step of the long work that stands before a build. True = no more is left."""
        slot = self._slots.setdefault(topic, _Slot())
        try:
            return self._source.version(topic) == slot.version or self._source.ready(topic)
        except Exception:
            return True  # the build fails as well, and says so

    def _refresh(self, topic: str, now: float) -> None:
        """Builds a topic anew if it is dirty. A builder's failure is logged once and leaves the old frame."""
        slot = self._slots.setdefault(topic, _Slot())
        slot.tried = now
        try:
            version = self._source.version(topic)
            if version == slot.version:
                slot.checked = now if slot.present else slot.checked
                return
            slot.version, slot.present = version, False
            view = self._source.build(topic)
            if view is None:
                return
            data = Raw(to_json(view))
            frame = encode(View(topic=topic, seq=slot.seq + 1, ts=self._source.now(), data=data))
        except Exception as error:
            # A picture that cannot be drawn must never end the loop that trades.
            if not slot.broken:
                log.exception("view %s cannot be built", topic)
            slot.broken = True
            if isinstance(error, ProtocolError):
                log.error("view %s: %s", topic, error.text)
            return
        slot.broken, slot.present, slot.checked = False, True, now
        slot.seq += 1
        slot.frame = frame

    def _drop_unwatched(self) -> None:
        watched = {topic for watcher in self._watchers for topic in watcher.topics}
        for topic in [
            topic
            for topic, slot in self._slots.items()
            if topic not in watched and (not slot.seq or ":" in topic)
        ]:
            del self._slots[topic]
