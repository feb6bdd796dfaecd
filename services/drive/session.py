"""Opens what one virtual-time engine stands on: store, latch, world, exchange, desk; and closes it in order.

Start-up is recovery (DESIGN 2): the desk comes back from its journal, the exchange from its own log.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from services.desk.desk import Desk
from services.domain.events import Command
from services.domain.instrument import venue_of
from services.drive.queue import VirtualQueue
from services.drive.rebuild import world_instance
from services.drive.standing import SessionNote, Standing
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.venues.sim.depth import Level, levels
from services.venues.sim.exchange import SimExchange, build_exchange
from services.venues.sim.world import World

if TYPE_CHECKING:
    from services.venues.history.history import HistorySource


class Session(Standing):
    """One run's standing parts. `open` may raise StoreError, OSError, WorldMismatch, ValueError."""

    def __init__(
        self,
        layout: StateLayout,
        world: World,
        settings: Settings,
        code: str,
        *,
        history: HistorySource | None = None,
        durable: bool = True,
    ) -> None:
        """`durable=False`: a history run without `--journal` keeps nothing and starts at the beginning."""
        super().__init__(layout, settings, code, wall_time=False)
        self.world = world
        self.history = history
        self.durable = durable
        # A history that is journaled is there to be replayed, from its first day on.
        self.prunes = history is None

    def open(self, note: SessionNote) -> None:
        """Everything up to the first event, which `first_events` gives."""
        instance = world_instance(self.world)
        instruments = {each.id: each for each in self.world.instruments}
        if self.durable:
            instance = self.recover(self.world.canonical, note.started)
        state = self.restored.state if self.restored is not None else None
        resume_at = state.now if state is not None and state.now else None
        self.queue = VirtualQueue(resume_at if resume_at is not None else self.world.start)
        self.exchange: SimExchange = build_exchange(
            self.world,
            self.layout.exchange if self.durable else None,
            self.queue,
            resume_at,
            self.history,
        )
        self.queue.now = max(self.queue.now, self.exchange.now)
        self.desk = Desk(self.settings, instruments, state, instance=instance)
        if self.durable:
            self.begin_journal(instance, note, self.world.instruments, _facts(self.world))

    def first_events(self, commands: tuple[Command, ...] = ()) -> None:
        """Queue what a start begins with, then `commands`, then the market opens."""
        self.queue_start()
        now = self.queue.now
        for command in commands:
            self.queue.deliver(now, command)
        self.exchange.start(now)

    def depth(self, instrument: str, count: int) -> tuple[list[Level], list[Level]] | None:
        """The exchange's book as anybody sees it, best first; None = no such instrument."""
        venue = self.exchange.venues.get(venue_of(instrument))
        if venue is None or instrument not in venue.floor.books:
            return None
        return levels(venue.floor, instrument, count)

    def close(self) -> bool:
        """Flush and close, the exchange last. False = something could not be written."""
        written = self.close_books()
        return self.exchange.close() and written

    def beside(self) -> str:
        """The simulated exchange's own log: it goes on without the disk with what leads out of risk."""
        found = self.exchange.unwritten()
        return found and f"the simulated exchange, {found}"


def _facts(world: World) -> dict[str, object]:
    """What `world.json` says, without the instruments, which stand beside it."""
    facts: dict[str, object] = msgspec.to_builtins(world)
    facts.pop("instruments", None)
    return facts


def world_folder_parts(layout: StateLayout) -> tuple[Path, ...]:
    """What belongs to a world and goes aside with it."""
    store = layout.store
    return (
        layout.exchange,
        store,
        store.with_name(store.name + "-wal"),
        store.with_name(store.name + "-shm"),
        layout.instances,
        layout.latch,
    )
