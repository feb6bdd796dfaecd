"""Fills of our own orders that our books do not know: sent by an engine that died before it wrote them down.

Protective orders never wait for the disk (RUNTIME 3), so one may have filled whose intent was lost with the
process. Its client id says that it is ours, what it was for and on which leg: it is ours again, and the pair
that it belonged to counts its fills like any other.
"""

from __future__ import annotations

from decimal import Decimal

from services.desk.core import DeskCore
from services.desk.submit import Submitter
from services.domain.enums import PairState, Purpose, TimeInForce
from services.domain.events import AccountReport, OrderFilled
from services.domain.money import ZERO
from services.domain.orders import OrderRequest, parse_client_order_id
from services.execution.pair_state import Pair


def adopt_fills(core: DeskCore, submit: Submitter, report: AccountReport) -> None:
    """Before the report is compared: what its fills say of lost orders enters the table of orders."""
    lost: dict[str, OrderFilled] = {}
    total: dict[str, Decimal] = {}
    trades = core.ledger.account(report.venue).trades.ids
    for fill in report.fills:
        name = fill.client_order_id
        known = core.orders.get(name) is not None or f"{fill.instrument}|{fill.trade_id}" in trades
        if known or not name.startswith(core.state.ids.instance) or fill.instrument not in core.instruments:
            continue
        lost[name] = fill
        total[name] = total.get(name, ZERO) + fill.quantity
    for name, fill in lost.items():
        request = _request(core, fill, total[name])
        if request is not None:
            entry = core.orders.adopt(request, fill.venue_order_id, ZERO, fill.ts_event, core.now)
            core.decide("found", name, "filled at the venue, never on our disk: ours again")
            submit.keep(entry)


def _request(core: DeskCore, fill: OrderFilled, quantity: Decimal) -> OrderRequest | None:
    """What the order must have been; None = the id says nothing we understand, the fill is foreign."""
    parts = parse_client_order_id(fill.client_order_id)
    if parts is None:
        return None
    pair = _pair(core, fill, parts.purpose, parts.leg) if parts.leg else None
    if parts.leg and pair is None:
        return None
    return OrderRequest(
        client_order_id=fill.client_order_id,
        instrument=fill.instrument,
        side=fill.side,
        quantity=quantity,
        price=fill.price,
        tif=TimeInForce.IOC,
        reduce_only=parts.purpose not in (Purpose.ENTRY, Purpose.HEDGE, Purpose.TICKET),
        purpose=parts.purpose,
        origin="desk",
        pair=None if pair is None else pair.id,
        leg=parts.leg,
        attempt=parts.attempt,
        reason="sent before the engine was killed",
    )


def _pair(core: DeskCore, fill: OrderFilled, purpose: Purpose, leg: int) -> Pair | None:
    """The pair whose leg it traded: opened by it in the leg's direction, reduced by it against it."""
    if leg not in (1, 2):
        return None
    opens = purpose in (Purpose.ENTRY, Purpose.HEDGE)
    traded = [
        pair
        for pair in core.pairs.live()
        if pair.leg(leg).instrument == fill.instrument and (pair.leg(leg).side is fill.side) is opens
    ]
    # What it reduced may be in the same report, not yet counted: then any pair under way on that leg.
    enough = [pair for pair in traded if opens or pair.leg(leg).size >= fill.quantity]
    # Of several on one instrument it was one that was on its way, not one that stands.
    moving = [pair for pair in enough or traded if pair.state not in (PairState.HEDGED, PairState.FROZEN)]
    return next(iter(moving or enough or traded), None)
