"""What the driver needs of the rooms it joins, so that tests and benches can stand in for each.

The keeper is the store's and the latch's side: it hears every input and every effect in order, and says
when all of it is on disk.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Protocol

from services.domain.effects import Effect, WriteLatch
from services.domain.events import Event
from services.domain.records import Row


class DeskPort(Protocol):
    """The desk as the driver sees it."""

    def decide(self, event: Event) -> tuple[Effect, ...]:
        """The first half of a turn; its effects are carried out before `follow` is called."""

    def follow(self) -> tuple[Effect, ...]:
        """The second half."""

    def overran(self) -> str | None:
        """The strategy that the watchdog broke off during the last call, once; None = none."""


class Keeper(Protocol):
    def input(self, event: Event) -> None:
        """Journal an input, before it is handled."""

    def effect(self, effect: Effect) -> None:
        """Journal an effect, in the order returned."""

    def record(self, row: Row) -> None:
        """Keep a row in its table."""

    def commit(self) -> Future[Any]:
        """Make everything so far durable; the future carries the store's OSError when it cannot."""

    def lend(self) -> None:
        """Right after a commit somebody waits for: let it reach the disk before anything else is done. It
        waits a moment at most."""

    def latch(self, effect: WriteLatch) -> str | None:
        """Write the latch now; the error's text when that failed."""


class NullKeeper:
    """Keeps nothing: for benches and for runs whose journal nobody asked for."""

    def input(self, event: Event) -> None:
        return

    def effect(self, effect: Effect) -> None:
        return

    def record(self, row: Row) -> None:
        return

    def commit(self) -> Future[None]:
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def lend(self) -> None:
        return

    def latch(self, effect: WriteLatch) -> str | None:
        return None
