"""Where a venue's orders live: taken or refused, matched, rested, filled, ended, and booked.

All of it happens at market time and depends on nothing but the state, the board and the order of commands,
so a replayed log gives the same books.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Protocol

from msgspec.structs import replace

from services.domain.enums import OrderState, OrderType, Side, TimeInForce
from services.domain.events import (
    CancelRejected,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    TransferBooked,
)
from services.domain.instrument import Instrument
from services.domain.money import INDEX_INCREMENT, ONE, ZERO, grid_decimal
from services.domain.orders import OrderRequest
from services.venues.sim.accounts import fee_of
from services.venues.sim.book import Book, SimOrder
from services.venues.sim.conditional import Conditionals, trigger_refusal
from services.venues.sim.matching import (
    CROSSES,
    SHORT,
    account_refusal,
    form_refusal,
    market_refusal,
    opposite_lots,
    reducible_lots,
    short,
    working,
)
from services.venues.sim.source import Board, Cell
from services.venues.sim.state import VenueState

NOTHING_LEFT = "reduce-only: nothing left to reduce"


class Emit(Protocol):
    """Let events leave at a market time; each is made with the time at which it will arrive."""

    def __call__(self, ts: int, *makes: Callable[[int], Event]) -> None: ...


class Writer(Protocol):
    """How a venue writes an accepted command down before it acts on it; the parts of a log entry by name."""

    def __call__(
        self,
        ts: int,
        *,
        order: OrderRequest | None = None,
        cancel: str = "",
        coin: str = "",
        amount: str = "",
        most: str = "",
        dead_man: int | None = None,
    ) -> None:
        """Raises OSError when it could not be written: then the command must not happen."""


class TradingFloor:
    """One venue's books and account."""

    def __init__(
        self,
        name: str,
        instruments: tuple[Instrument, ...],
        board: Board,
        state: VenueState,
        write: Writer,
        emit: Emit,
        book: Callable[[Cell], Book] = Book,
        shut_below_margin: bool = False,
    ) -> None:
        """`book`: what an instrument's orders are matched against. `shut_below_margin`: under its maintenance
        requirement an account can place no order, not even one that reduces (ftx.md 6)."""
        self._shuts = shut_below_margin
        self.name = name
        self.state = state
        self.listed = {i.id: i for i in instruments}
        self.books: dict[str, Book] = {i.id: book(board.cells[i.id]) for i in instruments}
        self._board = board
        self._write = write
        self._send = emit
        self.waiting = Conditionals()
        for order in working(state):
            if order.trigger is None:
                self.books[order.instrument].rest(order)
            else:
                self.waiting.add(order)

    def mark(self, instrument: str) -> Decimal:
        cell = self.books[instrument].cell
        return cell.mark_ticks * cell.instrument.price_increment

    def index(self, coin: str) -> Decimal:
        """USD per coin; a history without a USD series for it leaves it at par, as the report is stamped."""
        if coin == "USD":
            return ONE
        level = self._board.indexes[self.name].get(coin)
        return ONE if level is None else grid_decimal(level, INDEX_INCREMENT)

    def place(self, ts: int, order: OrderRequest, most: Decimal | None = None) -> None:
        """A new order has arrived; it may meet `most` of its quantity at once (None = all of it)."""
        refusal = self._refusal(order)
        if refusal is None:
            try:
                self._write(ts, order=order, most="" if most is None else str(most))
            except OSError as error:
                # What cannot be written down must not happen: the books would not survive a crash.
                refusal = f"the exchange cannot write its log: {error}"
        if refusal is not None:
            crosses = refusal == CROSSES
            self._send(
                ts, lambda due: OrderRejected(self.name, order.client_order_id, refusal, ts, due, crosses)
            )
            return
        sim = self._enter(ts, order)
        self._send(ts, lambda due: OrderAccepted(self.name, sim.client_order_id, sim.venue_order_id, ts, due))
        if sim.trigger is None:
            self._match(ts, sim, most)
        else:
            self.waiting.add(sim)

    def _refusal(self, order: OrderRequest) -> str | None:
        instrument = self.listed.get(order.instrument)
        refusal = form_refusal(order, instrument, self.state)
        if refusal is not None or instrument is None:
            return refusal
        refusal = trigger_refusal(order, instrument, self.mark(order.instrument))
        if refusal is not None:
            return refusal
        book = self.books[order.instrument]
        ticks = _ticks(instrument, order.price)
        refusal = market_refusal(order, book, ticks, self.index(instrument.quote))
        if refusal is not None:
            return refusal
        if self._shuts and short(self.state, self.listed, self.mark, self.index):
            return SHORT
        if order.reduce_only:
            if not instrument.reduce_only_supported:
                return "reduce-only is not for spot"
            count = reducible_lots if order.trigger is None else opposite_lots
            if count(self.state, instrument, order.side) <= 0:
                return "reduce-only order would not reduce the position"
            return None
        return account_refusal(order, self.state, self.listed, self._price, self.index)

    def _price(self, instrument: str) -> Decimal:
        """The mark, or for spot the fair price on the grid."""
        cell = self.books[instrument].cell
        return self.mark(instrument) if cell.instrument.is_perp else cell.instrument.price_of(cell.fair)

    def _enter(self, ts: int, order: OrderRequest) -> SimOrder:
        instrument = self.listed[order.instrument]
        state = self.state
        state.orders_taken += 1
        lots = int(order.quantity / instrument.size_increment)
        cut = order.reduce_only and order.trigger is None
        sim = SimOrder(
            client_order_id=order.client_order_id,
            venue_order_id=f"{self.name}-o{state.orders_taken}",
            instrument=order.instrument,
            side=order.side,
            lots=min(lots, reducible_lots(state, instrument, order.side)) if cut else lots,
            asked_lots=lots,
            ticks=_ticks(instrument, order.price),
            type=order.type,
            tif=order.tif,
            post_only=order.post_only,
            reduce_only=order.reduce_only,
            ts=ts,
            number=state.orders_taken,
            trigger=_ticks(instrument, order.trigger),
        )
        state.orders[sim.venue_order_id] = sim
        if sim.client_order_id:
            state.by_client[sim.client_order_id] = sim.venue_order_id
        return sim

    def _match(self, ts: int, sim: SimOrder, most: Decimal | None) -> None:
        book = self.books[sim.instrument]
        limit = sim.ticks
        own = book.meets_own(sim.side, limit)
        if own:
            line = book.asks if sim.side is Side.BUY else book.bids
            # Everything better than our own resting order may trade; the rest would be a trade with oneself.
            limit = (line[0].ticks or 0) - sim.side.sign
        wanted = sim.leaves
        if most is not None:
            wanted = min(wanted, int(most / self.listed[sim.instrument].size_increment))
        for ticks, lots in book.take(sim.side, limit, wanted):
            self._fill(ts, sim, ticks, lots, maker=False)
        if sim.live and sim.leaves > 0:
            if own:
                self.end(ts, sim, "self-trade prevention")
            elif sim.type is OrderType.MARKET:
                self.end(ts, sim, "no more liquidity")
            elif sim.tif is TimeInForce.IOC:
                self.end(ts, sim, "immediate-or-cancel remainder")
            else:
                book.rest(sim)

    def release(self, ts: int) -> None:
        """The marks have moved: conditional orders whose trigger they reached become ordinary ones."""
        for sim in self.waiting.reached(self.books):
            self.waiting.drop(sim)
            sim.trigger = None
            # What rests to reduce the same position gives way: a stop comes first, and fills trim the others.
            sim.lots = min(sim.asked_lots, opposite_lots(self.state, self.listed[sim.instrument], sim.side))
            self._match(ts, sim, None)
            self.trim(ts, sim.instrument)

    def _fill(self, ts: int, sim: SimOrder, ticks: int, lots: int, *, maker: bool) -> None:
        """Book a match of a live order and say so."""
        sim.filled += lots
        sim.state = OrderState.FILLED if sim.filled == sim.asked_lots else OrderState.PARTIALLY_FILLED
        if sim.state is OrderState.FILLED:
            sim.closed_ts = ts
        self.book_fill(ts, sim.instrument, sim.side, ticks, lots, sim, maker=maker)
        if sim.leaves == 0 and sim.state is not OrderState.FILLED:
            self.end(ts, sim, "reduce-only: cut to the position")
        if self.listed[sim.instrument].is_perp:
            self.trim(ts, sim.instrument)

    def book_fill(
        self,
        ts: int,
        name: str,
        side: Side,
        ticks: int,
        lots: int,
        sim: SimOrder | None,
        *,
        maker: bool = False,
        forced: str = "",
        liquidation: bool = False,
        adl: bool = False,
        free: bool = False,
    ) -> None:
        """Book a fill and tell it. Without an order it is the venue's own doing, `forced` its order id, and
        `free` of a fee or not."""
        instrument, state = self.listed[name], self.state
        price = ticks * instrument.price_increment
        quantity = lots * instrument.size_increment
        fee = ZERO if free else fee_of(instrument, quantity, price, maker)
        state.account.trade(instrument, side, quantity, price, fee)
        state.trades += 1
        fill = OrderFilled(
            venue=self.name,
            instrument=name,
            client_order_id="" if sim is None else sim.client_order_id,
            venue_order_id=forced if sim is None else sim.venue_order_id,
            trade_id=f"{self.name}-t{state.trades}",
            side=side,
            quantity=quantity,
            price=price,
            fee=fee,
            fee_coin=instrument.settle,
            maker=maker,
            liquidation=liquidation,
            adl=adl,
            ts_event=ts,
            ts=ts,
        )
        state.account.fills.append(fill)
        self._send(ts, lambda due: replace(fill, ts=due))

    def trim(self, ts: int, instrument: str) -> None:
        """Reduce-only orders never outlive the position they reduce, and resting ones never outgrow it."""
        size = self.state.account.size(instrument)
        left = int(abs(size) / self.listed[instrument].size_increment)
        for order in self.waiting.of(instrument):
            if size * order.side.sign >= 0:
                self.end(ts, order, NOTHING_LEFT)
        book = self.books[instrument]
        for order in [*book.bids, *book.asks]:
            if not order.reduce_only or not order.live:
                continue
            if size * order.side.sign >= 0:
                self.end(ts, order, NOTHING_LEFT)
            else:
                order.lots = order.filled + min(order.leaves, left)
                left -= order.leaves
                if order.leaves == 0:
                    self.end(ts, order, NOTHING_LEFT)

    def end(self, ts: int, sim: SimOrder, reason: str) -> None:
        """The rest of an order is gone."""
        book = self.books[sim.instrument]
        if sim in book.bids or sim in book.asks:
            book.remove(sim)
        self.waiting.drop(sim)
        sim.state = OrderState.CANCELED
        sim.closed_ts = ts
        filled = sim.filled * self.listed[sim.instrument].size_increment
        self._send(ts, lambda due: OrderCanceled(self.name, sim.client_order_id, reason, filled, ts, due))

    def revoke(self, ts: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        """A cancel has arrived."""
        sim = self.find(instrument, client_order_id, venue_order_id)
        if sim is None or not sim.live:
            reason = "unknown order" if sim is None else f"order is already {sim.state.value}"
            self._send(ts, lambda due: CancelRejected(self.name, client_order_id, reason, ts, due))
            return
        try:
            self._write(ts, cancel=sim.venue_order_id)
        except OSError as error:
            text = f"the exchange cannot write its log: {error}"
            self._send(ts, lambda due: CancelRejected(self.name, client_order_id, text, ts, due))
            return
        self.end(ts, sim, "canceled")

    def move_coins(self, ts: int, coin: str, amount: Decimal) -> None:
        self._write(ts, coin=coin, amount=str(amount))
        state = self.state
        state.transfers += 1
        state.account.add(coin, amount)
        booked = TransferBooked(self.name, f"{self.name}-m{state.transfers}", coin, amount, ts, ts)
        state.account.transfers.append(booked)
        self._send(ts, lambda due: replace(booked, ts=due))

    def find(self, instrument: str, client_order_id: str, venue_order_id: str) -> SimOrder | None:
        key = self.state.by_client.get(client_order_id, "") if client_order_id else venue_order_id
        sim = self.state.orders.get(key)
        return None if sim is None or instrument not in ("", sim.instrument) else sim

    def trade_through(self, ts: int, book: Book, flow: Random) -> None:
        """The market has moved: fill what it reached of our resting orders."""
        for order, lots in book.traded_through(flow):
            quantity = min(lots, order.leaves) if order.live else 0
            if quantity > 0 and order.ticks is not None:
                self._fill(ts, order, order.ticks, quantity, maker=True)
                if order.state is OrderState.FILLED:
                    book.remove(order)


def _ticks(instrument: Instrument, price: Decimal | None) -> int | None:
    return None if price is None else int(price / instrument.price_increment)
