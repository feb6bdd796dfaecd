"""Limits that contradict each other: combinations no single field can refuse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from services.settings.cross import Cross
from services.settings.funding import Funding
from services.settings.parameters import Settings

TAKEN = ("operator", "rebuilt")
"""Names of pairs that no strategy owns: those by hand, and those of a lost store."""


def contradictions(settings: Settings) -> Iterator[tuple[str, object, str]]:
    """(key, value, what was expected) of every rule that does not hold, in a fixed order."""
    yield from _gate(settings)
    yield from _levels(settings)
    yield from _times(settings)
    yield from _bands(settings)
    for name, strategy in settings.strategies.items():
        if name in TAKEN:
            yield f"strategies.{name}", name, "another name: pairs of no strategy are counted under this one"
        if isinstance(strategy.params, Cross):
            yield from _cross(name, strategy.params)
        else:
            yield from _funding(name, strategy.params)


def _gate(settings: Settings) -> Iterator[tuple[str, object, str]]:
    gate, pair, size = settings.gate, settings.pair, settings.size
    if gate.reducing_joint_distance >= gate.min_joint_distance:
        yield (
            "gate.reducing_joint_distance",
            gate.reducing_joint_distance,
            f"less than gate.min_joint_distance ({gate.min_joint_distance})",
        )
    if gate.max_open_orders_symbol > gate.max_open_orders:
        yield (
            "gate.max_open_orders_symbol",
            gate.max_open_orders_symbol,
            f"at most gate.max_open_orders ({gate.max_open_orders})",
        )
    if gate.orders_per_second > gate.orders_per_minute:
        yield (
            "gate.orders_per_second",
            gate.orders_per_second,
            f"at most gate.orders_per_minute ({gate.orders_per_minute})",
        )
    free = gate.venue_orders_per_second * (1 - gate.reserved_share)
    if gate.orders_per_second > free:
        yield (
            "gate.orders_per_second",
            gate.orders_per_second,
            f"at most {free:.0f}: gate.reserved_share of gate.venue_orders_per_second is for getting out",
        )
    if pair.slice_notional > gate.max_order_notional:
        yield (
            "pair.slice_notional",
            pair.slice_notional,
            f"at most gate.max_order_notional ({gate.max_order_notional}): no slice would pass",
        )
    if pair.slice_notional > pair.naked_max:
        yield "pair.slice_notional", pair.slice_notional, f"at most pair.naked_max ({pair.naked_max})"
    if size.fallback_risk_cap > size.risk_cap:
        yield "size.fallback_risk_cap", size.fallback_risk_cap, f"at most size.risk_cap ({size.risk_cap})"


def _levels(settings: Settings) -> Iterator[tuple[str, object, str]]:
    ladder, depeg, stop = settings.ladder, settings.depeg, settings.stop
    yield from _rising(
        ("ladder.no_new_risk", ladder.no_new_risk),
        ("ladder.reducing", ladder.reducing),
        ("ladder.cut", ladder.cut),
    )
    if ladder.cut_to >= ladder.cut:
        yield "ladder.cut_to", ladder.cut_to, f"less than ladder.cut ({ladder.cut})"
    yield from _rising(
        ("depeg.warn", depeg.warn), ("depeg.block", depeg.block), ("depeg.reduce", depeg.reduce)
    )
    yield from _rising(("stop.initial", stop.initial), ("stop.backstop", stop.backstop))
    yield from _rising(
        ("stop.pegged_initial", stop.pegged_initial), ("stop.pegged_backstop", stop.pegged_backstop)
    )


def _times(settings: Settings) -> Iterator[tuple[str, object, str]]:
    fresh, breaker = settings.fresh, settings.breaker
    yield from _rising(
        ("fresh.clock_warn_ms", fresh.clock_warn_ms), ("fresh.clock_block_ms", fresh.clock_block_ms)
    )
    yield from _rising(
        ("breaker.stall_warn_ms", breaker.stall_warn_ms), ("breaker.stall_trip_ms", breaker.stall_trip_ms)
    )
    if settings.deadman.beat_s * 2 > settings.deadman.timeout_s:
        yield (
            "deadman.beat_s",
            settings.deadman.beat_s,
            f"at most half of deadman.timeout_s ({settings.deadman.timeout_s}): one lost beat would fire it",
        )
    if breaker.rejects_in_row > breaker.rejects_count:
        yield (
            "breaker.rejects_in_row",
            breaker.rejects_in_row,
            f"at most breaker.rejects_count ({breaker.rejects_count})",
        )
    if fresh.account_read_s * 1_000 > fresh.balance_ms:
        yield (
            "fresh.account_read_s",
            fresh.account_read_s,
            f"at most fresh.balance_ms ({fresh.balance_ms}): balances would always be stale",
        )


def _bands(settings: Settings) -> Iterator[tuple[str, object, str]]:
    bands: dict[str, Sequence[Decimal]] = {
        "exec.hedge_bands": settings.exec.hedge_bands,
        "exec.emergency_bands": settings.exec.emergency_bands,
        "exec.flatten_bands": settings.exec.flatten_bands,
        "gate.protective_bands": settings.gate.protective_bands,
        "breaker.warn_levels": settings.breaker.warn_levels,
    }
    for key, levels in bands.items():
        if any(after <= before for before, after in pairwise(levels)):
            yield key, list(levels), "levels that rise from one to the next"


def _funding(name: str, funding: Funding) -> Iterator[tuple[str, object, str]]:
    yield from _rising(
        (f"{name}.entry_window_min_s", Decimal(funding.entry_window_min_s)),
        (f"{name}.entry_window_max_s", Decimal(funding.entry_window_max_s)),
    )
    if funding.flip_exit > funding.exit_level:
        yield f"{name}.flip_exit", funding.flip_exit, f"at most {name}.exit_level ({funding.exit_level})"
    if funding.exit_level > funding.min_spread:
        yield (
            f"{name}.exit_level",
            funding.exit_level,
            f"at most {name}.min_spread ({funding.min_spread}): a pair would close as it opens",
        )
    if funding.cooldown_failed_min > funding.cooldown_failed_max_h * 60:
        yield (
            f"{name}.cooldown_failed_min",
            funding.cooldown_failed_min,
            f"at most {name}.cooldown_failed_max_h ({funding.cooldown_failed_max_h})",
        )
    if funding.freeze_alert_s >= funding.freeze_page_min * 60:
        yield (
            f"{name}.freeze_alert_s",
            funding.freeze_alert_s,
            f"less than {name}.freeze_page_min ({funding.freeze_page_min})",
        )


def _cross(name: str, cross: Cross) -> Iterator[tuple[str, object, str]]:
    yield from _rising(
        (f"{name}.threshold", cross.threshold), (f"{name}.max_discrepancy", cross.max_discrepancy)
    )
    if cross.cooldown_failed_min > cross.cooldown_max_h * 60:
        yield (
            f"{name}.cooldown_failed_min",
            cross.cooldown_failed_min,
            f"at most {name}.cooldown_max_h ({cross.cooldown_max_h})",
        )
    if cross.freeze_alert_s >= cross.freeze_page_min * 60:
        yield (
            f"{name}.freeze_alert_s",
            cross.freeze_alert_s,
            f"less than {name}.freeze_page_min ({cross.freeze_page_min})",
        )


def _rising(*levels: tuple[str, Decimal | int]) -> Iterator[tuple[str, object, str]]:
    for (low_key, low), (high_key, high) in pairwise(levels):
        if low >= high:
            yield low_key, low, f"less than {high_key} ({high})"
