"""Which figures a market can state at all. What cannot be is unknown, never believed."""

from __future__ import annotations

from decimal import Decimal

from services.domain.events import QuoteRow
from services.domain.money import INDEX_INCREMENT, grid_decimal

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


CENT = 0.01
SMALL_INCREMENT = Decimal("1E-12")
"""Of an index below a cent: on the six places of others it would lose its figures, or be nothing at all."""


def usd_on_grid(index: float) -> Decimal | None:
    """A coin's USD index as Decimal; None when it is no possible figure."""
    return positive_on_grid(index, INDEX_INCREMENT if index >= CENT else SMALL_INCREMENT)
