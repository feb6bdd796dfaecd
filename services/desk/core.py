"""What every part of the desk shares: the books, the time, and the list of effects of the event at hand.

The parts (`booking`, `account`, `risk`, `strategy`, `commands` and so on) are modules over this core;
`services.desk.desk` joins them to a table of handlers. Nobody but a handler appends effects, and nothing here
reads a clock: `now` is the time of the event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal

from services.alerts.book import AlertBook
from services.desk.state import DeskState
from services.domain.effects import (
    CancelTimer,
    Decision,
    Effect,
    Record,
    SetTimer,
    WriteLatch,
)
from services.domain.enums import Severity, TradingState
from services.domain.instrument import Instrument
from services.domain.records import RiskRecord, Row
from services.domain.scopes import ScopeHalt
from services.execution.backstops import BackstopBook
from services.execution.flatten import FlattenMachine
from services.execution.ids import IdCounter
from services.execution.pairs import PairMachine
from services.execution.stops import StopBook
from services.execution.table import OrderTable
from services.market.picture import MarketPicture
from services.market.sources import SourcePlan
from services.portfolio.account import Listing
from services.portfolio.episodes import EpisodeBook
from services.portfolio.ledger import Ledger
from services.portfolio.unit_value import UnitBook
from services.risk.breaker import Breaker
from services.risk.causes import ALL, Cause, CauseBook
from services.risk.depeg import DepegMonitor
from services.risk.ladder import MarginLadder
from services.risk.throttle import OrderThrottle, VenueErrors
from services.risk.trips import Trips
from services.settings.parameters import Settings
from services.views.strip import GOOD_AGAIN, WATCHED

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

UNREAD = "unread"
"""Cause of a venue whose account has not been read since the start."""
DOWN, BARRED = "venue down", "venue refused"
"""Causes of a venue out of sight: its line is lost; somebody has to set something right."""


class DeskCore:
    """The books of one desk, bound to one state."""

    def __init__(self, settings: Settings, instruments: Mapping[str, Instrument], state: DeskState) -> None:
        self.state = state
        self.instruments: dict[str, Instrument] = {**instruments, **state.relisted}
        self.listing = Listing(self.instruments)
        self.out: list[Effect] = []
        self.half = 0
        """Counts the halves of turns: what is kept for one of them is void in the next."""
        self.later: deque[Callable[[], None]] = deque()
        """What nobody waits for, put off to the second half of this turn. No state: empty between turns."""
        self._unbooked: Callable[[], None] | None = None
        self.unbooked_on = ""
        """Instrument of a fill that the ledger has yet to take: whoever needs the books calls `books` first.
        No state: empty between turns."""
        self.base_settings = settings
        """As the profile has them, without the operator's overrides."""
        self.bind(settings)

    def bind(self, settings: Settings) -> None:
        """Take (other) settings: every book is built anew over the same state."""
        state = self.state
        self.settings = settings
        self.picture = MarketPicture(
            self.instruments, settings.fresh, settings.data_step_ns, settings.assume_par, state=state.picture
        )
        self.source_plan = SourcePlan(self.instruments)
        self.cap_rates()
        self.ledger = Ledger(state=state.ledger)
        self.units = UnitBook(state=state.units)
        self.episodes = EpisodeBook(state=state.books)
        self.causes = CauseBook(state=state.causes)
        self.orders = OrderTable(settings.exec, state=state.orders)
        self.ids = IdCounter(state.ids.instance, state=state.ids)
        self.pairs = PairMachine(settings, self.instruments, self.ids, state=state.pairs)
        self.flattens = FlattenMachine(settings, self.instruments, self.ids, self.pairs, state=state.flattens)
        self.stops = StopBook(settings, self.instruments, self.ids, state=state.stops)
        self.backstops = BackstopBook(settings, self.instruments, self.ids, state=state.backstops)
        self.ladder = MarginLadder(settings.ladder, settings.gate, state=state.ladder)
        self.trips = Trips(settings.breaker, state=state.trips)
        step = settings.data_step_ns
        self.breaker = Breaker(
            settings.breaker,
            settings.fresh.stale_escalate_min,
            state=state.breaker,
            sample_gap_ns=max(5 * MINUTE, 2 * step),
        )
        self.depeg = DepegMonitor(
            settings.depeg,
            assume_par=settings.assume_par,
            source_age_ns=2 * step or None,
            state=state.depeg,
        )
        self.throttle = OrderThrottle(settings.gate, state=state.throttle)
        self.venue_errors = VenueErrors(state=state.venue_errors)
        self.alerts = AlertBook(state=state.alerts)

    @property
    def now(self) -> int:
        return self.state.now

    def cap_rates(self) -> None:
        """No rate beyond what its venue says it settles counts, whatever a frame says (SEMANTICS 1)."""
        self.picture.cap_rates(
            {
                name: cap
                for book in self.state.venues.values()
                if book.facts is not None
                for name, cap in book.facts.funding_caps.items()
            }
        )

    def account_venues(self) -> tuple[str, ...]:
        """Venues with an account of ours. Of one that has said that there is none (market data alone) nothing
        is unknown, as long as our own books hold nothing there either."""
        return tuple(venue for venue in self.settings.venues if not self._barren(venue))

    def _barren(self, venue: str) -> bool:
        book = self.state.venues.get(venue)
        if book is None or book.facts is None or book.facts.account:
            return False
        ours = self.ledger.state.accounts.get(venue)
        if ours is None or not book.opened:
            return True
        return not any(ours.balances.values()) and not any(held.size for held in ours.positions.values())

    def put_off(self, booking: Callable[[], None], instrument: str) -> None:
        """A fill whose order is known, and on which nothing depends that is asked before anything else: the
        ledger takes it when `books` is called, which the second half of the turn does in any case."""
        self.books()
        self._unbooked, self.unbooked_on = booking, instrument

    def books(self) -> None:
        """The ledger has everything that was heard."""
        booking, self._unbooked, self.unbooked_on = self._unbooked, None, ""
        if booking is not None:
            booking()

    def catch_up(self) -> None:
        """Do what this turn has put off, in its order, and what that puts off in turn."""
        later = self.later
        while later:
            later.popleft()()

    # -- effects -----------------------------------------------------------------------------------------

    def emit(self, effect: Effect) -> None:
        self.out.append(effect)

    def record(self, row: Row) -> None:
        self.out.append(Record(row=row))

    def decide(self, kind: str, subject: str, text: str, figures: Mapping[str, object] | None = None) -> None:
        """Journal something decided; figures become text, unknown stays `unknown`."""
        told = {name: "unknown" if value is None else str(value) for name, value in (figures or {}).items()}
        self.out.append(Decision(kind=kind, subject=subject, text=text, figures=told))

    def risk_event(self, kind: str, subject: str, text: str) -> None:
        self.record(RiskRecord(ts=self.now, kind=kind, subject=subject, text=text))

    def set_timer(self, name: str, due: int) -> None:
        self.state.timers[name] = due
        self.out.append(SetTimer(name=name, due=due))

    def cancel_timer(self, name: str) -> None:
        if self.state.timers.pop(name, None) is not None:
            self.out.append(CancelTimer(name=name))

    # -- alerts ------------------------------------------------------------------------------------------

    def alert(self, key: str, severity: Severity | None, text: str, detail: str = "", do: str = "") -> None:
        """The condition `RULE` or `RULE:SUBJECT` holds; severity None and empty `do`: the rule's own."""
        self.out.extend(self.alerts.raise_(key, text, self.now, severity=severity, detail=detail, do=do))

    def hold(self, key: str, severity: Severity | None, text: str, detail: str = "", do: str = "") -> None:
        """As `alert`, of what every look finds as long as it lasts: one row and one call, present figures."""
        self.out.extend(
            self.alerts.raise_(key, text, self.now, severity=severity, detail=detail, do=do, looked=True)
        )

    def resolve(self, key: str) -> None:
        # Said at every look of a great many conditions, most of which never held.
        if key in self.alerts.state.alerts:
            self.out.extend(self.alerts.resolve(key, self.now))

    # -- causes ------------------------------------------------------------------------------------------

    def raise_cause(
        self,
        name: str,
        scope: str,
        state: TradingState,
        text: str,
        *,
        severity: Severity = Severity.WARNING,
        latched: bool = False,
        conditional: bool = False,
        clear_after_s: int | None = None,
        write: bool = True,
    ) -> bool:
        """Add a cause or say that it holds still. A new latched one writes the latch in the same turn
        (`write=False`: the caller does, once for several).

        One of severity info belongs to the ordinary course of a start: it holds, shows and is journaled
        like any other, but calls nobody. `risk.tick` makes a warning of it when it does not go away.
        """
        clear_ns = (self.settings.fresh.self_clear_s if clear_after_s is None else clear_after_s) * SECOND
        new = self.causes.raise_(
            name,
            scope,
            severity,
            state,
            text,
            self.now,
            latched=latched,
            conditional=conditional,
            clear_after_ns=clear_ns,
        )
        if new:
            self.state.causes_changed = True
            if write and latched and (scope == ALL or state is TradingState.HALTED):
                self.write_latch()
            self.decide("cause", f"{name} ({scope})", text, {"state": state.value, "latched": latched})
            self.risk_event("cause", f"{name} ({scope})", text)
            if severity is not Severity.INFO:
                self.alert(cause_key(name, scope), severity, text)
        else:
            self.alerts.retell(cause_key(name, scope), text)
        return new

    def good_cause(self, name: str, scope: str) -> None:
        """The condition behind a cause is good now; it goes after its clearing time."""
        if not self.causes.state.rows:
            return
        cause = self.causes.good(name, scope, self.now)
        if cause is not None and not cause.latched:
            self.alerts.retell(cause_key(name, scope), _watched(cause))

    def told(self, cause: Cause) -> str:
        """What is to be said of a cause now: its own text is the opening one, its alert has the present
        figure and what it waits for. One that calls nobody has no alert, and says the same."""
        own = cause.text if cause.latched or cause.holds else _watched(cause)
        return self.alerts.told(cause_key(cause.name, cause.scope))[0] or own

    def bad_cause(self, name: str, scope: str) -> None:
        """The condition behind a cause holds (again): what was good before counts no more."""
        cause = self.causes.bad(name, scope)
        if cause is not None and not cause.latched:
            self.alerts.retell(cause_key(name, scope), cause.text)

    def barred(self, venue: str) -> str:
        """Why nothing is to be had of it until somebody has set something right; empty = that is not so."""
        found = self.causes.causes_for(venue=venue)
        return next((cause.text for cause in found if cause.name == BARRED and cause.holds), "")

    def tick_causes(self) -> None:
        for cause in self.causes.tick(self.now):
            self.cleared(cause.name, cause.scope)

    def cleared(self, name: str, scope: str) -> None:
        self.state.causes_changed = True
        self.decide("cause cleared", f"{name} ({scope})", "")
        self.risk_event("cause cleared", f"{name} ({scope})", "")
        self.resolve(cause_key(name, scope))
        if f"{name}|{scope}" in self.state.latched_scopes:
            self.write_latch()

    def write_latch(self) -> None:
        """The worst latched cause of the whole desk goes to the latch file, none = ACTIVE; beside it every
        scope that is halted, so that a kill right after a scoped flatten does not set it free again."""
        latched = [cause for cause in self.causes.causes() if cause.latched]
        scopes = tuple(
            ScopeHalt(cause.name, cause.scope, cause.text)
            for cause in latched
            if cause.scope != ALL and cause.state is TradingState.HALTED
        )
        self.state.latched_scopes = [f"{each.cause}|{each.scope}" for each in scopes]
        worst = next((cause for cause in latched if cause.scope == ALL), None)
        if worst is None:
            self.emit(WriteLatch(state=TradingState.ACTIVE, cause="", text="", ts=self.now, scopes=scopes))
        else:
            self.emit(
                WriteLatch(state=worst.state, cause=worst.name, text=worst.text, ts=self.now, scopes=scopes)
            )

    def stretched(self, seconds: int) -> int:
        """A read or freshness interval in ns; history runs stretch it to their own step."""
        return max(seconds * SECOND, 2 * self.settings.data_step_ns)

    def usd_of(self, venue: str, coin: str, amount: Decimal) -> Decimal | None:
        """USD at the present index of the coin; None = index unknown."""
        index = self.picture.index(venue, coin)
        return None if index is None else amount * index


def _watched(cause: Cause) -> str:
    """Of a self-clearing cause whose condition is good again."""
    span = cause.clear_after_ns // SECOND
    return f"{cause.text}{GOOD_AGAIN}" + (f"{WATCHED}{span} s" if span else "")


def cause_key(name: str, scope: str) -> str:
    """The alert that stands for a cause."""
    return name if scope == ALL else f"{name}:{scope}"
