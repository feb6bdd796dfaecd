"""Views of an engine that is silent: every age in them goes on, and no row of them is fresh any more.

Their panes lose their colours and say how old they are. Without colours a row would still say `hedged` and
`0.2 s`: what nobody vouches for has to say so itself, as a stale row of a live engine does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from screens.link import Link
from screens.room import kind_of
from services.views.desk import DeskView, PairView, PositionView
from services.views.health import HealthView
from services.views.markets import BookView, MarketRow, MarketsView
from services.views.strategies import StrategiesView

STALE = "stale"
Row = TypeVar("Row", PositionView, MarketRow, BookView)


def of(link: Link, topics: Sequence[str], silent_ms: int) -> dict[str, object]:
    """By kind; what has not come yet is missing. `silent_ms` 0: the engine speaks."""
    found = {kind_of(topic): link.view(topic) for topic in topics}
    came = {kind: view for kind, view in found.items() if view is not None}
    return {kind: past(view, silent_ms) for kind, view in came.items()} if silent_ms else came


def past(view: object, ms: int) -> object:
    """The view as it stands `ms` after the engine's last word."""
    match view:
        case DeskView():
            accounts = tuple(replace(one, stale=True) for one in view.risk.accounts)
            return replace(
                view,
                positions=tuple(_stale(row, ms) for row in view.positions),
                pairs=tuple(_pair(pair, ms) for pair in view.pairs),
                risk=replace(view.risk, accounts=accounts),
            )
        case StrategiesView():
            return replace(view, pairs=tuple(_pair(pair, ms) for pair in view.pairs))
        case MarketsView():
            return replace(view, rows=tuple(_stale(row, ms) for row in view.rows))
        case BookView():
            return _stale(view, ms)
        case HealthView():
            venues = (
                replace(one, data_age_ms=_older(one.data_age_ms, ms), read_age_ms=_older(one.read_age_ms, ms))
                for one in view.venues
            )
            return replace(view, venues=tuple(venues))
    return view


def _stale(row: Row, ms: int) -> Row:
    return replace(row, level=STALE, age_ms=_older(row.age_ms, ms))


def _pair(pair: PairView, ms: int) -> PairView:
    return replace(pair, hedged_age_ms=_older(pair.hedged_age_ms or 0, ms))


def _older(age_ms: int | None, ms: int) -> int | None:
    return None if age_ms is None else age_ms + ms
