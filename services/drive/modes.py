"""May this profile be started this way? The words that must agree before anything connects (row O1)."""

from __future__ import annotations

from collections.abc import Iterable

from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.options import RunOptions
from services.settings.gate import DEFAULT_LIMIT_ROWS
from services.settings.parameters import Settings

_VIRTUAL = {
    "scenario": "--scenario",
    "history": "--history",
    "seed": "--seed",
    "step": "--step",
    "instruments": "--instruments",
    "speed": "--speed",
    "for_sim_s": "--for-sim",
    "new_world": "--new-world",
    "fault": "--fault",
    "assume_par": "--assume-par",
}
"""Flags of a world of our own making."""


def check_mode(settings: Settings, options: RunOptions) -> None:
    """Raises ProductError (exit 2), one line that names what is missing or too much."""
    mode, profile = settings.mode, settings.profile
    if options.live and mode != "live":
        raise _wrong(
            f'--live is for profiles with mode = "live"; profile {profile} has mode {mode}: leave it out'
        )
    if mode == "live" and not options.live:
        raise _wrong(
            f"profile {profile} trades real money: start it with --live, or use a profile with another mode"
        )
    if mode != "sim" and not settings.wires:
        raise _wrong(
            f"profile {profile} has mode {mode} and no venue: "
            f"name each in a table [profiles.{profile}.venue.NAME]"
        )
    if not settings.wires:
        return
    given = [flag for name, flag in _VIRTUAL.items() if _said(getattr(options, name))]
    if given:
        raise _wrong(
            f"{', '.join(given)}: for the simulator inside the engine; profile {profile} trades over sockets"
        )


def unknown_rows(settings: Settings, instruments: Iterable[str]) -> tuple[str, ...]:
    """Limit rows of the profile that no instrument has: a slip of the pen, and that limit would not hold."""
    ids = set(instruments)
    known = ids | {name.rpartition(".")[0] for name in ids} | DEFAULT_LIMIT_ROWS.keys()
    return tuple(name for name in settings.gate.limits if name not in known)


def _said(value: object) -> bool:
    """A seed of 0 was said."""
    return value is not None and value is not False and value != ()


def _wrong(text: str) -> ProductError:
    return ProductError(text, Exit.USAGE, "mode")
