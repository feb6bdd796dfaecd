"""Which columns a pane shows: chosen on the pane itself, seen at once, remembered for the profile.

What a row must always say (its name, side, size, state, age) is not offered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from textual import events

from screens.dialogs import Dialog
from screens.frame import Content, Row
from screens.ink import Line, Span, sides
from screens.paint import Paint
from themes import glyphs as g

WIDE = 44


class ColumnsDialog(Dialog):
    choices: ClassVar[dict[str, str]] = {"C": "no"}
    dims = False

    def __init__(
        self,
        paint: Paint,
        clock: Callable[[], float],
        title: str,
        columns: Mapping[str, str],
        hidden: frozenset[str],
        chosen: Callable[[frozenset[str]], None],
    ) -> None:
        """`columns`: id and name. `chosen` hears each change."""
        super().__init__(paint, clock)
        self._title, self._columns, self._hidden, self._chosen = title, dict(columns), hidden, chosen
        self._at = 0

    def wish(self, width: int) -> tuple[int, int]:
        return min(width, WIDE), len(self._columns) + 6

    def body(self, width: int) -> Content:
        lines = [Line()]
        for at, (column, name) in enumerate(self._columns.items()):
            here, shown = at == self._at, column not in self._hidden
            line = Line([Span(f" {g.INTO} " if here else "   ", "*accent")])
            line.add(name, "*strong" if here else "text" if shown else "muted")
            lines.append(line.to(width - 8).add("shown" if shown else "hidden", "text" if shown else "muted"))
        content = Content(title=f"Columns of {self._title}", rows=[Row([line]) for line in [*lines, Line()]])
        content.foot = [
            sides(
                (Span("space", "*accent"), Span(" shows or hides", "muted")),
                (Span("n", "*accent"), Span(" closes", "muted")),
                width,
            )
        ]
        return content

    async def on_key(self, event: events.Key) -> None:
        if event.key in ("up", "down", "k", "j"):
            step = 1 if event.key in ("down", "j") else -1
            self._at = (self._at + step) % max(1, len(self._columns))
        elif event.key in ("space", "enter") and self._columns:
            column = list(self._columns)[self._at]
            self._hidden = self._hidden ^ {column}
            self._chosen(self._hidden)
        else:
            await super().on_key(event)
            return
        event.stop()
        event.prevent_default()
        self.draw(self._drawn_width, len(self.lines))
