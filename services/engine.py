"""The composition root: builds, starts and stops an engine; the same for every mode (DESIGN 3).

`run` is what `stableconsole --no-ui` does. In order: settings, lock, world, latch, store, recovery, control
socket, watchdog, then the loop; and all of it back in reverse. Nothing here decides about trading.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from services.desk.views import Meta, ViewCache
from services.domain.effects import Done, Notify
from services.domain.enums import Severity
from services.drive import direct, pruning, recover
from services.drive.choice import Choice, choose, made_faults, move_world_aside
from services.drive.configuration import settings_here, write_ui
from services.drive.guard import Watchdog
from services.drive.lock import EngineLock, LockError, SecondEngine, holder_here, refuse_network_folder
from services.drive.machine import DeskFailed, VirtualMachine
from services.drive.modes import check_mode, check_owner
from services.drive.pace import NS, Pacer
from services.drive.plugins import load_kinds
from services.drive.pulse import Pulse
from services.drive.runner import Limits, Runner
from services.drive.session import Session
from services.drive.slow_disk import SlowDisk
from services.drive.standing import SessionNote, Standing
from services.kept import reading
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.options import RunOptions
from services.protocol.redact import on_our_log
from services.protocol.version import VERSION
from services.running import Parts, RunEnd, Running
from services.settings.accounts import account_names
from services.settings.errors import SettingsError
from services.settings.layout import StateLayout, accounts_folder, state_root
from services.settings.parameters import Settings
from services.settings.secrets import check_secrets
from services.store.migrate import StoreError
from services.store.replay import Tell
from services.venues.history.errors import HistoryError
from services.venues.live import Finding
from services.venues.sim.world import WorldMismatch, read_world

log = logging.getLogger("stableconsole.engine")
alerts = logging.getLogger("stableconsole.alerts")

_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.ALARM: logging.ERROR}


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


def store_prune(layout: StateLayout, profile: str, keep_s: int | None, *, compact: bool) -> pruning.PruneView:
    """Empty old inputs of the journal. Raises ProductError."""
    return pruning.store_prune(layout, profile, keep_s, compact=compact)


def doctor(layout: StateLayout, profile: str) -> tuple[str, tuple[Finding, ...]]:
    """The profile's mode and every row, with or without a running engine. Raises ProductError (exit 2)."""
    from services.workers.doctor import all_findings

    settings = _settings_of(profile, to_start=True)
    found = all_findings(layout, settings, os.environ, accounts_folder(), on_our_log(os.environ))
    return settings.mode, asyncio.run(found)


def _settings_of(profile: str, *, to_start: bool = False) -> Settings:
    try:
        return settings_here(profile, to_start=to_start)[0].settings
    except SettingsError as error:
        raise ProductError(str(error), Exit.USAGE, "settings") from None


def end_engine(layout: StateLayout, profile: str) -> str:
    """Before `flatten --direct` goes on alone: latch, then the end of the engine that hangs. Raises
    ProductError, before all that where it could not go on: from a shell without the secrets, say."""
    settings = _settings_of(profile)
    if settings.mode != "paper":
        check_secrets(settings.profile, settings.wires, os.environ)
    try:
        return direct.end_engine(layout)
    except SecondEngine as error:
        raise ProductError(str(error), Exit.HELD, "second_engine") from None
    except OSError as error:
        raise ProductError(f"the engine could not be ended: {error}", Exit.HELD, "second_engine") from None


def flatten_direct(layout: StateLayout, profile: str, what: str, say: Callable[[str], None]) -> Done:
    """Flatten with the venues alone, in this process. Raises ProductError."""
    settings = _settings_of(profile)
    try:
        if settings.wires:
            return _flatten_over_sockets(layout, settings, what, say)
        world = read_world(layout.exchange)
        if world is None:
            raise ProductError(f"{layout.exchange} holds no exchange: nothing to flatten", Exit.FAILED)
        return direct.flatten(layout, world, settings, holder_here(layout.root, profile), what, say)
    except (LockError, ValueError, OSError) as error:
        raise direct.refused(error) from None


def _flatten_over_sockets(
    layout: StateLayout, settings: Settings, what: str, say: Callable[[str], None]
) -> Done:
    from services.workers import live_direct

    here = holder_here(layout.root, settings.profile, tuple(settings.wires))
    lock = EngineLock(layout.root, here, way_out=True)
    try:
        for where, key in account_names(settings.wires).values():
            lock.lock_account(accounts_folder(), where, key)
        return asyncio.run(
            live_direct.flatten(layout, settings, os.environ, on_our_log(os.environ), what, say)
        )
    finally:
        lock.release()


def replay(store: Path, tell: Tell | None = None) -> recover.Replayed:
    """Feed the journal to a desk again and compare every decision."""
    return reading(lambda: recover.replay(store, tell))


