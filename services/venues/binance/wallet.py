"""Binance's wallet service: what a key may do, and which coins can leave.

It stands beside spot in production and nowhere else. Both questions need the right to read alone; a key that
can withdraw is refused, like everywhere (bug row A8).
"""

from __future__ import annotations

from msgspec import Struct

from services.venues.binance.rest import WEIGHT, Calls
from services.venues.wire.rest import Rest


class Rights(Struct):
    """Of the key that asks. Missing = the reply cannot be read."""

    enableWithdrawals: bool


class Network(Struct):
    withdrawEnable: bool


class Coin(Struct):
    coin: str
    withdrawAllEnable: bool
    networkList: list[Network] = []


class Wallet:
    """All raise WireError."""

    def __init__(self, rest: Rest) -> None:
        self._calls = Calls(rest)

    async def can_withdraw(self) -> bool:
        path = "/sapi/v1/account/apiRestrictions"
        return (await self._calls.get(Rights, path, signed=True)).enableWithdrawals

    async def suspended(self) -> tuple[str, ...]:
        """Coins that can leave by none of their chains."""
        path = "/sapi/v1/capital/config/getall"
        rows = await self._calls.get(list[Coin], path, weight=10, signed=True, window=WEIGHT)
        return tuple(sorted(row.coin for row in rows if not _leaves(row)))


def _leaves(row: Coin) -> bool:
    chains = row.networkList
    return row.withdrawAllEnable and (not chains or any(each.withdrawEnable for each in chains))
