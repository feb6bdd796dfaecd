"""A pane as lines: rounded frame, title and tabs in its top border, fixed header, scrolled rows, a foot.

Cells: 0 border · 1 selection mark · 2 … width-3 content · width-2 blank · width-1 border.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct, field

from screens.ink import Line, Span, Spans, measure
from themes import glyphs

INSET = 4
"""What the frame takes of a pane's width."""


class Row:
    """The lines of a row and its key; empty = it cannot be selected (headings, blank lines, totals).

    A row of one line may be given as how it is drawn: most rows of a long table are never seen.
    """

    __slots__ = ("_lines", "_made", "key")

    def __init__(self, lines: list[Line] | Callable[[], Line], key: str = "") -> None:
        self._lines = lines
        self._made: list[Line] | None = None
        self.key = key

    @property
    def lines(self) -> list[Line]:
        if self._made is None:
            self._made = self._lines if isinstance(self._lines, list) else [self._lines()]
        return self._made

    @property
    def height(self) -> int:
        """Known without drawing it."""
        return len(self._lines) if isinstance(self._lines, list) else 1


class Content(Struct):
    """What a pane shows. `summary` is a choice of wordings, wide to narrow."""

    title: str
    summary: tuple[Spans, ...] = ()
    head: list[Line] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    foot: list[Line] = field(default_factory=list)
    alarm: bool = False
    """The pane holds the cause of a halt: alarm border, `■` in the title."""
    title_ink: str = ""
    """A dialog's title; set, it also keeps the `■` away."""
    tabs: tuple[tuple[str, str, str, bool], ...] = ()
    """(name, count, ink of the count, active); replaces the title."""


class Cursor(Struct):
    """Where a pane stands: the selected row by key, so it keeps its row when rows move."""

    key: str = ""
    top: int = 0
    """First body line shown."""

    def settle(self, content: Content) -> None:
        """A selected row that is gone gives way to the first one."""
        keys = [row.key for row in content.rows if row.key]
        if self.key not in keys:
            self.key = keys[0] if keys else ""

    def move(self, content: Content, by: int) -> None:
        keys = [row.key for row in content.rows if row.key]
        if keys:
            at = keys.index(self.key) + by if self.key in keys else 0
            self.key = keys[max(0, min(len(keys) - 1, at))]


def aged(content: Content, summary: tuple[Spans, ...]) -> Content:
    """What is shown is the past: it loses its colours, and its title says how old it is."""
    content.head = [line.recoloured("stale") for line in content.head]
    content.rows = [Row([line.recoloured("stale") for line in row.lines], row.key) for row in content.rows]
    content.foot = [line.recoloured("stale") for line in content.foot]
    content.summary = summary
    return content


def draw(content: Content, cursor: Cursor, width: int, height: int, focused: bool) -> list[Line]:
    """Exactly `height` lines of exactly `width` cells. Moves `cursor.top` so that the selection shows."""
    if width < INSET + 1 or height < 2:
        return [Line().to(max(0, width)) for _ in range(max(0, height))]
    inside = height - 2
    head = content.head[: max(0, inside - 1)]
    foot = content.foot[: max(0, inside - len(head) - 2)]
    room = inside - len(head) - (len(foot) + 1 if foot else 0)
    body, first, last, spread = _flatten(content.rows, cursor.key)
    if cursor.key:
        cursor.top = _scrolled(cursor.top, len(body), room, first, last)
    else:
        cursor.top = max(0, min(cursor.top, len(body) - room))
    shown = [(row.lines[at], row.key) for row, at in body[cursor.top : cursor.top + room]]
    border = "accent" if focused else "alarm" if content.alarm else "border"
    lines = [_top(content, width, focused, border, _position(spread, cursor.top, room, len(body)))]
    lines += [_side(line, width, border) for line in head]
    for line, key in shown:
        chosen = bool(key) and key == cursor.key
        lines.append(_side(line, width, border, chosen, focused))
    lines += [_side(Line(), width, border) for _ in range(room - len(shown))]
    if foot:
        lines.append(_side(Line([Span("─" * (width - INSET), "border")]), width, border))
        lines += [_side(line, width, border) for line in foot]
    lines.append(Line([Span("╰" + "─" * (width - 2) + "╯", border)]))
    return lines


