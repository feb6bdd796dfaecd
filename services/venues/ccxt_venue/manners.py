"""What the unified words do not say, venue by venue: the exchanges that we have tested trading on.

An exchange that is not in this table is watched and used for paper; it takes no order (fact sheet 3: a flag
counts only for a venue of our tested list). Every list is read to its end or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
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
    conditional: bool
    spares_stops: bool
    """Its dead-man's switch is known to leave conditional orders alone."""
    tier_contracts: bool
    """Bounds of its margin table are contracts, not money."""

    async def account(self, door: Door) -> Account: ...

    async def balances(self, door: Door) -> tuple[BalanceRow, ...]:
        """What is booked: without the result of open positions."""

    async def trades(self, door: Door, since_ms: int, until_ms: int, *, whole: bool = True) -> list[TradeRow]:
        """`whole`: all of them or none; else what cannot be told yet is left for the next question."""

    async def moved(self, door: Door, since_ms: int, until_ms: int) -> list[Moved]: ...

    async def open_orders(
        self, door: Door, coins: tuple[str, ...], *, conditional: bool, foreign: bool = False
    ) -> list[Mapping[str, Any]]:
        """`conditional`: those that wait for a price too, with `foreign` of every kind; else they may be left
        out."""

    async def positions(self, door: Door, coins: tuple[str, ...]) -> list[Mapping[str, Any]]: ...

    async def order(
        self, door: Door, market: Listed, name: str, *, conditional: bool | None
    ) -> Mapping[str, Any] | None:
        """By client id; None = the venue's definite word that there is none. `conditional`: what it was sent
        as; None = nobody here knows."""

    def fires_at(self, reply: Mapping[str, Any]) -> int | None:
        """ms, out of the reply to arming the dead-man's switch."""

    def crossed(self, order: Mapping[str, Any]) -> bool: ...

    def adl(self, position: Mapping[str, Any]) -> int | None: ...

    def stop_params(self, name: str, trigger: Decimal) -> dict[str, Any]:
        """What makes an order wait for the mark to reach `trigger`: a sell from above, a buy from below."""

    def stop_id(self, told: str) -> str:
        """The number under which we know a conditional order."""

    async def cancel(self, door: Door, market: Listed, name: str, order_id: str) -> None:
        """Either may be empty, never both. Raises WireError."""


MANNERS: dict[str, type[Any]] = {"okx": Okx, "bybit": Bybit}
SPOT_OPTIONS: dict[str, dict[str, Any]] = {
    "okx": {"defaultType": "spot", "fetchMarkets": {"types": ["spot", "swap"]}},
    "bybit": {"defaultType": "spot", "fetchMarkets": {"types": ["spot", "linear", "inverse"]}},
}
"""Perpetuals are listed besides: coins are priced by their indexes, and positions in them are looked for."""
OPTIONS: dict[str, dict[str, Any]] = {
    "okx": {"defaultType": "swap", "fetchMarkets": {"types": ["swap"]}},
    "bybit": {
        "defaultType": "swap",
        "defaultSubType": "linear",
        "fetchMarkets": {"types": ["linear", "inverse"]},
    },
}
