"""A ticket's preview: the gate's own question at present figures, asked without placing or reserving.

It runs between two events and changes nothing: the same functions judge the order when it is placed.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext

from services.desk import gatekeeping, tickets
from services.desk.admitting import size_leg
from services.desk.core import DeskCore
from services.desk.hand import OPERATOR, spoken
from services.desk.submit import Submitter
from services.desk.views.figures import mark_usd
from services.domain.enums import Side
from services.domain.money import BPS, DESK_CONTEXT, ONE, ZERO
from services.execution.measured import allowance
from services.portfolio.margin import account_margin
from services.risk.context import Check
from services.risk.kelly import NO_RECORD
from services.risk.sizing import size_position
from services.views.ticket import BoundView, CheckView, TicketView

BOUNDS = 6
ASKED = "preview"
"""Stands where an order's id would: no order has it."""


def preview(core: DeskCore, submit: Submitter, args: dict[str, str]) -> TicketView:
    """Raises TicketError for what cannot be understood."""
    with localcontext(DESK_CONTEXT):
        side = Side.BUY if args.get("side") == "buy" else Side.SELL
        return _view(core, submit, tickets.read(core, side, args))


def _view(core: DeskCore, submit: Submitter, ticket: tickets.Ticket) -> TicketView:
    spec = ticket.spec
    answer = submit.ask_gate(tickets.request(core, ticket, ASKED))
    unit, mid = mark_usd(core, spec.id), core.picture.mid(spec.id)
    notional = None if unit is None else ticket.quantity * unit
    bounds = () if answer.reducing or notional is None else _bounds(answer.checks, notional)
    return TicketView(
        ts=core.now,
        instrument=spec.id,
        side=ticket.side.value,
        quantity=ticket.quantity,
        price=ticket.price,
        stated=ticket.stated,
        rests=not ticket.ioc,
        post_only=ticket.post_only,
        notional=notional,
        fee=None if notional is None or spec.taker_fee is None else notional * spec.taker_fee,
        from_mid_bps=None if mid is None else (ticket.price / mid - ONE) * ticket.side.sign / BPS,
        allowed=answer.allowed,
        quantity_allowed=answer.quantity,
        reducing=answer.reducing,
        refusal=answer.refusal,
        failed=tuple(_check(check) for check in answer.failed),
        bounds=bounds[:BOUNDS],
        sizing=() if answer.reducing else _sizing(core, submit, ticket, notional),
        binding=answer.binding,
        price_increment=spec.price_increment,
        size_increment=spec.size_increment,
    )


def _bounds(checks: tuple[Check, ...], notional: Decimal) -> tuple[BoundView, ...]:
    """What each limit leaves for this order in all, the tightest first: its room after it, and the order.

    To first order, as the gate tells it; a limit that does not matter of notional has none.
    """
    rooms: dict[str, Decimal] = {}
    for check in checks:
        if check.room is None or not check.room.is_finite():
            continue
        name = f"{check.name} {check.subject}".strip()
        room = max(Decimal(0), check.room + notional)
        rooms[name] = min(room, rooms.get(name, room))
    return bound_views(rooms.items(), notional)


def bound_views(rooms: Iterable[tuple[str, Decimal]], notional: Decimal | None) -> tuple[BoundView, ...]:
    """The tightest first, each with the share of it that `notional` takes. No room at all is over."""
    found = []
    for name, room in sorted(rooms, key=lambda each: each[1]):
        left = max(ZERO, room)
        used = None if notional is None else notional / left if left > ZERO else ONE
        found.append(BoundView(name=spoken(name), notional=left, used=used))
    return tuple(found)


def _sizing(
    core: DeskCore, submit: Submitter, ticket: tickets.Ticket, notional: Decimal | None
) -> tuple[BoundView, ...]:
    """The risk budget at the initial stop, the share of the capital and the book, the tightest first."""
    spec, stops = ticket.spec, core.settings.stop
    book = gatekeeping.accounts(core).get(spec.venue)
    answer = size_position(
        core.settings,
        capital=None if book is None else account_margin(book).collateral,
        strength=ONE,
        record=NO_RECORD,
        stop=stops.pegged_initial if spec.pegged else stops.initial,
        leg=size_leg(core, submit.prices, spec.id, ticket.side),
        slippage_bps=allowance(core.settings.exec, core.state.measured.get(OPERATOR)),
        head_rooms=(),
    )
    return bound_views(answer.bounds, notional)


def _check(check: Check) -> CheckView:
    return CheckView(
        name=check.name,
        subject=check.subject,
        value=check.value,
        limit=check.limit,
        unit=check.unit,
        passed=check.passed,
        text=check.text,
    )
