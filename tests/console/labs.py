"""What the engine would answer the Stress screen, with the figures of the Desk's fixtures."""

from __future__ import annotations

from decimal import Decimal

from services.views.stress import CaseView, OutcomeView, ShockView, StepView, StressLab
from tests.console.fixtures import d, maybe, quiet_strip

COINS = (
    ("USDT", True, "1.0001", "0"),
    ("USDC", True, "0.9998", "-0.05"),
    ("BTC", True, "67184.0", "0.1"),
    ("ETH", True, "3521.4", "0"),
    ("BUSD", False, "1.0000", "0"),
    ("SOL", False, "", "0"),
)
ACCOUNTS = (
    ("", "94250", "92118", "1.84", "1.97", "0.231", "0.412", "0.381", "0.302", False),
    ("alpha", "48110", "45902", "2.10", "2.31", "0.231", "0.412", "0.381", "0.302", False),
    ("beta", "46140", "46216", "1.57", "1.61", "0.198", "0.214", "0.422", "", False),
)
STEPS = (
    ("0", "94250", "0.231", "1.84", "0.381"),
    ("0.5", "93180", "0.318", "1.90", "0.341"),
    ("1", "92118", "0.412", "1.97", "0.302"),
    ("1.5", "91002", "0.823", "2.05", "0.118"),
    ("2", "89770", "1.204", "2.14", ""),
)
CASES = (
    ("USDT −1 %", {"USDT": "-0.01"}, "-212", "0.238", "1.85"),
    ("USDT −10 %", {"USDT": "-0.1"}, "-2120", "0.301", "1.91"),
    ("USDC −10 %", {"USDC": "-0.1"}, "-4410", "0.402", "1.96"),
    ("every perp +5 %", {"BTC": "0.05", "ETH": "0.05"}, "-18", "0.262", "1.93"),
    ("every perp −5 %", {"BTC": "-0.05", "ETH": "-0.05"}, "21", "0.208", "1.75"),
    ("funding flipped 24 h", {}, "-96", "0.231", "1.84"),
    ("worst: USDC −10 %, perps +5 %", {"USDC": "-0.1", "BTC": "0.05"}, "-4530", "1.041", "2.04"),
    ("USDC 2023-03 (0.8774)", {"USDC": "-0.1226"}, "-5406", "0.448", "1.99"),
)


def quiet_lab(shocked: bool = True) -> StressLab:
    """Two shocks that would end badly at twice their size; without them the present."""
    return StressLab(
        ts=quiet_strip().ts,
        shocks=tuple(
            ShockView(coin=coin, held=held, price=maybe(price), change=d(change) if shocked else Decimal(0))
            for coin, held, price, change in COINS
        ),
        outcomes=tuple(_outcome(shocked, *row) for row in ACCOUNTS),
        steps=tuple(
            StepView(
                share=d(share),
                equity=d(equity),
                usage=d(usage),
                leverage=d(leverage),
                distance=maybe(distance),
                infinite=False,
            )
            for share, equity, usage, leverage, distance in (STEPS if shocked else STEPS[:1])
        ),
        cases=tuple(
            CaseView(
                name=name,
                changes={coin: d(change) for coin, change in moved.items()},
                equity_change=d(change),
                usage=d(usage),
                leverage=d(leverage),
                infinite=False,
            )
            for name, moved, change, usage, leverage in CASES
        ),
    )


def _outcome(
    shocked: bool,
    venue: str,
    equity_now: str,
    equity: str,
    leverage_now: str,
    leverage: str,
    usage_now: str,
    usage: str,
    distance_now: str,
    distance: str,
    stale: bool,
) -> OutcomeView:
    return OutcomeView(
        venue=venue,
        equity_now=d(equity_now),
        equity=d(equity if shocked else equity_now),
        leverage_now=d(leverage_now),
        leverage=d(leverage if shocked else leverage_now),
        usage_now=d(usage_now),
        usage=d(usage if shocked else usage_now),
        distance_now=d(distance_now),
        distance=maybe(distance if shocked else distance_now),
        holds=True,
        infinite=False,
        stale=stale,
    )
