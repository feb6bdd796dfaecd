"""The line above the keys: what to type, what was typed, what came of it.

`CommandLine` draws the row; `LineField` is the field that stands on it while someone types a command (`:`) or
a filter (`/`). Completion walks the candidates with `tab`, history with the arrows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.widgets import Input

from screens import along
from screens import format as f
from screens.ink import Line, Span, broken, measure
from screens.widgets.grid import LineGrid
from themes import glyphs as g

Said = tuple[str, str]
"""(text, ink) of an answer or a hint."""
SPOKEN_ROWS = 8
"""That an answer takes at most: so much need the longest refusals in 40 cells."""
TYPED_S = 0.05
"""`enter` so soon behind a key of its field came with it. A hand takes longer."""
_MARGIN = 3
"""Before the text of an answer of its own rows; one cell stays behind it."""


def spoken(said: Said | None, width: int, body: int) -> int:
    """Rows that an answer needs to be read whole; what it says to do is at its end. `body`: rows of the
    panes, which it lies over while it stands.
    """
    if said is None or len(said[0]) <= width - _MARGIN - 1:
        return 1
    return min(len(broken(said[0], width - _MARGIN - 1)), SPOKEN_ROWS, max(1, body - 2))


class CommandLine(LineGrid):
    def draw(
        self, width: int, prompt: str, typed: int, said: Said | None, needle: str, rows: int = 1
    ) -> None:
        """`prompt` = `:`, `/` or empty; `typed` = cells the field takes; `needle` = the filter that holds;
        `rows` = those that the answer has.
        """
        if said and rows > 1:
            self.show(_whole(said, width, rows), width)
            return
        if prompt:
            line = Line([Span(f" {prompt} ", "*accent")]).to(len(prompt) + 2 + typed)
            room = width - line.width - 2
        else:
            line = Line(
                [
                    Span(" : ", "*accent"),
                    Span("command, ", "muted"),
                    Span("tab", "*muted"),
                    Span(" completes", "muted"),
                ]
            )
            if needle:
                line = Line(
                    [
                        Span(" / ", "*accent"),
                        Span(f.cut(needle, width // 3), "text"),
                        Span("   / changes, esc clears the filter", "muted"),
                    ]
                )
            room = width - line.width - 3
            if said and room < len(said[0]):
                line = Line([Span(" : ", "*accent")])
                room = width - line.width - 1
        if said and room > 4:
            text = f.cut(said[0], room)
            spans = _ticked(text, said[1])
            line.to(width - measure(spans) - 1).extend(spans)
        self.show([line.fitted(width)], width)


def _whole(said: Said, width: int, rows: int) -> list[Line]:
    """An answer over rows of its own, from the left."""
    room = width - _MARGIN - 1
    texts = broken(said[0], room)
    texts = [*texts[: rows - 1], f.cut(" ".join(texts[rows - 1 :]), room)]
    out = [Line([Span(" : ", "*accent"), *_ticked(texts[0], said[1])])]
    out += [Line([Span(" " * _MARGIN, "text"), Span(text, said[1])]) for text in texts[1:]]
    return [line.fitted(width) for line in out]


def _ticked(text: str, ink: str) -> list[Span]:
    """An answer's tick keeps its own colour."""
    if text.startswith(f"{g.TICK} "):
        return [Span(f"{g.TICK} ", "pos"), Span(text[2:], ink)]
    return [Span(text, ink)]


EDITS: dict[str, str] = {
    key: binding.action
    for binding in Input.BINDINGS
    if isinstance(binding, Binding) and binding.action not in ("submit", "copy")
    for key in binding.key.split(",")
}
"""Keys that move or delete, by what they do."""


class LineField(Input):
    """A one-line field without a frame. It posts; it decides nothing."""

    place = "field"
    """Its place in the plan. No id: the one before may still be leaving when it comes."""

    class Typed(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Entered(Typed):
        def __init__(self, text: str, at_once: bool) -> None:
            super().__init__(text)
            self.at_once = at_once
            """`enter` came with what was typed: it may be nobody's word."""

    class Paged(Message):
        """A page key: what stands around the field may have more to show."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Left(Message):
        """`esc`: the field is left, and nothing else happens."""

    def __init__(
        self,
        text: str = "",
        complete: Callable[[str], Sequence[str]] | None = None,
        history: list[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(text, compact=True, select_on_focus=False)
        self.cursor_blink = False
        self._complete = complete
        self._history = history
        self._clock = clock
        self._keyed = -math.inf
        """When it last heard a key or a paste."""
        self._at = len(history) if history is not None else 0
        self._draft = ""
        self.late: list[events.Key] = []
        """Keys that came behind `enter` or `esc` before those were answered: they are for who comes then."""
        self._sealed = False
        self._offers: list[str] = []
        self._offer = -1

    def on_resize(self) -> None:
        """Its width was not known before: what is at the cursor is in sight, a ticket's amount for one."""
        if self.selection.is_empty:
            at, self.cursor_position = self.cursor_position, 0
            self.cursor_position = at

    def on_paste(self) -> None:
        self._keyed = self._clock()  # a text may close its own brackets, and type its end behind them

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typed(self.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()

    def unseal(self) -> None:
        """The line stays: what came meanwhile is typed."""
        self._sealed = False
        late, self.late = self.late, []
        for event in late:
            self.post_message(along.again(event))

    async def _on_key(self, event: events.Key) -> None:
        if self._sealed:
            self.late.append(event)
            event.stop()
            event.prevent_default()
            return
        now, before = self._clock(), self._keyed
        self._keyed = now
        if event.key in ("escape", "enter"):
            self._sealed = True
            at_once = along.is_along(event) or now - before < TYPED_S
            self.post_message(self.Left() if event.key == "escape" else self.Entered(self.value, at_once))
        elif event.key in ("tab", "shift+tab") and self._complete is not None:
            self._walk(1 if event.key == "tab" else -1)
        elif event.key in ("up", "down") and self._history is not None:
            self._recall(-1 if event.key == "up" else 1)
        elif event.key in ("pagedown", "pageup"):
            self.post_message(self.Paged(1 if event.key == "pagedown" else -1))
        elif event.key in EDITS:
            # At once: through the bindings it would come behind the signs that were typed after it.
            self._offers, self._offer = [], -1
            await self.run_action(EDITS[event.key])
        else:
            if event.is_printable:
                self._offers, self._offer = [], -1
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()

    def _walk(self, by: int) -> None:
        if self._complete is None:
            return
        if not self._offers:
            self._offers = list(self._complete(self.value))
            self._offer = -1 if by > 0 else 0
        if self._offers:
            self._offer = (self._offer + by) % len(self._offers)
            self._put(self._offers[self._offer])
            if len(self._offers) == 1:
                self._offers = []

    def _recall(self, by: int) -> None:
        if not self._history:
            return
        if self._at == len(self._history):
            self._draft = self.value
        self._at = max(0, min(len(self._history), self._at + by))
        self._put(self._draft if self._at == len(self._history) else self._history[self._at])

    def _put(self, text: str) -> None:
        self.value = text
        self.cursor_position = len(text)
