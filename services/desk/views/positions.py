"""What is held: one row an instrument and pair, the rest of a position that no pair owns in a row of its own.

Rows of one position add up to it: sizes, uPnL and funding. A mark that is stale is the last known one, the
row says `stale`, and a liquidation price that would rest on it is unknown.
"""

from __future__ import annotations

from decimal import Decimal

from services.desk import hand, holdings
from services.desk.core import DeskCore
from services.desk.views.figures import STALE, Figures, account_overdue, mark_age, milliseconds, oldest
from services.domain.enums import PairState
from services.domain.instrument import Instrument
from services.domain.money import BPS, ZERO
from services.execution.pair_state import Leg, Pair
from services.portfolio.distance import liquidation_price, single_leg_liquidation
from services.portfolio.position_book import PositionBook
from services.views.desk import PositionView, StopView

FOREIGN = "foreign"
DUST = "dust"

Liquidations = dict[str, tuple[Decimal | None, Decimal | None]]
"""By instrument: (price, price if the other leg vanished)."""


def position_views(figures: Figures) -> tuple[PositionView, ...]:
    """Rows of pairs first, in the pairs' order, then what is outright."""
    core = figures.core
    paired: list[PositionView] = []
    single: list[PositionView] = []
    liquidations = _liquidations(figures)
    for book in core.ledger.state.accounts.values():
        for name, held in book.positions.items():
            spec = core.instruments.get(name)
            if held.size == ZERO or spec is None:
                continue
            rest_cost = held.size * held.entry
            for pair, leg in _owners(core, name):
                size = leg.size * leg.side.sign
                entry = leg.entry_price if size != held.size else held.entry
                entry = held.entry if entry is None else entry
                rest_cost -= size * entry
                paired.append(_row(figures, spec, held, size, entry, pair, liquidations))
            single += _outright(figures, spec, held, rest_cost, liquidations)
    order = {pair.id: place for place, pair in enumerate(core.pairs.live())}
    paired.sort(key=lambda row: (order[row.pair or ""], row.side != "short"))
    return (*paired, *single)


def _outright(
    figures: Figures, spec: Instrument, held: PositionBook, cost: Decimal, liquidations: Liquidations
) -> list[PositionView]:
    """What no living pair owns: ours, dust, foreign. `cost` is theirs together, size x entry, signed."""
    core = figures.core
    parts = holdings.split(core, spec.id)
    rest = parts.own + parts.dust + parts.foreign
    rows = []
    for size, owner in ((parts.own, ""), (parts.dust, DUST), (parts.foreign, FOREIGN)):
        if size == ZERO:
            continue
        entry = cost / rest if rest != held.size else held.entry
        if size == parts.own and size != rest:
            entry = core.state.unpaired_entry.get(spec.id, entry)
        if entry <= ZERO:  # the legs' averages do not fit the position's: what is left has its own
            entry = held.entry
        rows.append(_row(figures, spec, held, size, entry, None, liquidations, owner))
        cost, rest = cost - size * entry, rest - size
    return rows


def _owners(core: DeskCore, instrument: str) -> list[tuple[Pair, Leg]]:
    return [
        (pair, leg)
        for pair in core.pairs.live()
        for leg in pair.legs
        if leg.instrument == instrument and leg.size != ZERO
    ]


def _row(
    figures: Figures,
    spec: Instrument,
    held: PositionBook,
    size: Decimal,
    entry: Decimal,
    pair: Pair | None,
    liquidations: Liquidations,
    owner: str = "",
) -> PositionView:
    core = figures.core
    mark, usd = core.picture.mark(spec.id), core.picture.quote_usd(spec.id)
    age, level = mark_age(core, spec.id)
    if figures.stale(spec.venue):
        level, age = STALE, oldest(age, account_overdue(core, spec.venue) or 0)
    notional = upnl = None
    if mark is not None and usd is not None:
        notional = abs(size) * mark * usd
        upnl = size * (mark - entry) * usd
    price, alone = liquidations.get(spec.id, (None, None)) if level != STALE else (None, None)
    away = None if price is None or mark is None else abs(price - mark) / mark
    opened = held.opened_ts if pair is None or pair.opened_ts is None else pair.opened_ts
    return PositionView(
        instrument=spec.id,
        symbol=spec.symbol,
        venue=spec.venue,
        side="long" if size > ZERO else "short",
        size=size,
        size_increment=spec.size_increment,
        price_increment=spec.price_increment,
        entry=entry,
        mark=mark,
        notional=notional,
        upnl=upnl,
        funding=held.funding_usd * size / held.size,
        leverage=figures.last_margins[spec.venue].leverage if spec.venue in figures.last_margins else None,
        liquidation_price=price,
        liquidation_away=away,
        single_leg_liquidation=alone,
        stop=_stop(core, spec.id, pair) if owner != DUST else StopView(kind="DUST"),
        strategy=pair.strategy if pair is not None else _owner(core, spec.id, owner),
        pair=pair.id if pair is not None else None,
        foreign=owner == FOREIGN,
        dust=owner == DUST,
        held_ns=max(0, core.now - opened) if opened else 0,
        age_ms=milliseconds(age),
        level=level,
    )


def _stop(core: DeskCore, instrument: str, pair: Pair | None) -> StopView:
    """A pair's legs stand under the pair stop; the rest under its local stop, or under none."""
    if pair is not None and core.stops.of_leg(pair.id, instrument) is not None:
        stop, resting = (
            core.stops.of_leg(pair.id, instrument),
            core.backstops.level(f"{instrument}|{pair.id}"),
        )
        return StopView(kind="LOCAL", local=None if stop is None else stop.level, resting=resting)
    if pair is not None:
        return StopView(kind="PAIR", local=-hand.params_of(core, pair.strategy).pair_stop * BPS)
    stop = core.stops.get(instrument)
    resting = core.backstops.level(instrument)
    if stop is None and resting is None:
        return StopView(kind="NONE")
    return StopView(kind="LOCAL", local=None if stop is None else stop.level, resting=resting)


def _owner(core: DeskCore, instrument: str, part: str) -> str:
    """Of a row without a living pair: dust is of the strategy whose closed pair left it, while known."""
    if part != DUST:
        return part or "operator"
    for pair in core.pairs.state.pairs.values():
        left = any(leg.instrument == instrument and leg.size != ZERO for leg in pair.legs)
        if pair.state is PairState.CLOSED and left:
            return pair.strategy
    return part


def _liquidations(figures: Figures) -> Liquidations:
    """At fresh figures only."""

    def compute() -> Liquidations:
        return {
            row.instrument.id: (
                liquidation_price(book, row.instrument.id),
                single_leg_liquidation(book, row.instrument.id),
            )
            for book in figures.books.values()
            for row in book.positions
        }

    return figures.cache.get("liquidations", figures.token, compute)
