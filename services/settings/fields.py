"""Of every parameter: unit, bounds, and which way is looser. The catalog and all validation read this.

`looser` says what counts as loosening a limit, which needs a reason and ACTIVE (RUNTIME 7): `up`, `down`,
`any` change, or empty for what is no limit.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import Struct

from services.settings import parameters
from services.settings.cross import Cross
from services.settings.funding import Funding
from services.settings.units import EXAMPLES, parse_flag, parse_list, parse_number


class Field(Struct, frozen=True):
    unit: str
    looser: str = ""
    low: Decimal | None = None
    """None = the unit's own bound."""
    high: Decimal | None = None
    words: tuple[str, ...] = ()
    """What a parameter that is a word may be."""


_LOW = {"bps/8h": Decimal(-1000), "count": Decimal(1)}
_HIGH = {
    "bps/8h": Decimal(1000),
    "bps": Decimal(10_000),
    "fraction": Decimal(1),
    "x": Decimal(125),
    "USD": Decimal("1e12"),
}

F = Field

FUNDING = {
    "min_spread": F("bps/8h", low=Decimal(0)),
    "hold_h": F("h"),
    "persistence": F("fraction"),
    "min_edge_multiple": F("x"),
    "max_break_even_h": F("h"),
    "basis_buffer_same": F("bps"),
    "basis_buffer_cross": F("bps"),
    "smooth_half_life_h": F("h"),
    "exit_level": F("bps/8h"),
    "exit_confirm_h": F("h"),
    "exit_confirm_settlements": F("count"),
    "flip_exit": F("bps/8h"),
    "flip_exit_settlements": F("count"),
    "max_hold_h": F("h"),
    "entry_window_min_s": F("s"),
    "entry_window_max_s": F("s"),
    "blackout_s": F("s"),
    "cooldown_failed_min": F("min"),
    "cooldown_failed_max_h": F("h"),
    "cooldown_close_h": F("h"),
    "max_pairs": F("count", "up"),
    "pair_stop": F("bps", "up"),
    "basis_divergence": F("bps", "up"),
    "basis_divergence_s": F("s", "up"),
    "depeg_exit": F("flag"),
    "delisting_exit_h": F("h"),
    "persistence_sample": F("count"),
    "freeze_alert_s": F("s", "up"),
    "freeze_page_min": F("min", "up"),
}

CROSS = {
    "threshold": F("bps"),
    "quote_age_ms": F("ms", "up"),
    "skew_ms": F("ms", "up"),
    "spot": F("flag", "up"),
    "trade_size": F("USD", "up"),
    "max_discrepancy": F("bps", "up"),
    "exit_level": F("bps"),
    "max_hold_h": F("h"),
    "pair_stop": F("bps", "up"),
    "max_pairs": F("count", "up"),
    "cooldown_close_min": F("min"),
    "cooldown_failed_min": F("min"),
    "cooldown_max_h": F("h"),
    "blackout_s": F("s"),
    "inventory_low": F("fraction", "down"),
    "delisting_exit_h": F("h"),
    "freeze_alert_s": F("s", "up"),
    "freeze_page_min": F("min", "up"),
}

KINDS: dict[str, tuple[str, dict[str, Field], type[Struct]]] = {
    "funding_arb": ("funding", FUNDING, Funding),
    "cross_exchange": ("cross", CROSS, Cross),
}
"""Kind of strategy -> its block of `StrategySettings`, what is in it, and the block's type."""


def block_of(kind: str) -> tuple[str, dict[str, Field], type[Struct]]:
    """The block that a kind takes its parameters from; a plugin's kind takes those of `funding_arb`."""
    return KINDS.get(kind, KINDS["funding_arb"])


INSTRUMENT_LIMIT = {"max_position": F("USD", "up"), "max_leverage": F("x", "up")}

