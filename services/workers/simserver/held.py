"""What an account's fills have made of each market: bought and sold since it was flat, and profit realised.

The exchange's own books keep a position's size and average entry; the dialect also tells how it came to be
(ftx.md 3.1). Prices and profit in the quote coin, before fees and funding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile

from services.domain.events import OrderFilled

ZERO = Decimal(0)


@dataclass(slots=True)
class Way:
    """Of one market."""

    size: Decimal = ZERO
    """Signed."""
    entry: Decimal = ZERO
    bought: Decimal = ZERO
    """Since it was flat, as all below but `realized`."""
    sold: Decimal = ZERO
    recent: Decimal = ZERO
    """Profit that its closing fills have realised."""
    realized: Decimal = ZERO
    """The same over all time."""

    def take(self, signed: Decimal, price: Decimal) -> None:
        after = self.size + signed
        if self.size == 0 or self.size * after < 0:
            # Flat before, or turned over: what closed it belongs to the way that ends here.
            self._close(-self.size, price)
            self.bought = self.sold = self.recent = ZERO
            signed, self.entry = after, price
        elif self.size * signed > 0:
            self.entry = (self.entry * self.size + price * signed) / after
        else:
            self._close(signed, price)
        self.bought += max(signed, ZERO)
        self.sold += max(-signed, ZERO)
        self.size = after

    def _close(self, signed: Decimal, price: Decimal) -> None:
        gain = (self.entry - price) * signed
        self.recent += gain
        self.realized += gain

    def break_even(self) -> Decimal:
        """The price at which all since it was flat has brought nothing."""
        return self.entry - self.recent / self.size


class Ways:
    """Of one account on one venue; reads each fill once."""

    def __init__(self) -> None:
        self._of: dict[str, Way] = {}
        self._last = ""

    def of(self, fills: Sequence[OrderFilled]) -> dict[str, Way]:
        """By instrument. `fills`: of the account, oldest first; those of a month ago are gone from it."""
        fresh = list(takewhile(lambda fill: fill.trade_id != self._last, reversed(fills)))
        for fill in reversed(fresh):
            self._of.setdefault(fill.instrument, Way()).take(fill.quantity * fill.side.sign, fill.price)
        if fresh:
            self._last = fresh[0].trade_id
        return self._of
