"""The line-drawn area every part of the console is: lines in, changed cells out.

It keeps the strips of the lines it shows and repaints only the cells that differ from the last frame: a frame
in
which one figure changed costs that figure (PERFORMANCE, technique 3).
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.filter import ANSIToTruecolor
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip

from screens.ink import Line, Span
from screens.paint import Paint

MERGE_GAP = 6
"""Changed cells this near each other are one region: a region costs about as much as these cells."""


class LineGrid(ScrollView, can_focus=False, inherit_bindings=False):
    ALLOW_SELECT = False

    def __init__(self, paint: Paint, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.paint = paint
        self.dimmed = False
        self._lines: list[Line] = []
        self._strips: list[Strip] = []
        self._drawn_width = 0

    @property
    def lines(self) -> Sequence[Line]:
        """What is shown now."""
        return self._lines

    def show(self, lines: list[Line], width: int) -> None:
        """Takes the whole picture; repaints what differs from the last one."""
        if width != self._drawn_width or len(lines) != len(self._lines):
            self._lines, self._drawn_width = lines, width
            self._strips = [self._strip(line) for line in lines]
            self.refresh()
            return
        regions: list[Region] = []
        for y, (new, old) in enumerate(zip(lines, self._lines, strict=True)):
            if new is old or new == old:
                continue
            self._strips[y] = self._strip(new)
            stack(regions, y, changed(old, new, width))
        self._lines = lines
        if regions:
            self.refresh(*regions)

    def repaint(self, paint: Paint | None = None, dimmed: bool | None = None) -> None:
        """Other colours, or the dimming behind a dialog."""
        before = (self.paint, self.dimmed)
        self.paint = paint or self.paint
        self.dimmed = self.dimmed if dimmed is None else dimmed
        if (self.paint, self.dimmed) != before:
            self._strips = [self._strip(line) for line in self._lines]
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y < len(self._strips):
            strip = self._strips[y]
            return strip if strip.cell_length == width else strip.adjust_cell_length(width, self._blank())
        return Strip([Segment(" " * width, self._blank())], width)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The strips as they are: Textual lays styles, padding, borders and filters around each line.

        Ours has none. Where that is not so, Textual's way is taken.
        """
        width, height = self.size
        if self.size != self.outer_size or self.paint.palette.native or self._filtered():
            return super().render_lines(crop)
        strips = self._strips if width == self._drawn_width and height <= len(self._strips) else None
        lines = [self.render_line(y) if strips is None else strips[y] for y in crop.line_range]
        if crop.column_span != (0, width):
            lines = [line.crop(crop.x, crop.right) for line in lines]
        return lines

    def _filtered(self) -> bool:
        """A filter is set that changes colours which are true ones already."""
        return any(type(each) is not ANSIToTruecolor for each in self.get_line_filters())

    def _blank(self) -> Style:
        return self.paint.style("text", "bg", self.dimmed)

    def _strip(self, line: Line) -> Strip:
        return self.paint.strip(line, self._drawn_width, dim=self.dimmed)


def changed(old: Line, new: Line, width: int) -> list[tuple[int, int]]:
    """[start, end) of the cells that differ, near ones joined. Equal spans at both ends are not looked into:
    most of a row is as it was.
    """
    ours, theirs = new.spans, old.spans
    most = min(len(ours), len(theirs))
    head = start = 0
    while head < most and ours[head] == theirs[head]:
        start += len(ours[head].text)
        head += 1
    tail, end = 0, width
    if old.width == new.width == width:
        # Lines of another width end in padding and are compared to their ends.
        while tail < most - head and ours[-1 - tail] == theirs[-1 - tail]:
            tail += 1
            end -= len(ours[-tail].text)
    end = max(start, end)
    before = _cells(theirs[head : len(theirs) - tail], end - start)
    after = _cells(ours[head : len(ours) - tail], end - start)
    out: list[tuple[int, int]] = []
    for x in range(end - start):
        if before[x] != after[x]:
            if out and start + x - out[-1][1] <= MERGE_GAP:
                out[-1] = (out[-1][0], start + x + 1)
            else:
                out.append((start + x, start + x + 1))
    return out


def stack(regions: list[Region], y: int, ranges: Sequence[tuple[int, int]]) -> None:
    """Adds the changed cells of row `y`: a range goes under the region right above it when the two together
    hold few cells more than before, so that a column of new prices is one region and not one a row.
    """
    above = [
        at for at in range(max(0, len(regions) - len(ranges) - 4), len(regions)) if regions[at].bottom == y
    ]
    for start, end in ranges:
        for at in above:
            old = regions[at]
            if old.bottom != y:
                continue
            left, right = min(start, old.x), max(end, old.right)
            both = (right - left) * (old.height + 1)
            if both - old.area - (end - start) <= MERGE_GAP * (old.height + 1):
                regions[at] = Region(left, old.y, right - left, old.height + 1)
                break
        else:
            regions.append(Region(start, y, end - start, 1))


def _cells(spans: Sequence[Span], width: int) -> list[tuple[str, str]]:
    cells: list[tuple[str, str]] = []
    for text, ink in spans:
        ground = ink.partition("@")[2]
        cells += [(char, ground if char == " " else ink) for char in text]
    if len(cells) < width:
        cells += [(" ", "")] * (width - len(cells))
    return cells
