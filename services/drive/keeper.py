"""The driver's keeper on a real store: journal chain, record tables and latch behind one face (`drive.ports`)."""

from __future__ import annotations

from concurrent.futures import Future

from services.domain.effects import Effect, WriteLatch
from services.domain.events import Event
from services.domain.records import Row
from services.drive.latch import Latch
from services.store.journal import JournalWriter
from services.store.writer import StoreFact, StoreWriter


class StoreKeeper:
    """Rows reach the writer in the order of these calls, so the disk holds a prefix of what happened."""

    def __init__(self, writer: StoreWriter, journal: JournalWriter | None, latch: Latch) -> None:
        """`journal` None: a history run whose journal nobody asked for; its records are kept all the same."""
        self._writer = writer
        self._journal = journal
        self._latch = latch
        self._ts = 0

    def input(self, event: Event) -> None:
        self._ts = event.ts
        if self._journal is not None:
            self._journal.input(event)

    def effect(self, effect: Effect) -> None:
        if self._journal is not None:
            self._journal.decision(effect, self._ts)

    def record(self, row: Row) -> None:
        self._writer.record(row)

    def checkpoint(self, ts: int, state: bytes) -> None:
        """The whole desk state, between two events: where a recovery or a replay may start."""
        if self._journal is not None:
            self._journal.checkpoint(ts, state)

    def commit(self) -> Future[None]:
        """Everything so far durable; fails with StoreTrouble (an OSError) when the store cannot."""
        answer: Future[None] = Future()

        def done(inner: Future[int]) -> None:
            error = inner.exception()
            if not answer.set_running_or_notify_cancel():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(None)

        self._writer.commit_intent(0).add_done_callback(done)
        return answer

    def latch(self, effect: WriteLatch) -> str | None:
        """Write the latch now; the error's text when that failed."""
        try:
            self._latch.write(effect.state.value, effect.cause, effect.text, effect.ts)
        except OSError as error:
            return f"the latch cannot be written: {error}"
        return None

    def facts(self) -> list[StoreFact]:
        """Changes of the store's health since the last call: each becomes a `StoreHealth` input."""
        return self._writer.facts()

    def close(self, timeout_s: float) -> bool:
        """Seal the journal and write what waits. False = not all of it reached the disk."""
        if self._journal is not None:
            self._journal.seal()
        return self._writer.close(timeout_s)
