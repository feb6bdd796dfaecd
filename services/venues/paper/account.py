"""The account of a paper venue: the simulated exchange's floor and clearing over a live market.

Nothing here waits or connects: every call happens at a time of our own clock, and what it has to say leaves
through `tell` once the change is on disk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from random import Random

from msgspec import Struct, field

from services.domain.enums import RateKind
from services.domain.events import Event, MarketFrame, OrderRejected, RateRow
from services.domain.instrument import Instrument
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.domain.venue_events import DeadManReport
from services.venues.paper.book import QuoteBook
from services.venues.paper.books import PaperBooks, PaperStore, drop_unlisted, forget_old
from services.venues.sim.answers import account_report, order_report
from services.venues.sim.clearing import Clearing
from services.venues.sim.facts import HOUR_NS, MINUTE_NS, MS, OPENING_BALANCES
from services.venues.sim.floor import TradingFloor
from services.venues.sim.matching import working
from services.venues.sim.source import Board, Cell

log = logging.getLogger("stableconsole.paper")

NO_FLOW = Random(0)  # noqa: S311 # the live market brings its own flow: nothing is drawn


class PaperSettings(Struct, frozen=True, kw_only=True):
    balances: dict[str, Decimal] = field(default_factory=OPENING_BALANCES.copy)
    """Of a new account, by coin."""
    latency_ms: int = 20
    """Each way."""
    fresh_ms: int = 5_000
    """Orders are refused when the market has said nothing for longer."""
    maker_fee: Decimal | None = None
    """Where the venue does not tell its fees. Without any an instrument is not traded."""
    taker_fee: Decimal | None = None


class PaperAccount:
    def __init__(
        self,
        name: str,
        listed: tuple[Instrument, ...],
        store: PaperStore,
        settings: PaperSettings,
        tell: Callable[[Event], None],
        now: int,
    ) -> None:
        """Opens the books. Raises OSError, ValueError."""
        self._name = name
        self._listed = listed
        self._store = store
        self._settings = settings
        self._tell = tell
        self._board = Board(cells={each.id: Cell.of(each) for each in listed}, indexes={name: {}})
        self._words: list[Callable[[int], Event]] = []
        self._heard = 0
        """When the market spoke last, by our clock."""
        self._began = 0
        """When the first frame came."""
        self._hour = 0
        self._changed = False
        books = store.opened(now, settings.balances)
        drop_unlisted(books.state, frozenset(each.id for each in listed), now)
        self._books, self.floor = books, self._floor_of(books)

    def _floor_of(self, books: PaperBooks) -> TradingFloor:
        return TradingFloor(
            self._name, self._listed, self._board, books.state, _unlogged, self._say, book=QuoteBook
        )

    def _go_back(self) -> None:
        """To the books as they were saved last; the market that is known stays known."""
        before = self.floor.books
        self._books = self._store.last()
        self.floor = self._floor_of(self._books)
        for name, book in self.floor.books.items():
            old = before[name]
            if isinstance(old, QuoteBook) and isinstance(book, QuoteBook):
                book.inherit(old)

    # --- questions ---------------------------------------------------------------------------------------

    def query(self, ts: int, instrument: str, client_order_id: str) -> None:
        self._tell(order_report(self.floor, ts, instrument, client_order_id))

    def read(self, ts: int, request: str, fills_since: int) -> None:
        self._tell(account_report(self.floor, ts, ts, request, fills_since))

    @property
    def fires_at(self) -> int | None:
        """When the dead-man's switch is due; None = it is not armed."""
        return self.floor.state.switch.fires_at

    # --- the market --------------------------------------------------------------------------------------

    def hide(self) -> None:
        for book in self.floor.books.values():
            if isinstance(book, QuoteBook):
                book.hide()

    def frame(self, ts: int, frame: MarketFrame) -> None:
        self._heard = min(ts, frame.ts)
        self._began = self._began or ts
        floor = self.floor
        for quote in frame.quotes:
            if isinstance(book := floor.books.get(quote.instrument), QuoteBook):
                book.show(quote)
        for mark in frame.marks:
            if isinstance(book := floor.books.get(mark.instrument), QuoteBook):
                book.mark(mark)
        known = self._board.indexes[self._name]
        for row in frame.indexes:
            if row.index > 0:
                known[row.coin] = row.index
        for coin in floor.state.account.balances:
            if coin != "USD":
                # What nobody puts a price on is worth nothing here.
                known.setdefault(coin, 0.0)
        with self._change(ts) as floor:
            clearing = Clearing(floor, self._board, self._say)
            self._expire(ts)
            for rate in sorted(frame.rates, key=lambda each: each.rate_ts):
                self._settle(clearing, rate)
            for book in floor.books.values():
                if book.bids or book.asks:
                    floor.trade_through(ts, book, NO_FLOW)
            if floor.waiting:
                floor.release(ts)
            if floor.state.account.holdings and self._valued(ts):
                clearing.watch(ts)
            if ts // HOUR_NS != self._hour:
                self._hour = ts // HOUR_NS
                forget_old(floor.state, ts)
                self._changed = True

    def _valued(self, ts: int) -> bool:
        """Every position has a mark and an index. The coins of the balances are waited for, a minute long."""
        account, known = self.floor.state.account, self._board.indexes[self._name]
        held = account.holdings
        if not all(self.floor.mark(name) > 0 and self._indexed(self.floor.listed[name]) for name in held):
            return False
        waits = any(
            amount and coin != "USD" and known[coin] <= 0 for coin, amount in account.balances.items()
        )
        return not waits or ts - self._began > MINUTE_NS

    def _indexed(self, spec: Instrument) -> bool:
        known = self._board.indexes[self._name]
        return all(coin == "USD" or known.get(coin, 0.0) > 0 for coin in (spec.quote, spec.settle))

    def _settle(self, clearing: Clearing, row: RateRow) -> None:
        """A settled rate has become visible: paid on what was held at its instant, at the present mark."""
        books = self._books
        if row.kind is not RateKind.SETTLED or row.instrument not in self.floor.listed:
            return
        if row.rate_ts <= books.settled.get(row.instrument, books.born):
            return
        if self.floor.mark(row.instrument) <= 0:
            return
        books.settled[row.instrument] = row.rate_ts
        self._changed = True
        account = books.state.account
        since = sum(
            (
                fill.quantity * fill.side.sign
                for fill in account.fills
                if fill.instrument == row.instrument and fill.ts_event > row.rate_ts
            ),
            ZERO,
        )
        clearing.settle(row.rate_ts, row, account.size(row.instrument) - since)

    # --- commands ----------------------------------------------------------------------------------------

    def cancel(self, ts: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        with self._change(ts) as floor:
            floor.revoke(ts, instrument, client_order_id, venue_order_id)

    def take(self, ts: int, order: OrderRequest) -> None:
        def lost(text: str) -> Event:
            return OrderRejected(self._name, order.client_order_id, text, ts, ts)

        refusal = self._refusal(ts, order)
        if refusal is not None:
            self._tell(lost(refusal))
            return
        with self._change(ts, lost, keep=order.reduce_only) as floor:
            floor.place(ts, order)

    def _refusal(self, ts: int, order: OrderRequest) -> str | None:
        """What a live market lacks to match against; the rest the floor says."""
        spec = self.floor.listed.get(order.instrument)
        if spec is None:
            return None
        if spec.maker_fee is None or spec.taker_fee is None:
            return f"the fees of {spec.id} are not known"
        if not self._indexed(spec):
            return f"no index of {spec.quote} yet"
        if ts - self._heard > self._settings.fresh_ms * MS:
            return "the live market is stale"
        return None

    def arm(self, ts: int, timeout_ms: int) -> None:
        with self._change(ts) as floor:
            due = floor.state.switch.fires_at = ts + timeout_ms * MS if timeout_ms > 0 else None
            self._say(ts, lambda at: self._switch_word(at, due, fired=False))

    def switch_due(self, ts: int) -> None:
        with self._change(ts):
            self._expire(ts)

    def _expire(self, ts: int) -> None:
        """The switch: orders that wait for no trigger are canceled when nobody has beaten it in time."""
        floor = self.floor
        due = floor.state.switch.fires_at
        if due is None or ts < due:
            return
        floor.state.switch.fires_at = None
        for order in working(floor.state):
            if order.trigger is None:
                floor.end(ts, order, "dead-man's switch")
        self._say(ts, lambda at: self._switch_word(at, None, fired=True))

    def _switch_word(self, at: int, due: int | None, *, fired: bool) -> Event:
        return DeadManReport(
            venue=self._name, armed=due is not None, fires_at=due, fired=fired, ts_event=at, ts=at
        )

    @contextmanager
    def _change(
        self, ts: int, lost: Callable[[str], Event] | None = None, *, keep: bool = True
    ) -> Iterator[TradingFloor]:
        """What happens inside is written down before anybody hears of it. What the disk does not take stands
        in memory, for a venue would go on; with `keep` False it has not happened, and `lost` says so.
        """
        self._words = []
        try:
            yield self.floor
        except BaseException:
            # A fault of ours half way through: as if it had not begun.
            self._go_back()
            raise
        words, self._words = self._words, []
        if not words and not self._changed:
            return
        self._changed = False
        try:
            self._store.save(self._books, keep=keep)
        except OSError as error:
            text = f"the paper books cannot be written: {error}"
            log.warning("%s: %s", self._name, text)
            self._go_back()
            words = [] if lost is None else [lambda _: lost(text)]
        for make in words:
            self._tell(make(ts))

    def _say(self, ts: int, *makes: Callable[[int], Event]) -> None:
        self._words.extend(makes)


def _unlogged(ts: int, **command: object) -> None:
    """The floor's log of commands: here the state itself is written, after each change."""
