"""Orders, cancels, questions and reads of an FTX-dialect venue, and what its private frames mean.

Every outcome is told as an event, whatever happens: accepted, refused, or unknown, which is never followed by
a second send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any

from services.domain.enums import OrderState
from services.domain.events import (
    CancelRejected,
    Event,
    OrderCanceled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
)
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.domain.venue_events import DeadManReport, MarginCalled, RequestFailed
from services.runtime.clock import boot_ns
from services.venues.ftx import errors, parse
from services.venues.ftx import schemas as wire
from services.venues.ftx.account import owner_of, read_account
from services.venues.ftx.orders import OrderBook, conditional_body, order_body
from services.venues.ftx.rest import FtxRest, cancel_request, conditional_request, order_request
from services.venues.wire.ahead import Ahead
from services.venues.wire.budget import Lane
from services.venues.wire.errors import WireError
from services.venues.wire.latency import Latencies
from services.venues.wire.numbers import wire_count
from services.venues.wire.rest import Begun, Request
from services.venues.wire.unsent import WITHDRAWN
from services.venues.work import raised

ORPHAN_WAIT_S = 0.5
"""A fill whose order nobody has named waits so long for our own reply before the venue is asked."""


class Trading:
    def __init__(
        self,
        venue: str,
        api: FtxRest,
        by_market: Mapping[str, Instrument],
        coins: dict[str, wire.Coin],
        *,
        tell: Callable[[Event], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        venue_now: Callable[[], int],
        wall: Callable[[], int],
    ) -> None:
        """`spawn` runs what answers later; `venue_now` is the venue's clock, ns."""
        self.latencies = Latencies()
        self.frames = 0
        """Grows with every private frame: a read during which it grew is not of one moment."""
        self._venue = venue
        self._api = api
        self._by_market = by_market
        self._coins = coins
        self._tell = tell
        self._spawn = spawn
        self._venue_now = venue_now
        self._wall = wall
        self._orders = OrderBook(venue, by_market, wall, tell)
        self.unsent = api.rest.unsent
        self._ahead = Ahead(api.rest.said)

    def prepare(self, order: OrderRequest) -> None:
        """See `Prepares`."""
        self._ahead.make(order, lambda: self._request(order))

    def _request(self, order: OrderRequest) -> Request:
        market = order.instrument.removesuffix(f".{self._venue}")
        lane = Lane.SAFE if order.urgent else Lane.ENTRY
        if order.trigger is not None:
            return conditional_request(conditional_body(order, market), lane)
        return order_request(order_body(order, market), lane)

    def submit(self, order: OrderRequest) -> Coroutine[Any, Any, None]:
        """Writes the order in this call, where no wait stands in its way. What is given back waits
        for the answer, and has to be run. Never raises: a fault of ours comes out of that too.
        """
        started, name = boot_ns(), order.client_order_id
        try:
            self.unsent.hand(name, entry=not order.closing)
            made = self._ahead.take(order)
            request, said = (self._request(order), b"") if made is None else (made.request, made.said)
            send = self._placed if order.trigger is None else self._conditional
            return send(name, request, self._api.rest.begin(request, said), started)
        except Exception as error:
            self.unsent.over(name)
            return raised(error)

    async def _placed(self, name: str, request: Request, begun: Begun | None, started: int) -> None:
        try:
            self._orders.placed(await self._api.place(request, begun), name)
        except (WireError, parse.ParseError, parse.BadNumber) as error:
            self._not_placed(name, error)
        finally:
            self.unsent.over(name)
        self.latencies.add(boot_ns() - started)

    async def _conditional(self, name: str, request: Request, begun: Begun | None, started: int) -> None:
        try:
            self._orders.placed_conditional(await self._api.place_conditional(request, begun), name)
        except (WireError, parse.ParseError, parse.BadNumber) as error:
            self._not_placed(name, error)
        finally:
            self.unsent.over(name)
        self.latencies.add(boot_ns() - started)

    def _not_placed(self, name: str, error: Exception) -> None:
        if self.unsent.told(name):
            return
        now = self._wall()
        if isinstance(error, WireError) and not error.kind.executed:
            why, unsent = f"{error.kind.value}: {error.text}", error.kind.unheard
            self._tell(OrderRejected(self._venue, name, why, now, now, unsent=unsent))
            return
        # Also a reply that we cannot read: something was placed, and the probes will say what.
        self._tell(OrderUnknown(self._venue, name, str(error), now))

    def cancel(self, client_order_id: str, venue_order_id: str) -> Coroutine[Any, Any, None]:
        """As `submit`: a cancel never leaves behind an order that was handed over after it. An order that has
        not left is withdrawn in this call."""
        try:
            if self.unsent.withdraw(client_order_id):
                return self._withdrawn(client_order_id)
            request = cancel_request(client_order_id, venue_order_id)
            return self._canceled(client_order_id, venue_order_id, request, self._api.rest.begin(request))
        except Exception as error:
            return raised(error)

    async def _withdrawn(self, name: str) -> None:
        """By our cancel, and no refusal of the venue: those are counted."""
        now = self._wall()
        self._tell(OrderCanceled(self._venue, name, WITHDRAWN, Decimal(0), now, now))

    async def _canceled(
        self, client_order_id: str, venue_order_id: str, request: Request, begun: Begun | None
    ) -> None:
        try:
            try:
                await self._api.cancel(request, begun)
            except WireError as error:
                # Our order may have arrived behind its cancel.
                if error.code != errors.NOT_FOUND or not await self.unsent.ended(client_order_id):
                    raise
                await self._api.cancel(request)
            if venue_order_id.startswith("c"):
                # Of a conditional order this is the last word: the streams do not speak of them.
                now = self._wall()
                self._tell(OrderCanceled(self._venue, client_order_id, "canceled", Decimal(0), now, now))
        except WireError as error:
            now = self._wall()
            if error.code == errors.ALREADY_QUEUED:
                return
            if error.code in (errors.ALREADY_CLOSED, errors.NOT_FOUND):
                self._tell(CancelRejected(self._venue, client_order_id, error.text, now, now))
                if client_order_id:
                    await self.query(client_order_id)
                return
            self._tell(
                RequestFailed(
                    venue=self._venue, what="cancel", subject=client_order_id, reason=_reason(error), ts=now
                )
            )

    async def query(self, client_order_id: str) -> None:
        asked = self._venue_now()
        try:
            order = await self._api.order_by_client_id(client_order_id)
            if order.clientId != client_order_id:
                raise parse.ParseError(f"asked for {client_order_id}, told of {order.clientId or 'no id'}")
            filled = wire_count(order.filledSize, "filledSize")
            fills = await self._api.fills(0, order.id) if filled > 0 else []
            self._orders.whose(order.id, client_order_id)
            self._tell(
                OrderReport(
                    venue=self._venue,
                    client_order_id=client_order_id,
                    found=True,
                    state=parse.state_of(order),
                    venue_order_id=str(order.id),
                    filled=filled,
                    fills=tuple(self._orders.ours(fill, client_order_id) for fill in fills),
                    ts_event=asked,
                    ts=self._wall(),
                )
            )
        except WireError as error:
            if error.code == errors.NOT_FOUND:
                await self._query_conditional(client_order_id, asked)
            else:
                self._failed("query", client_order_id, error)
        except (parse.ParseError, parse.BadNumber) as error:
            self._failed("query", client_order_id, error)

    async def _query_conditional(self, client_order_id: str, asked: int) -> None:
        """No ordinary order has this id; one that waits for its trigger may (our server tells its id)."""
        try:
            waiting = await self._api.open_conditionals()
        except WireError as error:
            self._failed("query", client_order_id, error)
            return
        found = next((row for row in waiting if row.clientId == client_order_id), None)
        self._tell(
            OrderReport(
                venue=self._venue,
                client_order_id=client_order_id,
                found=found is not None,
                state=OrderState.ACCEPTED if found is not None else None,
                venue_order_id=f"c{found.id}" if found is not None else "",
                ts_event=asked,
                ts=self._wall(),
            )
        )

    async def read(self, request: str, fills_since: int) -> None:
        try:
            report = await read_account(
                self._venue,
                self._api,
                self._orders,
                self._by_market,
                self._coins,
                request=request,
                fills_since=fills_since,
                frames=lambda: self.frames,
                venue_now=self._venue_now,
                now=self._wall,
                liquidating=self._liquidating,
            )
        except (WireError, parse.ParseError, parse.BadNumber) as error:
            self._failed("read", request, error)
            return
        self._tell(report)

    def _liquidating(self) -> None:
        """Whatever our own figures say (ftx.md 3.1)."""
        self._tell(MarginCalled(venue=self._venue, instruments=(), ts=self._wall()))

    async def arm(self, timeout_ms: int) -> None:
        try:
            state = await self._api.dead_man(timeout_ms)
            due = parse.iso_ns(state.firesAt, "firesAt") if state.firesAt else None
        except (WireError, parse.ParseError) as error:
            self._failed("dead man", "", error)
            return
        now = self._wall()
        self._tell(
            DeadManReport(
                venue=self._venue,
                armed=state.armed,
                fires_at=due,
                fired=state.fired,
                ts_event=now,
                ts=now,
            )
        )

    def _failed(self, what: str, subject: str, error: Exception) -> None:
        now, refused = self._wall(), isinstance(error, WireError) and error.refuses
        reason = _reason(error)
        self._tell(
            RequestFailed(
                venue=self._venue, what=what, subject=subject, reason=reason, ts=now, refused=refused
            )
        )

    # --- private frames ----------------------------------------------------------------------------------

    def order_frame(self, order: wire.Order) -> None:
        self.frames += 1
        self._orders.frame(order)

    def fill_frame(self, fill: wire.Fill) -> None:
        self.frames += 1
        if not self._orders.fill(fill):
            self._spawn(self._ask_whose(fill.orderId))

    async def _ask_whose(self, order_id: int) -> None:
        """A fill came before any word on its order: our own reply may be under way, else the venue says."""
        await asyncio.sleep(ORPHAN_WAIT_S)
        if order_id not in self._orders.waiting():
            return
        try:
            self._orders.whose(order_id, await owner_of(self._api, self._orders, order_id))
        except (WireError, parse.ParseError, parse.BadNumber) as error:
            # It goes on waiting here; the next read of the account tells it too.
            self._failed("query", str(order_id), error)


def _reason(error: Exception) -> str:
    if isinstance(error, WireError):
        return f"{error.status or error.kind.value}: {error.text}"
    return str(error)
