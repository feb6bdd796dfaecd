"""The store's one writer thread: everything in the order it was handed over, so the disk holds a prefix.

Two lanes share one queue. *Critical* rows (decisions, commands, records) are never dropped; *bulk* rows
(input blocks) are bounded, and past the bound the oldest loses its payload and becomes a `gap` row, its hash
staying in the chain. What cannot be written waits in memory and is written later, in order.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from services.domain.records import Row
from services.runtime.backoff import Backoff
from services.store.bell import Bell
from services.store.disk import Disk
from services.store.facts import StoreFact, StoreTrouble
from services.store.journal import ChainRow
from services.store.migrate import CORRUPT, explain

_log = logging.getLogger("stableconsole.store")
_BATCH = 4_000
"""Rows in one transaction at most."""
_RETRY_FIRST_S, _RETRY_MOST_S = 0.05, 1.0
_ROOM_WAIT_S = 1.0
"""How long one `journal` call waits for room at most."""
_LEND_S = 0.002
"""How long `lend` waits at most."""


class StoreWriter:
    """Open the store with `migrate.open_store` first. One producer thread calls `journal` and `record`."""

    def __init__(
        self,
        path: Path,
        *,
        on_fact: Callable[[StoreFact], None] | None = None,
        bulk_max: int = 2_000,
        critical_max: int = 5_000,
        critical_age_s: float = 2.0,
        wait_when_full: bool = False,
        watch_slow: bool = True,
        every_s: float = 0.05,
    ) -> None:
        """`wait_when_full` (virtual time): `journal` waits for room instead of losing a block, while the
        store is well. `watch_slow`: judge the lane's length and wall-clock age. `on_fact` hears every fact,
        partly on the writer thread, and must not raise.
        """
        self._path = path
        self._disk = Disk(path)
        self._on_fact = on_fact
        self._bulk_max = bulk_max
        self._critical_max = critical_max
        self._critical_age_s = critical_age_s
        self._wait_when_full = wait_when_full
        self._watch_slow = watch_slow
        self._every_s = every_s
        self._lock = threading.Lock()
        self._bell = Bell()
        self._room = threading.Condition(self._lock)
        self._queue: deque[ChainRow | Row] = deque()
        self._pending: list[ChainRow | Row] = []
        """Taken from the queue, not yet on disk: what a failed transaction held is tried again from here."""
        self._bulk: deque[ChainRow] = deque()
        """The bulk rows of queue and pending, oldest first."""
        self._asked: deque[tuple[int, int, Future[int]]] = deque()
        """(position to be durable, answer, future), positions rising."""
        self._spare: Future[int] | None = Future()
        """For whoever asks next. The thread makes it: no order waits for that."""
        self._put = 0
        self._written = 0
        self._durable = 0
        self._taken_at = 0.0
        self._waiting_since: float | None = None
        self._gaps = 0
        self._keep_from: int | None = None
        self._closing: float | None = None
        self._facts: list[StoreFact] = []
        self._trouble: StoreFact | None = None
        self._slow = False
        self._dead = self._over = False  # told as ended; ended: the thread's own word is four calls away
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    # the producer's side

    def start(self) -> None:
        self._thread.start()

    def journal(self, row: ChainRow) -> None:
        """Queue a row of the chain: what `JournalWriter` calls as `put`."""
        with self._lock:
            self._append(row)
            if row.bulk:
                self._bulk.append(row)
                if len(self._bulk) > self._bulk_max:
                    self._overflow()

    def record(self, row: Row) -> None:
        """Queue a desk record for its table."""
        with self._lock:
            self._append(row)

    def commit_intent(self, seq: int) -> Future[int]:
        """Commit everything queued so far at once, with FULL sync; the future then gives `seq`.

        It fails with StoreTrouble when a write fails before that.
        """
        with self._lock:
            future, self._spare = self._spare or Future(), None
            if self._closing is not None or self._over:
                future.set_exception(StoreTrouble("the store's writer is closed"))
            else:
                self._asked.append((self._put, seq, future))
                self._bell.put(None)
        return future

    def lend(self) -> None:
        """Let the thread have the interpreter until its commit is with the device, 2 ms at most. Whoever has
        something else to do meanwhile would only keep the disk waiting: one lock serves both threads, and it
        changes hands by itself after 5 ms."""
        if self._trouble is None and self._disk.elsewhere.acquire(timeout=_LEND_S):
            self._disk.elsewhere.release()

    def prune(self, keep_from: int) -> None:
        """Empty the blocks before this desk time (ns), a few after each write (`store.prune`)."""
        self._keep_from = keep_from

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything queued so far is durable. False = not within the time."""
        try:
            self.commit_intent(0).result(timeout_s)
        except (TimeoutError, OSError):
            return False
        return True

    def facts(self) -> list[StoreFact]:
        """Changes of health since the last call; judges the lanes too. Ask a few times a second."""
        with self._lock:
            fact = self._judge()
        if fact is not None:
            self._tell(fact)
        with self._lock:
            found, self._facts = self._facts, []
        return found

    def trouble(self) -> str:
        """What is wrong with writing now; empty = nothing."""
        if self._over and self._closing is None:
            return "the store's writer has ended; restart the engine"
        if self._trouble is not None:
            return self._trouble.text
        return f"rows wait for the disk, the oldest for {self.oldest_s():.1f} s" if self._slow else ""

    @property
    def waiting(self) -> int:
        """Rows not yet on disk."""
        return self._put - self._written

    @property
    def gaps(self) -> int:
        """Blocks lost to the full lane since the start."""
        return self._gaps

    def oldest_s(self) -> float:
        """Seconds that the oldest unwritten row has waited."""
        since = self._waiting_since
        return 0.0 if since is None else time.monotonic() - since

    def close(self, timeout_s: float = 10.0) -> bool:
        """Write what waits, then stop. False = something could not be written within the time."""
        with self._lock:
            self._closing = time.monotonic() + timeout_s
            self._bell.put(None)
            self._room.notify_all()
        self._thread.join(timeout_s + 1.0)
        return self.waiting == 0

    def _append(self, row: ChainRow | Row) -> None:
        self._queue.append(row)
        self._put += 1
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()

    def _overflow(self) -> None:
        if self._wait_when_full and self._trouble is None:
            # Never for long: the caller has a heartbeat to give. A disk that hangs costs memory, not blocks.
            self._bell.put(None)
            until = time.monotonic() + _ROOM_WAIT_S
            while len(self._bulk) > self._bulk_max and self._trouble is None and self._closing is None:
                left = until - time.monotonic()
                if left <= 0:
                    return
                self._room.wait(left)
        while len(self._bulk) > self._bulk_max:
            self._bulk.popleft().payload = None
            self._gaps += 1

    def _judge(self) -> StoreFact | None:
        if self._over and self._closing is None:
            told, self._dead = self._dead, True
            return None if told else StoreFact(False, "failed", self.trouble())
        if not self._watch_slow:
            return None
        critical = self.waiting - len(self._bulk)
        age = self.oldest_s()
        slow = critical > self._critical_max or age > self._critical_age_s
        if slow == self._slow:
            return None
        self._slow = slow
        if self._trouble is not None:
            return None
        if slow:
            return StoreFact(False, "slow", f"{critical} rows wait for the disk, the oldest for {age:.1f} s")
        return StoreFact(True, "ok", "the store keeps up again")

    def _tell(self, fact: StoreFact) -> None:
        with self._lock:
            self._facts.append(fact)
        if self._on_fact is not None:
            self._on_fact(fact)

    # the writer's side

    def _run(self) -> None:
        backoff = Backoff(first=_RETRY_FIRST_S, most=_RETRY_MOST_S, jitter=0.0, random=lambda: 0.0)
        try:
            while True:
                rows, sync, closing = self._take()
                if rows or sync:
                    try:
                        durable = self._disk.write(rows, sync)
                    except Exception as error:  # whatever it is: store trouble, told, kept, tried again
                        self._failed(error)
                        if self._give_up(backoff.next()):
                            break
                        continue
                    backoff.reset()
                    self._done(durable)
                    self._tidy()
                elif closing:
                    break
            self._end()
        finally:
            self._over = True

    def _take(self) -> tuple[list[ChainRow | Row], bool, bool]:
        """The next rows in order, what failed before in front; is FULL sync asked for; are we closing."""
        if self._spare is None:  # and only then: one that is there may be on its way to somebody
            self._spare = Future()
        if not (self._pending or self._asked or self._closing) and len(self._bulk) <= self._bulk_max:
            # It looks by itself: to be woken by a row would cost the very turn that made it.
            self._bell.wait(self._every_s)
        with self._lock:
            self._bell.still()
            for _ in range(min(_BATCH - len(self._pending), len(self._queue))):
                self._pending.append(self._queue.popleft())
            self._taken_at = time.monotonic()
            self._answer()
            upto = self._written + len(self._pending)
            closing = self._closing is not None
            sync = bool(self._asked) and self._asked[0][0] <= upto
            return self._pending, sync or (closing and self._durable < upto), closing

    def _done(self, durable: bool) -> None:
        with self._lock:
            count = len(self._pending)
            last = max(
                (row.seq for row in self._pending if isinstance(row, ChainRow) and row.bulk), default=-1
            )
            while self._bulk and self._bulk[0].seq <= last:
                self._bulk.popleft()
            self._pending.clear()
            self._written += count
            if durable:
                self._durable = self._written
            self._waiting_since = self._taken_at if self._written < self._put else None
            self._answer()
            self._room.notify_all()
            recovered = self._trouble is not None
            self._trouble = None
        if recovered:
            self._tell(StoreFact(True, "ok", "the store is written again; what waited is on disk, in order"))

    def _tidy(self) -> None:
        """While nobody waits for the disk. Trouble here is no loss: the next hour asks again."""
        keep_from = self._keep_from
        if keep_from is None or self._asked or self._closing is not None:
            return
        try:
            self._keep_from = keep_from if self._disk.prune(keep_from) else None
        except Exception as error:  # whatever it is, the thread that writes must not end of it
            self._disk.roll_back(reopen=True)
            _log.warning("%s: old blocks stay for now: %s", self._path.name, error)
            self._keep_from = None

    def _answer(self) -> None:
        while self._asked and self._asked[0][0] <= self._durable:
            _, seq, future = self._asked.popleft()
            if future.set_running_or_notify_cancel():
                future.set_result(seq)

    def _refuse(self, text: str) -> None:
        while self._asked:
            _, _, future = self._asked.popleft()
            if future.set_running_or_notify_cancel():
                future.set_exception(StoreTrouble(text))

    def _failed(self, error: Exception) -> None:
        kind, text = explain(error)
        if kind == CORRUPT:
            text += "; stop and start the engine: the file is set aside, the books come from the venues"
        fact = StoreFact(False, kind, f"{self._path.name}: {text}")
        self._disk.roll_back(reopen=kind not in ("locked", "full"))
        with self._lock:
            known = self._trouble
            self._trouble = fact
            self._bell.still()
            self._refuse(fact.text)
            self._room.notify_all()
        if known is None or known.kind != fact.kind:
            self._tell(fact)

    def _give_up(self, retry: float) -> bool:
        """Wait before the next try. True = closing and out of time."""
        left = retry if self._closing is None else self._closing - time.monotonic()
        if left > 0:
            self._bell.wait(min(retry, left))
        return left <= 0

    def _end(self) -> None:
        """Leave one tidy file when all is written; tell those who still wait that it is not."""
        try:
            try:
                if self.waiting == 0:
                    self._disk.fold()
            finally:
                self._disk.close()
        except sqlite3.Error as error:
            kind, text = explain(error)
            self._tell(StoreFact(False, kind, f"{self._path.name}: {text}"))
        with self._lock:
            self._over = True
            self._refuse("the store's writer ended before this was written")
