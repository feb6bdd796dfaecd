"""A screen as SVG: every cell where a terminal would put it, frames and bars as shapes that meet.

Small enough to be committed: shapes of one colour are one path, colours are classes, words of one style that
stand side by side are one text.
"""

from __future__ import annotations

from html import escape
from typing import Any, NamedTuple

from rich.color import Color, ColorType
from rich.style import Style
from textual.app import App

WIDE, HIGH, BASE, EDGE = 8.4, 18, 13.4, 12
"""A cell's width and height, its text's base line, the margin; SVG pixels."""

FONT = '14px "JetBrains Mono","DejaVu Sans Mono",Menlo,Consolas,monospace'
XTERM = (
    *("000000", "cd0000", "00cd00", "cdcd00", "0000ee", "cd00cd", "00cdcd", "e5e5e5"),
    *("7f7f7f", "ff0000", "00ff00", "ffff00", "5c5cff", "ff00ff", "00ffff", "ffffff"),
)
"""The sixteen colours as xterm has them; a user's terminal may have others."""


class Cell(NamedTuple):
    char: str
    front: str
    back: str
    bold: bool


class Drawing:
    """Collects shapes by colour; `text` gives the file."""

    def __init__(self, width: int, height: int, back: str) -> None:
        self._size = (width * WIDE + 2 * EDGE, height * HIGH + 2 * EDGE)
        self._back = back
        self._classes: dict[str, str] = {}
        self._boxes: list[str] = []
        self._paths: dict[tuple[str, str], list[str]] = {}
        self._words: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        size = f'width="{_n(width)}" height="{_n(height)}"'
        self._boxes.append(f'<rect x="{_n(x)}" y="{_n(y)}" {size} class="{self._ink(fill)}"/>')

    def fill(self, ink: str, way: str) -> None:
        self._paths.setdefault((ink, ""), []).append(way)

    def line(self, ink: str, way: str, width: float = 1) -> None:
        self._paths.setdefault((ink, _n(width)), []).append(way)

    def word(self, x: int, y: int, text: str, ink: str, bold: bool) -> None:
        kind = self._ink(ink) + (" b" if bold else "")
        place = f'x="{_n(x * WIDE)}" y="{_n(y * HIGH + BASE)}" textLength="{_n(len(text) * WIDE)}"'
        self._words.append(f'<text class="{kind}" {place}>{escape(text, quote=False)}</text>')

    def text(self) -> str:
        paths = [
            f'<path class="{self._ink(ink)}" d="{"".join(ways)}"/>'
            if not width
            else f'<path stroke="{ink}" fill="none" stroke-width="{width}" d="{"".join(ways)}"/>'
            for (ink, width), ways in self._paths.items()
        ]
        inks = "".join(f".{name}{{fill:{ink}}}" for ink, name in self._classes.items())
        width, height = (_n(side) for side in self._size)
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
                f' height="{height}" xml:space="preserve">',
                f"<style>text{{font:{FONT};font-variant-ligatures:none}}.b{{font-weight:700}}{inks}</style>",
                f'<rect width="100%" height="100%" fill="{self._back}"/>',
                f'<g transform="translate({EDGE},{EDGE})">',
                *self._boxes,
                *paths,
                *self._words,
                "</g></svg>\n",
            ]
        )

    def _ink(self, color: str) -> str:
        return self._classes.setdefault(color, f"c{len(self._classes)}")


def draw(app: App[Any], front: str, back: str) -> str:
    """The app's screen as it stands; `front` and `back` are the terminal's own two colours."""
    rows = [
        [cell for text, style, _ in strip for cell in _cells(text, style or Style(), front, back)]
        for strip in app.screen._compositor.render_strips()
    ]
    width, height = app.size
    drawing = Drawing(width, height, back)
    _backgrounds(drawing, rows, back)
    for y, row in enumerate(rows):
        _row(drawing, row, y)
    return drawing.text()


def _cells(text: str, style: Style, front: str, back: str) -> list[Cell]:
    ink, ground = _rgb(style.color, front), _rgb(style.bgcolor, back)
    if style.reverse:
        ink, ground = ground, ink
    return [Cell(char, ink, ground, bool(style.bold)) for char in text]


def _backgrounds(drawing: Drawing, rows: list[list[Cell]], back: str) -> None:
    """Runs of one ground; the same run in the rows below belongs to the same box."""
    open_runs: dict[tuple[int, int, str], int] = {}
    for y in range(len(rows) + 1):
        runs = set(_runs(rows[y], back)) if y < len(rows) else set()
        for run in [run for run in open_runs if run not in runs]:
            top = open_runs.pop(run)
            start, end, ground = run
            drawing.box(start * WIDE, top * HIGH, (end - start) * WIDE, (y - top) * HIGH, ground)
        for run in sorted(runs):
            open_runs.setdefault(run, y)


