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
from services.settings.venues import VenueWire


def _d(text: str) -> Decimal:
    return Decimal(text)


class Pair(Struct, frozen=True, kw_only=True):
    """Two-leg execution (SEMANTICS 7)."""

    slice_notional: Decimal = _d("5000")
    """USD, the most that can be naked by plan."""
    naked_max: Decimal = _d("10000")
    """USD."""
    naked_max_fraction: Decimal = _d("0.05")
    """Of C; the smaller of the two holds."""
    leg_timeout_ms: int = 2000
    """From the first fill of leg 1."""
    entry_policy: str = "reverse"
    """When leg 2 of an entry is not filled in time: `reverse` leg 1, `proceed` hedging, or stop: `cancel`."""
    exit_policy: str = "proceed"
    """When leg 2 of an exit is not filled in time: `proceed` closing it, or stop and page (`cancel`)."""
    residual_fraction: Decimal = _d("0.001")
    residual_max: Decimal = _d("100")
    """USD; residual delta allowed: max(1 joint lot, fraction of the leg), at most this."""


class Execution(Struct, frozen=True, kw_only=True):
    hedge_bands: tuple[Decimal, ...] = (_d("10"), _d("20"), _d("50"))
    """bps from mid, one after the other."""
    emergency_bands: tuple[Decimal, ...] = (_d("100"), _d("200"), _d("500"))
    flatten_bands: tuple[Decimal, ...] = (_d("20"), _d("50"), _d("100"), _d("200"), _d("500"))
    flatten_no_progress_s: int = 60
    band_dwell_ms: int = 400
    slippage_bound: Decimal = _d("3")
    """bps per fill, entries."""
    slippage_allowance: Decimal = _d("2")
    """bps per fill, the least; measured p90 when larger."""
    entry_style: str = "taker"
    """How leg 1 of an entry is filled: `taker` takes from the book, `maker` rests post-only; leg 2 takes."""
    exit_style: str = "taker"
    """The same for exits of a strategy or operator; what protects never rests."""
    post_only_requotes: int = 3
    """Re-quotes of a resting leg 1 within `post_only_window_s`; then an entry is dropped, an exit takes."""
    post_only_window_s: int = 15
    maker_sample: int = 20
    """Attempts to rest before the measured fill rate counts in the costs of an entry; till then all take."""
    in_doubt_probes_s: tuple[Decimal, ...] = (_d("0.25"), _d("0.5"), _d("1"), _d("2"), _d("5"), _d("10"))
    """Then every last value."""
    in_doubt_settling_s: int = 10
    in_doubt_escalate_s: int = 10
    allow_market: bool = False
    send_timeout_ms: int = 2000
    """No answer to a send for this long: in doubt."""


class InstrumentLimit(Struct, frozen=True, kw_only=True):
    """A limit row: USD notional of the position that would result, summed over venues; symbol leverage."""

    max_position: Decimal
    max_leverage: Decimal


DEFAULT_LIMIT_ROWS: dict[str, InstrumentLimit] = {
    "USDT-PERP": InstrumentLimit(max_position=_d("100000"), max_leverage=_d("10")),
    "USDC-PERP": InstrumentLimit(max_position=_d("100000"), max_leverage=_d("10")),
    "BUSD-PERP": InstrumentLimit(max_position=_d("50000"), max_leverage=_d("8")),
    "BTC-USDT-PERP": InstrumentLimit(max_position=_d("100000"), max_leverage=_d("5")),
    "BTC-USDC-PERP": InstrumentLimit(max_position=_d("100000"), max_leverage=_d("5")),
    "ETH-USDT-PERP": InstrumentLimit(max_position=_d("100000"), max_leverage=_d("5")),
    "ETH-USDC-PERP": InstrumentLimit(max_position=_d("100000"), max_leverage=_d("5")),
}
"""The article's three rows and the majors; everything else takes `Gate.default_limit`."""


class Gate(Struct, frozen=True, kw_only=True):
    """The one gate (SEMANTICS 3)."""

    default_limit: InstrumentLimit = InstrumentLimit(max_position=_d("50000"), max_leverage=_d("5"))
    limits: dict[str, InstrumentLimit] = field(default_factory=lambda: dict(DEFAULT_LIMIT_ROWS))
    """By symbol, or by `SYMBOL.VENUE` for one venue alone."""
    max_order_notional: Decimal = _d("25000")
    """USD; 5 000 in live."""
    portfolio_leverage: Decimal = _d("5")
    max_initial_usage: Decimal = _d("0.80")
    max_margin_usage: Decimal = _d("0.50")
    min_joint_distance: Decimal = _d("0.15")
    """Fraction: the gate refuses below."""
    reducing_joint_distance: Decimal = _d("0.08")
    max_coin_exposure: Decimal = _d("0.50")
    """Position-made exposure to one stablecoin, of C."""
    max_venue_share: Decimal = _d("0.60")
    """Of equity, two accounts or more; warns only."""
    max_open_orders_symbol: int = 10
    max_open_orders: int = 40
    orders_per_second: int = 5
    """Of every purpose, over all venues; only what increases risk is refused for it."""
    orders_per_minute: int = 120
    venue_orders_per_second: int = 10
    """What the tightest venue takes (FTX: 2 in 200 ms)."""
    reserved_share: Decimal = _d("0.30")
    """Of the venue's budget: never used up by entries, so that cancels, hedges and closes find room."""
    repeat_count: int = 5
    repeat_window_s: int = 60
    price_collar: Decimal = _d("0.02")
    price_collar_pegged: Decimal = _d("0.005")
    protective_bands: tuple[Decimal, ...] = (_d("0.005"), _d("0.01"), _d("0.02"), _d("0.05"), _d("0.10"))
    """Outer bands of protective attempt n."""
    min_equity: Decimal = _d("1000")
    """USD."""


