"""An engine over real sockets: venues started, looked at, the desk recovered over them, machine and loop.

In order: adapters, their instruments, the doctor's rows, the store, the desk. Nothing is sent to a venue
before the doctor's word on it. One that does not answer, or refuses us, holds up no start where the journal
knows it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec.structs import replace

from services.desk.core import DeskCore
from services.desk.desk import Desk
from services.desk.views import Meta
from services.domain.effects import Notify, SetFault
from services.domain.instrument import venue_of
from services.domain.venue_events import VenueClock
from services.drive.live import LiveMachine, LiveRunner
from services.drive.live_session import LiveSession
from services.drive.machine import VirtualMachine
from services.drive.pace import Pacer
from services.drive.runner import Limits
from services.drive.standing import SessionNote
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.redact import Redactor
from services.runtime.clock import steady_ns
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire, without_keys
from services.venues.live import Levels, LiveVenue
from services.venues.port import VirtualVenue
from services.venues.wire.errors import WireError
from services.workers import doctor
from services.workers.late import LateVenue, Read
from services.workers.machine import local_findings
from services.workers.starting import (
    Away,
    Misfit,
    Refused,
    Unfit,
    cannot_use,
    ends_start,
    judge,
    nobody_is_left,
    put_off,
    start_venue,
)
from services.workers.wires import build_venues, world_of

log = logging.getLogger("stableconsole.engine")

CLOCK_LOOK_S = 1.0
SET_NS = 1_000_000_000
"""The wall was set, if it is so far from what the engine's own clock makes of it."""
CLOCK_STEP_MS = 25
"""A change of the offset below this is not told: the gate's limit is forty times as much."""

BADGES = {"sim": "SIM ⇄", "paper": "PAPER", "live": "LIVE"}
"""Where others show a speed: `⇄` is the simulator behind real sockets."""


class NobodyReached(ProductError):
    """Not one venue of the profile."""


class NobodyWakes:
    """Real time wakes by itself."""

    def wake(self, now: int, token: object) -> None:
        raise RuntimeError("a venue over sockets asks for no wake")