SECTIONS: dict[str, dict[str, Field]] = {
    "pair": {
        "slice_notional": F("USD", "up"),
        "naked_max": F("USD", "up"),
        "naked_max_fraction": F("fraction", "up"),
        "leg_timeout_ms": F("ms", "up"),
        "entry_policy": F("text", "any", words=("reverse", "proceed", "cancel")),
        "exit_policy": F("text", "any", words=("proceed", "cancel")),
        "residual_fraction": F("fraction", "up"),
        "residual_max": F("USD", "up"),
    },
    "exec": {
        "hedge_bands": F("bps"),
        "emergency_bands": F("bps"),
        "flatten_bands": F("bps"),
        "flatten_no_progress_s": F("s", low=Decimal(10)),
        "band_dwell_ms": F("ms", low=Decimal(50), high=Decimal(10_000)),
        "slippage_bound": F("bps", "up"),
        "slippage_allowance": F("bps", "down"),
        "entry_style": F("text", words=("taker", "maker")),
        "exit_style": F("text", words=("taker", "maker")),
        "post_only_requotes": F("count", "up", low=Decimal(0)),
        "post_only_window_s": F("s", "up", low=Decimal(1)),
        "maker_sample": F("count", "down"),
        "in_doubt_probes_s": F("s", low=Decimal("0.05"), high=Decimal(600)),
        "in_doubt_settling_s": F("s", "down"),
        "in_doubt_escalate_s": F("s", "up"),
        "allow_market": F("flag", "up"),
        "send_timeout_ms": F("ms", "up"),
    },
    "gate": {
        "max_order_notional": F("USD", "up"),
        "portfolio_leverage": F("x", "up"),
        "max_initial_usage": F("fraction", "up"),
        "max_margin_usage": F("fraction", "up"),
        "min_joint_distance": F("fraction", "down"),
        "reducing_joint_distance": F("fraction", "down"),
        "max_coin_exposure": F("fraction", "up", high=Decimal(10)),
        "max_venue_share": F("fraction", "up"),
        "max_open_orders_symbol": F("count", "up"),
        "max_open_orders": F("count", "up"),
        "orders_per_second": F("count", "up"),
        "orders_per_minute": F("count", "up"),
        "venue_orders_per_second": F("count", "up"),
        "reserved_share": F("fraction", "down"),
        "repeat_count": F("count", "up"),
        "repeat_window_s": F("s", "down"),
        "price_collar": F("fraction", "up"),
        "price_collar_pegged": F("fraction", "up"),
        "protective_bands": F("fraction", "up"),
        "min_equity": F("USD", "down"),
    },
    "ladder": {
        "no_new_risk": F("fraction", "up"),
        "reducing": F("fraction", "up"),
        "cut": F("fraction", "up"),
        "cut_to": F("fraction", "up"),
    },
    "fresh": {
        "quote_ms": F("ms", "up"),
        "book_ms": F("ms", "up"),
        "mark_ms": F("ms", "up"),
        "index_ms": F("ms", "up"),
        "funding_ms": F("ms", "up"),
        "balance_ms": F("ms", "up"),
        "account_read_s": F("s", "up"),
        "max_quiet_s": F("s", "up"),
        "heartbeat_s": F("s", "up"),
        "clock_warn_ms": F("ms", "up"),
        "clock_block_ms": F("ms", "up"),
        "self_clear_s": F("s", "down"),
        "stale_escalate_min": F("min", "up"),
        "outage_settle_s": F("s", "down"),
    },
    "size": {
        "min_trades": F("count", "down"),
        "prior_trades": F("count", "down"),
        "kelly_fraction": F("fraction", "up"),
        "risk_cap": F("fraction", "up"),
        "fallback_risk_cap": F("fraction", "up"),
        "stop_after_losses": F("count", "up"),
        "max_position_fraction": F("fraction", "up"),
        "max_pair_fraction": F("fraction", "up"),
        "depeg_d": F("fraction", "down"),
    },
    "stop": {
        "initial": F("fraction", "up"),
        "trail": F("fraction", "up"),
        "activation": F("fraction", "any"),
        "backstop": F("fraction", "up"),
        "pegged_initial": F("fraction", "up"),
        "pegged_trail": F("fraction", "up"),
        "pegged_activation": F("fraction", "any"),
        "pegged_backstop": F("fraction", "up"),
    },
    "deadman": {
        "enabled": F("flag", "down"),
        "timeout_s": F("s", "up", low=Decimal(1)),
        "beat_s": F("s", "up", low=Decimal(1)),
    },
    "breaker": {
        "daily": F("fraction", "up"),
        "rolling": F("fraction", "up"),
        "drawdown": F("fraction", "up"),
        "warn_levels": F("fraction", "any"),
        "evaluate_s": F("s", "up"),
        "unknown_grace_s": F("s", "up"),
        "peak_samples": F("count", "any"),
        "peak_window_s": F("s", "any"),
        "losing_streak": F("count", "up"),
        "rejects_in_row": F("count", "up"),
        "rejects_count": F("count", "up"),
        "rejects_window_s": F("s", "down"),
        "stall_warn_ms": F("ms", "up"),
        "stall_trip_ms": F("ms", "up"),
        "flatten": F("flag", "any"),
    },
    "depeg": {
        "warn": F("bps", "up"),
        "warn_s": F("s", "up"),
        "block": F("bps", "up"),
        "block_s": F("s", "up"),
        "reduce": F("bps", "up"),
        "reduce_s": F("s", "up"),
        "release_min": F("min", "down"),
        "source_age_s": F("s", "up"),
        "max_source_spread": F("bps", "up"),
        "collateral_share": F("fraction", "up"),
    },
    "reconcile": {
        "every_s": F("s", "up"),
        "epsilon_lots": F("count", "up", low=Decimal(0)),
        "epsilon_usd": F("USD", "up"),
        "daily_usd": F("USD", "up"),
    },
    "engine": {
        "intent_timeout_ms": F("ms", "up", low=Decimal(1)),
        "stop_timeout_s": F("s"),
        "critical_lane_max": F("count", "up"),
        "critical_lane_age_s": F("s", "up", low=Decimal(1)),
        "bulk_lane_max": F("count"),
        "strategy_call_ms": F("ms", "up", low=Decimal(10)),
        "heartbeat_s": F("s", "up", low=Decimal(1)),
        "keep_inputs_h": F("h", low=Decimal(0)),
    },
}

