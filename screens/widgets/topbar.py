"""The top row."""

from __future__ import annotations

from screens.draw import topbar
from screens.widgets.grid import LineGrid
from services.views.strip import StripView


class TopBar(LineGrid):
    def draw(
        self,
        strip: StripView | None,
        width: int,
        typing: bool,
        read_only: bool,
        profile: str,
        room: str,
        *,
        past: bool,
    ) -> None:
        self.show([topbar.draw(strip, width, typing, read_only, profile, room, past=past)], width)
