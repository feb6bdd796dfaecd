"""Screen 1, the Desk: what I hold, what I could hold, what binds me, what calls me."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import ClassVar

from msgspec import structs

from screens import layout
from screens.draw import alerts, cross, funding, positions, risk
from screens.draw.context import Context
from screens.frame import Content
from screens.ink import Line
from screens.layout import Needs, Plan, SizeClass
from screens.reconcile_dialog import ReconcileDialog
from screens.room import Host, Look, PaneSpec, Room
from services.views.desk import DeskView

_DRAWERS: dict[str, Callable[[DeskView, str, int, Context], list[Line]]] = {
    "positions": positions.drawer,
    "funding": funding.drawer,
    "risk": risk.drawer,
    "alerts": alerts.drawer,
}

DETAIL_ROWS = 8
"""Of an alert, at the foot of its pane."""
ROWS_A_STEP = 8
"""Rows of the funding board whose cells are made in one step of a frame."""


class DeskRoom(Room):
    name = "desk"
    panes: ClassVar[tuple[PaneSpec, ...]] = (
        PaneSpec(
            "positions",
            "Positions",
            sorts=positions.SORTS,
            columns=positions.NAMES,
            keyed=lambda _, row: row.key,
        ),
        PaneSpec(
            "funding",
            "Funding spreads",
            tab="Funding",
            sorts=funding.SORTS,
            columns=funding.NAMES,
            table="desk.funding desk.cross.rows",
            keyed=lambda of, row: funding.key_of(row) if of == "funding" else cross.key_of(row),
        ),
        PaneSpec(
            "risk",
            "Risk limits",
            tab="Limits",
            sorts=risk.SORTS,
            columns=risk.NAMES,
            table="desk.risk.limits",
            keyed=lambda _, row: row.name,
        ),
        PaneSpec(
            "alerts",
            "Alerts",
            sorts=alerts.SORTS,
            columns=alerts.NAMES,
            foot=(SizeClass.WIDE,),
            keyed=lambda _, row: row.key,
        ),
    )

    def topics(self) -> tuple[str, ...]:
        return ("desk",)

    def plan(self, width: int, height: int, active: str, views: Mapping[str, object]) -> Plan:
        return layout.plan(width, height, active, self.shape(views))

    def shape(self, views: Mapping[str, object]) -> Needs:
        """What the panes would like, so that the plan can share the rows out."""
        view = views.get("desk")
        if not isinstance(view, DeskView):
            return Needs()
        groups = len(view.pairs) + (1 if any(p.pair is None for p in view.positions) else 0)
        rows = 1 + len(view.positions) + len(view.pairs) + 1
        return Needs(
            positions=rows,
            positions_spaced=rows + max(0, groups - 1),
            funding=2 + (len(view.funding) or 1) + cross.count(view),
        )

    def draw(self, pane: str, look: Look) -> Content:
        view, context = look.view("desk", DeskView), look.context
        if view is None:
            return Content(title="")
        if pane == "positions":
            needs = self.shape(look.views)
            tight = look.plan.tabs and look.height < needs.positions_spaced + 3
            spaced = structs.replace(context, room=needs.positions_spaced <= look.height and not tight)
            return positions.draw(view, look.width, spaced)
        if pane == "funding":
            keys = [funding.key_of(row) for row in view.funding]
            return funding.draw(view, look.width, context, look.held(pane, keys))
        if pane == "risk":
            return risk.draw(view, look.width, look.height, context, look.held(pane, risk.natural(view)))
        two = look.plan.size is SizeClass.WIDE and look.height >= 2 * len(view.alerts)
        # With tabs, and the last ones on a wide screen, the rows left belong to the selected one's detail.
        rows = {SizeClass.MEDIUM: look.height, SizeClass.WIDE: look.height - DETAIL_ROWS}
        height = rows.get(look.plan.size, 0)
        return alerts.draw(view, look.width, context, two_lines=two, height=height)

    def ahead(self, pane: str, views: Mapping[str, object]) -> Iterator[Callable[[], None]]:
        view = views.get("desk")
        if pane == "funding" and isinstance(view, DeskView):
            for at in range(0, len(view.funding), ROWS_A_STEP):
                yield partial(funding.remember, view.funding[at : at + ROWS_A_STEP])

    def drawer(self, pane: str, key: str, look: Look) -> list[Line]:
        view = look.view("desk", DeskView)
        return [] if view is None else _DRAWERS[pane](view, key, look.width, look.context)

    def tab(self, pane: str, views: Mapping[str, object]) -> tuple[str, str]:
        view = views.get("desk")
        if not isinstance(view, DeskView):
            return ("", "muted")
        if pane == "positions":
            return (str(len(view.positions)), "muted")
        if pane == "funding":
            chances = view.cross.rows if view.cross is not None and not view.ranks else view.funding
            return (str(len(chances)), "muted")
        if pane == "risk":
            return risk.tab(view.risk)
        alarms, warnings, _ = alerts.counts(view)
        return (str(alarms + warnings), "*alarm" if alarms else "*warn" if warnings else "muted")

    def detail(self, pane: str, key: str, host: Host) -> bool:
        if pane != "alerts" or key.partition(":")[0] != "reconcile":
            return False
        host.open(ReconcileDialog)
        return True

    def strategy(self, pane: str, key: str, views: Mapping[str, object]) -> str:
        view = views.get("desk")
        if not isinstance(view, DeskView) or pane != "positions":
            return ""
        return next((p.strategy for p in view.positions if p.key == key), "")

    def instrument(self, pane: str, key: str, views: Mapping[str, object]) -> str:
        view = views.get("desk")
        if not isinstance(view, DeskView) or pane != "positions":
            return ""
        return next((p.instrument for p in view.positions if p.key == key), "")

    def legs(self, pane: str, key: str, views: Mapping[str, object]) -> tuple[str, ...]:
        view = views.get("desk")
        if not isinstance(view, DeskView) or pane != "funding":
            return ()
        return next(((row.short, row.long) for row in view.funding if funding.key_of(row) == key), ())
