"""The command `reconcile`: a fresh read of every venue is asked for; when all are there the lines are told.

It changes nothing by itself: what a read brings is booked, adopted or shown like that of any other read.
"""

from __future__ import annotations

import msgspec

from services.desk.answers import FAILED, OK, REFUSED, reconcile_answer
from services.desk.core import SECOND, DeskCore
from services.desk.state import ReadWait
from services.desk.submit import Submitter
from services.domain.effects import Done
from services.domain.events import AccountReport
from services.execution.actions import Ask

TIMER = "reconcile"
WAIT_S = 10
"""A venue that has not answered by then is named as unread."""


def begin(core: DeskCore, submit: Submitter, command: str) -> None:
    """Every venue is asked in this turn; `on_read` hears the answers."""
    reads = {venue: core.state.venue(venue).request + 1 for venue in core.account_venues()}
    core.state.reconciles[command] = ReadWait(reads, core.now + WAIT_S * SECOND)
    submit.asks.extend(Ask(venue, "reconcile") for venue in reads)
    core.set_timer(f"{TIMER} {command}", core.now + WAIT_S * SECOND)


def on_read(core: DeskCore, report: AccountReport) -> None:
    """A read was taken over. One that is older than fills of ours decides nothing: the next, soon, does."""
    number = report.request.rpartition("-")[2]
    if not number.isdecimal() or core.state.venue(report.venue).undecided:
        return
    for command, wait in list(core.state.reconciles.items()):
        if report.venue in wait.reads and int(number) >= wait.reads[report.venue]:
            del wait.reads[report.venue]
            if not wait.reads:
                core.cancel_timer(f"{TIMER} {command}")
                _answer(core, command, ())


def due(core: DeskCore, command: str) -> None:
    """Its time is up: what was not read is named."""
    wait = core.state.reconciles.get(command)
    if wait is not None:
        _answer(core, command, tuple(wait.reads))


def _answer(core: DeskCore, command: str, unread: tuple[str, ...]) -> None:
    core.state.reconciles.pop(command, None)
    finish(core, command, unread=unread)


def finish(
    core: DeskCore,
    command: str,
    *,
    unread: tuple[str, ...] = (),
    accepted: tuple[str, ...] = (),
    refused: tuple[tuple[str, str], ...] = (),
) -> None:
    """The one answer of `reconcile` and `reconcile accept`: 0 nothing open, 4 a difference waits."""
    answer = reconcile_answer(core, unread, accepted, refused)
    waiting = [line for line in answer.differences if line.waits]
    words = []
    words += [why for venue in unread if (why := core.barred(venue))]
    silent = [venue for venue in unread if not core.barred(venue)]
    if silent:
        words.append(f"no answer from {', '.join(silent)}: nothing can be said of it; is it down?")
    words += [f"{name}: {why}" for name, why in refused]
    if waiting:
        count = f"{len(waiting)} difference{'' if len(waiting) == 1 else 's'}"
        words.append(f"{count} to the venues: find out who traded, then accept")
    core.emit(
        Done(
            command=command,
            ok=not words,
            result=msgspec.json.encode(answer).decode(),
            code="" if not words else "unread" if unread else "differences",
            text="; ".join(words),
            exit=FAILED if unread else REFUSED if words else OK,
        )
    )
