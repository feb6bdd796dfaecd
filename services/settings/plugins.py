"""Strategy kinds that other packages bring: the entry-point group `stableconsole.strategies` (RUNTIME 7).

Names only, and only where a profile names a kind that is none of ours: no code of a plugin runs before a
profile asks for it (`services.drive.plugins`). In live mode a profile must list the kind in `allow_plugins`.
"""

from __future__ import annotations

GROUP = "stableconsole.strategies"


def installed() -> tuple[str, ...]:
    """The kinds that installed packages bring, by name."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - looks through the disk, hardly ever needed

    return tuple(sorted({found.name for found in entry_points(group=GROUP)}))
