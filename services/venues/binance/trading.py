"""Orders, cancels, questions and reads of a Binance account, and whose its private frames are.

Every outcome is told as an event, whatever happens: accepted, refused, or unknown, which is never followed by
a second send. While something is wrong with the account's configuration no order that adds risk leaves.
What only futures or only spot has is in the deriving class.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any, Protocol

from services.domain.events import (
    CancelRejected,
    Event,
    OrderCanceled,
    OrderRejected,
    OrderUnknown,
)
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.runtime.clock import boot_ns
from services.venues.binance import errors, frames, parse
from services.venues.binance.asking import Asking, Gone, OrderApi
from services.venues.binance.parse import MS
from services.venues.shut import Shut
from services.venues.wire.ahead import Ahead
from services.venues.wire.budget import Lane
from services.venues.wire.errors import WireError
from services.venues.wire.latency import Latencies
from services.venues.wire.numbers import wire_count
from services.venues.wire.rest import Begun, Request
from services.venues.wire.unsent import WITHDRAWN
from services.venues.work import raised

ORPHAN_WAIT_S = 0.5
"""Frames whose order nobody has named wait so long for the algo service before the venue is asked."""


class Filtering(Protocol):
    """A symbol's filters."""

    def refusal(self, order: OrderRequest, mark: Decimal | None) -> str: ...

    def within(self, order: OrderRequest, mark: Decimal | None) -> OrderRequest:
        """As it is sent: a limit beyond the venue's band, where waiting is worse, at its edge."""


