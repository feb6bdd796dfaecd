"""Where everything goes at a terminal size: pure arithmetic, the table of VISUAL.

Spare rows go to blank lines between pairs, then to funding rows, then to what stands below; missing rows are
taken from alerts and limits first, then from funding. Positions keep their rows as long as another pane has
some
to give.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

PANES = ("positions", "funding", "risk", "alerts")


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


@dataclass(frozen=True, slots=True)
class Plan:
    size: SizeClass
    width: int
    height: int
    answer_rows: int
    rects: dict[str, Rect]
    """By name: topbar, strip, the panes that show, command, footer, drawer (where it would open)."""

    @property
    def tabs(self) -> bool:
        return self.size in (SizeClass.TABS, SizeClass.WORDS)


@dataclass(frozen=True, slots=True)
class Needs:
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


def plan(width: int, height: int, active: str = "positions", needs: Needs | None = None) -> Plan:
    size = size_class(width, height)
    if size is SizeClass.TINY:
        return Plan(size, width, height, 1, {"tiny": Rect(0, 0, width, height)})
    if size in (SizeClass.TABS, SizeClass.WORDS):
        return _tabs(size, width, height, active)
    return _ledger(size, width, height, needs or Needs())


def _tabs(size: SizeClass, width: int, height: int, active: str) -> Plan:
    rows = 3 if size is SizeClass.TABS else 1
    below = 2 if size is SizeClass.TABS else 1
    top = 1 + rows
    body = Rect(0, top, width, height - top - below)
    rects = {
        "topbar": Rect(0, 0, width, 1),
        "strip": Rect(0, 1, width, rows),
        active: body,
        "footer": Rect(0, height - 1, width, 1),
    }
    rects["command"] = Rect(0, height - below, width, 1)
    return Plan(size, width, height, rows, rects)


def _ledger(size: SizeClass, width: int, height: int, needs: Needs) -> Plan:
    wide = size is SizeClass.WIDE
    blank = 1 if wide else 0
    top = 1 + 4 + blank
    room = height - top - 2
    positions, funding = _heights(room, needs, wide)
    rest = room - positions - funding
    share = 66 if wide else 56
    left = width * share // 100
    lower = top + positions + funding
    rects = {
        "topbar": Rect(0, 0, width, 1),
        "strip": Rect(0, 1, width, 4),
        "positions": Rect(0, top, width, positions),
        "funding": Rect(0, top + positions, width, funding),
        "risk": Rect(0, lower, left, rest),
        "alerts": Rect(left, lower, width - left, rest),
        "command": Rect(0, height - 2, width, 1),
        "footer": Rect(0, height - 1, width, 1),
        "drawer": Rect(0, lower, width, rest),
    }
    return Plan(size, width, height, 4, rects)


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
