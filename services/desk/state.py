"""All mutable state of the desk in one tree: what a checkpoint holds and a recovery starts from.

Only serialisable fields (RUNTIME 4): `msgspec.msgpack` encodes it, and decoding it gives an equal desk.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from services.alerts.book import AlertState
from services.domain.events import WorkingRow
from services.domain.instrument import Instrument
from services.domain.records import EpisodeRecord
from services.domain.venue_events import DeadManReport, VenueFacts
from services.execution.backstops import BackstopState
from services.execution.flatten import FlattenBookState
from services.execution.ids import IdState
from services.execution.measured import FillStats
from services.execution.pair_state import PairBookState
from services.execution.reconcile import AdoptionDay, Difference
from services.execution.stops import StopBookState
from services.execution.table import OrderTableState
from services.market.feeds import PictureState
from services.portfolio.attribution import AttributionState
from services.portfolio.episodes import EpisodesState
from services.portfolio.ledger import LedgerState
from services.portfolio.unit_value import UnitState
from services.risk.breaker import BreakerState
from services.risk.causes import CauseState
from services.risk.depeg import DepegState
from services.risk.ladder import LadderState
from services.risk.throttle import ThrottleState, VenueErrorState
from services.risk.trips import TripState
from services.strategies.exits import PairTrack


class Beat(Struct):
    """What the desk has asked of a venue's dead-man's switch."""

    asked_ms: int = 0
    """The time-out last asked for; 0 = off."""
    asked_ts: int = 0
    told_ts: int = 0
    """The venue's last answer."""
    next_at: int = 0
    failure: str = ""
    """Why the last wish failed; empty = it did not."""


class VenueDesk(Struct):
    """What the desk knows of one venue beside prices and positions."""

    opened: bool = False
    """The first account report was taken over as the opening books."""
    report_ts: int | None = None
    """Our time of the last account report."""
    report_event: int = 0
    """Venue time of it: fills since then are asked for next."""
    asked: str = ""
    """The outstanding read, empty = none."""
    asked_ts: int = 0
    asked_since: int = 0
    """The `fills_since` of that read."""
    failed_reads: int = 0
    """In a row."""
    moved_ts: int = -1
    """When a payment or transfer was heard last, other than by a read: one under way may not hold it yet."""
    request: int = 0
    foreign_orders: tuple[WorkingRow, ...] = ()
    outage_since: int | None = None
    back_ts: int | None = None
    """When the line came back last: a read of before says nothing of what the venue did meanwhile."""
    fresh_since: int | None = None
    """Data are fresh again since; None = they are not, or there was no outage."""
    differences: tuple[Difference, ...] = ()
    """Unexplained ones of the last reconciliation, until accepted."""
    adopted: tuple[Difference, ...] = ()
    """Small ones that were adopted by themselves lately, newest last: shown, nothing waits on them."""
    undecided: bool = False
    """The last read was older than fills of ours: the next one, soon, says what differs."""
    agreed_ts: int | None = None
    """Last report that our books agreed with."""
    facts: VenueFacts | None = None
    """What it can do, as told on its last connect; None = it has not said."""
    dead_man: DeadManReport | None = None
    """Its last word on its dead-man's switch."""
    beat: Beat = field(default_factory=Beat)
    margin_call: int | None = None
    """When it called for margin last, until that is over."""
    clock_offset_ms: int | None = None
    """Its clock less ours, where it has one of its own; None = not measured."""
    clock_off_ts: int | None = None
    """When it was last found off by the block level or more; None = never."""


class ReadWait(Struct):
    """A `reconcile` command that waits for fresh reads."""

    reads: dict[str, int]
    """Venue -> number of the request that answers it; a later one does too."""
    deadline: int


class StrategySlot(Struct):
    """One strategy of the profile."""

    kind: str
    blob: bytes = b""
    """Its own state, msgpack; kept current at each decision."""
    paused: bool = False
    dropped: str = ""
    """Why it was taken out (raised, overran); it comes back by `enable`."""
    stopped: str = ""
    """`no edge` and the like, by the sizing."""
    sample_since: int = 0
    """Closed episodes before it do not count for the sizing (a new sample after `enable`)."""
    last_ts: int | None = None
    last_reason: str = ""
    next_ts: int = 0
    """Not called before this time by market data alone."""
    paused_pairs: dict[str, int] = field(default_factory=dict)
    """`short|long` -> no admission is asked for again before this time."""
    paused_why: dict[str, str] = field(default_factory=dict)
    """The same -> what it was refused by."""


