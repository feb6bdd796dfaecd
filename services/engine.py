"""The composition root: builds, starts and stops an engine; the same for every mode (DESIGN 3).

`run` is what `stableconsole --no-ui` does. In order: settings, lock, world, latch, store, recovery, control
socket, watchdog, then the loop; and all of it back in reverse. Nothing here decides about trading.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TypeVar

from msgspec import Struct

from services.control.bridge import Bridge
from services.control.server import ControlServer
from services.desk.views import Meta, ViewCache, summary
from services.domain.effects import Done, Notify
from services.domain.enums import Severity
from services.drive import direct, recover
from services.drive.choice import Choice, choose, made_faults, move_world_aside
from services.drive.configuration import load_settings, write_ui
from services.drive.guard import Watchdog
from services.drive.lock import EngineLock, Holder, LockError, SecondEngine, refuse_network_folder
from services.drive.machine import DeskFailed, VirtualMachine
from services.drive.pace import NS, Pacer
from services.drive.pulse import Pulse
from services.drive.runner import Limits, Runner
from services.drive.session import Session, SessionNote
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.frames import Hello
from services.protocol.options import RunOptions
from services.protocol.ready import Ready, tell_ready
from services.protocol.version import PROTOCOL, VERSION
from services.runtime.redact import protect, redactor_for
from services.settings.errors import SettingsError
from services.settings.layout import StateLayout, config_file, state_root
from services.store.migrate import StoreError
from services.store.replay import Verdict, export_to, verify
from services.store.why import Unknown as UnknownOrder
from services.store.why import why
from services.venues.history.errors import HistoryError
from services.venues.sim.world import WorldMismatch, read_world
from services.views.why import WhyView

log = logging.getLogger("stableconsole.engine")
alerts = logging.getLogger("stableconsole.alerts")

T = TypeVar("T")

_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.ALARM: logging.ERROR}


class RunEnd(Struct, frozen=True, kw_only=True):
    """How a run ended: its exit status, the summary, and a line for stderr when something is left."""

    exit: Exit
    summary: Struct | None = None
    text: str = ""


def run(options: RunOptions) -> RunEnd:
    """Runs until the engine ends. Raises ProductError with exit status and one line."""
    try:
        return asyncio.run(_Engine(options).run())
    except SettingsError as error:
        raise ProductError(str(error), Exit.USAGE, "settings") from None
    except HistoryError as error:
        raise ProductError(str(error), Exit.USAGE, "history") from None
    except WorldMismatch as error:
        raise ProductError(str(error), Exit.USAGE, "world") from None
    except SecondEngine as error:
        raise ProductError(str(error), Exit.HELD, "second_engine") from None
    except (LockError, StoreError) as error:
        raise ProductError(str(error), Exit.FAILED, "state") from None
    except DeskFailed as error:
        log.exception("halted: the next start recovers")
        raise ProductError(f"HALTED, {error}", Exit.FAILED, "desk_failed") from None
    except OSError as error:
        where = error.filename or state_root(options.profile, options.state_dir)
        remedy = "free some space" if error.errno == errno.ENOSPC else "see to it, or use another --state-dir"
        raise ProductError(f"{where}: {error.strerror or error}: {remedy}", Exit.FAILED, "state") from error


def audit_verify(store: Path) -> Verdict:
    """Check the journal's chain. Raises ProductError when there is no store to read."""
    return _reading(lambda: verify(store))


def audit_export(store: Path, out: Path) -> int:
    """Write the journal as JSON lines; how many rows. Raises OSError when `out` cannot be written."""
    try:
        return export_to(store, out)
    except (StoreError, ValueError) as error:
        raise ProductError(f"journal: {error}", Exit.FAILED, "journal") from None


def why_of(store: Path, asked: str) -> WhyView:
    """The reason chain of an order or a pair. Raises ProductError."""
    try:
        return _reading(lambda: why(store, asked))
    except UnknownOrder as error:
        raise ProductError(str(error), Exit.FAILED, "unknown") from None


def end_engine(layout: StateLayout) -> str:
    """Before `flatten --direct` goes on alone: latch, then the end of the engine that hangs."""
    try:
        return direct.end_engine(layout)
    except SecondEngine as error:
        raise ProductError(str(error), Exit.HELD, "second_engine") from None
    except OSError as error:
        raise ProductError(f"the engine could not be ended: {error}", Exit.HELD, "second_engine") from None


def flatten_direct(layout: StateLayout, profile: str, what: str, say: Callable[[str], None]) -> Done:
    """Flatten with the venues alone, in this process. Raises ProductError."""
    try:
        world = read_world(layout.exchange)
        if world is None:
            raise ProductError(f"{layout.exchange} holds no exchange: nothing to flatten", Exit.FAILED)
        resolved, _ = load_settings(profile, config_file(os.environ), environ=os.environ)
        return direct.flatten(layout, world, resolved.settings, _holder(layout, profile), what, say)
    except SettingsError as error:
        raise ProductError(str(error), Exit.USAGE, "settings") from None
    except (LockError, ValueError, OSError) as error:
        raise ProductError(str(error), Exit.HELD, "direct") from None


def _holder(layout: StateLayout, profile: str) -> Holder:
    return Holder(
        pid=os.getpid(),
        profile=profile,
        folder=str(layout.root),
        started=datetime.now(tz=UTC).isoformat(timespec="seconds"),
        accounts=(),
        version=VERSION,
    )


def replay(store: Path) -> recover.Replayed:
    """Feed the journal to a desk again and compare every decision."""
    return _reading(lambda: recover.replay(store))


