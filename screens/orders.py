"""Screen 3, Orders: what works and what is in doubt, what became of the last ones, the fills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from screens.draw import orders
from screens.frame import Content
from screens.ink import Line
from screens.layout import Rect, SizeClass, stacked
from screens.room import Host, Look, PaneSpec, Room
from services.views.orders import OrdersView


class OrdersRoom(Room):
    name = "orders"
    panes: ClassVar[tuple[PaneSpec, ...]] = (
        PaneSpec(
            "working", "Working", sorts=orders.SORTS, columns=orders.ORDER_NAMES, keyed=lambda _, row: row.id
        ),
        PaneSpec(
            "recent", "Ended", sorts=orders.SORTS, columns=orders.ORDER_NAMES, keyed=lambda _, row: row.id
        ),
        PaneSpec(
            "fills", "Fills", sorts=orders.SORTS, columns=orders.FILL_NAMES, keyed=lambda _, row: row.key
        ),
    )

    def topics(self) -> tuple[str, ...]:
        return ("orders",)

    def places(self, size: SizeClass, body: Rect, views: Mapping[str, object]) -> dict[str, Rect]:
        view = views.get("orders")
        rows = len(view.working) if isinstance(view, OrdersView) else 0
        top = max(7, min(rows + 3, body.height * 45 // 100))
        # Below one another at every size: why an order was refused needs the whole width.
        recent = (body.height - top) * (60 if size is SizeClass.WIDE else 50) // 100
        return stacked(body, {"working": top, "recent": recent, "fills": 0})

    def shape(self, views: Mapping[str, object]) -> object:
        view = views.get("orders")
        return len(view.working) if isinstance(view, OrdersView) else 0

    def draw(self, pane: str, look: Look) -> Content:
        view = look.view("orders", OrdersView)
        if view is None:
            return Content(title="")
        if pane == "fills":
            return orders.fills(view, look.width, look.context)
        return orders.orders(view, pane, look.width, look.context)

    def drawer(self, pane: str, key: str, look: Look) -> list[Line]:
        view = look.view("orders", OrdersView)
        return [] if view is None else orders.drawer(view, pane, key, look.width)

    def tab(self, pane: str, views: Mapping[str, object]) -> tuple[str, str]:
        view = views.get("orders")
        if not isinstance(view, OrdersView):
            return ("", "muted")
        if pane == "working":
            doubt = sum(r.doubt for r in view.working)
            return (f"{doubt} in doubt", "*alarm") if doubt else (str(len(view.working)), "muted")
        return (str(len(view.recent if pane == "recent" else view.fills)), "muted")

    def act(self, action: str, host: Host, pane: str, key: str) -> None:
        if action != "cancel_order":
            return
        view = host.view("orders")
        rows = view.working if isinstance(view, OrdersView) else ()
        found = next((r for r in rows if r.id == key), None)
        if pane != "working" or found is None:
            host.say("c cancels the selected working order; tab goes to them")
        elif found.foreign:
            host.say("not ours: cancel it at the venue", "*warn")
        elif found.protective:
            host.say("it protects a position: flatten closes that, nothing else takes it away", "*warn")
        else:
            host.send("cancel", {"what": found.id}, f"cancelling {found.id[-8:]} …")

    def instrument(self, pane: str, key: str, views: Mapping[str, object]) -> str:
        view = views.get("orders")
        if not isinstance(view, OrdersView):
            return ""
        if pane == "fills":
            return next((r.instrument for r in view.fills if r.key == key), "")
        return next((r.instrument for r in (*view.working, *view.recent) if r.id == key), "")
