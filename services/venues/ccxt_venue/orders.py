"""Our orders on a polled venue: what was sent, which trades were told, what still lives.

A trade is told once, by its number, whoever finds it first; an order's end is told behind its last trade.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct

from services.domain.enums import OrderState
from services.domain.events import Event, OrderAccepted, OrderCanceled, OrderFilled, OrderRejected
from services.domain.orders import OrderRequest
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.rows import OrderRow, TradeRow, fill_of

KEEP = 20_000
"""Orders and trades remembered; far more than are open or young."""


class Sent(Struct):
    """One order of this process."""

    market: Listed
    quantity: Decimal
    conditional: bool = False
    """Sent to wait for a price."""
    answered: bool = False
    """The venue, or the wire, has said its word on the send."""
    id: str = ""
    accepted: bool = False
    ended: bool = False
    filled: Decimal = Decimal(0)
    """By the trades that we have told."""


class Orders:
    def __init__(self, venue: str, tell: Callable[[Event], None], wall: Callable[[], int]) -> None:
        self.sent: dict[str, Sent] = {}
        self.changes = 0
        """Grows with everything that happens to the account as far as we hear."""
        self._venue = venue
        self._tell = tell
        self._wall = wall
        self._seen: dict[tuple[str, str], None] = {}

    def sending(self, order: OrderRequest, market: Listed) -> None:
        self.changes += 1
        self.sent[order.client_order_id] = Sent(market, order.quantity, order.trigger is not None)
        while len(self.sent) > KEEP:
            del self.sent[next(iter(self.sent))]

    def accepted(self, name: str, order_id: str) -> None:
        entry = self.sent[name]
        entry.answered = True
        if entry.accepted or entry.ended:
            return
        self.changes += 1
        entry.id, entry.accepted = order_id, True
        now = self._wall()
        self._tell(OrderAccepted(self._venue, name, order_id, now, now))

    def doubtful(self, name: str) -> None:
        self.sent[name].answered = True

    def refused(self, name: str, reason: str, *, crossed: bool = False, unsent: bool = False) -> None:
        entry = self.sent[name]
        self.changes += 1
        entry.answered = entry.ended = True
        now = self._wall()
        self._tell(OrderRejected(self._venue, name, reason, now, now, crossed, unsent))

    def living(self) -> list[str]:
        """Answered, and not known to have ended."""
        return [name for name, entry in self.sent.items() if entry.answered and not entry.ended]

    def traded(self, row: TradeRow, market: Listed) -> OrderFilled:
        """Tell a trade, once. Raises BadNumber."""
        fill = fill_of(self._venue, row, market, self._wall())
        key = (fill.instrument, fill.trade_id)
        if key in self._seen:
            return fill
        entry = self.sent.get(row.name)
        if entry is not None:
            # Its acknowledgement may be under way: the trade proves the order.
            self.accepted(row.name, row.order)
            entry.filled += fill.quantity
            if entry.filled >= entry.quantity:
                entry.ended = True
        self._seen[key] = None
        while len(self._seen) > KEEP:
            del self._seen[next(iter(self._seen))]
        self.changes += 1
        self._tell(fill)
        return fill

    def over(self, name: str, row: OrderRow) -> bool:
        """The venue says that it is over. False = not all of its trades have been told yet."""
        entry = self.sent[name]
        if entry.ended:
            return True
        if row.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            self.accepted(name, row.id)
            return True
        if entry.filled != row.filled:
            return False
        if row.state is OrderState.FILLED:
            entry.ended = True
            return True
        if not entry.accepted and not row.filled:
            text = "post-only order would match at once" if row.crossed else "refused by the venue"
            self.refused(name, text, crossed=row.crossed)
            return True
        self.accepted(name, row.id)
        entry.ended = True
        self.changes += 1
        now = self._wall()
        self._tell(OrderCanceled(self._venue, name, "closed by the venue", row.filled, now, now))
        return True
