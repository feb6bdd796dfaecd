"""Screen 5, Performance: equity and drawdown, where equity went, metrics by strategy and symbol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from screens.draw import equity, performance
from screens.frame import Content
from screens.ink import Line
from screens.layout import Rect, SizeClass, beside, stacked
from screens.room import Host, Look, PaneSpec, Room
from services.views.performance import PERIODS, ShownView

METRICS = "performance.total performance.by_strategy performance.by_symbol"


class PerformanceRoom(Room):
    name = "performance"
    panes: ClassVar[tuple[PaneSpec, ...]] = (
        PaneSpec("equity", "Equity", telling=True, table="performance.curve"),
        PaneSpec("drawdown", "Drawdown", telling=True, table="performance.curve", detail=False),
        PaneSpec("waterfall", "Where equity went", tab="Waterfall", table="performance.waterfall"),
        PaneSpec(
            "metrics",
            "Metrics",
            sorts=performance.METRIC_SORTS,
            columns=performance.METRIC_NAMES,
            table=METRICS,
            keyed=lambda of, row: performance.metric_key(of, row.name),
        ),
    )

    def __init__(self) -> None:
        self._period = PERIODS[-1]
        self._kept: ShownView | None = None
        """The last one: it stands until the engine has reckoned another period."""

    def topics(self) -> tuple[str, ...]:
        return (f"performance:{self._period}",)

    def ready(self, views: Mapping[str, object]) -> bool:
        return self._kept is not None or super().ready(views)

    def places(self, size: SizeClass, body: Rect, views: Mapping[str, object]) -> dict[str, Rect]:
        many = self.shape(views)
        low = max(8, min(many + 12, body.height // 2 - 1))
        rows = stacked(body, {"top": body.height - low, "metrics": 0})
        sides = beside(rows.pop("top"), {"charts": 60, "waterfall": 40})
        charts = sides.pop("charts")
        return {
            **stacked(charts, {"equity": charts.height * 3 // 5, "drawdown": 0}),
            **sides,
            **rows,
        }

    def shape(self, views: Mapping[str, object]) -> int:
        view = views.get("performance", self._kept)
        return len(view.by_strategy) + len(view.by_symbol) if isinstance(view, ShownView) else 0

    def draw(self, pane: str, look: Look) -> Content:
        view = look.view("performance", ShownView) or self._kept
        if view is None:
            return Content(title="")
        self._kept = view
        content = self._drawn(pane, view, look)
        return performance.old(content, view) if view.age_s or view.failing else content

    def _drawn(self, pane: str, view: ShownView, look: Look) -> Content:
        if pane == "equity":
            return equity.equity(view, look.width, look.height)
        if pane == "drawdown":
            return equity.drawdown(view, look.width, look.height)
        make = {"waterfall": performance.waterfall, "metrics": performance.metrics}[pane]
        return make(view, look.width, look.context)

    def drawer(self, pane: str, key: str, look: Look) -> list[Line]:
        if self._kept is None:
            return []
        if pane == "waterfall":
            return performance.part_drawer(self._kept, key, look.width)
        if pane == "metrics":
            return performance.metric_drawer(self._kept, key, look.width)
        return performance.ratios(self._kept, look.width) if pane == "equity" else []

    def tab(self, pane: str, views: Mapping[str, object]) -> tuple[str, str]:
        view = self._kept
        if pane == "metrics" and view is not None:
            return (str(view.total.total_trades), "muted")
        return ("", "muted")

    def act(self, action: str, host: Host, pane: str, key: str) -> None:
        if action == "period":
            self._period = PERIODS[(PERIODS.index(self._period) + 1) % len(PERIODS)]
            host.say(f"period {self._period}")
            host.redraw()
