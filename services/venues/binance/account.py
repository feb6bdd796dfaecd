"""A read of the whole account that is of one moment, or none (SEMANTICS 7).

The venue has no snapshot: assets, positions, orders, trades and incomes are several questions. They belong
together when no private frame came between the first question and the last answer; else all are asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

from services.domain.enums import Flow
from services.domain.events import (
    AccountReport,
    BalanceRow,
    FundingSettled,
    PositionRow,
    TransferBooked,
    WorkingRow,
)
from services.domain.instrument import Instrument
from services.venues.binance import parse
from services.venues.binance import schemas as wire
from services.venues.binance.api import BinanceApi
from services.venues.binance.asking import Gone, trades_of_all
from services.venues.binance.orders import ALGO, OrderBook
from services.venues.binance.parse import MS, ZERO, ParseError
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import wire_count, wire_decimal, wire_positive

TRIES = 3
FUNDING = ("FUNDING_FEE", "SPECIAL_FUNDING_FEE")
FROM_FILLS = ("REALIZED_PNL", "COMMISSION")
"""Booked with the fills that brought them; every other income moves a balance by itself."""
FROM_OUTSIDE = (
    "TRANSFER",
    "INTERNAL_TRANSFER",
    "CROSS_COLLATERAL_TRANSFER",
    "STRATEGY_UMFUTURES_TRANSFER",
)
CONVERSIONS = ("AUTO_EXCHANGE", "COIN_SWAP_DEPOSIT", "COIN_SWAP_WITHDRAW")


class Reader:
    """Reads one account. Raises WireError, ParseError, BadNumber."""

    def __init__(
        self,
        venue: str,
        api: BinanceApi,
        orders: OrderBook,
        by_symbol: Mapping[str, Instrument],
        leverages: Mapping[str, int],
        weight_of: Callable[[str], Decimal | None],
        *,
        name_trades: Callable[[list[wire.Trade]], Awaitable[None]],
        frames: Callable[[], int],
        gone: Gone,
        suspended: Callable[[], tuple[str, ...]],
        venue_now: Callable[[], int],
        wall: Callable[[], int],
    ) -> None:
        """`weight_of`: what a coin counts for as collateral; `name_trades` finds out whose they are; `frames`
        counts private frames; times in ns."""
        self._venue = venue
        self._api = api
        self._orders = orders
        self._by_symbol = by_symbol
        self._leverages = leverages
        self._weight_of = weight_of
        self._name_trades = name_trades
        self._frames = frames
        self._gone = gone
        self._suspended = suspended
        self._venue_now = venue_now
        self._wall = wall
        self._rates: dict[tuple[str, int], tuple[Decimal, Decimal]] = {}
        """Symbol and settlement instant -> rate and mark, as the venue published them."""

    async def read(self, request: str, fills_since: int) -> AccountReport:
        for _ in range(TRIES):
            before, at = self._frames(), self._venue_now()
            report = await self._once(request, fills_since, at)
            if self._frames() == before:
                return report
        raise WireError(ErrorKind.UNAVAILABLE, "the account changed during each of three reads")

    async def _once(self, request: str, fills_since: int, at: int) -> AccountReport:
        since, until = fills_since // MS, at // MS
        (account, positions, working, conditionals, incomes), rows = await asyncio.gather(
            asyncio.gather(
                self._api.account(),
                self._api.positions(),
                self._api.open_orders(),
                self._api.open_conditionals(),
                self._api.incomes(since, until),
            ),
            trades_of_all(self._api, self._by_symbol, since, until, self._gone),
        )
        await self._name_trades(rows)
        await self._learn_rates(incomes)
        ts = self._wall()
        return AccountReport(
            venue=self._venue,
            request=request,
            balances=tuple(self._balance(row) for row in account.assets if row.walletBalance),
            positions=tuple(found for row in positions if (found := self._position(row)) is not None),
            orders=(
                *(self._working(row) for row in working),
                *(self._conditional(row) for row in conditionals if row.algoStatus == "NEW"),
            ),
            fills=tuple(self._orders.ours(row) for row in rows),
            payments=tuple(
                self._payment(row, ts)
                for row in incomes
                if row.incomeType in FUNDING and row.symbol in self._by_symbol
            ),
            transfers=tuple(
                self._transfer(row, ts)
                for row in incomes
                if row.incomeType not in FROM_FILLS
                and not (row.incomeType in FUNDING and row.symbol in self._by_symbol)
            ),
            suspended=self._suspended(),
            ts_event=at,
            ts=ts,
        )

    async def _learn_rates(self, incomes: list[wire.Income]) -> None:
        first: dict[str, int] = {}
        for row in incomes:
            if row.incomeType == FUNDING[0] and row.symbol in self._by_symbol:
                hour = parse.on_the_hour(row.time, "funding")
                if (row.symbol, hour) not in self._rates:
                    first[row.symbol] = min(first.get(row.symbol, row.time), row.time)
        for symbol, since in first.items():
            for rate in await self._api.funding_rates(symbol, since - 60_000):
                hour = parse.on_the_hour(rate.fundingTime, "fundingTime")
                if rate.markPrice:
                    mark = wire_positive(rate.markPrice, f"{symbol} mark")
                    self._rates[symbol, hour] = (wire_decimal(rate.fundingRate, f"{symbol} rate"), mark)

    # --- rows --------------------------------------------------------------------------------------------

    def _balance(self, row: wire.Asset) -> BalanceRow:
        weight = self._weight_of(row.asset)
        return BalanceRow(row.asset, wire_decimal(row.walletBalance, f"{row.asset} balance"), weight, weight)

    def _position(self, row: wire.Position) -> PositionRow | None:
        """None when flat. A side of its own means the account is in hedge mode: its sizes mean another
        thing."""
        size = wire_decimal(row.positionAmt, f"{row.symbol} positionAmt")
        if size == 0:
            return None
        if row.positionSide != "BOTH":
            raise ParseError(f"{row.symbol}: a {row.positionSide} position: the account is in hedge mode")
        leverage = self._leverages.get(row.symbol)
        return PositionRow(
            f"{row.symbol}.{self._venue}",
            size,
            wire_positive(row.entryPrice, f"{row.symbol} entryPrice"),
            None if leverage is None else Decimal(leverage),
            row.adl if row.adl is None or 0 <= row.adl <= 4 else None,
        )

    def _working(self, row: wire.Order) -> WorkingRow:
        price = wire_count(row.price, f"{row.symbol} price")
        return WorkingRow(
            client_order_id=row.clientOrderId,
            venue_order_id=str(row.orderId),
            instrument=f"{row.symbol}.{self._venue}",
            side=parse.side_of(row.side),
            quantity=wire_positive(row.origQty, f"{row.symbol} origQty"),
            filled=wire_count(row.executedQty, f"{row.symbol} executedQty"),
            price=price or None,
            reduce_only=row.reduceOnly,
        )

    def _conditional(self, row: wire.AlgoOrder) -> WorkingRow:
        """One that closes all names no quantity: it is told with the whole position's."""
        self._orders.conditionals.setdefault(row.clientAlgoId, (row.symbol, row.algoId))
        price = wire_count(row.price, f"{row.symbol} price") if row.price else ZERO
        return WorkingRow(
            client_order_id=row.clientAlgoId,
            venue_order_id=f"{ALGO}{row.algoId}",
            instrument=f"{row.symbol}.{self._venue}",
            side=parse.side_of(row.side),
            quantity=wire_count(row.quantity or "0", f"{row.symbol} quantity"),
            filled=ZERO,
            price=price or None,
            reduce_only=row.reduceOnly,
            trigger=wire_positive(row.triggerPrice, f"{row.symbol} triggerPrice"),
        )

    def _payment(self, row: wire.Income, ts: int) -> FundingSettled:
        """Received > 0, as on the wire. Rate and mark are the published ones, and the size follows from
        them; all three are zero where the venue published none."""
        spec = self._by_symbol[row.symbol]
        amount = wire_decimal(row.income, f"{row.symbol} income")
        at = parse.time_ns(row.time, "income time")
        rate = mark = size = ZERO
        if row.incomeType == FUNDING[0]:
            at = parse.on_the_hour(row.time, "funding")
            rate, mark = self._rates.get((row.symbol, at), (ZERO, ZERO))
        if rate and mark:
            lots = (-amount / (rate * mark) / spec.size_increment).to_integral_value()
            size = lots * spec.size_increment
        return FundingSettled(
            venue=self._venue,
            payment_id=_key(row),
            instrument=spec.id,
            size=size,
            price=mark,
            rate=rate,
            amount=amount,
            coin=row.asset,
            ts_event=at,
            ts=ts,
        )

    def _transfer(self, row: wire.Income, ts: int) -> TransferBooked:
        amount = wire_decimal(row.income, f"{row.incomeType} income")
        at = parse.time_ns(row.time, "income time")
        return TransferBooked(self._venue, _key(row), row.asset, amount, at, ts, _flow(row.incomeType))


def _flow(kind: str) -> Flow:
    """What an income is that neither a fill nor a settlement brought."""
    if kind in FROM_OUTSIDE:
        return Flow.TRANSFER
    if kind in CONVERSIONS:
        return Flow.CONVERSION
    return Flow.INTEREST if "INTEREST" in kind else Flow.OTHER


def _key(row: wire.Income) -> str:
    """`tranId` alone is unique within one type of income only."""
    return f"{row.incomeType}:{row.tranId}:{row.symbol}:{row.asset}"
