"""Rate limits of a venue account, as an exchange counts them: requests that arrived in a sliding window.

Orders, cancels and questions (reads, queries, beats of the switch) each have a budget of their own, so a
cancel never waits behind an order. What is over a budget is answered with 429, was not acted on, and does not
count against it. A restart of the exchange begins with whole budgets.
"""

from __future__ import annotations

from collections import deque

from services.venues.sim.facts import MINUTE_NS, MS, NS, RateLimits

SHORT_NS = 200 * MS
"""FTX's window for orders."""


class Window:
    """At most `limit` in any `length` ns."""

    __slots__ = ("_latest", "_length", "_taken", "limit")

    def __init__(self, length: int, limit: int) -> None:
        self._length = length
        self._taken: deque[int] = deque()
        self._latest = 0
        self.limit = limit

    def full(self, ts: int) -> bool:
        # Accounts that share a window are moved on one after the other: one that is behind counts as of now.
        self._latest = max(self._latest, ts)
        while self._taken and self._latest - self._taken[0] >= self._length:
            self._taken.popleft()
        return len(self._taken) >= self.limit

    def take(self, ts: int) -> None:
        self._latest = max(self._latest, ts)
        self._taken.append(self._latest)


class OrderLimits:
    """The budgets for new orders, which several accounts of one owner may share (ftx.md 1.3)."""

    def __init__(self, rates: RateLimits) -> None:
        self._market_limit = rates.market_200ms
        self._all = Window(SHORT_NS, rates.orders_200ms)
        self._minute = Window(MINUTE_NS, rates.orders_minute)
        self._markets: dict[str, Window] = {}

    def order(self, ts: int, instrument: str) -> str | None:
        """Why not, or None and the order is counted."""
        market = self._markets.get(instrument)
        if market is None:
            market = self._markets[instrument] = Window(SHORT_NS, self._market_limit)
        return _take(
            ts,
            (market, f"orders per 200ms in {instrument}"),
            (self._all, "orders per 200ms"),
            (self._minute, "orders per minute"),
        )


class Limiter:
    """One account's budgets; each method answers why not, or None and counts the request."""

    def __init__(self, rates: RateLimits) -> None:
        self.orders = OrderLimits(rates)
        self._cancels = Window(SHORT_NS, rates.cancels_200ms)
        self._cancels_minute = Window(MINUTE_NS, rates.cancels_minute)
        self._questions = Window(NS, rates.questions_second)
        self._questions_minute = Window(MINUTE_NS, rates.questions_minute)

    def order(self, ts: int, instrument: str) -> str | None:
        return self.orders.order(ts, instrument)

    def cancel(self, ts: int) -> str | None:
        return _take(ts, (self._cancels, "cancels per 200ms"), (self._cancels_minute, "cancels per minute"))

    def question(self, ts: int) -> str | None:
        return _take(
            ts, (self._questions, "requests per second"), (self._questions_minute, "requests per minute")
        )


def _take(ts: int, *windows: tuple[Window, str]) -> str | None:
    """Count the request in all of its windows, or in none."""
    for window, what in windows:
        if window.full(ts):
            return f"429: do not send more than {window.limit} {what}"
    for window, _ in windows:
        window.take(ts)
    return None
