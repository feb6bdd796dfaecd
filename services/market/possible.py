"""Which figures a market can state at all. What cannot be is unknown, never believed."""

from __future__ import annotations

from decimal import Decimal

from services.domain.events import QuoteRow
from services.domain.money import grid_decimal

IMPOSSIBLE = 1e12
"""No price or index reaches it; such a figure is taken as unknown."""


def two_sided(row: QuoteRow) -> bool:
    """Both sides stated, possible and not crossed. NaN fails every comparison."""
    return 0.0 < row.bid <= row.ask < IMPOSSIBLE


def positive_on_grid(value: float, increment: Decimal) -> Decimal | None:
    """The point of the grid nearest to a possible figure; None when it is none."""
    if not 0.0 < value < IMPOSSIBLE:
        return None
    price = grid_decimal(value, increment)
    return price if price > 0 else None
