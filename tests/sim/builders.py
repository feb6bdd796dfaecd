"""A queue in virtual time that stands in for the driver, and short words for orders."""

from __future__ import annotations

import heapq
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.domain.enums import OrderType, Purpose, Side, TimeInForce
from services.domain.events import Event, MarketFrame
from services.domain.orders import OrderRequest
from services.venues.sim.exchange import SimExchange, build_exchange
from services.venues.sim.world import World, make_world

NS = 1_000_000_000
BTC = "BTC-USDT-PERP.alpha"


class Queue:
    """Outbox of the tests: delivers to a list, wakes the exchange."""

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, bool, Any]] = []
        self.number = 0
        self.now = 0
        self.events: list[Event] = []

    def deliver(self, due: int, event: Event) -> None:
        self._push(due, False, event)

    def wake(self, due: int, token: object) -> None:
        self._push(due, True, token)

    def _push(self, due: int, wake: bool, what: object) -> None:
        self.number += 1
        heapq.heappush(self.heap, (max(due, self.now), self.number, wake, what))


class Sim:
    """An exchange with its queue."""

    def __init__(
        self,
        world: World | None = None,
        folder: Path | None = None,
        resume_at: int | None = None,
        history: Any = None,
        *,
        small_orders: bool = False,
    ) -> None:
        self.queue = Queue()
        self.world = world or make_world("calm")
        self.exchange: SimExchange = build_exchange(
            self.world, folder, self.queue, resume_at, history, small_orders=small_orders
        )
        self.queue.now = self.exchange.now
        self.exchange.start(self.exchange.now)

    def until(self, end: int) -> list[Event]:
        """Run to `end`; the events that arrived meanwhile."""
        seen = len(self.queue.events)
        queue = self.queue
        while queue.heap and queue.heap[0][0] <= end:
            due, _, wake, what = heapq.heappop(queue.heap)
            queue.now = due
            if wake:
                self.exchange.wake(due, what)
            else:
                queue.events.append(what)
        queue.now = max(queue.now, end)
        return queue.events[seen:]

    def run(self, seconds: float) -> list[Event]:
        return self.until(self.queue.now + int(seconds * NS))

    def private(self, seconds: float) -> list[Event]:
        """What arrives apart from market frames."""
        return [e for e in self.run(seconds) if not isinstance(e, MarketFrame)]

    def send(self, order: OrderRequest, seconds: float = 0.2) -> list[Event]:
        venue = order.instrument.rpartition(".")[2]
        self.exchange.venues[venue].submit(self.queue.now, order)
        return self.private(seconds)

    def quote(self, instrument: str = BTC) -> tuple[Decimal, Decimal]:
        """Best bid and ask as the exchange stands."""
        venue = instrument.rpartition(".")[2]
        book = self.exchange.venues[venue].floor.books[instrument]
        tick = book.cell.instrument.price_increment
        bid, _, ask, *_ = book.top()
        return bid * tick, ask * tick


_next = iter(range(1, 10**9))


def order(
    side: str,
    quantity: str,
    price: Decimal | str | None,
    instrument: str = BTC,
    *,
    tif: str = "gtc",
    cid: str | None = None,
    **more: Any,
) -> OrderRequest:
    return OrderRequest(
        client_order_id=f"test{next(_next):016d}" if cid is None else cid,
        instrument=instrument,
        side=Side(side),
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
        tif=TimeInForce(tif),
        purpose=Purpose.TICKET,
        origin="operator",
        **more,
    )