def _runs(row: list[Cell], back: str) -> list[tuple[int, int, str]]:
    found, start = [], 0
    for x in range(1, len(row) + 1):
        if x == len(row) or row[x].back != row[start].back:
            if row[start].back != back:
                found.append((start, x, row[start].back))
            start = x
    return found


def _row(drawing: Drawing, row: list[Cell], y: int) -> None:
    x = 0
    while x < len(row):
        cell = row[x]
        end = x + 1
        if cell.char in "─━":
            while end < len(row) and (row[end].char, row[end].front) == (cell.char, cell.front):
                end += 1
            way = f"M{_n(x * WIDE)} {y * HIGH + HIGH // 2}H{_n(end * WIDE)}"
            drawing.line(cell.front, way, 3.4 if cell.char == "━" else 1)
        elif cell.char != " " and not _shape(drawing, cell, x * WIDE, y * HIGH):
            end = _word_end(row, x)
            drawing.word(x, y, "".join(each.char for each in row[x:end]), cell.front, cell.bold)
        x = end


def _word_end(row: list[Cell], start: int) -> int:
    """Plain letters go on over single spaces; a letter that another font may draw stands alone."""
    first = row[start]
    if not first.char.isascii():
        return start + 1
    end = start
    for x in range(start, len(row)):
        cell = row[x]
        if cell.char == " ":
            if x + 1 < len(row) and row[x + 1].char == " ":
                break
            continue
        if not cell.char.isascii() or (cell.front, cell.bold) != (first.front, first.bold):
            break
        end = x
    return end + 1


def _shape(drawing: Drawing, cell: Cell, x: float, y: float) -> bool:
    """Box drawing, blocks and dots as shapes: they meet across cells, as in a terminal. False = a letter."""
    char, ink = cell.char, cell.front
    mx, my, right, foot = _n(x + WIDE / 2), y + HIGH // 2, _n(x + WIDE), y + HIGH
    lines = {
        "╭": f"M{mx} {foot}V{my + 4}q0 -4 4 -4H{right}",
        "╮": f"M{mx} {foot}V{my + 4}q0 -4 -4 -4H{_n(x)}",
        "╰": f"M{mx} {y}V{my - 4}q0 4 4 4H{right}",
        "╯": f"M{mx} {y}V{my - 4}q0 4 -4 4H{_n(x)}",
        "│": f"M{mx} {y}V{foot}",
    }
    if char in lines:
        drawing.line(ink, lines[char])
    elif char == "╾":
        drawing.line(ink, f"M{_n(x)} {my}H{mx}", 3.4)
        drawing.line(ink, f"M{mx} {my}H{right}")
    elif char == "▌":
        drawing.fill(ink, f"M{_n(x)} {y}h{_n(WIDE / 2)}v{HIGH}h-{_n(WIDE / 2)}z")
    elif "▁" <= char <= "█":
        high, wide = _n((ord(char) - 0x2580) / 8 * (HIGH - 2)), _n(WIDE - 0.8)
        drawing.fill(ink, f"M{_n(x + 0.4)} {foot - 1}v-{high}h{wide}v{high}z")
    elif char == "■":
        drawing.fill(ink, f"M{_n(x + WIDE / 2 - 3.4)} {_n(my - 3.4)}h6.8v6.8h-6.8z")
    elif char in "●○◐":
        _dot(drawing, char, ink, x + WIDE / 2, my)
    else:
        return False
    return True


def _dot(drawing: Drawing, char: str, ink: str, x: float, y: float) -> None:
    r = 3.7 if char == "●" else 3.2
    ring = f"M{_n(x - r)} {_n(y)}a{r} {r} 0 1 0 {_n(2 * r)} 0a{r} {r} 0 1 0 -{_n(2 * r)} 0z"
    if char == "●":
        drawing.fill(ink, ring)
        return
    drawing.line(ink, ring, 1.3)
    if char == "◐":
        drawing.fill(ink, f"M{_n(x)} {_n(y - 3.6)}a3.6 3.6 0 0 0 0 7.2z")


def _n(value: float) -> str:
    """One decimal, and none where it says nothing."""
    return f"{value:.1f}".removesuffix(".0")


def _rgb(color: Color | None, default: str) -> str:
    if color is None or color.type is ColorType.DEFAULT:
        return default
    if color.type is ColorType.STANDARD and color.number is not None:
        return f"#{XTERM[color.number]}"
    return color.get_truecolor().hex
