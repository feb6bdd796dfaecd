"""What every engine stands on, whatever moves its time: latch, store, journal and desk (RUNTIME 1, 4).

Start-up is recovery (DESIGN 2): the desk comes back from its journal, and the first thing it does is to read
every venue.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from services.desk.desk import Desk
from services.domain.enums import TradingState
from services.domain.events import LatchFound, Timer
from services.domain.instrument import Instrument
from services.domain.scopes import ScopeHalt
from services.domain.store_events import StoreRebuilt
from services.drive.daily import DailySummary
from services.drive.keeper import StoreKeeper
from services.drive.latch import Latch
from services.drive.latch_sync import LatchWriter
from services.drive.ports import Keeper, NullKeeper
from services.drive.queue import VirtualQueue
from services.drive.rebuild import Rebuilt, open_or_rebuild
from services.drive.recover import Restored
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.store.facts import StoreFact
from services.store.journal import JOURNAL_SCHEMA, JournalWriter, SessionStarted
from services.store.reader import StoreReader
from services.store.writer import StoreWriter

CHECKPOINT_NS = 3_600_000_000_000
"""A checkpoint of the desk every hour of its time: a recovery replays at most that much."""

HOUR_NS = 3_600_000_000_000

LAST_TRY_S = 1.0
"""A stop waits this long for a disk that has taken nothing, before it says what is not written."""
START_PATIENCE_S = 5.0
"""How long a start waits for its own row to be durable."""


class SessionNote(Struct, frozen=True, kw_only=True):
    """Of the wall: stored beside the session's row and never hashed."""

    pid: str
    speed: str
    state_dir: str
    started: str = ""
    """UTC, `20261125T185558Z`: also in the name of a damaged store that is set aside."""


