"""What a venue over sockets has under way: requests and readers as tasks of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger("stableconsole.venues")

CLOSE_S = 2.0
"""What is under way at a close is given so long."""


class Work:
    """One venue's tasks. An exception out of one is a fault of ours: nobody knows what it has left undone, so
    the venue counts as lost, and `lost` hears why.
    """

    def __init__(self, name: str, lost: Callable[[str], None]) -> None:
        self._name = name
        self._lost = lost
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def finish(self, timeout_s: float) -> None:
        """What is under way is given its end; what has none within the time is cancelled."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: %s", self._name, error, exc_info=error)
            self._lost(f"internal error: {type(error).__name__}")


async def raised(error: Exception) -> None:
    """An exception out of a hand-over, in the task's own time: `Work` tells of it."""
    raise error