class PairSettled(Struct):
    """What one settlement brought a pair, both legs together, USD."""

    ts: int
    expected: Decimal | None
    """None = of no leg that settled was anything expected."""
    realised: Decimal | None
    """None = a coin that was paid had no index."""


class Admitted(Struct):
    """What the desk remembers of a pair beside the machine's own book."""

    strategy: str
    group: str
    kind: str
    capital_at_risk: Decimal
    entry_basis: Decimal | None
    """(short mid / long mid - 1), as a fraction, at the admission."""
    expected: Decimal = Decimal(0)
    """USD, accrual estimate at each settlement, for the same settlements."""
    intervals: int = 0
    settled: list[PairSettled] = field(default_factory=list)
    """The newest settlements, oldest first."""
    frozen_since: int | None = None
    failed: bool = False
    state_rank: int = 0
    """Rank of the trading state over its scopes at the last look: a change for the worse unwinds it."""
    rested: Decimal = Decimal(0)
    """USD filled by orders that rested, protective ones left out."""
    took: Decimal = Decimal(0)
    notified: bool = False
    """The strategy has been told of its end."""
    planned: Decimal = Decimal(0)
    """Base units of the short leg that `capital_at_risk` was reckoned for; 0 = not known."""


class DeniedNote(Struct):
    ts: int
    text: str
    origin: str


class Counters(Struct):
    """Sums over the desk's life; the summary's figures."""

    fills: int = 0
    fees: Decimal = Decimal(0)
    received: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    trades: int = 0
    denied_day: int = -1
    denied_today: int = 0
    transfers: Decimal = Decimal(0)
    equity_start: Decimal | None = None
    unpriced_fees: int = 0
    """Fees in a coin whose price was not known: they are in no sum, and so the sum is not known."""
    unpriced_funding: int = 0
    """The same of settlements."""
    worst_naked: Decimal = Decimal(0)
    worst_naked_ns: int = 0


class Revaluation(Struct):
    """What the day's moves of the coins' indexes did to the balances."""

    day: int = -1
    usd: Decimal = Decimal(0)
    """Since the day's start; a loss is negative."""
    indexes: dict[str, Decimal] = field(default_factory=dict)
    """`venue|coin` -> the index at the last look."""
    total: Decimal = Decimal(0)
    """The running sum since the desk began."""
    window: list[tuple[int, Decimal]] = field(default_factory=list)
    """(time, sum) of the last 24 h and one before it, oldest first."""
    peak: Decimal | None = None
    """The breaker's peak when `peak_total` was taken."""
    peak_total: Decimal = Decimal(0)


class Rebuild(Struct):
    """What the venues have told so far of an account whose store was lost."""

    found: str
    aside: str
    read: list[str] = field(default_factory=list)
    """Venues whose first read has been taken."""
    positions: list[str] = field(default_factory=list)
    """Instrument and size, in words."""
    own: dict[str, Decimal] = field(default_factory=dict)
    """Signed size that fills of our own orders account for."""
    spot: dict[str, Decimal] = field(default_factory=dict)
    """By spot instrument what fills of our own orders bought, less what they sold."""
    orders: int = 0
    fills: int = 0


class Instant(Struct):
    """What we held at a settlement, until its payment comes."""

    size: Decimal
    mark: Decimal | None
    shares: dict[str, Decimal] = {}
    """Pair -> what of it was the pair's, signed."""


class Idle(Struct):
    """Entries that passed the gate and brought no fill yet."""

    since: int | None = None
    """The first one after the last fill; None = there was none."""
    last: int = 0
    """The newest one."""


class Stopping(Struct):
    reason: str
    deadline: int
    since: int
    cancelled: int = 0
    """Orders that were asked to go."""


