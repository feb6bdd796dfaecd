"""One unpaired position on its way to zero: reducing IOCs whose bands widen, bounded by the book."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import OrderState, OrderType, Purpose, Side, TimeInForce
from services.domain.instrument import Instrument
from services.domain.money import ZERO, floor_to
from services.domain.orders import OrderRequest
from services.execution.entries import OrderEntry
from services.execution.flatten_state import FlattenView, Target
from services.execution.ids import IdCounter
from services.execution.pricing import band_limit, last_resort, smallest
from services.settings.parameters import Settings

MILLISECOND = 10**6
_WHOLE_FROM_BAND = 3
"""From this band on, the 5-bps depth no longer bounds the order: the band reaches deeper than that."""


def is_dust(instrument: Instrument, size: Decimal, view: FlattenView) -> bool:
    """Nothing a venue would take: below a lot, or below its minimum at a known price."""
    quantity = floor_to(abs(size), instrument.size_increment)
    if quantity <= ZERO or quantity < instrument.min_size:
        return True
    price, usd = view.last(instrument.id), view.usd(instrument.id)
    if price is None or usd is None:
        return False
    return quantity < smallest(instrument, price, usd, reducing=True)


def closing_order(
    target: Target,
    instrument: Instrument,
    size: Decimal,
    most: Decimal | None,
    settings: Settings,
    ids: IdCounter,
    now: int,
    view: FlattenView,
    origin: str,
    reason: str,
) -> OrderRequest | None:
    """The next order of a target, or None while there is no price. Moves the target's clock.

    `most`: what may go out now of a position that others hedge; None = all of it.
    """
    mid = view.mid(instrument.id)
    base = mid if mid is not None else view.last(instrument.id)
    target.next_at = now + settings.exec.band_dwell_ms * MILLISECOND
    if base is None or base <= ZERO:
        target.last_refusal = "no price was ever known"
        return None
    side = Side.SELL if size > ZERO else Side.BUY
    quantity = floor_to(abs(size), instrument.size_increment)
    if most is not None:
        quantity = min(quantity, most)
    quantity = instrument.one_order(quantity)
    depth = view.depth(instrument.id, side)
    if depth is not None and target.band < _WHOLE_FROM_BAND:
        usd = view.usd(instrument.id)
        least = smallest(instrument, base, usd, reducing=True) if usd is not None else instrument.min_size
        part = max(floor_to(min(quantity, depth), instrument.size_increment), least)
        if quantity - part >= least:
            quantity = part
    bands = settings.exec.flatten_bands
    step = min(target.band, len(bands) - 1)
    market = last_resort(settings, target.band + 1, len(bands))
    order = OrderRequest(
        client_order_id=ids.draw(Purpose.FLATTEN, 0, target.band + 1),
        instrument=instrument.id,
        side=side,
        quantity=quantity,
        price=None if market else band_limit(instrument, side, base, bands[step]),
        type=OrderType.MARKET if market else OrderType.LIMIT,
        tif=TimeInForce.IOC,
        reduce_only=True,
        purpose=Purpose.FLATTEN,
        origin=origin,
        attempt=target.band + 1,
        decided_mid=mid,
        reason=reason,
    )
    target.order = order.client_order_id
    target.under_way = quantity
    target.sent = now
    return order


def take_news(target: Target, entry: OrderEntry, now: int) -> None:
    """An order of the target has news: widen after nothing filled, go on at once after something did."""
    target.in_doubt = entry.in_doubt
    target.under_way = max(entry.request.quantity - entry.filled, ZERO)
    if not entry.settled:
        return
    target.order = ""
    target.under_way = ZERO
    target.in_doubt = False
    target.blocked = entry.state is OrderState.REJECTED and entry.answered is not None
    if entry.filled > ZERO:
        target.refusals = 0
        target.last_refusal = ""
        target.next_at = now
        return
    target.band += 1
    target.refusals += 1
    if entry.state in (OrderState.DENIED, OrderState.REJECTED):
        target.last_refusal = f"{entry.state}: {entry.text}"
    else:
        target.last_refusal = "nothing inside the band"
