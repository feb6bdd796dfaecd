"""The stream of the FTX dialect: log-in, subscriptions, books kept by checksum, quotes of what changed.

Frames are applied as they come and conflated here: the venue takes what has changed ten times a second.
Private frames go through one by one. A book that does not prove itself is dropped, its market has no quote
until the next partial, and only that market is subscribed anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NoReturn, Protocol

from services.domain.events import QuoteRow
from services.domain.instrument import Instrument
from services.runtime.clock import boot_s
from services.venues.ftx import schemas as wire
from services.venues.ftx.book import BookError, FtxBook
from services.venues.ftx.parse import ParseError, seconds_ns
from services.venues.ftx.schemas import BookFrame, TickerFrame
from services.venues.ftx.sign import login_signature
from services.venues.live import Levels
from services.venues.wire.errors import UNREADABLE
from services.venues.wire.numbers import BadNumber, wire_decimal
from services.venues.wire.secret import Secret
from services.venues.wire.stream import Renew

RESTART = 20001
"""`info` code: the server restarts, connect anew."""
NO_SUCH = "No such market: "
DEPTH_BPS = Decimal("0.0005")
"""Depth is what rests within 5 bps of the mid."""
PARTIAL_WAIT_S = 2.0
"""A book that was subscribed and has not come whole by then is subscribed anew at the next word on it."""
_decode = wire.DATA.decode


class Private(Protocol):
    """Who books what the private channels say."""

    def order_frame(self, order: wire.Order) -> None: ...

    def fill_frame(self, fill: wire.Fill) -> None: ...


class FtxEars:
    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        key: str,
        secret: Secret | None,
        subaccount: str | None,
        private: Private,
        *,
        now_ms: Callable[[], int],
        say: Callable[[str], None],
        trouble: Callable[[str], None],
        unlisted: Callable[[str], None] = lambda market: None,
        quiet_s: float = 60.0,
        clock: Callable[[], float] = boot_s,
    ) -> None:
        """`instruments` by market name. `say` sends a frame, `trouble` hears of refused ones, `unlisted` of a
        market that the venue does not know."""
        self._instruments = instruments
        self._key = key
        self._secret = secret
        self._subaccount = subaccount
        self._private = private
        self._now_ms = now_ms
        self._say = say
        self._trouble = trouble
        self._unlisted = unlisted
        self._quiet_s = quiet_s
        self._clock = clock
        self._books: dict[str, FtxBook] = {}
        self._wanted: set[tuple[str, str]] = set()
        self._confirmed: set[tuple[str, str]] = set()
        self._spoke: dict[str, float] = {}
        self._lately: set[str] = set()
        """Markets whose ticker has come since the last look."""
        self._looked = 0.0
        self._asked: dict[str, float] = {}
        """When each market's book was subscribed."""
        self._changed: dict[str, None] = {}
        self.off: set[str] = set()
        """Markets that are closed or gone: neither asked for nor waited for."""
        self.unknown: set[str] = set()
        """Those of them that the stream refused, whatever the list says."""
        self.refused = 0
        self.frames = 0
        """Of any kind, over all connections."""

    # The stream's side.

    def greeting(self) -> Sequence[str]:
        names = [name for name in self._instruments if name not in self.off]
        self._books = {name: FtxBook() for name in names}
        # What is known of the old connection is not known any more: every market says so.
        self._changed = dict.fromkeys(self._instruments)
        self._confirmed = set()
        now = self._clock()
        self._asked = dict.fromkeys(names, now)
        self._spoke = dict.fromkeys(names, now)
        self._lately.clear()
        self._looked = now
        public = [(channel, name) for name in names for channel in ("ticker", "orderbook")]
        private = [("orders", ""), ("fills", "")] if self._secret is not None else []
        self._wanted = {*public, *private}
        frames = [self._login()] if self._secret is not None else []
        return [*frames, *(_subscribe(channel, name) for channel, name in (*private, *public))]

    def _login(self) -> str:
        assert self._secret is not None  # noqa: S101 # the caller has looked
        ts = self._now_ms()
        args: dict[str, object] = {
            "key": self._key,
            "sign": login_signature(self._secret.reveal(), ts),
            "time": ts,
        }
        if self._subaccount:
            args["subaccount"] = self._subaccount
        return json.dumps({"op": "login", "args": args})

    def beat(self) -> str | None:
        return '{"op": "ping"}'

    def ready(self) -> bool:
        # What was dropped may be confirmed behind its end: nobody waits for it, and it keeps nobody waiting.
        return bool(self._wanted) and self._wanted <= self._confirmed

    def silent(self, now: float) -> str | None:
        """A market whose ticker, or whose whole book, does not come for a minute; an acknowledgement proves
        nothing. A ticker counts from the look before it: a clock is as dear to read as the ticker is."""
        self._spoke.update(dict.fromkeys(self._lately - self.off, self._looked))
        self._lately.clear()
        self._looked = now
        for name, at in self._spoke.items():
            if now - at >= self._quiet_s:
                return f"ticker {name}"
        for name, at in self._asked.items():
            if not self._books[name].filled and now - at >= self._quiet_s:
                return f"book {name}"
        return None

    def heard(self, raw: str | bytes) -> None:
        self.frames += 1
        # This runs for every message of every market: hence the bare names, and no call for a good ticker.
        try:
            frame = _decode(raw)
        except UNREADABLE:
            self._other(raw)
            return
        if (kind := frame.type) != "update" and kind != "partial":
            self._other(raw)
        elif type(frame) is TickerFrame:
            if (market := frame.market) in self._instruments:
                # It says that the market is alive; the quote comes from the book, which proves itself.
                self._lately.add(market)
            else:
                self._ticker(market, frame.data.time)
        elif type(frame) is BookFrame:
            self._book(kind, frame.market, frame.data)
        else:
            self._own(frame)

    def _own(self, frame: wire.OrderFrame | wire.FillFrame) -> None:
        try:
            if type(frame) is wire.FillFrame:
                self._private.fill_frame(frame.data)
            elif type(frame) is wire.OrderFrame:
                self._private.order_frame(frame.data)
        except (*UNREADABLE, ParseError, BadNumber) as error:
            self._missed("fills" if type(frame) is wire.FillFrame else "orders", frame.market, error)

    def _missed(self, channel: str, market: str, error: Exception) -> NoReturn:
        """A private word we cannot read is a word we have missed: read the account."""
        self._refuse(f"{channel} {market}: {error}")
        raise Renew(f"a private frame cannot be read: {error}") from None

    def _other(self, raw: str | bytes) -> None:
        """What is no public datum, or cannot be read as one: told by name."""
        try:
            frame = wire.FRAME.decode(raw)
        except UNREADABLE as error:
            self._refuse(f"a frame that is no frame: {error}")
            return
        match frame.type:
            case "pong":
                return
            case "subscribed":
                self._confirmed.add((frame.channel, frame.market))
            case "unsubscribed":
                self._confirmed.discard((frame.channel, frame.market))
            case "info":
                if frame.code == RESTART:
                    raise Renew("the venue restarts")
                self._trouble(f"info {frame.code}: {frame.msg[:120]}")
            case "error":
                self._error(frame)
            case "partial" | "update":
                self._data(frame)
            case _:
                self._refuse(f"a frame of type {frame.type!r:.40}")

    def _error(self, frame: wire.Frame) -> None:
        if "login" in frame.msg.lower() or "logged in" in frame.msg.lower():
            if frame.msg == "Already logged in":
                return
            raise Renew(f"log-in refused: {frame.msg[:120]}")
        self._trouble(f"error {frame.code}: {frame.msg[:120]}")
        market = frame.msg.removeprefix(NO_SUCH)
        if market != frame.msg and market in self._instruments and market not in self.off:
            self.drop(market)
            self.unknown.add(market)
            self._unlisted(market)

    def drop(self, market: str) -> None:
        """It is closed or gone: it has no quote, and its silence takes no other along."""
        self.off.add(market)
        for channel in ("ticker", "orderbook"):
            self._wanted.discard((channel, market))
            self._confirmed.discard((channel, market))
        for kept in (self._books, self._spoke, self._asked):
            kept.pop(market, None)
        self._changed[market] = None

    # Data.

    def _data(self, frame: wire.Frame) -> None:
        try:
            match frame.channel:
                case "orders":
                    self._private.order_frame(wire.ORDER.decode(frame.data))
                case "fills":
                    self._private.fill_frame(wire.FILL.decode(frame.data))
                case "ticker":
                    self._ticker(
                        frame.market, float(wire_decimal(wire.TICKER.decode(frame.data).time, "time"))
                    )
                case "orderbook":
                    self._book(frame.type, frame.market, wire.BOOK.decode(frame.data))
                case "trades":
                    wire.TRADES.decode(frame.data)
                case _:
                    self._refuse(f"data of channel {frame.channel!r:.40}")
        except (*UNREADABLE, ParseError, BadNumber) as error:
            if frame.channel in ("orders", "fills"):
                self._missed(frame.channel, frame.market, error)
            self._refuse(f"{frame.channel} {frame.market}: {error}")
            if frame.market in self._books:
                self._renew_book(frame.market)

    def _ticker(self, market: str, seconds: float) -> None:
        if market not in self._instruments:
            self._refuse(f"a ticker of {market!r:.40}, which was not asked for")
        elif not 0.0 < seconds < wire.LATEST_S:
            self._refuse(f"ticker {market}: {seconds} are no seconds since 1970")
        else:
            self._lately.add(market)

    def _book(self, kind: str, market: str, data: wire.BookData) -> None:
        book = self._books.get(market)
        if book is None:
            if market not in self.off:
                self._refuse(f"a book of {market!r:.40}, which was not asked for")
            return
        if kind == "update" and not book.filled:
            # On its way before the new partial; or that one was lost, and no other will come unasked.
            if self._clock() - self._asked[market] >= PARTIAL_WAIT_S:
                self._refuse(f"book {market}: updates without a whole book")
                self._renew_book(market)
            return
        try:
            seconds_ns(data.time)
            if kind == "partial":
                book.partial(data.bids, data.asks, data.checksum)
            else:
                book.update(data.bids, data.asks, data.checksum)
        except (BookError, ParseError, BadNumber) as error:
            self._refuse(f"book {market}: {error}")
            self._renew_book(market)
            return
        self._changed[market] = None

    def _renew_book(self, market: str) -> None:
        """Drop it and subscribe anew; until the next partial the market has no quote."""
        self._books[market] = FtxBook()
        self._asked[market] = self._clock()
        self._changed[market] = None
        self._say(json.dumps({"op": "unsubscribe", "channel": "orderbook", "market": market}))
        self._say(_subscribe("orderbook", market))

    def _refuse(self, text: str) -> None:
        self.refused += 1
        self._trouble(text)

    # The venue's side.

    def take_changed(self) -> tuple[QuoteRow, ...]:
        """Quotes of the markets that changed since the last call. A market without a proven book has none:
        its row is all zeros, which nobody takes for a price."""
        changed, self._changed = self._changed, {}
        return tuple(self._quote(name) for name in changed)

    def top(self, market: str) -> tuple[Decimal, Decimal] | None:
        """See `Quoting`."""
        book = self._books.get(market)
        bids, asks = (book.bids(1), book.asks(1)) if book is not None and book.filled else ([], [])
        return (bids[0][0], asks[0][0]) if bids and asks else None

    def confirm(self, market: str) -> None:
        """The venue says the same: quiet, and not dead."""
        self._spoke[market] = self._clock()
        self._changed[market] = None

    def doubt(self, market: str) -> None:
        self._refuse(f"book {market}: the venue's answer is another one")
        self._renew_book(market)

    def levels(self, market: str, count: int) -> tuple[Levels, Levels] | None:
        """Bids and asks of a proven book; None = there is none at present."""
        book = self._books.get(market)
        return None if book is None or not book.filled else (book.bids(count), book.asks(count))

    def _quote(self, market: str) -> QuoteRow:
        spec = self._instruments[market]
        book = self._books.get(market)
        bids, asks = (book.bids(1), book.asks(1)) if book is not None and book.filled else ([], [])
        if not bids or not asks:
            return QuoteRow(spec.id, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        mid = (bids[0][0] + asks[0][0]) / 2
        return QuoteRow(
            spec.id,
            float(bids[0][0]),
            float(bids[0][1]),
            float(asks[0][0]),
            float(asks[0][1]),
            float(book.depth(-1, mid * (1 - DEPTH_BPS))) if book is not None else 0.0,
            float(book.depth(1, mid * (1 + DEPTH_BPS))) if book is not None else 0.0,
        )


def _subscribe(channel: str, market: str) -> str:
    frame = {"op": "subscribe", "channel": channel}
    if market:
        frame["market"] = market
    return json.dumps(frame)
