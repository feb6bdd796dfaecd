"""Orders, cancels and the dead-man's switch through the library.

Every outcome is told as an event: accepted, refused, or unknown, which is never followed by a second send.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any

from msgspec import structs

from services.domain.enums import OrderType, TimeInForce
from services.domain.events import CancelRejected, OrderCanceled, OrderRejected, OrderUnknown
from services.domain.orders import OrderRequest
from services.domain.venue_events import DeadManReport
from services.runtime.clock import boot_ns
from services.venues.ccxt_venue import errors
from services.venues.ccxt_venue.asking import MS, Asking
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.rows import text_of
from services.venues.shut import Shut
from services.venues.wire.budget import Lane
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.latency import Latencies
from services.venues.wire.numbers import BadNumber
from services.venues.wire.unsent import WITHDRAWN


class Trading(Asking):
    def __init__(
        self,
        *args: Any,
        conditional: bool,
        clock_known: Callable[[], bool],
        trouble: Callable[[str], None],
        **more: Any,
    ) -> None:
        """As `Asking`. `conditional`: takes stop orders."""
        super().__init__(*args, **more)
        self.latencies = Latencies()
        self.wrong = ""
        """Why nothing that adds risk is sent, since the start; "" = nothing was wrong then."""
        self.shut = Shut(trouble)
        self.on_refusal: Callable[[], None] = lambda: None
        """Hears that an order was refused for the whole account."""
        self.conditional = conditional
        self.unsent = self._door.unsent
        self._clock_known = clock_known

    # --- sending -----------------------------------------------------------------------------------------

    def submit(self, order: OrderRequest) -> Coroutine[Any, Any, None]:
        """Handed over in this call: from here on a cancel finds it. What is given back has to be run."""
        if order.client_order_id not in self.orders.sent:
            self.unsent.hand(order.client_order_id, entry=not order.closing)
        return self._submitted(order)

    async def _submitted(self, order: OrderRequest) -> None:
        name = order.client_order_id
        if name in self.orders.sent:
            # Not every venue refuses an id for ever: here it is never a second order.
            self._tell(OrderUnknown(self._venue, name, "this client id was sent before", self._wall()))
            return
        try:
            await self._sent(order)
        finally:
            self.unsent.over(name)

    async def _sent(self, order: OrderRequest) -> None:
        name, market = order.client_order_id, self._market(order.instrument)
        denied = self._denied(order, market)
        if market is None or denied:
            await self._no(name, denied)
            return
        self.orders.sending(order, market)
        started = boot_ns()
        try:
            await self._send(order, market)
        except WireError as error:
            if error.kind is ErrorKind.AUTH and not error.clock:
                self.shut.close(error.text)
                self.on_refusal()
            if error.kind.executed:
                self._doubt(name, error)
            elif not self.unsent.told(name):
                crossed, unsent = error.code == errors.CROSSED, error.kind.unheard
                self.orders.refused(name, f"{error.kind.value}: {error.text}", crossed=crossed, unsent=unsent)
        except errors.READING as error:
            # A reply that we cannot read: something was placed, and the probes will say what.
            self._doubt(name, error)
        self.latencies.add(boot_ns() - started)
        self.hasty = True

    async def _no(self, name: str, why: str) -> None:
        """Nothing of it left this machine."""
        if self.unsent.told(name):
            return
        now = self._wall()
        self._tell(OrderRejected(self._venue, name, f"denied: {why}", now, now))

    async def _withdrawn(self, name: str) -> None:
        """By our cancel, and no refusal of the venue: those are counted."""
        entry, now = self.orders.sent.get(name), self._wall()
        if entry is not None:
            entry.answered = entry.ended = True
        self._tell(OrderCanceled(self._venue, name, WITHDRAWN, Decimal(0), now, now))

    def _doubt(self, name: str, error: Exception) -> None:
        self.orders.doubtful(name)
        self._tell(OrderUnknown(self._venue, name, str(error), self._wall()))

    def _denied(self, order: OrderRequest, market: Listed | None) -> str:
        if market is None:
            return f"{order.instrument} is not traded here"
        if order.trigger is not None and not self.conditional:
            return "no conditional orders here"
        if order.type is OrderType.MARKET and not market.spec.is_perp:
            # Some venues count it in the quote coin: never what was meant.
            return "spot is traded by limit orders"
        if market.closed and not order.closing:
            return f"{market.id} is closed: the venue does not list it as open"
        if not order.closing and (why := self.wrong or self.shut.why):
            return why
        if not order.closing and not self._clock_known():
            return "the venue's clock is not known well enough to trade by"
        try:
            contracts = market.contracts(order.quantity)
            sent = [(self._door.sent_amount(market.symbol, contracts), contracts)]
            if order.price is not None:
                sent.append((self._door.sent_price(market.symbol, order.price), order.price))
            if order.trigger is not None:
                sent.append((self._door.sent_price(market.symbol, order.trigger), order.trigger))
        except (BadNumber, WireError) as error:
            return str(error)
        changed = [f"{meant} would be sent as {text}" for text, meant in sent if Decimal(text) != meant]
        return "; ".join(changed)

    def enterable(self, market: Listed) -> Listed:
        """While the venue refuses everything new nobody is to begin with another venue's leg: its hedge would
        be refused here. What taking costs is unknown then."""
        if not self.shut.why:
            return market
        return structs.replace(market, spec=structs.replace(market.spec, taker_fee=None))

    async def _send(self, order: OrderRequest, market: Listed) -> None:
        name = order.client_order_id
        params: dict[str, Any] = {"clientOrderId": name}
        if order.reduce_only and market.spec.reduce_only_supported:
            params["reduceOnly"] = True
        if order.trigger is not None:
            # Released it rests or takes at its limit: what waits for a price has no time in force here.
            params |= self._manner.stop_params(name, order.trigger)
        elif order.post_only:
            params["postOnly"] = True
        elif order.tif is TimeInForce.IOC and order.type is OrderType.LIMIT:
            params["timeInForce"] = "IOC"
        lane = Lane.SAFE if order.urgent else Lane.ENTRY
        reply = await self._door.ask(
            "create_order",
            market.symbol,
            order.type.value,
            order.side.value,
            market.contracts(order.quantity),
            order.price,
            params,
            lane=lane,
            order=name,
        )
        order_id = text_of(reply.get("id") if isinstance(reply, Mapping) else None, "order id")
        if reply.get("status") == "rejected":
            raise WireError(ErrorKind.UNKNOWN, "acknowledged and refused in one breath")
        if order.trigger is not None:
            order_id = self._manner.stop_id(order_id)
        elif order.post_only:
            # These venues take one that would trade, and cancel it: what has become of it is asked at once.
            row = await self._asked(market, name)
            if row is not None and self.orders.over(name, row):
                return
        self.orders.accepted(name, order_id)

    def cancel(self, instrument: str, client_order_id: str, venue_order_id: str) -> Coroutine[Any, Any, None]:
        """As `submit`. An order that has not left is withdrawn in this call."""
        if self.unsent.withdraw(client_order_id):
            return self._withdrawn(client_order_id)
        return self._canceled(instrument, client_order_id, venue_order_id)

    async def _canceled(self, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        market = self._market(instrument)
        if market is None:
            self._failed("cancel", client_order_id, BadNumber(f"{instrument} is not traded here"))
            return
        try:
            try:
                await self._cancel(market, client_order_id, venue_order_id)
            except WireError as error:
                # Our order may have arrived behind its cancel.
                if error.code != errors.NOT_FOUND or not await self.unsent.ended(client_order_id):
                    raise
                await self._cancel(market, client_order_id, venue_order_id)
        except errors.READING as error:
            if isinstance(error, WireError) and error.code == errors.NOT_FOUND:
                now = self._wall()
                self._tell(CancelRejected(self._venue, client_order_id, error.text, now, now))
                if client_order_id:
                    await self.query(instrument, client_order_id)
            elif not isinstance(error, WireError) or error.code != errors.CANCEL_PENDING:
                self._failed("cancel", client_order_id, error)
            self.hasty = True
            return
        self.hasty = True
        if client_order_id in self.orders.sent:
            row = await self._asked(market, client_order_id)
            if row is not None:
                self.orders.over(client_order_id, row)

    async def _cancel(self, market: Listed, name: str, order_id: str) -> None:
        entry = self.orders.sent.get(name)
        try:
            await self._manner.cancel(self._door, market, name, order_id)
        except WireError as error:
            if error.kind is not ErrorKind.REJECTED or not order_id or entry is None or not entry.conditional:
                raise
            # It may have been released meanwhile, and works under another number now.
            row = await self._found(market, name)
            if row is None or row.id == order_id:
                raise
            await self._manner.cancel(self._door, market, name, row.id)

    async def arm(self, timeout_ms: int) -> None:
        try:
            if not self._manner.dead_man:
                raise WireError(ErrorKind.REJECTED, "no dead-man's switch here")
            reply = await self._door.ask("cancel_all_orders_after", timeout_ms, lane=Lane.SAFE)
            due = self._manner.fires_at(reply) if timeout_ms > 0 else None
            if timeout_ms > 0 and due is None:
                raise BadNumber("the venue names no time at which its switch fires")
        except errors.READING as error:
            self._failed("dead man", "", error)
            return
        now = self._wall()
        self._tell(
            DeadManReport(
                venue=self._venue,
                armed=timeout_ms > 0,
                fires_at=None if due is None else due * MS,
                ts_event=now,
                ts=now,
            )
        )
