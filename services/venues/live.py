"""The door to a venue over real sockets, as the live driver sees it.

It is the door of virtual time with a life around it: the desk's side (`submit`, `cancel`, …) returns at once
and answers come as events, so the same desk, machine and tests serve both. `now` is the wall's time in ns.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from services.domain.events import Event, VenueLink
from services.domain.venue_events import VenueFacts
from services.venues.port import VirtualVenue

ASKED = ("marks", "indexes", "rates")
"""All that a stream of books does not bring."""


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a venue can do, declared by its adapter, shown by `doctor`, asked by strategies (DESIGN 6)."""

    orders: bool
    """Trades at all; False = market data only."""
    conditional: bool
    dead_man: bool
    conditional_survives_dead_man: bool
    funding_price: str
    """`mark`, `oracle` or `index`: what a settlement multiplies the size with; `none` = there is none."""
    history: bool
    """Tells settled funding rates of the past."""
    dead_man_s: int = 0
    """The time-out that its switch is to have at least; 0 = as the profile says."""
    account: bool = True
    """We have a key: an account of ours is there, whether orders are taken or not."""
    asked: tuple[str, ...] = ()
    """See `VenueFacts`."""


def connected(
    venue: str, can: Capabilities, now: int, funding_caps: Mapping[str, Decimal] | None = None
) -> tuple[Event, ...]:
    """What a venue over real sockets tells when its streams are up: its facts first, then the line."""
    return (
        VenueFacts(
            venue=venue,
            ts=now,
            conditional=can.conditional,
            dead_man=can.dead_man,
            conditional_survives_dead_man=can.conditional_survives_dead_man,
            dead_man_s=can.dead_man_s,
            own_clock=True,
            account=can.account,
            funding_caps=dict(funding_caps or {}),
            asked=can.asked,
        ),
        VenueLink(venue=venue, ts=now, up=True, reason="connected"),
    )


Levels = list[tuple[Decimal, Decimal]]
"""(price, base quantity), best first."""


class VenueHealth(Struct, frozen=True, kw_only=True):
    """Readings of one connection, for `status` and the health screen."""

    connected: bool
    data_age_ms: int | None
    latency_ms_p50: int | None
    latency_ms_p95: int | None
    clock_offset_ms: int | None
    budget: dict[str, tuple[int, int]]
    """Spent and limit by window."""
    reconnects: int
    leverage: Decimal | None = None
    """The account's setting, where one holds for all of its markets."""


class Verdict(StrEnum):
    """How much a finding weighs."""

    OK = "ok"
    WARN = "warn"
    """Worth knowing; trading goes on."""
    STOP = "stop"
    """Nothing is traded until it is put right."""


class Finding(Struct, frozen=True, kw_only=True):
    """One row of `doctor`."""

    subject: str
    """A venue's name, or `this machine`."""
    check: str
    verdict: Verdict
    text: str
    remedy: str = ""


KEY_RIGHTS = "key rights"
"""The check that refuses a key which can withdraw, in every mode."""


def key_rights(venue: str, withdraw: bool | None) -> Finding:
    """A key that can withdraw is refused (bug row A8); where nobody tells, a person has to look."""
    if withdraw:
        return Finding(
            subject=venue,
            check=KEY_RIGHTS,
            verdict=Verdict.STOP,
            text="the key can withdraw",
            remedy="make a key that can trade and nothing else, and end this one at the venue",
        )
    if withdraw is None:
        return Finding(
            subject=venue,
            check=KEY_RIGHTS,
            verdict=Verdict.WARN,
            text="the venue does not tell whether the key can withdraw",
            remedy="look at the venue's own page: it must be able to trade and nothing else",
        )
    return Finding(subject=venue, check=KEY_RIGHTS, verdict=Verdict.OK, text="trades, cannot withdraw")


class LiveVenue(VirtualVenue, Protocol):
    capabilities: Capabilities

    async def start(self) -> None:
        """Connect, load the instruments, bring the streams up; returns when `instruments()` is complete.

        Raises WireError when the venue cannot be used at all (no connection, key refused, wrong mode).
        """

    async def close(self) -> None:
        """End all connections; nothing is cancelled by it.

        What was asked before is given its end first, for two seconds at most: after a fatal halt the cancels
        leave this way.
        """

    async def examine(self) -> tuple[Finding, ...]:
        """After `start`: what only the adapter can tell: key rights, position and margin mode."""

    def health(self) -> VenueHealth: ...

    def reserve(self, share: float) -> None:
        """So much of every request budget is for cancels, hedges and closes alone (`gate.reserved_share`)."""

    def depth(self, instrument: str, count: int) -> tuple[Levels, Levels] | None:
        """At most `count` bids and asks of the book as it was heard last, to be looked at: no decision rests
        on it. None = there is no whole book of this instrument at present.
        """
