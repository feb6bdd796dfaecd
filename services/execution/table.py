"""Our orders, by client id: the one place that counts fills of orders.

How the desk uses it, for every venue event and every answer of the gate:

1. `add(request, now)` when an intent is made (it reserves from here on); `denied(id, text, now)` when the
   gate or a time-out says no; `sent(id, now)` when `Send` is emitted.
2. `apply(event, now)` for every order event. `Applied.fill` is the fill to book in the ledger (None when the
   trade id was counted before); `Applied.entry` goes to `PairMachine.on_order`, `FlattenMachine.on_order` and
   `StopBook.on_order`; `Applied.anomaly` is an alert.
3. `cancel_sent(id, now)` when a `Cancel` is emitted.
4. A timer at `next_due()`: `due(now)` puts silent orders in doubt and says which to probe.
5. `restored(now)` once after a restart: what may be at the venue unanswered becomes in doubt.
6. `prune(now)` now and then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from msgspec import Struct

from services.domain.enums import OrderState, TimeInForce
from services.domain.events import (
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
)
from services.domain.orders import OrderRequest
from services.execution.actions import Probe
from services.execution.life import ENDED
from services.settings.parameters import Execution

OrderEvent = (
    OrderAccepted | OrderRejected | OrderCanceled | CancelRejected | OrderFilled | OrderUnknown | OrderReport
)


@dataclass(slots=True)
class OrderEntry:
    """All we know of one order of ours."""

    request: OrderRequest
    venue: str
    state: OrderState = OrderState.INITIALIZED
    filled: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    """Σ quantity × price of the fills, quote coin."""
    owed: Decimal = Decimal(0)
    """What the venue says is filled beyond the fills we have seen: the order is not settled while > 0."""
    trades: list[str] = field(default_factory=list)
    venue_order_id: str = ""
    created: int = 0
    sent: int | None = None
    answered: int | None = None
    """Our time of the venue's first word."""
    answered_event: int | None = None
    """The venue's time of it."""
    changed: int = 0
    cancel_sent: int | None = None
    doubt_since: int | None = None
    probes: int = 0
    next_probe: int | None = None
    text: str = ""
    """Why it was denied, rejected, canceled, or is in doubt."""

    @property
    def id(self) -> str:
        return self.request.client_order_id

    @property
    def leaves(self) -> Decimal:
        """What may still fill: zero once ended and nothing is owed."""
        if self.state in ENDED:
            return self.owed
        return max(self.request.quantity - self.filled, Decimal(0))

    @property
    def avg_price(self) -> Decimal | None:
        return self.cost / self.filled if self.filled > 0 else None

    @property
    def in_doubt(self) -> bool:
        return self.state is OrderState.IN_DOUBT or self.owed > 0

    @property
    def settled(self) -> bool:
        """Ended, and every fill the venue speaks of has been counted."""
        return self.state in ENDED and self.owed == 0

    @property
    def immediate(self) -> bool:
        return self.request.tif is TimeInForce.IOC


class Applied(Struct, frozen=True):
    """What an event did to the table."""

    entry: OrderEntry | None
    """None: not an order of ours."""
    fills: tuple[OrderFilled, ...] = ()
    """New fills, to be booked once; a report can bring several."""
    duplicate: bool = False
    anomaly: str | None = None
    ended: bool = False
    """With this event it reached its end."""


class Due(Struct, frozen=True):
    probes: tuple[Probe, ...]
    doubted: tuple[OrderEntry, ...]
    """Orders that have just become in doubt: hand them to the machines."""
    next_due: int | None


@dataclass(slots=True)
class OrderTableState:
    orders: dict[str, OrderEntry] = field(default_factory=dict)
    foreign_trades: dict[str, int] = field(default_factory=dict)


class OrderTable:
    """See the module's docstring for the order of calls."""

    def __init__(self, settings: Execution, state: OrderTableState | None = None) -> None:
        self._settings = settings
        self.state = state if state is not None else OrderTableState()

    def get(self, client_order_id: str) -> OrderEntry | None:
        return self.state.orders.get(client_order_id)

    def add(self, request: OrderRequest, now: int) -> OrderEntry:
        raise NotImplementedError

    def denied(self, client_order_id: str, text: str, now: int) -> Applied:
        raise NotImplementedError

    def sent(self, client_order_id: str, now: int) -> Applied:
        raise NotImplementedError

    def cancel_sent(self, client_order_id: str, now: int) -> Applied:
        raise NotImplementedError

    def apply(self, event: OrderEvent, now: int) -> Applied:
        raise NotImplementedError

    def open_orders(
        self, instrument: str | None = None, pair: str | None = None, venue: str | None = None
    ) -> tuple[OrderEntry, ...]:
        """Everything that may still fill: reserved intents, sent, working, in doubt, owed."""
        raise NotImplementedError

    def working(self, instrument: str | None = None) -> tuple[OrderEntry, ...]:
        """Sent and not ended, not in doubt."""
        raise NotImplementedError

    def doubtful(self, instrument: str | None = None) -> tuple[OrderEntry, ...]:
        raise NotImplementedError

    def due(self, now: int) -> Due:
        raise NotImplementedError

    def next_due(self) -> int | None:
        raise NotImplementedError

    def restored(self, now: int) -> tuple[OrderEntry, ...]:
        raise NotImplementedError

    def prune(self, now: int, keep_ns: int = 600 * 10**9) -> int:
        """Forget orders settled for `keep_ns`; returns how many."""
        raise NotImplementedError
