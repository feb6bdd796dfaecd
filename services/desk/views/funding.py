"""The funding pane: the pairs as the first funding strategy judges them, with a verdict in one word.

HOLD: the pair is open. STALE: a quote, mark, rate or index of a leg is not fresh. BLOCK: a fact is unknown,
or a depeg or the trading state forbids it, whatever the edge. ENTER: nothing is against it. `—`: the edge is
too small, or it is not the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from statistics import quantiles

from services.desk.gatekeeping import halted_venues
from services.desk.strategy import Strategies
from services.desk.views.cache import Moment
from services.desk.views.figures import Figures
from services.desk.views.refused import entry_refused
from services.domain.money import ZERO
from services.market.board import OVERDUE, Evaluation, Ground, Side, judged, ranking
from services.market.funding import bps_8h, realised_spreads
from services.market.legs import leg_facts
from services.settings.funding import Funding
from services.strategies import funding_arb
from services.views.desk import FundingRowView, SpreadsView

SHOWN = 16
"""Settlements in the sparkline."""
KNOWN = 96
"""So many of the newest make the distribution: a month of eight-hourly ones, and no more work than a look may
take."""

WORK, COLD, LEG, PAIR, ROW = 24, 24, 2, 1, 1
"""What one look may do of the board, and what each part of it weighs; a leg is cold when it has
settled since the last board, for then its smoothed rate has to be worked out."""
CHECKED = 8
"""Rows whose settlements one look checks."""

NONE = "—"
_FACTS = ("unknown ", "no rate", "no book", "depeg: ", "inverse ", "delisting", OVERDUE)


def first_funding(figures: Figures) -> tuple[str, Funding]:
    """(name, parameters) of the profile's first funding strategy that is on, else of the first; without any
    the defaults."""
    every = figures.core.settings.strategies.items()
    found = [(name, one) for name, one in every if one.kind == funding_arb.KIND]
    for name, settings in sorted(found, key=lambda one: not one[1].enabled):
        return name, settings.funding
    return "", Funding()


def funding_views(figures: Figures, strategies: Strategies) -> tuple[FundingRowView, ...]:
    """The best net edge first; those that cannot be ranked last."""
    name = shown_strategy(figures, strategies)
    if not name:
        return ()
    token = _token(figures, strategies, name)
    rows = figures.cache.grow("funding", token, lambda: _judge(figures, strategies))
    for row in figures.cache.part(rows, CHECKED):
        # The dearest part: one is worked out in a look, and the next board has what is there by then.
        _settled(figures, row.short, row.long)
    return rows


def funding_ready(figures: Figures, strategies: Strategies) -> bool:
    """One step towards a board where none can be shown yet; see `ViewCache.ready`."""
    name = shown_strategy(figures, strategies)
    return not name or figures.cache.ready(
        "funding", _token(figures, strategies, name), lambda: _judge(figures, strategies)
    )


def shown_strategy(figures: Figures, strategies: Strategies) -> str:
    """The one whose board it is; empty = none runs."""
    name, _ = first_funding(figures)
    return name if name in strategies.states and name in figures.core.state.strategies else ""


def _token(figures: Figures, strategies: Strategies, name: str) -> Moment:
    """Beside time only what a verdict hangs on: with every fill in it, the board would never be through."""
    core = figures.core
    books = (
        strategies.blocked(name),
        tuple((pair.id, pair.state) for pair in core.pairs.live()),
        tuple(core.depeg.levels().items()),
        tuple(core.state.overrides.items()),
        tuple((each.name, each.scope, each.state) for each in core.causes.causes()),
        tuple(halted_venues(core)),
        tuple(feed.up for feed in core.state.picture.feeds.values()),
    )
    return Moment(figures.token.step, books)


def _judge(figures: Figures, strategies: Strategies) -> Iterator[tuple[FundingRowView, ...] | None]:
    """The board as the strategy judges it, `WORK` at a step: facts of the legs, then the pairs, then rows."""
    core = figures.core
    name, params = first_funding(figures)
    view = strategies.view(name, core.settings.strategies[name], bare=True)
    rules = funding_arb.rules_of(view, params, strategies.states[name])
    ground = Ground(rules, view.now)
    sides: list[Side] = []
    found: list[Evaluation] = []
    rows: list[FundingRowView] = []
    done = 0
    for spec in core.instruments.values():
        if spec.is_perp:
            known = core.picture.state.rates.get(spec.id)
            cold = figures.cache.new(f"rate {spec.id}", -1 if known is None else known.revision)
            sides.append(Side(leg_facts(core.picture, spec, params, view.now), ground))
            done += COLD if cold else LEG
            if done >= WORK:
                done = 0
                yield None
    for row in judged(sides, ground):
        found.append(row)
        done += PAIR
        if done >= WORK:
            done = 0
            yield None
    for row in ranking(found):
        rows.append(_view(figures, row, view.blocked or entry_refused(core, name, row.short, row.long)))
        done += ROW
        if done >= WORK:
            done = 0
            yield None
    yield tuple(rows)


def _view(figures: Figures, row: Evaluation, blocked: str) -> FundingRowView:
    verdict, reason = _verdict(row, blocked)
    multiple = None
    if row.net_edge is not None and row.costs is not None and row.costs > ZERO:
        multiple = row.net_edge / row.costs
    settled, spreads = _settled(figures, row.short, row.long)
    return FundingRowView(
        rank=row.rank,
        group=row.group,
        short=row.short,
        long=row.long,
        short_rate=_shown(row.short_hourly),
        long_rate=_shown(row.long_hourly),
        short_interval_h=row.short_interval_h,
        long_interval_h=row.long_interval_h,
        spread=row.spread,
        apr=row.apr,
        gross=row.gross,
        costs=row.costs,
        net_edge=row.net_edge,
        edge_multiple=multiple,
        break_even_h=row.break_even_h,
        settles_ns=None
        if row.settles_ts is None or row.settles_ts <= figures.now
        else row.settles_ts - figures.now,
        settled=settled,
        sample=row.sample,
        spreads=spreads,
        verdict=verdict,
        reason=reason,
        pair=row.pair,
        stale=row.stale,
    )


def _verdict(row: Evaluation, blocked: str) -> tuple[str, str]:
    """One word, and the refusal that it stands on."""
    if row.pair is not None:
        return "HOLD", f"{row.pair} is open"
    facts = [text for text in row.refusals if text.startswith(_FACTS)]
    if row.stale and not facts:
        return "STALE", "stale"
    if facts:
        return "BLOCK", facts[0]
    if blocked and (blocked in row.refusals or not row.refusals):
        return "BLOCK", blocked
    if row.refusals:
        return NONE, row.refusals[0]
    return "ENTER", "enter"


def _shown(hourly: Decimal | None) -> Decimal | None:
    return None if hourly is None else bps_8h(hourly)


def _settled(figures: Figures, short: str, long: str) -> tuple[tuple[float, ...], SpreadsView | None]:
    """Realised spreads and their distribution; they change only when a leg settles."""
    picture = figures.core.picture
    known = picture.state.rates
    token = tuple(known[name].revision if name in known else -1 for name in (short, long))
    nothing: tuple[tuple[float, ...], SpreadsView | None] = ((), None)
    return figures.cache.later(
        f"settled {short}|{long}",
        token,
        lambda: distributed(realised_spreads(picture.settlements(short), picture.settlements(long), KNOWN)),
        nothing,
    )


def distributed(found: tuple[float, ...]) -> tuple[tuple[float, ...], SpreadsView | None]:
    """The newest ones for the sparkline, and the distribution of all. Quarters as `statistics.quantiles`."""
    if not found:
        return (), None
    low, median, high = quantiles(found, n=4, method="inclusive") if len(found) > 1 else found * 3
    below = sum(each < 0 for each in found) / len(found)
    return found[-SHOWN:], SpreadsView(len(found), min(found), low, median, high, max(found), below)
