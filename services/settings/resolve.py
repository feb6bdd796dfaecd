"""From file, overrides, environment and flags to one `Settings`, with the origin of every key kept.

Precedence: flag > environment > override > file > default (RUNTIME 7). No file is touched here: the caller
hands in what it read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from services.settings.accounts import check_accounts
from services.settings.catalog import apply
from services.settings.errors import SettingsError
from services.settings.fields import KINDS
from services.settings.keys import find
from services.settings.parameters import Settings, StrategySettings
from services.settings.rules import contradictions
from services.settings.venues import SECRET_VARIABLE, check_wires

LIVE_MAX_ORDER_NOTIONAL = Decimal(5_000)
"""USD; the default of live is tighter (PARAMETERS)."""

ENVIRONMENT = "STABLECONSOLE_"
"""`STABLECONSOLE_GATE__MAX_ORDER_NOTIONAL` is `gate.max_order_notional`: two underscores for the dot."""

_KEY = re.compile(r"[a-z][a-z0-9_]*\.[a-z0-9_]+")

LineOf = Callable[[tuple[str, ...]], int | None]
"""Line of a path in the file; None = unknown."""


class Resolved(Struct, frozen=True):
    settings: Settings
    origins: dict[str, str]
    """Dotted key to flag, environment, override or file; a key not in it is a default."""
    ignored: tuple[str, ...] = ()
    """Overrides of the store whose key no longer exists, for example of a strategy that the file dropped."""


def default_settings(profile: str, mode: str) -> Settings:
    """The defaults of a mode, before anything else is said."""
    settings = Settings(profile=profile, mode=mode)
    if mode == "live":
        gate = msgspec.structs.replace(settings.gate, max_order_notional=LIVE_MAX_ORDER_NOTIONAL)
        settings = msgspec.structs.replace(settings, gate=gate)
    return settings


def resolve(
    profile: str,
    *,
    document: Mapping[str, Any] | None = None,
    overrides: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
    line_of: LineOf | None = None,
    file: str = "config.toml",
) -> Resolved:
    """Raises SettingsError: one line with place, key, value and what was expected."""
    origins: dict[str, str] = {}
    settings, places = _from_file(profile, document, origins, line_of, file)
    ignored = []
    for key, text in (overrides or {}).items():
        try:
            found = find(settings, key).key
        except SettingsError:
            ignored.append(key)
            continue
        settings = _applied(settings, key, text, "override in the store")
        origins[found] = "override"
    for name, key in environment_keys(environ or {}).items():
        settings = _applied(settings, key, (environ or {})[name], f"environment {name}")
        origins[find(settings, key).key] = "environment"
    for key, text in (flags or {}).items():
        settings = _applied(settings, key, text, "flag")
        origins[find(settings, key).key] = "flag"
    pinned = tuple(key for key, origin in origins.items() if origin in ("environment", "flag"))
    settings = msgspec.structs.replace(settings, pinned=pinned)
    for found, value, expected in contradictions(settings):
        said = next((key for key in (found, *_KEY.findall(expected)) if key in origins), found)
        origin = origins.get(said, "default")
        if origin == "file":
            raise SettingsError(found, value, expected, file=file, line=places.get(said))
        raise SettingsError(found, value, expected, file=origin)
    return Resolved(settings, origins, tuple(ignored))


def environment_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that name a parameter, and its key, in the order of their names."""
    return {
        name: name.removeprefix(ENVIRONMENT).lower().replace("__", ".")
        for name in sorted(environ)
        if name.startswith(ENVIRONMENT)
        and not name.startswith(SECRET_VARIABLE)
        and "__" in name.removeprefix(ENVIRONMENT)
    }


