"""The console's colours: which themes there are on this terminal, which one holds, what is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from screens.memory import Memory
from screens.ui import Terminal, UiSettings
from themes.palette import CYCLE, PALETTES, Palette
from themes.user import ThemeError, load, names

FEW_COLOURS = ("standard", "windows")


class Themer:
    """See `screens.theme_dialog.Themes`."""

    def __init__(
        self,
        ui: UiSettings,
        found: Terminal,
        memory: Memory,
        remember: Callable[[], None],
        paint: Callable[[Palette], None],
    ) -> None:
        self._ui, self._found, self._memory, self._remember = ui, found, memory, remember
        self._paint = paint
        self.problem = ""
        """Why the theme that was asked for does not hold: said once the console shows."""
        wanted = found.palette
        if ui.theme == "auto" and memory.theme and self._free():
            wanted = memory.theme
        try:
            self.palette = self._find(wanted)
        except ThemeError as error:
            self.problem = self._said(error)
            self.palette = PALETTES["dark"]

    def offered(self) -> list[tuple[str, str]]:
        if not self._free():
            return [(self.palette.name, self.palette.title)]
        own = names(self._folder) if self._ui.folder else []
        return [
            *((name, PALETTES[name].title) for name in CYCLE),
            *((name, f"{name} (yours)") for name in own),
        ]

    def current(self) -> str:
        return self.palette.name

    def use(self, name: str) -> str | None:
        if not self._free() and name != self.palette.name:
            return self.fixed()
        try:
            palette = self._find(name)
        except ThemeError as error:
            return self._said(error)
        if palette.name != self.palette.name:
            self.palette = palette
            self._paint(palette)
        return None

    def keep(self, name: str) -> str:
        if self._ui.theme != "auto":
            return f"theme: {self.palette.title}, until this console ends: ui.theme names {self._ui.theme}"
        self._memory.theme = name
        self._remember()
        return f"theme: {self.palette.title}"

    def fixed(self) -> str:
        """Why there is nothing to choose; empty when there is."""
        if self._free():
            return ""
        if self._found.palette == "plain":
            return "no colour here (NO_COLOR or the terminal): there is no theme to change"
        return "this terminal has sixteen colours: there is one theme for it"

    def _free(self) -> bool:
        return self._found.palette != "plain" and self._found.colors not in FEW_COLOURS

    def _said(self, error: ThemeError) -> str:
        """By the file's name alone: its whole path would push what was expected off a small screen."""
        return str(error).replace(f"{self._folder}/", "")

    @property
    def _folder(self) -> Path:
        return Path(self._ui.folder)

    def _find(self, name: str) -> Palette:
        if name in PALETTES:
            return PALETTES[name]
        return load(self._folder, name)
