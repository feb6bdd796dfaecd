"""The instruments as rows, and one of them closely. Pictures of public data: nothing here is a decision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext

from services.desk.core import DeskCore
from services.desk.views.cache import ViewCache
from services.desk.views.figures import MILLISECOND, STALE, held_sizes, level, milliseconds, oldest
from services.domain.enums import RateKind, Side
from services.domain.events import RateRow
from services.domain.instrument import Instrument
from services.domain.money import BPS, DESK_CONTEXT, ZERO
from services.market.executable import side_of
from services.market.rates import rate_per_8h
from services.market.tape import Tape
from services.views.markets import (
    BookView,
    BucketView,
    CandleView,
    LevelView,
    MarketRow,
    MarketsView,
    SettledView,
)

Levels = Sequence[tuple[Decimal, Decimal]]
Depth = Callable[[str, int], tuple[Levels, Levels] | None]
"""(instrument, levels a side) -> bids and asks, best first; None = there is no whole book now."""

LEVELS = 24
CANDLES = 120
SETTLED = 96
MINUTES = (1, 5, 15, 60)
"""Candle widths that may be asked for."""


def markets_view(core: DeskCore, cache: ViewCache) -> MarketsView:
    """In the venues' order, perps first, each by name."""
    with localcontext(DESK_CONTEXT):
        held = held_sizes(core)
        places = {venue: at for at, venue in enumerate(core.settings.venues)}
        specs = sorted(
            core.instruments.values(),
            key=lambda s: (not s.is_perp, s.symbol, places.get(s.venue, len(places))),
        )
        return MarketsView(
            ts=core.now, rows=tuple(_row(core, spec, held.get(spec.id, ZERO), cache) for spec in specs)
        )


def _row(core: DeskCore, spec: Instrument, held: Decimal, cache: ViewCache) -> MarketRow:
    picture, now = core.picture, core.now
    sides, stated = picture.sides(spec.id), picture.mark_row(spec.id)
    row = picture.rate(spec.id, now)
    age, found = _age(core, spec)
    quote, spread = picture.quote(spec.id), None
    if sides is not None and quote is not None:
        spread = (quote.ask - quote.bid) / (quote.ask + quote.bid) * 20_000
    index, basis = _index(stated.index if stated is not None else None, stated.mark if stated else None)
    return MarketRow(
        instrument=spec.id,
        symbol=spec.symbol,
        venue=spec.venue,
        kind=spec.kind.value,
        bid=None if sides is None else sides.bid,
        ask=None if sides is None else sides.ask,
        spread_bps=spread,
        mark=picture.mark(spec.id),
        index=index,
        basis_bps=basis,
        rate=None if row is None else cache.get(f"rate {spec.id}", row, lambda: rate_per_8h(row) / BPS),
        predicted=row is not None and row.kind is RateKind.PREDICTED,
        interval_h=spec.funding_interval_h if row is None else row.interval_h,
        settles_ns=_settles(row, now),
        held=held,
        price_increment=spec.price_increment,
        size_increment=spec.size_increment,
        age_ms=milliseconds(age),
        level=found,
        note=_note(spec),
    )


def _index(index: float | None, mark: float | None) -> tuple[float | None, float | None]:
    """(index, basis in bps), None where a figure is no price."""
    if index is None or mark is None or not (0.0 < index < math.inf and 0.0 < mark < math.inf):
        return None, None
    return index, (mark / index - 1) * 10_000


def _age(core: DeskCore, spec: Instrument) -> tuple[int | None, str]:
    picture, fresh, now = core.picture, core.settings.fresh, core.now
    quote = picture.quote_age(spec.id, now)
    found = level(quote, picture.stretched(fresh.quote_ms * MILLISECOND))
    if not spec.is_perp:
        return quote, found
    mark = picture.mark_age(spec.id, now)
    other = level(mark, picture.stretched(fresh.mark_ms * MILLISECOND))
    return oldest(quote, mark), STALE if STALE in (found, other) else max(found, other)


