"""The share of a venue's requests that fail: above a fifth there is no new risk there (PARAMETERS)."""

from __future__ import annotations

from services.desk.core import DeskCore
from services.domain.enums import Severity
from services.domain.events import (
    AccountReport,
    CancelRejected,
    Event,
    OrderCanceled,
    OrderReport,
)
from services.domain.venue_events import DeadManReport
from services.risk.throttle import ErrorRate


def on_answer(core: DeskCore, event: Event) -> None:
    """A question that was answered: the other side of the error rate. Orders' own answers count elsewhere."""
    match event:
        case AccountReport() | OrderReport() | CancelRejected() | DeadManReport():
            pass
        case OrderCanceled():
            entry = core.orders.get(event.client_order_id)
            if entry is None or entry.cancel_sent is None or entry.ended:
                return
        case _:
            return
    note(core, core.venue_errors.request(event.venue, True, core.now))


def note(core: DeskCore, change: ErrorRate | None) -> None:
    """A change of a venue's verdict; None = there is none."""
    if change is None:
        return
    core.decide("venue errors", change.venue, change.text)
    if change.blocked:
        core.alert(f"venue errors:{change.venue}", Severity.WARNING, change.text)
    else:
        core.resolve(f"venue errors:{change.venue}")
