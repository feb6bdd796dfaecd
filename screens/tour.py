"""The tour of a first run: a walk over the real screens with their live data.

It is skipped by one key and never comes again by itself; `:tour` walks once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events

from screens.dialogs import Dialog
from screens.frame import Content, Row
from screens.ink import Span, Spans, flow, sides, wrap
from screens.keys import Key
from screens.paint import Paint
from screens.rooms import ROOMS
from screens.taking import Taking

TOLD = "tour"
"""What the memory calls it."""

_ON = ("enter", "space", "right")
_BACK = ("left", "backspace")


class TourDialog(Dialog):
    choices: ClassVar[dict[str, str]] = {"q": "no"}
    dims = False
    low = True

    def __init__(
        self, paint: Paint, clock: Callable[[], float], keys: Sequence[Key], go: Callable[[str], None]
    ) -> None:
        super().__init__(paint, clock)
        self._go = go
        self._steps = steps(keys)
        self.at = 0

    @property
    def count(self) -> int:
        return len(self._steps)

    def body(self, width: int) -> Content:
        title, text, named, _ = self._steps[self.at]
        lines = [*wrap(text, width), *(flow(named, width) if named else [])]
        content = Content(title=f"{title} ({self.at + 1} of {self.count})")
        content.rows = [Row([line]) for line in lines]
        last = self.at + 1 == self.count
        content.foot = [
            sides(
                (Span("enter", "*accent"), Span(" ends it" if last else " next  ", "muted"))
                + (() if last else (Span("←", "*accent"), Span(" back", "muted"))),
                (Span("n", "*accent"), Span(" skips the tour" if width > 40 else " skip", "muted")),
                width,
            )
        ]
        return content

    async def on_key(self, event: events.Key) -> None:
        if event.key in _ON:
            if self.at + 1 == self.count:
                self.post_message(self.Chose(self, "no"))
            else:
                self.step(1)
        elif event.key in _BACK:
            self.step(-1)
        else:
            return  # the dialog's own keys follow: n, esc, and H halts
        event.stop()
        event.prevent_default()

    def step(self, by: int) -> None:
        self.at = max(0, min(self.count - 1, self.at + by))
        self._go(self._steps[self.at][3])


Step = tuple[str, str, list[Spans], str]
"""(title, text, keys, the screen it is about)."""


def steps(keys: Sequence[Key]) -> list[Step]:
    """Made from the tables: a screen or a key that is new is in it."""
    first = ROOMS[0].name
    walk: list[Step] = [
        (
            "Five answers",
            "Under the top row, on every screen and always in the same place: may I trade, am I hedged, "
            "how far is liquidation, is this fresh, what needs me. All edges green: nothing to do.",
            [],
            first,
        )
    ]
    for entry in ROOMS:
        walk.append((entry.title, f"{entry.help}.", [_key(entry.key, "shows this screen")], entry.name))
    by_id = {key.id: key for key in keys}
    walk.append(
        (
            "Safety",
            "These three work on every screen, at once:",
            [_key(by_id[one].shown, by_id[one].help) for one in ("halt", "flatten", "resume")],
            first,
        )
    )
    walk.append(
        (
            "Typing",
            "Everything has a key and a name:",
            [
                _key(by_id[one].shown, by_id[one].word)
                for one in ("command", "palette", "help", "theme", "write", "quit")
            ],
            first,
        )
    )
    return walk


def _key(shown: str, text: str) -> Spans:
    return (Span(shown, "*accent"), Span(f" {text}", "muted"))


class Touring(Taking, inherit_bindings=False):
    _offered = False
    """It comes by itself once in a console's life at most."""

    def desk_came(self) -> None:
        super().desk_came()
        strip = self.strip
        if self._offered or not self.ui.tour or strip is None:
            return
        self._offered = True
        # Somebody who is called has no time for a walk: it comes at the next start then.
        if not strip.open_alarms and self.dialog is None and self.field is None:
            self.call_after_refresh(self.action_tour)

    def action_tour(self) -> None:
        self.open_dialog(TourDialog(self.paint, self.clock, self.keys, self._tour_to))

    def _tour_to(self, name: str) -> None:
        self.show_room(name)
        if self.dialog is not None:
            self.refocus()
            self.refresh(layout=True)
            self.draw_dialog()

    def close_dialog(self) -> None:
        toured = isinstance(self.dialog, TourDialog)
        super().close_dialog()
        if toured:
            self.show_room(ROOMS[0].name)
            if TOLD not in self.memory.told:
                self.memory.told.append(TOLD)
                self.remember()
            self.say("the tour: :tour walks once more")

    def alarm_opened(self) -> None:
        """The tour gives way to an alarm."""
        super().alarm_opened()
        if isinstance(self.dialog, TourDialog):
            self.close_dialog()
