"""What the store's thread sleeps at. A condition is rung through five functions of Python, and a hedge waits
for them; this is rung by one call of C, `put`."""

from __future__ import annotations

import queue
from contextlib import suppress


class Bell(queue.SimpleQueue[None]):
    """Many may ring, one waits. A ring while nobody waits is heard by the next wait."""

    def wait(self, seconds: float) -> None:
        with suppress(queue.Empty):
            self.get(timeout=seconds)

    def still(self) -> None:
        """Whoever has rung so far has been heard."""
        while not self.empty():
            self.get_nowait()
