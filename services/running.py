"""The turn of an engine that has been built: control socket, watchdog, signals, the loop, and all of it back.

The same for every mode; what differs stands in `Parts`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType

from msgspec import Struct

from services.control.bridge import Bridge
from services.control.server import ControlServer
from services.desk.views import Meta, ViewCache, summary
from services.desk.views.health import health_view
from services.desk.views.lately import FILLS, ORDERS, Lately
from services.desk.views.markets import Depth
from services.desk.views.topics import no_depth
from services.domain.machine_events import ReadingsFound
from services.drive.chronicle import Chronicle, recent
from services.drive.guard import Watchdog
from services.drive.harmless import harmless
from services.drive.machine import VirtualMachine
from services.drive.results import Results
from services.drive.runner import Runner
from services.drive.standing import Standing
from services.drive.vitals import Vitals
from services.market.tape import Tape
from services.protocol.exits import Exit
from services.protocol.frames import Hello
from services.protocol.options import RunOptions
from services.protocol.ready import Ready, tell_ready
from services.protocol.version import PROTOCOL, VERSION
from services.settings.catalog import catalog
from services.store.reader import StoreReader

log = logging.getLogger("stableconsole.engine")


class RunEnd(Struct, frozen=True, kw_only=True):
    """How a run ended: its exit status, the summary, and a line for stderr when something is left."""

    exit: Exit
    summary: Struct | None = None
    text: str = ""


class Parts:
    """One engine, built and not yet turning."""

    def __init__(
        self,
        session: Standing,
        machine: VirtualMachine,
        runner: Runner,
        watchdog: Watchdog,
        *,
        meta: Callable[[], Meta],
        cache: ViewCache,
        world: dict[str, str],
        describe: str,
        begin: Callable[[], None],
        close: Callable[[], bool],
        hang_up: Callable[[], Awaitable[None]] | None = None,
        guarded: bool = True,
        depth: Depth = no_depth,
    ) -> None:
        """`begin` queues the first events; `hang_up` closes venues over sockets, `close` the books: False =
        something could not be written. `guarded`: the watchdog runs. `depth`: the venues' books,
        for pictures.
        """
        self.session = session
        self.machine = machine
        self.runner = runner
        self.watchdog = watchdog
        self.meta = meta
        self.cache = cache
        self.world = world
        self.describe = describe
        self.begin = begin
        self.close = close
        self.hang_up = hang_up
        self.guarded = guarded
        self.depth = depth


def _fill(lately: Lately, chronicle: Chronicle, store: Path) -> None:
    """Yesterday's orders and decisions for the screens; a store that cannot be read is told elsewhere."""
    try:
        with contextlib.closing(StoreReader(store)) as reader:
            lately.fill(reader.orders(ORDERS), reader.fills(limit=FILLS))
        chronicle.fill(recent(store))
    except Exception as error:
        # Rows of an older version, a file being set aside: an engine starts without its screens' lists.
        log.info("the last orders and decisions are not shown: %s", error)


