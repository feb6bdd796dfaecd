"""A venue that did not answer, or refused us, at the start of an engine whose journal knows it.

Until it can be used, its place is held by one that lists what the venue listed, refuses orders and fails
questions: to the desk it is a venue whose line is down. Nobody else would watch what is open at the others.
One that has refused us is hung up and left alone until a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from services.domain.events import VenueLink
from services.domain.instrument import Instrument
from services.domain.venue_events import InstrumentsListed
from services.runtime.clock import boot_s, steady_ns
from services.venues.live import Finding, Levels, LiveVenue, VenueHealth
from services.venues.port import Outbox
from services.workers.absent import AbsentVenue
from services.workers.starting import SET_RIGHT, Away, Refused, Unfit

log = logging.getLogger("stableconsole.engine")

AGAIN_S = 16.0
"""A try after so long without any: the desk never reads a venue where we have no account."""

Step = Callable[[], Awaitable[None]]
"""Raises ProductError."""

Read = tuple[str, int]
"""A read of the account: its name, and since when fills are asked for."""


class LateVenue(AbsentVenue):
    """Implements `LiveVenue` for one that is away."""

    def __init__(
        self,
        venue: LiveVenue,
        away: Away,
        known: tuple[Instrument, ...],
        outbox: Outbox,
        *,
        connect: Step,
        look: Step,
        place: Callable[[Read | None], None],
        connected: bool = False,
    ) -> None:
        """`away`: why; where that is a refusal, `venue` has been hung up. `known`: what it trades by the
        journal. `connect` starts `venue`, `look` is the doctor's word on it and `place` puts it where this
        one stands, and asks it for the read that waits. `connected`: only the look is lacking."""
        super().__init__(venue.name, away.why, outbox, self._arrive)
        self.capabilities = venue.capabilities
        self._venue = venue
        self._known = known
        self._connect = connect
        self._look = look
        self._place = place
        self._connected = connected
        self._refused: Refused | None = None
        self._waiting: Read | None = None
        """A read that was asked for while the venue is being reached."""
        self._told = ""
        self._tried = boot_s()
        without = "started without it: what is open there is known from the journal, nothing is sent there"
        if isinstance(away, Refused):
            self._bar(away, f"; {without}")
            return
        does = "is not used yet" if connected or isinstance(away, Unfit) else "does not answer"
        log.error("venue %s %s: %s; %s, and it is asked again", self.name, does, self._why, without)
        if isinstance(away, Unfit) and not connected:
            self._told = self._why
            self._down(f"{self._why}; {SET_RIGHT}", refused=True)
        self._say_away()

    async def start(self) -> None:
        """There is nothing to be started yet."""

    async def close(self) -> None:
        """Of whoever is asked it is still in its place: also one that arrives in this very moment ends."""
        await super().close()
        if self._refused is None:
            await self._venue.close()

    async def examine(self) -> tuple[Finding, ...]:
        """It is looked at when it has been reached."""
        return ()

    def instruments(self) -> tuple[Instrument, ...]:
        return self._known

    def health(self) -> VenueHealth:
        if self._connected and self._refused is None:
            return self._venue.health()
        return VenueHealth(
            connected=False,
            data_age_ms=None,
            latency_ms_p50=None,
            latency_ms_p95=None,
            clock_offset_ms=None,
            budget={},
            reconnects=0,
        )

    def reserve(self, share: float) -> None:
        """Told to the venue itself when it is there."""

    def depth(self, instrument: str, count: int) -> tuple[Levels, Levels] | None:
        return None

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        """Tries to reach it. What is asked for meanwhile waits for the end: its line may have come up."""
        if self._refused is not None:
            self._fail("read", request)
            return
        if not self._work:
            super().read_account(now, request, fills_since)
            return
        before, self._waiting = self._waiting, (request, fills_since)
        if before is not None:
            self._fail("read", before[0])

    def look_again(self) -> None:
        """Called now and then: tries, where no read has done so for a while."""
        if not self._work and self._refused is None and boot_s() - self._tried >= AGAIN_S:
            self._work.spawn(self._try())

    async def _try(self) -> None:
        try:
            await super()._try()
        finally:
            self._tried = boot_s()
            if not self.back:
                self._say_away()
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                self._fail("read", waiting[0])

    def _say_away(self) -> None:
        """Why, each time that it is another reason: a key that is refused now is no line that is down."""
        if self._refused is not None or self._why == self._told:
            return
        before, self._told = self._told, self._why
        if before:
            log.warning("venue %s is not used yet: %s", self.name, self._why)
        if not self._connected:  # else its own streams tell of its line
            self._down(f"away since the start: {self._why}")

    async def _arrive(self) -> None:
        """As at a start: connected, looked at, and then in its place."""
        try:
            if not self._connected:
                await self._connect()
                self._connected = True
                # Before its streams can have said anything: from here on the line is theirs to tell of.
                self._down("it answers; its streams are not up yet")
            await self._look()
        except Refused as error:
            # Hung up first: what it says in ending must not come after the word on it.
            await self._venue.close()
            self._bar(error)
            raise
        waiting, self._waiting = self._waiting, None
        self._place(waiting)
        self._list_anew()
        log.warning("venue %s answers: it is read, and traded again when it agrees", self.name)

    def _bar(self, error: Refused, more: str = "") -> None:
        """Something has to be set right there, and a start looks at it again."""
        self._refused, self._why = error, error.why
        said = f"{error.why}; {SET_RIGHT}"
        log.error("venue %s is not used: %s%s", self.name, said, more)
        self._down(said, refused=True)

    def _list_anew(self) -> None:
        known = {spec.id: spec for spec in self._known}
        today = {spec.id: spec for spec in self._venue.instruments()}
        changed = tuple(spec for name, spec in today.items() if known.get(name) not in (None, spec))
        if changed:
            now = steady_ns()
            self._outbox.deliver(now, InstrumentsListed(venue=self.name, instruments=changed, ts=now))
        for name in sorted(known.keys() - today.keys()):
            log.error("%s: its venue lists it no more; see to what is open of it at the venue", name)
        if new := sorted(today.keys() - known.keys()):
            log.warning("%s: listed since, and unknown here: traded from the next start on", ", ".join(new))

    def _down(self, reason: str, *, refused: bool = False) -> None:
        now = steady_ns()
        link = VenueLink(venue=self.name, ts=now, up=False, reason=reason, refused=refused)
        self._outbox.deliver(now, link)
