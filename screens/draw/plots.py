"""Line-drawn charts, pure: values and a size in, lines out. Readable in sixteen colours and in none at all.

Candles: a rising body is a thick line, a falling one a full block, so direction never rests on colour. Lines
are braille, two by four dots a cell. Figures stand at the right edge, times below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from screens import format as f
from screens.ink import Line, Span

Bar = tuple[int, float, float, float, float]
"""(start ns, open, high, low, close)."""

_WICK = {(1, 1): "│", (1, 0): "╵", (0, 1): "╷"}
_RISE = {(2, 2): "┃", (2, 0): "╹", (0, 2): "╻", (1, 2): "╽", (2, 1): "╿"}
_FALL = {(2, 2): "█", (2, 0): "▀", (0, 2): "▄", (1, 2): "▄", (2, 1): "▀"}
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_TICK_EVERY = 14
_DAYS_FROM = 2 * 86_400 * 1_000_000_000
"""Over more than two days the labels are dates; over less the first one of a day has its date."""


def candles(bars: Sequence[Bar], width: int, height: int, write: Callable[[float], str]) -> list[Line]:
    """Two cells a candle. `write` gives a price in the instrument's precision."""
    side = max((len(write(each)) for bar in bars for each in bar[2:]), default=0) + 1
    plot, rows = width - side, height - 1
    shown = list(bars)[-max(1, plot // 2) :]
    if not shown or plot < 4 or rows < 2:
        return []
    low, high = min(bar[3] for bar in shown), max(bar[2] for bar in shown)
    span = (high - low) or abs(high) * 1e-6 or 1.0

    def half(price: float) -> int:
        """Half cells from the top."""
        return min(2 * rows - 1, max(0, int((high - price) / span * (2 * rows - 1) + 0.5)))

    grid: list[list[tuple[str, str]]] = [[(" ", "text")] * plot for _ in range(rows)]
    offset = plot - 2 * len(shown)
    for at, (_, opened, top, bottom, closed) in enumerate(shown):
        rising = closed >= opened
        ink = "pos" if rising else "neg"
        wick, body = (half(top), half(bottom)), sorted((half(opened), half(closed)))
        weights = [0] * (2 * rows)
        weights[wick[0] : wick[1] + 1] = [1] * (wick[1] - wick[0] + 1)
        weights[body[0] : body[1] + 1] = [2] * (body[1] - body[0] + 1)
        for row in range(wick[0] // 2, wick[1] // 2 + 1):
            part = (weights[2 * row], weights[2 * row + 1])
            char = _WICK.get(part) or (_RISE if rising else _FALL).get(part, " ")
            grid[row][offset + 2 * at] = (char, ink)
    labels = {0: write(high), rows - 1: write(low), half(shown[-1][4]) // 2: write(shown[-1][4])}
    lines = []
    for row in range(rows):
        line = _joined(grid[row])
        last = row == half(shown[-1][4]) // 2
        line.add(labels.get(row, "").rjust(side), "*strong" if last else "muted")
        lines.append(line)
    lines.append(times([bar[0] for bar in shown], plot, 2).to(width))
    return lines


def times(starts: Sequence[int], width: int, step: int) -> Line:
    """Clock or date labels under a chart whose last value stands at the right end, `step` cells a value."""
    cells = [" "] * width
    offset = width - step * len(starts)
    taken = -1
    days = bool(starts) and starts[-1] - starts[0] > _DAYS_FROM
    told = starts[0] if starts else 0
    for at, ts in enumerate(starts):
        column = offset + step * at
        if column < taken or column + 6 > width or (at and column - taken < _TICK_EVERY - 6):
            continue
        text = f.date(ts) if days else f.when(ts, told, f.minute)
        if column + len(text) > width:
            text = f.minute(ts)
        told = ts
        for place, char in enumerate(text):
            cells[column + place] = char
        taken = column + max(6, len(text))
    return Line([Span("".join(cells), "muted")])


def line_chart(
    points: Sequence[tuple[int, float]], width: int, height: int, write: Callable[[float], str]
) -> list[Line]:
    """(ts, value) as a braille line on its own scale, one dot column a value; zero is drawn when in reach."""
    finite = [(ts, value) for ts, value in points if math.isfinite(value)]
    side = max((len(write(value)) for _, value in finite), default=0) + 1
    plot, rows = width - side, height - 1
    if not finite or plot < 4 or rows < 2:
        return []
    shown = finite[-2 * plot :]
    values = [value for _, value in shown]
    low, high = min(values), max(values)
    span = (high - low) or max(abs(high), 1.0) * 0.1
    dots = 4 * rows - 1

    def at(value: float) -> int:
        return min(dots, max(0, int((high - value) / span * dots + 0.5)))

    cells = [[0] * plot for _ in range(rows)]
    offset = 2 * plot - len(shown)
    before: int | None = None
    for column, value in enumerate(values, offset):
        here = at(value)
        first, last = (here, here) if before is None else (min(here, before), max(here, before))
        for dot in range(first, last + 1):
            cells[dot // 4][column // 2] |= _DOTS[dot % 4][column % 2]
        before = here
    zero = at(0.0) // 4 if low <= 0.0 <= high else None
    now = at(values[-1]) // 4
    labels = {0: write(high), rows - 1: write(low)}
    if zero is not None:
        labels.setdefault(zero, write(0.0))
    labels[now] = write(values[-1])
    lines = []
    for row in range(rows):
        drawn = [
            (chr(0x2800 + dot), "series") if dot else ("┄" if row == zero else " ", "faint")
            for dot in cells[row]
        ]
        lines.append(
            _joined(drawn).add(labels.get(row, "").rjust(side), "*strong" if row == now else "muted")
        )
    lines.append(times([ts for ts, _ in shown[::2]], plot, 1).to(width))
    return lines


def columns(
    points: Sequence[tuple[int, float]],
    width: int,
    height: int,
    write: Callable[[float], str],
    *,
    pending: bool = False,
) -> list[Line]:
    """One column a value, up from zero or down from it, with a mark under each settled one and times below.

    `pending`: the last one is not settled yet; it is drawn in accent and light, and has no mark.
    """
    finite = [(ts, value) for ts, value in points if math.isfinite(value)]
    side = max((len(write(value)) for _, value in finite), default=0) + 1
    plot, rows = width - side, height - 2
    if not finite or plot < 4 or rows < 2:
        return []
    step = 2 if 2 * len(finite) <= plot else 1
    shown = finite[-(plot // step) :]
    top = max(0.0, *(value for _, value in shown))
    bottom = min(0.0, *(value for _, value in shown))
    span = (top - bottom) or 1.0
    above = min(rows, max(1 if top > 0 else 0, round(rows * top / span)))
    if bottom < 0:
        above = min(above, rows - 1)
    grid: list[list[tuple[str, str]]] = [[(" ", "text")] * plot for _ in range(rows)]
    offset = plot - step * len(shown)
    for at, (_, value) in enumerate(shown):
        x, open_ = offset + step * at, pending and at == len(shown) - 1
        full, ink = ("▒", "accent") if open_ else ("█", "series")
        if value >= 0:
            halves = math.ceil(value / top * 2 * above) if top and value else 0
            for row in range(above):
                filled = halves - 2 * (above - 1 - row)
                if filled > 0:
                    grid[row][x] = (full if filled > 1 or open_ else "▄", ink)
        else:
            halves = math.ceil(value / bottom * 2 * (rows - above))
            for row in range(above, rows):
                filled = halves - 2 * (row - above)
                if filled > 0:
                    grid[row][x] = (full if filled > 1 or open_ else "▀", ink)
    labels = {0: write(top) if top else write(0.0), rows - 1: write(bottom) if bottom else ""}
    if bottom == 0:
        labels[rows - 1] = write(0.0)
    lines = [_joined(grid[row]).add(labels.get(row, "").rjust(side), "muted") for row in range(rows)]
    ticks = [" "] * plot
    for at in range(len(shown) - pending):
        ticks[offset + step * at] = "╵"
    lines.append(Line([Span("".join(ticks), "muted")]).to(width))
    lines.append(times([ts for ts, _ in shown], plot, step).to(width))
    return lines


def histogram(buckets: Sequence[tuple[float, int]], width: int, height: int, step: float) -> list[Line]:
    """(from, count) of equal buckets as rows with a bar and a share; joined until they fit the height."""
    total = sum(count for _, count in buckets)
    if not total or height < 1 or width < 18:
        return []
    size = 1
    joined: dict[int, int] = {}
    while True:
        joined = {}
        for start, count in buckets:
            at = round(start / step) // size
            joined[at] = joined.get(at, 0) + count
        first, last = min(joined), max(joined)
        if last - first < height:
            break
        size *= 2
    most = max(joined.values())
    names = {at: f"{at * size * step:.1f}–{(at + 1) * size * step:.1f}" for at in range(first, last + 1)}
    wide = max(len(name) for name in names.values())
    room = width - wide - 9
    lines = []
    for at, name in names.items():
        count = joined.get(at, 0)
        halves = math.ceil(count / most * 2 * room) if count and room > 2 else 0
        bar = "━" * (halves // 2) + ("╾" if halves % 2 else "")
        line = Line([Span(name.rjust(wide), "muted"), Span(" ", "text"), Span(bar, "series")])
        share = f"{count / total * 100:.1f} %"
        lines.append(line.to(width - 8).add(share.rjust(8), "text" if count else "muted"))
    return lines


def _joined(cells: Sequence[tuple[str, str]]) -> Line:
    """Runs of one ink as one span."""
    line = Line()
    run, ink = "", ""
    for char, wanted in cells:
        own = ink if char == " " else wanted
        if own != ink and run:
            line.add(run, ink or "text")
            run = ""
        run, ink = run + char, own
    return line.add(run, ink or "text")
