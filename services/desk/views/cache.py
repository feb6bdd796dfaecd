"""Keeps the dear figures of a look for one time step of the desk: limits, distances, stress, settled spreads.

The shell owns the object and hands it in, so nothing is hidden and the desk's own state is never touched.
A figure is computed anew when its token differs: the step of the desk's time, a fill, an order, a read, a
cause, a setting. Without a cache every figure is computed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from services.desk.core import SECOND, DeskCore

T = TypeVar("T")


class ViewCache:
    """One per shell. `step_ns`: how long of the desk's time a dear figure may stand."""

    def __init__(self, step_ns: int = SECOND) -> None:
        self.step_ns = step_ns
        self._kept: dict[str, tuple[Hashable, Any]] = {}

    def get(self, name: str, token: Hashable, compute: Callable[[], T]) -> T:
        kept = self._kept.get(name)
        if kept is not None and kept[0] == token:
            found: T = kept[1]
            return found
        value = compute()
        self._kept[name] = (token, value)
        return value


def moment(core: DeskCore, step_ns: int) -> Hashable:
    """Changes with the time step and with everything that moves a position, a limit or the trading state."""
    state = core.state
    counters = state.counters
    return (
        core.now // step_ns,
        tuple((row.name, row.scope, row.state) for row in state.causes.rows.values()),
        counters.fills,
        counters.received,
        counters.paid,
        counters.transfers,
        state.ids.sequence,
        sum(1 for entry in state.orders.orders.values() if not entry.settled),
        tuple((book.report_event, len(book.foreign_orders)) for book in state.venues.values()),
        tuple(feed.up for feed in state.picture.feeds.values()),
        tuple(state.overrides.items()),
    )
