"""Choosing a theme on the real screen: the arrows show it, `enter` keeps it, `n` goes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from textual import events

from screens.dialogs import Dialog
from screens.frame import INSET, Content, Row
from screens.ink import Line, Span, sides, wrap
from screens.paint import Paint

WIDE = 46
_STEP = {"down": 1, "j": 1, "t": 1, "up": -1, "k": -1}


class Themes(Protocol):
    """What the console's application can do about colours."""

    def offered(self) -> list[tuple[str, str]]:
        """(name, title) of every theme that this terminal can show, a person's own included."""

    def current(self) -> str: ...

    def use(self, name: str) -> str | None:
        """Paints everything in it, at once. Gives the one line that says why it cannot, or None."""

    def keep(self, name: str) -> str:
        """Remembers it for the next start; the words that say so."""


class ThemeDialog(Dialog):
    choices: ClassVar[dict[str, str]] = {}
    dims = False
    """What is chosen is seen: the body keeps its colours."""

    def __init__(self, paint: Paint, clock: Callable[[], float], themes: Themes) -> None:
        super().__init__(paint, clock)
        self._themes = themes
        self._offered = themes.offered()
        self._before = self._at = themes.current()
        self._problem = ""
        self.kept = ""

    def wish(self, width: int) -> tuple[int, int]:
        wide = min(width, WIDE)
        return wide, len(self._offered) + len(self._why(wide - INSET)) + 5

    def _why(self, width: int) -> list[Line]:
        return [Line(), *wrap(self._problem, width, "warn")] if self._problem else []

    def body(self, width: int) -> Content:
        lines = [Line()]
        for name, title in self._offered:
            here = name == self._at
            line = Line(
                [Span(" › " if here else "   ", "*accent"), Span(title, "*strong" if here else "text")]
            )
            if name == self._before:
                line.to(max(line.width + 2, width - 8)).add("in use", "muted")
            lines.append(line)
        lines += [*self._why(width), Line()]
        content = Content(title="Theme", rows=[Row([line]) for line in lines])
        content.foot = [
            sides(
                (
                    Span("↑↓", "*accent"),
                    Span(" show  ", "muted"),
                    Span("enter", "*accent"),
                    Span(" keep", "muted"),
                ),
                (Span("n", "*accent"), Span(" back", "muted")),
                width,
            )
        ]
        return content

    async def on_key(self, event: events.Key) -> None:
        if event.key in _STEP:
            self._walk(_STEP[event.key])
        elif event.key == "enter":
            self.kept = self._before if self._problem else self._at
            self.post_message(self.Chose(self, "kept"))
        else:
            if event.key in ("n", "escape"):
                self._themes.use(self._before)
            return  # the dialog's own keys follow
        event.stop()
        event.prevent_default()

    def _walk(self, by: int) -> None:
        names = [name for name, _ in self._offered]
        at = (names.index(self._at) + by) % len(names) if self._at in names else 0
        problem = self._themes.use(names[at])
        self._problem = problem or ""
        self._at = names[at]
        if problem:
            # What cannot be shown is not kept either.
            self._themes.use(self._before)
        self.draw(self._drawn_width, len(self.lines))
