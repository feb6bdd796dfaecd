"""The JSON that answers commands, and the causes in it (CONSOLE, the contract)."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from services.desk.core import DeskCore
from services.desk.differences import accepting, cannot_accept
from services.domain.effects import Done
from services.domain.events import Command
from services.domain.money import ZERO
from services.execution.entries import OrderEntry
from services.execution.reconcile import Difference
from services.views.desk import DifferenceView
from services.views.strip import CauseView

OK, FAILED, USAGE, REFUSED, LEFT_OPEN = 0, 1, 2, 4, 5
"""Exit statuses of CONSOLE; the closed list lives with the protocol."""


class StateAnswer(Struct, frozen=True, kw_only=True):
    """Of `halt`, `resume`, `stop`."""

    ok: bool
    trading_state: str
    causes: tuple[CauseView, ...]
    cancelled: int = 0
    """Cancels handed out because of it."""
    pending: int = 0
    """Orders that are still open after it."""


class RefusedLine(Struct, frozen=True, kw_only=True):
    id: str
    why: str


class ReconcileAnswer(Struct, frozen=True, kw_only=True):
    """Of `reconcile` and `reconcile accept`. `ok`: every venue was read and nothing waits."""

    ok: bool
    trading_state: str
    causes: tuple[CauseView, ...]
    cancelled: int = 0
    pending: int = 0
    differences: tuple[DifferenceView, ...] = ()
    unread: tuple[str, ...] = ()
    """Venues that did not answer in time."""
    accepted: tuple[str, ...] = ()
    refused: tuple[RefusedLine, ...] = ()
    """Lines that were named and not adopted."""


class FlattenAnswer(Struct, frozen=True, kw_only=True):
    flat: bool
    orders_left: tuple[str, ...]
    positions_left: tuple[str, ...]
    kept: tuple[str, ...]
    fresh_read_ts: int | None
    """Of the venue that was read the longest ago; None = one was not read."""


def done(command: Command, result: Struct | dict[str, object]) -> Done:
    return Done(command=command.id, ok=True, result=msgspec.json.encode(result).decode(), exit=OK)


def failed(command: Command, code: str, text: str, status: int) -> Done:
    return Done(command=command.id, ok=False, code=code, text=text, exit=status)


def still_open(core: DeskCore) -> list[OrderEntry]:
    """Orders whose end is awaited; a backstop that rests at its venue is meant to stay."""
    return [entry for entry in core.orders.open_orders() if not core.backstops.resting(entry.id)]


def cause_views(core: DeskCore) -> tuple[CauseView, ...]:
    return tuple(
        CauseView(
            name=cause.name,
            scope=cause.scope,
            severity=cause.severity,
            state=cause.state,
            latched=cause.latched,
            since=cause.since,
            text=core.told(cause),
            holds=cause.latched or cause.holds,
        )
        for cause in core.causes.causes()
    )


def state_answer(core: DeskCore, cancelled: int = 0) -> StateAnswer:
    return StateAnswer(
        ok=True,
        trading_state=core.causes.worst().value,
        causes=cause_views(core),
        cancelled=cancelled,
        pending=len(still_open(core)),
    )


def reconcile_answer(
    core: DeskCore,
    unread: tuple[str, ...] = (),
    accepted: tuple[str, ...] = (),
    refused: tuple[tuple[str, str], ...] = (),
) -> ReconcileAnswer:
    lines = difference_views(core)
    state = state_answer(core)
    return ReconcileAnswer(
        ok=not unread and not refused and not any(line.waits for line in lines),
        trading_state=state.trading_state,
        causes=state.causes,
        pending=state.pending,
        differences=lines,
        unread=unread,
        accepted=accepted,
        refused=tuple(RefusedLine(id=name, why=why) for name, why in refused),
    )


def difference_views(core: DeskCore) -> tuple[DifferenceView, ...]:
    """Every line that waits, then what was adopted by itself lately, newest first."""
    books = core.state.venues.values()
    waiting = [line for book in books for line in book.differences]
    adopted = [line for book in books for line in book.adopted]
    adopted.sort(key=lambda line: (-line.since, line.id))
    return tuple(_difference(core, line) for line in (*waiting, *adopted))


def _difference(core: DeskCore, line: Difference) -> DifferenceView:
    return DifferenceView(
        id=line.id,
        kind=line.kind.value,
        venue=line.venue,
        subject=line.subject,
        ours=line.ours if line.ours is not None else ZERO,
        theirs=line.theirs if line.theirs is not None else ZERO,
        usd=line.usd,
        state="adopted" if line.adopted else "waiting",
        since=line.since,
        text=line.text,
        accepting=accepting(core, line),
        acceptable=not cannot_accept(core, line),
    )
