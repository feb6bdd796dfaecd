"""The ears of the public entry points: best quotes and books (`/public`), marks, rates, indexes (`/market`).

Frames are conflated here: the feed takes what has changed ten times a second. The quote is the ticker's, the
freshest there is; the depth behind it comes from the local book, and is zero while that has to be rebuilt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from services.domain.events import IndexRow, MarkRow, QuoteRow, RateRow
from services.domain.instrument import Instrument
from services.runtime.clock import boot_s
from services.venues.binance import frames, parse
from services.venues.binance import schemas as wire
from services.venues.binance.book import BookError, LocalBook
from services.venues.binance.ears import Ears
from services.venues.binance.parse import ParseError
from services.venues.live import Levels
from services.venues.wire.errors import UNREADABLE
from services.venues.wire.numbers import BadNumber, wire_count, wire_positive
from services.venues.wire.stream import Renew

DEPTH_BPS = Decimal("0.0005")
"""Depth is what rests within 5 bps of the mid."""
FIRST_WORD_S = 30.0
"""A stream of quotes that has said nothing by then was subscribed at the wrong door."""
QUIET_S = 600.0
"""Later a quiet market may change nothing for so long."""
MARKS_S = 5.0
"""Marks come every second."""


class PublicEars(Ears):
    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        *,
        trouble: Callable[[str], None],
        snapshot: Callable[[str], None],
        spot: bool = False,
        late: Callable[[int], bool] = lambda ms: False,
        clock: Callable[[], float] = boot_s,
    ) -> None:
        """`instruments` by symbol; `snapshot` is asked to bring a book to `filled`; `late`: a stamp of the
        venue is too old to be the present, as what lay in a socket or in a laptop that was shut."""
        super().__init__(trouble=trouble, clock=clock)
        self._instruments = instruments
        self._snapshot = snapshot
        self._spot = spot
        self._late = late
        self._behind: set[str] = set()
        """Symbols whose last frame came late: they have no quote."""
        self.streams = tuple(
            f"{name.lower()}@{kind}" for name in instruments for kind in ("bookTicker", "depth@100ms")
        )
        self._tickers: dict[str, frames.BookTickerFrame] = {}
        self._books: dict[str, LocalBook] = {}
        self._asked_for: set[str] = set()
        self._changed: dict[str, None] = {}
        self.newest_ns = 0
        """Venue time of the newest public datum."""

    def forget(self) -> None:
        self._tickers = {}
        self._books = {name: LocalBook(spot=self._spot) for name in self._instruments}
        self._asked_for = set()
        self._behind = set()
        self._changed = dict.fromkeys(self._instruments)

    def _stamped(self, symbol: str, ms: int) -> None:
        if self._late(ms) is not (symbol in self._behind):
            self._behind ^= {symbol}
            self._changed[symbol] = None

    def patience(self, stream: str, spoke: bool) -> float:
        return QUIET_S if spoke else FIRST_WORD_S

    def event(self, name: str, body: bytes) -> bool:
        match name:
            case "bookTicker":
                try:
                    frame = frames.BOOK_TICKER.decode(body)
                except UNREADABLE as error:
                    # Some quote is not true any more, and nobody knows whose.
                    text = f"a quote that cannot be read: {error}"[:200]
                    self.refuse(text)
                    raise Renew(text) from None
                return self._ticker(frame)
            case "depthUpdate":
                return self._diff(frames.DEPTH.decode(body))
            case _:
                raise ParseError("was not asked for")

    def _known(self, symbol: str) -> None:
        if symbol not in self._books:
            raise ParseError(f"{symbol!r:.30} was not asked for")

    def _ticker(self, frame: frames.BookTickerFrame) -> bool:
        self._known(frame.s)
        try:
            bid, ask = wire_positive(frame.b, f"{frame.s} bid"), wire_positive(frame.a, f"{frame.s} ask")
            wire_count(frame.B, f"{frame.s} bid size")
            wire_count(frame.A, f"{frame.s} ask size")
            if bid >= ask:
                raise ParseError(f"{frame.s}: bid {bid} and ask {ask} cross")
        except (BadNumber, ParseError):
            # Whatever it means (a side with nobody on it is told as zero), the quote before it is over.
            self._tickers.pop(frame.s, None)
            self._changed[frame.s] = None
            raise
        self._spoken(f"{frame.s.lower()}@bookTicker")
        last = self._tickers.get(frame.s)
        if last is not None and frame.u <= last.u:
            return False
        self._tickers[frame.s] = frame
        self._changed[frame.s] = None
        if frame.E:
            self._stamped(frame.s, frame.E)
            self.newest_ns = max(self.newest_ns, parse.time_ns(frame.E, "E"))
        return True

    def _diff(self, frame: frames.DepthFrame) -> bool:
        self._known(frame.s)
        self._spoken(f"{frame.s.lower()}@depth@100ms")
        self._stamped(frame.s, frame.E)
        book = self._books[frame.s]
        try:
            book.diff(frame)
        except (BookError, BadNumber) as error:
            self._rebuild(frame.s, str(error))
            return True
        if book.wants_snapshot:
            self._ask(frame.s)
        self._changed[frame.s] = None
        return True

    def filled(self, symbol: str, found: wire.Depth | None) -> None:
        """The snapshot that was asked for; None = it could not be had, the next diff asks again."""
        self._asked_for.discard(symbol)
        if found is None or symbol not in self._books:
            return
        try:
            self._books[symbol].snapshot(found)
        except (BookError, BadNumber) as error:
            self._rebuild(symbol, str(error))
        self._changed[symbol] = None

    def _rebuild(self, symbol: str, text: str) -> None:
        """The book is worthless: a new one, and no depth until it is filled."""
        self.refuse(f"book {symbol}: {text}")
        self._books[symbol] = LocalBook(spot=self._spot)
        self._changed[symbol] = None

    def _ask(self, symbol: str) -> None:
        if symbol not in self._asked_for:
            self._asked_for.add(symbol)
            self._snapshot(symbol)

    def unreadable(self, name: str, text: str) -> None:
        """A diff that was missed is found by the chain."""

    def take_changed(self) -> tuple[QuoteRow, ...]:
        """Quotes that changed since the last call; all zeros = there is none to be trusted."""
        changed, self._changed = self._changed, {}
        return tuple(self.quote(name) for name in changed)

    def quote(self, symbol: str) -> QuoteRow:
        spec = self._instruments[symbol]
        top, book = self._tickers.get(symbol), self._books.get(symbol)
        if top is None or symbol in self._behind:
            return QuoteRow(spec.id, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        below = above = Decimal(0)
        if book is not None and book.filled:
            mid = (top.b + top.a) / 2
            below = book.depth(-1, mid * (1 - DEPTH_BPS))
            above = book.depth(1, mid * (1 + DEPTH_BPS))
        return QuoteRow(
            spec.id, float(top.b), float(top.B), float(top.a), float(top.A), float(below), float(above)
        )

    def top(self, symbol: str) -> tuple[Decimal, Decimal] | None:
        """See `Quoting`."""
        found = self._tickers.get(symbol)
        return None if found is None or symbol in self._behind else (found.b, found.a)

    def confirm(self, symbol: str) -> None:
        """The venue says the same: quiet, and not dead."""
        self._spoken(f"{symbol.lower()}@bookTicker")
        self._changed[symbol] = None

    def doubt(self, symbol: str) -> None:
        """Its stream is named as silent at the next look, which makes the connection anew."""
        self.refuse(f"{symbol}: the venue's answer is another quote")
        self._tickers.pop(symbol, None)
        self._changed[symbol] = None
        self._spoke[f"{symbol.lower()}@bookTicker"] = float("-inf")

    def levels(self, symbol: str, count: int) -> tuple[Levels, Levels] | None:
        """Bids and asks of a whole book; None = there is none at present."""
        book = self._books.get(symbol)
        return None if book is None or not book.filled else book.levels(count)

    def mid(self, symbol: str) -> Decimal | None:
        top = self._tickers.get(symbol)
        return None if top is None or symbol in self._behind else (top.b + top.a) / 2


class MarketEars(Ears):
    def __init__(
        self,
        venue: str,
        symbols: tuple[str, ...],
        intervals: Mapping[str, int],
        *,
        trouble: Callable[[str], None],
        late: Callable[[int], bool] = lambda ms: False,
        clock: Callable[[], float] = boot_s,
    ) -> None:
        """`intervals`: hours between settlements by symbol, as `fundingInfo` told last."""
        super().__init__(trouble=trouble, clock=clock)
        self._late = late
        self._venue = venue
        self._symbols = frozenset(symbols)
        self._intervals = intervals
        self.must_speak = tuple(f"{name.lower()}@markPrice@1s" for name in symbols)
        self.streams = (*self.must_speak, "!assetIndex@arr")
        self._marks: dict[str, MarkRow] = {}
        self._rates: dict[str, RateRow] = {}
        self._indexes: dict[str, IndexRow] = {}
        self.marks: dict[str, Decimal] = {}
        """The last mark of each symbol on this connection."""
        self.weights: dict[str, Decimal] = {}
        """What a coin counts for in multi-assets mode."""

    def forget(self) -> None:
        # Indexes that wait to be told stay: the first ones were asked for before there was a connection.
        self._marks, self._rates = {}, {}
        self.marks.clear()

    def patience(self, stream: str, spoke: bool) -> float:
        if stream.startswith("!"):
            return QUIET_S if spoke else FIRST_WORD_S
        return MARKS_S if spoke else 2 * MARKS_S

    def event(self, name: str, body: bytes) -> bool:
        match name:
            case "markPriceUpdate":
                return self._mark(frames.MARK.decode(body))
            case "assetIndexUpdate":
                return self._index(frames.ASSET_INDEX.decode(body))
            case "kline":
                # Not subscribed; heard where a profile adds it. Unfinished candles count for nothing.
                parse.closed_candle(frames.CANDLE.decode(body))
                return False
            case _:
                raise ParseError("was not asked for")

    def _mark(self, frame: frames.MarkFrame) -> bool:
        if frame.s not in self._symbols:
            raise ParseError(f"{frame.s!r:.30} was not asked for")
        interval = self._intervals.get(frame.s, parse.DEFAULT_INTERVAL_H)
        mark, rate = parse.mark_of(self._venue, frame), parse.predicted(self._venue, frame, interval)
        self._spoken(f"{frame.s.lower()}@markPrice@1s")
        if self._late(frame.E):
            # Not told: the one before grows old by itself.
            return False
        self._marks[frame.s] = mark
        self.marks[frame.s] = frame.p
        if rate is not None:
            self._rates[frame.s] = rate
        return True

    def _index(self, frame: frames.AssetIndexFrame) -> bool:
        self.take_index(frame.s, frame.i, frame.b)
        self._spoken("!assetIndex@arr")
        return True

    def take_index(self, symbol: str, index: Decimal, buffer: Decimal) -> None:
        """Raises ParseError, BadNumber."""
        row, weight = parse.index_of(symbol, index), parse.weight_of(symbol, buffer)
        self._indexes[row.coin] = row
        self.weights[row.coin] = weight

    def take(self) -> tuple[tuple[MarkRow, ...], tuple[RateRow, ...], tuple[IndexRow, ...]]:
        """What came since the last call, the newest of each."""
        out = tuple(self._marks.values()), tuple(self._rates.values()), tuple(self._indexes.values())
        self._marks, self._rates, self._indexes = {}, {}, {}
        return out
