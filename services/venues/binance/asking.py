"""Questions of a Binance account: what has become of an order, whose a trade is, the account as a whole.

What fails is told as failed, and never as a no.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, TypeVar

from services.domain.enums import OrderState
from services.domain.events import AccountReport, Event, OrderFilled, OrderReport
from services.domain.instrument import Instrument
from services.domain.venue_events import RequestFailed
from services.venues.binance import errors, parse
from services.venues.binance import schemas as wire
from services.venues.binance.orders import OrderBook
from services.venues.binance.parse import MS
from services.venues.wire.errors import WireError
from services.venues.wire.numbers import wire_count
from services.venues.wire.rest import Begun, Request, Rest

T = TypeVar("T")
Gone = Callable[[frozenset[str]], Awaitable[frozenset[str]]]
"""Symbols that an answer did not know -> those of them that have gone by the list, too. Raises WireError."""
Read = Callable[[str, int], Awaitable[AccountReport]]
"""Request and the instant of the oldest fill wanted -> the whole account, of one moment."""


class OrderApi(Protocol):
    """What is asked of an account in the same words on futures and on spot. All raise WireError."""

    @property
    def rest(self) -> Rest: ...

    def cancel_request(self, symbol: str, client_order_id: str, order_id: str) -> Request: ...

    async def cancel(self, request: Request, begun: Begun | None = None) -> wire.Order: ...

    async def order(self, symbol: str, order_id: int) -> wire.Order: ...

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> wire.Order: ...

    async def trades_of(self, symbol: str, order_id: int) -> list[wire.Trade]: ...

    async def trades(self, symbol: str, since_ms: int, now_ms: int) -> list[wire.Trade]: ...


async def of_each(ask: Callable[[str], Awaitable[T]], symbols: Sequence[str], gone: Gone) -> list[T]:
    """What is answered of each symbol. One that the venue does not know any more has nothing to tell, and
    takes no other along; while its list still names it the whole fails. Raises WireError."""
    answers = await asyncio.gather(*map(ask, symbols), return_exceptions=True)
    by_symbol = dict(zip(symbols, answers, strict=True))
    unknown = frozenset(
        name
        for name, answer in by_symbol.items()
        if isinstance(answer, WireError) and answer.code in errors.NO_MARKET
    )
    over = await gone(unknown) if unknown else unknown
    found: list[T] = []
    for name, answer in by_symbol.items():
        if name in over:
            continue
        if isinstance(answer, BaseException):
            raise answer
        found.append(answer)
    return found


async def trades_of_all(
    api: OrderApi, by_symbol: Mapping[str, Instrument], since_ms: int, until_ms: int, gone: Gone
) -> list[wire.Trade]:
    """Of every symbol; see `of_each`."""
    rows = await of_each(lambda name: api.trades(name, since_ms, until_ms), tuple(by_symbol), gone)
    return [row for each in rows for row in each]


class Asking:
    def __init__(
        self,
        venue: str,
        api: OrderApi,
        by_symbol: Mapping[str, Instrument],
        *,
        tell: Callable[[Event], None],
        trouble: Callable[[str], None],
        venue_now: Callable[[], int],
        wall: Callable[[], int],
    ) -> None:
        """`venue_now` is the venue's clock, ns."""
        self._venue = venue
        self._ask = api
        self._tell = tell
        self._trouble = trouble
        self._venue_now = venue_now
        self._wall = wall
        self.orders = OrderBook(venue, by_symbol, wall, tell, trouble)

    def _symbol(self, instrument: str) -> str:
        return instrument.removesuffix(f".{self._venue}")

    async def query(self, instrument: str, client_order_id: str) -> None:
        try:
            self._tell(await self._report(self._symbol(instrument), client_order_id))
        except (WireError, parse.ParseError, parse.BadNumber) as error:
            self._failed("query", client_order_id, error)

    async def _report(self, symbol: str, name: str) -> OrderReport:
        asked = self._venue_now()
        order = await self._found(symbol, name)
        if order is not None:
            return await self._reported(order, name, asked)
        elsewhere = await self._elsewhere(symbol, name, asked)
        if elsewhere is not None:
            return elsewhere
        traded = await self._traded(symbol, name)
        if traded:
            raise parse.ParseError(f"{name}: the venue knows its trades and not the order")
        return self._answer(name, asked, found=False)

    async def _elsewhere(self, symbol: str, name: str, asked: int) -> OrderReport | None:
        """An order that another service of the venue keeps."""
        return None

    async def _reported(self, order: wire.Order, name: str, asked: int) -> OrderReport:
        state, filled = parse.state_of(order), wire_count(order.executedQty, "executedQty")
        self.orders.whose((order.symbol, order.orderId), name)
        trades = await self._ask.trades_of(order.symbol, order.orderId) if filled > 0 else []
        fills = tuple(self.orders.ours(row) for row in trades)
        return self._answer(
            name,
            asked,
            found=True,
            state=state,
            venue_order_id=str(order.orderId),
            filled=filled,
            fills=fills,
        )

    def _answer(
        self,
        name: str,
        asked: int,
        *,
        found: bool,
        state: OrderState | None = None,
        venue_order_id: str = "",
        filled: Decimal = parse.ZERO,
        fills: tuple[OrderFilled, ...] = (),
    ) -> OrderReport:
        return OrderReport(
            venue=self._venue,
            client_order_id=name,
            found=found,
            state=state,
            venue_order_id=venue_order_id,
            filled=filled,
            fills=fills,
            ts_event=asked,
            ts=self._wall(),
        )

    async def _found(self, symbol: str, name: str) -> wire.Order | None:
        try:
            return await self._ask.order_by_client_id(symbol, name)
        except WireError as error:
            if error.code != errors.NOT_FOUND:
                raise
            return None

    async def _traded(self, symbol: str, name: str) -> bool:
        """ "No such order" is believed only where no trade since the send is its (binance.md 5.3)."""
        sent = self.orders.sent.get(name)
        if sent is None:
            return False
        for row in await self._ask.trades(symbol, sent - 1_000, self._venue_now() // MS):
            key = (row.symbol, row.orderId)
            if self.orders.name_of(key) is None:
                self.orders.whose(key, await self.owner_of(*key))
            if self.orders.name_of(key) == name:
                return True
        return False

    async def owner_of(self, symbol: str, order_id: int) -> str:
        """The client id of a venue order; "" = of nobody here. Raises WireError: the venue does not say."""
        try:
            return (await self._ask.order(symbol, order_id)).clientOrderId
        except WireError as error:
            if error.code != errors.NOT_FOUND:
                raise
            # The venue knows the trade and not the order: older than it keeps orders, or its own.
            return ""

    async def name_trades(self, rows: list[wire.Trade]) -> None:
        """Trades name the venue's order only: after a restart it may be ours all the same."""
        unknown = dict.fromkeys(
            (row.symbol, row.orderId)
            for row in rows
            if self.orders.name_of((row.symbol, row.orderId)) is None
        )
        for key in unknown:
            self.orders.whose(key, await self.owner_of(*key))

    async def read(self, read: Read, request: str, fills_since: int) -> None:
        try:
            report = await read(request, fills_since)
        except (WireError, parse.ParseError, parse.BadNumber) as error:
            self._failed("read", request, error)
            return
        self._tell(report)

    def _failed(self, what: str, subject: str, error: Exception) -> None:
        now, refused = self._wall(), isinstance(error, WireError) and error.refuses
        reason = _reason(error)
        self._tell(
            RequestFailed(
                venue=self._venue, what=what, subject=subject, reason=reason, ts=now, refused=refused
            )
        )


def _reason(error: Exception) -> str:
    if isinstance(error, WireError):
        return f"{error.status or error.kind.value}: {error.text}"
    return str(error)
