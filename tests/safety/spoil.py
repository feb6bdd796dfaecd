"""Spoils inputs of a decision one by one: None, NaN, negative, infinite, stale or missing.

`spoiled` walks frozen structs, dataclasses, mappings and tuples by themselves, so that a field added tomorrow
is spoilt tomorrow. What a figure's spoiling is follows from its type and annotation; the few fields where a
change of sign or a missing row is a *different sound world*, and no unknown one, are named with the reason.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

import msgspec

STALE_NS = 10 * 86_400 * 10**9

SIGNED = {
    "size": "a short instead of a long is another position, and no unknown one",
    "rate": "a negative rate is an ordinary rate: the shorts pay",
    "smoothed": "as `rate`",
    "hourly": "as `rate`",
    "entry_basis": "a basis has either sign",
    "price_pnl": "a result has either sign",
    "net_pnl": "a result has either sign",
    "amount": "a payment has either sign",
    "total": "a debt is an ordinary balance",
    "balances": "a debt is an ordinary balance; that it never allows more is tested by itself",
    "clock_offset_ms": "a clock is ahead or behind",
    "side": "buy instead of sell is another order",
}
ABSENT_IS_A_FACT = {
    "leverage_settings": "a venue without such a setting states none",
    "delisting_ts": "no date is announced",
    "pair": "an order of its own",
}
BAD_WHEN_TRUE = {"close_only": True, "inverse": True, "liquidation": True}
"""Flags whose worse reading is True; every other flag is worse when False."""


class Spoilt(NamedTuple):
    path: str
    how: str
    value: Any


def spoiled(value: Any, *, skip: frozenset[str] = frozenset(), path: str = "") -> Iterator[Spoilt]:
    """Every copy of `value` with one input spoilt. `skip`: names of fields that are no inputs of the case."""
    if dataclasses.is_dataclass(value) or isinstance(value, msgspec.Struct):
        yield from _fields(value, skip, path)
    elif isinstance(value, Mapping):
        yield from _entries(value, skip, path)
    elif isinstance(value, tuple):
        for place, each in enumerate(value):
            for one in spoiled(each, skip=skip, path=f"{path}[{place}]"):
                yield one._replace(value=(*value[:place], one.value, *value[place + 1 :]))


def fields_of(value: Any, *, skip: frozenset[str] = frozenset()) -> set[str]:
    """Names of the fields that `spoiled` reaches, places in containers left out."""
    return {_plain(one.path) for one in spoiled(value, skip=skip)}


def _plain(path: str) -> str:
    return re.sub(r"\[[^]]*\]", "", path)


def _fields(value: Any, skip: frozenset[str], path: str) -> Iterator[Spoilt]:
    kind = type(value)
    hints = typing.get_type_hints(kind)
    names = (
        [each.name for each in dataclasses.fields(kind)]
        if dataclasses.is_dataclass(kind)
        else list(kind.__struct_fields__)
    )
    for name in names:
        if name in skip:
            continue
        old = getattr(value, name)
        here = f"{path}.{name}" if path else name
        for one in _figures(name, old, hints[name], here, skip):
            yield one._replace(value=_replaced(value, name, one.value))


def _replaced(value: Any, name: str, new: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **{name: new})
    return dataclasses.replace(value, **{name: new})


def _figures(name: str, old: Any, hint: Any, path: str, skip: frozenset[str]) -> Iterator[Spoilt]:
    if _optional(hint) and old is not None and name not in ABSENT_IS_A_FACT:
        yield Spoilt(path, "none", None)
    if isinstance(old, bool):
        bad = BAD_WHEN_TRUE.get(name, False)
        if old is not bad:
            yield Spoilt(path, "worse", bad)
    elif isinstance(old, Enum | str) or old is None:
        return
    elif isinstance(old, Decimal | float):
        yield from _numbers(name, old, path)
    elif isinstance(old, int):
        if name.endswith("_ns"):
            yield Spoilt(path, "stale", STALE_NS)
        if name.endswith(("_ts", "ts_event")) or name == "ts":
            yield Spoilt(path, "stale", old - STALE_NS)
            return
        if name not in SIGNED:
            yield Spoilt(path, "negative", -1)
    else:
        yield from spoiled(old, skip=skip, path=path)


def _numbers(name: str, old: Decimal | float, path: str) -> Iterator[Spoilt]:
    kind = type(old)
    yield Spoilt(path, "nan", kind("nan"))
    yield Spoilt(path, "infinite", kind("inf"))
    if name not in SIGNED:
        yield Spoilt(path, "negative", -abs(old) if old else kind(-1))


def _entries(value: Mapping[Any, Any], skip: frozenset[str], path: str) -> Iterator[Spoilt]:
    name = path.rpartition(".")[2].split("[")[0]
    for key, old in value.items():
        here = f"{path}[{key}]"
        if name not in ABSENT_IS_A_FACT:
            yield Spoilt(here, "missing", {each: kept for each, kept in value.items() if each != key})
        if isinstance(old, str):
            yield Spoilt(here, "nonsense", {**value, key: "?"})
            continue
        if isinstance(old, Decimal) and name not in ("balances", *ABSENT_IS_A_FACT):
            yield Spoilt(here, "none", {**value, key: None})
        for one in _figures(name, old, type(old), here, skip):
            yield one._replace(value={**value, key: one.value})


def _optional(hint: Any) -> bool:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return type(None) in typing.get_args(hint)
    return False
