"""The simulated exchange: one market, one clock, a set of venues with books and accounts of their own."""

from __future__ import annotations

from pathlib import Path

from services.domain.events import AccountReport
from services.venues.port import Outbox, VirtualVenue
from services.venues.sim.source import HistorySource
from services.venues.sim.world import World


class SimExchange:
    """Skeleton of the public face; the parts follow."""

    world: World
    venues: dict[str, VirtualVenue]
    now: int
    """Market time: of the last instant or command that happened."""

    def start(self, now: int) -> None:
        """Open for business: links come up, market instants are scheduled from `now` on."""
        raise NotImplementedError

    def wake(self, now: int, token: object) -> None:
        """A moment some venue asked for has come."""
        raise NotImplementedError

    def books(self, venue: str) -> AccountReport:
        """The exchange's own truth about the account, at `now`, without latency."""
        raise NotImplementedError

    def close(self) -> None:
        """Flush and close the log."""
        raise NotImplementedError


def build_exchange(
    world: World,
    folder: Path | None,
    outbox: Outbox,
    resume_at: int | None = None,
    history: HistorySource | None = None,
) -> SimExchange:
    """Open or recover the exchange. Raises WorldMismatch when `folder` holds another world."""
    raise NotImplementedError
