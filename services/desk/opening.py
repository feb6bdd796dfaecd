"""The first read of a new desk: its balances, positions and orders are where the books begin.

A venue that does not answer may be heard on its stream for a while before it is read: somebody's fills, and
those of a flatten. The ledger has booked them from nothing, so none of its figures stands beside the read's:
what the read does not list is not there. Only what the venue did after its picture comes on top.
"""

from __future__ import annotations

from services.desk import booking, foreign, found
from services.desk.core import DeskCore
from services.desk.submit import Submitter
from services.desk.whole_read import whole
from services.domain.enums import Severity
from services.domain.events import AccountReport
from services.domain.money import ZERO
from services.execution.reconcile import newer_fills


def take(core: DeskCore, submit: Submitter, report: AccountReport, asked_ts: int) -> bool:
    """`asked_ts`: our time of the question, 0 = it answers an earlier one. False = a payment or transfer was
    heard meanwhile, and nobody can say whether it is in these balances: the next read decides."""
    book = core.state.venue(report.venue)
    if book.moved_ts >= asked_ts:
        core.decide("not opened", report.venue, "a payment came while it was read: read again")
        return False
    _hear_ours(core, submit, report)
    newer = newer_fills(core.orders.recent_fills(report.venue, 0), report, asked_ts)
    core.ledger.begin(report, core.instruments)
    for fill in sorted(newer, key=lambda each: each.ts_event):
        if fill.instrument in core.instruments:
            core.ledger.apply_again(
                fill,
                core.instruments[fill.instrument],
                core.picture.settle_usd(fill.instrument),
                core.picture.quote_usd(fill.instrument),
            )
    for row in report.positions:
        if row.size != ZERO:
            core.alert(
                f"foreign:{row.instrument}",
                Severity.WARNING,
                f"{row.instrument}: {row.size:,f} was open before this desk began",
                do="flatten it, or close it at the venue",
            )
    book.foreign_orders = tuple(row for row in report.orders if core.orders.get(row.client_order_id) is None)
    foreign.watch_orders(core, report.venue)
    book.opened = True
    book.agreed_ts = report.ts
    core.decide("opened", report.venue, f"{len(report.balances)} balances, {len(report.positions)} positions")
    return True


def _hear_ours(core: DeskCore, submit: Submitter, report: AccountReport) -> None:
    """What our own orders have traded unheard is told to them, and has its row, before the books begin: from
    then on it is inside the read's figures, and would be booked no more."""
    found.adopt_fills(core, submit, report.venue, report.fills)
    with whole(core, submit):
        for fill in sorted(report.fills, key=lambda each: each.ts_event):
            if core.orders.get(fill.client_order_id) is not None:
                booking.on_order_event(core, submit, fill)
    core.catch_up()
