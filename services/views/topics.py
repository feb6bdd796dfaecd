"""What each topic of the control socket carries: its view's type, loaded when a console first decodes one."""

from __future__ import annotations

from functools import cache
from importlib import import_module

TYPES: dict[str, str] = {
    "strip": "services.views.strip:StripView",
    "desk": "services.views.desk:DeskView",
    "markets": "services.views.markets:MarketsView",
    "orders": "services.views.orders:OrdersView",
    "book": "services.views.markets:BookView",
    "strategies": "services.views.strategies:StrategiesView",
    "journal": "services.views.journal:JournalView",
    "performance": "services.views.performance:ShownView",
    "health": "services.views.health:HealthView",
    "stress": "services.views.stress:StressLab",
}
"""By kind: `book` for `book:BTC-USDT-PERP.alpha`."""


@cache
def view_type(kind: str) -> type:
    """Raises KeyError for a kind that has no view."""
    module, _, name = TYPES[kind].partition(":")
    found = getattr(import_module(module), name)
    if not isinstance(found, type):
        raise TypeError(f"{TYPES[kind]} is no type")
    return found
