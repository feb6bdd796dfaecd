"""The JSON contract of `status`, `positions`, `orders`, `pairs`. Scripts act on it: what is stale is unknown.

Sums over accounts are given only when every account is known at fresh figures; a row of a position keeps its
last known mark with the age beside it.
"""

from __future__ import annotations

from decimal import Decimal, localcontext

from msgspec.structs import replace

from services.desk import deadman, gatekeeping
from services.desk.answers import cause_views
from services.desk.core import DeskCore
from services.desk.strategy import Strategies
from services.desk.views import hedge
from services.desk.views.cross import cross_view
from services.desk.views.figures import (
    Figures,
    funding_rate_usd,
    held_sizes,
    milliseconds,
    working_orders,
)
from services.desk.views.meta import Meta
from services.desk.views.pairs import pair_views
from services.desk.views.positions import FOREIGN, position_views
from services.desk.views.risk import collateral_views
from services.desk.views.strategies import strategy_views
from services.desk.views.tidy import tidy
from services.domain.enums import OrderState
from services.domain.money import DESK_CONTEXT, ZERO
from services.execution.entries import OrderEntry
from services.risk.breaker import DAILY, DRAWDOWN, ROLLING, UNKNOWN
from services.views.desk import PositionView
from services.views.status import (
    BreakerStatus,
    CoinStatus,
    FundingStatus,
    NakedStatus,
    OrderStatus,
    PairStatus,
    PositionStatus,
    StatusView,
    VenueStatus,
)


def status(core: DeskCore, strategies: Strategies, meta: Meta) -> StatusView:
    """`strategies` lend their states, to judge what they would do now; none is called."""
    with localcontext(DESK_CONTEXT):
        return tidy(status_of(Figures(core), meta, strategies))


def positions(core: DeskCore) -> tuple[PositionStatus, ...]:
    with localcontext(DESK_CONTEXT):
        return tuple(tidy(_position(row)) for row in position_views(Figures(core)))


def pairs(core: DeskCore) -> tuple[PairStatus, ...]:
    with localcontext(DESK_CONTEXT):
        return tuple(tidy(PairStatus.of(row)) for row in pair_views(core))


def orders(core: DeskCore) -> tuple[OrderStatus, ...]:
    """Everything that may still fill: ours in any state, then foreign ones by the venues' last reads."""
    with localcontext(DESK_CONTEXT):
        ours = tuple(_order(entry) for entry in core.orders.open_orders())
        return tuple(_on_grid(core, row) for row in (*ours, *_foreign(core)))


def _on_grid(core: DeskCore, row: OrderStatus) -> OrderStatus:
    spec = core.instruments.get(row.instrument)
    if spec is None:
        return row
    return replace(row, size_increment=spec.size_increment, price_increment=spec.price_increment)


def _position(row: PositionView) -> PositionStatus:
    """Derived prices on the instrument's grid, the average entry two digits finer: more would say nothing."""
    price = row.liquidation_price
    return replace(
        PositionStatus.of(row),
        entry=_nearest(row.entry, row.price_increment / 100),
        liquidation_price=None if price is None else _nearest(price, row.price_increment),
    )


def _nearest(price: Decimal, increment: Decimal) -> Decimal:
    return (price / increment).to_integral_value() * increment


