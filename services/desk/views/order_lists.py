"""Orders and fills as rows: the live ones from the desk's own table, the ended ones as they were recorded."""

from __future__ import annotations

from decimal import Decimal, localcontext

from services.desk.core import DeskCore
from services.desk.views.lately import Lately
from services.domain.enums import OrderState, Purpose
from services.domain.events import WorkingRow
from services.domain.money import DESK_CONTEXT, ONE, ZERO
from services.domain.records import FillRecord, OrderRecord
from services.execution.entries import OrderEntry
from services.views.orders import FillRow, OrderRow, OrdersView

SHOWN = 60
FOREIGN = "foreign"


def orders_view(core: DeskCore, lately: Lately) -> OrdersView:
    with localcontext(DESK_CONTEXT):
        live = core.orders.open_orders()
        names = {entry.id for entry in live}
        rows = [_own(core, entry) for entry in live]
        for book in core.state.venues.values():
            rows += [_foreign(core, book.report_event, row) for row in book.foreign_orders]
        rows.sort(key=lambda row: (not row.doubt, -row.ts))
        told = [row for row in lately.orders() if row.client_order_id not in names]
        ended = [row for row in told if row.state not in _LIVE]
        return OrdersView(
            ts=core.now,
            working=tuple(rows),
            recent=tuple(_ended(core, row) for row in ended[:SHOWN]),
            fills=tuple(_fill(core, row) for row in lately.fills()[:SHOWN]),
        )


_LIVE = (
    OrderState.INITIALIZED,
    OrderState.SUBMITTED,
    OrderState.ACCEPTED,
    OrderState.PARTIALLY_FILLED,
    OrderState.PENDING_CANCEL,
    OrderState.IN_DOUBT,
)


def _grid(core: DeskCore, instrument: str) -> tuple[Decimal, Decimal]:
    spec = core.instruments.get(instrument)
    return (ONE, ONE) if spec is None else (spec.price_increment, spec.size_increment)


def _own(core: DeskCore, entry: OrderEntry) -> OrderRow:
    request = entry.request
    price_step, size_step = _grid(core, request.instrument)
    return OrderRow(
        id=entry.id,
        venue_order_id=entry.venue_order_id,
        instrument=request.instrument,
        side=request.side.value,
        quantity=request.quantity,
        filled=entry.filled,
        price=request.price,
        avg_price=entry.avg_price,
        trigger=request.trigger,
        state=(OrderState.IN_DOUBT if entry.in_doubt else entry.state).value,
        live=True,
        doubt=entry.in_doubt,
        doubt_ns=0 if entry.doubt_since is None else max(0, core.now - entry.doubt_since),
        probes=entry.probes,
        purpose=request.purpose.value,
        origin=request.origin,
        pair=request.pair,
        reduce_only=request.reduce_only,
        post_only=request.post_only,
        foreign=False,
        protective=request.purpose.protective or request.trigger is not None,
        ts=entry.created,
        text=entry.text or request.reason,
        price_increment=price_step,
        size_increment=size_step,
    )


def _foreign(core: DeskCore, seen: int, row: WorkingRow) -> OrderRow:
    price_step, size_step = _grid(core, row.instrument)
    return OrderRow(
        id=row.client_order_id or row.venue_order_id,
        venue_order_id=row.venue_order_id,
        instrument=row.instrument,
        side=row.side.value,
        quantity=row.quantity,
        filled=row.filled,
        price=row.price,
        avg_price=None,
        trigger=row.trigger,
        state="resting",
        live=True,
        doubt=False,
        doubt_ns=0,
        probes=0,
        purpose=FOREIGN,
        origin=FOREIGN,
        pair=None,
        reduce_only=row.reduce_only,
        post_only=False,
        foreign=True,
        protective=False,
        ts=seen,
        text="not ours, by the venue's last read",
        price_increment=price_step,
        size_increment=size_step,
    )


def _ended(core: DeskCore, row: OrderRecord) -> OrderRow:
    price_step, size_step = _grid(core, row.instrument)
    return OrderRow(
        id=row.client_order_id,
        venue_order_id=row.venue_order_id,
        instrument=row.instrument,
        side=row.side.value,
        quantity=row.quantity,
        filled=row.filled,
        price=row.price,
        avg_price=row.avg_price,
        trigger=None,
        state=row.state.value,
        live=False,
        doubt=False,
        doubt_ns=0,
        probes=0,
        purpose=row.purpose,
        origin=row.origin,
        pair=row.pair,
        reduce_only=row.reduce_only,
        post_only=False,
        foreign=False,
        protective=row.purpose in (Purpose.STOP.value, Purpose.FLATTEN.value, Purpose.UNWIND.value),
        ts=row.ts,
        text=row.text,
        price_increment=price_step,
        size_increment=size_step,
    )


def _fill(core: DeskCore, row: FillRecord) -> FillRow:
    price_step, size_step = _grid(core, row.instrument)
    spec = core.instruments.get(row.instrument)
    return FillRow(
        key=f"{row.instrument}|{row.trade_id}",
        ts=row.ts,
        instrument=row.instrument,
        side=row.side.value,
        size=row.size,
        price=row.price,
        fee=row.fee,
        fee_coin=row.fee_coin,
        pnl=row.pnl if row.pnl.is_finite() else ZERO,
        settle="" if spec is None else spec.settle,
        order=row.client_order_id,
        strategy=row.strategy,
        foreign=row.foreign,
        price_increment=price_step,
        size_increment=size_step,
    )
