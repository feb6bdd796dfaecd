"""One look at the desk's books: every account at fresh figures and at the last known ones, and its margin.

Fresh figures decide what is known; the last known ones are shown, marked as such, where fresh ones are
missing (VISUAL, States). Nothing here changes the desk: an account that was never read is empty and unknown.
"""

from __future__ import annotations

from decimal import Decimal

from services.desk import gatekeeping
from services.desk.core import SECOND, DeskCore
from services.desk.views.cache import ViewCache, moment
from services.domain.money import ZERO
from services.execution.entries import OrderEntry
from services.market.funding import HOUR_NS
from services.portfolio.account import account_input
from services.portfolio.distance import joint_distance
from services.portfolio.inputs import AccountInput
from services.portfolio.margin import Margin, account_margin, merge_margins, worst_usage
from services.risk.context import Check, GateContext, Usage
from services.risk.gate import limit_board
from services.views.desk import LimitView
from services.views.strip import VenueDot

MILLISECOND = 1_000_000
FRESH, LATE, STALE = "fresh", "late", "stale"
_WORSE = {FRESH: 0, LATE: 1, STALE: 2}


def figures_of(core: DeskCore, cache: ViewCache | None) -> Figures:
    """One look for all views of the same moment."""
    return Figures(core) if cache is None else cache.shared(lambda: Figures(core, cache))


class Figures:
    """Books and margins at the present event; the dear parts come from the cache."""

    def __init__(self, core: DeskCore, cache: ViewCache | None = None) -> None:
        self.core = core
        self.now = core.now
        self.cache = cache if cache is not None else ViewCache()
        self.token = moment(core, self.cache.step_ns)
        self.limits: tuple[LimitView, ...] | None = None
        """As rows, once they have been asked for (`limits.limit_views`)."""
        self.dots: dict[str, VenueDot] = {}
        """Of the venues that have been asked about (`strip.dot`): bar and panes take them from one look."""
        venues = core.account_venues()
        self.opened = bool(venues) and all(is_open(core, venue) for venue in venues)
        self.books: dict[str, AccountInput] = {}
        """At fresh figures; stale ones are None inside."""
        self.margins: dict[str, Margin] = {}
        self.last_books: dict[str, AccountInput] = {}
        """At the last known figures."""
        self.last_margins: dict[str, Margin] = {}
        for venue in venues:
            self._look(venue)
        self.total = merge_margins(self.margins.values())
        known = all(self.last_margins[venue] is self.margins[venue] for venue in venues)
        self.last_total = self.total if known else merge_margins(self.last_margins.values())

    def _look(self, venue: str) -> None:
        book = self._account(venue, stale_ok=False)
        margin = account_margin(book)
        self.books[venue], self.margins[venue] = book, margin
        if not known_whole(margin):
            book = self._account(venue, stale_ok=True)
            margin = account_margin(book)
        self.last_books[venue], self.last_margins[venue] = book, margin

    def _account(self, venue: str, *, stale_ok: bool) -> AccountInput:
        core = self.core
        if venue not in core.ledger.state.accounts:
            return AccountInput(venue, {}, {}, {}, {}, (), balances_known=False)
        return account_input(
            core.ledger,
            core.picture,
            venue,
            core.instruments,
            core.now,
            stale_ok=stale_ok,
            listing=core.listing,
            marks_of_all=False,
        )

    def holds(self, venue: str) -> bool:
        """A position of ours is open there."""
        margin = self.last_margins.get(venue)
        return margin is not None and margin.anything_open

    def stale(self, venue: str) -> bool:
        """Its account cannot be valued at fresh figures."""
        margin = self.margins.get(venue)
        return margin is None or not known_whole(margin)

    @property
    def equity(self) -> Decimal | None:
        """Last known; see `approximate`."""
        return self.last_total.equity

    @property
    def approximate(self) -> bool:
        return self.total.equity is None and self.last_total.equity is not None

    def worst_account(self) -> str:
        """The account nearest to liquidation by usage, unknown before known; empty when nothing is open."""
        held = {venue: margin for venue, margin in self.margins.items() if self.holds(venue)}
        worst = worst_usage(held)
        return "" if worst is None else worst[0]

    def liquidation_unknown(self) -> bool:
        """An account was never read, or one that holds something cannot be valued."""
        return not self.opened or any(
            self.margins[venue].usage is None for venue in self.margins if self.holds(venue)
        )

    def distances(self) -> dict[str, Decimal | None]:
        """Joint liquidation distance by account, at fresh figures; None = no such move, or unknown."""
        return self.cache.get(
            "distances",
            self.token,
            lambda: {venue: joint_distance(book) for venue, book in self.books.items()},
        )

    def known_distances(self) -> dict[str, Decimal]:
        """Without the accounts that no uniform move liquidates."""
        return {venue: distance for venue, distance in self.distances().items() if distance is not None}

    def board(self) -> tuple[Check, ...]:
        """The gate's own limits with nothing asked."""
        return self.cache.get("board", self.token, lambda: limit_board(self._context()))

    def _context(self) -> GateContext:
        core = self.core
        working = gatekeeping.open_orders(core)
        needed = [row.instrument for row in working]
        needed += [row.instrument.id for book in self.books.values() for row in book.positions]
        causes = core.causes.causes()
        usage = core.throttle.usage("", "", "", core.now)
        return GateContext(
            now=core.now,
            settings=core.settings,
            instruments=core.instruments,
            accounts=self.books,
            account_facts={venue: gatekeeping.account_facts(core, venue) for venue in self.books},
            markets={
                name: gatekeeping.market_facts(core, name)
                for name in dict.fromkeys(needed)
                if name in core.instruments
            },
            working=working,
            trading_state=core.causes.worst(),
            state_text="; ".join(f"{cause.name}: {core.told(cause)}" for cause in causes),
            depeg_levels=core.depeg.levels(),
            usage=Usage(last_second=usage.last_second, last_minute=usage.last_minute),
        )

    # -- the day -----------------------------------------------------------------------------------------

    def day_pnl(self, equity: Decimal | None) -> Decimal | None:
        """USD since 00:00 UTC on the unit value, so that transfers are no profit; None = unknown."""
        start = self._day_start()
        return None if equity is None or start is None else equity - start

    def day_fraction(self, equity: Decimal | None) -> Decimal | None:
        start = self._day_start()
        if equity is None or start is None or start <= ZERO:
            return None
        return equity / start - 1

    def _day_start(self) -> Decimal | None:
        """What the present units were worth at the start of the day, USD."""
        units, start = self.core.state.units, self.core.state.breaker.day_start
        if units.units is None or start is None or units.pending:
            return None
        return start * units.units


