"""What each pane of the desk shows: filters, orders and the rule that rows do not move under the cursor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from screens.draw import alerts, cross, funding, positions, risk
from screens.draw.context import Context
from screens.frame import INSET, Content, Row
from screens.ink import Line, Span, Spans, wrap
from screens.layout import PANES, Needs, Plan, Rect, SizeClass
from services.views.desk import DeskView

STILL_S = 2.0
"""Rank changes wait until no key came for so long …"""
RERANK_S = 5.0
"""… and are at most this often."""

SORTS = {
    "positions": positions.SORTS,
    "funding": funding.SORTS,
    "risk": risk.SORTS,
    "alerts": alerts.SORTS,
}
TITLES = {"positions": "Positions", "funding": "Funding", "risk": "Limits", "alerts": "Alerts"}
_DRAWERS: dict[str, Callable[[DeskView, str, int, Context], list[Line]]] = {
    "positions": positions.drawer,
    "funding": funding.drawer,
    "risk": risk.drawer,
    "alerts": alerts.drawer,
}
_LEAST_ROWS = 4
"""Rows a pane keeps when its foot opens."""


@dataclass(slots=True)
class Contents:
    needles: dict[str, str] = field(default_factory=dict)
    sorts: dict[str, int] = field(default_factory=dict)
    expanded: bool = False
    """Small layouts: the foot takes what it needs instead of what is left."""
    _orders: dict[str, tuple[list[str], float]] = field(default_factory=dict)
    _touched: float = -1e9
    _now: float = 0.0

    def sort(self, pane: str) -> str:
        names = SORTS.get(pane, ("",))
        return names[self.sorts.get(pane, 0) % len(names)]

    def next_sort(self, pane: str) -> str:
        self.sorts[pane] = (self.sorts.get(pane, 0) + 1) % len(SORTS[pane])
        return self.sort(pane)

    def touched(self, now: float) -> None:
        """A key was pressed: rows stay where they are for a while."""
        self._touched = now

    def at(self, now: float) -> None:
        self._now = now

    def needs(self, view: DeskView | None, plan: Plan) -> Needs:
        """What the panes would like, so that the plan can share the rows out."""
        if view is None:
            return Needs()
        groups = len(view.pairs) + (1 if any(p.pair is None for p in view.positions) else 0)
        rows = 1 + len(view.positions) + len(view.pairs) + 1
        return Needs(
            positions=rows,
            positions_spaced=rows + max(0, groups - 1),
            funding=2 + len(view.funding) + cross.count(view),
        )

    def build(
        self, pane: str, view: DeskView | None, plan: Plan, rect: Rect, context: Context, key: str
    ) -> Content:
        width, inside = rect.width - INSET, rect.height - 2
        if view is None:
            title = {"positions": "Positions", "funding": "Funding spreads", "risk": "Risk limits"}
            content = Content(title=title.get(pane, "Alerts"))
            content.rows = [
                Row([line]) for line in wrap("Waiting for the engine's first view.", width, "muted")
            ]
        else:
            try:
                content = self._drawn(pane, view, plan, width, inside, context)
            except ArithmeticError as error:
                # One figure that is no number must not take the other panes and the safety keys with it.
                return self._undrawable(pane, width, error)
        if plan.tabs:
            content.tabs = self._tabs(view, pane)
            content.summary = ((Span("tab ", "muted"), Span("›", "muted")),)
            if view is not None:
                self._foot(content, pane, view, width, inside, context, key)
        elif pane == "alerts" and view is not None and plan.size is SizeClass.WIDE:
            self._foot(content, pane, view, width, inside, context, key)
        self._mark(content, pane)
        return content

    def _undrawable(self, pane: str, width: int, error: ArithmeticError) -> Content:
        text = (
            f"A figure of this pane is no number ({type(error).__name__}). The engine goes on; F and H work."
        )
        rows = [Row([line]) for line in wrap(text, width, "*alarm")]
        return Content(title=TITLES[pane], rows=rows, alarm=True)

    def _drawn(
        self, pane: str, view: DeskView, plan: Plan, width: int, inside: int, context: Context
    ) -> Content:
        if pane == "positions":
            needs = self.needs(view, plan)
            tight = plan.tabs and inside < needs.positions_spaced + 3
            spaced = replace(context, room=needs.positions_spaced <= inside and not tight)
            return positions.draw(view, width, spaced)
        if pane == "funding":
            return funding.draw(
                view, width, context, self.held(pane, [funding.key_of(r) for r in view.funding])
            )
        if pane == "risk":
            return risk.draw(view, width, inside, context, self.held(pane, risk.natural(view)))
        two = plan.size is SizeClass.WIDE and inside >= 2 * len(view.alerts)
        return alerts.draw(view, width, context, two_lines=two)

    def held(self, pane: str, keys: list[str]) -> list[str]:
        """The order shown: the present one, once nobody touched a key and the last change is old enough."""
        order, changed = self._orders.get(pane, ([], -1e9))
        still = self._now - self._touched >= STILL_S
        if not order or (keys != order and still and self._now - changed >= RERANK_S):
            self._orders[pane] = (keys, self._now)
            return keys
        return order

    def _tabs(self, view: DeskView | None, active: str) -> tuple[tuple[str, str, str, bool], ...]:
        counts = dict.fromkeys(PANES, ("", "muted"))
        if view is not None:
            over = sum(limit.level == "OVER" for limit in view.risk.limits)
            total = len(view.risk.limits)
            alarms, warnings, _ = alerts.counts(view)
            ink = "*alarm" if alarms else "*warn" if warnings else "muted"
            counts = {
                "positions": (str(len(view.positions)), "muted"),
                "funding": (str(len(view.funding)), "muted"),
                "risk": (f"{over} over", "*alarm") if over else (f"{total}/{total}", "muted"),
                "alerts": (str(alarms + warnings), ink),
            }
        return tuple(
            (
                TITLES[p],
                counts[p][0],
                "accent" if p == active and counts[p][1] == "muted" else counts[p][1],
                p == active,
            )
            for p in PANES
        )

    def _foot(
        self, content: Content, pane: str, view: DeskView, width: int, inside: int, context: Context, key: str
    ) -> None:
        """The drawer at the foot of the pane: in the rows left, or as far as asked."""
        keys = [row.key for row in content.rows if row.key]
        key = key if key in keys else keys[0] if keys else ""
        lines = self.drawer(pane, view, key, width, context)
        used = len(content.head) + sum(len(row.lines) for row in content.rows)
        left = inside - used - 1
        if self.expanded:
            left = max(left, inside - len(content.head) - _LEAST_ROWS - 1)
        if pane == "alerts" or left >= 1:
            content.foot = lines[: max(0, left)]

    def drawer(self, pane: str, view: DeskView, key: str, width: int, context: Context) -> list[Line]:
        draw = _DRAWERS[pane]
        try:
            return draw(view, key, width, context)
        except ArithmeticError as error:
            return wrap(f"A figure of this row is no number ({type(error).__name__}).", width, "*alarm")

    def _mark(self, content: Content, pane: str) -> None:
        """The summary says how the rows were chosen, when it was not their own order."""
        notes = []
        if self.needles.get(pane):
            notes.append(f"only {self.needles[pane]}")
        if self.sort(pane):
            notes.append(f"by {self.sort(pane)}")
        if notes:
            note: Spans = (Span(", ".join(notes), "accent"),)
            content.summary = (note, *content.summary)

    def aged(self, content: Content, silence: str) -> Content:
        """The engine is silent: everything shown is the past."""
        content.head = [line.recoloured("stale") for line in content.head]
        content.rows = [
            Row([line.recoloured("stale") for line in row.lines], row.key) for row in content.rows
        ]
        content.foot = [line.recoloured("stale") for line in content.foot]
        content.summary = ((Span(f"○ {silence} old", "*alarm"),),)
        return content