class _Engine:
    """One run."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.layout = StateLayout(state_root(options.profile, options.state_dir))
        self.redactor = on_our_log(os.environ)

    async def run(self) -> RunEnd:
        layout, options = self.layout, self.options
        resolved, ui = settings_here(options.profile, to_start=True)
        settings = resolved.settings
        check_mode(settings, options)
        load_kinds(settings)
        refuse_network_folder(layout.root)
        check_owner(layout, options.profile)
        lock = EngineLock(layout.root, holder_here(layout.root, options.profile, tuple(settings.wires)))
        try:
            if settings.wires:
                if settings.mode != "paper":  # which uses no key
                    for where, key in account_names(settings.wires).values():
                        lock.lock_account(accounts_folder(), where, key)
                write_ui(layout, ui)
                return await self._over_sockets(settings)
            if options.new_world:
                aside = move_world_aside(layout)
                if aside is not None:
                    log.info("the old world is at %s", aside)
            choice = choose(options, layout, settings)
            write_ui(layout, ui)
            return await self._in_virtual_time(choice)
        finally:
            lock.release()

    async def _over_sockets(self, settings: Settings) -> RunEnd:
        from services.workers.live_engine import LiveEngine

        engine = LiveEngine(self.layout, settings, VERSION, os.environ, self.redactor)
        try:
            await engine.start()
            await engine.examine()
            engine.open(self._note("1"))
            session = engine.session
            _tell_recovered(session)
            watchdog = self._watchdog(settings)
            machine = engine.machine(_notify)
            runner = engine.runner(machine, Pulse(session, machine, watchdog).beat, self.options.for_s)
            parts = Parts(
                session,
                machine,
                runner,
                watchdog,
                meta=engine.meta,
                cache=ViewCache(step_ns=NS // 4),
                world={},
                describe=engine.describe(),
                begin=session.first_events,
                close=session.close,
                hang_up=engine.close_venues,
                depth=engine.depth,
            )
            return await Running(parts, self.options).run()
        finally:
            await engine.close_venues()

    async def _in_virtual_time(self, choice: Choice) -> RunEnd:
        session = Session(
            self.layout,
            choice.world,
            choice.settings,
            VERSION,
            history=choice.history,
            durable=choice.durable,
        )
        session.open(self._note("max" if choice.speed is None else f"{choice.speed:g}"))
        _tell_recovered(session)
        watchdog = self._watchdog(choice.settings)
        machine = VirtualMachine(
            session.desk,
            dict(session.exchange.doors),
            session.exchange,
            session.queue,
            session.keeper,
            on_notify=_notify,
            on_handled=session.handled,
            on_fault=session.exchange.set_fault,
            disk=SlowDisk(str(choice.world.seed)),
            intent_timeout_ms=choice.settings.engine.intent_timeout_ms,
        )
        pacer = Pacer(choice.speed, time.monotonic(), session.queue.now)
        beat = Pulse(session, machine, watchdog).beat
        parts = Parts(
            session,
            machine,
            Runner(machine, pacer, self._limits(session, choice), beat=beat),
            watchdog,
            meta=lambda: _meta(choice, pacer),
            # A quarter of a second of the wall, whatever the speed: a screen shows no finer.
            cache=ViewCache(step_ns=int((choice.speed or 3_600) * NS / 4)),
            world=choice.flags,
            describe=choice.world.describe(),
            begin=lambda: session.first_events(made_faults(self.options, session.queue.now)),
            close=session.close,
            guarded=choice.durable,
            depth=session.depth,
        )
        return await Running(parts, self.options).run()

    def _note(self, speed: str) -> SessionNote:
        return SessionNote(
            pid=str(os.getpid()),
            speed=speed,
            state_dir=str(self.layout.root),
            started=datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%SZ"),
        )

    def _watchdog(self, settings: Settings) -> Watchdog:
        engine = settings.engine
        return Watchdog(self.layout.latch, call_ms=engine.strategy_call_ms, heartbeat_s=engine.heartbeat_s)

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


def _tell_recovered(session: Standing) -> None:
    if session.restored is not None:
        log.info(
            "recovered: %d events after the last checkpoint, written by %s",
            session.restored.events,
            session.restored.session.code,
        )


def _meta(choice: Choice, pacer: Pacer) -> Meta:
    mode = choice.settings.mode
    name = "SIM" if mode == "sim" else mode.upper()
    return Meta(
        badge=f"{name} {pacer.badge()}",
        stamp=choice.stamp,
        profile=choice.settings.profile,
        mode=mode,
        synthetic=choice.history is None,
        still_s=pacer.still_s(choice.settings.data_step_ns),
    )


def _notify(effect: Notify) -> None:
    alerts.log(_LEVELS[effect.severity], "%s: %s", effect.key, effect.text)
