"""The market picture as the execution machines see it, at the present event (`Prices`, `FlattenView`)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.desk.core import DeskCore
from services.domain.enums import InstrumentKind, Side
from services.domain.money import ZERO
from services.execution.flatten import RestingOrder
from services.market.picture import MarketPicture
from services.market.possible import IMPOSSIBLE


class DeskPrices:
    """Fresh figures or None; `last` and `usd` are the last good ones, for protective orders and bounds.

    A pair asks for the same mid many times in one turn. It is worked out once for each half of a turn, time
    and state of the picture.
    """

    __slots__ = ("_core", "_depths", "_half", "_mids", "_now", "_picture", "_usds", "_version")

    def __init__(self, core: DeskCore) -> None:
        self._core = core
        self._picture: MarketPicture | None = None
        self._half = self._version = self._now = -1
        self._mids: dict[str, Decimal | None] = {}
        self._usds: dict[str, Decimal | None] = {}
        self._depths: dict[tuple[str, Side], Decimal | None] = {}

    def _settled(self) -> MarketPicture:
        """Forget what was worked out of another picture, or at another time."""
        core = self._core
        picture, half, now = core.picture, core.half, core.state.now
        same = half == self._half and now == self._now and picture.version == self._version
        if not same or picture is not self._picture:
            self._half, self._now, self._version, self._picture = half, now, picture.version, picture
            self._mids.clear()
            self._usds.clear()
            self._depths.clear()
        return picture

    def mid(self, instrument: str) -> Decimal | None:
        picture = self._settled()
        kept = self._mids
        if instrument not in kept:
            fresh = picture.fresh_quote(instrument, self._core.state.now)
            sides = None if fresh is None else picture.sides(instrument)
            kept[instrument] = None if sides is None else sides.mid
        return kept[instrument]

    def touch(self, instrument: str) -> tuple[Decimal, Decimal] | None:
        core = self._core
        quote = core.picture.fresh_quote(instrument, core.now)
        if quote is None or not (0 < quote.bid < quote.ask < IMPOSSIBLE):
            return None
        spec = core.instruments[instrument]
        bid, ask = spec.price_of(quote.bid), spec.price_of(quote.ask)
        return (bid, ask) if ZERO < bid < ask else None

    def depth(self, instrument: str, side: Side) -> Decimal | None:
        picture = self._settled()
        key = instrument, side
        if key not in self._depths:
            self._depths[key] = self._depth(picture, instrument, side)
        return self._depths[key]

    def _depth(self, picture: MarketPicture, instrument: str, side: Side) -> Decimal | None:
        core = self._core
        quote = picture.fresh_quote(instrument, core.now)
        age = picture.quote_age(instrument, core.now)
        if quote is None or age is None:
            return None
        if age >= picture.book_limit_ns:
            return ZERO
        met = quote.ask_depth if side is Side.BUY else quote.bid_depth
        if not 0 < met < IMPOSSIBLE:
            return ZERO  # an impossible figure bounds like an empty book: unknown is never deeper
        return core.instruments[instrument].size_of(met)

    def last(self, instrument: str) -> Decimal | None:
        picture = self._core.picture
        mid = picture.mid(instrument)
        return mid if mid is not None else picture.last_mark(instrument)

    def usd(self, instrument: str) -> Decimal | None:
        picture = self._settled()
        kept = self._usds
        if instrument not in kept:
            kept[instrument] = picture.last_usd(instrument)
        return kept[instrument]

    def positions(self) -> Mapping[str, Decimal]:
        """Signed size of every open perp position of the ledger, foreign part included."""
        core = self._core
        return {
            instrument: position.size
            for account in core.ledger.state.accounts.values()
            for instrument, position in account.positions.items()
            if position.size != 0
            and (spec := core.instruments.get(instrument)) is not None
            and spec.kind is InstrumentKind.PERP
        }

    def resting(self) -> tuple[RestingOrder, ...]:
        """Ours by the order table, foreign by the venues' last account reports."""
        core = self._core
        ours = [
            RestingOrder(
                venue=entry.venue,
                instrument=entry.request.instrument,
                client_order_id=entry.id,
                venue_order_id=entry.venue_order_id,
                reducing=entry.request.reduce_only,
                foreign=False,
                in_doubt=entry.in_doubt,
                pair=entry.request.pair,
                conditional=entry.request.trigger is not None,
            )
            for entry in core.orders.open_orders()
        ]
        foreign = [
            RestingOrder(
                venue=venue,
                instrument=row.instrument,
                client_order_id=row.client_order_id,
                venue_order_id=row.venue_order_id,
                reducing=row.reduce_only,
                foreign=True,
                conditional=row.trigger is not None,
            )
            for venue, book in core.state.venues.items()
            for row in book.foreign_orders
        ]
        return tuple(ours + foreign)

    def unread(self) -> tuple[str, ...]:
        """A desk that comes back from its journal knows what it held: only a new one has such venues, and one
        whose store was lost until its pairs are made again."""
        core = self._core
        books, rebuild, barren = core.state.venues, core.state.rebuild, self.barren()
        return tuple(
            venue
            for venue in core.settings.venues
            if venue not in barren
            and (
                (book := books.get(venue)) is None
                or not book.opened
                or (rebuild is not None and venue not in rebuild.read)
            )
        )

    def barren(self) -> tuple[str, ...]:
        """By the venues' own word: market data without a key."""
        books = self._core.state.venues.items()
        return tuple(venue for venue, book in books if book.facts is not None and not book.facts.account)
