"""What a key has changed goes to the terminal in the key's own turn.

Textual paints with a timer of the screen: up to 4 ms later at 240 frames/s, and behind whatever else has come
meanwhile: a step of a frame, a view that is decoded. A person waits for the key's own effect alone.
"""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from screens.widgets.grid import LineGrid


def paint(screen: Screen[Any]) -> bool:
    """Writes the cells that the line grids of the screen have changed. False = left to the screen's timer:
    nothing has, or the places change as well, or another screen lies above.
    """
    waits = (
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
    )
    if waits or not screen.is_current or screen.app._batch_count or screen in screen._dirty_widgets:
        return False
    compositor = screen._compositor
    changed = {
        widget
        for widget in compositor.visible_widgets
        if isinstance(widget, LineGrid) and widget._repaint_required and not widget._layout_required
    }
    if not changed:
        return False
    for widget in changed:
        widget._repaint_required = False
    compositor.update_widgets(changed | screen._dirty_widgets)
    screen._compositor_refresh()
    return True