def row_at(content: Content, cursor: Cursor, line: int) -> str:
    """The key of the row drawn on body line `line` of the pane (0 = the top border), for the mouse."""
    at = line - 1 - len(content.head) + cursor.top
    body, *_ = _flatten(content.rows, "")
    return body[at][0].key if 0 <= at < len(body) and line > len(content.head) else ""


def _flatten(rows: Sequence[Row], key: str) -> tuple[list[tuple[Row, int]], int, int, list[int]]:
    """Body lines as (row, which of its lines), the selection's first and last line, and the line of each real
    row."""
    body: list[tuple[Row, int]] = []
    first = last = 0
    spread: list[int] = []
    for row in rows:
        if row.key:
            spread.append(len(body))
        if row.key and row.key == key:
            first, last = len(body), len(body) + row.height - 1
        body += [(row, at) for at in range(row.height)]
    return body, first, last, spread


def _scrolled(top: int, total: int, room: int, first: int, last: int) -> int:
    if total <= room or room <= 0:
        return 0
    if last >= top + room:
        top = last - room + 1
    top = min(top, first)
    if first <= 2:
        top = 0 if last < room else top
    return max(0, min(top, total - room))


def _position(spread: Sequence[int], top: int, room: int, total: int) -> str:
    """`3–9 of 14`, or nothing when all rows show."""
    if total <= room:
        return ""
    if not spread:
        return f"{top + 1}–{min(total, top + room)} of {total}"
    seen = [number for number, line in enumerate(spread, 1) if top <= line < top + room]
    return f"{seen[0]}–{seen[-1]} of {len(spread)}" if seen else f"{len(spread)} rows"


def _top(content: Content, width: int, focused: bool, border: str, position: str) -> Line:
    line = Line([Span("╭─", border)])
    if content.tabs:
        for at, (name, count, ink, active) in enumerate(content.tabs):
            if line.width + len(name) + len(count) + 4 > width - 2:
                break
            shown, gap = f" {name} ", " " if count else ""
            if at:
                line.add("─", border)
            if active:
                line.add(shown, "*strong@sel").add(count, f"{ink}@sel").add(gap, "text@sel")
            else:
                line.add(shown, "muted").add(count, ink).add(gap, "muted")
    else:
        mark = f"{glyphs.ALARM} " if content.alarm and not content.title_ink else ""
        line.add(f" {mark}", "alarm" if content.alarm else "text")
        line.add(
            f"{content.title} "[: max(0, width - 6)], content.title_ink or ("*strong" if focused else "*text")
        )
    free = width - line.width - 6
    summary: Spans = ()
    for choice in content.summary:
        extra = len(position) + 3 if position else 0
        if measure(choice) + extra <= free:
            summary = choice
            break
    if position and measure(summary) + len(position) + 3 <= free:
        dot: tuple[Span, ...] = (Span(f" {glyphs.DOT} ", "muted"),) if summary else ()
        words, place = tuple(Span(*span) for span in summary), (Span(position, "muted"),)
        # Beside tabs the way to the next one stays at the end.
        summary = (*place, *dot, *words) if content.tabs else (*words, *dot, *place)
    if summary:
        line.add("─" * (width - line.width - measure(summary) - 4), border)
        line.add(" ", "text").extend(summary).add(" ", "text")
    return line.add("─" * (width - line.width - 1), border).add("╮", border)


def _side(line: Line, width: int, border: str, chosen: bool = False, focused: bool = False) -> Line:
    ground = "@sel" if chosen and focused else ""
    out = Line([Span("│", border)])
    if chosen:
        out.add(glyphs.EDGE, "accent@sel" if focused else "faint")
    else:
        out.add(" ", "text")
    inner = line.fitted(width - INSET).spans
    if ground:
        inner = [Span(text, ink if "@" in ink else ink + ground) for text, ink in inner]
    out.spans += inner
    out.width += width - INSET
    return out.add(" ", "text" + ground).add("│", border)
