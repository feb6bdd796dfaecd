"""Every parameter of the desk and its default: the one table (design: PARAMETERS).

Units stand under each field. `bps/8h` figures are Decimal basis points per eight hours; bare `bps` of
price or notional; fractions are fractions (0.05 = 5 %); times carry their unit in the name. Frozen: a change
is a new value, made by a journaled command.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from services.settings.cross import Cross
from services.settings.funding import Funding
from services.settings.gate import DEFAULT_LIMIT_ROWS, Gate, InstrumentLimit, Ladder
from services.settings.guards import Breaker, DeadMan, Depeg, Freshness, Stops
from services.settings.venues import VenueWire

__all__ = [
    "DEFAULT_LIMIT_ROWS",
    "Breaker",
    "DeadMan",
    "Depeg",
    "Engine",
    "Execution",
    "Freshness",
    "Gate",
    "InstrumentLimit",
    "Ladder",
    "Pair",
    "Reconcile",
    "Settings",
    "Sizing",
    "Stops",
    "StrategySettings",
]


def _d(text: str) -> Decimal:
    return Decimal(text)


class Pair(Struct, frozen=True, kw_only=True):
    """Two-leg execution (SEMANTICS 7)."""

    slice_notional: Decimal = _d("5000")
    """USD a leg: entries go in slices of this size, so by plan no more than that is ever unhedged."""
    naked_max: Decimal = _d("10000")
    """USD that may be unhedged (naked) at a time."""
    naked_max_fraction: Decimal = _d("0.05")
    """The same as a share of the collateral; the smaller of the two holds."""
    leg_timeout_ms: int = 2000
    """So long after the first fill of leg 1 leg 2 must be filled; then the policies below hold."""
    entry_policy: str = "reverse"
    """When leg 2 of an entry is not filled in time: `reverse` leg 1, `proceed` hedging, or stop: `cancel`."""
    exit_policy: str = "proceed"
    """When leg 2 of an exit is not filled in time: `proceed` closing, or call a person: `cancel`."""
    residual_fraction: Decimal = _d("0.001")
    """Share of a leg by which the legs may stay unequal; at least one lot that both know."""
    residual_max: Decimal = _d("100")
    """USD by which the legs may stay unequal at most."""


class Execution(Struct, frozen=True, kw_only=True):
    hedge_bands: tuple[Decimal, ...] = (_d("10"), _d("20"), _d("50"))
    """bps from mid: the limit prices of a hedge or an exit, one after the other until it fills."""
    emergency_bands: tuple[Decimal, ...] = (_d("100"), _d("200"), _d("500"))
    """bps from mid: further prices of an order that protects, once those of `hedge_bands` did not fill."""
    flatten_bands: tuple[Decimal, ...] = (_d("20"), _d("50"), _d("100"), _d("200"), _d("500"))
    """bps from mid: the limit prices of a flatten, one after the other."""
    flatten_no_progress_s: int = 60
    """A flatten that closes nothing for so long ends and lists what is left."""
    band_dwell_ms: int = 400
    """Each of these prices is tried for so long before the next one."""
    slippage_bound: Decimal = _d("3")
    """bps from mid: the worst price that an entry takes; its size is what the book holds up to there."""
    slippage_allowance: Decimal = _d("2")
    """bps a fill reckoned into costs, at least; what 9 of 10 fills stayed within, when that is more."""
    entry_style: str = "taker"
    """How leg 1 of an entry is filled: `taker` takes from the book, `maker` rests post-only; leg 2 takes."""
    exit_style: str = "taker"
    """The same for exits of a strategy or operator; what protects never rests."""
    post_only_requotes: int = 3
    """Re-quotes of a resting leg 1 within `post_only_window_s`; then an entry is dropped, an exit takes."""
    post_only_window_s: int = 15
    """The time that `post_only_requotes` has."""
    maker_sample: int = 20
    """Attempts to rest before the measured fill rate counts in the costs of an entry; till then all take."""
    in_doubt_probes_s: tuple[Decimal, ...] = (_d("0.25"), _d("0.5"), _d("1"), _d("2"), _d("5"), _d("10"))
    """An order without an answer is asked for after so many seconds; then again and again after the last."""
    in_doubt_settling_s: int = 10
    """Before this age of an order the venue's "no such order" proves nothing: it may still be on its way."""
    in_doubt_escalate_s: int = 10
    """A venue that does not say for so long what became of an order takes no new risk; a person is called."""
    allow_market: bool = False
    """A protective order may go at any price once all its bands did not fill."""
    send_timeout_ms: int = 2000
    """No answer to a send for this long: in doubt."""


