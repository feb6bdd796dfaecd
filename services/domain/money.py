"""Decimal arithmetic of the desk: one named context, and the only doors between float and Decimal.

The market picture holds floats; every figure that enters an order, a balance or a limit crosses through
`grid_decimal` onto a declared increment, never through `Decimal(float)` (SEMANTICS 1).
"""

from __future__ import annotations

import decimal
import math
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal
from functools import lru_cache

ZERO = Decimal(0)
ONE = Decimal(1)
BPS = Decimal("0.0001")

STABLECOINS: tuple[str, ...] = ("USDT", "USDC", "BUSD")
"""Coins that promise one dollar and whose peg is watched. None is ever assumed to keep it."""

DOLLARS: tuple[str, ...] = (*STABLECOINS, "FDUSD", "TUSD", "USDE", "USD1", "DAI")
"""Beside them such as promise the same and are not watched: their peg is unknown, so nothing is opened in
them, and what is held of them falls in the stress table like the others."""

INDEX_INCREMENT = Decimal("0.000001")
"""Grid on which a coin's float USD index becomes Decimal."""

COIN_INCREMENT = Decimal("0.00000001")
"""Grid of balances, fees and funding payments of every coin (eight places, as the venues book them)."""

DESK_CONTEXT = decimal.Context(
    prec=34,
    rounding=ROUND_HALF_EVEN,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow, decimal.FloatOperation],
)
"""The one context `Desk.handle` runs in: 34 digits, half-even, a float in Decimal arithmetic is an error."""


_step_of = lru_cache(maxsize=1024)(float)
"""An increment as float, made once: of all of `grid_decimal` it takes longest, and a world has few grids."""


def grid_decimal(value: float, increment: Decimal) -> Decimal:
    """The point of the grid nearest to a float market figure, exact from there on.

    Raises ValueError on NaN or infinity: an unknown figure has no grid point.
    """
    if not math.isfinite(value):
        raise ValueError(f"no grid point for {value!r}: the market figure is not a finite number")
    return (increment * round(value / _step_of(increment))).quantize(increment)


def floor_to(value: Decimal, increment: Decimal) -> Decimal:
    """Toward zero onto the grid. Idempotent."""
    return (value / increment).to_integral_value(rounding=ROUND_DOWN) * increment


def ceil_to(value: Decimal, increment: Decimal) -> Decimal:
    """Away from zero onto the grid. Idempotent."""
    return (value / increment).to_integral_value(rounding=ROUND_UP) * increment


def round_coin(amount: Decimal) -> Decimal:
    """One rounding, half-even, to the coin's increment (SEMANTICS 1, funding cash flow)."""
    return amount.quantize(COIN_INCREMENT, rounding=ROUND_HALF_EVEN)
