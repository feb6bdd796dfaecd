"""The bottom row: the keys that work now, in groups; those with the highest `footer` number go first."""

from __future__ import annotations

from collections.abc import Sequence

from screens import format as f
from screens.ink import Line, Span, measure
from screens.keys import Key
from screens.widgets.commandline import Said
from screens.widgets.grid import LineGrid

GROUPS = ("safety", "move", "do", "app")


class KeyBar(LineGrid):
    def draw(self, keys: Sequence[Key], width: int, greyed: frozenset[str]) -> None:
        self.show([line(keys, width, greyed)], width)

    def say(self, said: Said, width: int) -> None:
        """Words below the line that is typed, in place of the keys."""
        text, ink = said
        self.show([Line([Span(" ", "text"), Span(f.cut(text, width - 2), ink)]).fitted(width)], width)


def line(keys: Sequence[Key], width: int, greyed: frozenset[str] = frozenset()) -> Line:
    """`greyed` keys stay in their place without their colour: halt when halted, resume when refused."""
    offered = [key for key in keys if key.footer]
    short = width < 110
    while True:
        spans = _spans(offered, greyed, short)
        if measure(spans) <= width or not offered:
            return Line(spans).fitted(width)
        gone = max(offered, key=lambda key: key.footer)
        offered = [key for key in offered if key is not gone]


def _spans(keys: Sequence[Key], greyed: frozenset[str], short: bool) -> list[Span]:
    spans: list[Span] = [Span(" ", "text")]
    for group in GROUPS:
        members = [key for key in keys if key.group == group]
        if not members:
            continue
        if len(spans) > 1:
            spans.append(Span(" │ ", "border"))
        for at, key in enumerate(members):
            word = key.short if short and key.short else key.word
            off = key.id in greyed
            gap = "  " if at else ""
            spans.append(Span(gap, "text"))
            spans.append(Span(key.shown, "stale" if off else key.ink))
            spans.append(Span(f" {word}", "stale" if off else "text" if group == "safety" else "muted"))
    return spans
