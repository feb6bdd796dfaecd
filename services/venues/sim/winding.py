"""How the exchange of the dialect winds an account up: in small orders first, then to a backstop provider.

ftx.md 6. Under the maintenance fraction the account takes no order, what works is canceled, and every six
seconds a tenth of each position is closed at a limit some basis points through the book, until the account is
above it again. Under the auto-close fraction everything goes at once to a backstop provider, at the price at
which nothing of the account is left: its loss, or gain, is no longer ours.
"""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import Side
from services.domain.money import BPS, ONE, ZERO
from services.venues.sim.accounts import Margin
from services.venues.sim.floor import TradingFloor
from services.venues.sim.matching import working
from services.venues.sim.state import Winding

EVERY_NS = 6_000_000_000
STEPS = 10
"""Of what was held when it began: a small account is closed within a minute."""
THROUGH = 5 * BPS
"""Of the touch, how far an order of the exchange reaches into the book."""
CLOSE_WITHIN = Decimal("0.06")
"""Under the maintenance fraction, where half of it is further away."""


class SmallOrders:
    """Acts on a floor's account at every market instant at which it may be short of margin."""

    def __init__(self, floor: TradingFloor) -> None:
        self._floor = floor

    def look(self, ts: int, margin: Margin) -> None:
        """Begin, go on, hand over, or end."""
        state = self._floor.state
        if not margin.liquidated:
            state.winding = None
            return
        if state.winding is None:
            state.winding = self._begin(ts)
        notional = self.notional()
        if margin.collateral < backstop_at(margin.maintenance, notional):
            self._hand_over(ts, state.winding, margin.collateral / notional)
        elif ts >= state.winding.next_at:
            self._step(ts, state.winding)

    def notional(self) -> Decimal:
        """USD at the marks, of all positions."""
        floor = self._floor
        return sum(
            (
                abs(held.size) * floor.mark(name) * floor.index(floor.listed[name].quote)
                for name, held in floor.state.account.holdings.items()
            ),
            ZERO,
        )

    def _begin(self, ts: int) -> Winding:
        floor, state = self._floor, self._floor.state
        state.liquidations += 1
        lots = {name: -(-self._lots(name) // STEPS) for name in state.account.holdings}
        for order in working(state):
            floor.end(ts, order, "liquidation")
        return Winding(f"{floor.name}-l{state.liquidations}", ts, lots)

    def _step(self, ts: int, winding: Winding) -> None:
        floor = self._floor
        winding.next_at = ts + EVERY_NS
        for name in list(floor.state.account.holdings):
            side = self._closing(name)
            book = floor.books[name]
            levels = book.levels(asks=side is Side.BUY)
            if not levels:
                continue
            limit = int(levels[0][0] * (ONE + side.sign * THROUGH))
            lots = min(winding.lots.get(name, 1), self._lots(name))
            for ticks, taken in book.take(side, limit, lots):
                floor.book_fill(ts, name, side, ticks, taken, None, forced=winding.order, liquidation=True)

    def _hand_over(self, ts: int, winding: Winding, fraction: Decimal) -> None:
        """Every position at its zero price: mark x (1 - MF) for a long, mark x (1 + MF) for a short."""
        floor = self._floor
        for name in list(floor.state.account.holdings):
            side, lots = self._closing(name), self._lots(name)
            mark = floor.books[name].cell.mark_ticks
            ticks = max(1, round(mark * (ONE + side.sign * fraction)))
            floor.book_fill(
                ts, name, side, ticks, lots, None, forced=winding.order, liquidation=True, free=True
            )
        floor.state.winding = None

    def _closing(self, name: str) -> Side:
        return Side.SELL if self._floor.state.account.size(name) > 0 else Side.BUY

    def _lots(self, name: str) -> int:
        return int(abs(self._floor.state.account.size(name)) / self._floor.listed[name].size_increment)


def backstop_at(maintenance: Decimal, notional: Decimal) -> Decimal:
    """USD of collateral below which it is handed over: `max(MMF / 2, MMF - 0.06)` of the notional."""
    return max(maintenance / 2, maintenance - CLOSE_WITHIN * notional)
