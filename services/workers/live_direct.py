"""`flatten --direct` over sockets: the kill path when the engine hangs (SEMANTICS 10).

It needs nothing but the venues: no store, no strategies, no screen. A desk of its own in memory reads every
venue that can be reached and flattens there; one that cannot be reached is named, and the end is not `flat`.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping

from msgspec import structs

from services.desk.desk import Desk
from services.domain.effects import Done, Progress
from services.domain.events import Timer
from services.domain.orders import base36
from services.drive.live import LiveMachine, LiveRunner
from services.drive.live_queue import LiveQueue
from services.drive.pace import Pacer
from services.drive.ports import NullKeeper
from services.drive.runner import Limits, Wish
from services.protocol.exits import Exit
from services.runtime.redact import Redactor
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.venues.port import VirtualVenue
from services.workers.live_engine import LiveEngine, NobodyWakes

READ_S = 10.0
"""How long the venues may take to tell account and prices before the flatten begins all the same."""
GIVE_UP_S = 150.0
"""A flatten ends by itself after 60 s without progress; this is the belt to it."""


async def flatten(
    layout: StateLayout,
    settings: Settings,
    environ: Mapping[str, str],
    redactor: Redactor,
    what: str,
    say: Callable[[str], None],
) -> Done:
    """Blocks until it is flat or gives up. Raises ProductError when no venue can be reached at all."""
    # No strategy: nothing here may ever open a position.
    engine = LiveEngine(layout, structs.replace(settings, strategies={}), "direct", environ, redactor)
    try:
        missing = await engine.start_reachable()
        for name, why in missing.items():
            say(f"{name} cannot be reached and is NOT flattened: {why}")
        done = await _flatten(engine, what, say)
    finally:
        await engine.close_venues()
    if not missing or not done.ok:
        return done
    names = ", ".join(missing)
    return structs.replace(done, ok=False, code="left", text=f"not reached: {names}", exit=Exit.LEFT_OPEN)


async def _flatten(engine: LiveEngine, what: str, say: Callable[[str], None]) -> Done:
    settings = structs.replace(engine.settings, venues=tuple(engine.venues))
    queue = LiveQueue(time.time_ns())
    known = {spec.id: spec for venue in engine.venues.values() for spec in venue.instruments()}
    desk = Desk(settings, known, instance=base36(secrets.randbelow(36**6), 6))
    answers: list[Done] = []

    def hear(word: Progress | Done) -> None:
        if isinstance(word, Done):
            answers.append(word)
        else:
            say(word.text)

    venues: dict[str, VirtualVenue] = dict(engine.venues)
    machine = LiveMachine(desk, venues, NobodyWakes(), queue, NullKeeper(), on_answer=hear)
    queue.deliver(queue.now, Timer(name="start", ts=queue.now))
    engine.session.lobby.open(queue, queue.now)
    began = time.monotonic()
    asked = ended = False

    def look() -> None:
        nonlocal asked, ended
        engine.tell_clocks(machine)
        if not asked and (_read(desk) or time.monotonic() - began >= READ_S):
            asked = True
            args = {"what": what} if what else {}
            runner.submit(Wish(id="direct", name="flatten", args=args, origin="direct"))
        if answers and not ended:
            ended = True
            runner.request_stop("flatten")

    runner = LiveRunner(
        machine,
        Pacer(1.0, began, queue.now),
        Limits(wall_s=GIVE_UP_S, stop_timeout_s=settings.engine.stop_timeout_s),
        beat=look,
        intent_timeout_s=settings.engine.intent_timeout_ms / 1000,
    )
    await runner.run()
    await asyncio.sleep(0)
    if answers:
        return answers[0]
    text = f"not flat after {GIVE_UP_S:.0f} s: the venues do not answer"
    return Done(command="direct", ok=False, code="left", text=text, exit=Exit.LEFT_OPEN)


def _read(desk: Desk) -> bool:
    """Every venue has been read and its prices are known."""
    books, core = desk.state.venues, desk.core
    return all(
        venue in books and books[venue].opened and core.picture.venue_age(venue, desk.state.now) is not None
        for venue in core.settings.venues
    )
