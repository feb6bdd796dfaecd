"""What the unified words do not say, venue by venue: the exchanges that we have tested trading on.

An exchange that is not in this table is watched and used for paper; it takes no order (fact sheet 3: a flag
counts only for a venue of our tested list). Every list is read to its end or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from services.domain.events import BalanceRow
from services.venues.ccxt_venue.bybit import Bybit
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.okx import Okx
from services.venues.ccxt_venue.rows import Account, Moved, TradeRow


class Manner(Protocol):
    """Raises WireError, BadNumber."""

    dead_man: bool
    tier_contracts: bool
    """Bounds of its margin table are contracts, not money."""

    async def account(self, door: Door) -> Account: ...

    async def balances(self, door: Door) -> tuple[BalanceRow, ...]:
        """What is booked: without the result of open positions."""

    async def trades(self, door: Door, since_ms: int, until_ms: int) -> list[TradeRow]: ...

    async def moved(self, door: Door, since_ms: int, until_ms: int) -> list[Moved]: ...

    async def open_orders(self, door: Door, coins: tuple[str, ...]) -> list[Mapping[str, Any]]: ...

    async def positions(self, door: Door, coins: tuple[str, ...]) -> list[Mapping[str, Any]]: ...

    async def order(self, door: Door, market: Listed, name: str) -> Mapping[str, Any] | None:
        """By client id; None = the venue's definite word that there is none."""

    def fires_at(self, reply: Mapping[str, Any]) -> int | None:
        """ms, out of the reply to arming the dead-man's switch."""

    def crossed(self, order: Mapping[str, Any]) -> bool: ...

    def adl(self, position: Mapping[str, Any]) -> int | None: ...

    def cancel_params(self, name: str) -> dict[str, Any]: ...


MANNERS: dict[str, type[Any]] = {"okx": Okx, "bybit": Bybit}
OPTIONS: dict[str, dict[str, Any]] = {
    "okx": {"defaultType": "swap", "fetchMarkets": {"types": ["swap"]}},
    "bybit": {
        "defaultType": "swap",
        "defaultSubType": "linear",
        "fetchMarkets": {"types": ["linear", "inverse"]},
    },
}
