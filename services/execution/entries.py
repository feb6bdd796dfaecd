"""One order of ours as the table of orders keeps it, and what an event did to it."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from services.domain.enums import OrderState, OrderType, TimeInForce
from services.domain.events import OrderFilled
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.domain.records import OrderRecord
from services.execution.actions import Probe
from services.execution.life import ENDED

_IN_DOUBT = OrderState.IN_DOUBT


class OrderEntry(Struct):
    """All we know of one order of ours. Changed only by `OrderTable`."""

    request: OrderRequest
    venue: str
    state: OrderState = OrderState.INITIALIZED
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    """Σ quantity × price of the fills, quote coin."""
    venue_filled: Decimal = ZERO
    """Cumulative fill by the venue's own count, as far as it told us."""
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
    """The last time."""
    cancel_since: int | None = None
    """Since when a cancel has been under way: asking again does not put off the doubt."""
    cancels: int = 0
    """How often its cancel was sent."""
    next_cancel: int | None = None
    """When to send it again: the last one failed, was refused, or was lost."""
    doubt_since: int | None = None
    probes: int = 0
    next_probe: int | None = None
    rests_since: int | None = None
    """Since when the venue has shown it working though its end was overdue."""
    asked_since: int | None = None
    """Of such an order: when it was asked after, with no answer yet."""
    asked_late: bool = False
    """It was asked after past the venue's settling time: since then "no such order" answers that."""
    text: str = ""
    """Why it was denied, rejected, canceled, or is in doubt."""

    @property
    def id(self) -> str:
        return self.request.client_order_id

    @property
    def owed(self) -> Decimal:
        """What the venue says is filled beyond the fills we have seen: not settled while > 0."""
        more = self.venue_filled - self.filled
        return more if more >= ZERO else ZERO

    @property
    def leaves(self) -> Decimal:
        """What may still fill. Once ended: only what is owed."""
        if self.state in ENDED:
            return self.owed
        return max(self.request.quantity - self.filled, ZERO)

    @property
    def avg_price(self) -> Decimal | None:
        return self.cost / self.filled if self.filled > ZERO else None

    @property
    def in_doubt(self) -> bool:
        """Its outcome, or a fill of it, is not known."""
        return self.state is _IN_DOUBT or self.venue_filled > self.filled

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def settled(self) -> bool:
        """Ended, and every fill the venue speaks of has been counted."""
        return self.state in ENDED and self.venue_filled <= self.filled

    @property
    def immediate(self) -> bool:
        """It cannot rest: when no end is heard of it, its outcome is unknown. A trigger may wait."""
        at_once = self.request.tif is TimeInForce.IOC or self.request.type is OrderType.MARKET
        return at_once and self.request.trigger is None

    @property
    def may_rest(self) -> bool:
        """It stands in the book until somebody ends it, whatever it was to do."""
        return not self.immediate or self.rests_since is not None

    @property
    def overstays(self) -> bool:
        """The venue shows it working when its end was overdue: it is canceled and asked after, in no doubt
        as long as the venue answers."""
        return self.rests_since is not None and not self.ended and not self.in_doubt

    def hear_filled(self, figure: Decimal, now: int, settling_ns: int) -> str | None:
        """The venue's own count, in an answer to a question; the anomaly it shows.

        One that says less than an earlier one, and just what we have counted, is believed when the doubt is
        older than the venue's settling time: the earlier word was wrong, and no fill would ever explain it.
        """
        if figure >= self.venue_filled:
            self.venue_filled = figure
            return None
        since = self.doubt_since
        if figure != self.filled or since is None or now < since + settling_ns:
            return None
        wrong, self.venue_filled = self.venue_filled, figure
        return f"the venue spoke of {wrong:f} filled, of which only {figure:f} is"

    def record(self, now: int) -> OrderRecord:
        """Its present state, for the store."""
        request = self.request
        return OrderRecord(
            ts=now,
            client_order_id=request.client_order_id,
            venue_order_id=self.venue_order_id,
            instrument=request.instrument,
            side=request.side,
            quantity=request.quantity,
            price=request.price,
            filled=self.filled,
            avg_price=self.avg_price,
            state=self.state,
            purpose=request.purpose.value,
            origin=request.origin,
            pair=request.pair,
            reduce_only=request.reduce_only,
            text=self.text or request.reason,
        )


class Applied(Struct, frozen=True):
    """What an event did to the table."""

    entry: OrderEntry | None
    """None: not an order of ours."""
    fills: tuple[OrderFilled, ...] = ()
    """New fills, to be booked once; a report can bring several. Foreign fills too."""
    duplicate: bool = False
    anomaly: str | None = None
    ended: bool = False
    """With this event it settled."""


class Due(Struct, frozen=True):
    """What the clock makes of the open orders."""

    probes: tuple[Probe, ...]
    doubted: tuple[OrderEntry, ...]
    """Orders that have just become in doubt: hand them to the machines."""
    next_due: int | None
    cancels: tuple[str, ...] = ()
    """Orders whose cancel must be sent again."""
