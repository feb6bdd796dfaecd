"""How far a long reading is: a bar on a terminal's stderr, for whatever takes more than a second."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

AFTER_S = 1.0
"""What is done sooner shows no bar."""


class Bar:
    """Called with (rows done, rows in all). Nothing is drawn where stderr is no terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = time.monotonic()
        self._shows = sys.stderr.isatty()
        self._drawn: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn is not None:
            self._drawn[0].stop()

    def __call__(self, done: int, last: int) -> None:
        if not self._shows:
            return
        if self._drawn is None:
            if time.monotonic() - self._began < AFTER_S:
                return
            self._drawn = self._begun(last)
        bar, task = self._drawn
        bar.update(task, completed=done, total=last)

    def _begun(self, last: int) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import Progress

        bar = Progress(console=Console(stderr=True), transient=True)
        bar.start()
        return bar, bar.add_task(self._what, total=last)
