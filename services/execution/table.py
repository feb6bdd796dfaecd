"""Our orders, by client id: the one place that counts the fills of orders.

How the desk uses it, for every venue event and every answer of the gate:

1. `add(request, now)` when an intent is made (it reserves from here on); `denied(id, text, now)` when the
   gate or a time-out says no; `sent(id, now)` when `Send` is emitted.
2. `apply(event, now)` for every order event, foreign fills included. `Applied.fills` are the fills to book in
   the ledger (none when the trade id was counted before); `Applied.entry` goes to `PairMachine.on_order`,
   `FlattenMachine.on_order` and `StopBook.on_order`; `Applied.anomaly` is an alert.
3. `cancel_sent(id, now)` when a `Cancel` is emitted. For an intent that has not gone out it means: denied.
4. A timer at `next_due()`: `due(now)` puts silent orders in doubt and says which to probe.
5. `restored(now)` once after a restart: what may be at the venue unanswered becomes in doubt.
6. `prune(now)` now and then.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from services.domain.enums import OrderState
from services.domain.events import (
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
)
from services.domain.instrument import venue_of
from services.domain.orders import OrderRequest
from services.execution.actions import Probe
from services.execution.entries import Applied, Due, OrderEntry
from services.execution.life import Happened, step
from services.execution.patience import Patience
from services.settings.parameters import Execution

__all__ = ["Applied", "Due", "OrderEntry", "OrderEvent", "OrderTable", "OrderTableState"]

OrderEvent = (
    OrderAccepted | OrderRejected | OrderCanceled | CancelRejected | OrderFilled | OrderUnknown | OrderReport
)

_SECOND = 10**9

_REPORTED: dict[OrderState, Happened] = {
    OrderState.SUBMITTED: Happened.ACCEPTED,
    OrderState.ACCEPTED: Happened.ACCEPTED,
    OrderState.PARTIALLY_FILLED: Happened.ACCEPTED,
    OrderState.PENDING_CANCEL: Happened.ACCEPTED,
    OrderState.CANCELED: Happened.CANCELED,
    OrderState.EXPIRED: Happened.EXPIRED,
    OrderState.REJECTED: Happened.REJECTED,
}
"""What a probe's answer says happened. FILLED says it through its fills."""


class OrderTableState(Struct):
    orders: dict[str, OrderEntry] = field(default_factory=dict)
    recent: dict[str, OrderFilled] = field(default_factory=dict)
    """Fills of the last minutes by `instrument|trade id`, foreign ones too: reconciliation needs them."""


