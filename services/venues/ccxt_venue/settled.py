"""Settled funding rates of a venue's markets: told in rounds, and learned at once where a payment needs one.

A payment's row need not carry its rate, and without one nobody can say of which position it was. The first
round begins when the line is up, as the first read of the account does: a read that finds such a row asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from services.domain.events import RateRow
from services.venues.ccxt_venue import funding
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.errors import READING, told
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.rows import MS, Moved
from services.venues.hours import HOUR_MS, SLACK_MS
from services.venues.wire.budget import Lane
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import wire_ms

BACK_MS = 33 * 86_400_000
"""A month has ninety settlements of eight hours, which is the least sample, and the first is lost."""
PAGE, PAGES = 100, 10
"""A month of hours is eight pages."""
LEARN_TRIES = 3
"""Reads in a row that may fail for a rate. The next goes on without: an account that is not read is worse."""


class Settled:
    def __init__(
        self,
        exchange: str,
        door: Door,
        listed: Mapping[str, Listed],
        *,
        venue_ms: Callable[[], int],
        trouble: Callable[[str], None],
    ) -> None:
        self._exchange = exchange
        self._door = door
        self._listed = listed
        self._venue_ms = venue_ms
        self._trouble = trouble
        self._rates: dict[str, dict[int, Decimal]] = {}
        self._told: dict[str, int] = {}
        self._failed = 0

    @property
    def known(self) -> bool:
        """Whether the exchange tells them."""
        return self._door.can("fetchFundingRateHistory")

    def rate_at(self, market: str, ms: int) -> Decimal | None:
        """The settled rate of an instant, stamps up to a minute apart."""
        for at, rate in self._rates.get(market, {}).items():
            if abs(at - ms) <= SLACK_MS:
                return rate
        return None

    async def news(self, market: Listed, up: Callable[[], bool]) -> list[RateRow]:
        """What is to be told of it, while the line is up. Raises WireError, BadNumber."""
        now = self._venue_ms()
        known = self._told.get(market.id, 0)
        if now - known < HOUR_MS:
            return []
        # From two settlements back: the interval of the first new one is its distance to the last.
        since = max(known - 8 * HOUR_MS, now - BACK_MS)
        # A month of all markets at once: the account's rows and the books must not wait for that.
        found = await self._asked(market, since, now, Lane.DATA if known else Lane.PAST)
        if not up():
            return []
        if found:
            self._told[market.id] = max(known, found[-1].rate_ts // MS)
        # The oldest has none before it that would tell its interval: a rate of no known hour.
        return [row for row in found[1:] if row.rate_ts // MS > known]

    async def learn(self, moved: Iterable[Moved]) -> bool:
        """The rates of payments whose rows carry none; whether anything was asked.

        What the venue refuses or nobody can read stays unknown; what it did not answer fails the read, which
        is asked again, a few times. Raises WireError.
        """
        since: dict[str, int] = {}
        for row in moved:
            unsaid = self.known and row.market in self._listed and row.size and not row.rate
            if unsaid and self.rate_at(row.market, row.ms) is None:
                since[row.market] = min(since.get(row.market, row.ms), row.ms)
        now = self._venue_ms()
        for market, ms in since.items():
            try:
                await self._asked(self._listed[market], max(ms, now - BACK_MS) - SLACK_MS, now, Lane.DATA)
                self._failed = 0
            except READING as error:
                definite = not isinstance(error, WireError) or error.kind is ErrorKind.REJECTED
                if not definite and self._failed < LEARN_TRIES:
                    self._failed += 1
                    raise
                self._trouble(f"{market}: the rate of a funding payment is not told: {told(error)}")
        return bool(since)

    async def _asked(self, market: Listed, since: int, now: int, lane: Lane) -> list[RateRow]:
        rows = await self._history(market.symbol, since, now, lane)
        found = funding.settled_rows(self._exchange, market.spec.id, rows, now)
        self._rates.setdefault(market.id, {}).update((row.rate_ts // MS, row.rate) for row in found)
        return found

    async def _history(self, symbol: str, since: int, now: int, lane: Lane) -> list[Any]:
        """A page is the oldest of a span at some exchanges, the newest at others."""
        found: list[Any] = []
        for _ in range(PAGES):
            page = list(await self._door.ask("fetch_funding_rate_history", symbol, since, PAGE, lane=lane))
            found += page
            newest = max((wire_ms(row.get("timestamp"), "settlement") for row in page), default=now)
            if len(page) < PAGE or newest < since or now - newest < 8 * HOUR_MS:
                break
            since = newest + 1
        return found
