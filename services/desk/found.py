"""Fills of our own orders that our books do not know: sent by an engine that died before it wrote them down.

Protective orders never wait for the disk (RUNTIME 3), so one may have filled whose intent was lost with the
process. Its client id says that it is ours, what it was for and on which leg, and of which pair: it is ours
again, and the pair that it belonged to counts its fills like any other. Of several that an id may mean (there
are `PLACES`, and older programs named none) it is the one that had reason to send it.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import structs

from services.desk.core import DeskCore
from services.desk.proofs import LOST
from services.desk.submit import Submitter
from services.domain.enums import PairState, Purpose, TimeInForce
from services.domain.events import OrderFilled
from services.domain.money import ZERO
from services.domain.orders import IdParts, OrderRequest, parse_client_order_id, place_of
from services.execution.pair_legs import excess
from services.execution.pair_state import Pair

OPENS = (Purpose.ENTRY, Purpose.HEDGE)


def adopt_fills(core: DeskCore, submit: Submitter, venue: str, fills: tuple[OrderFilled, ...]) -> None:
    """Before they are booked, of a read or of the stream: lost orders enter the table of orders."""
    lost: dict[str, OrderFilled] = {}
    total: dict[str, Decimal] = {}
    known: list[OrderFilled] = []
    trades = core.ledger.account(venue).trades.ids
    for fill in fills:
        name = fill.client_order_id
        if core.orders.get(name) is not None:
            known.append(fill)
            continue
        if _key(fill) in trades or not name.startswith(core.state.ids.instance):
            continue
        if fill.instrument not in core.instruments:
            continue
        lost[name] = fill
        total[name] = total.get(name, ZERO) + fill.quantity
    if not lost:
        return
    pairs = _with_what_comes(core, [fill for fill in known if _key(fill) not in trades])
    for name, fill in lost.items():
        request = _request(core, pairs, fill, total[name])
        if request is not None:
            entry = core.orders.adopt(request, fill.venue_order_id, ZERO, fill.ts_event, core.now)
            core.decide("found", name, "filled at the venue, never on our disk: ours again")
            submit.keep(entry)


def _key(fill: OrderFilled) -> str:
    return f"{fill.instrument}|{fill.trade_id}"


def _with_what_comes(core: DeskCore, fills: list[OrderFilled]) -> dict[str, Pair]:
    """The live pairs as they will stand when the fills of known orders in the same report are counted."""
    pairs = {
        pair.id: structs.replace(pair, short=structs.replace(pair.short), long=structs.replace(pair.long))
        for pair in core.pairs.live()
    }
    for fill in fills:
        entry = core.orders.get(fill.client_order_id)
        pair = None if entry is None else pairs.get(entry.request.pair or "")
        if pair is not None and entry is not None and entry.request.leg:
            _count(pair, entry.request.leg, fill, fill.quantity)
    return pairs


def _count(pair: Pair, number: int, fill: OrderFilled, quantity: Decimal) -> None:
    leg = pair.leg(number)
    leg.size = max(leg.size + quantity * fill.side.sign * leg.side.sign, ZERO)


def _request(
    core: DeskCore, pairs: dict[str, Pair], fill: OrderFilled, quantity: Decimal
) -> OrderRequest | None:
    """What the order must have been; None = the id says nothing we understand, the fill is foreign."""
    parts = parse_client_order_id(fill.client_order_id)
    if parts is None:
        return None
    pair = _pair(core, pairs, fill, quantity, parts) if parts.leg else None
    if parts.leg and pair is None:
        return None
    if pair is not None:
        _count(pair, parts.leg, fill, quantity)
    return OrderRequest(
        client_order_id=fill.client_order_id,
        instrument=fill.instrument,
        side=fill.side,
        quantity=quantity,
        price=fill.price,
        tif=TimeInForce.IOC,
        reduce_only=parts.purpose not in (*OPENS, Purpose.TICKET),
        purpose=parts.purpose,
        origin="desk",
        pair=None if pair is None else pair.id,
        leg=parts.leg,
        attempt=parts.attempt,
        reason=LOST,
    )


def _pair(
    core: DeskCore, pairs: dict[str, Pair], fill: OrderFilled, quantity: Decimal, parts: IdParts
) -> Pair | None:
    """The pair whose leg it traded: opened by it in the leg's direction, reduced by it against it."""
    leg, opens = parts.leg, parts.purpose in OPENS
    traded = [
        pair
        for pair in pairs.values()
        if pair.leg(leg).instrument == fill.instrument and (pair.leg(leg).side is fill.side) is opens
    ]
    traded = [pair for pair in traded if place_of(pair.id) == parts.place] or traded
    enough = [pair for pair in traded if opens or pair.leg(leg).size >= quantity]
    return min(enough or traded, key=lambda pair: _unlikely(core, pair, leg, fill, quantity), default=None)


def _unlikely(
    core: DeskCore, pair: Pair, number: int, fill: OrderFilled, quantity: Decimal
) -> tuple[Decimal | int, ...]:
    """The less of the pair stands alone after such an order, the more likely it was its own: each cuts the
    heavier leg, or takes the next slice of two that match. A flatten was of the one that was last told to
    close by itself, if there is one; one on its way comes before one that stands; then the oldest."""
    closed = max(
        (cause.since for cause in core.causes.causes() if cause.scope == f"pair:{pair.id}"), default=0
    )
    after = structs.replace(pair, short=structs.replace(pair.short), long=structs.replace(pair.long))
    _count(after, number, fill, quantity)
    alone = excess(after)[1]
    stands = pair.state in (PairState.HEDGED, PairState.FROZEN)
    parts = parse_client_order_id(fill.client_order_id)
    if parts is not None and parts.purpose is Purpose.FLATTEN:
        return -closed, alone, stands
    return alone, -closed, stands