def is_open(core: DeskCore, venue: str) -> bool:
    """The venue's account was read at least once."""
    book = core.state.venues.get(venue)
    return book is not None and book.opened


def account_overdue(core: DeskCore, venue: str) -> int | None:
    """The age of the last read of an account, where it is more than allowed; None = in time, or never read.

    Its stream may be as fresh as can be: what stands there is known as of that read all the same.
    """
    book, account = core.state.venues.get(venue), core.ledger.state.accounts.get(venue)
    reads = (None if book is None else book.agreed_ts, None if account is None else account.balance_ts)
    age = max((core.now - ts for ts in reads if ts is not None), default=0)
    return age if age >= core.picture.balance_limit_ns else None


def known_whole(margin: Margin) -> bool:
    """Nothing that matters of the account is stale or missing."""
    return margin.equity is not None and margin.notional is not None and margin.maintenance is not None


def level(age: int | None, limit: int) -> str:
    """`late` beyond half the age allowed, `stale` from the limit on; never seen is stale."""
    if age is None or age >= limit:
        return STALE
    return LATE if age * 2 > limit else FRESH


def worst_level(*levels: str) -> str:
    return max(levels, key=_WORSE.__getitem__, default=FRESH)


def oldest(*ages: int | None) -> int | None:
    """The largest age; one that is unknown makes it unknown."""
    found = 0
    for age in ages:
        if age is None:
            return None
        found = max(found, age)
    return found


def milliseconds(age: int | None) -> int | None:
    return None if age is None else age // MILLISECOND


def seconds(ns: int) -> Decimal:
    return Decimal(ns) / SECOND


def mark_age(core: DeskCore, instrument: str) -> tuple[int | None, str]:
    """(age, level) of what a position's worth rests on: its mark and the USD indexes of its coins."""
    spec, picture, now = core.instruments[instrument], core.picture, core.now
    fresh = core.settings.fresh
    mark = picture.mark_age(instrument, now)
    quote = picture.index_age(spec.venue, spec.quote, now)
    settle = quote if spec.settle == spec.quote else picture.index_age(spec.venue, spec.settle, now)
    index_limit = picture.stretched(fresh.index_ms * MILLISECOND)
    found = worst_level(
        level(mark, picture.stretched(fresh.mark_ms * MILLISECOND)),
        level(quote, index_limit),
        level(settle, index_limit),
    )
    if picture.mark(instrument) is None:
        found = STALE
    return oldest(mark, quote, settle), found


def quote_mark_age(core: DeskCore, instrument: str) -> int | None:
    """The older of quote and mark."""
    picture, now = core.picture, core.now
    return oldest(picture.quote_age(instrument, now), picture.mark_age(instrument, now))


def mark_usd(core: DeskCore, instrument: str) -> Decimal | None:
    """USD of one base unit at the last known mark (of spot without one, the middle of its book) and index."""
    by_quote = instrument in core.instruments and gatekeeping.marked_by_quote(core, instrument)
    mark = core.picture.mid(instrument) if by_quote else core.picture.mark(instrument)
    usd = core.picture.quote_usd(instrument)
    return None if mark is None or usd is None else mark * usd


def held_sizes(core: DeskCore) -> dict[str, Decimal]:
    """Signed size of everything open, spot left out, instruments without facts included."""
    return {
        name: held.size
        for book in core.ledger.state.accounts.values()
        for name, held in book.positions.items()
        if held.size != ZERO
    }


def funding_rate_usd(core: DeskCore, instrument: str, size: Decimal) -> tuple[Decimal, Decimal] | None:
    """(USD an hour at the present rate, hours of the interval that have passed); received > 0."""
    row, unit = core.picture.rate(instrument, core.now), mark_usd(core, instrument)
    if row is None or unit is None or row.interval_h is None or row.interval_h <= ZERO or row.next_ts is None:
        return None
    left = max(ZERO, Decimal(row.next_ts - core.now) / HOUR_NS)
    passed = min(Decimal(1), max(ZERO, 1 - left / row.interval_h))
    return -size * unit * row.rate / row.interval_h, passed * row.interval_h


def working_orders(core: DeskCore) -> tuple[OrderEntry, ...]:
    """Ours that may still fill and whose state is known: sent, or waiting to be."""
    return tuple(entry for entry in core.orders.open_orders() if not entry.in_doubt)
