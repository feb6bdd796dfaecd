"""May this profile be started this way? The words that must agree before anything connects (row O1)."""

from __future__ import annotations

from collections.abc import Iterable

from services.drive.lock import holder_of
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.protocol.options import RunOptions
from services.settings.gate import DEFAULT_LIMIT_ROWS
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.store.owner import profile_of

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


def check_owner(layout: StateLayout, profile: str) -> None:
    """A state folder is one profile's: on the books of another every position would differ, and what this one
    writes would be the other's next start. Raises ProductError before anything of the folder is touched."""
    own = profile_of(layout.store)
    if own in ("", profile) or holder_of(layout.root) is not None:  # a second engine is told of the first
        return
    raise ProductError(
        f"{layout.root} belongs to profile {own}, not to {profile}: say --profile {own}, "
        "or name another --state-dir",
        Exit.USAGE,
        "other_profile",
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
