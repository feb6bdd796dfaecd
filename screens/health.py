"""Screen 6, Health: are venues, process, store and channels well? What was found stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from screens.draw import health
from screens.frame import Content
from screens.ink import Line
from screens.layout import Rect, SizeClass, beside, stacked
from screens.room import Look, PaneSpec, Room
from services.views.health import HealthView

_DRAW = {
    "venues": health.venues,
    "process": health.process,
    "store": health.store,
    "channels": health.channels,
    "findings": health.findings,
}


class HealthRoom(Room):
    name = "health"
    panes: ClassVar[tuple[PaneSpec, ...]] = (
        PaneSpec("venues", "Venues", columns=health.VENUE_NAMES, keyed=lambda _, row: row.name),
        PaneSpec("process", "Process", table="health.process", detail=False),
        PaneSpec("store", "Store", table="health.store", detail=False),
        PaneSpec("channels", "Channels", detail=False, keyed=lambda _, row: row.name),
        PaneSpec("findings", "Findings", detail=False, keyed=lambda _, row: health.finding_key(row)),
    )

    def topics(self) -> tuple[str, ...]:
        return ("health",)

    def places(self, size: SizeClass, body: Rect, views: Mapping[str, object]) -> dict[str, Rect]:
        rows = stacked(body, {"venues": min(max(self.shape(views) + 3, 6), body.height // 3), "rest": 0})
        sides = beside(rows.pop("rest"), {"left": 50, "right": 50})
        left, right = sides["left"], sides["right"]
        return {
            **rows,
            **stacked(left, {"process": min(11, left.height // 2), "findings": 0}),
            **stacked(right, {"store": min(11, right.height // 2), "channels": 0}),
        }

    def shape(self, views: Mapping[str, object]) -> int:
        view = views.get("health")
        return len(view.venues) if isinstance(view, HealthView) else 2

    def draw(self, pane: str, look: Look) -> Content:
        view = look.view("health", HealthView)
        return Content(title="") if view is None else _DRAW[pane](view, look.width, look.context)

    def drawer(self, pane: str, key: str, look: Look) -> list[Line]:
        view = look.view("health", HealthView)
        if view is None or pane != "venues":
            return []
        return health.venue_drawer(view, key, look.width, look.context)

    def tab(self, pane: str, views: Mapping[str, object]) -> tuple[str, str]:
        view = views.get("health")
        if not isinstance(view, HealthView):
            return ("", "muted")
        if pane == "findings":
            count = len(view.findings)
            grave = any(one.severity == "alarm" for one in view.findings)
            return (str(count), "*alarm" if grave else "*warn" if count else "muted")
        if pane == "store" and not view.store.ok:
            return ("!", "*alarm")
        return (str(len(view.venues)), "muted") if pane == "venues" else ("", "muted")
