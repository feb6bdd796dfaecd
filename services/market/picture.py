"""What the market looks like now: quotes, marks, indexes and rates of every venue, each with its age.

Figures stay floats as they came; they leave only through the instrument's grid (SEMANTICS 1). Known and fresh
are two questions: `mark` gives the last known figure, `fresh_mark` gives it only while it is proven.

Age of a datum (SEMANTICS 2, Freshness): time since the last proof that it still holds. A proof is an update
of the datum itself or, with the connection up and no frame lost since that update, the connection's last
frame; the connection vouches for a silent datum for `max_quiet` only, then the feed must state it again, and
never for what is asked for beside it (`VenueFacts.asked`): its questions may fail while the stream goes on.
A frame's time is the earlier of the venue's and ours, so a venue clock running ahead makes nothing younger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from services.domain.events import MarketFrame, MarkRow, QuoteRow, RateRow, VenueLink
from services.domain.instrument import Instrument
from services.domain.money import ONE
from services.domain.venue_events import VenueFacts
from services.market.feeds import PictureState, Sides, VenueFeed, sides_of
from services.market.possible import IMPOSSIBLE, positive_on_grid, two_sided, usd_on_grid
from services.market.rates import RateState, accept, current_rate, known_caps
from services.market.settled import SettledFigures
from services.settings.parameters import Freshness

USD = "USD"
_MS = 1_000_000
_SECOND = 1_000_000_000


class MarketPicture:
    """The market by instrument id and by (venue, coin)."""

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        fresh: Freshness,
        data_step_ns: int = 0,
        assume_par: tuple[str, ...] = (),
        state: PictureState | None = None,
        rate_caps: Mapping[str, Decimal] | None = None,
    ) -> None:
        self.state = state if state is not None else PictureState()
        self.instruments = instruments
        self.fresh = fresh
        self.data_step_ns = data_step_ns
        self.assume_par = assume_par
        self._caps = known_caps(rate_caps)
        self._quote_ns = self.stretched(fresh.quote_ms * _MS)
        self.book_limit_ns = self.stretched(fresh.book_ms * _MS)
        self._mark_ns = self.stretched(fresh.mark_ms * _MS)
        self._index_ns = self.stretched(fresh.index_ms * _MS)
        self._funding_ns = self.stretched(fresh.funding_ms * _MS)
        self._quiet_ns = self.stretched(fresh.max_quiet_s * _SECOND)
        self._heartbeat_ns = self.stretched(fresh.heartbeat_s * _SECOND)
        self.balance_limit_ns = self.stretched(fresh.balance_ms * _MS)
        self._feeds: dict[str, VenueFeed] = {}
        """By instrument, where its venue has one: a feed once made stays the venue's."""
        self._grid_marks: dict[str, tuple[float, Decimal | None]] = {}
        self._grid_quotes: dict[str, tuple[QuoteRow, Sides | None]] = {}
        self._grid_indexes: dict[tuple[str, str], tuple[float, Decimal | None]] = {}
        self.version = 0
        """Grows with everything that comes in: what was worked out of the picture at another one is void."""
        self._settled = SettledFigures()

    def cap_rates(self, caps: Mapping[str, Decimal]) -> None:
        """The venues' own bounds by instrument, per interval of its rate, for frames from here on."""
        self._caps = known_caps(caps)

    def stretched(self, limit_ns: int) -> int:
        """An age limit in a history run is max(profile, 2 x the series' own step)."""
        return max(limit_ns, 2 * self.data_step_ns)

    # ---- what comes in ------------------------------------------------------------------------------

    def apply(self, frame: MarketFrame) -> None:
        """Take one frame in. A frame seen before, or overtaken by a later one, changes nothing.

        A hole in the sequence, or a count that starts anew, ends the proof of everything not in this frame.
        """
        self.version += 1
        state = self.state
        feed = state.feeds.get(frame.venue)
        if feed is None:
            feed = state.feeds[frame.venue] = VenueFeed()
        ts = min(frame.ts, frame.ts_event)
        seq = feed.seq
        if seq is None or frame.seq != seq + 1:
            if seq is not None and frame.seq <= seq and feed.last_ts is not None and ts <= feed.last_ts:
                return
            feed.intact_since = ts
        feed.seq = frame.seq
        feed.last_ts = ts
        feed.ahead_ns = frame.ts_event - frame.ts
        state.clock = max(state.clock, frame.ts)
        for quote in frame.quotes:
            feed.quotes[quote.instrument] = (quote, ts)
        if frame.marks:
            marks = feed.marks
            for mark in frame.marks:
                if not 0.0 < mark.mark < IMPOSSIBLE:
                    known_mark = marks.get(mark.instrument)
                    if known_mark is not None and 0.0 < known_mark[0].mark < IMPOSSIBLE:
                        feed.good_marks[mark.instrument] = known_mark[0].mark
                marks[mark.instrument] = (mark, ts)
        for row in frame.indexes:
            if 0.0 < row.index < IMPOSSIBLE:
                feed.good_indexes[row.coin] = row.index
            feed.indexes[row.coin] = (row.index, ts)
        for rate in frame.rates:
            known = state.rates.get(rate.instrument)
            if known is None:
                known = state.rates[rate.instrument] = RateState()
            accept(known, rate, ts, self._caps.get(rate.instrument))

    def vouch(self, facts: VenueFacts) -> None:
        """What its frames prove from now on."""
        self.version += 1
        self.state.feeds.setdefault(facts.venue, VenueFeed()).asked = facts.asked

    def link(self, event: VenueLink) -> None:
        """The connection went up or down: nothing older is vouched for, and the sequence starts anew."""
        self.version += 1
        feed = self.state.feeds.setdefault(event.venue, VenueFeed())
        feed.up = event.up
        feed.seq = None
        feed.intact_since = max(feed.intact_since, event.ts)
        self.state.clock = max(self.state.clock, event.ts)

    # ---- last known figures -------------------------------------------------------------------------

    def quote(self, instrument: str) -> QuoteRow | None:
        """As the venue stated it, one-sided or worse included; see `mid` and `fresh_quote`."""
        known = self._feed(instrument).quotes.get(instrument)
        return None if known is None else known[0]

    def mark_row(self, instrument: str) -> MarkRow | None:
        known = self._feed(instrument).marks.get(instrument)
        return None if known is None else known[0]

    def mark(self, instrument: str) -> Decimal | None:
        """Last known mark on the instrument's grid, in its quote coin; staleness is a separate question."""
        known = self._feed(instrument).marks.get(instrument)
        if known is None:
            return None
        value = known[0].mark
        cached = self._grid_marks.get(instrument)
        if cached is not None and cached[0] == value:
            return cached[1]
        spec = self.instruments.get(instrument)
        price = None if spec is None else positive_on_grid(value, spec.price_increment)
        self._grid_marks[instrument] = (value, price)
        return price

    def last_mark(self, instrument: str) -> Decimal | None:
        """The last good mark, past one that is no possible price: for protective orders, never fresh."""
        mark, spec = self.mark(instrument), self.instruments.get(instrument)
        if mark is not None or spec is None:
            return mark
        good = self._feed(instrument).good_marks.get(instrument)
        return None if good is None else positive_on_grid(good, spec.price_increment)

    def sides(self, instrument: str) -> Sides | None:
        """The last known quote on the grid, worked out once; None unless the book has two sane sides."""
        known = (self._feeds.get(instrument) or self._feed(instrument)).quotes.get(instrument)
        if known is None:
            return None
        row = known[0]
        cached = self._grid_quotes.get(instrument)
        if cached is not None and cached[0] is row:
            return cached[1]
        spec = self.instruments.get(instrument)
        found = sides_of(spec, row) if spec is not None and two_sided(row) else None
        self._grid_quotes[instrument] = (row, found)
        return found

    def mid(self, instrument: str) -> Decimal | None:
        """Half way between bid and ask, both on the grid; None unless the book has two sane sides."""
        sides = self.sides(instrument)
        return None if sides is None else sides.mid

    def index(self, venue: str, coin: str) -> Decimal | None:
        """USD per coin, as this venue values it. USD is 1; so are coins that a history run takes at par."""
        if coin == USD or coin in self.assume_par:
            return ONE
        feed = self.state.feeds.get(venue)
        known = None if feed is None else feed.indexes.get(coin)
        if known is None:
            return None
        value = known[0]
        cached = self._grid_indexes.get((venue, coin))
        if cached is not None and cached[0] == value:
            return cached[1]
        price = usd_on_grid(value)
        self._grid_indexes[(venue, coin)] = (value, price)
        return price

    def last_usd(self, instrument: str) -> Decimal | None:
        """The last good `quote_usd`, past one that is no possible figure: to bound amounts with, no more."""
        usd, spec = self.quote_usd(instrument), self.instruments.get(instrument)
        if usd is not None or spec is None:
            return usd
        good = self._feed(instrument).good_indexes.get(spec.quote)
        return None if good is None else usd_on_grid(good)

    def quote_usd(self, instrument: str) -> Decimal | None:
        """USD per unit of the instrument's quote coin on its venue."""
        spec = self.instruments.get(instrument)
        return None if spec is None else self.index(spec.venue, spec.quote)

    def settle_usd(self, instrument: str) -> Decimal | None:
        """USD per unit of the instrument's settle coin on its venue."""
        spec = self.instruments.get(instrument)
        return None if spec is None else self.index(spec.venue, spec.settle)

    # ---- ages ---------------------------------------------------------------------------------------

    def quote_age(self, instrument: str, now: int) -> int | None:
        """ns since the last proof; None = never seen."""
        feed = self._feed(instrument)
        known = feed.quotes.get(instrument)
        return None if known is None else self._age(feed, known[1], now, "quotes")

    def mark_age(self, instrument: str, now: int) -> int | None:
        feed = self._feed(instrument)
        known = feed.marks.get(instrument)
        return None if known is None else self._age(feed, known[1], now, "marks")

    def index_age(self, venue: str, coin: str, now: int) -> int | None:
        if coin == USD or coin in self.assume_par:
            return 0
        feed = self.state.feeds.get(venue)
        known = None if feed is None else feed.indexes.get(coin)
        return None if feed is None or known is None else self._age(feed, known[1], now, "indexes")

    def rate_age(self, instrument: str, now: int) -> int | None:
        """Of the rate that `rate` gives.

        A settled rate cannot change, so the connection vouches for it until the next settlement is due; from
        then on it ages. A prediction ages like every other datum.
        """
        known = self.state.rates.get(instrument)
        if known is None:
            return None
        row = current_rate(known, now)
        if row is None:
            return None
        feed = self._feed(instrument)
        if row is known.predicted:
            return self._age(feed, known.predicted_ts, now, "rates")
        seen = known.settled_seen_ts
        if feed.up and feed.last_ts is not None and row.next_ts is not None:
            return max(now - max(feed.last_ts, seen), now - row.next_ts, 0)
        return self._age(feed, seen, now)

    def venue_age(self, venue: str, now: int) -> int | None:
        """ns since the venue's last frame; None = never one."""
        feed = self.state.feeds.get(venue)
        return None if feed is None or feed.last_ts is None else max(0, now - feed.last_ts)

    def connected(self, venue: str, now: int) -> bool:
        """Link up and a frame within the heartbeat."""
        feed = self.state.feeds.get(venue)
        if feed is None or not feed.up or feed.last_ts is None:
            return False
        return now - feed.last_ts < self._heartbeat_ns

    # ---- proven figures -----------------------------------------------------------------------------

    def quote_fresh(self, instrument: str, now: int) -> bool:
        """A sane two-sided quote, younger than its limit."""
        return self.fresh_quote(instrument, now) is not None

    def mark_fresh(self, instrument: str, now: int) -> bool:
        return self.fresh_mark(instrument, now) is not None

    def index_fresh(self, venue: str, coin: str, now: int) -> bool:
        return self.fresh_index(venue, coin, now) is not None

    def rate_fresh(self, instrument: str, now: int) -> bool:
        age = self.rate_age(instrument, now)
        return age is not None and age < self._funding_ns

    def fresh_quote(self, instrument: str, now: int) -> QuoteRow | None:
        feed = self._feed(instrument)
        known = feed.quotes.get(instrument)
        if known is None or self._age(feed, known[1], now, "quotes") >= self._quote_ns:
            return None
        return known[0] if two_sided(known[0]) else None

    def fresh_mark(self, instrument: str, now: int) -> Decimal | None:
        feed = self._feed(instrument)
        known = feed.marks.get(instrument)
        if known is None or self._age(feed, known[1], now, "marks") >= self._mark_ns:
            return None
        return self.mark(instrument)

    def fresh_index(self, venue: str, coin: str, now: int) -> Decimal | None:
        age = self.index_age(venue, coin, now)
        return None if age is None or age >= self._index_ns else self.index(venue, coin)

    # ---- funding ------------------------------------------------------------------------------------

    def rate(self, instrument: str, now: int | None = None) -> RateRow | None:
        """The current rate: predicted where the venue predicts, else the last settled; None while dropped."""
        known = self.state.rates.get(instrument)
        return None if known is None else current_rate(known, self.state.clock if now is None else now)

    def settlements(self, instrument: str) -> Sequence[RateRow]:
        """Settled rates, oldest first, bounded."""
        known = self.state.rates.get(instrument)
        return () if known is None else known.settled

    def smoothed_rate(self, instrument: str, half_life_h: Decimal) -> Decimal | None:
        """Hourly, exponentially smoothed over settlements; None without one or with an unknown interval."""
        known = self.state.rates.get(instrument)
        if known is None or not known.settled:
            return None
        return self._settled.smoothed(instrument, known, half_life_h)

    def settled_ts(self, instrument: str) -> tuple[int, ...]:
        """Instants of the last settlements, oldest first."""
        known = self.state.rates.get(instrument)
        return () if known is None else self._settled.stamps(instrument, known)

    # ---- inside -------------------------------------------------------------------------------------

    def _feed(self, instrument: str) -> VenueFeed:
        feed = self._feeds.get(instrument)
        if feed is None:
            spec = self.instruments.get(instrument)
            feed = None if spec is None else self.state.feeds.get(spec.venue)
            if feed is None:
                return _NO_FEED
            self._feeds[instrument] = feed
        return feed

    def _age(self, feed: VenueFeed, updated: int, now: int, kind: str = "") -> int:
        proof = updated
        last = feed.last_ts
        vouched = feed.up and updated >= feed.intact_since and kind not in feed.asked
        if vouched and last is not None and last > updated:
            proof = min(last, updated + self._quiet_ns)
        return max(0, now - proof)


_NO_FEED = VenueFeed(up=False)
