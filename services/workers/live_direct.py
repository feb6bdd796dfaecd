"""`flatten --direct` over sockets: the kill path when the engine hangs (SEMANTICS 10).

It needs nothing but the venues: no store, no strategies, no screen. A desk of its own in memory reads every
venue that can be reached and flattens there. One that cannot be reached, or whose account is not told, is
named and asked again and again; what it may hedge stays until it answers, and the end is not `flat`.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from msgspec import structs

from services.desk.desk import Desk
from services.desk.direct import DIRECT, silent
from services.domain.effects import Done, Progress
from services.domain.events import Timer
from services.domain.orders import base36
from services.drive.live import LiveMachine, LiveRunner
from services.drive.live_queue import LiveQueue
from services.drive.pace import Pacer
from services.drive.ports import NullKeeper
from services.drive.runner import Limits, Wish
from services.protocol.exits import Exit
from services.protocol.redact import Redactor
from services.runtime.clock import steady_ns
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.venues.live import LiveVenue
from services.venues.port import Outbox, VirtualVenue
from services.venues.wire.bans import Bans, BansError
from services.workers.absent import AbsentVenue
from services.workers.live_engine import LiveEngine, NobodyReached, NobodyWakes
from services.workers.starting import start_venue
from services.workers.wires import build_venues

READ_S = 10.0
"""How long the venues may take to tell account and prices before the flatten begins all the same."""
GIVE_UP_S = 150.0
"""A flatten ends by itself after 60 s without progress; this is the belt to it."""
RETRY_S = 3.0
"""Between two tries to reach any venue at all: a network that is away may come back."""

Say = Callable[[str], None]


async def flatten(
    layout: StateLayout,
    settings: Settings,
    environ: Mapping[str, str],
    redactor: Redactor,
    what: str,
    say: Say,
) -> Done:
    """Blocks until it is flat or gives up. Raises ProductError when the profile makes no venue at all."""
    end = time.monotonic() + GIVE_UP_S
    told = ""
    # No strategy: nothing here may ever open a position.
    bare, build = structs.replace(settings, strategies={}), _builder(layout, say)
    while True:
        engine = LiveEngine(layout, bare, "direct", environ, redactor, build=build)
        absent: dict[str, AbsentVenue] = {}
        nobody = ""
        try:
            missing = await engine.start_reachable()
            for name, why in missing.items():
                say(f"{name} cannot be reached and is NOT flattened; what it may hedge stays: {why}")
                reach = _reach(layout, settings, environ, redactor, name)
                absent[name] = AbsentVenue(name, why, engine.session.lobby, reach)
            done = await _flatten(engine, absent, what, say, end - time.monotonic())
        except NobodyReached as error:
            nobody = error.text
        finally:
            await asyncio.gather(*(each.close() for each in absent.values()))
            await engine.close_venues()
        if nobody:
            if time.monotonic() + RETRY_S >= end:
                text = f"no venue could be reached: {nobody}"
                return Done(command="direct", ok=False, code="left", text=text, exit=Exit.LEFT_OPEN)
            if nobody != told:
                say(f"no venue can be reached; tried again every {RETRY_S:g} s: {nobody}")
            told = nobody
            await asyncio.sleep(RETRY_S)
            continue
        back = [name for name, each in absent.items() if each.back]
        if back and time.monotonic() < end:
            say(f"{', '.join(back)} can be reached now: begun anew with it")
            continue
        if done is None:
            text = f"not flat after {GIVE_UP_S:.0f} s: the venues do not answer"
            return Done(command="direct", ok=False, code="left", text=text, exit=Exit.LEFT_OPEN)
        if unwritten := engine.unwritten():
            text = f"{unwritten}: the next start finds them as they were; {done.text}"
            done = structs.replace(done, ok=False, code="left", text=text, exit=Exit.LEFT_OPEN)
        if not missing:
            return done
        text = f"not reached: {', '.join(missing)}"
        text = text if done.ok else f"{text}; {done.text}"
        return structs.replace(done, ok=False, code="left", text=text, exit=Exit.LEFT_OPEN)


def _builder(layout: StateLayout, say: Say) -> Callable[..., dict[str, LiveVenue]]:
    """A list of bans that cannot be read stops every start; it must not keep positions open."""
    try:
        Bans(layout.bans)
    except (BansError, OSError) as error:
        say(f"who has banned us is not known: {error}")
        return _without_bans
    return build_venues


def _without_bans(
    profile: str,
    wires: Mapping[str, VenueWire],
    environ: Mapping[str, str],
    outbox: Outbox,
    redactor: Redactor,
    _bans: Path | None,
    paper: Path | None,
) -> dict[str, LiveVenue]:
    return build_venues(profile, wires, environ, outbox, redactor, None, paper)


async def _flatten(
    engine: LiveEngine, absent: Mapping[str, AbsentVenue], what: str, say: Say, limit_s: float
) -> Done | None:
    """One desk's flatten; None = it came to no end, or stands so that it can begin anew with more venues."""
    venues: dict[str, VirtualVenue] = {**engine.venues, **absent}
    named = tuple(name for name in engine.settings.venues if name in venues and _ours(engine, name))
    settings = structs.replace(engine.settings, venues=named)
    queue = LiveQueue(steady_ns())
    known = {spec.id: spec for venue in engine.venues.values() for spec in venue.instruments()}
    desk = Desk(settings, known, instance=base36(secrets.randbelow(36**6), 6))
    answers: list[Done] = []

    def hear(word: Progress | Done) -> None:
        if isinstance(word, Done):
            answers.append(word)
        else:
            say(word.text)

    machine = LiveMachine(desk, venues, NobodyWakes(), queue, NullKeeper(), on_answer=hear)
    queue.deliver(queue.now, Timer(name="start", ts=queue.now))
    engine.session.lobby.open(queue, queue.now)
    began = time.monotonic()
    asked = ended = False

    def look() -> None:
        nonlocal asked, ended
        engine.tell_clocks(machine)
        unread = [name for name in silent(desk.core) if name not in absent]
        if not asked and (not unread or time.monotonic() - began >= READ_S):
            asked = True
            for name in unread:
                say(f"{name} does not tell its account; it is asked again, and what it may hedge stays")
            args = {"what": what} if what else {}
            runner.submit(Wish(id="direct", name="flatten", args=args, origin=DIRECT))
        back = any(each.back for each in absent.values()) and not desk.core.orders.open_orders()
        if (answers or back) and not ended:
            ended = True
            runner.request_stop("flatten")
        elif back and not answers:
            runner.request_stop("flatten")  # a second time: nothing of ours is out, so now

    runner = LiveRunner(
        machine,
        Pacer(1.0, began, queue.now),
        Limits(wall_s=max(limit_s, 0.0), stop_timeout_s=settings.engine.stop_timeout_s),
        beat=look,
        intent_timeout_s=settings.engine.intent_timeout_ms / 1000,
    )
    await runner.run()
    await asyncio.sleep(0)
    return answers[0] if answers else None


def _ours(engine: LiveEngine, name: str) -> bool:
    """A venue without a key has no account of ours; on paper no key is used."""
    return engine.settings.mode == "paper" or bool(engine.wires[name].key)


def _reach(
    layout: StateLayout, settings: Settings, environ: Mapping[str, str], redactor: Redactor, name: str
) -> Callable[[], Awaitable[None]]:
    """Connects to that venue alone, with an adapter that nobody hears, and hangs up."""

    async def reach() -> None:
        alone = structs.replace(settings, strategies={}, wires={name: settings.wires[name]})
        probe = LiveEngine(layout, alone, "direct", environ, redactor)
        try:
            await start_venue(name, probe.venues[name])  # once: asked again at the next read anyway
        finally:
            await probe.close_venues()

    return reach
