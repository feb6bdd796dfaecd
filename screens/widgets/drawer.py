"""The detail drawer of the wide layouts: what the columns of the selected row had to leave out.

In the small layouts the drawer is the foot of the pane itself and always open.
"""

from __future__ import annotations

from screens import frame
from screens.frame import Content, Cursor, Row
from screens.ink import Line, Span
from screens.widgets.grid import LineGrid


class Drawer(LineGrid):
    def draw(self, title: str, lines: list[Line], width: int, height: int) -> None:
        content = Content(
            title=title,
            summary=((Span("enter", "*accent"), Span(" closes", "muted")),),
            rows=[Row([line]) for line in lines],
        )
        self.show(frame.draw(content, Cursor(), width, height, focused=True), width)
