"""`config secrets`: which secrets a profile's venues need and where each is found, never the secret itself.

`--set` takes one into the system keyring: typed twice out of sight, or read from a pipe, where a key of
several lines (PEM) fits. Nothing of it stands in the command line, which every process here can read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from console import config
from services.protocol.errors import ProductError, UsageError
from services.settings import secrets
from services.settings.secrets import Needed
from services.settings.venues import VenueWire

Ask = Callable[[str], str]
"""Shows a prompt and gives what was typed out of sight; EOFError when there is no more."""
MOST = 16_384
"""Characters; no key is as long."""


def listed(profile: str, environ: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """A row for each secret that the profile's keys need: where it is found, or why it is not."""
    rows = []
    for need in secrets.needed(profile, _wires(profile)):
        found = secrets.find(need, os.environ if environ is None else environ)
        rows.append(
            {
                "venue": need.venue,
                "what": need.what,
                "variable": need.variable,
                "keyring": need.name,
                "found": found.where or None,
                "why": found.why,
                "remedy": "" if found.where else need.command,
            }
        )
    return rows


def told(profile: str, rows: list[dict[str, Any]]) -> str:
    """The rows for a person."""
    if not rows:
        return f"no venue of profile {profile} has a key: no secret is needed"
    wide = max(len(row["venue"]) for row in rows)
    lines = []
    for row in rows:
        where = f"MISSING ({row['why']}): set {row['variable']}, or {row['remedy']}"
        if row["found"] == "environment":
            where = f"of {row['variable']}"
        elif row["found"]:
            where = f"of the keyring, {row['keyring']}"
        lines.append(f"{row['venue']:<{wide}}  {row['what']:<10}  {where}")
    return "\n".join(lines)


def keep(profile: str, venue: str, *, passphrase: bool, ask: Ask | None = None) -> str:
    """Into the keyring. Raises UsageError (before it asks, where none is needed) and ProductError."""
    need = _need(profile, venue, passphrase)
    value = _typed(need, ask or _out_of_sight) if ask or sys.stdin.isatty() else _piped(need)
    secrets.keep(need, value)
    text = f"{venue}: its {need.what} is kept in the keyring as {need.name}"
    if os.environ.get(need.variable):
        text += f"; {need.variable} is set here and goes before it"
    return text


def forget(profile: str, venue: str, *, passphrase: bool) -> str:
    """Out of the keyring; also of a venue that is in no file any more."""
    need = Needed(profile, venue, "passphrase" if passphrase else "secret")
    if not secrets.forget(need):
        raise ProductError(f"the keyring has no {need.name}; nothing was changed")
    return f"{venue}: its {need.what} is out of the keyring"


def _wires(profile: str) -> Mapping[str, VenueWire]:
    return config.resolved(profile, config.load()).settings.wires


def _need(profile: str, venue: str, passphrase: bool) -> Needed:
    wires = _wires(profile)
    needs = secrets.needed(profile, wires)
    what = "passphrase" if passphrase else "secret"
    for need in needs:
        if (need.venue, need.what) == (venue, what):
            return need
    if venue not in wires:
        known = ", ".join(wires) or "none"
        raise UsageError(f"profile {profile} has no venue {venue!r} over sockets; it has: {known}")
    if not wires[venue].key:
        raise UsageError(f"venue {venue} has no key: put its public half, key, into the file first")
    raise UsageError(f"the key of venue {venue} has no passphrase")


def _out_of_sight(prompt: str) -> str:
    import getpass

    return getpass.getpass(prompt, stream=sys.stderr)


def _typed(need: Needed, ask: Ask) -> str:
    try:
        first = ask(f"The {need.what} of {need.venue} (it is not shown): ").strip()
        again = ask("Once more: ").strip() if first else ""
    except EOFError:
        raise UsageError("nothing was given: nothing is kept") from None
    if first != again:
        raise UsageError("the two differ: nothing is kept")
    return _checked(need, first)


def _piped(need: Needed) -> str:
    return _checked(need, sys.stdin.read(MOST + 1).strip())


def _checked(need: Needed, value: str) -> str:
    if not value:
        raise UsageError("nothing was given: nothing is kept")
    if len(value) > MOST or (need.what == "passphrase" and "\n" in value):
        raise UsageError(f"too long for a {need.what}, or of several lines: nothing is kept")
    return value
