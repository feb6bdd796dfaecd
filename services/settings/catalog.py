"""Every parameter as one flat list, and the one door through which a parameter is changed.

`:set`, `:limit`, the ticket, overrides, environment and flags all come through `set_value`.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from services.settings import cross, funding, gate, guards, parameters
from services.settings.errors import SettingsError
from services.settings.fields import KINDS, STRUCTS, parse_field
from services.settings.keys import Slot, all_keys, find, replaced
from services.settings.parameters import Settings
from services.settings.rules import contradictions
from services.settings.units import echo

_SOURCES = (parameters, gate, guards, funding, cross)
"""Where parameters and the text under each stand."""


class Entry(Struct, frozen=True):
    """One parameter as the console and `config show` list it."""

    key: str
    """`gate.max_order_notional`, `funding_arb.min_spread`, `gate.limits.USDT-PERP.max_position`."""
    unit: str
    default: str
    value: str
    origin: str
    doc: str
    limit: bool
    """Loosening it needs a reason and ACTIVE."""


def catalog(
    settings: Settings, origins: Mapping[str, str] | None = None, defaults: Settings | None = None
) -> tuple[Entry, ...]:
    """`origins`: key to where its value came from; a key not in it is a default."""
    known = origins or {}
    base = defaults if defaults is not None else Settings()
    entries = []
    for key in all_keys(settings):
        slot = find(settings, key)
        entries.append(
            Entry(
                key=key,
                unit=slot.field.unit,
                default=_default(base, key),
                value=echo(slot.value, slot.field.unit),
                origin=known.get(key, "default"),
                doc=_doc(settings, slot),
                limit=bool(slot.field.looser),
            )
        )
    return tuple(entries)


def canonical_key(settings: Settings, key: str) -> str:
    """The full key for a name or an alias such as `limit.USDT-PERP.max_size`. Raises SettingsError."""
    return find(settings, key).key


def get_value(settings: Settings, key: str) -> str:
    """The present value with its unit."""
    slot = find(settings, key)
    return echo(slot.value, slot.field.unit)


def set_value(settings: Settings, key: str, text: str) -> Settings:
    """A new Settings. Raises SettingsError: unknown key, wrong unit, type or bound, contradiction."""
    changed = apply(settings, key, text)
    for found, value, expected in contradictions(changed):
        raise SettingsError(found, value, expected)
    return changed


def apply(settings: Settings, key: str, value: object) -> Settings:
    """As `set_value` without the look for contradictions, for several changes in a row."""
    slot = find(settings, key)
    try:
        parsed = parse_field(slot.field, slot.value, value)
    except ValueError as error:
        raise SettingsError(slot.key, value, str(error)) from None
    return replaced(settings, slot, parsed)


def is_loosening(settings: Settings, changed: Settings, key: str) -> bool:
    """Does going from `settings` to `changed` loosen the limit `key`? False for what is no limit."""
    before = find(settings, key)
    after = find(changed, key)
    direction = before.field.looser
    if not direction or before.value == after.value:
        return False
    if direction == "any":
        return True
    old, new = _levels(before.value), _levels(after.value)
    if direction == "down":
        old, new = new, old
    return len(new) > len(old) or any(after > before for before, after in zip(old, new, strict=False))


def _levels(value: Any) -> tuple[Decimal, ...]:
    if isinstance(value, tuple):
        return value
    return (Decimal(value),)


def _default(base: Settings, key: str) -> str:
    try:
        return get_value(base, key)
    except SettingsError:
        return "—"


def _doc(settings: Settings, slot: Slot) -> str:
    path = slot.path
    if path[0] == "strategies":
        blocks = {block: owner.__name__ for block, _, owner in KINDS.values()}
        owner = blocks.get(path[2], "StrategySettings")
    elif path[0] == "gate" and len(path) > 2:
        owner = "InstrumentLimit"
    else:
        owner = STRUCTS[path[0]].__name__
    return _field_docs().get((owner, path[-1]), "")


@cache
def _field_docs() -> dict[tuple[str, str], str]:
    """(class, field) to the text under the field: the one place where it is written."""
    sources = [Path(str(each.__file__)).read_text(encoding="utf-8") for each in _SOURCES]
    docs: dict[tuple[str, str], str] = {}
    for node in (node for source in sources for node in ast.parse(source).body):
        if not isinstance(node, ast.ClassDef):
            continue
        for field, below in zip(node.body, node.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            ):
                docs[node.name, field.target.id] = " ".join(below.value.value.split())
    return docs
