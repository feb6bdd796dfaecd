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
        return [
            WidgetPlacement(Region(*rects[child.id]), NULL_OFFSET, NULL_SPACING, child, order)
            for order, child in enumerate(children)
            if child.id is not None and child.id in rects
        ]
