"""Dotted keys: where a parameter lies in `Settings`, its other names, how it is replaced.

`gate.max_order_notional`, `gate.limits.USDT-PERP.max_position`, `gate.default_limit.max_leverage`,
`funding_arb.min_spread` (the strategy's own name first).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from services.settings.errors import SettingsError
from services.settings.fields import INSTRUMENT_LIMIT, KINDS, SECTIONS, Field, block_of
from services.settings.parameters import InstrumentLimit, Settings

SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9/_-]*(\.[a-z][a-z0-9_]*)?")
STRATEGY_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
RESERVED_NAMES = (*SECTIONS, *(block for block, _, _ in KINDS.values()), "limit", "limits", "strategies")
"""No strategy may be called like the first word of another key."""

_ENABLED = Field("flag")
_LIMIT_ALIASES = {"max_size": "max_position", "leverage": "max_leverage"}


class Slot(Struct, frozen=True):
    """A parameter found: its full key, its rules, its present value."""

    key: str
    field: Field
    value: Any
    path: tuple[str, ...]
    """Attributes from `Settings` down; a limit row by its symbol, a strategy by its name."""


def find(settings: Settings, key: str) -> Slot:
    """The parameter of that name or alias. Raises SettingsError naming the nearest one."""
    head, _, rest = key.partition(".")
    if head in ("limit", "limits"):
        head, rest = "gate", f"limits.{rest}"
    elif head == "strategies":
        head, _, rest = rest.partition(".")
    if head == "gate" and rest.startswith("limits."):
        return _row(settings, key, rest.removeprefix("limits."))
    if head == "gate" and rest.startswith("default_limit."):
        return _row(settings, key, f"default.{rest.removeprefix('default_limit.')}")
    if head in SECTIONS:
        if rest in SECTIONS[head]:
            value = getattr(getattr(settings, head), rest)
            return Slot(f"{head}.{rest}", SECTIONS[head][rest], value, (head, rest))
        raise _unknown(settings, key)
    return _strategy(settings, key, head, rest)


def replaced(settings: Settings, slot: Slot, value: Any) -> Settings:
    """`settings` with that one parameter at `value`."""
    path = slot.path
    if path[:2] == ("gate", "limits"):
        row = msgspec.structs.replace(_limit_row(settings, path[2]), **{path[3]: value})
        gate = msgspec.structs.replace(settings.gate, limits={**settings.gate.limits, path[2]: row})
        return msgspec.structs.replace(settings, gate=gate)
    if path[0] == "strategies":
        strategies = {**settings.strategies, path[1]: _put(settings.strategies[path[1]], path[2:], value)}
        return msgspec.structs.replace(settings, strategies=strategies)
    changed: Settings = _put(settings, path, value)
    return changed


def all_keys(settings: Settings) -> Iterator[str]:
    """Every key of these settings, in the order of the parameter table."""
    for name, strategy in settings.strategies.items():
        yield f"{name}.enabled"
        for field in block_of(strategy.kind)[1]:
            yield f"{name}.{field}"
    for section, fields in SECTIONS.items():
        for field in fields:
            yield f"{section}.{field}"
        if section == "gate":
            for field in INSTRUMENT_LIMIT:
                yield f"gate.default_limit.{field}"
            for symbol in settings.gate.limits:
                for field in INSTRUMENT_LIMIT:
                    yield f"gate.limits.{symbol}.{field}"


def _row(settings: Settings, key: str, rest: str) -> Slot:
    symbol, _, name = rest.rpartition(".")
    name = _LIMIT_ALIASES.get(name, name)
    if name not in INSTRUMENT_LIMIT:
        raise SettingsError(key, None, f"gate.limits.SYMBOL and one of {', '.join(INSTRUMENT_LIMIT)}")
    field = INSTRUMENT_LIMIT[name]
    if symbol == "default":
        value = getattr(settings.gate.default_limit, name)
        return Slot(f"gate.default_limit.{name}", field, value, ("gate", "default_limit", name))
    if not SYMBOL.fullmatch(symbol):
        raise SettingsError(key, None, "a symbol such as USDT-PERP, or SYMBOL.VENUE")
    value = getattr(_limit_row(settings, symbol), name)
    return Slot(f"gate.limits.{symbol}.{name}", field, value, ("gate", "limits", symbol, name))


def _limit_row(settings: Settings, symbol: str) -> InstrumentLimit:
    """The row that holds for `symbol` now: its own, else the bare symbol's, else the default."""
    limits = settings.gate.limits
    bare = symbol.partition(".")[0]
    return limits.get(symbol) or limits.get(bare) or settings.gate.default_limit


def _strategy(settings: Settings, key: str, name: str, rest: str) -> Slot:
    if name not in settings.strategies:
        name = _by_block(settings, key, name)
    strategy = settings.strategies.get(name)
    if strategy is not None and rest == "enabled":
        return Slot(f"{name}.enabled", _ENABLED, strategy.enabled, ("strategies", name, "enabled"))
    if strategy is not None:
        block, fields, _ = block_of(strategy.kind)
        if rest in fields:
            value = getattr(getattr(strategy, block), rest)
            return Slot(f"{name}.{rest}", fields[rest], value, ("strategies", name, block, rest))
    raise _unknown(settings, key)


def _by_block(settings: Settings, key: str, block: str) -> str:
    """`funding.min_spread`, `cross.threshold`: the one strategy of that kind, by its block's name."""
    if block not in (own for own, _, _ in KINDS.values()):
        return block
    named = [each for each, found in settings.strategies.items() if block_of(found.kind)[0] == block]
    if len(named) == 1:
        return named[0]
    raise SettingsError(key, None, f"the strategy's own name first: {', '.join(named) or 'none is set up'}")


def _unknown(settings: Settings, key: str) -> SettingsError:
    near = difflib.get_close_matches(key, list(all_keys(settings)), 1, 0.6)
    hint = f"; did you mean {near[0]}?" if near else "; see: stableconsole config show"
    return SettingsError(key, None, f"the name of a parameter{hint}")


def _put(node: Any, path: tuple[str, ...], value: Any) -> Any:
    if len(path) > 1:
        value = _put(getattr(node, path[0]), path[1:], value)
    return msgspec.structs.replace(node, **{path[0]: value})
