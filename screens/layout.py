"""Where everything goes at a terminal size: pure arithmetic, the table of VISUAL.

Spare rows go to blank lines between pairs, then to funding rows, then to what stands below; missing rows are
taken from alerts and limits first, then from funding. Positions keep their rows as long as another pane has
some
to give.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from msgspec import Struct, structs

PANES = ("positions", "funding", "risk", "alerts")
"""Of the Desk."""
LEAST_PANE = 3
"""A frame and one line."""


class SizeClass(Enum):
    WIDE = "wide"
    MEDIUM = "medium"
    TABS = "tabs"
    WORDS = "words"
    TINY = "tiny"


class Rect(NamedTuple):
    x: int
    y: int
    width: int
    height: int


class Plan(Struct, frozen=True):
    size: SizeClass
    width: int
    height: int
    answer_rows: int
    rects: dict[str, Rect]
    """By name: topbar, strip, the panes that show, command, footer, drawer (where it would open)."""
    body: Rect
    """What is between the answer bar and the command line: where panes may go."""

    @property
    def tabs(self) -> bool:
        return self.size in (SizeClass.TABS, SizeClass.WORDS)


class Needs(Struct, frozen=True):
    """Lines that panes would like inside their frames, their header included."""

    positions: int = 9
    """Without blank lines between pairs."""
    positions_spaced: int = 11
    funding: int = 10


def size_class(width: int, height: int) -> SizeClass:
    if width < 40 or height < 10:
        return SizeClass.TINY
    if width < 80 or height < 24:
        return SizeClass.WORDS
    if width >= 160 and height >= 50:
        return SizeClass.WIDE
    if width >= 110 and height >= 34:
        return SizeClass.MEDIUM
    return SizeClass.TABS


def base(width: int, height: int) -> Plan:
    """What every screen has at this size: top bar, answer bar, command line, keys; a body for its panes."""
    size = size_class(width, height)
    if size is SizeClass.TINY:
        return Plan(size, width, height, 1, {"tiny": Rect(0, 0, width, height)}, Rect(0, 0, width, 0))
    small = size in (SizeClass.TABS, SizeClass.WORDS)
    rows = 1 if size is SizeClass.WORDS else 3 if small else 4
    below = 1 if size is SizeClass.WORDS else 2
    top = 1 + rows + (1 if size is SizeClass.WIDE else 0)
    rects = {
        "topbar": Rect(0, 0, width, 1),
        "strip": Rect(0, 1, width, rows),
        "footer": Rect(0, height - 1, width, 1),
        "command": Rect(0, height - below, width, 1),
    }
    return Plan(size, width, height, rows, rects, Rect(0, top, width, height - top - below))


def with_panes(made: Plan, panes: Mapping[str, Rect], drawer: Rect | None = None) -> Plan:
    """The plan with its panes; a drawer opens over the lower half when no place is named."""
    rects = dict(made.rects) | dict(panes)
    if not made.tabs:
        half = made.body.height // 2
        rects["drawer"] = drawer or Rect(0, made.body.y + made.body.height - half, made.width, half)
    return structs.replace(made, rects=rects)


def stacked(body: Rect, heights: Mapping[str, int]) -> dict[str, Rect]:
    """Panes below each other; the last one takes what is left. A pane with no row to stand on is left out."""
    out: dict[str, Rect] = {}
    top, last = body.y, list(heights)[-1]
    for name, height in heights.items():
        left = body.y + body.height - top
        rows = left if name == last else min(height, left)
        if rows >= LEAST_PANE:
            out[name] = Rect(body.x, top, body.width, rows)
            top += rows
    return out


def beside(body: Rect, shares: Mapping[str, int]) -> dict[str, Rect]:
    """Panes beside each other, by shares of the width; the last one takes what is left."""
    out: dict[str, Rect] = {}
    whole, left, last = sum(shares.values()), body.x, list(shares)[-1]
    for name, share in shares.items():
        end = body.x + body.width
        width = end - left if name == last else body.width * share // whole
        out[name] = Rect(left, body.y, width, body.height)
        left += width
    return out


def plan(width: int, height: int, active: str = "positions", needs: Needs | None = None) -> Plan:
    """The Desk's: a ledger, wide tables above, what binds and what calls below."""
    made = base(width, height)
    if made.size is SizeClass.TINY:
        return made
    if made.tabs:
        return with_panes(made, {active: made.body})
    wide, body = made.size is SizeClass.WIDE, made.body
    positions, funding = _heights(body.height, needs or Needs(), wide)
    panes = stacked(body, {"positions": positions, "funding": funding, "lower": 0})
    lower = panes.pop("lower")
    panes |= beside(lower, {"risk": 66, "alerts": 34} if wide else {"risk": 56, "alerts": 44})
    return with_panes(made, panes, lower)


def _heights(room: int, needs: Needs, wide: bool) -> tuple[int, int]:
    """Frame heights of positions and funding; what is left is for limits and alerts."""
    positions, funding = (13, 14) if wide else (11, 11)
    least_funding, least_rest = 5, 7
    wanted = needs.positions + 2
    if room - positions - funding < least_rest:
        funding = max(least_funding, room - positions - least_rest)
    if wanted > positions:
        spare = max(0, room - positions - funding - least_rest)
        more = min(wanted - positions, spare)
        positions += more
        more = min(wanted - positions, max(0, funding - least_funding))
        positions, funding = positions + more, funding - more
    comfort = 24 if wide else 11
    for want, is_positions in ((needs.positions_spaced + 2, True), (needs.funding + 2, False)):
        spare = max(0, room - positions - funding - comfort)
        now = positions if is_positions else funding
        more = min(max(0, want - now), spare)
        if is_positions:
            positions += more
        else:
            funding += more
    positions = min(positions, max(4, room - funding - 4))
    return positions, funding
