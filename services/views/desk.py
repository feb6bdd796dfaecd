"""The four panes of the Desk screen: positions, funding spreads, risk limits, alerts."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.enums import PairState, Severity
from services.views.cross import CrossView


class StopView(Struct, frozen=True, kw_only=True):
    kind: str
    """`PAIR`, `LOCAL`, `DUST` (too small for any order), `NONE`."""
    local: Decimal | None = None
    """Price; for PAIR the pair stop as a fraction of a leg (negative)."""
    resting: Decimal | None = None


class PositionView(Struct, frozen=True, kw_only=True):
    instrument: str
    symbol: str
    venue: str
    side: str
    """`long` or `short`."""
    size: Decimal
    """Signed, base units."""
    size_increment: Decimal
    price_increment: Decimal
    entry: Decimal
    mark: Decimal | None
    notional: Decimal | None
    upnl: Decimal | None
    """USD."""
    funding: Decimal
    """USD received (> 0) or paid so far."""
    leverage: Decimal | None
    """Of the account."""
    liquidation_price: Decimal | None
    liquidation_away: Decimal | None
    """Fraction of the mark; None = no such price, or unknown when `stale`."""
    single_leg_liquidation: Decimal | None
    """If the other leg vanished."""
    stop: StopView
    strategy: str
    pair: str | None
    foreign: bool
    """Nobody's of ours: shown and counted, not managed."""
    held_ns: int
    age_ms: int | None
    level: str
    """`fresh`, `late`, `stale`."""
    dust: bool = False
    """Below the venue's minimum: kept and counted, not retried."""

    @property
    def key(self) -> str:
        """One row: an instrument and whose part of the position it is."""
        return self.instrument + (self.pair or ("dust" if self.dust else "foreign" if self.foreign else ""))


class NakedView(Struct, frozen=True, kw_only=True):
    notional: Decimal | None
    seconds: Decimal
    worst_seconds: Decimal = Decimal(0)
    """The longest that it stood so, now included."""


class SettledOfPair(Struct, frozen=True, array_like=True):
    """Funding of one settlement, both legs together, USD."""

    ts: int
    expected: Decimal | None
    realised: Decimal | None


class PairView(Struct, frozen=True, kw_only=True):
    id: str
    """Shown id, `P-07`."""
    kind: str
    """`hedge` or `peg`."""
    group: str
    """`BTC`, `ETH`, `peg`."""
    state: PairState
    strategy: str
    short: str
    long: str
    size: Decimal
    target: Decimal
    residual: Decimal | None
    """Base units, signed (long - short)."""
    residual_usd: Decimal | None
    naked: NakedView
    in_doubt: int
    net_upnl: Decimal | None
    funding_expected: Decimal | None
    funding_realised: Decimal
    intervals: int
    """Settlements counted so far."""
    settled: tuple[SettledOfPair, ...] = ()
    """The newest of them, newest first."""
    costs: Decimal
    """USD fees paid so far."""
    rested: Decimal | None = None
    """Share of its fills so far that rested and paid the maker fee, by notional; None = none yet."""
    exposures: dict[str, Decimal]
    """The hidden currency position: USD per stablecoin."""
    opened_ts: int | None
    reason: str
    hedged_age_ms: int | None
    old: bool = False
    """A venue of a held leg is stale, or its line is lost: hedged as of `hedged_age_ms` ago."""


class SpreadsView(Struct, frozen=True, array_like=True):
    """The distribution of realised spreads, bps/8h."""

    count: int
    least: float
    low: float
    """A quarter of them were lower."""
    median: float
    high: float
    """A quarter were higher."""
    most: float
    negative: float
    """Share below zero."""


class FundingRowView(Struct, frozen=True, kw_only=True):
    rank: int | None
    """None = not ranked."""
    group: str
    short: str
    long: str
    short_rate: Decimal | None
    """bps/8h."""
    long_rate: Decimal | None
    short_interval_h: Decimal | None
    long_interval_h: Decimal | None
    spread: Decimal | None
    """bps/8h."""
    apr: Decimal | None
    """Fraction a year, simple."""
    gross: Decimal | None
    """bps over the holding time."""
    costs: Decimal | None
    """bps of one leg."""
    net_edge: Decimal | None
    """bps."""
    edge_multiple: Decimal | None
    """Net edge over costs."""
    break_even_h: Decimal | None
    settles_ns: int | None
    """Until the next settlement."""
    settled: tuple[float, ...]
    """Realised spreads of the last 16 settlements, bps/8h, oldest first."""
    sample: int
    """Realised settlements known."""
    spreads: SpreadsView | None = None
    """Of all of them; None = none are known."""
    verdict: str
    """`ENTER`, `HOLD`, `BLOCK`, `STALE`, `—`."""
    reason: str
    pair: str | None
    stale: bool


class LimitView(Struct, frozen=True, kw_only=True):
    """A check of the gate: what it limits, where it stands."""

    name: str
    value: Decimal | None
    limit: Decimal | None
    unit: str
    """`usd`, `x`, `fraction`, `count`, `ms`, `bps`, `rate/min`, `state`."""
    used: Decimal | None
    """value / limit; None = unknown."""
    level: str
    """`OK`, `NEAR`, `OVER`, `UNKNOWN`, `STOP`, `PASS`."""
    text: str = ""


