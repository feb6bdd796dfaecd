"""A read of a spot account that is of one moment, or none (SEMANTICS 7): coins, orders, fills, transfers.

It holds no positions. What a fill took as commission, in whatever coin, stands in the balances already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

from services.domain.events import AccountReport, BalanceRow, TransferBooked, WorkingRow
from services.domain.instrument import Instrument
from services.domain.money import ONE
from services.venues.binance import parse
from services.venues.binance import schemas as wire
from services.venues.binance.account import TRIES
from services.venues.binance.asking import Gone, trades_of_all
from services.venues.binance.orders import OrderBook
from services.venues.binance.parse import MS
from services.venues.binance.spot import schemas as spot
from services.venues.binance.spot.api import SpotApi
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import wire_count, wire_positive

FEE_COIN = "BNB"
"""Fees may be paid in it."""


class SpotReader:
    """Reads one account. Raises WireError, ParseError, BadNumber."""

    def __init__(
        self,
        venue: str,
        api: SpotApi,
        orders: OrderBook,
        by_symbol: Mapping[str, Instrument],
        *,
        name_trades: Callable[[list[wire.Trade]], Awaitable[None]],
        transfers: Callable[[], tuple[TransferBooked, ...]],
        frames: Callable[[], int],
        gone: Gone,
        suspended: Callable[[], tuple[str, ...]],
        venue_now: Callable[[], int],
        wall: Callable[[], int],
    ) -> None:
        """`name_trades` finds out whose they are; `transfers`: those heard; `frames` counts private frames;
        times in ns."""
        self._venue = venue
        self._api = api
        self._orders = orders
        self._by_symbol = by_symbol
        self._name_trades = name_trades
        self._transfers = transfers
        self._frames = frames
        self._gone = gone
        self._suspended = suspended
        self._venue_now = venue_now
        self._wall = wall
        self._coins = {coin for spec in by_symbol.values() for coin in (spec.underlying, spec.quote)}
        self._coins.add(FEE_COIN)

    async def read(self, request: str, fills_since: int) -> AccountReport:
        for _ in range(TRIES):
            before, at = self._frames(), self._venue_now()
            report = await self._once(request, fills_since, at)
            if self._frames() == before:
                return report
        raise WireError(ErrorKind.UNAVAILABLE, "the account changed during each of three reads")

    async def _once(self, request: str, fills_since: int, at: int) -> AccountReport:
        since, until = fills_since // MS, at // MS
        (account, working), rows = await asyncio.gather(
            asyncio.gather(self._api.account(), self._api.open_orders()),
            trades_of_all(self._api, self._by_symbol, since, until, self._gone),
        )
        await self._name_trades(rows)
        fills = tuple(self._orders.ours(row) for row in rows)
        # Whatever a fee was paid in belongs to our books from then on.
        self._coins.update(self._orders.fee_coins)
        return AccountReport(
            venue=self._venue,
            request=request,
            balances=tuple(found for row in account.balances if (found := self._balance(row)) is not None),
            positions=(),
            orders=tuple(self._working(row) for row in working),
            fills=fills,
            payments=(),
            transfers=tuple(each for each in self._transfers() if each.ts_event >= fills_since),
            suspended=self._suspended(),
            ts_event=at,
            ts=self._wall(),
        )

    def _balance(self, row: spot.Balance) -> BalanceRow | None:
        """None for coins that nothing here trades in: whatever lies there is nobody's here."""
        free, locked = (
            wire_count(row.free, f"{row.asset} free"),
            wire_count(row.locked, f"{row.asset} locked"),
        )
        if row.asset not in self._coins:
            return None
        # No margin is lent against anything here; a coin that has held its dollar counts for itself.
        weight: Decimal | None = ONE if row.asset in parse.COLLATERAL else None
        return BalanceRow(row.asset, free + locked, weight, weight)

    def _working(self, row: spot.Order) -> WorkingRow:
        price = wire_count(row.price, f"{row.symbol} price")
        trigger = wire_count(row.stopPrice, f"{row.symbol} stopPrice")
        return WorkingRow(
            client_order_id=row.clientOrderId,
            venue_order_id=str(row.orderId),
            instrument=f"{row.symbol}.{self._venue}",
            side=parse.side_of(row.side),
            quantity=wire_positive(row.origQty, f"{row.symbol} origQty"),
            filled=wire_count(row.executedQty, f"{row.symbol} executedQty"),
            price=price or None,
            reduce_only=False,
            trigger=trigger if trigger and not row.isWorking else None,
        )
