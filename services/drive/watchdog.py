"""The watchdog (signatures first): engine side. The process side is `python -P -m services.drive.watchdog`."""

from __future__ import annotations
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class StrategyOverran(BaseException):
    """A strategy call lasted longer than its limit and was broken off."""


class Watchdog:
    def __init__(self, latch: Path, *, call_ms: int = 500, heartbeat_s: float = 5.0) -> None: ...
    def start(self) -> None:
        """Spawn it, install the SIGUSR1 handler and faulthandler. Main thread only. Armed by the first beat."""

    def beat(self, ts: int) -> None:
        """At least once a second from the main loop; `ts` is the desk's time, for the latch."""

    def guard(self, call: Callable[[], T]) -> T:
        """Run one strategy call; raises StrategyOverran after `call_ms`."""
        raise NotImplementedError

    def alive(self) -> bool:
        raise NotImplementedError

    def stop(self) -> None:
        """Clean end: it goes away without a word."""
