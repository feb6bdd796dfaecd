"""Defaults of the design's page of parameters, as it states them, held against the code's."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.settings.cross import Cross
from services.settings.parameters import Settings
from services.settings.resolve import default_settings

D = Decimal

GATE = {
    "gate.default_limit.max_position": 50_000, "gate.default_limit.max_leverage": 5,
    "gate.limits.USDT-PERP.max_position": 100_000, "gate.limits.USDT-PERP.max_leverage": 10,
    "gate.limits.USDC-PERP.max_position": 100_000, "gate.limits.USDC-PERP.max_leverage": 10,
    "gate.limits.BUSD-PERP.max_position": 50_000, "gate.limits.BUSD-PERP.max_leverage": 8,
    "gate.limits.BTC-USDT-PERP.max_position": 100_000, "gate.limits.BTC-USDT-PERP.max_leverage": 5,
    "gate.limits.ETH-USDC-PERP.max_position": 100_000, "gate.limits.ETH-USDC-PERP.max_leverage": 5,
    "gate.max_order_notional": 25_000, "gate.portfolio_leverage": 5,
    "gate.max_initial_usage": "0.80", "gate.max_margin_usage": "0.50",
    "ladder.no_new_risk": "0.50", "ladder.reducing": "0.60", "ladder.cut": "0.80", "ladder.cut_to": "0.60",
    "gate.min_joint_distance": "0.15", "gate.reducing_joint_distance": "0.08",
    "gate.max_coin_exposure": "0.50", "gate.max_venue_share": "0.60",
    "gate.max_open_orders_symbol": 10, "gate.max_open_orders": 40,
    "gate.orders_per_second": 5, "gate.orders_per_minute": 120, "gate.reserved_share": "0.30",
    "gate.repeat_count": 5, "gate.repeat_window_s": 60,
    "gate.price_collar": "0.02", "gate.price_collar_pegged": "0.005", "gate.min_equity": 1_000,
    "gate.protective_bands": ["0.005", "0.01", "0.02", "0.05", "0.10"],
    "fresh.quote_ms": 3_000, "fresh.book_ms": 3_000, "fresh.mark_ms": 10_000, "fresh.index_ms": 10_000,
    "fresh.funding_ms": 120_000, "fresh.balance_ms": 90_000, "fresh.account_read_s": 30,
    "fresh.max_quiet_s": 60, "fresh.heartbeat_s": 10, "fresh.clock_warn_ms": 250,
    "fresh.clock_block_ms": 1_000, "fresh.self_clear_s": 60,
}  # fmt: skip

SIZING = {
    "size.min_trades": 30, "size.prior_trades": 30, "size.kelly_fraction": "0.5",
    "size.risk_cap": "0.02", "size.fallback_risk_cap": "0.005", "size.stop_after_losses": 5,
    "size.max_position_fraction": "0.10", "size.max_pair_fraction": "0.25", "size.depeg_d": "0.05",
    "exec.slippage_bound": 3, "exec.slippage_allowance": 2,
}  # fmt: skip

FUNDING = {
    "min_spread": "1.0", "hold_h": 72, "persistence": "0.5", "min_edge_multiple": "0.5",
    "max_break_even_h": 48, "basis_buffer_same": 5, "basis_buffer_cross": 10, "smooth_half_life_h": 8,
    "exit_level": 0, "exit_confirm_h": 24, "exit_confirm_settlements": 3,
    "flip_exit": -5, "flip_exit_settlements": 2, "max_hold_h": 720,
    "entry_window_min_s": 120, "entry_window_max_s": 3_600, "blackout_s": 60,
    "cooldown_failed_min": 30, "cooldown_failed_max_h": 24, "cooldown_close_h": 8, "max_pairs": 4,
    "pair_stop": 100, "basis_divergence": 40, "basis_divergence_s": 300, "persistence_sample": 90,
    "freeze_alert_s": 60, "freeze_page_min": 15, "depeg_exit": False,
}  # fmt: skip

PAIR = {
    "pair.residual_fraction": "0.001", "pair.residual_max": 100, "pair.slice_notional": 5_000,
    "pair.naked_max": 10_000, "pair.naked_max_fraction": "0.05", "pair.leg_timeout_ms": 2_000,
    "exec.hedge_bands": ["10", "20", "50"], "exec.emergency_bands": ["100", "200", "500"],
    "exec.flatten_bands": ["20", "50", "100", "200", "500"], "exec.band_dwell_ms": 400,
    "exec.allow_market": False, "exec.post_only_requotes": 3, "exec.post_only_window_s": 15,
}  # fmt: skip

DEPEG = {
    "depeg.warn": 30, "depeg.warn_s": 60, "depeg.block": 100, "depeg.block_s": 30, "depeg.reduce": 300,
    "depeg.reduce_s": 30, "depeg.release_min": 30, "depeg.source_age_s": 10, "depeg.max_source_spread": 50,
    "depeg.collateral_share": "0.10",
}  # fmt: skip

GUARDS = {
    "stop.initial": "0.02", "stop.trail": "0.01", "stop.activation": "0.01", "stop.backstop": "0.04",
    "stop.pegged_initial": "0.0050", "stop.pegged_trail": "0.0025", "stop.pegged_activation": "0.0025",
    "stop.pegged_backstop": "0.0150",
    "breaker.daily": "0.05", "breaker.rolling": "0.05", "breaker.drawdown": "0.10",
    "breaker.warn_levels": ["0.5", "0.8"], "breaker.evaluate_s": 5, "breaker.unknown_grace_s": 60,
    "breaker.peak_samples": 3, "breaker.peak_window_s": 60, "breaker.losing_streak": 8,
    "breaker.rejects_in_row": 5, "breaker.rejects_count": 10, "breaker.rejects_window_s": 600,
    "breaker.stall_warn_ms": 500, "breaker.stall_trip_ms": 2_000, "breaker.flatten": False,
    "fresh.stale_escalate_min": 15, "fresh.outage_settle_s": 60,
    "deadman.timeout_s": 60, "deadman.beat_s": 15,
    "reconcile.every_s": 60, "reconcile.epsilon_lots": 1, "reconcile.epsilon_usd": 10,
    "reconcile.daily_usd": 50,
    "exec.in_doubt_probes_s": ["0.25", "0.5", "1", "2", "5", "10"], "exec.in_doubt_settling_s": 10,
    "exec.in_doubt_escalate_s": 10, "exec.flatten_no_progress_s": 60,
    "engine.intent_timeout_ms": 250, "engine.stop_timeout_s": 10, "engine.critical_lane_max": 5_000,
    "engine.critical_lane_age_s": 2, "engine.bulk_lane_max": 2_000, "engine.strategy_call_ms": 500,
    "engine.heartbeat_s": 5,
}  # fmt: skip

CROSS = {"threshold": 5, "quote_age_ms": 1_000, "skew_ms": 500, "inventory_low": "0.25"}


def different(page: dict[str, object], section: str = "") -> dict[str, object]:
    """What the settings say otherwise."""
    told = msgspec.to_builtins(Settings())
    found = {}
    for name, wanted in page.items():
        value = told
        for part in (*section.split(), *name.split(".")):
            value = value[part]
        if isinstance(wanted, list):
            same = [D(str(each)) for each in value] == [D(each) for each in wanted]
        else:
            same = value is wanted if isinstance(wanted, bool) else D(str(value)) == D(str(wanted))
        if not same:
            found[name] = value
    return found


def test_the_gates_defaults() -> None:
    assert different(GATE) == {}


def test_the_sizings_defaults() -> None:
    assert different(SIZING) == {}


def test_the_funding_strategys_defaults() -> None:
    assert different(FUNDING, "strategies funding_arb funding") == {}
    assert different(PAIR) == {}


def test_the_depegs_defaults() -> None:
    assert different(DEPEG) == {}


def test_the_defaults_of_what_watches_over_the_desk() -> None:
    assert different(GUARDS) == {}


def test_the_cross_exchange_strategys_defaults() -> None:
    told = msgspec.to_builtins(Cross())
    assert {name: told[name] for name in CROSS if D(str(told[name])) != D(str(CROSS[name]))} == {}


def test_live_orders_are_five_thousand_dollars_at_most_by_default() -> None:
    assert default_settings("live", "live").gate.max_order_notional == D(5_000)


@pytest.mark.parametrize("name", ["gate.min_equity", "gate.protective_bands", "exec.allow_market"])
def test_a_default_that_slips_is_found(name: str) -> None:
    page = {**GATE, **PAIR}
    other = {"gate.min_equity": 999, "gate.protective_bands": ["0.005"], "exec.allow_market": True}[name]
    assert list(different({**page, name: other})) == [name]