class Sizing(Struct, frozen=True, kw_only=True):
    """SEMANTICS 4."""

    min_trades: int = 30
    """Closed trades before a strategy's own results decide its size; till then `size.fallback_risk_cap`."""
    prior_trades: int = 30
    """Results of few trades are believed less: n trades count as n / (n + this)."""
    kelly_fraction: Decimal = _d("0.5")
    """Share of the size that would let the capital grow fastest (Kelly) which is really taken."""
    risk_cap: Decimal = _d("0.02")
    """Share of the collateral that one trade may lose at its stop, costs included, at most."""
    fallback_risk_cap: Decimal = _d("0.005")
    """The same while the strategy has too few trades."""
    stop_after_losses: int = 5
    """So many losses without one win yet stop the strategy."""
    max_position_fraction: Decimal = _d("0.10")
    """The largest single position, as a share of the collateral."""
    max_pair_fraction: Decimal = _d("0.25")
    """The largest leg of a pair, as a share of the collateral."""
    depeg_d: Decimal = _d("0.05")
    """Loss that the size of a pair in two coins allows for, at least: the fall of one of them."""


class Reconcile(Struct, frozen=True, kw_only=True):
    every_s: int = 60
    """At least so often; accounts are read, and compared, every `fresh.account_read_s` if that is sooner."""
    epsilon_lots: int = 1
    """A difference in size up to so many lots is taken over from the venue by itself."""
    epsilon_usd: Decimal = _d("10")
    """USD up to which a difference is taken over by itself; above it a person accepts."""
    daily_usd: Decimal = _d("50")
    """USD of differences that are taken over by themselves in a day, in sum."""


class Engine(Struct, frozen=True, kw_only=True):
    """Wall-clock limits of the shell."""

    intent_timeout_ms: int = 250
    """A disk that takes longer for an order that must be saved first is slow: no new risk."""
    stop_timeout_s: int = 10
    """So long a stop waits for what is under way; then the engine ends and lists what is open."""
    critical_lane_max: int = 5_000
    """Rows about orders and money that may wait for the disk; beyond it the store is in trouble."""
    critical_lane_age_s: int = 2
    """The oldest of them may wait so long."""
    bulk_lane_max: int = 2_000
    """Blocks of the journal that may wait for the disk; beyond it they are left out, and the gap is told."""
    strategy_call_ms: int = 500
    """A strategy that takes longer for one decision is disabled."""
    heartbeat_s: int = 5
    """An engine that gives no sign for so long is ended by its watchdog and leaves HALTED."""
    keep_inputs_h: int = 336
    """Hours of the desk's time whose inputs stay for a replay; decisions stay. 0 = all, for ever."""


class StrategySettings(Struct, frozen=True, kw_only=True):
    kind: str
    """What it is, as `funding_arb` or `cross_exchange`."""
    enabled: bool = True
    """A strategy that is not enabled decides nothing; its pairs keep their stops."""
    funding: Funding = Funding()
    cross: Cross = Cross()

    @property
    def params(self) -> Funding | Cross:
        """Of its own kind; the other block lies unused."""
        return self.cross if self.kind == "cross_exchange" else self.funding


class Settings(Struct, frozen=True, kw_only=True):
    """A resolved profile: what the desk runs under. Built and validated in `services.settings`."""

    profile: str = "sim"
    mode: str = "sim"
    venues: tuple[str, ...] = ("alpha", "beta")
    wires: dict[str, VenueWire] = {}
    """By venue, where it is reached over sockets; empty = the simulator inside the engine."""
    strategies: dict[str, StrategySettings] = field(
        default_factory=lambda: {"funding_arb": StrategySettings(kind="funding_arb")}
    )
    pair: Pair = Pair()
    exec: Execution = Execution()
    gate: Gate = Gate()
    ladder: Ladder = Ladder()
    fresh: Freshness = Freshness()
    size: Sizing = Sizing()
    stop: Stops = Stops()
    deadman: DeadMan = DeadMan()
    breaker: Breaker = Breaker()
    depeg: Depeg = Depeg()
    reconcile: Reconcile = Reconcile()
    engine: Engine = Engine()
    data_step_ns: int = 0
    """History runs: the series' own step; ages and read timers stretch to max(profile, 2 x it). 0 = live."""
    allow_plugins: tuple[str, ...] = ()
    """Kinds of strategies from other packages that may run in live mode."""
    assume_par: tuple[str, ...] = ()
    """Coins taken at 1.00 for want of any USD series; stamped on every figure."""
    pinned: tuple[str, ...] = ()
    """Keys that the environment or a flag gives: they go before what `:set` has overridden."""
