"""The four panes of the Desk screen as one consistent look, and the plan of the flatten dialog."""

from __future__ import annotations

from decimal import Decimal, localcontext

from services.desk.answers import difference_views
from services.desk.core import DeskCore
from services.desk.strategy import Strategies
from services.desk.views.cache import ViewCache
from services.desk.views.cross import cross_view
from services.desk.views.figures import Figures, figures_of
from services.desk.views.flatten import plan_of
from services.desk.views.funding import first_funding, funding_ready, funding_views, shown_strategy
from services.desk.views.meta import Meta
from services.desk.views.pairs import pair_views
from services.desk.views.positions import position_views
from services.desk.views.risk import risk_view, stress_ready
from services.desk.views.strategies import strategy_views
from services.desk.views.strip import stale_venues
from services.domain.money import DESK_CONTEXT, ZERO
from services.views.desk import DeskView, PositionView


def desk_view(core: DeskCore, strategies: Strategies, meta: Meta, cache: ViewCache | None = None) -> DeskView:
    """Everything the Desk screen draws below the answer bar. `meta` is the strip's; the panes carry none."""
    with localcontext(DESK_CONTEXT):
        return view_of(figures_of(core, cache), strategies)


def desk_ready(core: DeskCore, strategies: Strategies, cache: ViewCache) -> bool:
    """One step of the long work that a first look at the Desk, or one after a while, has to wait for."""
    with localcontext(DESK_CONTEXT):
        figures = figures_of(core, cache)
        return funding_ready(figures, strategies) and stress_ready(figures)


def view_of(figures: Figures, strategies: Strategies) -> DeskView:
    core = figures.core
    rows = position_views(figures)
    _, params = first_funding(figures)
    return DeskView(
        ts=core.now,
        positions=rows,
        pairs=pair_views(core, stale_venues(figures)),
        total_notional=_sum(figures, tuple(row.notional for row in rows)),
        total_upnl=_sum(figures, tuple(row.upnl for row in rows)),
        total_funding=_funding(rows),
        total_leverage=figures.last_total.leverage,
        funding=funding_views(figures, strategies),
        hold_h=params.hold_h,
        risk=risk_view(figures),
        alerts=core.alerts.views(),
        flatten=plan_of(figures),
        differences=difference_views(core),
        cross=cross_view(figures, strategies),
        ranks=bool(shown_strategy(figures, strategies)),
        strategies=tuple((row.name, row.state, row.reason) for row in strategy_views(core)),
    )


def _sum(figures: Figures, values: tuple[Decimal | None, ...]) -> Decimal | None:
    """The total of the rows at their last known figures; one without any makes it unknown."""
    if not figures.opened:
        return None
    known = [value for value in values if value is not None]
    return sum(known, ZERO) if len(known) == len(values) else None


def _funding(rows: tuple[PositionView, ...]) -> Decimal:
    return sum((row.funding for row in rows), ZERO)
