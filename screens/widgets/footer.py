"""The bottom row: the keys that work now, in groups; those with the highest `footer` number go first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from screens import format as f
from screens.ink import Line, Span, broken, measure
from screens.keys import Key
from screens.widgets.grid import LineGrid

SENTENCE_ROWS = 2
"""That help below the typed line takes at most: so much need the longest sentences at 80 columns."""


LEAST_OFFER = 12


class Below(NamedTuple):
    """What stands below a line that is typed."""

    sentence: str
    ink: str = "muted"
    offers: str = ""
    """Follows in whatever room is left."""

    def rows(self, width: int) -> list[str]:
        """The whole sentence, over as many rows as it needs; only the last one may be cut."""
        rows = broken(self.sentence, width)
        kept = [*rows[: SENTENCE_ROWS - 1], " ".join(rows[SENTENCE_ROWS - 1 :])] if rows[1:] else rows
        kept = [f.cut(row, width) for row in kept]
        room = width - len(kept[-1]) - 3
        if self.offers and room >= LEAST_OFFER:
            kept[-1] += f"   {f.cut(self.offers, room)}"
        return kept


GROUPS = ("safety", "move", "do", "app")


class KeyBar(LineGrid):
    def draw(self, keys: Sequence[Key], width: int, greyed: frozenset[str]) -> None:
        self.show([line(keys, width, greyed)], width)

    def say(self, below: Below, width: int, rows: int) -> None:
        """Words below the line that is typed, in place of the keys."""
        texts = below.rows(width - 2)
        texts += [""] * (rows - len(texts))
        self.show([Line([Span(" ", "text"), Span(text, below.ink)]).fitted(width) for text in texts], width)


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