class Ladder(Struct, frozen=True, kw_only=True):
    """Margin ladder per account, usage = maintenance / C."""

    no_new_risk: Decimal = _d("0.50")
    reducing: Decimal = _d("0.60")
    cut: Decimal = _d("0.80")
    cut_to: Decimal = _d("0.60")


class Freshness(Struct, frozen=True, kw_only=True):
    quote_ms: int = 3_000
    book_ms: int = 3_000
    """Of what rests behind the best prices; older depth counts as an empty book."""
    mark_ms: int = 10_000
    index_ms: int = 10_000
    funding_ms: int = 120_000
    balance_ms: int = 90_000
    account_read_s: int = 30
    max_quiet_s: int = 60
    heartbeat_s: int = 10
    clock_warn_ms: int = 250
    clock_block_ms: int = 1_000
    self_clear_s: int = 60
    """A self-clearing cause goes after its condition has been good for this long."""
    stale_escalate_min: int = 15
    outage_settle_s: int = 60
    """Fresh data wanted after a venue's outage before entries."""


class Sizing(Struct, frozen=True, kw_only=True):
    """SEMANTICS 4."""

    min_trades: int = 30
    prior_trades: int = 30
    kelly_fraction: Decimal = _d("0.5")
    risk_cap: Decimal = _d("0.02")
    fallback_risk_cap: Decimal = _d("0.005")
    stop_after_losses: int = 5
    """Losses with no win yet."""
    max_position_fraction: Decimal = _d("0.10")
    max_pair_fraction: Decimal = _d("0.25")
    """Per leg, of C."""
    depeg_d: Decimal = _d("0.05")


class Stops(Struct, frozen=True, kw_only=True):
    initial: Decimal = _d("0.02")
    trail: Decimal = _d("0.01")
    activation: Decimal = _d("0.01")
    backstop: Decimal = _d("0.04")
    pegged_initial: Decimal = _d("0.0050")
    pegged_trail: Decimal = _d("0.0025")
    pegged_activation: Decimal = _d("0.0025")
    pegged_backstop: Decimal = _d("0.0150")


class DeadMan(Struct, frozen=True, kw_only=True):
    """The venues' dead-man's switches (SEMANTICS 10)."""

    enabled: bool = True
    """Armed while orders rest, where protective orders survive it or none rests."""
    timeout_s: int = 60
    """Not beaten for so long the venue cancels what rests."""
    beat_s: int = 15


class Breaker(Struct, frozen=True, kw_only=True):
    """SEMANTICS 9, on the unit value."""

    daily: Decimal = _d("0.05")
    rolling: Decimal = _d("0.05")
    drawdown: Decimal = _d("0.10")
    warn_levels: tuple[Decimal, ...] = (_d("0.5"), _d("0.8"))
    evaluate_s: int = 5
    unknown_grace_s: int = 60
    peak_samples: int = 3
    peak_window_s: int = 60
    losing_streak: int = 8
    rejects_in_row: int = 5
    rejects_count: int = 10
    rejects_window_s: int = 600
    stall_warn_ms: int = 500
    stall_trip_ms: int = 2_000
    flatten: bool = False
    """Action when tripped: False = halt."""


class Depeg(Struct, frozen=True, kw_only=True):
    """SEMANTICS 5.11."""

    warn: Decimal = _d("30")
    """bps."""
    warn_s: int = 60
    block: Decimal = _d("100")
    block_s: int = 30
    reduce: Decimal = _d("300")
    reduce_s: int = 30
    release_min: int = 30
    """At half the level for this long."""
    source_age_s: int = 10
    max_source_spread: Decimal = _d("50")
    """bps."""
    collateral_share: Decimal = _d("0.10")
    """A coin above this share of an account's collateral blocks that account's entries."""


class Reconcile(Struct, frozen=True, kw_only=True):
    every_s: int = 60
    """At least so often; accounts are read, and compared, every `fresh.account_read_s` if that is sooner."""
    epsilon_lots: int = 1
    epsilon_usd: Decimal = _d("10")
    daily_usd: Decimal = _d("50")


class Engine(Struct, frozen=True, kw_only=True):
    """Wall-clock limits of the shell."""

    intent_timeout_ms: int = 250
    stop_timeout_s: int = 10
    critical_lane_max: int = 5_000
    critical_lane_age_s: int = 2
    bulk_lane_max: int = 2_000
    strategy_call_ms: int = 500
    heartbeat_s: int = 5


class StrategySettings(Struct, frozen=True, kw_only=True):
    kind: str
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
