"""Am I hedged: naked notional with its clock, residuals, and what stands outside every pair.

Naked is signed USD: a long that stands without its short is > 0. It counts while the pair's own clock runs,
i.e. beyond the residual that a hedged pair may keep; below that it is residual.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.desk.core import DeskCore
from services.desk.prices import DeskPrices
from services.desk.views.figures import (
    Figures,
    account_overdue,
    held_sizes,
    mark_usd,
    oldest,
    quote_mark_age,
    seconds,
)
from services.domain.enums import Side
from services.domain.instrument import venue_of
from services.domain.money import ZERO
from services.execution.pair_legs import excess, unit_usd
from services.execution.pair_state import LONG, Pair
from services.views.desk import NakedView


class Naked(Struct, frozen=True, kw_only=True):
    """Over all pairs."""

    notional: Decimal | None
    """Signed USD; None = something is naked whose price was never known, or no account was read yet."""
    seconds: Decimal
    bound: Decimal | None
    within: bool
    """Every running clock is inside the leg time-out."""
    worst: Decimal
    worst_seconds: Decimal
    text: str


def holding(core: DeskCore) -> tuple[Pair, ...]:
    """Live pairs with anything on a leg."""
    return tuple(pair for pair in core.pairs.live() if any(leg.size != ZERO for leg in pair.legs))


def naked_of(core: DeskCore, pair: Pair) -> NakedView:
    """One pair, as it stands now."""
    heavy, quantity = excess(pair)
    if pair.naked.since is None or heavy == 0:
        return NakedView(notional=ZERO, seconds=ZERO, worst_seconds=seconds(pair.naked.worst_ns))
    leg = pair.leg(heavy)
    unit = unit_usd(leg, DeskPrices(core))
    return NakedView(
        notional=None if unit is None else quantity * unit * leg.side.sign,
        seconds=seconds(pair.naked.seconds_ns(core.now)),
        worst_seconds=seconds(max(pair.naked.worst_ns, pair.naked.seconds_ns(core.now))),
    )


def naked(figures: Figures) -> Naked:
    core = figures.core
    counters = core.state.counters
    total: Decimal | None = ZERO if figures.opened else None
    longest = ZERO
    worst, worst_ns = counters.worst_naked, counters.worst_naked_ns
    bounds: list[Decimal] = []
    texts: list[str] = []
    for pair in core.pairs.live():
        view = naked_of(core, pair)
        worst = max(worst, pair.naked.worst, abs(view.notional or ZERO))
        worst_ns = max(worst_ns, pair.naked.worst_ns, pair.naked.seconds_ns(core.now))
        if view.notional == ZERO:
            continue
        total = None if total is None or view.notional is None else total + view.notional
        longest = max(longest, view.seconds)
        bounds.append(min(pair.naked_bound, core.settings.pair.naked_max))
        heavy, quantity = excess(pair)
        leg = pair.leg(heavy)
        word = "long" if leg.side is Side.BUY else "short"
        texts.append(f"{pair.id} {word} {quantity.normalize():f} {leg.instrument} alone")
    return Naked(
        notional=total,
        seconds=longest,
        bound=min(bounds) if bounds else _bound(figures),
        within=longest * 1000 < core.settings.pair.leg_timeout_ms,
        worst=worst,
        worst_seconds=seconds(worst_ns),
        text="; ".join(texts) if texts or figures.opened else "the accounts have not been read yet",
    )


def _bound(figures: Figures) -> Decimal | None:
    """The smaller of `naked_max` and its fraction of C; C unknown = no pair is opened, no bound is known."""
    settings = figures.core.settings.pair
    capital = figures.total.collateral
    return (
        None if capital is None else min(settings.naked_max, settings.naked_max_fraction * max(ZERO, capital))
    )


def residual(pair: Pair) -> Decimal | None:
    """Long - short in base units; a peg pair has two bases, so it has none."""
    return None if pair.kind == "peg" else pair.long.size - pair.short.size


def residual_usd(core: DeskCore, pair: Pair) -> Decimal | None:
    """What one leg has beyond the other by the proportion of the targets, signed USD at the mark."""
    heavy, quantity = excess(pair)
    if heavy == 0:
        return ZERO
    unit = mark_usd(core, pair.leg(heavy).instrument)
    if unit is None:
        return None
    return quantity * unit if heavy == LONG else -quantity * unit


def total_residual(figures: Figures) -> Decimal | None:
    """Sum of the pairs' residuals, each as a magnitude: two of opposite sign do not hedge each other."""
    if not figures.opened:
        return None
    total = ZERO
    for pair in holding(figures.core):
        each = residual_usd(figures.core, pair)
        if each is None:
            return None
        total += abs(each)
    return total


def outright(figures: Figures) -> Decimal | None:
    """USD notional of what stands outside every pair."""
    core = figures.core
    if not figures.opened:
        return None
    total = ZERO
    for instrument, size in held_sizes(core).items():
        free = size - core.pairs.size_on(instrument)
        if free == ZERO:
            continue
        unit = mark_usd(core, instrument) if instrument in core.instruments else None
        if unit is None:
            return None
        total += abs(free) * unit
    return total


def desk_age(core: DeskCore) -> int | None:
    """The same of all pairs. Without any: of the oldest overdue read, for where an account is out of sight
    nobody knows that it is flat still. None = every account was read in time."""
    if pairs := holding(core):
        return hedged_age(core, pairs)
    return unseen(core)


def unseen(core: DeskCore) -> int | None:
    """Age of the oldest overdue read of an account, ns: what stands there is known as of then. None = every
    account was read in time."""
    found = [age for venue in core.account_venues() if (age := account_overdue(core, venue)) is not None]
    return max(found, default=None)


def hedged_age(core: DeskCore, pairs: tuple[Pair, ...]) -> int | None:
    """Age of the oldest quote, mark or overdue read that the held legs of these pairs rest on.
    None = none, or unknown."""
    legs = [leg.instrument for pair in pairs for leg in pair.legs if leg.size != ZERO]
    reads = [account_overdue(core, venue) or 0 for venue in dict.fromkeys(venue_of(name) for name in legs)]
    return oldest(*(quote_mark_age(core, name) for name in legs), *reads) if legs else None
