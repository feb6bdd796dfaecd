"""The bar of a long reading: on a terminal, after a second, and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest

from console import progress
from console.progress import Bar


class Screen(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("terminal", "after", "drawn"), [(True, 0.0, True), (True, 60.0, False), (False, 0.0, False)]
)
def test_a_bar_is_drawn_on_a_terminal_for_what_takes_long(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, after: float, drawn: bool
) -> None:
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "AFTER_S", after)
    monkeypatch.setenv("TERM", "xterm-256color")
    with Bar("checking") as tell:
        for done in range(1, 51):
            tell(done, 100)
    assert ("checking" in screen.getvalue()) is drawn
    assert ("50%" in screen.getvalue()) is drawn
