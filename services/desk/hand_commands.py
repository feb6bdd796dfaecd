"""What the commands by hand do: an order, a pair, a cancel, and a person let back in after the throttle.

Each gives its one answer; the gate's refusal is one of them.
"""

from __future__ import annotations

from services.desk import hand_pairs, tickets
from services.desk.answers import REFUSED, USAGE, done, failed
from services.desk.core import DeskCore
from services.desk.hand import OPERATOR
from services.desk.submit import Submitter
from services.domain.effects import Done
from services.domain.enums import Side
from services.domain.events import Command


def order(core: DeskCore, submit: Submitter, command: Command) -> Done:
    """`buy` and `sell`."""
    if core.state.stopping is not None:
        return failed(command, "stopping", "denied: the engine is stopping", REFUSED)
    side = Side.BUY if command.name == "buy" else Side.SELL
    try:
        ticket = tickets.read(core, side, command.args)
        entry = tickets.place(core, submit, ticket)
    except tickets.TicketError as error:
        return failed(command, "usage", str(error), USAGE)
    if not tickets.sent(entry):
        return failed(command, "denied", f"denied: {entry.text}", REFUSED)
    words = f"{ticket.side.value} {entry.request.quantity:,f} {ticket.spec.id} at {ticket.price:,f}"
    text = f"{words}: on its way"
    return done(command, {"ok": True, "order": entry.id, "rests": not ticket.ioc, "text": text})


def pair(core: DeskCore, submit: Submitter, command: Command) -> Done:
    """`pair open`."""
    try:
        ticket = hand_pairs.read(core, command.args)
    except tickets.TicketError as error:
        return failed(command, "usage", str(error), USAGE)
    outcome = hand_pairs.open_pair(core, submit, ticket)
    if not outcome.pair:
        return failed(command, "denied", f"denied: {outcome.why}", REFUSED)
    legs = f"short {ticket.short.id}, long {ticket.long.id}"
    return done(command, {"ok": True, "pair": outcome.pair, "text": f"{outcome.pair} is opening: {legs}"})


def cancel(core: DeskCore, submit: Submitter, command: Command) -> Done:
    try:
        ids = tickets.cancel(core, submit, command.args["what"])
    except tickets.TicketError as error:
        return failed(command, "unknown", str(error), USAGE)
    return done(command, {"ok": True, "cancelled": ids})


def enable(core: DeskCore, command: Command, reason: str) -> Done:
    """`enable operator`: entries by hand pass again after the repeat throttle has taken them out."""
    core.causes.enable(OPERATOR, reason)
    core.throttle.forget(OPERATOR)
    core.resolve(f"throttle:{OPERATOR}")
    core.risk_event("enabled", OPERATOR, reason)
    return done(command, {"ok": True, "strategy": OPERATOR, "state": "running"})
