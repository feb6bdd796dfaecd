"""The screens of the console: a key, a name, and where the room is. A room is loaded when it is first shown.

Only what is listed here exists: a key without a line is told as any unknown key.
"""

from __future__ import annotations

from msgspec import Struct


class Entry(Struct, frozen=True):
    key: str
    name: str
    """As `:screen` takes it, and the room's own name."""
    title: str
    where: str
    """`module:Class`."""
    help: str


ROOMS: tuple[Entry, ...] = (
    Entry("1", "desk", "Desk", "screens.desk:DeskRoom", "Positions, funding spreads, risk limits, alerts"),
    Entry("2", "markets", "Markets", "screens.markets:MarketsRoom", "Quotes, books, candles, basis, funding"),
    Entry("3", "orders", "Orders", "screens.orders:OrdersRoom", "Working, in doubt, ended orders; fills"),
    Entry(
        "4",
        "strategies",
        "Strategies",
        "screens.strategies:StrategiesRoom",
        "What each does and why, its parameters, its pairs",
    ),
    Entry(
        "5",
        "performance",
        "Performance",
        "screens.performance:PerformanceRoom",
        "Equity, drawdown, where equity went, metrics",
    ),
    Entry("6", "health", "Health", "screens.health:HealthRoom", "Venues, process, store, channels"),
    Entry("7", "journal", "Journal", "screens.journal:JournalRoom", "Decisions, commands, refusals, chains"),
    Entry("8", "stress", "Stress", "screens.stress:StressRoom", "What if: shocks, and what would be left"),
)
BY_NAME = {entry.name: entry for entry in ROOMS}
