"""Orders, cancels, questions and reads through the library, and the round that hears of trades and ends.

Every outcome is told as an event: accepted, refused, or unknown, which is never followed by a second send.
There is no private stream here: trades are asked for from a moment before the last look, known by number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from services.domain.enums import OrderType, TimeInForce
from services.domain.events import (
    AccountReport,
    CancelRejected,
    Event,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
)
from services.domain.orders import OrderRequest
from services.domain.venue_events import DeadManReport, RequestFailed
from services.runtime.clock import boot_ns
from services.venues.ccxt_venue import errors
from services.venues.ccxt_venue.account import read_account
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.facts import Listed, coins_of
from services.venues.ccxt_venue.manners import Manner
from services.venues.ccxt_venue.orders import Orders
from services.venues.ccxt_venue.rows import OrderRow, order_of, text_of
from services.venues.wire.budget import Lane
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.latency import Latencies
from services.venues.wire.numbers import BadNumber, wire_int

MS = 1_000_000
OVERLAP_MS = 60_000
"""Trades may be listed a while after they were made, and stamped earlier than ones already listed."""


class Trading:
    def __init__(
        self,
        venue: str,
        door: Door,
        manner: Manner,
        listed: Mapping[str, Listed],
        *,
        conditional: bool,
        tell: Callable[[Event], None],
        rate_at: Callable[[str, int], Decimal | None],
        suspended: Callable[[], tuple[str, ...]],
        clock_known: Callable[[], bool],
        venue_ms: Callable[[], int],
        wall: Callable[[], int],
    ) -> None:
        """`rate_at`: the settled rate of a market at an instant in ms; `conditional`: takes stop orders."""
        self.latencies = Latencies()
        self.refuses = ""
        """Why nothing that adds risk is sent; "" = nothing is wrong."""
        self.orders = Orders(venue, tell, wall)
        self.hasty = False
        """Something was sent or canceled since the last look: look soon."""
        self.conditional = conditional
        self._venue = venue
        self._door = door
        self._manner = manner
        self._listed = listed
        self._coins = tuple(dict.fromkeys(each.spec.settle for each in listed.values()))
        spot = {coin for row in listed.values() if not row.spec.is_perp for coin in coins_of(row)}
        self._held = spot or None
        self._tell = tell
        self._rate_at = rate_at
        self._suspended = suspended
        self._clock_known = clock_known
        self._venue_ms = venue_ms
        self._wall = wall
        self._heard_ms = venue_ms()
        """Trades up to here have been heard."""

    def _market(self, instrument: str) -> Listed | None:
        return self._listed.get(instrument.removesuffix(f".{self._venue}"))

    # --- sending -----------------------------------------------------------------------------------------

    async def submit(self, order: OrderRequest) -> None:
        name = order.client_order_id
        if name in self.orders.sent:
            # Not every venue refuses an id for ever: here it is never a second order.
            self._tell(OrderUnknown(self._venue, name, "this client id was sent before", self._wall()))
            return
        market = self._market(order.instrument)
        denied = self._denied(order, market)
        if market is None or denied:
            now = self._wall()
            self._tell(OrderRejected(self._venue, name, f"denied: {denied}", now, now))
            return
        self.orders.sending(order, market)
        started = boot_ns()
        try:
            await self._send(order, market)
        except WireError as error:
            if error.kind.executed:
                self._doubt(name, error)
            else:
                crossed = error.code == errors.CROSSED
                self.orders.refused(name, f"{error.kind.value}: {error.text}", crossed=crossed)
        except errors.READING as error:
            # A reply that we cannot read: something was placed, and the probes will say what.
            self._doubt(name, error)
        self.latencies.add(boot_ns() - started)
        self.hasty = True

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
        if not order.closing and self.refuses:
            return self.refuses
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
        lane = Lane.SAFE if order.closing else Lane.ENTRY
        reply = await self._door.ask(
            "create_order",
            market.symbol,
            order.type.value,
            order.side.value,
            market.contracts(order.quantity),
            order.price,
            params,
            lane=lane,
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

    async def _asked(self, market: Listed, name: str) -> OrderRow | None:
        try:
            return await self._found(market, name)
        except errors.READING:
            # It was acknowledged: the next look tells what has become of it.
            return None

    async def _found(self, market: Listed, name: str) -> OrderRow | None:
        entry = self.orders.sent.get(name)
        known = None if entry is None else entry.conditional
        row = await self._manner.order(self._door, market, name, conditional=known)
        return None if row is None else order_of(row, market, crossed=self._manner.crossed(row))

    async def cancel(self, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        market = self._market(instrument)
        if market is None:
            self._failed("cancel", client_order_id, BadNumber(f"{instrument} is not traded here"))
            return
        try:
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

    # --- asking ------------------------------------------------------------------------------------------

    async def query(self, instrument: str, client_order_id: str) -> None:
        asked = self._venue_ms()
        try:
            market = self._market(instrument)
            if market is None:
                raise BadNumber(f"{instrument} is not traded here")
            row = await self._found(market, client_order_id)
            fills: tuple[OrderFilled, ...] = ()
            if row is None or row.filled:
                since = min(self._heard_ms, asked) - OVERLAP_MS
                fills = tuple(
                    each for each in await self.hear(since) if each.client_order_id == client_order_id
                )
            if row is None and fills:
                raise BadNumber(f"{client_order_id}: the venue knows its trades and not the order")
        except errors.READING as error:
            self._failed("query", client_order_id, error)
            return
        if row is not None and client_order_id in self.orders.sent:
            self.orders.over(client_order_id, row)
        self._tell(
            OrderReport(
                venue=self._venue,
                client_order_id=client_order_id,
                found=row is not None,
                state=None if row is None else row.state,
                venue_order_id="" if row is None else row.id,
                filled=Decimal(0) if row is None else row.filled,
                fills=fills,
                ts_event=asked * MS,
                ts=self._wall(),
            )
        )

    async def read(self, request: str, fills_since: int) -> None:
        try:
            report: AccountReport = await read_account(
                self._venue,
                self._door,
                self._manner,
                self._listed,
                self.orders,
                coins=self._coins,
                held=self._held,
                request=request,
                since_ms=fills_since // MS,
                rate_at=self._rate_at,
                suspended=self._suspended,
                venue_ms=self._venue_ms,
                wall=self._wall,
            )
        except errors.READING as error:
            self._failed("read", request, error)
            return
        self._tell(report)

    # --- hearing -----------------------------------------------------------------------------------------

    async def hear(self, since_ms: int) -> list[OrderFilled]:
        """Ask for trades and tell the new ones. Raises WireError, BadNumber."""
        until = self._venue_ms() + OVERLAP_MS
        rows = await self._manner.trades(self._door, max(0, since_ms), until, whole=False)
        found = []
        for row in sorted(rows, key=lambda each: wire_int(each.ms, "trade time")):
            market = self._listed.get(row.market)
            if market is not None:
                found.append(self.orders.traded(row, market))
        return found

    async def look(self) -> None:
        """One round: trades, then the ends of our orders. Raises WireError, BadNumber."""
        self.hasty = False
        asked, living = self._venue_ms(), self.orders.living()
        await self.hear(self._heard_ms - OVERLAP_MS)
        self._heard_ms = asked
        if not living:
            return
        stops = any((entry := self.orders.sent.get(name)) and entry.conditional for name in living)
        rows = await self._manner.open_orders(self._door, self._coins, conditional=stops)
        there = {str(row.get("clientOrderId") or ""): row for row in rows}
        for name in living:
            entry = self.orders.sent.get(name)
            if entry is None or entry.ended:
                continue
            if name in there:
                self.orders.accepted(name, text_of(there[name].get("id"), "order id"))
                continue
            row = await self._found(entry.market, name)
            if row is not None and not self.orders.over(name, row):
                # Its trades are not listed yet.
                self.hasty = True

    def _failed(self, what: str, subject: str, error: Exception) -> None:
        reason = f"{error.kind.value}: {error.text}" if isinstance(error, WireError) else errors.told(error)
        self._tell(
            RequestFailed(venue=self._venue, what=what, subject=subject, reason=reason, ts=self._wall())
        )