class Running:
    """One run of one engine."""

    def __init__(self, parts: Parts, options: RunOptions) -> None:
        self._parts = parts
        self._options = options
        self._interrupted = False
        self._told: tuple[str, ...] = ()

    async def run(self) -> RunEnd:
        """Until the loop ends. Raises ProductError when the socket cannot be bound, DeskFailed."""
        parts = self._parts
        session, machine, runner, watchdog = parts.session, parts.machine, parts.runner, parts.watchdog
        tape = Tape()
        lately = Lately()
        chronicle = Chronicle()
        machine.on_market = harmless(tape.hear, "the market's tape")
        machine.on_record = harmless(lately.hear, "the list of orders and fills")
        machine.on_effect = harmless(chronicle.hear, "the journal's newest part")
        _fill(lately, chronicle, session.layout.store)
        vitals, results = Vitals(session), Results(session.layout.store, session.settings.profile)
        bridge = Bridge(
            session.desk,
            runner,
            parts.meta,
            parts.cache,
            more={
                "journal": lambda asked: chronicle.view(asked, machine.queue.now),
                "health": lambda _: health_view(session.desk.core, parts.meta(), *vitals.read()),
                "performance": results.view,
            },
            tape=tape,
            lately=lately,
            depth=parts.depth,
        )
        machine.on_answer = bridge.answer
        session.desk.strategies.guard = watchdog.guard
        server = ControlServer(session.layout.socket, self._hello(), bridge, bridge)
        await server.start()
        if session.wall_time:
            vitals.on_look = lambda: self._tell_readings(vitals)
        vitals.start()
        if parts.guarded:
            watchdog.start()
            vitals.watchdog_ended = lambda: watchdog.ended
        self._take_signals(runner)
        try:
            parts.begin()
            catalog(session.settings)  # reads its own texts once: not when a console first asks for them
            gc.collect()
            gc.freeze()
            tell_ready(self._options.ready_fd, Ready(ok=True, pid=os.getpid()))
            meta = parts.meta()
            log.info(
                "%s at %s", f"{meta.stamp}: {parts.describe}" if meta.stamp else parts.describe, meta.badge
            )
            rested = await runner.run()
            session.rested = True
            left = machine.stopped.left if machine.stopped is not None else ()
            if not rested:
                open_still = session.desk.life.left_open()
                left = (*left, "stopped before everything had come to rest", *open_still)
            kept = machine.stopped.kept if machine.stopped is not None else ()
            bridge.ended(left, kept, session.owed())
            end = summary(
                session.desk.core, session.desk.strategies, parts.meta(), machine.events, runner.ended_by
            )
            await asyncio.sleep(0)
        finally:
            vitals.stop()
            await server.close()
            await results.close()
            # First the watchdog: what cannot be closed quickly is no reason to shoot the engine.
            watchdog.stop()
            if parts.hang_up is not None:
                # Before the books: the cancels of a fatal halt go out before anything waits for a disk.
                await parts.hang_up()
            written = parts.close()
        if not written:
            why = session.owed() or "the disk did not take it in time"
            left = (
                *left,
                f"not everything is written: {why}; the next start reads positions, orders and fills "
                "from the venues, what else was done since then is lost",
            )
        status = Exit.FAILED if left else Exit.DONE
        if self._interrupted and not left:
            status = Exit.INTERRUPTED
        return RunEnd(exit=status, summary=end, text="; ".join(left))

    def _tell_readings(self, vitals: Vitals) -> None:
        """What is over its limit becomes an input of the desk, when it has changed."""
        parts = self._parts
        view = health_view(parts.session.desk.core, parts.meta(), *vitals.read())
        found = tuple((one.alert, one.text) for one in view.findings if one.alert)
        keys = tuple(key for key, _ in found)
        if keys != self._told:
            self._told = keys
            parts.machine.feed(ReadingsFound(found=found, ts=parts.machine.queue.now))

    def _hello(self) -> Hello:
        session = self._parts.session
        return Hello(
            protocol=PROTOCOL,
            version=VERSION,
            instance=session.desk.state.ids.instance,
            pid=os.getpid(),
            profile=self._options.profile,
            mode=session.settings.mode,
            world=self._parts.world,
        )

    def _take_signals(self, runner: Runner) -> None:
        """The loop's own handlers would go with the loop, and a signal during the last steps would kill."""
        loop = asyncio.get_running_loop()

        def taken(number: int, _frame: FrameType | None) -> None:
            if loop.is_closed():
                return  # everything is written, the summary is on its way: there is nothing left to end
            self._interrupted = self._interrupted or number == signal.SIGINT
            loop.call_soon_threadsafe(
                runner.request_stop, "interrupt" if number == signal.SIGINT else "sigterm"
            )

        signal.signal(signal.SIGTERM, taken)
        signal.signal(signal.SIGINT, taken)
        # A terminal that goes away takes nothing with it: the engine belongs to nobody (RUNTIME 1).
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