def status_of(figures: Figures, meta: Meta, strategies: Strategies) -> StatusView:
    core = figures.core
    total, breaker = figures.total, core.breaker
    worst = figures.worst_account()
    naked = hedge.naked(figures)
    known = figures.opened and not figures.liquidation_unknown()
    return StatusView(
        profile=meta.profile,
        mode=meta.mode,
        synthetic=meta.synthetic,
        trading_state=core.causes.worst().value,
        causes=cause_views(core),
        equity=total.equity,
        collateral=total.collateral,
        leverage=total.leverage,
        initial_usage=_worst_initial(figures) if known else None,
        margin_usage=(figures.margins[worst].usage if worst else total.usage) if known else None,
        worst_account=worst,
        day_pnl=figures.day_pnl(total.equity),
        drawdown=breaker.loss(DRAWDOWN),
        positions=tuple(_position(row) for row in position_views(figures)),
        pairs=tuple(PairStatus.of(row) for row in pair_views(core)),
        working_orders=len(working_orders(core)) + len(_foreign(core)),
        in_doubt=len(core.orders.doubtful()),
        naked=NakedStatus(notional=naked.notional, seconds=naked.seconds, worst_seconds=naked.worst_seconds),
        outright=hedge.outright(figures),
        hedged_age_ms=milliseconds(hedge.desk_age(core)),
        breaker=BreakerStatus(
            tripped=bool(breaker.state.tripped),
            daily_loss=breaker.loss(DAILY),
            rolling_loss=breaker.loss(ROLLING),
            drawdown=breaker.loss(DRAWDOWN),
            overridden={
                name: None if name == UNKNOWN else breaker.trips_at(name) for name in breaker.overridden()
            },
        ),
        coins=tuple(
            CoinStatus(
                coin=row.coin,
                balance=row.balance,
                weight=row.weight,
                index=row.index,
                depeg_bps=row.depeg_bps,
                sources=row.sources,
                exposure=row.exposure,
            )
            for row in collateral_views(figures)
        ),
        venues=tuple(_venue(figures, meta, venue) for venue in core.settings.venues),
        funding=FundingStatus(
            received=None if core.state.counters.unpriced_funding else core.state.counters.received,
            paid=None if core.state.counters.unpriced_funding else core.state.counters.paid,
            accrued=_accrued(figures),
        ),
        strategies=strategy_views(core),
        cross=cross_view(figures, strategies),
    )


def _worst_initial(figures: Figures) -> Decimal | None:
    """The largest initial usage of any account; one unknown makes it unknown."""
    found = [margin.initial_usage for margin in figures.margins.values()]
    known = [value for value in found if value is not None]
    return max(known) if known and len(known) == len(found) else None


def _venue(figures: Figures, meta: Meta, venue: str) -> VenueStatus:
    picture = figures.core.picture
    median, tail = meta.latency.get(venue, (None, None))
    return VenueStatus(
        name=venue,
        connected=picture.connected(venue, figures.now),
        data_age_ms=milliseconds(picture.venue_age(venue, figures.now)),
        latency_ms_p50=median,
        latency_ms_p95=tail,
        clock_offset_ms=gatekeeping.account_facts(figures.core, venue).clock_offset_ms,
        dead_man=deadman.state_of(figures.core, venue),
    )


def _accrued(figures: Figures) -> Decimal | None:
    """USD that the present rates have earned since the last settlements; an estimate, never booked."""
    core = figures.core
    if not figures.opened:
        return None
    total = ZERO
    for name, size in held_sizes(core).items():
        found = funding_rate_usd(core, name, size) if name in core.instruments else None
        if found is None:
            return None
        hourly, passed = found
        total += hourly * passed
    return total


def _order(entry: OrderEntry) -> OrderStatus:
    request = entry.request
    return OrderStatus(
        client_order_id=entry.id,
        venue_order_id=entry.venue_order_id,
        instrument=request.instrument,
        side=request.side.value,
        quantity=request.quantity,
        filled=entry.filled,
        price=request.price,
        state=(OrderState.IN_DOUBT if entry.in_doubt else entry.state).value,
        purpose=request.purpose.value,
        origin=request.origin,
        pair=request.pair,
        reduce_only=request.reduce_only,
        foreign=False,
        ts=entry.created,
        text=entry.text or request.reason,
    )


def _foreign(core: DeskCore) -> tuple[OrderStatus, ...]:
    return tuple(
        OrderStatus(
            client_order_id=row.client_order_id,
            venue_order_id=row.venue_order_id,
            instrument=row.instrument,
            side=row.side.value,
            quantity=row.quantity,
            filled=row.filled,
            price=row.price,
            state=OrderState.ACCEPTED.value,
            purpose=FOREIGN,
            origin=FOREIGN,
            pair=None,
            reduce_only=row.reduce_only,
            foreign=True,
            ts=book.report_event,
            text="",
        )
        for book in core.state.venues.values()
        for row in book.foreign_orders
    )
