"""What others do on our account: their working orders, their trades, and what those take from our pairs."""

from __future__ import annotations

import re

from services.desk.core import SECOND, DeskCore
from services.domain.effects import Cancel
from services.domain.enums import Severity
from services.domain.events import OrderFilled, WorkingRow

_OURS = re.compile(r"[0-9a-z]{20}")
"""The form of a client order id of this product (SEMANTICS 7)."""
_INSTANCE = 6


def watch_orders(core: DeskCore, venue: str) -> None:
    """After a read: working orders that are not ours are an alert while they stand; another engine's, or
    another store's, are known by the instance in their ids, and are an alarm."""
    rows = core.state.venue(venue).foreign_orders
    key = f"foreign orders:{venue}"
    if not rows:
        core.resolve(key)
        return
    others = sorted({name for row in rows if (name := _instance(core, row))})
    first = rows[0]
    text = (
        f"{venue}: {len(rows)} working order{'' if len(rows) == 1 else 's'} not ours, first "
        f"{first.side.value} {first.quantity - first.filled:,f} {first.instrument}"
    )
    if others:
        text = f"{text}; instance {', '.join(others)} is another engine, or this one before a rebuilt store"
    core.hold(
        key,
        Severity.ALARM if others else Severity.WARNING,
        text,
        do="find out who trades on this account; flatten cancels them" if others else "",
    )


def take_back(core: DeskCore, venue: str) -> None:
    """After a read: orders of ours that work at the venue though our books have given them up (the word came
    later than the venue's settling time). Nobody watches their fills: canceled at every read until gone."""
    for row in core.state.venue(venue).foreign_orders:
        if is_ours(core, row.client_order_id):
            core.decide("given up", row.client_order_id, f"{row.instrument}: works at {venue}, taken back")
            core.emit(
                Cancel(
                    venue=venue,
                    instrument=row.instrument,
                    client_order_id=row.client_order_id,
                    venue_order_id=row.venue_order_id,
                )
            )


def _instance(core: DeskCore, row: WorkingRow) -> str:
    """The instance in an id of our form that is not this store's; empty = no such id."""
    name = row.client_order_id
    instance = name[:_INSTANCE]
    return instance if _OURS.fullmatch(name) and instance != core.state.ids.instance else ""


def is_ours(core: DeskCore, client_order_id: str) -> bool:
    return bool(_OURS.fullmatch(client_order_id)) and client_order_id.startswith(core.state.ids.instance)


def heard(core: DeskCore, venue: str) -> None:
    """A word on an order that is not ours: it is looked at in a fresh read within a second."""
    due = core.now + SECOND
    if core.state.timers.get(f"read {venue}", due + 1) > due:
        core.set_timer(f"read {venue}", due)


def missing(fill: OrderFilled) -> str:
    """Why a leg is missing after a fill that no order of ours explains."""
    if fill.adl:
        return "leg missing: ADL"
    return "leg missing: liquidation" if fill.liquidation else "leg missing: foreign fill"
