"""When the word of a read is believed: what one picture shows against our books may be late, or wrong."""

from __future__ import annotations

from services.desk.core import SECOND, DeskCore
from services.desk.state import VenueDesk
from services.domain.events import AccountReport
from services.execution.reconcile import Difference


def agreeing(book: VenueDesk, report: AccountReport, lines: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """Of these differences those that the read before, at least a second older, showed just so."""
    if report.ts_event - book.report_event < SECOND:
        return ()
    before = {line.id for line in book.differences}
    return tuple(line for line in lines if line.id in before)


def believed(core: DeskCore, read_at: int, line: Difference) -> bool:
    """A picture may be older than its stamp: what was traded there within the venue's settling time need not
    be in it."""
    since = read_at - core.settings.exec.in_doubt_settling_s * SECOND
    return all(fill.instrument != line.subject for fill in core.orders.recent_fills(line.venue, since))


def confirmed(core: DeskCore, book: VenueDesk, line: Difference) -> bool:
    """Shown by the last read, and a second or more before it: one read alone may be wrong."""
    return (book.report_ts or 0) - line.since >= SECOND and believed(core, book.report_event, line)


def may_explain(core: DeskCore, instrument: str) -> bool:
    """A fill of ours that we have not heard of yet may be all of a difference there: its order's last word
    comes first. A backstop that the reads list as waiting has filled nothing."""
    return any(
        not core.backstops.resting(entry.id) for entry in core.orders.open_orders(instrument=instrument)
    )
