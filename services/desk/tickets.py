"""Orders by hand: what a person typed becomes one order for the gate, or one line that says why not.

A ticket is an order like any other: the gate judges it, its intent is written before it goes out, and what it
opens stands under the local stop. Without a price it may take at most the first hedge band from the mid and
does not rest. Cancelling by hand reaches our own orders alone, and never one that protects.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from msgspec import Struct

from services.desk.core import DeskCore
from services.desk.hand import OPERATOR
from services.desk.submit import Submitter
from services.domain.enums import OrderState, OrderType, Purpose, Side, TimeInForce
from services.domain.instrument import Instrument
from services.domain.money import BPS, ZERO
from services.domain.orders import OrderRequest
from services.execution.entries import OrderEntry

ORIGIN = OPERATOR
_TERMS = re.compile(r"(?:@\s*(?P<price>[0-9.]+))?\s*(?P<flags>[a-z ,]*)")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?")
FLAGS = ("post", "ioc", "reduce")


class Ticket(Struct, frozen=True, kw_only=True):
    """As typed, understood."""

    spec: Instrument
    side: Side
    quantity: Decimal
    price: Decimal
    """Limit on the grid, rounded toward less risk."""
    stated: bool
    """False = it follows from the mid and the band."""
    post_only: bool = False
    ioc: bool = False
    reduce_only: bool = False


class TicketError(ValueError):
    """One line for whoever typed it."""


def read(core: DeskCore, side: Side, args: dict[str, str]) -> Ticket:
    """Raises TicketError."""
    spec = instrument_of(core, args.get("symbol", "").strip())
    quantity = spec.round_size(number("size", args.get("size", "")))
    if quantity <= ZERO:
        raise TicketError(f"{args['size']} is less than one lot of {spec.symbol} ({spec.size_increment:f})")
    found = _TERMS.fullmatch(args.get("terms", "").strip())
    flags = [] if found is None else re.split(r"[ ,]+", found["flags"].strip())
    unknown = [flag for flag in flags if flag and flag not in FLAGS]
    if found is None or unknown:
        raise TicketError(f"after the size: [@ PRICE] [{'] ['.join(FLAGS)}], not {args['terms'].strip()!r}")
    post, ioc = "post" in flags, "ioc" in flags
    if post and ioc:
        raise TicketError("post rests and ioc does not: choose one")
    if found["price"]:
        price = spec.round_price(side, number("price", found["price"]))
        if price <= ZERO:
            raise TicketError(f"{found['price']} is less than one step of {spec.symbol}'s price")
        return Ticket(
            spec=spec, side=side, quantity=quantity, price=price, stated=True,
            post_only=post, ioc=ioc, reduce_only="reduce" in flags,
        )  # fmt: skip
    if post:
        raise TicketError("post needs a price: @ PRICE")
    mid = core.picture.mid(spec.id) if core.picture.quote_fresh(spec.id, core.now) else None
    if mid is None:
        raise TicketError(f"{spec.id} has no fresh quote: name a price with @")
    band = core.settings.exec.hedge_bands[0] * BPS
    price = spec.round_price(side, mid * (1 + side.sign * band))
    return Ticket(
        spec=spec, side=side, quantity=quantity, price=price, stated=False, ioc=True,
        reduce_only="reduce" in flags,
    )  # fmt: skip


def request(core: DeskCore, ticket: Ticket, client_order_id: str) -> OrderRequest:
    rests = not ticket.ioc
    return OrderRequest(
        client_order_id=client_order_id,
        instrument=ticket.spec.id,
        side=ticket.side,
        quantity=ticket.quantity,
        price=ticket.price,
        type=OrderType.LIMIT,
        tif=TimeInForce.GTC if rests else TimeInForce.IOC,
        post_only=ticket.post_only,
        reduce_only=ticket.reduce_only,
        purpose=Purpose.TICKET,
        origin=ORIGIN,
        decided_mid=core.picture.mid(ticket.spec.id),
        reason="ticket",
    )


def place(core: DeskCore, submit: Submitter, ticket: Ticket) -> OrderEntry:
    """Through the gate and out; the entry says what came of it."""
    name = core.ids.draw(Purpose.TICKET)
    submit.place(request(core, ticket, name))
    entry = core.orders.get(name)
    if entry is None:
        raise TicketError("the order was not taken")
    return entry


def cancel(core: DeskCore, submit: Submitter, what: str) -> list[str]:
    """Cancels an order by its id or the end of it, or every one of a symbol, an instrument or `all`.

    Gives the ids. Raises TicketError when there is nothing to cancel, or only what protects.
    """
    mine = [entry for entry in core.orders.open_orders() if not entry.ended]
    wanted = what.strip()
    if wanted == "all":
        found = mine
    else:
        found = [entry for entry in mine if entry.id == wanted or _named(core, entry, wanted)]
        if not found and len(wanted) >= 4:
            ends = [entry for entry in mine if entry.id.endswith(wanted)]
            if len(ends) > 1:
                raise TicketError(f"{len(ends)} orders end with {wanted}: give more of the id")
            found = ends
    if not found:
        raise TicketError(f"no working order {wanted!r}; orders lists them")
    ours = [e for e in found if not e.request.purpose.protective and e.request.trigger is None]
    if not ours:
        raise TicketError("it protects a position: flatten closes that, nothing else takes it away")
    for entry in ours:
        submit.cancel(entry.id)
    return [entry.id for entry in ours]


def review(core: DeskCore, submit: Submitter) -> None:
    """A resting order that only closes goes when what it was to close has gone elsewhere: from then on it
    would take a pair's leg. Where no pair stands the venue's reduce-only flag is enough."""
    room: dict[tuple[str, Side], Decimal] = {}
    for entry in core.orders.open_orders():
        asked = entry.request
        if asked.purpose is not Purpose.TICKET or not asked.reduce_only or entry.ended:
            continue
        paired = core.pairs.size_on(asked.instrument)
        if paired * asked.side.sign >= ZERO:
            continue
        key = asked.instrument, asked.side
        if key not in room:
            loose = core.ledger.size(core.instruments[asked.instrument]) - paired
            room[key] = max(ZERO, -loose * asked.side.sign)
        room[key] -= entry.leaves
        if room[key] < ZERO:
            room[key] += entry.leaves
            if entry.cancel_sent is not None:
                continue  # its venue does not answer, and the table asks again
            text = "what it was to close has gone: it would take a pair's leg"
            core.decide("cancel", entry.id, text)
            core.risk_event("ticket canceled", asked.instrument, text)
            submit.cancel(entry.id)


def sent(entry: OrderEntry) -> bool:
    return entry.state is not OrderState.DENIED


def _named(core: DeskCore, entry: OrderEntry, wanted: str) -> bool:
    spec = core.instruments.get(entry.request.instrument)
    return entry.request.instrument == wanted or (spec is not None and spec.symbol == wanted)


def instrument_of(core: DeskCore, name: str) -> Instrument:
    spec = core.instruments.get(name)
    if spec is not None:
        return spec
    found = [each for each in core.instruments.values() if each.symbol == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise TicketError(f"{name} trades on several venues: name one of {', '.join(e.id for e in found)}")
    raise TicketError(f"no instrument {name!r}; 2 lists them")


def number(what: str, text: str) -> Decimal:
    """A comma may group thousands, as on the screen. `0,1` means 0.1 to many, and was once taken for 1: ten
    times the order."""
    said = text.strip()
    if ("," in said or "_" in said) and _GROUPED.fullmatch(said) is None:
        raise TicketError(f"{what} {said!r} is no number: a comma groups thousands, decimals have a point")
    try:
        value = Decimal(said.replace(",", ""))
    except InvalidOperation:
        raise TicketError(f"{what} {said!r} is no number") from None
    if not value.is_finite() or not ZERO < value < Decimal(10) ** 15:
        raise TicketError(f"{what} {text.strip()} is no possible figure")
    return value
