"""The engine's heartbeat: tells the watchdog that the loop turns, and the desk what the wall clock saw.

Whatever is measured here reaches the desk as a journaled input (RUNTIME 2).
"""

from __future__ import annotations

import logging
import time

from services.domain.events import StoreHealth
from services.domain.machine_events import LoopStall
from services.drive.guard import Watchdog
from services.drive.machine import VirtualMachine
from services.drive.standing import Standing

log = logging.getLogger("stableconsole.engine")

BEAT_S = 0.2
"""How often the loop tells the watchdog that it turns, and asks the store how it is."""


class Pulse:
    """Called at every turn of the loop; does its work a few times a second."""

    def __init__(self, session: Standing, machine: VirtualMachine, watchdog: Watchdog) -> None:
        self._session = session
        self._machine = machine
        self._watchdog = watchdog
        self._beaten = 0.0

    def beat(self) -> None:
        now = time.monotonic()
        if now - self._beaten < BEAT_S:
            return
        stalled_ms = int((now - self._beaten - BEAT_S) * 1000) if self._beaten else 0
        self._beaten = now
        machine = self._machine
        self._watchdog.beat(machine.queue.now)
        if not machine.events:
            # The start comes first: it takes the store, just opened, for good. What was told before it would
            # be forgotten by it, and the writer tells the same trouble once.
            return
        settings = self._session.settings
        if stalled_ms >= settings.breaker.stall_warn_ms:
            log.warning("the loop stood for %d ms", stalled_ms)
            if self._session.wall_time:
                machine.feed(LoopStall(stalled_ms=stalled_ms, ts=machine.queue.now))
        for fact in self._session.facts():
            if fact.ok:
                machine.feed(StoreHealth(ok=True, text="", ts=machine.queue.now))
            else:
                machine.give_up(f"store {fact.kind}: {fact.text}", fact.kind)
