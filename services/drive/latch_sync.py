"""The latch as the engine's loop writes it: at once into the page cache, to the disk with a bounded wait.

After the write a killed process leaves HALTED behind; the sync adds a lost machine. It runs on a thread of
its own, and the loop waits for it only so long: a disk that stalls must not hold back the cancels of a halt,
and one that hangs must not hang the kill path (SEMANTICS 10: it needs nothing but the venue connections).
"""

from __future__ import annotations

import queue
import threading

from services.drive.latch import Latch, LatchRecord

PATIENCE_S = 0.025
"""A good disk answers within a few ms; the halt's whole way has 50."""
_CLOSE_S = 1.0


class LatchWriter:
    """`write` from one thread only. An error that comes after the wait is told by `late`."""

    def __init__(self, latch: Latch, patience_s: float = PATIENCE_S) -> None:
        self._latch = latch
        self._patience_s = patience_s
        self._asked: queue.SimpleQueue[threading.Event | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._error: str | None = None
        self._outstanding: threading.Event | None = None
        self._thread = threading.Thread(target=self._run, name="latch-sync", daemon=True)
        self._thread.start()

    def write(
        self, state: str, cause: str, text: str, ts: int, scopes: tuple[tuple[str, str, str], ...] = ()
    ) -> str | None:
        """The error's text when writing failed, as far as that is known within the wait."""
        try:
            self._latch.put(LatchRecord(state, cause, text, ts, scopes))
        except OSError as error:
            return str(error)
        stalled = self._outstanding is not None and not self._outstanding.is_set()
        done = self._outstanding = threading.Event()
        self._asked.put(done)
        # Behind a sync that hangs there is nothing to wait for.
        if not stalled:
            done.wait(self._patience_s)
        return self.late()

    @property
    def settled(self) -> bool:
        """The last write is on disk, or its error is known."""
        return self._outstanding is None or self._outstanding.is_set()

    def late(self) -> str | None:
        """What a sync has said since the last question; None = nothing bad."""
        with self._lock:
            error, self._error = self._error, None
        return error

    def close(self) -> None:
        """Ends the thread after what it was asked; a hung one is left behind, it is a daemon."""
        self._asked.put(None)
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        while (done := self._asked.get()) is not None:
            try:
                self._latch.sync()
            except OSError as error:
                with self._lock:
                    self._error = str(error)
            done.set()