class Trading(Asking, ABC):
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
        self._changed = ""
        """What the stream has told of the account's configuration: it holds until the next start."""
        self._wrong = ""
        """What is wrong by the last answer to the question for the account's terms."""
        self._shut = Shut(trouble)
        super().__init__(venue, api, by_symbol, tell=tell, trouble=trouble, venue_now=venue_now, wall=wall)
        self.gone: Gone = _none
        """Asked which markets are over."""
        self.on_refusal: Callable[[], None] = lambda: None
        """Hears that something about the account or a market has changed: ask."""
        self.unsent = api.rest.unsent
        self._ahead = Ahead(api.rest.said)
        self._by_symbol = by_symbol
        self._filters = filters
        self._mark = mark
        self._spawn = spawn
        self._clock_known = clock_known

    # --- sending -----------------------------------------------------------------------------------------

    def prepare(self, order: OrderRequest) -> None:
        """See `Prepares`."""
        order = self._within(order)
        self._ahead.make(order, lambda: self._request(order, self._symbol(order.instrument), _lane(order)))

    def submit(self, order: OrderRequest) -> Coroutine[Any, Any, None]:
        """Writes it in this call, where no wait stands in its way. What is given back waits for the answer,
        and has to be run. Never raises: a fault of ours comes out of that too."""
        started, name, symbol = boot_ns(), order.client_order_id, self._symbol(order.instrument)
        if name in self.orders.sent:
            return self._again(name)
        try:
            self.unsent.hand(name, entry=_adds(order))
            order = self._within(order)
            denied = self._denied(order, symbol)
            if denied:
                return self._no(name, denied)
            made = self._ahead.take(order)
            try:
                request = self._request(order, symbol, _lane(order)) if made is None else made.request
            except parse.ParseError as error:
                return self._no(name, str(error))
            self.orders.sending(order, self._venue_now() // MS)
            begun = self._ask.rest.begin(request, b"" if made is None else made.said)
            return self._placed(name, request, begun, started)
        except Exception as error:
            self.unsent.over(name)
            return raised(error)

    async def _again(self, name: str) -> None:
        """The venue takes an id again once its first order has ended: here it is never a second one."""
        self._tell(OrderUnknown(self._venue, name, "this client id was sent before", self._wall()))

    async def _placed(self, name: str, request: Request, begun: Begun | None, started: int) -> None:
        try:
            await self._reply(name, request, begun)
        except (WireError, parse.ParseError, parse.BadNumber) as error:
            self._not_placed(name, error)
        finally:
            self.unsent.over(name)
        self.latencies.add(boot_ns() - started)

    async def _no(self, name: str, why: str) -> None:
        """Nothing of it left this machine."""
        told = self.unsent.told(name)
        self.unsent.over(name)
        if not told:
            now = self._wall()
            self._tell(OrderRejected(self._venue, name, f"denied: {why}", now, now))

    async def _withdrawn(self, name: str) -> None:
        """By our cancel, and no refusal of the venue: those are counted."""
        now = self._wall()
        self._tell(OrderCanceled(self._venue, name, WITHDRAWN, Decimal(0), now, now))

    @abstractmethod
    def _request(self, order: OrderRequest, symbol: str, lane: Lane) -> Request:
        """Raises ParseError: the venue has no words for it."""

    @abstractmethod
    async def _reply(self, name: str, request: Request, begun: Begun | None) -> None:
        """Note what comes of `_request`. Raises WireError, ParseError, BadNumber."""

    def _within(self, order: OrderRequest) -> OrderRequest:
        symbol = self._symbol(order.instrument)
        filters = self._filters.get(symbol)
        return order if filters is None else filters.within(order, self._mark(symbol))

    def _denied(self, order: OrderRequest, symbol: str) -> str:
        filters = self._filters.get(symbol)
        if filters is None:
            return f"{symbol} is not traded here"
        if _adds(order) and self.refuses:
            return self.refuses
        if _adds(order) and not self._clock_known():
            return "the venue's clock is not known well enough to trade by"
        return filters.refusal(order, self._mark(symbol))

    def _not_placed(self, name: str, error: Exception) -> None:
        if isinstance(error, WireError):
            self._heed(error)
        if self.unsent.told(name):
            return
        now = self._wall()
        if isinstance(error, WireError) and not error.kind.executed:
            crossed, unsent = errors.would_take(error), error.kind.unheard
            text = f"{error.kind.value}: {error.text}"
            self._tell(OrderRejected(self._venue, name, text, now, now, crossed, unsent))
            return
        # Also a reply that we cannot read: something was placed, and the probes will say what.
        self._tell(OrderUnknown(self._venue, name, str(error), now))

    def _heed(self, error: WireError) -> None:
        """What is refused to one order may say something of all that would follow it."""
        if errors.shuts_account(error):
            self._shut.close(error.text)
            self.on_refusal()
        elif errors.shuts_market(error):
            self.on_refusal()

    def cancel(self, instrument: str, client_order_id: str, venue_order_id: str) -> Coroutine[Any, Any, None]:
        """As `submit`: a cancel never leaves behind an order that was handed over after it. An order that has
        not left is withdrawn in this call."""
        try:
            if self.unsent.withdraw(client_order_id):
                return self._withdrawn(client_order_id)
            request = self._cancel_request(self._symbol(instrument), client_order_id, venue_order_id)
            begun = self._ask.rest.begin(request)
        except Exception as error:
            return raised(error)
        return self._canceled(instrument, client_order_id, venue_order_id, request, begun)

    async def _canceled(
        self,
        instrument: str,
        client_order_id: str,
        venue_order_id: str,
        request: Request,
        begun: Begun | None,
    ) -> None:
        try:
            try:
                await self._cancel(client_order_id, request, begun)
            except WireError as error:
                # Our order may have arrived behind its cancel.
                if error.code not in errors.GONE or not await self.unsent.ended(client_order_id):
                    raise
                # Made anew: by now it may be known which of the venue's services has the order.
                symbol = self._symbol(instrument)
                again = self._cancel_request(symbol, client_order_id, venue_order_id)
                await self._cancel(client_order_id, again, None)
        except (parse.ParseError, parse.BadNumber) as error:
            self._failed("cancel", client_order_id, error)
        except WireError as error:
            if error.code in errors.GONE:
                now = self._wall()
                self._tell(CancelRejected(self._venue, client_order_id, error.text, now, now))
                if client_order_id:
                    await self.query(instrument, client_order_id)
                return
            self._failed("cancel", client_order_id, error)

    def _cancel_request(self, symbol: str, client_order_id: str, venue_order_id: str) -> Request:
        return self._ask.cancel_request(symbol, client_order_id, venue_order_id)

    async def _cancel(self, client_order_id: str, request: Request, begun: Begun | None) -> None:
        row = await self._ask.cancel(request, begun)
        filled = wire_count(row.executedQty, "executedQty")
        if row.status == "CANCELED" and filled == 0:
            # With fills the stream tells the end, behind them.
            self.orders.canceled(client_order_id, filled, self._wall())

    @abstractmethod
    async def arm(self, timeout_ms: int) -> None:
        """The dead-man's switch; answered with a DeadManReport or a RequestFailed."""

    # --- private frames ----------------------------------------------------------------------------------

    def order_word(self, order: frames.OrderFields) -> None:
        self.frames += 1
        if not self.orders.frame(order):
            self._spawn(self._ask_whose((order.s, order.i)))

    @property
    def refuses(self) -> str:
        """Why nothing that adds risk is sent; "" = nothing is wrong."""
        return self._changed or self._wrong or self._shut.why

    def refuse(self, why: str) -> None:
        """From now on nothing leaves that adds risk; a new start looks again."""
        self._changed = self._changed or why
        self._trouble(why)
        self.on_refusal()

    def judge(self, why: str) -> None:
        """Nothing that adds risk leaves while there is a reason; the next answer without one ends it."""
        if why != self._wrong:
            self._trouble(f"no new risk: {why}" if why else "the account is as it must be again")
        self._wrong = why

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


async def _none(symbols: frozenset[str]) -> frozenset[str]:
    return frozenset()


def _lane(order: OrderRequest) -> Lane:
    return Lane.ENTRY if _adds(order) and not order.urgent else Lane.SAFE


def _adds(order: OrderRequest) -> bool:
    """It may add risk."""
    return not order.closing and order.trigger is None
