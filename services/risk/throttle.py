"""Counters behind the order-rate and repeat checks, and the venue error rate.

Only counts live here; the limits are judged in the gate (a count limit refuses what would *exceed* it).
Times come from the caller. Every order sent is noted, protective ones too: they use the venue's budget, but
the gate never refuses them for it.
"""

from __future__ import annotations

from msgspec import Struct, field

from services.risk.context import Usage
from services.settings.parameters import Gate

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


class ThrottleState(Struct):
    sent: list[int] = field(default_factory=list)
    """Send times of the last minute, oldest first."""
    entries: dict[str, list[int]] = field(default_factory=dict)
    """Admitted entries by `origin|instrument|side`, oldest first."""


class OrderThrottle:
    """Order rate and repeats of the whole desk."""

    def __init__(self, gate: Gate, state: ThrottleState | None = None) -> None:
        self.gate = gate
        self.state = state if state is not None else ThrottleState()

    def sent(self, now: int, count: int = 1) -> None:
        """`count` orders went out at `now`."""
        self.state.sent = [ts for ts in self.state.sent if now - ts < MINUTE]
        self.state.sent.extend([now] * count)

    def entry(self, origin: str, instrument: str, side: str, now: int) -> None:
        """An entry passed the gate. A pair is noted once per leg, not once per slice."""
        key = f"{origin}|{instrument}|{side}"
        window = self.gate.repeat_window_s * SECOND
        self.state.entries[key] = [ts for ts in self.state.entries.get(key, []) if now - ts < window] + [now]

    def forget(self, origin: str) -> None:
        """The origin was enabled again by a person: its repeats start anew."""
        for key in [key for key in self.state.entries if key.startswith(f"{origin}|")]:
            del self.state.entries[key]

    def usage(self, origin: str, instrument: str, side: str, now: int) -> Usage:
        """The counters as the gate wants them, for one question."""
        window = self.gate.repeat_window_s * SECOND
        entries = self.state.entries.get(f"{origin}|{instrument}|{side}", [])
        return Usage(
            last_second=sum(1 for ts in self.state.sent if now - ts < SECOND),
            last_minute=sum(1 for ts in self.state.sent if now - ts < MINUTE),
            repeats=sum(1 for ts in entries if now - ts < window),
        )


class ErrorRate(Struct, frozen=True, kw_only=True):
    """A change of one venue's verdict."""

    venue: str
    blocked: bool
    text: str


class ErrorWindow(Struct):
    asked: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    blocked: bool = False
    good_since: int | None = None


class VenueErrorState(Struct):
    venues: dict[str, ErrorWindow] = field(default_factory=dict)


class VenueErrors:
    """Over 20 % failures of at least 20 requests in 60 s: no new risk there; clears under 5 % for 120 s."""

    LEAST = 20
    CLEAR_S = 120

    def __init__(self, state: VenueErrorState | None = None) -> None:
        self.state = state if state is not None else VenueErrorState()

    def request(self, venue: str, ok: bool, now: int) -> ErrorRate | None:
        """One request ended; a time-out is a failure. Returns a change of the verdict."""
        window = self.state.venues.setdefault(venue, ErrorWindow())
        window.asked.append(now)
        if not ok:
            window.failed.append(now)
        return self.tick(venue, now)

    def tick(self, venue: str, now: int) -> ErrorRate | None:
        """Judge again as time passes. Failures above the percentage, not at it, block ("> 20 %")."""
        window = self.state.venues.setdefault(venue, ErrorWindow())
        for times in (window.asked, window.failed):
            if times and now - times[0] >= MINUTE:
                times[:] = [ts for ts in times if now - ts < MINUTE]
        asked, failed = len(window.asked), len(window.failed)
        if not window.blocked:
            if asked >= self.LEAST and failed * 5 > asked:
                window.blocked, window.good_since = True, None
                return ErrorRate(venue=venue, blocked=True, text=self.told(venue))
            return None
        if asked == 0 or failed * 20 >= asked:  # silence proves nothing
            window.good_since = None
            return None
        if window.good_since is None:
            window.good_since = now
        if now - window.good_since < self.CLEAR_S * SECOND:
            return None
        window.blocked, window.good_since = False, None
        return ErrorRate(venue=venue, blocked=False, text=f"requests to {venue} succeed again")

    def told(self, venue: str) -> str:
        """How many failed of late, as last judged."""
        window = self.state.venues[venue]
        return f"{len(window.failed)} of {len(window.asked)} requests to {venue} failed in 60 s"

    def blocked(self) -> dict[str, str]:
        """Venues without new risk, and why: `GateContext.halts_venue`."""
        return {
            venue: "more than 20 % of its requests failed in 60 s"
            for venue, window in self.state.venues.items()
            if window.blocked
        }
