"""The clearing house of a venue: funding at the settlement instants, liquidation at a usage of one, ADL."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from services.domain.enums import Side
from services.domain.events import FundingSettled, RateRow
from services.venues.sim.accounts import funding_amount, margin_of
from services.venues.sim.adl import places, taken_at
from services.venues.sim.facts import WEIGHTS
from services.venues.sim.floor import Emit, TradingFloor
from services.venues.sim.matching import working
from services.venues.sim.source import Board
from services.venues.sim.winding import SmallOrders

_WEIGHT = {coin: float(weights[0]) for coin, weights in WEIGHTS.items()}

NEAR = 0.8
"""Estimated usage from which the exact margin is computed."""
HIGHEST_RATIO = 0.05
"""The steepest maintenance bracket: the estimate never understates the requirement."""


class Clearing:
    """Acts on a floor's account at every market instant."""

    def __init__(
        self, floor: TradingFloor, board: Board, emit: Emit, steps: SmallOrders | None = None
    ) -> None:
        """`steps`: how an account is wound up bit by bit; None = it is taken whole, at once."""
        self._steps = steps
        self._floor = floor
        self._board = board
        self._send = emit

    def settle(self, ts: int, row: RateRow, held: Decimal | None = None) -> None:
        """Pay or take one perp's funding: -size x mark x rate in the settle coin, to whoever holds it now.

        `held`: what was held at the instant, where it is told later than it happened.
        """
        size = self._floor.state.account.size(row.instrument) if held is None else held
        if size == 0:
            return
        instrument, price = self._floor.listed[row.instrument], self._floor.mark(row.instrument)
        payment = FundingSettled(
            venue=self._floor.name,
            payment_id=f"{row.instrument}:{ts}",
            instrument=row.instrument,
            size=size,
            price=price,
            rate=row.rate,
            amount=funding_amount(size, price, row.rate),
            coin=instrument.settle,
            ts_event=ts,
            ts=ts,
        )
        self._floor.state.account.add(payment.coin, payment.amount)
        self._floor.state.account.payments.append(payment)
        self._send(ts, lambda due: replace(payment, ts=due))

    def watch(self, ts: int) -> None:
        """Liquidate at a usage of one. A float estimate first: the exact sum only when it is near."""
        if self._rough_usage() < NEAR:
            self._floor.state.winding = None
            return
        margin = margin_of(self._floor.state.account, self._floor.listed, self._floor.mark, self._floor.index)
        if self._steps is not None:
            self._steps.look(ts, margin)
        elif margin.liquidated:
            self._liquidate(ts)

    def _rough_usage(self) -> float:
        indexes = self._board.indexes[self._floor.name]
        account = self._floor.state.account
        net = {coin: float(amount) for coin, amount in account.balances.items()}
        need = 0.0
        for name, held in account.holdings.items():
            cell = self._floor.books[name].cell
            instrument = cell.instrument
            size, mark = float(held.size), cell.mark_ticks / cell.inv_tick
            net[instrument.settle] = net.get(instrument.settle, 0.0) + size * (mark - float(held.entry))
            ratio = HIGHEST_RATIO if instrument.tiers else 1.0
            need += abs(size) * mark * indexes.get(instrument.quote, 1.0) * ratio
        collateral = 0.0
        for coin, amount in net.items():
            collateral += amount * indexes.get(coin, 1.0) * (_WEIGHT.get(coin, 0.0) if amount > 0 else 1.0)
        return need / collateral if collateral > 0 else 1.0

    def deleverage(self, ts: int, percent: int, only: str = "") -> None:
        """Take that share of every position, first in the queue first, or of `only` one.

        It is the venue's own doing, under an order id of its own, and no liquidation.
        """
        floor = self._floor
        account = floor.state.account
        floor.state.liquidations += 1
        name_of = f"{floor.name}-adl{floor.state.liquidations}"
        queue = places(floor)
        for name in [only] if only else sorted(account.holdings, key=lambda each: -queue[each]):
            size = account.size(name)
            lots = int(abs(size) / floor.listed[name].size_increment) * percent // 100
            if lots > 0:
                side = Side.SELL if size > 0 else Side.BUY
                price = taken_at(floor.books[name].cell.mark_ticks, size)
                floor.book_fill(ts, name, side, price, lots, None, forced=name_of, adl=True)
                floor.trim(ts, name)

    def _liquidate(self, ts: int) -> None:
        """Take the account over: cancel what works, close all by market, as far as the book reaches."""
        state = self._floor.state
        state.liquidations += 1
        takeover = f"{self._floor.name}-l{state.liquidations}"
        for order in working(state):
            self._floor.end(ts, order, "liquidation")
        for name in list(state.account.holdings):
            size = state.account.size(name)
            side = Side.SELL if size > 0 else Side.BUY
            lots = int(abs(size) / self._floor.listed[name].size_increment)
            for ticks, quantity in self._floor.books[name].take(side, None, lots):
                self._floor.book_fill(
                    ts, name, side, ticks, quantity, None, forced=takeover, liquidation=True
                )
