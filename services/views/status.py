"""The JSON contract of `status`, `positions`, `orders`, `pairs` and of the headless summary (CONSOLE)."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.views.cross import CrossView
from services.views.desk import PairView, PositionView, StopView
from services.views.strip import CauseView

SCHEMA = 1
"""Raised when a key changes its meaning or goes."""


class NakedStatus(Struct, frozen=True, kw_only=True):
    notional: Decimal | None
    seconds: Decimal
    worst_seconds: Decimal = Decimal(0)


class BreakerStatus(Struct, frozen=True, kw_only=True):
    tripped: bool
    daily_loss: Decimal | None
    rolling_loss: Decimal | None
    drawdown: Decimal | None
    overridden: dict[str, Decimal | None] = {}
    """Breakers that a resume has overridden, each with the loss that trips it again (unknown: none does)."""


class CoinStatus(Struct, frozen=True, kw_only=True):
    coin: str
    balance: Decimal
    weight: Decimal | None
    index: Decimal | None
    depeg_bps: Decimal | None
    sources: int
    exposure: Decimal | None


class VenueStatus(Struct, frozen=True, kw_only=True):
    name: str
    connected: bool
    data_age_ms: int | None
    latency_ms_p50: Decimal | None
    latency_ms_p95: Decimal | None
    clock_offset_ms: int | None
    dead_man: str | None
    """`none`, `off`, `armed`, `withheld` (it would cancel backstops), `late`, `fired`, `failed`; null = not
    told."""


class FundingStatus(Struct, frozen=True, kw_only=True):
    received: Decimal | None
    """null = a settlement was paid in a coin that had no price."""
    paid: Decimal | None
    accrued: Decimal | None


class FillStatus(Struct, frozen=True, kw_only=True):
    """How a strategy's own orders filled so far, and what a fill cost. None = nothing to measure yet."""

    attempts: int
    """Slices of leg 1 that were quoted."""
    requotes: int
    rested: Decimal | None
    """Share of what was quoted that filled while it rested."""
    maker_bps: Decimal | None
    """Fee and slippage of a fill."""
    taker_bps: Decimal | None
    taker_p90_bps: Decimal | None
    """Slippage alone that nine of ten taking fills stayed within."""


class StrategyStatus(Struct, frozen=True, kw_only=True):
    name: str
    kind: str
    state: str
    """`running`, `paused`, `stopped: no edge`, `dropped: overran`, ..."""
    last_decision: int | None
    reason: str
    fills: FillStatus


class PositionStatus(Struct, frozen=True, kw_only=True):
    instrument: str
    side: str
    size: Decimal
    entry: Decimal
    mark: Decimal | None
    notional: Decimal | None
    upnl: Decimal | None
    funding: Decimal
    leverage: Decimal | None
    liquidation_price: Decimal | None
    stop: StopView
    strategy: str
    pair: str | None
    foreign: bool
    age_ms: int | None
    dust: bool = False
    size_increment: Decimal | None = None
    price_increment: Decimal | None = None
    """The instrument's grids: with their digits sizes and prices line up below one another."""

    @staticmethod
    def of(view: PositionView) -> PositionStatus:
        return PositionStatus(
            instrument=view.instrument,
            side=view.side,
            size=view.size,
            entry=view.entry,
            mark=view.mark,
            notional=view.notional,
            upnl=view.upnl,
            funding=view.funding,
            leverage=view.leverage,
            liquidation_price=view.liquidation_price,
            stop=view.stop,
            strategy=view.strategy,
            pair=view.pair,
            foreign=view.foreign,
            age_ms=view.age_ms,
            dust=view.dust,
            size_increment=view.size_increment,
            price_increment=view.price_increment,
        )


class PairFunding(Struct, frozen=True, kw_only=True):
    expected: Decimal | None
    realised: Decimal


class PairStatus(Struct, frozen=True, kw_only=True):
    id: str
    kind: str
    state: str
    short: str
    long: str
    size: Decimal
    target: Decimal
    residual: Decimal | None
    naked: NakedStatus
    funding: PairFunding
    costs: Decimal
    rested: Decimal | None
    """Share of its fills that rested."""
    opened_ts: int | None
    reason: str

    @staticmethod
    def of(view: PairView) -> PairStatus:
        return PairStatus(
            id=view.id,
            kind=view.kind,
            state=view.state.value,
            short=view.short,
            long=view.long,
            size=view.size,
            target=view.target,
            residual=view.residual,
            naked=NakedStatus(
                notional=view.naked.notional,
                seconds=view.naked.seconds,
                worst_seconds=view.naked.worst_seconds,
            ),
            funding=PairFunding(expected=view.funding_expected, realised=view.funding_realised),
            costs=view.costs,
            rested=view.rested,
            opened_ts=view.opened_ts,
            reason=view.reason,
        )


class OrderStatus(Struct, frozen=True, kw_only=True):
    client_order_id: str
    venue_order_id: str
    instrument: str
    side: str
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    state: str
    purpose: str
    origin: str
    pair: str | None
    reduce_only: bool
    foreign: bool
    ts: int
    text: str
    size_increment: Decimal | None = None
    price_increment: Decimal | None = None
    """The instrument's grids; None = of an instrument that is not traded here."""


class StatusView(Struct, frozen=True, kw_only=True):
    schema: int = SCHEMA
    profile: str
    mode: str
    synthetic: bool
    trading_state: str
    causes: tuple[CauseView, ...]
    equity: Decimal | None
    collateral: Decimal | None
    leverage: Decimal | None
    initial_usage: Decimal | None
    margin_usage: Decimal | None
    worst_account: str
    day_pnl: Decimal | None
    drawdown: Decimal | None
    positions: tuple[PositionStatus, ...]
    pairs: tuple[PairStatus, ...]
    working_orders: int
    in_doubt: int
    naked: NakedStatus
    outright: Decimal | None
    """USD of what stands outside every pair: no leg hedges it."""
    hedged_age_ms: int | None
    """How old the oldest datum is that the pairs' hedges rest on, or an account's overdue read where none is
    open; null = neither, or unknown."""
    breaker: BreakerStatus
    coins: tuple[CoinStatus, ...]
    venues: tuple[VenueStatus, ...]
    funding: FundingStatus
    strategies: tuple[StrategyStatus, ...]
    cross: CrossView | None = None
    """Null = no strategy of kind `cross_exchange` is set up."""


class BestRefused(Struct, frozen=True, kw_only=True):
    pair: str
    net_edge: Decimal
    """bps of one leg."""
    rule: str


class SummaryView(Struct, frozen=True, kw_only=True):
    """The last line of a headless run: `status` and what was done."""

    status: StatusView
    stamp: str
    trades: int
    """Closed episodes."""
    fills: int
    fees: Decimal | None
    """null = one was paid in a coin that had no price; `funding_net` likewise."""
    funding_net: Decimal | None
    net_pnl: Decimal | None
    """Change of equity less transfers, USD."""
    events: int
    opportunities: int
    """Of all strategies: spreads, once per settlement; price discrepancies, once while they last."""
    refused: dict[str, int]
    """By the rule that stood first against it at last; the others were entered."""
    best_refused: BestRefused | None
    ended_by: str
