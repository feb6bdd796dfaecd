"""`flatten --direct`: the kill path when the engine hangs (SEMANTICS 10).

It needs nothing but the venues: no store, no strategies, no screen. In order: the latch, the end of the
engine that holds the folder, the lock, then a desk of its own in memory that reads every venue and flattens.
On the simulator the venues are the exchange's own folder, driven at speed 1.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Callable

import msgspec

from services.desk.desk import Desk
from services.desk.direct import DIRECT, silent
from services.domain.effects import Done, Progress
from services.domain.events import Command, Timer
from services.domain.orders import base36
from services.drive.latch import Latch
from services.drive.latch_sync import LatchWriter
from services.drive.lock import EngineLock, Holder, SecondEngine, holder_of
from services.drive.machine import VirtualMachine
from services.drive.pace import NS
from services.drive.ports import NullKeeper
from services.drive.queue import VirtualQueue
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.venues.sim.exchange import build_exchange
from services.venues.sim.world import World

TERM_WAIT_S = 3.0
"""From SIGTERM to SIGKILL."""

LATCH_WAIT_S = 1.0
"""What the disk may take over the latch: it is on the way of nobody's positions."""

TIME_MARK_NS = 90 * NS
"""More than the market can have gone on since the exchange last wrote its time down."""

_KILL_WAIT_S = 2.0
_POLL_S = 0.02
_GIVE_UP_S = 150
"""Simulated seconds: a flatten ends by itself after 60 s without progress; this is the belt to it."""


def end_engine(layout: StateLayout) -> str:
    """Write the latch, then end whatever engine holds the folder. Returns what was done, in words.

    A disk that hangs or refuses the latch is named and holds nothing up (SEMANTICS 10: the kill path needs
    nothing but the venues). Raises OSError when the process may not be signalled.
    """
    fault = _halted(layout)
    said = _ended(layout)
    return f"{said}; the latch could NOT be written ({fault}): halt the next engine" if fault else said


def _halted(layout: StateLayout) -> str:
    """HALTED into the latch. What went wrong, in words; empty = it is on disk."""
    try:
        latch = Latch(layout.latch)
    except OSError as error:
        return str(error)
    writer = LatchWriter(latch, LATCH_WAIT_S)
    fault = writer.write("HALTED", "flatten", f"flatten --direct by shell:{os.getpid()}", 0)
    if fault is None and not writer.settled:
        return "the disk does not answer"  # its thread may still hold the file
    writer.close()
    latch.close()
    return fault or writer.late() or ""


def _ended(layout: StateLayout) -> str:
    holder = holder_of(layout.root)
    if holder is None:
        return "no engine was running"
    for number, wait_s in ((signal.SIGTERM, TERM_WAIT_S), (signal.SIGKILL, _KILL_WAIT_S)):
        try:
            os.kill(holder.pid, number)
        except ProcessLookupError:
            break
        if _released(layout, wait_s):
            return f"engine PID {holder.pid} ended by {number.name}"
    if _released(layout, _KILL_WAIT_S):
        return f"engine PID {holder.pid} is gone"
    raise SecondEngine(f"engine PID {holder.pid} holds {layout.root} and could not be ended")


def _released(layout: StateLayout, wait_s: float) -> bool:
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if holder_of(layout.root) is None:
            return True
        time.sleep(_POLL_S)
    return False


def refused(error: Exception) -> ProductError:
    """Why it could not begin. 6 is for an engine that holds on, and for nothing else (SEMANTICS 10)."""
    if isinstance(error, SecondEngine):
        return ProductError(str(error), Exit.HELD, "second_engine")
    return ProductError(f"{error}: NOTHING was flattened", Exit.FAILED, "direct")


def flatten(
    layout: StateLayout,
    world: World,
    settings: Settings,
    holder: Holder,
    what: str,
    say: Callable[[str], None],
) -> Done:
    """Take the folder's lock and flatten with the venues alone. Blocks until it is flat or gives up."""
    lock = EngineLock(layout.root, holder, way_out=True)
    try:
        queue = VirtualQueue(world.start)
        # The exchange writes its time down once a simulated minute: go on after anything that the engine may
        # have seen, or its next start would ask for fills later than ours.
        known = build_exchange(world, layout.exchange, queue)
        known.close()
        exchange = build_exchange(world, layout.exchange, queue, known.now + TIME_MARK_NS)
        queue.now = max(queue.now, exchange.now)
        instance = base36(secrets.randbelow(36**6), 6)
        # No strategy: nothing here may ever open a position.
        bare = msgspec.structs.replace(settings, venues=world.venues, strategies={})
        desk = Desk(bare, {each.id: each for each in world.instruments}, instance=instance)
        answers: list[Done] = []

        def hear(word: Progress | Done) -> None:
            if isinstance(word, Done):
                answers.append(word)
            else:
                say(word.text)

        machine = VirtualMachine(desk, dict(exchange.venues), exchange, queue, NullKeeper(), on_answer=hear)
        try:
            machine.feed(Timer(name="start", ts=queue.now))
            exchange.start(queue.now)
            _until(machine, lambda: not silent(desk.core), queue.now + 10 * NS)
            for name in silent(desk.core):
                say(f"{name} does not tell its account; it is asked again, and what it may hedge stays")
            args, origin = {"what": what} if what else {}, f"{DIRECT}:{os.getpid()}"
            machine.feed(Command(id=DIRECT, name="flatten", args=args, origin=origin, ts=queue.now))
            _until(machine, lambda: bool(answers), queue.now + _GIVE_UP_S * NS)
        finally:
            written = exchange.close()
        if answers and not written:
            text = "the simulated exchange could not write it down: the next start finds it as it was"
            return msgspec.structs.replace(answers[0], ok=False, code="left", text=text, exit=Exit.LEFT_OPEN)
        if answers:
            return answers[0]
        text = f"not flat after {_GIVE_UP_S} s: the venues do not answer"
        return Done(command=DIRECT, ok=False, code="left", text=text, exit=5)
    finally:
        lock.release()


def _until(machine: VirtualMachine, done: Callable[[], bool], end: int) -> None:
    """Drive virtual time at speed 1 until `done` or `end`."""
    wall, virtual = time.monotonic(), machine.queue.now
    while not done():
        due = machine.queue.next_due()
        if due is None or due > end:
            return
        ahead = (due - virtual) / NS - (time.monotonic() - wall)
        if ahead > 0:
            time.sleep(min(ahead, _POLL_S))
            continue
        machine.settle_commits()
        machine.step()
