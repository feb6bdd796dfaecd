"""Our orders on an FTX-dialect venue: what is sent, whose fill a fill is, and what is told to the desk.

Fills on this wire name the venue's order id only, and may come before the reply that tells us which of our
orders that is. Such a fill waits here until somebody says; it is never told as a stranger's, never dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from services.domain.enums import OrderState, OrderType, TimeInForce
from services.domain.events import Event, OrderAccepted, OrderCanceled, OrderFilled, OrderRejected
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.venues.ftx import parse
from services.venues.ftx import schemas as wire
from services.venues.wire.numbers import wire_count

CROSSED_NS = 2_000_000_000
"""A quote that would have traded is closed at once; what ends later ends for another reason."""

KEEP = 20_000
"""Order ids remembered; far more than are open or young."""


def order_body(order: OrderRequest, market: str) -> dict[str, Any]:
    """`POST /orders`. A market order has its price as null, present. The enums are texts already."""
    return {
        "market": market,
        "side": order.side,
        "price": None if order.type is OrderType.MARKET else order.price,
        "type": order.type,
        "size": order.quantity,
        "reduceOnly": order.reduce_only,
        "ioc": order.tif is TimeInForce.IOC,
        "postOnly": order.post_only,
        "clientId": order.client_order_id,
    }


def conditional_body(order: OrderRequest, market: str) -> dict[str, Any]:
    """`POST /conditional_orders`. `clientId` is an extension: other venues pass it over."""
    body: dict[str, Any] = {
        "market": market,
        "side": order.side.value,
        "size": order.quantity,
        "type": "stop",
        "triggerPrice": order.trigger,
        "reduceOnly": order.reduce_only,
        "retryUntilFilled": False,
        "clientId": order.client_order_id,
    }
    if order.type is OrderType.LIMIT:
        body["orderPrice"] = order.price
    return body


class OrderBook:
    """Which venue order is which of ours, and the fills that wait for it."""

    def __init__(
        self,
        venue: str,
        by_market: Mapping[str, Instrument],
        now: Callable[[], int],
        tell: Callable[[Event], None],
    ) -> None:
        self._venue = venue
        self._by_market = by_market
        self._now = now
        self._tell = tell
        self._names: dict[int, str] = {}
        """Venue order id -> our client id; "" = somebody else's."""
        self.conditionals: dict[int, str] = {}
        """Conditional order -> our client id: the dialect has no client ids for them."""
        self._accepted: dict[int, int] = {}
        """Of what the desk was told -> when that was, ns."""
        self._rested: dict[int, None] = {}
        """Orders that were seen `open`."""
        self._ended: dict[int, None] = {}
        self._orphans: dict[int, list[wire.Fill]] = {}

    def placed(self, order: wire.Order, client_order_id: str) -> None:
        """The venue's reply to a send of ours."""
        self._learn(order.id, client_order_id)
        if order.id not in self._ended and not self._crossed(order, client_order_id, reply=True):
            self._say_accepted(order, client_order_id)

    def placed_conditional(self, order: wire.Conditional, client_order_id: str) -> None:
        self.conditionals[order.id] = client_order_id
        at = parse.iso_ns(order.createdAt, "createdAt") if order.createdAt else self._now()
        self._tell(OrderAccepted(self._venue, client_order_id, f"c{order.id}", at, self._now()))

    def frame(self, order: wire.Order) -> None:
        """An order frame, of ours or not."""
        name = self._learn(order.id, order.clientId or "")
        if not name:
            return
        if order.status == "open":
            _remember(self._rested, order.id)
        if order.id in self._ended or self._crossed(order, name):
            return
        self._say_accepted(order, name)
        if parse.state_of(order) is OrderState.CANCELED:
            _remember(self._ended, order.id)
            now = self._now()
            filled = Decimal(order.filledSize)
            self._tell(OrderCanceled(self._venue, name, "closed by the venue", filled, now, now))

    def _crossed(self, order: wire.Order, name: str, *, reply: bool = False) -> bool:
        """A post-only order that would have traded is taken, and closed at once with nothing filled, in the
        reply or in a frame behind it (ftx.md 3.2): the desk hears a refusal, as of every other venue. One
        that rested, here or before this process, has ended otherwise."""
        if order.status != "closed" or not order.postOnly or order.id in self._rested:
            return False
        now = self._now()
        since = self._accepted.get(order.id)
        if since is None:
            since = parse.iso_ns(order.createdAt, "createdAt") if order.createdAt else 0
        if wire_count(order.filledSize, "filledSize") or (not reply and now - since > CROSSED_NS):
            return False
        _remember(self._ended, order.id)
        text = "post-only order would match at once"
        self._tell(OrderRejected(self._venue, name, text, now, now, would_cross=True))
        return True

    def fill(self, fill: wire.Fill) -> bool:
        """A fill frame. False = nobody has said yet whose it is: `whose` will. Raises ParseError, BadNumber:
        also for one that would wait, else it would break whoever names it."""
        name = self._names.get(fill.orderId)
        if name is None:
            self.ours(fill, "")
            self._orphans.setdefault(fill.orderId, []).append(fill)
            return False
        self._tell(self.ours(fill, name))
        return True

    def whose(self, order_id: int, client_order_id: str) -> None:
        """Somebody asked the venue: the order is of this client id, or of nobody here."""
        self._learn(order_id, client_order_id)

    def waiting(self) -> tuple[int, ...]:
        """Venue orders of which fills wait."""
        return tuple(self._orphans)

    def name_of(self, order_id: int) -> str | None:
        return self._names.get(order_id)

    def ours(self, fill: wire.Fill, client_order_id: str) -> OrderFilled:
        spec = self._by_market.get(fill.market)
        settle = spec.settle if spec is not None else "USD"
        return parse.fill_of(self._venue, fill, client_order_id, settle, self._now())

    def _learn(self, order_id: int, client_order_id: str) -> str:
        known = self._names.get(order_id)
        if known:
            return known
        self._names[order_id] = client_order_id
        while len(self._names) > KEEP:
            del self._names[next(iter(self._names))]
        for fill in self._orphans.pop(order_id, ()):
            self._tell(self.ours(fill, client_order_id))
        return client_order_id

    def _say_accepted(self, order: wire.Order, name: str) -> None:
        if order.id in self._accepted:
            return
        self._accepted[order.id] = self._now()
        _bound(self._accepted)
        at = parse.iso_ns(order.createdAt, "createdAt") if order.createdAt else self._now()
        self._tell(OrderAccepted(self._venue, name, str(order.id), at, self._now()))


def _remember(ids: dict[int, None], order_id: int) -> None:
    ids[order_id] = None
    _bound(ids)


def _bound(ids: dict[int, Any]) -> None:
    while len(ids) > KEEP:
        del ids[next(iter(ids))]
