"""`config init|show|check|path`: the configuration file as a person works with it. Prints nothing."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

from console import questions
from console.looks import check as check_looks
from console.looks import check_themes
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.settings.catalog import Entry, catalog
from services.settings.errors import SettingsError
from services.settings.layout import config_file, named_and_missing
from services.settings.resolve import Resolved, default_settings, resolve
from services.settings.toml import Document, read_document
from services.settings.venues import secret_variable

DOC_WIDTH = 100

SAMPLE = """\
# stableconsole's configuration. Every key may be left out: the defaults hold then
# (see them all: stableconsole config show). A funding rate carries its unit, bps/8h.

[profiles.sim]
mode = "sim"
venues = ["alpha", "beta"]

[profiles.sim.limits]
max_order_notional = 25000
portfolio_leverage = 5

# [profiles.sim.limits.instrument."USDT-PERP"]
# max_position = 100000
# max_leverage = 10

# A row for one venue alone:
# [profiles.sim.limits.instrument."BTC-USDT-PERP.alpha"]
# max_position = 50000

[profiles.sim.strategies.funding_arb]
kind = "funding_arb"
enabled = true
min_spread = "1.0bps/8h"

# Trades a perp on two venues against each other while they stand apart; off unless it is set up:
# [profiles.sim.strategies.cross_exchange]
# kind = "cross_exchange"
# threshold = "5bps"

# A venue over sockets, here the simulator as a server (stableconsole sim); secrets never stand here:
# [profiles.sock.venue.alpha]
# kind = "ftx"
# rest = "http://127.0.0.1:8300"
# stream = "ws://127.0.0.1:8300/ws/"
# key = "trader"
# extensions = true

# Other tables of a profile: pair exec ladder fresh size stop breaker depeg reconcile engine

# How the consoles look; the engine reads it when it starts:
[ui]
theme = "auto"
fps = "auto"
bell = false
title = true