def _reading(work: Callable[[], T]) -> T:
    try:
        return work()
    except (StoreError, ValueError, OSError) as error:
        raise ProductError(f"journal: {error}", Exit.FAILED, "journal") from None


class _Engine:
    """One run."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.layout = StateLayout(state_root(options.profile, options.state_dir))
        self._interrupted = False

    async def run(self) -> RunEnd:
        layout, options = self.layout, self.options
        protect(logging.getLogger("stableconsole"), redactor_for(os.environ))
        resolved, ui = load_settings(options.profile, config_file(os.environ), environ=os.environ)
        if resolved.settings.mode != "sim":
            raise ProductError(
                f"profile {options.profile} has mode {resolved.settings.mode}: this version trades on the "
                'simulated exchange only; use a profile with mode = "sim"',
                Exit.USAGE,
                "mode",
            )
        if options.live:
            raise ProductError(
                f'--live is for profiles with mode = "live"; profile {options.profile} has mode '
                f"{resolved.settings.mode}: leave it out",
                Exit.USAGE,
                "mode",
            )
        refuse_network_folder(layout.root)
        lock = EngineLock(layout.root, _holder(layout, options.profile))
        try:
            if options.new_world:
                aside = move_world_aside(layout)
                if aside is not None:
                    log.info("the old world is at %s", aside)
            choice = choose(options, layout, resolved.settings)
            write_ui(layout, ui)
            return await self._with_session(choice)
        finally:
            lock.release()

    async def _with_session(self, choice: Choice) -> RunEnd:
        session = Session(
            self.layout,
            choice.world,
            choice.settings,
            VERSION,
            history=choice.history,
            durable=choice.durable,
        )
        speed = "max" if choice.speed is None else f"{choice.speed:g}"
        session.open(
            SessionNote(
                pid=str(os.getpid()),
                speed=speed,
                state_dir=str(self.layout.root),
                started=datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%SZ"),
            )
        )
        if session.restored is not None:
            log.info(
                "recovered: %d events after the last checkpoint, written by %s",
                session.restored.events,
                session.restored.code,
            )
        watchdog = Watchdog(
            self.layout.latch,
            call_ms=choice.settings.engine.strategy_call_ms,
            heartbeat_s=choice.settings.engine.heartbeat_s,
        )
        machine = VirtualMachine(
            session.desk,
            dict(session.exchange.doors),
            session.exchange,
            session.queue,
            session.keeper,
            on_notify=_notify,
            on_handled=session.handled,
            on_fault=session.exchange.set_fault,
        )
        pacer = Pacer(choice.speed, time.monotonic(), session.queue.now)
        runner = Runner(
            machine,
            pacer,
            self._limits(session, choice),
            beat=Pulse(session, machine, watchdog).beat,
        )

        def meta() -> Meta:
            return _meta(choice, pacer)

        # A quarter of a second of the wall, whatever the speed: a screen shows no finer.
        cache = ViewCache(step_ns=int((choice.speed or 3_600) * NS / 4))
        bridge = Bridge(session.desk, runner, meta, cache)
        machine.on_answer = bridge.answer
        session.desk.strategies.guard = watchdog.guard
        server = ControlServer(self.layout.socket, self._hello(choice, session), bridge, bridge)
        await server.start()
        if choice.durable:
            watchdog.start()
        self._take_signals(runner)
        try:
            session.first_events(made_faults(self.options, session.queue.now))
            gc.collect()
            gc.freeze()
            tell_ready(self.options.ready_fd, Ready(ok=True, pid=os.getpid()))
            log.info("%s: %s at %s", choice.stamp, choice.world.describe(), pacer.badge())
            rested = await runner.run()
            left = machine.stopped.left if machine.stopped is not None else ()
            if not rested:
                left = (*left, "stopped before everything had come to rest")
            bridge.ended(left, machine.stopped.kept if machine.stopped is not None else ())
            end = summary(session.desk.core, session.desk.strategies, meta(), machine.events, runner.ended_by)
            await asyncio.sleep(0)
        finally:
            await server.close()
            # First the watchdog: a store that cannot be closed quickly is no reason to shoot the engine.
            watchdog.stop()
            written = session.close()
        if not written:
            left = (*left, "the store could not write everything")
        status = Exit.FAILED if left else Exit.DONE
        if self._interrupted and not left:
            status = Exit.INTERRUPTED
        return RunEnd(exit=status, summary=end, text="; ".join(left))

    def _limits(self, session: Session, choice: Choice) -> Limits:
        options = self.options
        end = None
        if options.for_sim_s is not None:
            end = session.queue.now + options.for_sim_s * NS
        return Limits(
            wall_s=options.for_s,
            virtual_end=end,
            history_end=session.exchange.end,
            stop_timeout_s=choice.settings.engine.stop_timeout_s,
        )

    def _hello(self, choice: Choice, session: Session) -> Hello:
        return Hello(
            protocol=PROTOCOL,
            version=VERSION,
            instance=session.desk.state.ids.instance,
            pid=os.getpid(),
            profile=self.options.profile,
            mode=choice.settings.mode,
            world=choice.flags,
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


def _meta(choice: Choice, pacer: Pacer) -> Meta:
    mode = choice.settings.mode
    name = "SIM" if mode == "sim" else mode.upper()
    return Meta(
        badge=f"{name} {pacer.badge()}",
        stamp=choice.stamp,
        profile=choice.settings.profile,
        mode=mode,
        synthetic=choice.history is None,
    )


def _notify(effect: Notify) -> None:
    alerts.log(_LEVELS[effect.severity], "%s: %s", effect.key, effect.text)