class OrderTable:
    """See the module's docstring for the order of calls."""

    def __init__(self, settings: Execution, state: OrderTableState | None = None) -> None:
        self._patience = Patience(settings)
        self._settling = settings.in_doubt_settling_s * _SECOND
        self.state = state if state is not None else OrderTableState()
        self._open: dict[str, OrderEntry] = {}
        """The unsettled ones, in the table's order: asked for many times in every turn."""
        self._list_open()

    # Asking.

    def get(self, client_order_id: str) -> OrderEntry | None:
        return self.state.orders.get(client_order_id)

    def open_orders(
        self, instrument: str | None = None, pair: str | None = None, venue: str | None = None
    ) -> tuple[OrderEntry, ...]:
        """Everything that may still fill: reserved intents, sent, working, in doubt, owed."""
        if not self._open:
            return ()
        found = [entry for entry in self._open.values() if not entry.settled]
        if instrument is not None:
            found = [entry for entry in found if entry.request.instrument == instrument]
        if pair is not None:
            found = [entry for entry in found if entry.request.pair == pair]
        if venue is not None:
            found = [entry for entry in found if entry.venue == venue]
        return tuple(found)

    def working(self, instrument: str | None = None) -> tuple[OrderEntry, ...]:
        """Sent and not ended, not in doubt."""
        return tuple(
            entry
            for entry in self.open_orders(instrument)
            if entry.sent is not None and not entry.in_doubt and not entry.ended
        )

    def doubtful(self, instrument: str | None = None) -> tuple[OrderEntry, ...]:
        return tuple(entry for entry in self.open_orders(instrument) if entry.in_doubt)

    def recent_fills(self, venue: str, since: int) -> tuple[OrderFilled, ...]:
        """Fills counted here whose venue time is at or after `since`, for `reconcile.Held`."""
        return tuple(f for f in self.state.recent.values() if f.venue == venue and f.ts_event >= since)

    # Our own steps.

    def add(self, request: OrderRequest, now: int) -> OrderEntry:
        """A new intent. Raises ValueError for an id that was used before: ids are drawn once."""
        if request.client_order_id in self.state.orders:
            raise ValueError(f"order {request.client_order_id} exists already")
        entry = OrderEntry(request=request, venue=venue_of(request.instrument), created=now, changed=now)
        self.state.orders[request.client_order_id] = self._open[request.client_order_id] = entry
        return entry

    def adopt(
        self, request: OrderRequest, venue_order_id: str, filled: Decimal, ts_event: int, now: int
    ) -> OrderEntry:
        """An order of ours that only the venue still knows. What it says to have filled is asked for."""
        entry = self.add(request, now)
        entry.state = OrderState.ACCEPTED
        entry.sent = entry.answered = now
        entry.answered_event = ts_event
        entry.venue_order_id = venue_order_id
        entry.venue_filled = filled
        self._watch(entry, now)
        return entry

    def denied(self, client_order_id: str, text: str, now: int) -> Applied:
        return self._own(client_order_id, Happened.DENIED, now, text)

    def sent(self, client_order_id: str, now: int) -> Applied:
        applied = self._own(client_order_id, Happened.SENT, now, "")
        if applied.entry is not None and applied.anomaly is None:
            applied.entry.sent = now
        return applied

    def cancel_sent(self, client_order_id: str, now: int) -> Applied:
        before = self.get(client_order_id)
        pending = before is not None and before.state is OrderState.PENDING_CANCEL
        applied = self._own(client_order_id, Happened.CANCEL_SENT, now, "cancel asked")
        if applied.entry is not None:
            self._patience.cancel_sent(applied.entry, now, pending=pending)
        return applied

    def cancel_failed(self, client_order_id: str, now: int) -> None:
        """The cancel brought an error or no answer: `due` says when to ask again."""
        entry = self.get(client_order_id)
        if entry is not None:
            self._patience.cancel_failed(entry, now)

    # The venue's words.

    def apply(self, event: OrderEvent, now: int) -> Applied:
        """Book an order event. Never raises for what a venue says."""
        entry = self.state.orders.get(event.client_order_id) if event.client_order_id else None
        if isinstance(event, OrderFilled):
            return self._fill(entry, event, now)
        if entry is None:
            return Applied(
                None, anomaly=f"{type(event).__name__} for unknown order {event.client_order_id!r}"
            )
        was_settled = entry.settled
        fills: tuple[OrderFilled, ...] = ()
        anomaly: str | None = None
        match event:
            case OrderAccepted():
                entry.venue_order_id = event.venue_order_id
                self._heard(entry, event.ts_event, now)
                if not self._patience.stays_doubtful(entry, event.ts_event, now):
                    anomaly = self._happen(entry, Happened.ACCEPTED, now)
            case OrderRejected():
                if not event.unsent:  # else its venue has said nothing: no protection gives way to that
                    self._heard(entry, event.ts_event, now)
                anomaly = self._happen(entry, Happened.REJECTED, now, event.reason)
            case OrderCanceled():
                self._heard(entry, event.ts_event, now)
                entry.venue_filled = max(entry.venue_filled, event.filled)
                anomaly = self._happen(entry, Happened.CANCELED, now, event.reason)
            case CancelRejected():
                if entry.overstays:
                    self._patience.refused(entry, now)
                else:
                    anomaly = self._happen(entry, Happened.CANCEL_REFUSED, now, event.reason)
                self._patience.cancel_failed(entry, now)
            case OrderUnknown():
                anomaly = self._happen(entry, Happened.OUTCOME_UNKNOWN, now, event.reason)
            case OrderReport():
                fills, anomaly = self._report(entry, event, now)
        self._watch(entry, now)
        return Applied(entry, fills, anomaly=anomaly, ended=entry.settled and not was_settled)

    # The clock.

    def due(self, now: int) -> Due:
        """Silent orders become in doubt, those in doubt are probed, lost cancels are asked for again."""
        doubted: list[OrderEntry] = []
        cancels: list[str] = []
        probes: list[Probe] = []
        for entry in self.open_orders():
            deadline = self._patience.deadline(entry)
            if deadline is not None and now >= deadline and not entry.in_doubt:
                self._happen(entry, Happened.OUTCOME_UNKNOWN, now, "no answer in time")
                self._watch(entry, now)
                doubted.append(entry)
            if self._patience.probe_due(entry, now):
                self._patience.probed(entry, now)
                entry.asked_late = entry.asked_late or now >= self._settled_at(entry)
                probes.append(Probe(entry.venue, entry.request.instrument, entry.id))
            if self._patience.cancel_due(entry, now):
                entry.next_cancel = None
                cancels.append(entry.id)
        return Due(tuple(probes), tuple(doubted), self.next_due(), tuple(cancels))

    def next_due(self) -> int | None:
        looks = [self._patience.next_look(entry) for entry in self._open.values() if not entry.settled]
        return min([at for at in looks if at is not None], default=None)

    def doubt_unsent(self, now: int) -> None:
        """What only waited when the process died may have left it: from here on no halt calls it unsent."""
        for entry in self.open_orders():
            if entry.state is OrderState.INITIALIZED:
                self._happen(entry, Happened.OUTCOME_UNKNOWN, now, "restarted before its answer")
                self._watch(entry, now)

    def restored(self, now: int) -> tuple[OrderEntry, ...]:
        """After a restart: orders whose answer we may have missed are in doubt and probed at once.

        An intent counts as possibly sent: the process may have died between the send and the note of it.
        Resting orders that were accepted are left to the account read.
        """
        doubted = []
        for entry in self.open_orders():
            resting = entry.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)
            if resting and not entry.immediate:
                continue
            if not entry.in_doubt:
                self._happen(entry, Happened.OUTCOME_UNKNOWN, now, "restarted before its answer")
                self._watch(entry, now)
            entry.next_probe = now
            doubted.append(entry)
        return tuple(doubted)

    def prune(self, now: int, keep_ns: int = 600 * _SECOND) -> int:
        """Forget what has been settled for `keep_ns`; returns how many orders went."""
        old = [e.id for e in self.state.orders.values() if e.settled and now - e.changed >= keep_ns]
        for client_order_id in old:
            del self.state.orders[client_order_id]
        for key in [k for k, fill in self.state.recent.items() if now - fill.ts >= keep_ns]:
            del self.state.recent[key]
        return len(old)

    # Inside.

    def _own(self, client_order_id: str, happened: Happened, now: int, text: str) -> Applied:
        entry = self.get(client_order_id)
        if entry is None:
            return Applied(None, anomaly=f"{happened} for unknown order {client_order_id!r}")
        was_settled = entry.settled
        anomaly = self._happen(entry, happened, now, text)
        self._watch(entry, now)
        return Applied(entry, anomaly=anomaly, ended=entry.settled and not was_settled)

    def _happen(self, entry: OrderEntry, happened: Happened, now: int, text: str = "") -> str | None:
        following = step(entry.state, happened, filled=entry.filled > 0)
        if following.state is not entry.state:
            entry.state = following.state
            entry.changed = now
            if text:
                entry.text = text
        if following.anomaly is not None:
            return f"order {entry.id}: {following.anomaly}"
        return None

    def _fill(self, entry: OrderEntry | None, fill: OrderFilled, now: int) -> Applied:
        key = f"{fill.instrument}|{fill.trade_id}"
        if key in self.state.recent or (entry is not None and fill.trade_id in entry.trades):
            return Applied(entry, duplicate=True)
        self.state.recent[key] = fill
        if entry is None:
            return Applied(None, (fill,))
        was_settled = entry.settled
        entry.trades.append(fill.trade_id)
        entry.filled += fill.quantity
        entry.cost += fill.quantity * fill.price
        entry.changed = now
        if not entry.venue_order_id:
            entry.venue_order_id = fill.venue_order_id
        self._heard(entry, fill.ts_event, now)
        last = entry.filled >= entry.request.quantity
        anomaly = self._happen(entry, Happened.LAST_FILL if last else Happened.PART_FILL, now)
        if entry.filled > entry.request.quantity:
            anomaly = f"order {entry.id}: filled {entry.filled:,f} of {entry.request.quantity:,f}"
        self._watch(entry, now)
        return Applied(entry, (fill,), anomaly=anomaly, ended=entry.settled and not was_settled)

    def _report(
        self, entry: OrderEntry, report: OrderReport, now: int
    ) -> tuple[tuple[OrderFilled, ...], str | None]:
        """A probe's answer. "No such order" counts only when it speaks of a time past the venue's settling
        time: an answer that was long under way, to a question of before, says nothing."""
        if not report.found:
            settled, asked = self._settled_at(entry), entry.in_doubt or entry.overstays
            late = now >= settled and (report.ts_event >= settled or entry.asked_late)
            if asked and not entry.owed and late:
                return (), self._happen(entry, Happened.NOT_FOUND, now, "the venue has no such order")
            return (), None
        self._heard(entry, report.ts_event, now)
        if report.venue_order_id:
            entry.venue_order_id = report.venue_order_id
        fills: list[OrderFilled] = []
        anomaly: str | None = None
        for fill in report.fills:
            applied = self._fill(entry, fill, now)
            fills.extend(applied.fills)
            anomaly = anomaly or applied.anomaly
        anomaly = entry.hear_filled(report.filled, now, self._settling) or anomaly
        happened = _REPORTED.get(report.state) if report.state is not None else None
        if happened is not None:
            anomaly = self._happen(entry, happened, now, entry.text) or anomaly
            self._patience.still_alive(entry, report.ts_event, now)
        elif entry.owed > 0 and not entry.ended:
            # FILLED by the venue, but its fills have not all come: known to be gone, not known at what price.
            self._happen(entry, Happened.OUTCOME_UNKNOWN, now, "filled, waiting for the fills")
        return tuple(fills), anomaly

    def _settled_at(self, entry: OrderEntry) -> int:
        """By then the venue knows the order, if it ever will."""
        return (entry.sent if entry.sent is not None else entry.created) + self._settling

    def _heard(self, entry: OrderEntry, ts_event: int, now: int) -> None:
        if entry.answered is None:
            entry.answered, entry.answered_event = now, ts_event

    def _watch(self, entry: OrderEntry, now: int) -> None:
        """Keep the probe schedule in step with the doubt, and the list of what is open."""
        self._patience.watch(entry, now)
        if entry.settled:
            self._open.pop(entry.id, None)
        elif entry.id not in self._open:
            self._list_open()  # a late word brought it back: it takes its old place

    def _list_open(self) -> None:
        self._open = {each.id: each for each in self.state.orders.values() if not each.settled}
