"""Every parameter as a flat list (signatures first)."""

from __future__ import annotations
from collections.abc import Mapping
from msgspec import Struct
from services.settings.parameters import Settings


class Entry(Struct, frozen=True):
    key: str
    """`gate.max_order_notional`, `funding_arb.min_spread`, `gate.limits.USDT-PERP.max_position`."""
    unit: str
    default: str
    value: str
    origin: str
    doc: str
    limit: bool
    """Loosening it needs a reason and ACTIVE."""


def catalog(settings: Settings, origins: Mapping[str, str] | None = None) -> tuple[Entry, ...]:
    raise NotImplementedError


def canonical_key(settings: Settings, key: str) -> str:
    """Aliases resolved: `funding.min_spread`, `limit.USDT-PERP.max_size`. Raises SettingsError."""
    raise NotImplementedError


def get_value(settings: Settings, key: str) -> str:
    raise NotImplementedError


def set_value(settings: Settings, key: str, text: str) -> Settings:
    """A new Settings; raises SettingsError. Checks contradictions too."""
    raise NotImplementedError


def is_loosening(settings: Settings, changed: Settings, key: str) -> bool:
    raise NotImplementedError
