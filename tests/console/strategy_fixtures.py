"""What the engine would answer the Strategies screen, with the pairs of the Desk's fixtures."""

from __future__ import annotations

from services.views.status import FillStatus, StrategyStatus
from services.views.strategies import ParameterView, StrategiesView, StrategyView
from tests.console.fixtures import d, quiet_pairs, quiet_strip

PARAMETERS = (
    ("enabled", "true", "true", "true", "flag", "", False),
    ("min_spread", "0.8bps/8h", "1bps/8h", "1bps/8h", "bps/8h", "Between the legs' entry rates.", False),
    ("hold_h", "72h", "72h", "72h", "h", "H: hours over which income is projected.", False),
    ("persistence", "0.5", "0.5", "0.5", "fraction", "Share of the projected income that counts.", False),
    ("max_pairs", "4", "4", "4", "count", "Pairs at a time.", True),
)


def status(name: str, state: str, reason: str, ago_s: int | None) -> StrategyStatus:
    ts = quiet_strip().ts
    return StrategyStatus(
        name=name,
        kind=name,
        state=state,
        last_decision=None if ago_s is None else ts - ago_s * 10**9,
        reason=reason,
        fills=FillStatus(
            attempts=12,
            requotes=31,
            rested=d("0.72"),
            maker_bps=d("2.10"),
            taker_bps=d("5.80"),
            taker_p90_bps=d("1.40"),
        ),
    )


def quiet_strategies() -> StrategiesView:
    """One that runs, with an override; one that a person has paused."""
    return StrategiesView(
        ts=quiet_strip().ts,
        strategies=(
            StrategyView(
                status=status("funding_arb", "running", "hold: best net edge 4.1 bps < 0.5x cost 22 bps", 4),
                parameters=tuple(
                    ParameterView(
                        key=f"funding_arb.{key}",
                        value=value,
                        before=before,
                        default=default,
                        unit=unit,
                        doc=doc,
                        overridden=value != before,
                        limit=limit,
                    )
                    for key, value, before, default, unit, doc, limit in PARAMETERS
                ),
                pairs=len(quiet_pairs()),
            ),
            StrategyView(
                status=status("cross_exchange", "paused", "", None),
                parameters=(),
                pairs=0,
            ),
        ),
        pairs=quiet_pairs(),
    )
