"""What a flatten would do and about what it would cost, for the dialog that asks.

Fees are the taker fee on the notional. Slippage of an order is estimated from the book: half the spread, and
beyond it the price of eating into the depth that stands within 5 bps of the mid, spread evenly:
half + (5 - half) / 2 x quantity / depth, in bps of the mid, at most the widest flatten band. Without a fresh
two-sided book there is no estimate, and the dialog says so.
"""

from __future__ import annotations

from decimal import Decimal, localcontext

from services.desk.core import DeskCore
from services.desk.prices import DeskPrices
from services.desk.views.figures import Figures, funding_rate_usd, held_sizes, is_open, mark_usd
from services.domain.enums import Side
from services.domain.instrument import venue_of
from services.domain.money import BPS, DESK_CONTEXT, ZERO
from services.market.legs import half_spread
from services.views.closing import summed
from services.views.desk import FlattenPlan, FlattenRow

DEPTH_BPS = Decimal(5)
"""How far from the mid the stated depth reaches."""


def flatten_plan(core: DeskCore) -> FlattenPlan:
    """Everything; nothing is decided here."""
    with localcontext(DESK_CONTEXT):
        return plan_of(Figures(core))


def plan_of(figures: Figures) -> FlattenPlan:
    core = figures.core
    doubts = _doubts(figures)
    rows = tuple(_row(core, name, size) for name, size in held_sizes(core).items())
    for row in rows:
        if row.slippage is None:
            doubts.append(f"{row.instrument}: no fresh book, the cost of closing it is unknown")
    orders: dict[str, int] = {}
    for order in DeskPrices(core).resting():
        orders[order.instrument] = orders.get(order.instrument, 0) + 1
    equity = figures.equity
    sums = summed(rows, equity)
    if not figures.opened:
        # What was never read may hold anything: no sum over the rest is the whole.
        sums = dict.fromkeys(sums)
    return FlattenPlan(
        rows=rows,
        working_orders=sum(orders.values()),
        orders=orders,
        equity=equity,
        doubts=tuple(doubts),
        **sums,
    )


def _row(core: DeskCore, name: str, size: Decimal) -> FlattenRow:
    side = Side.SELL if size > ZERO else Side.BUY
    spec = core.instruments.get(name)
    unit = mark_usd(core, name) if spec is not None else None
    notional = None if unit is None else abs(size) * unit
    taker = spec.taker_fee if spec is not None else None
    fee = None if notional is None or taker is None else -notional * taker
    bps = slippage_bps(core, name, side, abs(size)) if spec is not None else None
    slip = None if notional is None or bps is None else -notional * bps * BPS
    rate = funding_rate_usd(core, name, size) if spec is not None else None
    return FlattenRow(
        instrument=name,
        venue=spec.venue if spec is not None else venue_of(name),
        side=side.value,
        quantity=abs(size),
        notional=notional,
        cost=None if fee is None or slip is None else fee + slip,
        slippage_bps=bps,
        fee=fee,
        slippage=slip,
        funding_per_day=None if rate is None else rate[0] * 24,
    )


def slippage_bps(core: DeskCore, instrument: str, side: Side, quantity: Decimal) -> Decimal | None:
    """bps of the mid; None without a fresh two-sided book that states its depth."""
    quote = core.picture.fresh_quote(instrument, core.now)
    half = half_spread(core.instruments[instrument], quote)
    depth = DeskPrices(core).depth(instrument, side)
    if half is None or depth is None or depth <= ZERO:
        return None
    eaten = max(ZERO, DEPTH_BPS - half) / 2 * quantity / depth
    return min(half + eaten, core.settings.exec.flatten_bands[-1])


def _doubts(figures: Figures) -> list[str]:
    """What makes the picture of the dialog less than sure."""
    core = figures.core
    doubts = [f"{venue}: never read" for venue in figures.books if not is_open(core, venue)]
    for venue in core.settings.venues:
        if is_open(core, venue) and figures.stale(venue):
            doubts.append(f"{venue}: figures are stale")
        if not core.picture.connected(venue, core.now):
            doubts.append(f"{venue}: not connected")
    for entry in core.orders.doubtful():
        doubts.append(f"order {entry.id} on {entry.request.instrument} is in doubt")
    for book in core.state.venues.values():
        for row in book.foreign_orders:
            doubts.append(f"{row.instrument}: a foreign order rests; it is canceled if it increases")
        for line in book.differences:
            doubts.append(f"{line.venue} {line.subject}: {line.text}")
    return doubts
