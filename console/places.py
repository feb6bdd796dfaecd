"""Where this profile's engine lives: from a profile's name and `--state-dir` to the names in its folder."""

from __future__ import annotations

from services.settings.layout import StateLayout


def layout_of(profile: str, state_dir: str | None) -> StateLayout:
    """The names inside the state folder; nothing is made or touched."""
    from console.paths import state_root

    return StateLayout(state_root(profile, state_dir))
