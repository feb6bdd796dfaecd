"""Precedence flag > environment > override > file > default, with the origin of every key (signatures first)."""

from __future__ import annotations
from collections.abc import Callable, Mapping
from typing import Any
from msgspec import Struct
from services.settings.parameters import Settings


class Resolved(Struct, frozen=True):
    settings: Settings
    origins: dict[str, str]
    """Dotted key -> flag, environment, override, file; a key not in it is a default."""


def resolve(
    profile: str,
    *,
    document: Mapping[str, Any] | None = None,
    overrides: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
    line_of: Callable[[tuple[str, ...]], int | None] | None = None,
    file: str = "config.toml",
) -> Resolved:
    """Raises SettingsError (services.settings.units): one line with file, line, key, value and what was expected."""
    raise NotImplementedError