def _settles(row: RateRow | None, now: int) -> int | None:
    return None if row is None or row.next_ts is None else row.next_ts - now


def _note(spec: Instrument) -> str:
    """The first fact that keeps an instrument from being traded."""
    if spec.inverse:
        return "inverse: read-only"
    if spec.taker_fee is None or spec.maker_fee is None:
        return "unknown fee"
    if spec.is_perp and spec.tiers is None:
        return "unknown tiers"
    return "delists" if spec.delisting_ts is not None else ""


def book_view(core: DeskCore, argument: str, tape: Tape, depth: Depth) -> BookView | None:
    """`INSTRUMENT` or `INSTRUMENT@MINUTES`; None = there is no such instrument or width."""
    name, _, width = argument.partition("@")
    spec = core.instruments.get(name)
    minutes = int(width) if width.isdecimal() and len(width) < 4 else 1
    if spec is None or minutes not in MINUTES:
        return None
    with localcontext(DESK_CONTEXT):
        return _book(core, spec, minutes, tape, depth)


def _book(core: DeskCore, spec: Instrument, minutes: int, tape: Tape, depth: Depth) -> BookView:
    picture, now = core.picture, core.now
    levels = depth(spec.id, LEVELS)
    whole = levels is not None
    bids, asks = levels if levels is not None else _top(core, spec)
    ours: dict[Decimal, Decimal] = {}
    for entry in core.orders.open_orders():
        request = entry.request
        # A conditional order rests in no book before its trigger.
        if request.instrument == spec.id and request.price is not None and request.trigger is None:
            ours[request.price] = ours.get(request.price, ZERO) + request.quantity - entry.filled
    stated, row = picture.mark_row(spec.id), picture.rate(spec.id, now)
    age, found = _age(core, spec)
    spreads = tape.spreads(spec.id)
    return BookView(
        ts=now,
        instrument=spec.id,
        price_increment=spec.price_increment,
        size_increment=spec.size_increment,
        quote=spec.quote,
        bids=tuple(LevelView(price, size, ours.get(price, ZERO)) for price, size in bids),
        asks=tuple(LevelView(price, size, ours.get(price, ZERO)) for price, size in asks),
        whole=whole,
        age_ms=milliseconds(age),
        level=found,
        mark=picture.mark(spec.id),
        index=_index(stated.index if stated is not None else None, stated.mark if stated else None)[0],
        minutes=minutes,
        candles=tuple(CandleView(*bar) for bar in tape.candles(spec.id, minutes, CANDLES)),
        settled=tuple(
            SettledView(each.rate_ts, rate_per_8h(each) / BPS)
            for each in picture.settlements(spec.id)[-SETTLED:]
        ),
        rate=None if row is None else rate_per_8h(row) / BPS,
        predicted=row is not None and row.kind is RateKind.PREDICTED,
        interval_h=spec.funding_interval_h if row is None else row.interval_h,
        settles_ns=_settles(row, now),
        spread_samples=0 if spreads is None else spreads.samples,
        spread_median_bps=None if spreads is None else spreads.median_bps,
        spread_wide_bps=None if spreads is None else spreads.wide_bps,
        spreads=() if spreads is None else tuple(BucketView(*each) for each in spreads.buckets),
    )


def _top(core: DeskCore, spec: Instrument) -> tuple[Levels, Levels]:
    """The best price, and what else is known within 5 bps of the mid at their far end."""
    from_sides = []
    for asks in (False, True):
        rows: list[tuple[Decimal, Decimal]] = []
        side = side_of(spec, core.picture.quote(spec.id), Side.BUY if asks else Side.SELL)
        if side is not None:
            rows.append((side.price, side.top))
            if side.known > side.top and side.worst != side.price:
                rows.append((side.worst, side.known - side.top))
        from_sides.append(rows)
    return from_sides[0], from_sides[1]
