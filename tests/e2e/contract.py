"""The JSON contract as a script's author reads it: every key that must be there, written out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _keys(text: str, below: str = "") -> list[str]:
    return [f"{below}{word}" for word in text.split()]


POSITION = _keys(
    "instrument side size entry mark notional upnl funding leverage liquidation_price "
    "stop.kind stop.local stop.resting strategy pair foreign age_ms"
)
PAIR = _keys(
    "id kind state short long size target residual naked.notional naked.seconds "
    "funding.expected funding.realised costs opened_ts reason"
)
STATUS = [
    *_keys("schema profile mode synthetic trading_state equity collateral leverage initial_usage"),
    *_keys("margin_usage worst_account day_pnl drawdown working_orders in_doubt"),
    *_keys("notional seconds worst_seconds", "naked."),
    *_keys("tripped daily_loss rolling_loss drawdown", "breaker."),
    *_keys("received paid accrued", "funding."),
    *_keys("name scope severity latched since text", "causes[]."),
    *_keys(" ".join(POSITION), "positions[]."),
    *_keys(" ".join(PAIR), "pairs[]."),
    *_keys("coin balance weight index depeg_bps sources exposure", "coins[]."),
    *_keys("name connected data_age_ms latency_ms_p50 latency_ms_p95 clock_offset_ms dead_man", "venues[]."),
    *_keys("name kind state last_decision reason", "strategies[]."),
]
SUMMARY = [
    *STATUS,
    *_keys("trades fills fees funding_net net_pnl events opportunities refused best_refused ended_by"),
]
SAFETY = _keys("ok trading_state causes[].name cancelled pending")
FLATTEN = _keys("flat orders_left positions_left kept fresh_read_ts")

MONEY = frozenset(
    _keys(
        "size entry mark notional upnl funding equity collateral leverage initial_usage margin_usage day_pnl "
        "drawdown expected realised costs received paid accrued balance weight index depeg_bps exposure fees "
        "funding_net net_pnl daily_loss rolling_loss seconds worst_seconds target residual local"
    )
)


def missing(answer: Mapping[str, Any], keys: list[str]) -> list[str]:
    """The documented keys that are not there. A list with nothing in it says nothing about its rows."""
    return [key for key in keys if not _has(answer, key.split("."))]


def _has(value: Any, path: list[str]) -> bool:
    if not path:
        return True
    name, rest = path[0], path[1:]
    listed = name.endswith("[]")
    name = name.removesuffix("[]")
    if not isinstance(value, Mapping) or name not in value:
        return False
    if listed:
        return isinstance(value[name], list) and all(_has(row, rest) for row in value[name])
    return _has(value[name], rest)


def floats(value: Any, name: str = "") -> list[str]:
    """Where a figure is a JSON number with a fraction, or money is a number at all: it must be a string."""
    if isinstance(value, Mapping):
        return [found for key, each in value.items() for found in floats(each, key)]
    if isinstance(value, list):
        return [found for each in value for found in floats(each, name)]
    if isinstance(value, float) or (name in MONEY and isinstance(value, int) and not isinstance(value, bool)):
        return [f"{name}={value!r}"]
    return []