class Standing:
    """One run's standing parts; who owns the venues is told by the classes over it."""

    desk: Desk
    queue: VirtualQueue

    def __init__(self, layout: StateLayout, settings: Settings, code: str, *, wall_time: bool) -> None:
        """`wall_time`: nothing stands still for the disk, so a slow one is trouble."""
        self.layout = layout
        self.settings = settings
        self.code = code
        self.wall_time = wall_time
        self.prunes = True
        """Inputs older than `engine.keep_inputs_h` lose their payload."""
        self.restored: Restored | None = None
        self.rebuilt: Rebuilt | None = None
        self.writer: StoreWriter | None = None
        self.journal: JournalWriter | None = None
        self._latch: Latch | None = None
        self.latching: LatchWriter | None = None
        self.keeper: Keeper = NullKeeper()
        self._checkpoint_at = 0
        self._daily: DailySummary | None = None
        self.rested = False
        """The last event was handled whole and none comes any more: the run has ended by itself."""
        self._beside = False
        """Books beside the store were in trouble when asked last."""

    def recover(self, seed: bytes, stamp: str) -> str:
        """Latch and store; the instance of this store's ids. `seed`: a new store's instance is drawn of it.

        Raises StoreError, OSError.
        """
        # The latch first: whatever else fails, a halt from before is known.
        self._latch = Latch(self.layout.latch)
        opened = open_or_rebuild(self.layout, seed, stamp)
        self.restored, self.rebuilt = opened.restored, opened.rebuilt
        return opened.instance

    def begin_journal(
        self, instance: str, note: SessionNote, instruments: tuple[Instrument, ...], world: dict[str, Any]
    ) -> None:
        """The writer, and the row of this start. `world`: where it trades, without any secret."""
        engine = self.settings.engine
        self.writer = StoreWriter(
            self.layout.store,
            bulk_max=engine.bulk_lane_max,
            critical_max=engine.critical_lane_max,
            critical_age_s=engine.critical_lane_age_s,
            wait_when_full=not self.wall_time,
            watch_slow=self.wall_time,
        )
        reader = StoreReader(self.layout.store)
        head = reader.head()
        days = reader.daily()
        reader.close()
        self.writer.start()
        for row in self.restored.unwritten if self.restored is not None else ():
            self.writer.record(row)
        self.journal = JournalWriter(self.writer.journal, seq=head.seq, head=head.hash)
        self.journal.session(
            SessionStarted(
                schema=JOURNAL_SCHEMA,
                code=self.code,
                profile=self.settings.profile,
                mode=self.settings.mode,
                settings=msgspec.to_builtins(self.settings),
                instruments=instruments,
                world=world,
                instance=instance,
                ts=self.queue.now,
                state=self.desk.export() if self.restored is not None else b"",
            ),
            msgspec.to_builtins(note),
        )
        # On disk before the first event: an engine that is killed at once and started again would draw the
        # ids of this one. A disk that does not answer must not keep it from protecting positions.
        self.writer.flush(START_PATIENCE_S)
        if self._latch is not None:
            self.latching = LatchWriter(self._latch)
            self.keeper = StoreKeeper(self.writer, self.journal, self.latching)
        self._checkpoint_at = self.queue.now + CHECKPOINT_NS
        lived = self.desk.state.now or self.queue.now
        self._daily = DailySummary(self.desk.core, self.journal, self.writer, lived, days)

    def queue_start(self) -> None:
        """Queue what every start begins with: `start`, the latch's word, what became of the store.

        `start` first: it puts in doubt whatever may have been sent before the end. A halt that came before
        it would take such orders for unsent, deny them, and cut legs that are whole.
        """
        now = self.queue.now
        self.queue.deliver(now, Timer(name="start", ts=now))
        if self._latch is not None:
            found = self._latch.read()
            if found.state != TradingState.ACTIVE.value or found.scopes:
                self.queue.deliver(
                    now,
                    LatchFound(
                        state=TradingState(found.state),
                        cause=found.cause,
                        text=found.text,
                        since=found.ts,
                        ts=now,
                        scopes=tuple(ScopeHalt(*each) for each in found.scopes),
                    ),
                )
        if self.rebuilt is not None:
            # After the latch's word: what this writes to the latch must not be milder than what stands there.
            told = self.rebuilt
            self.queue.deliver(
                now, StoreRebuilt(found=told.found, aside=told.aside, former=told.former, ts=now)
            )

    def handled(self, now: int) -> None:
        """After each event: a checkpoint and a day's summary when it is time."""
        if self._daily is not None and now >= self._daily.due:
            self._daily.close_day(now)
        if self.journal is not None and now >= self._checkpoint_at:
            self._checkpoint_at = now + CHECKPOINT_NS
            self.journal.checkpoint(now, self.desk.export())
            keep_h = self.desk.core.settings.engine.keep_inputs_h
            if self.prunes and keep_h and self.writer is not None:
                self.writer.prune(now - keep_h * HOUR_NS)

    def beside(self) -> str:
        """What is wrong with the writing of books beside the store; empty = nothing, or there are none."""
        return ""

    def trouble(self) -> str:
        """What is wrong with writing now, whatever the books; empty = nothing."""
        return ("" if self.writer is None else self.writer.trouble()) or self.beside()

    def owed(self) -> str:
        """Tries again: what waits in memory for a disk that takes nothing, and why; empty = nothing."""
        if self.writer is not None and self.writer.trouble():
            self.writer.flush(LAST_TRY_S)
        trouble = self.trouble()
        rows = 0 if self.writer is None else self.writer.waiting
        return f"{rows:,} rows, {trouble}" if trouble and rows else trouble

    def facts(self) -> list[StoreFact]:
        """Changes of health of everything that is written here, since the last call."""
        found = [] if self.writer is None else self.writer.facts()
        beside = self.beside()
        if beside:
            # The store's own recovery is no news while other books cannot be written.
            found = [fact for fact in found if not fact.ok]
        if beside and not self._beside:
            found.append(StoreFact(False, "beside", beside))
        elif self._beside and not beside and not self.trouble():
            found.append(StoreFact(True, "ok", "what was only in memory is on disk"))
        self._beside = bool(beside)
        return found

    def close_books(self) -> bool:
        """Flush and close. False = something could not be written."""
        written = True
        if self.journal is not None and self.writer is not None:
            if self.rested:
                # The next start goes on from here and decides nothing again: it may be another version's.
                self.journal.checkpoint(self.queue.now, self.desk.export())
            self.journal.seal()
            written = self.writer.close()
        if self.latching is not None:
            self.latching.close()
        if self._latch is not None:
            self._latch.close()
        return written
