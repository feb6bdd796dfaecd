"""The console as a Textual application. One factory builds it, for the program and for the tests.

Only textual, msgspec and our own views are imported before the first frame.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TEXTUAL_FPS", "240")  # a key's own effect is painted at once; data have their own cap

# isort: split
from rich.console import RenderableType
from textual import events
from textual.app import App
from textual.screen import Screen
from textual.theme import BUILTIN_THEMES, Theme

import themes
from console import keymap, keyrules
from console.cells import only_cells
from console.files import Files
from console.pasting import read_pastes_as_text
from console.themer import Themer
from screens import along, at_once
from screens.acts import ConsoleScreen
from screens.keys import ALONE
from screens.link import Link
from screens.memory import Memory
from screens.paint import Paint
from screens.ui import Terminal, UiSettings, terminal
from themes.palette import Palette

TIDY_S, STILL_S = 20.0, 3.0
"""How often the collector looks at everything, and how long no key must have come before."""


class StableConsole(App[str], inherit_bindings=False):
    """Holds the palette and the one screen; everything else is the screen's."""

    CSS_PATH = str(themes.folder() / "desk.tcss")
    TITLE = "stableconsole"
    BINDINGS = keymap.bindings()  # type: ignore[assignment]
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    AUTO_FOCUS = None
    NOTIFICATION_TIMEOUT = 3

    def __init__(
        self,
        link: Link,
        ui: UiSettings,
        found: Terminal,
        clock: Callable[[], float],
        memory: Memory | None = None,
        save: Callable[[Memory], str | None] = lambda _memory: None,
        look: Callable[[UiSettings], Terminal] | None = None,
    ) -> None:
        """`look`: what the terminal is by other settings; None = as `found`."""
        memory = memory or Memory()
        self._look = look or (lambda _ui: found)
        self.themer = Themer(ui, found, memory, self._remember, self._use_palette)
        palette = self.themer.palette
        read_pastes_as_text()
        super().__init__(ansi_color=palette.native)
        self._keyed = clock()
        self.register_theme(textual_theme(palette))
        self.theme = f"stable-{palette.name}"
        self.link = link
        self.animation_level = "none"
        own, problem = keyrules.usable(ui.keymap, keymap.KEYS)
        keys = keyrules.effective(keymap.KEYS, own)
        self.desk = ConsoleScreen(link, ui, found, Paint(palette, found.ascii), keys, clock, memory, save)
        self.desk.themes = self.themer
        self.desk.files = Files(Path(ui.saves)) if ui.saves else None
        if ui.title:
            self.desk.titled = self._title
        if self.themer.problem or problem:
            self.desk.said = (self.themer.problem or problem, "*warn")
        self.set_keymap(own)

    def look_anew(self, ui: UiSettings) -> None:
        """By other settings: those that the engine has just read."""
        desk = self.desk
        if ui == desk.ui:
            return
        found = self._look(ui)
        own, problem = keyrules.usable(ui.keymap, keymap.KEYS)
        desk.ui, desk.terminal, desk.keys = ui, found, keyrules.effective(keymap.KEYS, own)
        desk.titled = self._title if ui.title else None
        self.set_keymap(own)
        self.themer = desk.themes = Themer(ui, found, desk.memory, self._remember, self._use_palette)
        desk.paint = Paint(self.themer.palette, found.ascii)
        self._use_palette(self.themer.palette)
        desk.topics = ()
        desk.redraw()
        if self.themer.problem or problem:
            desk.say(self.themer.problem or problem, "*warn")

    def get_default_screen(self) -> ConsoleScreen:
        return self.desk

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, only_cells(renderable))  # type: ignore[arg-type]

    def on_mount(self) -> None:
        self.set_interval(TIDY_S, self._tidy)

    def _tidy(self) -> None:
        """The garbage collector's long walk, which no key waits for; `console.opening` leaves it to this."""
        if self.desk.clock() - self._keyed >= STILL_S:
            gc.collect()

    async def on_event(self, event: events.Event) -> None:
        """Keys are answered one after the other: the next one waits until the field or the dialog that this
        one opens is there to hear it. A pane has no keys of its own, so nothing is sent round by it.
        """
        if isinstance(event, events.Key) and not event.is_forwarded:
            desk = self.desk
            self._keyed = desk.clock()
            await desk.settled()
            if self.screen is desk and desk.dialog is None and desk.field is None:
                if along.is_along(event) and self._is_alone(event.key):
                    desk.say(f"{event.character} came together with other keys: press it by itself", "*warn")
                elif not await self._check_bindings(event.key, priority=True):
                    await self._on_key(event)
                at_once.paint(desk)
                return
        await super().on_event(event)

    def _is_alone(self, key: str) -> bool:
        """See `ALONE`."""
        return any(key in one.keys.split(",") for one in self.desk.keys_here() if one.id in ALONE)

    async def _on_key(self, event: events.Key) -> None:
        """A key that nothing has taken is told, not swallowed."""
        event.prevent_default()  # else the base class would run the bindings a second time
        if await self._check_bindings(event.key):
            return
        if self.desk.dialog is None and self.desk.field is None and event.key == "escape":
            self.desk.hush()
        elif self.desk.dialog is None and self.desk.field is None and event.is_printable:
            self.desk.say(f"{event.character} does nothing here; ? shows the keys")

    def _title(self, text: str) -> None:
        """The terminal's own title (OSC 2)."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(f"\x1b]2;{text}\x07")

    def action_tell_quit(self) -> None:
        self.desk.say("q quits: detach, stop, or flatten and stop", "text")

    @property
    def palette(self) -> Palette:
        return self.themer.palette

    def _remember(self) -> None:
        self.desk.remember()  # it is made after what calls this

    def _use_palette(self, palette: Palette) -> None:
        self.ansi_color = palette.native
        self.register_theme(textual_theme(palette))
        self.theme = f"stable-{palette.name}"
        self.desk.repaint(Paint(palette, self.desk.paint.ascii_only))

    def action_command_palette(self) -> None:
        from console.palette import Finder

        if not Finder.is_open(self):  # type: ignore[arg-type]
            self.desk.searched(True)
            self.push_screen(Finder(id="--command-palette"), lambda _chosen: self.desk.searched(False))

    def get_system_commands(self, screen):  # type: ignore[no-untyped-def]
        """The palette offers our commands and keys, not Textual's own."""
        from console.palette import system_commands

        yield from system_commands(self.desk)


