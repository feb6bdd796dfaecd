"""The queue of a served account: it says when a frame of the market is cut, which is before it arrives."""

from __future__ import annotations

from collections.abc import Callable

from services.domain.events import Event, MarketFrame
from services.drive.queue import VirtualQueue


class CutQueue(VirtualQueue):
    """Tells when a frame is cut, which is before it arrives: what it shows is the market of that instant."""

    __slots__ = ("on_cut",)

    def __init__(self, now: int, on_cut: Callable[[str], None]) -> None:
        super().__init__(now)
        self.on_cut = on_cut

    def deliver(self, due: int, event: Event) -> None:
        if isinstance(event, MarketFrame):
            self.on_cut(event.venue)
        super().deliver(due, event)
