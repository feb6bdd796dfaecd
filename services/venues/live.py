"""The door to a venue over real sockets, as the live driver sees it.

It is the door of virtual time with a life around it: the desk's side (`submit`, `cancel`, …) returns at once
and answers come as events, so the same desk, machine and tests serve both. `now` is the wall's time in ns.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from services.venues.port import VirtualVenue


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a venue can do, declared by its adapter, shown by `doctor`, asked by strategies (DESIGN 6)."""

    orders: bool
    """Trades at all; False = market data only."""
    conditional: bool
    dead_man: bool
    conditional_survives_dead_man: bool
    client_id_forever: bool
    """A client order id is refused for ever once used, not only while its order is open."""
    funding_price: str
    """`mark`, `oracle` or `index`: what a settlement multiplies the size with."""
    history: bool
    """Tells settled funding rates of the past."""


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


class LiveVenue(VirtualVenue, Protocol):
    capabilities: Capabilities

    async def start(self) -> None:
        """Connect, load the instruments, bring the streams up; returns when `instruments()` is complete.

        Raises WireError when the venue cannot be used at all (no connection, key refused, wrong mode).
        """

    async def close(self) -> None:
        """End all connections; nothing is cancelled by it."""

    def health(self) -> VenueHealth: ...
