"""Help, made from the bindings and the commands themselves: it cannot be out of date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from screens.dialogs import Dialog
from screens.frame import Content, Row
from screens.ink import Line, Span, sides, wrap
from screens.keys import Key
from screens.paint import Paint
from services.protocol.commands import SPECS
from themes import glyphs as g

_GROUPS = {"safety": "Safety", "move": "Move and look", "do": "Do", "app": "Console"}
_LEGEND = (
    (g.NONE, "there is no such number"),
    ("unknown", "there is one and we do not have it"),
    ("0", "zero"),
    (g.LAST_KNOWN, "last known, not current"),
    (f"{g.GOOD} {g.DEGRADED} {g.LOST} {g.ALARM}", "good, degraded or late, stale or lost, alarm"),
)


class HelpDialog(Dialog):
    choices: ClassVar[dict[str, str]] = {"?": "no", "q": "no"}

    def __init__(self, paint: Paint, clock: Callable[[], float], keys: Sequence[Key]) -> None:
        super().__init__(paint, clock)
        self._keys = keys

    def body(self, width: int) -> Content:
        lines: list[Line] = [Line()]
        for group, title in _GROUPS.items():
            lines.append(Line([Span(title, "*strong")]))
            for key in (key for key in self._keys if key.group == group):
                lines += _entry(key.shown, key.help, 16, width, key.ink)
            lines.append(Line())
        lines.append(Line([Span("Commands, after :", "*strong")]))
        for spec in (spec for spec in SPECS if spec.line):
            lines += _entry(spec.usage, spec.help, 16, width, "accent")
        lines += [Line(), Line([Span("Signs", "*strong")])]
        for sign, meaning in _LEGEND:
            lines += _entry(sign, meaning, 16, width, "text")
        content = Content(title="Help", rows=[Row([line]) for line in lines])
        content.foot = [
            sides(
                (Span("↑↓", "*accent"), Span(" scroll", "muted")),
                (Span("n", "*accent"), Span(" closes", "muted")),
                width,
            )
        ]
        return content


def _entry(word: str, text: str, column: int, width: int, ink: str) -> list[Line]:
    """A word and its meaning beside it; a long word takes a line of its own."""
    if width < 3 * column:
        return [*wrap(f"{word}: {text}", width)]
    body = wrap(text, width - column - 2, "muted")
    head = [Line([Span(f"  {word}"[:width], ink)])]
    if len(word) + 4 <= column + 2:
        head[0].to(column + 2).extend(body[0].spans if body else ())
        body = body[1:]
    return head + [Line().to(column + 2).extend(part.spans) for part in body]
