"""What the Strategies screen shows: each strategy with its parameters, and each live pair."""

from __future__ import annotations

from msgspec import Struct

from services.views.desk import PairView
from services.views.status import StrategyStatus


class ParameterView(Struct, frozen=True, kw_only=True):
    """One parameter of a strategy, with its unit, as `:set` takes it."""

    key: str
    """`funding_arb.min_spread`."""
    value: str
    before: str
    """What the profile says; the same unless the operator has overridden it."""
    default: str
    unit: str
    doc: str
    overridden: bool
    limit: bool
    """Loosening it needs a reason and ACTIVE."""


class StrategyView(Struct, frozen=True, kw_only=True):
    status: StrategyStatus
    parameters: tuple[ParameterView, ...]
    pairs: int
    """Live ones."""


class StrategiesView(Struct, frozen=True, kw_only=True):
    ts: int
    strategies: tuple[StrategyView, ...]
    """In the profile's order."""
    pairs: tuple[PairView, ...]
    """Oldest first."""
