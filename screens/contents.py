"""What each pane of a room shows: filters, orders, its foot; rows do not move under the cursor.

The drawing itself is the room's. Whatever goes wrong in one pane stays in that pane.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from msgspec import Struct, field, structs

from screens.draw.context import Context
from screens.frame import INSET, Content, Row, aged
from screens.ink import Line, Span, Spans, wrap
from screens.layout import Plan, Rect
from screens.room import Look, PaneSpec, Room

STILL_S = 2.0
"""Rank changes wait until no key came for so long …"""
RERANK_S = 5.0
"""… and are at most this often."""

_LEAST_ROWS = 4
"""Rows a pane keeps when its foot opens."""


class Contents(Struct):
    room: Room
    needles: dict[str, str] = field(default_factory=dict)
    sorts: dict[str, str] = field(default_factory=dict)
    """The chosen order by pane; missing = its own."""
    hidden: dict[str, frozenset[str]] = field(default_factory=dict)
    """Columns that a person hides, by pane."""
    expanded: bool = False
    """The foot takes what it needs instead of what is left."""
    selected: dict[str, str] = field(default_factory=dict)
    """Key of the selected row by pane, as last drawn."""
    _orders: dict[str, tuple[list[str], float]] = field(default_factory=dict)
    _chosen: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    """Order and rows of the panes that a person sorts."""
    _touched: float = -1e9
    _now: float = 0.0

    def spec(self, pane: str) -> PaneSpec:
        return next(spec for spec in self.room.panes if spec.name == pane)

    def sort(self, pane: str) -> str:
        chosen = self.sorts.get(pane, "")
        return chosen if any(chosen in spec.sorts for spec in self.room.panes if spec.name == pane) else ""

    def next_sort(self, pane: str) -> str:
        names = self.spec(pane).sorts
        self.sorts[pane] = names[(names.index(self.sort(pane)) + 1) % len(names)]
        return self.sort(pane)

    def touched(self, now: float) -> None:
        """A key was pressed: rows stay where they are for a while."""
        self._touched = now

    def at(self, now: float) -> None:
        self._now = now

    def build(
        self,
        pane: str,
        views: Mapping[str, object],
        plan: Plan,
        rect: Rect,
        context: Context,
        key: str,
    ) -> Content:
        spec = self.spec(pane)
        look = self.look(pane, views, plan, rect, context, key)
        if not self.room.ready(views):
            content, known = Content(title=spec.title), False  # `unready` has its words
        else:
            known = True
            try:
                content = self.room.draw(pane, look)
            except ArithmeticError as error:
                # One figure that is no number must not take the other panes and the safety keys with it.
                return _undrawable(spec, look.width, error)
        if plan.tabs:
            content.tabs = self._tabs(views, pane)
            more: Spans = (Span("tab ", "muted"), Span("›", "muted"))
            if len(self.room.panes) > 1:
                own = content.summary if spec.telling else ()
                content.summary = (*((*words, Span("   ", "muted"), *more) for words in own if words), more)
        if known and (plan.tabs or plan.size in spec.foot):
            self._foot(content, pane, look, key)
        self._mark(content, pane)
        return content

    def look(
        self, pane: str, views: Mapping[str, object], plan: Plan, rect: Rect, context: Context, key: str
    ) -> Look:
        selected = self.selected | {pane: key}
        if context.sort:
            context = structs.replace(context, hold=partial(self.settled, pane))
        return Look(views, rect.width - INSET, rect.height - 2, plan, context, selected, self.held)

    def held(self, pane: str, keys: list[str]) -> list[str]:
        """The order shown: the present one, once nobody touched a key and the last change is old enough."""
        order, changed = self._orders.get(pane, ([], -1e9))
        still = self._now - self._touched >= STILL_S
        if not order or (keys != order and still and self._now - changed >= RERANK_S):
            self._orders[pane] = (keys, self._now)
            return keys
        return order

    def settled(self, pane: str, keys: list[str]) -> list[str]:
        """`held`, of an order that a person chose: another order, or other rows, hold at once."""
        how, slot = (self.sort(pane), frozenset(keys)), f"{pane} sorted"
        if self._chosen.get(pane) != how:
            self._chosen[pane] = how
            self._orders.pop(slot, None)
        return self.held(slot, keys)

    def _tabs(self, views: Mapping[str, object], active: str) -> tuple[tuple[str, str, str, bool], ...]:
        out = []
        for spec in self.room.panes:
            count, ink = self.room.tab(spec.name, views)
            here = spec.name == active
            out.append((spec.tab or spec.title, count, "accent" if here and ink == "muted" else ink, here))
        return tuple(out)

    def _foot(self, content: Content, pane: str, look: Look, key: str) -> None:
        """The drawer at the foot of the pane: in the rows left, or as far as asked."""
        keys = [row.key for row in content.rows if row.key]
        key = key if key in keys else keys[0] if keys else ""
        lines = self.drawer(pane, key, look)
        if not lines:
            return
        used = len(content.head) + sum(row.height for row in content.rows)
        left = look.height - used - 1
        if self.expanded:
            left = max(left, look.height - len(content.head) - _LEAST_ROWS - 1)
        if not look.plan.tabs or left >= 1:
            content.foot = lines[: max(0, left)]

    def drawer(self, pane: str, key: str, look: Look) -> list[Line]:
        try:
            return self.room.drawer(pane, key, look)
        except ArithmeticError as error:
            text = f"A figure of this row is no number ({type(error).__name__})."
            return wrap(text, look.width, "*alarm")

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
        """The engine is silent, or nobody asked for this view for a while: what is shown is the past."""
        return aged(content, ((Span(f"○ {silence} old", "*alarm"),),))


def _undrawable(spec: PaneSpec, width: int, error: ArithmeticError) -> Content:
    text = f"A figure of this pane is no number ({type(error).__name__}). The engine goes on; F and H work."
    rows = [Row([line]) for line in wrap(text, width, "*alarm")]
    return Content(title=spec.tab or spec.title, rows=rows, alarm=True)