STRUCTS: dict[str, type[Struct]] = {
    "pair": parameters.Pair,
    "exec": parameters.Execution,
    "gate": parameters.Gate,
    "ladder": parameters.Ladder,
    "fresh": parameters.Freshness,
    "size": parameters.Sizing,
    "stop": parameters.Stops,
    "deadman": parameters.DeadMan,
    "breaker": parameters.Breaker,
    "depeg": parameters.Depeg,
    "reconcile": parameters.Reconcile,
    "engine": parameters.Engine,
}


def parse_field(field: Field, default: Any, value: object) -> Any:
    """The value of one field as its struct wants it; `default` tells the type. Raises ValueError."""
    if isinstance(default, bool):
        return parse_flag(value)
    if isinstance(default, str):
        if value not in field.words:
            raise ValueError(f"one of: {', '.join(field.words)}")
        return value
    if isinstance(default, tuple):
        parsed = parse_list(value, field.unit)
        for item in parsed:
            _bounded(field, item)
        return parsed
    number = parse_number(value, field.unit, whole=isinstance(default, int))
    _bounded(field, Decimal(number))
    return number


def _bounded(field: Field, number: Decimal) -> None:
    low = field.low if field.low is not None else _LOW.get(field.unit, Decimal(0))
    high = field.high if field.high is not None else _HIGH.get(field.unit)
    if number < low:
        raise ValueError(f"{EXAMPLES[field.unit]}, at least {low}")
    if high is not None and number > high:
        raise ValueError(f"{EXAMPLES[field.unit]}, at most {high:f}")