def textual_theme(palette: Palette) -> Theme:
    """What Textual itself draws (the screen's ground, the field, the command palette) in our colours."""
    if palette.native:
        return replace(BUILTIN_THEMES["ansi-dark"], name=f"stable-{palette.name}")
    c = palette.colors
    return Theme(
        name=f"stable-{palette.name}",
        primary=c["accent"],
        secondary=c["muted"],
        accent=c["accent"],
        foreground=c["text"],
        background=c["bg"],
        surface=c["surface"],
        panel=c["raised"],
        success=c["pos"],
        warning=c["warn"],
        error=c["alarm"],
        dark=palette.dark,
        variables={"input-cursor-background": c["accent"], "input-cursor-foreground": c["bg"]},
    )


def make_app(
    link: Link,
    ui: UiSettings | None = None,
    *,
    env: Mapping[str, str] | None = None,
    found: Terminal | None = None,
    clock: Callable[[], float] = time.monotonic,
    memory: Memory | None = None,
    save: Callable[[Memory], str | None] = lambda _memory: None,
) -> StableConsole:
    """The console over a link. `env` and `found` say what the terminal is; tests give them, the program
    does not. `save` writes down what the console is to remember.
    """
    ui = ui or UiSettings()
    if found is not None:
        return StableConsole(link, ui, found, clock, memory, save)

    def look(by: UiSettings) -> Terminal:
        return _look(by, os.environ if env is None else env)

    return StableConsole(link, ui, look(ui), clock, memory, save, look)


def speaks_utf8(env: Mapping[str, str]) -> bool:
    """What the person's locale says. Python itself writes UTF-8 in the locale C, whatever the terminal can
    show, and puts `LC_CTYPE=C.UTF-8` into the environment there: that is nobody's word.
    """
    kind = env.get("LC_CTYPE", "")
    own = "" if kind == "C.UTF-8" and env.get("LANG", "") in ("", "C", "POSIX") else kind
    named = env.get("LC_ALL") or own or env.get("LANG", "")
    return "utf" in named.lower()


def _look(ui: UiSettings, env: Mapping[str, str]) -> Terminal:
    """Reads this terminal as rich does."""
    from rich.console import Console

    probe = Console()
    utf8 = (probe.encoding or "").lower().replace("-", "") in ("utf8", "utf16") and speaks_utf8(env)
    return terminal(ui, env, probe.color_system, utf8)
