"""What an account report says about orders we believe to be open."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import OrderState
from services.domain.events import (
    AccountReport,
    FundingSettled,
    OrderCanceled,
    OrderFilled,
    OrderReport,
    TransferBooked,
    WorkingRow,
)
from services.domain.money import ZERO
from services.execution.entries import OrderEntry

NEVER = 1 << 62
"""No time of ours comes after it: all that was heard was heard before."""


def order_outcomes(
    orders: tuple[OrderEntry, ...],
    report: AccountReport,
    known_trades: frozenset[tuple[str, str]],
    fills_since: int,
    settling_ns: int,
    asked_ts: int = NEVER,
    agreed: frozenset[str] = frozenset(),
) -> list[OrderFilled | OrderCanceled | OrderReport | FundingSettled | TransferBooked]:
    """The words we missed about open orders, in the order of the table.

    An order that the venue acknowledged and does not list is gone; one that it never acknowledged did not
    arrive. Both only past the venue's settling time after its word, or the send: before that it may still be
    on its way, or the picture older than its stamp. The question (`asked_ts`, our time) must come behind that
    word, or that time, too: by stamps alone a clock that is off ends a young order. One that was never
    acknowledged and is older than the report's fills is left to its probes: fills may be missing. Of an
    acknowledged one every read since has listed the fills.

    `agreed`: instruments that the report shows just as our books do. What the venue once counted of an order
    there beyond all fills, and does not list any more, was a wrong count, once the doubt is older than the
    settling time.
    """
    listed = {row.client_order_id: row for row in report.orders if row.client_order_id}
    missing: dict[str, Decimal] = {}
    for fill in report.fills:
        if fill.client_order_id and (fill.instrument, fill.trade_id) not in known_trades:
            missing[fill.client_order_id] = missing.get(fill.client_order_id, ZERO) + fill.quantity
    events: list[OrderFilled | OrderCanceled | OrderReport | FundingSettled | TransferBooked] = []
    for entry in orders:
        if entry.venue != report.venue:
            continue
        filled = entry.filled + missing.get(entry.id, ZERO)
        row = listed.get(entry.id)
        overcounted = row is None and entry.venue_filled > filled and entry.request.instrument in agreed
        if overcounted and asked_ts >= (entry.doubt_since or 0) + settling_ns:
            events.append(_no_more(entry, filled, report))
            continue
        if entry.ended:
            continue
        if row is not None:
            if entry.state is OrderState.IN_DOUBT or row.filled > filled:
                events.append(_alive(entry, row, report))
            continue
        born = entry.sent if entry.sent is not None else entry.created
        unsent = entry.state is OrderState.INITIALIZED
        if unsent or filled >= entry.request.quantity:
            continue
        if born < fills_since and entry.answered_event is None:
            continue
        if entry.answered_event is not None:
            heard = entry.answered is None or entry.answered < asked_ts
            if heard and report.ts_event >= entry.answered_event + settling_ns:
                events.append(_gone(entry, filled, report))
        elif min(report.ts_event, asked_ts) >= born + settling_ns:
            events.append(_gone(entry, filled, report) if filled > ZERO else _never_arrived(entry, report))
    return events


def _alive(entry: OrderEntry, row: WorkingRow, report: AccountReport) -> OrderReport:
    return OrderReport(
        venue=report.venue,
        client_order_id=entry.id,
        found=True,
        state=OrderState.ACCEPTED,
        venue_order_id=row.venue_order_id,
        filled=row.filled,
        ts_event=report.ts_event,
        ts=report.ts,
    )


def _gone(entry: OrderEntry, filled: Decimal, report: AccountReport) -> OrderCanceled:
    return OrderCanceled(
        report.venue,
        entry.id,
        "no longer on the venue's list",
        filled,
        report.ts_event,
        report.ts,
    )


def _no_more(entry: OrderEntry, filled: Decimal, report: AccountReport) -> OrderReport:
    return OrderReport(
        venue=report.venue,
        client_order_id=entry.id,
        found=True,
        state=OrderState.CANCELED,
        filled=filled,
        ts_event=report.ts_event,
        ts=report.ts,
    )


def _never_arrived(entry: OrderEntry, report: AccountReport) -> OrderReport:
    return OrderReport(
        venue=report.venue, client_order_id=entry.id, found=False, ts_event=report.ts_event, ts=report.ts
    )
