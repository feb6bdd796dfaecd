"""Questions to an account through the library, and the round that hears of trades and ends.

There is no private stream here: trades are asked for from a moment before the last look, known by number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from services.domain.events import AccountReport, Event, OrderFilled, OrderReport
from services.domain.venue_events import RequestFailed
from services.venues.ccxt_venue import errors
from services.venues.ccxt_venue.account import read_account
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.facts import Listed, coins_of
from services.venues.ccxt_venue.manners import Manner
from services.venues.ccxt_venue.orders import Orders
from services.venues.ccxt_venue.rows import OrderRow, order_of, text_of
from services.venues.ccxt_venue.settled import Settled
from services.venues.wire.errors import WireError
from services.venues.wire.numbers import BadNumber, wire_ms

MS = 1_000_000
OVERLAP_MS = 60_000
"""Trades may be listed a while after they were made, and stamped earlier than ones already listed."""


class Asking:
    def __init__(
        self,
        venue: str,
        door: Door,
        manner: Manner,
        listed: Mapping[str, Listed],
        *,
        tell: Callable[[Event], None],
        settled: Settled,
        suspended: Callable[[], tuple[str, ...]],
        venue_ms: Callable[[], int],
        wall: Callable[[], int],
    ) -> None:
        """`settled`: the funding rates of payments."""
        self.orders = Orders(venue, tell, wall)
        self.hasty = False
        """Something was sent or canceled since the last look: look soon."""
        self.apart = False
        """Coins that none of our contracts settles in are no margin for them."""
        self._venue = venue
        self._door = door
        self._manner = manner
        self._listed = listed
        self._coins = tuple(dict.fromkeys(each.spec.settle for each in listed.values()))
        spot = {coin for row in listed.values() if not row.spec.is_perp for coin in coins_of(row)}
        self._held = spot or None
        self._tell = tell
        self._settled = settled
        self._suspended = suspended
        self._venue_ms = venue_ms
        self._wall = wall
        self._heard_ms = venue_ms()
        """Trades up to here have been heard."""

    def _market(self, instrument: str) -> Listed | None:
        return self._listed.get(instrument.removesuffix(f".{self._venue}"))

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
                apart=self.apart,
                request=request,
                since_ms=fills_since // MS,
                settled=self._settled,
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
        for row in sorted(rows, key=lambda each: wire_ms(each.ms, "trade time")):
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
        now, refused = self._wall(), isinstance(error, WireError) and error.refuses
        self._tell(
            RequestFailed(
                venue=self._venue, what=what, subject=subject, reason=reason, ts=now, refused=refused
            )
        )
