"""`[ui]` of the configuration against what the console can do: its keys, its themes. One line for a fault."""

from __future__ import annotations

from pathlib import Path

from console.keymap import KEYS
from console.keyrules import read
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.settings.errors import SettingsError
from services.settings.toml import Document
from services.settings.ui import UiSettings, ui_settings


def check(document: Document | None) -> UiSettings:
    """Raises ProductError (exit 2) that names file, line, key and remedy."""
    if document is None:
        return UiSettings()
    try:
        ui = ui_settings(document.data)
        read(ui.keymap, KEYS)
    except SettingsError as error:
        line = document.line_of(("ui", *error.key.removeprefix("ui.").split(".", 1)))
        raise ProductError(str(error.at(document.file, line)), Exit.USAGE, "config") from None
    return ui


def check_themes(ui: UiSettings, folder: Path) -> None:
    """The chosen theme and every other of a person's own. Raises ProductError (exit 2)."""
    from themes.palette import PALETTES
    from themes.user import ThemeError, load, names

    chosen = [] if ui.theme in ("auto", *PALETTES) else [ui.theme]
    for name in dict.fromkeys([*chosen, *names(folder)]):
        try:
            load(folder, name)
        except ThemeError as error:
            raise ProductError(str(error), Exit.USAGE, "config") from None
