"""How a console looks, as far as a person sets it: `[ui]` of the file, `STATE/ui.json` for the console.

The engine writes `ui.json` from the validated settings: a console starts without pydantic (RUNTIME 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from services.settings.errors import SettingsError

UI_KEYS = ("theme", "fps", "ascii", "bell", "title", "keymap")
FPS_MOST = 60


class UiSettings(Struct, frozen=True, kw_only=True):
    theme: str = "auto"
    """A theme's name; `auto` = by the terminal's background."""
    fps: int | None = None
    """Frames a second; None = auto: 4 with SSH_CONNECTION or TMUX, else 10."""
    ascii: bool = False
    """Only ASCII signs."""
    bell: bool = False
    """The terminal's bell when an alarm opens."""
    title: bool = True
    """The terminal's title says the trading state."""
    keymap: dict[str, str] = {}
    """Binding id to key."""


def ui_settings(document: Mapping[str, Any] | None) -> UiSettings:
    """The `[ui]` table of a configuration. Raises SettingsError."""
    table = (document or {}).get("ui", {})
    theme = table.get("theme", "auto")
    if not isinstance(theme, str) or not theme:
        raise SettingsError("ui.theme", theme, "a theme's name, or auto")
    fps = table.get("fps", "auto")
    if fps != "auto" and (isinstance(fps, bool) or not isinstance(fps, int) or not 1 <= fps <= FPS_MOST):
        raise SettingsError("ui.fps", fps, f"auto, or frames a second from 1 to {FPS_MOST}")
    flags = {}
    for name, default in (("ascii", False), ("bell", False), ("title", True)):
        flags[name] = table.get(name, default)
        if not isinstance(flags[name], bool):
            raise SettingsError(f"ui.{name}", flags[name], "true or false")
    keymap = table.get("keymap", {})
    if not isinstance(keymap, Mapping) or not all(isinstance(key, str) and key for key in keymap.values()):
        raise SettingsError("ui.keymap", keymap, 'a table of keys such as halt = "H"')
    return UiSettings(
        theme=theme,
        fps=None if fps == "auto" else fps,
        **flags,
        keymap=dict(keymap),
    )
