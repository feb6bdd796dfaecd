"""Every screen with a view to show: its pictures, its walk and its promises are tested from this table.

A new screen adds one entry: the views it asks for, by topic, as `tests/console/fixtures.py` makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.console.fixtures import quiet_desk
from tests.console.journal_fixtures import quiet_journal
from tests.console.labs import quiet_lab
from tests.console.market_fixtures import quiet_book, quiet_markets
from tests.console.order_fixtures import busy_orders
from tests.console.result_fixtures import quiet_health, quiet_results
from tests.console.strategy_fixtures import quiet_strategies

Views = Mapping[str, object]

ROOM_VIEWS: dict[str, Callable[[], Views]] = {
    "desk": lambda: {"desk": quiet_desk()},
    "markets": lambda: {"markets": quiet_markets(), "book:BTC-USDT-PERP.alpha@1": quiet_book()},
    "strategies": lambda: {"strategies": quiet_strategies()},
    "journal": lambda: {
        "journal:all/": quiet_journal(),
        "journal:all/funding_arb": quiet_journal(name="funding_arb"),
        "journal:all/P-10": quiet_journal(name="P-10"),
    },
    "performance": lambda: {"performance:all": quiet_results()},
    "health": lambda: {"health": quiet_health()},
    "stress": lambda: {"stress": quiet_lab()},
    "orders": lambda: {"orders": busy_orders()},
}
"""By the screen's name: what the engine would send, by whole topic."""
