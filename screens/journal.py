"""Screen 7, Journal: decisions, commands, refusals and orders as they happen; the chain of one row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from screens import layout
from screens.draw import journal
from screens.frame import Content
from screens.ink import Line
from screens.layout import Rect, SizeClass
from screens.room import Host, Look, PaneSpec, Room
from services.views.journal import KINDS, JournalView, topic_of


class JournalRoom(Room):
    name = "journal"
    panes: ClassVar[tuple[PaneSpec, ...]] = (
        PaneSpec(
            "rows",
            "Journal",
            sorts=journal.SORTS,
            columns=journal.NAMES,
            telling=True,
            keyed=lambda _, row: str(row.seq),
        ),
        PaneSpec("chain", "Chain", detail=False, keyed=lambda _, row: f"chain {row.seq}"),
    )
    steers: ClassVar[frozenset[str]] = frozenset({"rows"})

    def __init__(self) -> None:
        self.view: JournalView | None = None
        """The last one: it stands until the engine has answered another question."""
        self.kind = KINDS[0]
        self.about = ""

    def topics(self) -> tuple[str, ...]:
        return (topic_of(self.kind, self.about),)

    def places(self, size: SizeClass, body: Rect, views: Mapping[str, object]) -> dict[str, Rect]:
        if size is SizeClass.WIDE:
            return layout.beside(body, {"rows": 58, "chain": 42})
        return layout.stacked(body, {"rows": body.height * 55 // 100, "chain": 0})

    def ready(self, views: Mapping[str, object]) -> bool:
        return self.view is not None or super().ready(views)

    def draw(self, pane: str, look: Look) -> Content:
        view = look.view("journal", JournalView) or self.view
        if view is None:
            return Content(title="")
        self.view = view
        if pane == "chain":
            return journal.chain(view, self.about, look.width, look.context)
        return journal.rows(view, look.width, look.context)

    def drawer(self, pane: str, key: str, look: Look) -> list[Line]:
        return journal.drawer(self.view, key, look.width) if pane == "rows" and self.view is not None else []

    def tab(self, pane: str, views: Mapping[str, object]) -> tuple[str, str]:
        if pane == "rows" and self.kind != KINDS[0]:
            return (self.kind, "accent")
        return ("", "muted")

    def chose(self, pane: str, key: str) -> None:
        if pane == "rows" and key and self.view is not None:
            self.about = next((one.subject for one in self.view.rows if str(one.seq) == key), self.about)

    def act(self, action: str, host: Host, pane: str, key: str) -> None:
        if action == "kind":
            self.kind = KINDS[(KINDS.index(self.kind) + 1) % len(KINDS)]
            host.say(f"journal: {self.kind}")
            host.redraw()
