"""The last line of a headless run: the status, what was done, and what was left undone and why."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext

from services.desk.core import DeskCore
from services.desk.strategy import Strategies
from services.desk.views.figures import Figures
from services.desk.views.meta import Meta
from services.desk.views.status import status_of
from services.desk.views.tidy import tidy
from services.domain.money import DESK_CONTEXT
from services.strategies import chances, edges
from services.strategies.cross_exchange import CrossState
from services.strategies.funding_arb import FundingArbState
from services.views.status import BestRefused, SummaryView


def summary(core: DeskCore, strategies: Strategies, meta: Meta, events: int, ended_by: str) -> SummaryView:
    """`events`: how many inputs the run handled; `ended_by`: what ended it, in the shell's words."""
    with localcontext(DESK_CONTEXT):
        figures = Figures(core)
        counters = core.state.counters
        seen, refused, best = opportunities(strategies.states)
        found = SummaryView(
            status=status_of(figures, meta, strategies),
            stamp=meta.stamp,
            trades=counters.trades,
            fills=counters.fills,
            fees=None if counters.unpriced_fees else counters.fees,
            funding_net=None if counters.unpriced_funding else counters.received - counters.paid,
            net_pnl=_net_pnl(figures),
            events=events,
            opportunities=seen,
            refused=refused,
            best_refused=best,
            ended_by=ended_by,
        )
        return tidy(found)


def _net_pnl(figures: Figures) -> Decimal | None:
    """Change of equity since the first complete one, less what was transferred; None = equity unknown."""
    counters = figures.core.state.counters
    equity, start = figures.total.equity, counters.equity_start
    return None if equity is None or start is None else equity - start - counters.transfers


def opportunities(states: Mapping[str, object]) -> tuple[int, dict[str, int], BestRefused | None]:
    """Over all strategies: each kind says itself what one is."""
    seen = 0
    refused: dict[str, int] = {}
    best: BestRefused | None = None
    for state in states.values():
        found: chances.OpportunitySummary | edges.EdgeBook
        if isinstance(state, FundingArbState):
            found = chances.summary(state)
        elif isinstance(state, CrossState):
            found = edges.told(state.edges)
        else:
            continue
        seen += found.seen
        for rule, count in found.refused.items():
            refused[rule] = refused.get(rule, 0) + count
        top = found.best_refused
        if top is None or top.net_edge is None:
            continue
        if best is None or top.net_edge > best.net_edge:
            best = BestRefused(pair=f"{top.short}|{top.long}", net_edge=top.net_edge, rule=top.rule)
    return seen, refused, best
