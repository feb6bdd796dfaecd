"""The keeper over a real store: journal chain, tables and latch behind the driver's port."""

from __future__ import annotations

from concurrent.futures import Future

from services.domain.effects import Effect, WriteLatch
from services.domain.events import Event
from services.domain.records import Row
from services.drive.latch_sync import LatchWriter
from services.store.journal import JournalWriter
from services.store.writer import StoreWriter


class StoreKeeper:
    """Everything goes through one writer, so that the disk always holds a prefix of what happened."""

    def __init__(self, writer: StoreWriter, journal: JournalWriter, latch: LatchWriter) -> None:
        self._writer = writer
        self._journal = journal
        self._latch = latch
        self._ts = 0
        self._commits = 0

    def input(self, event: Event) -> None:
        self._ts = max(self._ts, event.ts)
        self._journal.input(event)

    def effect(self, effect: Effect) -> None:
        self._journal.decision(effect, self._ts)

    def record(self, row: Row) -> None:
        self._writer.record(row)

    def commit(self) -> Future[int]:
        self._journal.seal()
        self._commits += 1
        return self._writer.commit_intent(self._commits)

    def lend(self) -> None:
        self._writer.lend()

    def latch(self, effect: WriteLatch) -> str | None:
        scopes = tuple((each.cause, each.scope, each.text) for each in effect.scopes)
        return self._latch.write(effect.state.value, effect.cause, effect.text, effect.ts, scopes)
