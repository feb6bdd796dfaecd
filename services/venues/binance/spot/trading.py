"""Orders of a spot account: no conditional ones, no switch, no reduce-only; transfers come by the stream."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any

from services.domain.events import Event, TransferBooked
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.venues.binance import parse
from services.venues.binance.spot import frames as words
from services.venues.binance.spot.api import SpotApi, order_request
from services.venues.binance.spot.filters import SpotFilters
from services.venues.binance.spot.parse import order_query
from services.venues.binance.trading import Trading
from services.venues.wire.budget import Lane
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import wire_count, wire_decimal
from services.venues.wire.rest import Begun, Request

KEEP = 1_000
"""Transfers remembered."""


class SpotTrading(Trading):
    def __init__(
        self,
        venue: str,
        api: SpotApi,
        by_symbol: Mapping[str, Instrument],
        filters: Mapping[str, SpotFilters],
        average: Callable[[str], Decimal | None],
        *,
        tell: Callable[[Event], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        trouble: Callable[[str], None],
        clock_known: Callable[[], bool],
        venue_now: Callable[[], int],
        wall: Callable[[], int],
    ) -> None:
        super().__init__(
            venue,
            api,
            by_symbol,
            filters,
            average,
            tell=tell,
            spawn=spawn,
            trouble=trouble,
            clock_known=clock_known,
            venue_now=venue_now,
            wall=wall,
        )
        self._api = api
        self.transfers: dict[str, TransferBooked] = {}
        """Heard on this process's streams, oldest first."""

    def _request(self, order: OrderRequest, symbol: str, lane: Lane) -> Request:
        return order_request(order_query(order, symbol), lane)

    async def _reply(self, name: str, request: Request, begun: Begun | None) -> None:
        self.orders.placed(await self._api.place(request, begun), name)

    async def arm(self, timeout_ms: int) -> None:
        """The venue has no such switch: that is told, never taken for armed."""
        self._failed("dead man", "", WireError(ErrorKind.DENIED, "spot has no dead-man's switch"))

    # --- private frames ----------------------------------------------------------------------------------

    def report(self, frame: words.Report) -> None:
        self.order_word(frame.plain())

    def balances(self, frame: words.Balances) -> None:
        self.frames += 1
        for row in frame.B:
            wire_count(row.f, f"{row.a} free")
            wire_count(row.l, f"{row.a} locked")

    def transfer(self, frame: words.Transfer) -> None:
        self.frames += 1
        amount = wire_decimal(frame.d, f"{frame.a} balance update")
        at = parse.time_ns(frame.T, "T")
        # The venue gives it no number; its two times, coin and amount are all there is.
        key = f"balanceUpdate:{frame.E}:{frame.T}:{frame.a}:{amount}"
        if key in self.transfers:
            return
        booked = TransferBooked(self._venue, key, frame.a, amount, at, self._wall())
        self.transfers[key] = booked
        while len(self.transfers) > KEEP:
            del self.transfers[next(iter(self.transfers))]
        self._tell(booked)
