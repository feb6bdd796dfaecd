"""One instrument's book: background liquidity around the fair price, and our resting orders against it.

Prices are integer ticks and quantities integer lots, so nothing is ever a rounding apart. The background is a
ladder laid out from the fair price at each market instant; what is taken of it is gone until the next one.
Our resting orders fill when the market trades through them, best price first, then first come first served,
out of a seeded flow that may leave part of an order unfilled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from services.domain.enums import OrderState, OrderType, Side, TimeInForce
from services.venues.sim.source import LEVELS, Cell


@dataclass(slots=True)
class SimOrder:
    """An order as the exchange keeps it."""

    client_order_id: str
    venue_order_id: str
    instrument: str
    side: Side
    lots: int
    """What it may fill: the asked quantity, cut for reduce-only."""
    asked_lots: int
    ticks: int | None
    """None = market."""
    type: OrderType
    tif: TimeInForce
    post_only: bool
    reduce_only: bool
    ts: int
    """Arrival, market time."""
    number: int
    """Arrival order on this venue: time priority."""
    trigger: int | None = None
    """Ticks of the mark at which a conditional order is released; None = ordinary, or released."""
    filled: int = 0
    state: OrderState = OrderState.ACCEPTED
    closed_ts: int = 0

    @property
    def leaves(self) -> int:
        return self.lots - self.filled

    @property
    def live(self) -> bool:
        return self.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)


Take = tuple[int, int]
"""(ticks, lots) of one match."""


class Book:
    """Resting orders of one instrument, and what is left of the background until the next instant."""

    __slots__ = ("asks", "bids", "cell", "taken")

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.bids: list[SimOrder] = []
        """Ours, in priority order."""
        self.asks: list[SimOrder] = []
        self.taken: dict[tuple[bool, int], int] = {}
        """Lots already taken at (ask side, ticks) since the last instant."""

    @property
    def priced(self) -> bool:
        return self.cell.level_lots > 0

    def levels(self, asks: bool) -> list[Take]:
        """What is left of the background on one side, best first.

        Nothing of it stands at or through one of our own resting orders: what did has been eaten.
        """
        cell = self.cell
        best, away = (math.ceil(cell.fair * cell.up), 1) if asks else (math.floor(cell.fair * cell.down), -1)
        wall, _ = _best_of(self.bids if asks else self.asks)
        sizes: dict[int, int] = {}
        for offset, lots in cell.ladder():
            ticks = best + away * offset
            sizes[ticks] = sizes.get(ticks, 0) + lots
        left: list[Take] = []
        for ticks, lots in sizes.items():
            rest = lots - self.taken.get((asks, ticks), 0)
            clear = not wall or away * ticks > away * wall
            if rest > 0 and ticks > 0 and clear:
                left.append((ticks, rest))
        return left

    def top(self) -> tuple[int, int, int, int, int, int]:
        """Best bid, its lots, best ask, its lots, depths within 5 bps: our resting orders included."""
        bid, bid_lots, bid_depth = self._side(asks=False)
        ask, ask_lots, ask_depth = self._side(asks=True)
        return bid, bid_lots, ask, ask_lots, bid_depth, ask_depth

    def _side(self, *, asks: bool) -> tuple[int, int, int]:
        left = self.levels(asks)
        mine, leaves = _best_of(self.asks if asks else self.bids)
        best, lots = left[0] if left else (mine, 0)
        near = int(self.cell.gap * (LEVELS - 1))
        depth = sum(size for ticks, size in left if abs(ticks - best) <= near) + leaves
        if leaves == 0:
            return best, lots, depth
        if mine == best:
            return best, lots + leaves, depth
        ahead = mine < best if asks else mine > best
        return (mine, leaves, depth) if ahead else (best, lots, depth)

    def take(self, side: Side, limit: int | None, lots: int) -> list[Take]:
        """Match an incoming order against the background, up to its limit; what it takes is gone.

        The caller keeps the limit short of our own resting orders (self-trade prevention).
        """
        asks = side is Side.BUY
        out: list[Take] = []
        for ticks, rest in self.levels(asks):
            if lots <= 0 or (limit is not None and (ticks > limit if asks else ticks < limit)):
                break
            quantity = min(rest, lots)
            self.taken[asks, ticks] = self.taken.get((asks, ticks), 0) + quantity
            out.append((ticks, quantity))
            lots -= quantity
        return out

    def would_cross(self, side: Side, limit: int) -> bool:
        """Whether a resting order at `limit` would match at once: the post-only question."""
        left = self.levels(asks=side is Side.BUY)
        if not left:
            return False
        return limit >= left[0][0] if side is Side.BUY else limit <= left[0][0]

    def meets_own(self, side: Side, limit: int | None) -> bool:
        """Whether an order would trade with one of ours."""
        own = self.asks if side is Side.BUY else self.bids
        if not own:
            return False
        first = own[0].ticks
        if limit is None or first is None:
            return True
        return limit >= first if side is Side.BUY else limit <= first

    def rest(self, order: SimOrder) -> None:
        """Stand in line: behind everything of the same price."""
        if order.side is Side.BUY:
            self.bids.append(order)
            self.bids.sort(key=lambda o: (-(o.ticks or 0), o.number))
        else:
            self.asks.append(order)
            self.asks.sort(key=lambda o: (o.ticks or 0, o.number))

    def remove(self, order: SimOrder) -> None:
        (self.bids if order.side is Side.BUY else self.asks).remove(order)

    def traded_through(self, rng: Random) -> list[tuple[SimOrder, int]]:
        """Our orders that the market has reached since the last instant, with the lots that fill.

        The flow that comes at them is between a fifth of a level and the whole stated depth, shared out in
        priority order.
        """
        cell = self.cell
        fills: list[tuple[SimOrder, int]] = []
        for own, through in (
            (self.bids, math.ceil(cell.fair * cell.up)),
            (self.asks, math.floor(cell.fair * cell.down)),
        ):
            if not own:
                continue
            buys = own is self.bids
            flow = int(cell.level_lots * (0.2 + 4.8 * rng.random())) + 1
            fills += allocate(
                [
                    o
                    for o in own
                    if o.ticks is not None and (o.ticks >= through if buys else o.ticks <= through)
                ],
                flow,
            )
        return fills


def allocate(line: list[SimOrder], flow: int) -> list[tuple[SimOrder, int]]:
    """Share `flow` lots out along a line in priority order."""
    out: list[tuple[SimOrder, int]] = []
    for order in line:
        quantity = min(order.leaves, flow)
        if quantity <= 0:
            break
        out.append((order, quantity))
        flow -= quantity
    return out


def _best_of(line: list[SimOrder]) -> Take:
    """The best price of our line and all its lots there; (0, 0) = none."""
    if not line or line[0].ticks is None:
        return 0, 0
    best = line[0].ticks
    return best, sum(o.leaves for o in line if o.ticks == best)
