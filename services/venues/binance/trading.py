"""Orders, cancels, questions and reads of a Binance account, and whose its private frames are.

Every outcome is told as an event, whatever happens: accepted, refused, or unknown, which is never followed by
a second send. While something is wrong with the account's configuration no order that adds risk leaves.
What only futures or only spot has is in the deriving class.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any, Protocol

from services.domain.enums import OrderState
from services.domain.events import (
    AccountReport,
    CancelRejected,
    Event,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
)
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.domain.venue_events import RequestFailed
from services.runtime.clock import boot_ns
from services.venues.binance import errors, frames, parse
from services.venues.binance import schemas as wire
from services.venues.binance.orders import OrderBook
from services.venues.binance.parse import MS
from services.venues.wire.budget import Lane
from services.venues.wire.errors import WireError
from services.venues.wire.latency import Latencies
from services.venues.wire.numbers import wire_count

ORPHAN_WAIT_S = 0.5
"""Frames whose order nobody has named wait so long for the algo service before the venue is asked."""

Read = Callable[[str, int], Awaitable[AccountReport]]
"""Request and the instant of the oldest fill wanted -> the whole account, of one moment."""


class OrderApi(Protocol):
    """What is asked of an account in the same words on futures and on spot. All raise WireError."""

    async def cancel(self, symbol: str, client_order_id: str, order_id: str) -> wire.Order: ...

    async def order(self, symbol: str, order_id: int) -> wire.Order: ...

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> wire.Order: ...

    async def trades_of(self, symbol: str, order_id: int) -> list[wire.Trade]: ...

    async def trades(self, symbol: str, since_ms: int, now_ms: int) -> list[wire.Trade]: ...


class Filtering(Protocol):
    """A symbol's filters."""

    def refusal(self, order: OrderRequest, mark: Decimal | None) -> str: ...


class Trading(ABC):
    def __init__(
        self,
        venue: str,
        api: OrderApi,
        by_symbol: Mapping[str, Instrument],
        filters: Mapping[str, Filtering],
        mark: Callable[[str], Decimal | None],
        *,
        tell: Callable[[Event], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        trouble: Callable[[str], None],
        clock_known: Callable[[], bool],
        venue_now: Callable[[], int],
        wall: Callable[[], int],
    ) -> None:
        """`mark`: the price that a limit is held against; `spawn` runs what answers later; `venue_now` is the
        venue's clock, ns."""
        self.latencies = Latencies()
        self.frames = 0
        """Grows with every private frame: a read during which it grew is not of one moment."""
        self.refuses = ""
        """Why nothing that adds risk is sent; "" = nothing is wrong."""
        self._venue = venue
        self._ask = api
        self._by_symbol = by_symbol
        self._filters = filters
        self._mark = mark
        self._tell = tell
        self._spawn = spawn
        self._trouble = trouble
        self._clock_known = clock_known
        self._venue_now = venue_now
        self._wall = wall
        self.orders = OrderBook(venue, by_symbol, wall, tell, trouble)

    def _symbol(self, instrument: str) -> str:
        return instrument.removesuffix(f".{self._venue}")

    # --- sending -----------------------------------------------------------------------------------------

    async def submit(self, order: OrderRequest) -> None:
        name, symbol = order.client_order_id, self._symbol(order.instrument)
        if name in self.orders.sent:
            # The venue takes an id again once its first order has ended: here it is never a second one.
            self._tell(OrderUnknown(self._venue, name, "this client id was sent before", self._wall()))
            return
        denied = self._denied(order, symbol)
        if denied:
            now = self._wall()
            self._tell(OrderRejected(self._venue, name, f"denied: {denied}", now, now))
            return
        lane = Lane.SAFE if order.closing or order.trigger is not None else Lane.ENTRY
        self.orders.sending(order, self._venue_now() // MS)
        started = boot_ns()
        try:
            await self._send(order, symbol, lane)
        except (WireError, parse.ParseError, parse.BadNumber) as error:
            self._not_placed(name, error)
        self.latencies.add(boot_ns() - started)

    @abstractmethod
    async def _send(self, order: OrderRequest, symbol: str, lane: Lane) -> None:
        """Once, and note the reply. Raises WireError, ParseError, BadNumber."""

    def _denied(self, order: OrderRequest, symbol: str) -> str:
        filters = self._filters.get(symbol)
        if filters is None:
            return f"{symbol} is not traded here"
        reduces = order.closing or order.trigger is not None
        if not reduces and self.refuses:
            return self.refuses
        if not reduces and not self._clock_known():
            return "the venue's clock is not known well enough to trade by"
        return filters.refusal(order, self._mark(symbol))

    def _not_placed(self, name: str, error: Exception) -> None:
        now = self._wall()
        if isinstance(error, WireError) and not error.kind.executed:
            crossed = errors.would_take(error)
            text = f"{error.kind.value}: {error.text}"
            self._tell(OrderRejected(self._venue, name, text, now, now, would_cross=crossed))
            return
        # Also a reply that we cannot read: something was placed, and the probes will say what.
        self._tell(OrderUnknown(self._venue, name, str(error), now))

    async def cancel(self, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        symbol = self._symbol(instrument)
        try:
            await self._cancel(symbol, client_order_id, venue_order_id)
        except (parse.ParseError, parse.BadNumber) as error:
            self._failed("cancel", client_order_id, error)
        except WireError as error:
            if error.code in (errors.CANCEL_REJECTED, errors.NOT_FOUND):
                now = self._wall()
                self._tell(CancelRejected(self._venue, client_order_id, error.text, now, now))
                if client_order_id:
                    await self.query(instrument, client_order_id)
                return
            self._failed("cancel", client_order_id, error)

    async def _cancel(self, symbol: str, client_order_id: str, venue_order_id: str) -> None:
        row = await self._ask.cancel(symbol, client_order_id, venue_order_id)
        filled = wire_count(row.executedQty, "executedQty")
        if row.status == "CANCELED" and filled == 0:
            # With fills the stream tells the end, behind them.
            self.orders.canceled(client_order_id, filled, self._wall())

    # --- asking ------------------------------------------------------------------------------------------

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

    @abstractmethod
    async def arm(self, timeout_ms: int) -> None:
        """The dead-man's switch; answered with a DeadManReport or a RequestFailed."""

    def _failed(self, what: str, subject: str, error: Exception) -> None:
        self._tell(
            RequestFailed(
                venue=self._venue, what=what, subject=subject, reason=_reason(error), ts=self._wall()
            )
        )

    # --- private frames ----------------------------------------------------------------------------------

    def order_word(self, order: frames.OrderFields) -> None:
        self.frames += 1
        if not self.orders.frame(order):
            self._spawn(self._ask_whose((order.s, order.i)))

    def refuse(self, why: str) -> None:
        """From now on nothing leaves that adds risk; a new start looks again."""
        self.refuses = self.refuses or why
        self._trouble(why)

    async def _ask_whose(self, key: tuple[str, int]) -> None:
        """A frame that may be of a conditional order of ours: its own word may be under way."""
        await asyncio.sleep(ORPHAN_WAIT_S)
        if key not in self.orders.waiting():
            return
        try:
            self.orders.whose(key, await self.owner_of(*key))
        except (WireError, parse.ParseError, parse.BadNumber) as error:
            # It goes on waiting here; the next read of the account tells it too.
            self._failed("query", str(key[1]), error)


def _reason(error: Exception) -> str:
    if isinstance(error, WireError):
        return f"{error.status or error.kind.value}: {error.text}"
    return str(error)
