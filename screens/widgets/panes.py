"""A pane of the desk: what it shows, where its cursor stands, what its keys and the mouse do to it.

It holds no view and knows no other pane: content comes in, messages go up.
"""

from __future__ import annotations

from textual import events
from textual.message import Message

from screens import frame
from screens.frame import Content, Cursor
from screens.paint import Paint
from screens.widgets.grid import LineGrid


class Pane(LineGrid, can_focus=True):
    class Selected(Message):
        """The cursor went to another row (already painted)."""

        def __init__(self, pane: Pane) -> None:
            super().__init__()
            self.pane = pane

    class Opened(Message):
        """A second click on the selected row, or enter."""

        def __init__(self, pane: Pane) -> None:
            super().__init__()
            self.pane = pane

    class Focused(Message):
        def __init__(self, pane: Pane) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, name: str, paint: Paint) -> None:
        super().__init__(paint, id=name)
        self.pane_name = name
        self.content = Content(title=name)
        self.cursor = Cursor()
        self.pinned = False
        """A person went to another row than the first: the cursor stays with that row wherever it goes."""
        self._height = 0
        self._lit = False
        """It has the focus: `has_focus` itself is set only after `on_focus` has run."""

    def draw(self, content: Content, width: int, height: int) -> None:
        self.content = content
        self.cursor.settle(content)
        self._height = height
        self._draw(width)

    def move(self, by: int) -> None:
        self.cursor.move(self.content, by)
        self._pin()
        self._draw(self._drawn_width)
        self.post_message(self.Selected(self))

    def page(self) -> int:
        """Rows that one page key passes."""
        return max(1, self._height - 5)

    def select(self, key: str) -> None:
        self.cursor.key = key
        self._pin()
        self._draw(self._drawn_width)
        self.post_message(self.Selected(self))

    def rest(self, left_alone: bool) -> None:
        """Back to the first row, if nobody chose another and nobody is in the pane: what ranks first must not
        scroll out of sight behind a row that only happened to be first when the pane was opened."""
        if left_alone and not self.pinned:
            self.cursor.key = ""

    def _pin(self) -> None:
        first = next((row.key for row in self.content.rows if row.key), "")
        self.pinned = self.cursor.key != first

    def _draw(self, width: int) -> None:
        self.show(frame.draw(self.content, self.cursor, width, self._height, self._lit), width)

    def on_focus(self) -> None:
        self._lit = True
        self._draw(self._drawn_width)
        self.post_message(self.Focused(self))

    def on_blur(self) -> None:
        self._lit = False
        self._draw(self._drawn_width)

    def on_click(self, event: events.Click) -> None:
        key = frame.row_at(self.content, self.cursor, event.y)
        if key and key == self.cursor.key:
            self.post_message(self.Opened(self))
        elif key:
            self.select(key)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move(-1)
