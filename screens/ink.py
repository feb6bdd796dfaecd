"""Lines of coloured text before any colour is chosen: spans that name tokens of the palette.

An ink is `token`, `*token` (bold) or either with `@ground` behind it. All drawing code makes `Line`s; only
`screens/paint.py` knows styles. Lines know their width, so nothing is ever drawn past its place.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from screens.format import cut


class Span(NamedTuple):
    text: str
    ink: str


class Line:
    """A line under construction. `width` is what is drawn so far."""

    __slots__ = ("ground", "spans", "width")

    def __init__(self, spans: Iterable[Span | tuple[str, str]] = (), ground: str = "bg") -> None:
        self.spans: list[Span] = [each if type(each) is Span else Span(*each) for each in spans if each[0]]
        self.width = sum([len(span[0]) for span in self.spans])
        self.ground = ground

    def add(self, text: str, ink: str = "text") -> Line:
        if text:
            self.spans.append(Span(text, ink))
            self.width += len(text)
        return self

    def extend(self, spans: Iterable[Span | tuple[str, str]]) -> Line:
        added = [each if type(each) is Span else Span(*each) for each in spans if each[0]]
        self.spans += added
        self.width += sum([len(span[0]) for span in added])
        return self

    def to(self, column: int, ink: str = "text") -> Line:
        """Blank up to `column`."""
        if column > self.width:
            self.add(" " * (column - self.width), ink)
        return self

    def fitted(self, width: int) -> Line:
        """Exactly `width` cells: padded, or cut as a last guard (layouts measure before they draw)."""
        out = Line(ground=self.ground)
        if self.width <= width:
            out.spans, out.width = self.spans.copy(), self.width
            return out.to(width)
        for text, ink in self.spans:
            if out.width >= width:
                break
            out.add(text[: width - out.width], ink)
        return out

    def recoloured(self, ink: str) -> Line:
        """Every span in one ink, its bold kept: a stale row."""
        return Line(
            ((text, ("*" if old.startswith("*") else "") + ink) for text, old in self.spans), self.ground
        )

    @property
    def plain(self) -> str:
        return "".join(span.text for span in self.spans)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Line) and self.spans == other.spans and self.ground == other.ground

    __hash__ = None  # type: ignore[assignment]


Spans = Sequence[Span | tuple[str, str]]


def measure(spans: Spans) -> int:
    if len(spans) == 1:
        return len(spans[0][0])
    return sum([len(span[0]) for span in spans])


def first_that_fits(choices: Sequence[Spans], width: int) -> Spans:
    """The widest wording that fits; if none does, the shortest, cut."""
    for spans in choices:
        if measure(spans) <= width:
            return spans
    return Line(choices[-1]).fitted(width).spans if choices else ()


def sides(left: Spans, right: Spans, width: int, ground: str = "bg", gap: int = 1) -> Line:
    """`left` at the left edge, `right` at the right; when both do not fit the right one goes."""
    line = Line(left, ground)
    size = measure(right)
    if size and line.width + gap + size <= width:
        line.to(width - size).extend(right)
    return line.fitted(width)


def flow(items: Sequence[Spans], width: int, gap: int = 2) -> list[Line]:
    """Items one after another, wrapped to `width`; an item is broken only when it alone is too wide."""
    lines: list[Line] = []
    line = Line()
    for item in items:
        size = measure(item)
        if line.width and line.width + gap + size > width:
            lines.append(line)
            line = Line()
        if line.width:
            line.add(" " * gap)
        if size > width:
            for text, ink in item:
                line.add(cut(text, max(0, width - line.width)), ink)
        else:
            line.extend(item)
    if line.width:
        lines.append(line)
    return lines


def wrap(text: str, width: int, ink: str = "text") -> list[Line]:
    """Words of a sentence over as many lines as it needs; a figure and its unit stay together."""
    bound = _UNIT.sub(_TIE, " ".join(text.split()))
    return flow([((word.replace(_TIE, " "), ink),) for word in bound.split(" ") if word], width, gap=1)


_UNIT = re.compile(r"(?<=\d) (?=(?:%|bps|s|ms|m|h|d|USD)(?!\w))")
_TIE = "\N{NO-BREAK SPACE}"


def broken(text: str, width: int) -> list[str]:
    """A text over as many rows as it needs, its blanks kept; a figure and its unit stay together."""
    bound = _UNIT.sub(_TIE, text)
    rows = textwrap.wrap(bound, max(8, width), break_on_hyphens=False)
    return [row.replace(_TIE, " ") for row in rows] or [""]
