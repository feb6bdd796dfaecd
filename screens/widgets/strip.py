"""The answer bar. Its one permitted motion: 600 ms of reverse on NEEDS ME when a new alarm opens."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message

from screens.draw import strip
from screens.draw.answer import Answer
from screens.later import after
from screens.widgets.grid import LineGrid

FLASH_S = 0.6


class AnswerBar(LineGrid):
    class Chosen(Message):
        """A cell was clicked; 0 TRADE to 4 NEEDS ME."""

        def __init__(self, cell: int) -> None:
            super().__init__()
            self.cell = cell

    flash = False
    _answers: Sequence[Answer] = ()
    _rows = 4

    def draw(self, answers: Sequence[Answer], width: int, rows: int) -> None:
        self._answers, self._rows = answers, rows
        self.show(strip.draw(answers, width, rows, self.flash), width)

    def alarm_opened(self) -> None:
        """Draws attention once; the next `draw` shows it, and a timer ends it."""
        self.flash = True
        after(self, FLASH_S, self._calm)

    def _calm(self) -> None:
        self.flash = False
        if self._answers:
            self.draw(self._answers, self._drawn_width, self._rows)

    def on_click(self, event: events.Click) -> None:
        if self.size.width:
            self.post_message(self.Chosen(min(4, event.x * 5 // self.size.width)))
