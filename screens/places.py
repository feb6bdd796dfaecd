"""The one layout of the stage: every widget goes where the plan says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import Layout, WidgetPlacement
from textual.widget import Widget

from screens.layout import Plan, Rect

Rects = Mapping[str, Rect]


class PlanLayout(Layout):
    """Puts each widget where the plan says; what the plan does not name is not there."""

    name = "plan"

    def __init__(self, rects: Callable[[], Rects]) -> None:
        super().__init__()
        self._rects = rects

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> list[WidgetPlacement]:
        rects = self._rects()
        placed = []
        for order, child in enumerate(children):
            rect = rects.get(getattr(child, "place", child.id) or "")
            if rect is not None:
                placed.append(WidgetPlacement(Region(*rect), NULL_OFFSET, NULL_SPACING, child, order))
        return placed


def drawer_rect(body: Rect, pane: Rect, place: Rect, lines: int) -> Rect:
    """As tall as its lines need; never over the selected row's pane, unless that is the whole body."""
    below = body.y + body.height - pane.y - pane.height
    above = pane.y - body.y
    if max(above, below) < min(lines + 2, 6):  # no room beside it: over its lower rows
        height = max(4, min(lines + 2, place.height))
        return Rect(body.x, body.y + body.height - height, body.width, height)
    if above > below:
        height = max(4, min(lines + 2, above))
        return Rect(body.x, pane.y - height, body.width, height)
    height = max(4, min(lines + 2, below, place.height))
    return Rect(body.x, body.y + body.height - height, body.width, height)


LEAST_DIALOG = 7
"""Rows that a dialog keeps beside the longest refusal: its frame, its keys and what is to scroll."""


def dialog_rect(plan: Plan, wish: tuple[int, int], said: int, *, low: bool) -> Rect:
    """Below the answer bar and above the keys. `said`: rows of an answer, which it leaves free; 0 = none."""
    top = 1 + plan.answer_rows
    keys = 1 if plan.tabs else 2
    room = plan.height - top - keys
    if said:
        room = min(room, max(LEAST_DIALOG, plan.height - top - said - 1))
    width, lines = wish
    height = min(lines, max(3, room))
    below = room - height if low else (room - height) // 3
    return Rect((plan.width - width) // 2, top + max(0, below), width, height)
