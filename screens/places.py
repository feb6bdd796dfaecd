"""The one layout of the stage: every widget goes where the plan says."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import Layout, WidgetPlacement
from textual.widget import Widget

from screens.layout import Rect

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