class LiveEngine:
    """One run's parts. `start` and `open` first, in this order; `close_venues` and `session.close` last."""

    def __init__(
        self,
        layout: StateLayout,
        settings: Settings,
        code: str,
        environ: Mapping[str, str],
        redactor: Redactor,
        *,
        build: Callable[..., dict[str, LiveVenue]] = build_venues,
        wall: Callable[[], int] = steady_ns,
    ) -> None:
        """`settings`: as the profile has them, keys included. Raises ProductError. Nothing connects yet."""
        self.wires: dict[str, VenueWire] = settings.wires
        self.layout = layout
        # From here on no key is to be seen: the desk's settings go into the journal.
        self.settings = replace(settings, wires=without_keys(settings.wires))
        self.session = LiveSession(layout, self.settings, code, wall=wall)
        self.venues = build(
            settings.profile,
            settings.wires,
            environ,
            self.session.lobby,
            redactor,
            layout.bans,
            layout.exchange if settings.mode == "paper" else None,
        )
        self.session.unwritten = self.unwritten
        self._told: dict[str, int | None] = {}
        self._looked = 0.0
        self._set_by = 0
        self._share = Decimal(-1)
        self._desk: Desk | None = None
        """Of `open`."""
        self._machine: LiveMachine | None = None
        self.late: dict[str, Away] = {}
        """Venues that did not answer at the start, or refused us."""
        self._connected: set[str] = set()
        """Those of them that did answer, and may yet be used."""

    async def start(self) -> None:
        """Connect all venues; those that do not answer, or refuse our key, are `late`, unless that is all of
        them. Raises ProductError naming the first that cannot be used.

        An engine that comes back after a death must not stay away for one answer that was lost, nor for one
        key that has expired.
        """

        async def one(name: str, venue: LiveVenue) -> None:
            try:
                await start_venue(name, venue, tries=2)
            except Away as error:
                self.late[name] = await put_off(venue, error)

        await asyncio.gather(*(one(name, venue) for name, venue in self.venues.items()))
        if (end := nobody_is_left(self.late.values(), len(self.venues))) is not None:
            raise end

    async def start_reachable(self) -> dict[str, str]:
        """As `start`, but what cannot be reached is left out and named with its reason.

        Raises NobodyReached.
        """
        names = list(self.venues)
        ends = await asyncio.gather(
            *(start_venue(name, self.venues[name]) for name in names), return_exceptions=True
        )
        missing: dict[str, str] = {}
        for name, end in zip(names, ends, strict=True):
            if isinstance(end, ProductError):
                missing[name] = end.text
            elif end is not None:
                raise end
        if len(missing) == len(names):
            raise NobodyReached("; ".join(missing.values()), Exit.FAILED, "venue")
        for name in missing:
            await self.venues.pop(name).close()
        return missing

    async def examine(self) -> None:
        """The doctor's rows. Live trades only where none of them would stop it; a key that can withdraw is
        refused in every mode. A venue that is stopped is `late`, unless that is all of them.

        Raises ProductError (exit 2): this machine, no venue that is left, or a strategy whose venue lacks
        what it needs, which is the profile's to mend.
        """
        here = (*local_findings(self.layout, self.settings), *doctor.keys(self.wires, self.settings.mode))
        judge(here, self.settings.mode)
        for name, venue in self.venues.items():
            if name not in self.late:
                try:
                    await self._look(name, venue)
                except Misfit:
                    raise
                except Away as error:
                    self.late[name] = await put_off(venue, error)
                    if not isinstance(error, Refused):
                        self._connected.add(name)
        if (end := nobody_is_left(self.late.values(), len(self.venues))) is not None:
            raise end

    async def _look(self, name: str, venue: LiveVenue) -> None:
        """The doctor's word on one. Raises Away: it is not used, until it answers or somebody mends it."""
        try:
            found = await doctor.started_findings(name, venue, self.settings)
        except WireError as error:
            raise cannot_use(name, error) from None
        judge(found, self.settings.mode)

    def open(self, note: SessionNote) -> None:
        """Store, journal, desk. Raises StoreError, OSError, ProductError (exit 1, 2)."""
        there = {name: venue for name, venue in self.venues.items() if name not in self.late}
        listed = tuple(spec for venue in there.values() for spec in venue.instruments())
        late = {name: ends_start(error) for name, error in self.late.items()}
        doubted = [name for name, error in self.late.items() if isinstance(error, Unfit)]
        self.session.open(note, listed, {"venues": world_of(self.wires)}, late, doubted)
        self._desk = self.session.desk
        self.venues |= {name: self._hold_place(name, self._desk.core) for name in self.late}
        self._reserve()

    def _hold_place(self, name: str, core: DeskCore) -> LateVenue:
        venue = self.venues[name]

        def place(read: Read | None) -> None:
            self.venues[name] = venue
            if self._machine is not None:
                self._machine.take_in(name, venue, read)
            self._share = Decimal(-1)  # told anew at the next look

        return LateVenue(
            venue,
            self.late[name],
            tuple(spec for spec in core.instruments.values() if spec.venue == name),
            self.session.lobby,
            connect=lambda: start_venue(name, venue),
            look=lambda: self._look(name, venue),
            place=place,
            connected=name in self._connected,
        )

    def machine(self, notify: Callable[[Notify], None]) -> LiveMachine:
        venues: dict[str, VirtualVenue] = dict(self.venues)
        self._machine = LiveMachine(
            self.session.desk,
            venues,
            NobodyWakes(),
            self.session.queue,
            self.session.keeper,
            on_notify=notify,
            on_handled=self.session.handled,
            on_fault=self._fault,
        )
        return self._machine

    def runner(self, machine: LiveMachine, beat: Callable[[], None], wall_s: float | None) -> LiveRunner:
        engine = self.settings.engine

        def turn() -> None:
            beat()
            self.tell_clocks(machine)

        return LiveRunner(
            machine,
            Pacer(1.0, time.monotonic(), self.session.queue.now),
            Limits(wall_s=wall_s, stop_timeout_s=engine.stop_timeout_s),
            beat=turn,
            intent_timeout_s=engine.intent_timeout_ms / 1000,
        )

    def meta(self) -> Meta:
        latency, budget, reconnects = {}, {}, {}
        for name, venue in self.venues.items():
            health = venue.health()
            latency[name] = (_decimal(health.latency_ms_p50), _decimal(health.latency_ms_p95))
            reconnects[name] = health.reconnects
            free = [1 - Decimal(used) / limit for used, limit in health.budget.values() if limit]
            if free:
                budget[name] = max(Decimal(0), min(free))
        mode = self.settings.mode
        return Meta(
            badge=BADGES.get(mode, mode.upper()),
            stamp="SIM OVER SOCKETS" if mode == "sim" else "",
            profile=self.settings.profile,
            mode=mode,
            synthetic=mode == "sim",
            latency=latency,
            budget=budget,
            reconnects=reconnects,
        )

    def depth(self, instrument: str, count: int) -> tuple[Levels, Levels] | None:
        """For the ladder on the screen; None = the instrument's venue has no whole book of it."""
        venue = self.venues.get(venue_of(instrument))
        return None if venue is None else venue.depth(instrument, count)

    def describe(self) -> str:
        return ", ".join(f"{name} {wire.kind} {wire.rest}" for name, wire in self.wires.items())

    async def close_venues(self) -> None:
        """Give what is under way its end, a fatal halt's cancels among it; then hang up."""
        await asyncio.gather(*(venue.close() for venue in self.venues.values()), return_exceptions=True)

    def tell_clocks(self, machine: VirtualMachine) -> None:
        """A measurement of the shell reaches the desk as an input like any other (RUNTIME 2)."""
        now = time.monotonic()
        if now - self._looked < CLOCK_LOOK_S:
            return
        self._looked = now
        self._tell_setting()
        self._reserve()
        for name, venue in self.venues.items():
            if isinstance(venue, LateVenue):
                venue.look_again()
            offset = venue.health().clock_offset_ms
            if name in self._told and _alike(offset, self._told[name]):
                continue
            self._told[name] = offset
            now_ns = machine.queue.now
            machine.queue.deliver(now_ns, VenueClock(venue=name, offset_ms=offset, ts=now_ns))

    def _reserve(self) -> None:
        """The share of the budgets that is for getting out, as it is set now: one for gate and wires."""
        # A direct flatten has a desk of its own, and no overrides.
        settings = self.settings if self._desk is None else self._desk.core.settings
        share = settings.gate.reserved_share
        if share != self._share:
            self._share = share
            for venue in self.venues.values():
                venue.reserve(float(share))

    def unwritten(self) -> str:
        """What of the paper accounts' books stands in memory only; empty = nothing."""
        asked = (getattr(venue, "unwritten", None) for venue in self.venues.values())
        return "; ".join(found for ask in asked if ask is not None and (found := ask()))

    def _tell_setting(self) -> None:
        """Somebody has set the machine's clock: the engine keeps its own time, and a person should know."""
        by = steady_ns.set_by()
        if abs(by - self._set_by) >= SET_NS:
            self._set_by = by
            log.warning("%s", setting(by))

    def _fault(self, effect: SetFault) -> None:
        """To the simulator behind the socket; the desk has refused it for any other."""
        made = getattr(self.venues[effect.venue], "set_fault", None)
        if made is None:
            log.error("%s: a fault cannot be set on this venue", effect.venue)
            return
        made(effect)


def setting(by: int) -> str:
    """What a person is told when somebody has set the machine's clock, and when it was set back."""
    if abs(by) < SET_NS:
        return "the machine's clock agrees with this engine's own again"
    return (
        f"the machine's clock is {by / 1e9:+.1f} s from this engine's own, which goes on as it was: "
        "time-outs and ages do not jump; restart to follow it"
    )


def _alike(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) < CLOCK_STEP_MS


def _decimal(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value)