def _from_file(
    profile: str,
    document: Mapping[str, Any] | None,
    origins: dict[str, str],
    line_of: LineOf | None,
    file: str,
) -> tuple[Settings, dict[str, int | None]]:
    places: dict[str, int | None] = {}
    if not document:
        return default_settings(profile, _mode_without_file(profile, ())), places
    from services.settings import schema  # noqa: PLC0415 - pydantic only when there is a file to check

    where = line_of or (lambda path: None)
    try:
        schema.check_document(document)
        table = document.get("profiles", {}).get(profile)
        if table is None:
            return default_settings(
                profile, _mode_without_file(profile, tuple(document.get("profiles", {})))
            ), places
        read = schema.read_profile(profile, table)
        mode = read.mode or _mode_without_file(profile, tuple(document["profiles"]))
    except SettingsError as error:
        raise error.at(file, where(_path(error.key))) from None
    settings = default_settings(profile, mode)
    for name in ("mode", "venues", "assume_par", "allow_plugins"):
        value = getattr(read, name)
        if value is not None:
            settings = msgspec.structs.replace(settings, **{name: value})
            origins[name] = "file"
    if read.wires:
        named = read.venues if read.venues is not None else tuple(read.wires)
        settings = msgspec.structs.replace(settings, venues=named, wires=read.wires)
        origins["wires"] = "file"
        try:
            check_wires(("profiles", profile), mode, named, read.wires)
            if mode != "paper":  # which uses no key
                check_accounts(("profiles", profile), read.wires)
        except SettingsError as error:
            raise error.at(file, where(_path(error.key))) from None
    if read.strategies is not None:
        for name, kind in read.strategies.items():
            if mode == "live" and kind not in KINDS and kind not in settings.allow_plugins:
                path = ("profiles", profile, "strategies", name, "kind")
                expected = "a plugin's kind runs in live only if the profile lists it in allow_plugins"
                raise SettingsError(".".join(path), kind, expected, file=file, line=where(path))
        strategies = {name: StrategySettings(kind=kind) for name, kind in read.strategies.items()}
        settings = msgspec.structs.replace(settings, strategies=strategies)
    for given in read.given:
        line = where(given.path)
        try:
            settings = apply(settings, given.key, given.value)
        except SettingsError as error:
            raise error.at(file, line) from None
        key = find(settings, given.key).key
        places[key] = line
        origins[key] = "file"
    _check_rows(settings, file, where, profile)
    return settings, places


def _mode_without_file(profile: str, known: tuple[str, ...]) -> str:
    if profile in ("sim", "paper"):
        return profile
    if profile == "live" and not known:
        raise SettingsError(
            "profiles.live", None, 'a table [profiles.live] with mode = "live" in the configuration'
        )
    if profile in known:
        raise SettingsError(f"profiles.{profile}.mode", None, "one of: sim, paper, live")
    names = sorted({"sim", "paper", *known})
    raise SettingsError(f"profiles.{profile}", None, f"a profile that exists: {', '.join(names)}")


def _check_rows(settings: Settings, file: str, where: LineOf, profile: str) -> None:
    """A limit row of a venue that the profile does not trade on would never hold: a slip of the pen."""
    for symbol in settings.gate.limits:
        venue = symbol.partition(".")[2]
        if venue and venue not in settings.venues:
            path = ("profiles", profile, "limits", "instrument", symbol)
            raise SettingsError(
                f'profiles.{profile}.limits.instrument."{symbol}"',
                None,
                f"a venue of the profile: {', '.join(settings.venues)}",
                file=file,
                line=where(path),
            )


def _applied(settings: Settings, key: str, text: str, place: str) -> Settings:
    try:
        return apply(settings, key, text)
    except SettingsError as error:
        raise error.at(place, None) from None


def _path(key: str) -> tuple[str, ...]:
    """A dotted key of the file, quoted parts whole, as a path."""
    parts: list[str] = []
    for index, piece in enumerate(key.split('"')):
        if index % 2:
            parts.append(piece)
        else:
            parts.extend(part for part in piece.split(".") if part)
    return tuple(parts)