# Keys of your own; help, footer and palette follow:
# [ui.keymap]
# sort = "z"
"""


def load(path: Path | None = None) -> Document | None:
    """The configuration file; None = there is none. Raises ProductError (exit 2) when it cannot be used."""
    where = path or config_file(os.environ)
    try:
        text = where.read_text(encoding="utf-8")
    except FileNotFoundError:
        expected = named_and_missing(where, os.environ)
        if expected is not None:
            raise _refused(SettingsError("the file", None, expected, file=str(where))) from None
        return None
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ProductError(f"configuration {where}: {said}", Exit.USAGE, "config") from None
    try:
        return read_document(text, str(where))
    except SettingsError as error:
        raise _refused(error) from None


def resolved(
    profile: str,
    document: Document | None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Resolved:
    """One profile as it holds. Raises ProductError (exit 2) with the one line that says what is wrong."""
    try:
        return resolve(
            profile,
            document=document.data if document else None,
            overrides=overrides,
            environ=os.environ if environ is None else environ,
            line_of=document.line_of if document else None,
            file=document.file if document else "config.toml",
        )
    except SettingsError as error:
        raise _refused(error) from None


def init(path: Path | None = None, answers: Mapping[str, str] | None = None) -> str:
    """Write a commented file with the answers given; never over one that exists."""
    where = path or config_file(os.environ)
    _absent(where)
    try:
        where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with where.open("x", encoding="utf-8") as file:
            file.write(questions.written(SAMPLE, dict(answers or {})))
        where.chmod(0o600)
    except FileExistsError:
        raise _exists(where) from None
    except OSError as error:
        raise ProductError(f"{where}: {error.strerror or error}") from None
    return f"wrote {where}"


def ask_for_init(ask: questions.Ask, tell: Callable[[str], None], path: Path | None = None) -> str:
    """`init` with questions. Raises ProductError before the first one where a file stands already."""
    where = path or config_file(os.environ)
    _absent(where)
    return init(where, questions.answers(ask, tell))


def _absent(where: Path) -> None:
    if where.exists():
        raise _exists(where)


def _exists(where: Path) -> ProductError:
    return ProductError(f"{where} exists already; edit it, or move it aside first")


def entries(
    profile: str, path: Path | None = None, overrides: Mapping[str, str] | None = None
) -> list[Entry]:
    """Every parameter of a profile with its origin: what `config show --json` lists."""
    found = resolved(profile, load(path), overrides=overrides)
    defaults = default_settings(profile, found.settings.mode)
    return list(catalog(found.settings, found.origins, defaults))


def show(
    profile: str, path: Path | None = None, overrides: Mapping[str, str] | str | None = None, store: str = ""
) -> str:
    """Key, value, origin, default where it differs; below it what it means. There is no secret to show.
    `overrides`: those of `store`, or why they are not known.
    """
    known = None if isinstance(overrides, str) else overrides
    found = resolved(profile, load(path), overrides=known)
    settings = found.settings
    lines = [
        f"profile {profile}  mode {settings.mode}  venues {', '.join(settings.venues)}",
        f"file {path or config_file(os.environ)}",
    ]
    if isinstance(overrides, str):
        lines.append(f"overrides by :set and :limit are not known, those below are without them: {overrides}")
    elif store:
        held = "1 override" if len(overrides or ()) == 1 else f"{len(overrides or ())} overrides"
        lines.append(
            f"store {store}  {held} by :set and :limit{', :unset KEY takes one back' if overrides else ''}"
        )
    for name, wire in settings.wires.items():
        # Whether the environment has the secret, and never the secret.
        secret = "set" if os.environ.get(secret_variable(name)) else "not set"
        where = wire.rest or wire.options.get("hosts", "")
        key = f"  key {wire.key}, {secret_variable(name)} {secret}" if wire.key else "  no key"
        lines.append(f"venue {name}  {wire.kind} {where}{key}")
    lines.append("")
    listed = entries(profile, path, known)
    wide = max(len(entry.key) for entry in listed)
    for entry in listed:
        origin = "" if entry.origin == "default" else f"  {entry.origin} (default {entry.default})"
        lines.append(f"{entry.key:<{wide}}  {entry.value}{origin}")
        lines += textwrap.wrap(entry.doc, DOC_WIDTH, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def profiles(asked: str, path: Path | None = None) -> list[str]:
    """The file's profiles, and the one that was asked for. Raises ProductError (exit 2)."""
    document = load(path)
    if document is not None:
        resolved(asked, document)  # the first fault of the file, before anything of it is gone through
    names = list(document.data.get("profiles", {})) if document is not None else []
    return names if asked in names else [*names, asked]


def check(
    path: Path | None = None,
    running: Mapping[str, Mapping[str, str] | str] | None = None,
    profile: str = "sim",
) -> str:
    """Check every profile of the file. `running`: profile to what its engine has, key to value text, or to
    the line that says why it could not be asked; a profile not in it has no engine. None = nobody looked.

    Raises ProductError (exit 2) for the first fault.
    """
    where = path or config_file(os.environ)
    document = load(where)
    check_themes(check_looks(document), where.parent / "themes")
    lines = []
    for name in profiles(profile, where):
        found = resolved(name, document)
        lines.append(f"profile {name}: valid, {_count(list(found.origins.values()).count('file'))}")
        if running is not None:
            lines += _compared(found, running.get(name))
    if document is None:
        verdict = f"{where}: there is none, the defaults hold (stableconsole config init makes one)"
        return "\n".join([verdict, *lines]) if running is not None else verdict
    return "\n".join([f"{where}: valid", *lines])


def _compared(found: Resolved, engine: Mapping[str, str] | str | None) -> list[str]:
    """Where the engine of a profile differs from what a start would give it now."""
    if engine is None:
        return ["  no engine runs"]
    if isinstance(engine, str):
        return [f"  not compared: {engine}"]
    values = {entry.key: entry.value for entry in catalog(found.settings, found.origins)}
    lines = [
        f"  {key}: the running engine has {value}, the file gives {values[key]}"
        for key, value in engine.items()
        if values.get(key, value) != value
    ]
    lines += [
        f"  {key}: the running engine does not have it, the file gives {value}"
        for key, value in values.items()
        if key not in engine
    ]
    return lines or ["  the running engine has the same values"]


def _count(given: int) -> str:
    return "1 value from the file" if given == 1 else f"{given} values from the file"


def _refused(error: SettingsError) -> ProductError:
    return ProductError(str(error), Exit.USAGE, "config")