class CollateralView(Struct, frozen=True, kw_only=True):
    coin: str
    balance: Decimal
    weight: Decimal | None
    index: Decimal | None
    depeg_bps: Decimal | None
    sources: int
    counts: Decimal | None
    """USD that it adds to C."""
    exposure: Decimal | None
    """Position-made exposure, USD."""
    level: str
    """`ok`, `warn`, `block`, `reduce`, `unknown`."""


class AccountView(Struct, frozen=True, kw_only=True):
    venue: str
    collateral: Decimal | None
    equity: Decimal | None
    leverage: Decimal | None
    usage: Decimal | None
    initial_usage: Decimal | None
    joint_distance: Decimal | None
    coin_distance: tuple[str, Decimal] | None
    """The stablecoin whose fall liquidates first, and by how much."""
    holds: bool
    stale: bool
    dead_man: str | None = None
    """As in `status`; None = the venue has not said."""


class BreakerView(Struct, frozen=True, kw_only=True):
    name: str
    """`daily loss`, `rolling 24 h`, `drawdown`."""
    now: Decimal | None
    trips_at: Decimal
    state: str
    """`armed`, `WARN`, `TRIPPED`, `OVERRIDE` (a person has let more pass), `UNKNOWN`."""


class StressView(Struct, frozen=True, kw_only=True):
    name: str
    equity_change: Decimal | None
    usage: Decimal | None
    leverage: Decimal | None


class DeniedView(Struct, frozen=True, kw_only=True):
    ts: int
    text: str
    origin: str


class RiskView(Struct, frozen=True, kw_only=True):
    limits: tuple[LimitView, ...]
    collateral: tuple[CollateralView, ...]
    upnl: Decimal | None
    total_collateral: Decimal | None
    accounts: tuple[AccountView, ...]
    breakers: tuple[BreakerView, ...]
    stress: tuple[StressView, ...]
    denied_today: int
    denied: tuple[DeniedView, ...]


class AlertView(Struct, frozen=True, kw_only=True):
    key: str
    severity: Severity
    text: str
    detail: str
    state: str
    """`OPEN`, `ACK`, `RESOLVED`."""
    count: int
    since: int
    ts: int
    """Last change."""
    acked_ts: int | None
    why: str = ""
    do: str = ""
    """The remedy."""


class FlattenRow(Struct, frozen=True, kw_only=True):
    instrument: str
    venue: str
    side: str
    quantity: Decimal
    notional: Decimal | None
    cost: Decimal | None
    """USD, negative."""
    slippage_bps: Decimal | None
    fee: Decimal | None = None
    """USD, negative; with `slippage` the two parts of the cost."""
    slippage: Decimal | None = None
    funding_per_day: Decimal | None = None
    """USD that the position receives a day at the present rate."""


class FlattenPlan(Struct, frozen=True, kw_only=True):
    """What `F` would do, for the dialog; `services.views.closing` narrows it."""

    rows: tuple[FlattenRow, ...]
    notional: Decimal | None = None
    cost: Decimal | None = None
    """USD, negative: the sum of the rows; None = a part is unknown."""
    fees: Decimal | None
    slippage: Decimal | None
    working_orders: int
    orders: dict[str, int] = {}
    """Of those by instrument."""
    equity: Decimal | None = None
    equity_after: Decimal | None
    funding_per_day: Decimal | None
    doubts: tuple[str, ...]


class DifferenceView(Struct, frozen=True, kw_only=True):
    """A line in which our books and a venue's read differ."""

    id: str
    """By venue, kind, subject and amount: what an acceptance names."""
    kind: str
    """`position`, `balance` or `ghost_fill` (a fill of ours that the venue does not list)."""
    venue: str
    subject: str
    ours: Decimal
    theirs: Decimal
    usd: Decimal | None
    state: str
    """`waiting` for a person, or `adopted` by itself."""
    since: int
    text: str
    accepting: str
    """What accepting it does, or why it cannot be accepted."""
    acceptable: bool = True

    @property
    def waits(self) -> bool:
        return self.state == "waiting"


class DeskView(Struct, frozen=True, kw_only=True):
    ts: int
    positions: tuple[PositionView, ...]
    pairs: tuple[PairView, ...]
    total_notional: Decimal | None
    total_upnl: Decimal | None
    total_funding: Decimal
    total_leverage: Decimal | None
    funding: tuple[FundingRowView, ...]
    hold_h: Decimal
    risk: RiskView
    alerts: tuple[AlertView, ...]
    flatten: FlattenPlan
    strategies: tuple[tuple[str, str, str], ...]
    """(name, state, last reason)."""
    differences: tuple[DifferenceView, ...] = ()
    cross: CrossView | None = None
    """None = no strategy on prices is set up."""
    ranks: bool = True
    """A strategy on funding is set up: `funding` holds its board. False = nobody ranks spreads."""
