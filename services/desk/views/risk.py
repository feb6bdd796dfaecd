"""The risk pane: limits, collateral by coin, accounts, breakers, the stress table, what was refused today.

Indexes, what a coin counts, C and uPnL are given only while they are fresh: nothing marks them otherwise.
Accounts and the stress table rest on the last known figures; an account says itself that they are stale.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from services.desk import deadman
from services.desk.core import DAY, DeskCore
from services.desk.views.cache import Moment
from services.desk.views.figures import Figures
from services.desk.views.limits import limit_views
from services.domain.money import BPS, DOLLARS, ONE, STABLECOINS, ZERO
from services.portfolio.distance import nearest_coin_distance
from services.portfolio.exposure import total_exposure
from services.portfolio.margin import effective_weight
from services.portfolio.stress import FundingLeg, StressRow, stressed
from services.risk.breaker import DAILY, DRAWDOWN, ROLLING
from services.views.desk import (
    AccountView,
    BreakerView,
    CollateralView,
    DeniedView,
    LimitView,
    RiskView,
    StressView,
)

DENIED_SHOWN = 10
ROWS_A_STEP = 8
"""Of the stress table: what one look computes."""
_BREAKERS = ((DAILY, "daily loss"), (ROLLING, "rolling 24 h"), (DRAWDOWN, "drawdown"))


def risk_view(figures: Figures, limits: tuple[LimitView, ...] | None = None) -> RiskView:
    core = figures.core
    return RiskView(
        limits=limits if limits is not None else limit_views(figures),
        collateral=collateral_views(figures),
        upnl=figures.total.upnl if figures.opened else None,
        total_collateral=figures.total.collateral,
        accounts=_accounts(figures),
        breakers=breaker_views(core),
        stress=_stress(figures),
        denied_today=denied_today(core),
        denied=tuple(
            DeniedView(ts=note.ts, text=note.text, origin=note.origin)
            for note in reversed(core.state.denied[-DENIED_SHOWN:])
        ),
    )


def denied_today(core: DeskCore) -> int:
    """The counter is of its own UTC day: on another day nothing was denied yet."""
    counters = core.state.counters
    return counters.denied_today if counters.denied_day == core.now // DAY else 0


def collateral_views(figures: Figures) -> tuple[CollateralView, ...]:
    """Every coin that an account holds or whose peg is watched; stablecoins first."""
    core = figures.core
    coins = dict.fromkeys(coin for coin in STABLECOINS if coin in core.depeg.state.coins)
    for book in figures.last_books.values():
        coins.update(dict.fromkeys(coin for coin, amount in book.balances.items() if amount != ZERO))
    return tuple(_coin(figures, coin) for coin in coins)


def _coin(figures: Figures, coin: str) -> CollateralView:
    core = figures.core
    balance = ZERO
    counts: Decimal | None = ZERO if figures.opened else None
    weights: list[Decimal | None] = []
    indexes: list[Decimal | None] = []
    for venue, book in figures.last_books.items():
        amount = book.balances.get(coin, ZERO)
        if amount == ZERO:
            continue
        index, weight = core.picture.fresh_index(venue, coin, figures.now), book.weights_total.get(coin)
        balance += amount
        weights.append(weight)
        indexes.append(index)
        if counts is None or index is None or not amount.is_finite():
            counts = None
        else:
            counts += amount * index * (effective_weight(weight) if amount > ZERO else ONE)
    if not indexes:
        indexes = [core.picture.fresh_index(venue, coin, figures.now) for venue in figures.last_books]
        indexes = [index for index in indexes if index is not None]
    watch = core.depeg.state.coins.get(coin)
    price = watch.price if watch is not None else None
    return CollateralView(
        coin=coin,
        balance=balance,
        weight=_least(weights),
        index=_least(indexes),
        depeg_bps=None if price is None else (price - ONE) / BPS,
        sources=core.depeg.sources(coin),
        counts=counts,
        exposure=total_exposure(figures.books.values(), coin).by_positions if figures.opened else None,
        level=core.depeg.level(coin) if coin in DOLLARS else "ok",
    )


def _least(values: list[Decimal | None]) -> Decimal | None:
    """The smallest over the accounts that hold the coin; one unknown makes it unknown."""
    known = [value for value in values if value is not None]
    return min(known) if known and len(known) == len(values) else None


def _accounts(figures: Figures) -> tuple[AccountView, ...]:
    distances = figures.distances()
    coins = figures.cache.get(
        "coin distances",
        figures.token,
        lambda: {venue: nearest_coin_distance(book) for venue, book in figures.books.items()},
    )
    rows = []
    for venue, margin in figures.last_margins.items():
        stale = figures.stale(venue)
        rows.append(
            AccountView(
                venue=venue,
                collateral=margin.collateral,
                equity=margin.equity,
                leverage=margin.leverage,
                usage=margin.usage,
                initial_usage=margin.initial_usage,
                joint_distance=None if stale else distances[venue],
                coin_distance=None if stale else coins[venue],
                holds=margin.anything_open,
                stale=stale,
                dead_man=deadman.state_of(figures.core, venue),
            )
        )
    return tuple(rows)


def breaker_views(core: DeskCore) -> tuple[BreakerView, ...]:
    breaker = core.breaker
    rows = []
    for key, name in _BREAKERS:
        loss, limit = breaker.loss(key), breaker.trips_at(key)
        state = "armed"
        if key in breaker.overridden():
            state = "OVERRIDE"
        elif key in breaker.state.tripped or (loss is not None and loss >= limit):
            state = "TRIPPED"
        elif loss is None:
            state = "UNKNOWN"
        elif any(loss >= level * limit for level in breaker.params.warn_levels):
            state = "WARN"
        rows.append(BreakerView(name=name, now=loss, trips_at=limit, state=state))
    return tuple(rows)


def stress_rows(figures: Figures) -> tuple[StressRow, ...]:
    """The standing table at the last known figures; the accounts say whether those are stale."""
    return figures.cache.grow("stress", _only_time(figures), lambda: _stress_steps(figures))


def stress_ready(figures: Figures) -> bool:
    """One step towards the table where none can be shown yet; see `ViewCache.ready`."""
    return figures.cache.ready("stress", _only_time(figures), lambda: _stress_steps(figures))


def _only_time(figures: Figures) -> Moment:
    """The table is of the moment in which it was begun, and gone through to its end whatever happens
    meanwhile."""
    return Moment(figures.token.step, ())


def _stress_steps(figures: Figures) -> Iterator[tuple[StressRow, ...] | None]:
    rows: list[StressRow] = []
    for row in stressed(tuple(figures.last_books.values()), None, funding_legs(figures.core)):
        rows.append(row)
        if len(rows) % ROWS_A_STEP == 0:
            yield None
    yield tuple(rows)


def _stress(figures: Figures) -> tuple[StressView, ...]:
    return tuple(
        StressView(name=row.name, equity_change=row.equity_change, usage=row.usage, leverage=row.leverage)
        for row in stress_rows(figures)
    )


def funding_legs(core: DeskCore) -> list[FundingLeg]:
    """Every leg of every live pair at its present rate."""
    legs = []
    for pair in core.pairs.live():
        for leg in pair.legs:
            if leg.size == ZERO or pair.one_shot:
                continue
            spec = core.instruments[leg.instrument]
            row = core.picture.rate(leg.instrument, core.now)
            legs.append(
                FundingLeg(
                    pair=pair.id,
                    venue=spec.venue,
                    settle=spec.settle,
                    size=leg.size * leg.side.sign,
                    price=core.picture.mark(leg.instrument),
                    rate=None if row is None else row.rate,
                    interval_h=None if row is None else row.interval_h,
                )
            )
    return legs
