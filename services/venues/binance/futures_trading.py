"""What only futures have: conditional orders of the algo service, the venue's switch, position modes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any

from services.domain.events import Event, OrderReport
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.domain.venue_events import DeadManReport, MarginCalled
from services.venues.binance import errors, frames, parse
from services.venues.binance import schemas as wire
from services.venues.binance.api import (
    CONDITIONALS,
    BinanceApi,
    conditional_cancel,
    conditional_request,
    order_request,
)
from services.venues.binance.asking import of_each
from services.venues.binance.filters import Filters
from services.venues.binance.orders import ALGO, conditional_query, order_query
from services.venues.binance.parse import MS
from services.venues.binance.trading import Trading
from services.venues.relisting import ended
from services.venues.wire.budget import Lane
from services.venues.wire.errors import WireError
from services.venues.wire.rest import Begun, Request

_ALGO_STATES = {
    "NEW": parse.STATES["NEW"],
    "TRIGGERING": parse.STATES["NEW"],
    "CANCELED": parse.STATES["CANCELED"],
    "EXPIRED": parse.STATES["EXPIRED"],
    "REJECTED": parse.STATES["CANCELED"],
}
"""Released ones are asked for under the number of the order that they became."""


class FuturesTrading(Trading):
    def __init__(
        self,
        venue: str,
        api: BinanceApi,
        by_symbol: Mapping[str, Instrument],
        filters: Mapping[str, Filters],
        mark: Callable[[str], Decimal | None],
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
            mark,
            tell=tell,
            spawn=spawn,
            trouble=trouble,
            clock_known=clock_known,
            venue_now=venue_now,
            wall=wall,
        )
        self._api = api

    # --- conditional orders ------------------------------------------------------------------------------

    def _request(self, order: OrderRequest, symbol: str, lane: Lane) -> Request:
        if order.trigger is not None:
            return conditional_request(conditional_query(order, symbol), lane)
        return order_request(order_query(order, symbol), lane)

    async def _reply(self, name: str, request: Request, begun: Begun | None) -> None:
        if request.path == CONDITIONALS:
            self.orders.placed_conditional(await self._api.place_conditional(request, begun), name)
        else:
            self.orders.placed(await self._api.place(request, begun), name)

    def _cancel_request(self, symbol: str, client_order_id: str, venue_order_id: str) -> Request:
        if venue_order_id.startswith(ALGO) or client_order_id in self.orders.conditionals:
            return conditional_cancel(client_order_id, venue_order_id.removeprefix(ALGO))
        return super()._cancel_request(symbol, client_order_id, venue_order_id)

    async def _cancel(self, client_order_id: str, request: Request, begun: Begun | None) -> None:
        if request.path == CONDITIONALS:
            await self._api.cancel_conditional(request, begun)
            self.orders.canceled(client_order_id, Decimal(0), self._wall())
        else:
            await super()._cancel(client_order_id, request, begun)

    async def _elsewhere(self, symbol: str, name: str, asked: int) -> OrderReport | None:
        algo = await self._found_conditional(name)
        if algo is None:
            return None
        if str(algo.actualOrderId) not in ("", "0"):
            self.orders.conditionals.setdefault(name, (symbol, algo.algoId))
            became = await self._api.order(symbol, int(algo.actualOrderId))
            return await self._reported(became, name, asked)
        state = _ALGO_STATES.get(algo.algoStatus)
        if state is None:
            raise parse.ParseError(f"{name}: algo status {algo.algoStatus!r:.30}")
        return self._answer(name, asked, found=True, state=state, venue_order_id=f"{ALGO}{algo.algoId}")

    async def owner_of(self, symbol: str, order_id: int) -> str:
        for name, (of_symbol, _) in tuple(self.orders.conditionals.items()):
            if of_symbol == symbol:
                algo = await self._found_conditional(name)
                if algo is not None and str(algo.actualOrderId) == str(order_id):
                    return name
        return await super().owner_of(symbol, order_id)

    async def _found_conditional(self, name: str) -> wire.AlgoOrder | None:
        try:
            return await self._api.conditional(name)
        except WireError as error:
            if error.code != errors.NOT_FOUND:
                raise
            return None

    def _heed(self, error: WireError) -> None:
        super()._heed(error)
        if error.code == errors.IN_LIQUIDATION:
            # The desk hears of it at once, whatever its own figures say.
            self.margin_called(())

    # --- the switch --------------------------------------------------------------------------------------

    async def arm(self, timeout_ms: int) -> None:
        """The venue's switch is one per symbol; told as armed when all of them are."""
        asked = self._venue_now()
        try:
            now = self._wall()
            over = tuple(name for name, spec in self._by_symbol.items() if ended(spec, now))
            there = tuple(name for name in self._by_symbol if name not in over)
            # Where the venue has no word for it any more, nothing of ours can rest.
            await of_each(lambda name: self._api.countdown(name, timeout_ms), there, self.gone)
            for name in over:
                with contextlib.suppress(WireError):
                    await self._api.countdown(name, timeout_ms)
        except WireError as error:
            self._failed("dead man", "", error)
            return
        self._tell(
            DeadManReport(
                venue=self._venue,
                armed=timeout_ms > 0,
                # From the question on: the earliest that it may fire.
                fires_at=asked + timeout_ms * MS if timeout_ms > 0 else None,
                ts_event=self._venue_now(),
                ts=self._wall(),
            )
        )

    # --- private frames ----------------------------------------------------------------------------------

    def order_frame(self, frame: frames.OrderFrame) -> None:
        if frame.o.ps != "BOTH":
            self.refuse(f"the account is in hedge mode: a {frame.o.ps} order in {frame.o.s}")
        self.order_word(frame.o)

    def algo_frame(self, frame: frames.AlgoFrame) -> None:
        self.frames += 1
        self.orders.algo(frame.o, parse.time_ns(frame.T, "T"))

    def account_frame(self, frame: frames.AccountFrame) -> None:
        self.frames += 1
        for row in frame.a.P:
            if row.ps != "BOTH" and row.pa:
                self.refuse(f"the account is in hedge mode: a {row.ps} position in {row.s}")

    def margin_called(self, symbols: tuple[str, ...]) -> None:
        ours = [self._by_symbol[name].id for name in dict.fromkeys(symbols) if name in self._by_symbol]
        self._trouble("margin call: the venue warns of liquidation")
        self._tell(MarginCalled(venue=self._venue, instruments=tuple(ours), ts=self._wall()))

    def changed(self, text: str) -> None:
        self.frames += 1
        self.refuse(f"the account's configuration was changed elsewhere: {text}")
