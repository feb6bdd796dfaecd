"""What the exchange says no to, each with the sentence it answers.

The order of the checks follows the exchanges: form first (instrument, grid, sizes), then rules of the order
type, then the account. A no is definite: nothing of a rejected order lives, and it is not logged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from services.domain.enums import OrderType, Side, TimeInForce
from services.domain.instrument import Instrument
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.venues.sim.accounts import fee_of, margin_of
from services.venues.sim.book import Book, SimOrder
from services.venues.sim.facts import MAX_WORKING
from services.venues.sim.state import VenueState

LARGEST = Decimal(10) ** 12
"""No quantity and no price is larger: what is beyond has no exact remainder on any grid."""

SHORT = "insufficient margin"
CROSSES = "post-only order would match at once"

Marks = Callable[[str], Decimal]
Indexes = Callable[[str], Decimal]


def form_refusal(order: OrderRequest, instrument: Instrument | None, state: VenueState) -> str | None:
    """Everything that can be said without looking at prices or the account. None = well formed."""
    if instrument is None:
        return f"unknown instrument {order.instrument}"
    if order.client_order_id and order.client_order_id in state.by_client:
        return "duplicate client order id"
    if not order.quantity.is_finite() or order.quantity <= 0:
        return "quantity must be above zero"
    if order.quantity > LARGEST:
        return f"quantity is above {LARGEST}"
    if order.quantity % instrument.size_increment != 0:
        return f"quantity is not a multiple of {instrument.size_increment}"
    if order.quantity < instrument.min_size:
        return f"quantity is below the minimum of {instrument.min_size}"
    if order.type is OrderType.MARKET:
        return "a market order has no price" if order.price is not None or order.post_only else None
    if order.price is None or not order.price.is_finite() or order.price <= 0:
        return "a limit order needs a price above zero"
    if order.price > LARGEST:
        return f"price is above {LARGEST}"
    if order.price % instrument.price_increment != 0:
        return f"price is not a multiple of {instrument.price_increment}"
    if order.post_only and order.tif is TimeInForce.IOC:
        return "post-only cannot be immediate-or-cancel"
    return None


def market_refusal(order: OrderRequest, book: Book, ticks: int | None, usd: Decimal) -> str | None:
    """What depends on the book. `usd`: USD per quote coin."""
    instrument = book.cell.instrument
    if not book.priced:
        return "no market yet"
    crosses = ticks is not None and (book.would_cross(order.side, ticks) or book.meets_own(order.side, ticks))
    if order.post_only and crosses:
        return CROSSES
    price = order.price if order.price is not None else instrument.price_of(book.cell.fair)
    if not order.reduce_only and order.quantity * price * usd < instrument.min_notional:
        return f"notional is below the minimum of {instrument.min_notional} USD"
    return None


def working(state: VenueState, instrument: str | None = None) -> list[SimOrder]:
    """Live orders, oldest first."""
    return [o for o in state.orders.values() if o.live and instrument in (None, o.instrument)]


def opposite_lots(state: VenueState, instrument: Instrument, side: Side) -> int:
    """Lots of the position that orders of this side reduce."""
    size = state.account.size(instrument.id)
    return 0 if size * side.sign >= 0 else int(abs(size) / instrument.size_increment)


def reducible_lots(state: VenueState, instrument: Instrument, side: Side) -> int:
    """Lots a reduce-only order may have: the opposite position less what already works to reduce it.

    Conditional orders that wait hold nothing back.
    """
    busy = sum(
        o.leaves
        for o in working(state, instrument.id)
        if o.reduce_only and o.side is side and o.trigger is None
    )
    return max(0, opposite_lots(state, instrument, side) - busy)


def short(state: VenueState, instruments: Mapping[str, Instrument], mark: Marks, index: Indexes) -> bool:
    """Under the maintenance requirement of what it holds."""
    account = state.account
    return bool(account.holdings) and margin_of(account, instruments, mark, index).liquidated


def account_refusal(
    order: OrderRequest,
    state: VenueState,
    instruments: Mapping[str, Instrument],
    mark: Marks,
    index: Indexes,
) -> str | None:
    """Order count, spot balances, initial margin after the order's worst fill. None = it may stand."""
    live = working(state)
    if len(live) >= MAX_WORKING:
        return f"more than {MAX_WORKING} working orders"
    instrument = instruments[order.instrument]
    price = order.price if order.price is not None else mark(order.instrument)
    fee = fee_of(instrument, order.quantity, price, maker=False)
    if not instrument.is_perp:
        return _spot_refusal(order, instrument, state, price, fee)
    bought: dict[str, Decimal] = {}
    sold: dict[str, Decimal] = {}
    for o in live:
        into = bought if o.side is Side.BUY else sold
        lot = instruments[o.instrument].size_increment
        into[o.instrument] = into.get(o.instrument, ZERO) + (ZERO if o.reduce_only else o.leaves * lot)
    into = bought if order.side is Side.BUY else sold
    before = _worst(state, order.instrument, bought, sold)
    into[order.instrument] = into.get(order.instrument, ZERO) + order.quantity
    if _worst(state, order.instrument, bought, sold) <= before:
        # It makes no position larger than it may already become: closing is never a matter of margin.
        return None
    # A limit beyond the mark loses the difference at once; one on the near side gains nothing in advance.
    loss = max(ZERO, (price - mark(order.instrument)) * order.side.sign) * order.quantity
    margin = margin_of(
        state.account,
        instruments,
        mark,
        index,
        extra={instrument.settle: -fee - loss},
        counted=lambda i, size: max(abs(size + bought.get(i.id, ZERO)), abs(size - sold.get(i.id, ZERO))),
    )
    if margin.initial > margin.collateral_initial:
        return SHORT
    return None


def _worst(
    state: VenueState, instrument: str, bought: Mapping[str, Decimal], sold: Mapping[str, Decimal]
) -> Decimal:
    size = state.account.size(instrument)
    return max(abs(size), abs(size + bought.get(instrument, ZERO)), abs(size - sold.get(instrument, ZERO)))


def _spot_refusal(
    order: OrderRequest, instrument: Instrument, state: VenueState, price: Decimal, fee: Decimal
) -> str | None:
    """Spot is paid from what is there: no borrowing, working orders hold their share back."""
    held_base = held_quote = ZERO
    for o in working(state, instrument.id):
        lots = o.leaves * instrument.size_increment
        if o.side is Side.SELL:
            held_base += lots
        else:
            held_quote += lots * (o.ticks or 0) * instrument.price_increment
    balances = state.account.balances
    if order.side is Side.BUY:
        free = balances.get(instrument.quote, ZERO) - held_quote
        return f"insufficient {instrument.quote}" if order.quantity * price + fee > free else None
    free = balances.get(instrument.underlying, ZERO) - held_base
    return f"insufficient {instrument.underlying}" if order.quantity > free else None