class DeskState(Struct):
    """See the fields' own rooms; what stands here is only what joins them."""

    ids: IdState
    now: int = 0
    picture: PictureState = field(default_factory=PictureState)
    ledger: LedgerState = field(default_factory=LedgerState)
    units: UnitState = field(default_factory=UnitState)
    causes: CauseState = field(default_factory=CauseState)
    orders: OrderTableState = field(default_factory=OrderTableState)
    pairs: PairBookState = field(default_factory=PairBookState)
    flattens: FlattenBookState = field(default_factory=FlattenBookState)
    stops: StopBookState = field(default_factory=StopBookState)
    backstops: BackstopState = field(default_factory=BackstopState)
    breaker: BreakerState = field(default_factory=BreakerState)
    depeg: DepegState = field(default_factory=DepegState)
    ladder: LadderState = field(default_factory=LadderState)
    throttle: ThrottleState = field(default_factory=ThrottleState)
    venue_errors: VenueErrorState = field(default_factory=VenueErrorState)
    alerts: AlertState = field(default_factory=AlertState)
    adoption: AdoptionDay = field(default_factory=AdoptionDay)
    venues: dict[str, VenueDesk] = field(default_factory=dict)
    strategies: dict[str, StrategySlot] = field(default_factory=dict)
    admitted: dict[str, Admitted] = field(default_factory=dict)
    """By pair id, until the pair is forgotten."""
    intents: dict[str, list[str]] = field(default_factory=dict)
    """Intent number (text) -> client order ids that wait for it."""
    next_intent: int = 1
    timers: dict[str, int] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)
    """`:set` and `:limit`, by dotted key."""
    causes_changed: bool = False
    latched_scopes: list[str] = field(default_factory=list)
    """`name|scope` of what the latch file holds beside the whole desk's state."""
    flatten_commands: dict[str, list[str]] = field(default_factory=dict)
    """Flatten id -> the commands that wait for its end."""
    reconciles: dict[str, ReadWait] = field(default_factory=dict)
    """Command -> the fresh reads it waits for."""
    books: EpisodesState = field(default_factory=EpisodesState)
    """Open episodes: what each pair and each unpaired position has brought so far."""
    episodes: list[EpisodeRecord] = field(default_factory=list)
    """Closed ones, newest last, bounded: what the sizing learns from."""
    unpaired: dict[str, Decimal] = field(default_factory=dict)
    """Instrument -> signed size of ours that belongs to no pair: it has a stop of its own (SEMANTICS 8)."""
    unpaired_entry: dict[str, Decimal] = field(default_factory=dict)
    """Its average entry price."""
    protect: list[str] = field(default_factory=list)
    """Keys of what should have a backstop at its venue, whether the venue can or not."""
    dust: dict[str, Decimal] = field(default_factory=dict)
    """Instrument -> signed size that closed pairs left below the venue's minimum: no stop, no retry."""
    expected: dict[str, Decimal] = field(default_factory=dict)
    """`instrument|settlement ts` -> accrual estimate in the settle coin, until its payment comes."""
    instants: dict[str, Instant] = field(default_factory=dict)
    """By the same key: what the payment is held against."""
    rates_kept: dict[str, int] = field(default_factory=dict)
    """Instrument -> instant of the last settled rate that has its row."""
    blank_since: dict[str, int] = field(default_factory=dict)
    """Held instrument -> since when its funding schedule is not known."""
    idle: Idle = field(default_factory=Idle)
    measured: dict[str, FillStats] = field(default_factory=dict)
    """By strategy: how its orders filled and what that cost."""
    hand_tracks: dict[str, PairTrack] = field(default_factory=dict)
    """Pair by hand -> what its exits remember."""
    denied: list[DeniedNote] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    started: int = 0
    """The last start, ns."""
    next_risk: int = 0
    next_equity: int = 0
    sampled: Decimal | None = None
    """Unit value of the last equity sample."""
    trips: TripState = field(default_factory=TripState)
    faults: dict[str, str] = field(default_factory=dict)
    """`KIND@VENUE` -> chance: what the simulated exchange was told to do wrong."""
    revaluation: Revaluation = field(default_factory=Revaluation)
    attribution: AttributionState = field(default_factory=AttributionState)
    """Where every change of equity came from."""
    stopping: Stopping | None = None
    stopped: bool = False
    relisted: dict[str, Instrument] = field(default_factory=dict)
    """Instruments whose facts their venue has changed since this session began."""
    former: list[str] = field(default_factory=list)
    """Instances of the stores that this folder had before: orders that carry one are ours."""
    rebuild: Rebuild | None = None

    def venue(self, name: str) -> VenueDesk:
        """What is known of a venue, opened empty when first asked for."""
        book = self.venues.get(name)
        if book is None:
            book = self.venues[name] = VenueDesk()
        return book
