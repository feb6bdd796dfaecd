"""The engine's side of the watchdog: heartbeats, marks around strategy calls, the signal that ends one."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TypeVar

from services.domain.errors import StrategyOverran
from services.drive.watchdog import BEAT, GOODBYE, IDLE, IN_CALL

log = logging.getLogger("stableconsole.engine")

T = TypeVar("T")

_AGAIN_S = 5.0
"""A watchdog that has ended is not replaced more often than this."""
_SILENT_S = 10.0
"""A watchdog that has answered no heartbeat for so long stands: it is killed, and another one started."""
_FIRST_S = 60.0
"""So long until its first answer: a new process may start slowly."""
_TURN_MOST_S = 0.5
"""More than this no turn of ours counts: in a longer one this process did not run either, nor need the other
have."""
_EARLY = 0.8
"""Share of the limit that must really have passed: a signal meant for the call before is ignored."""


class Watchdog:
    """One an engine. Everything here is called from the main thread, where signal handlers run."""

    def __init__(self, latch: Path, *, call_ms: int = 500, heartbeat_s: float = 5.0) -> None:
        self._latch = latch
        self._call_ms = call_ms
        self._heartbeat_s = heartbeat_s
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._call = 0
        self._since: float | None = None
        """Monotonic start of the strategy call on the stack; None = there is none."""
        self._ts = 0
        self._spawned = 0.0
        self._answers = -1
        self._unheard_s = 0.0
        """Of our own turns, since its last answer."""
        self._patience_s = _FIRST_S
        self._beaten = 0.0
        self._leaving = False
        self.ended = 0
        """How often it ended although nobody asked it to, and was started again."""

    def start(self) -> None:
        """Spawn the process (its words go to our stderr), take SIGUSR1, switch faulthandler on.

        Armed by the first beat, so a long recovery before it is not ended.
        """
        if not faulthandler.is_enabled():
            faulthandler.enable(all_threads=True)
        signal.signal(signal.SIGUSR1, self._on_signal)
        self._spawn()

    def _spawn(self) -> None:
        self._spawned = time.monotonic()
        read_end, self._pipe = os.pipe()
        self._answers, write_end = os.pipe()
        os.set_blocking(self._pipe, False)
        os.set_blocking(self._answers, False)
        self._unheard_s, self._patience_s, self._beaten = 0.0, _FIRST_S, self._spawned
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "services.drive.watchdog",
                    str(os.getpid()),
                    str(self._latch),
                    str(self._call_ms),
                    str(self._heartbeat_s),
                ],
                stdin=read_end,
                stdout=write_end,
                env=_environment(),
                start_new_session=True,
            )
        finally:
            os.close(read_end)
            os.close(write_end)

    def beat(self, ts: int) -> None:
        """At least once a second from the main loop; `ts` is the desk's time, for the latch.

        A watchdog that has ended, or stands (it answers none of these), is replaced here: an engine that
        nobody watches could hang for ever.
        """
        self._ts = ts
        if self._process is not None and not self._leaving:
            if self._process.poll() is not None:
                self._replace()
            else:
                self._listen(self._process)
        self._mark(IDLE)

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        now = time.monotonic()
        self._unheard_s += min(now - self._beaten, _TURN_MOST_S)
        self._beaten = now
        try:
            heard = os.read(self._answers, 65_536)
        except BlockingIOError:
            heard = b""
        if heard:
            self._unheard_s, self._patience_s = 0.0, _SILENT_S
        elif self._unheard_s >= self._patience_s:
            log.error("the watchdog has not answered for %g s: it is killed", self._patience_s)
            self._unheard_s = 0.0
            process.kill()  # a stopped process too; it is replaced once it has gone

    def guard(self, call: Callable[[], T]) -> T:
        """Run one strategy call; raises StrategyOverran when it lasts longer than the limit."""
        self._call += 1
        self._since = time.monotonic()
        self._mark(IN_CALL)
        try:
            return call()
        finally:
            self._since = None
            self._mark(IDLE)

    def alive(self) -> bool:
        """False = the watchdog itself has gone, and nobody watches the engine until the next beat."""
        return self._process is not None and self._process.poll() is None

    def _replace(self) -> None:
        if self._spawned + _AGAIN_S > time.monotonic() and self.ended:
            return
        assert self._process is not None  # noqa: S101 - only a process that was there can have ended
        self.ended += 1
        log.error("the watchdog has ended (status %s); another one is started", self._process.returncode)
        self._close_pipes()
        try:
            self._spawn()
        except OSError as error:
            log.error("no watchdog can be started, nobody watches this engine: %s", error)

    def stop(self) -> None:
        """Clean end: it goes without a word."""
        self._leaving = True
        if self._pipe < 0:
            return
        self._mark(GOODBYE)
        self._close_pipes()
        if self._process is not None:
            try:
                self._process.wait(2.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _mark(self, what: int) -> None:
        if self._pipe < 0:
            return
        try:
            os.write(self._pipe, BEAT.pack(what, self._call, self._ts))
        except BlockingIOError:
            return  # a full pipe: the watchdog is slow, and every mark says all there is to say
        except BrokenPipeError:
            os.close(self._pipe)
            self._pipe = -1

    def _close_pipes(self) -> None:
        for end in (self._pipe, self._answers):
            if end >= 0:
                os.close(end)
        self._pipe = self._answers = -1

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        since = self._since
        if since is not None and time.monotonic() - since >= self._call_ms / 1000 * _EARLY:
            self._since = None
            raise StrategyOverran(f"the strategy did not return within {self._call_ms} ms")


def _environment() -> dict[str, str]:
    """`-P` keeps the working folder off the path: the watchdog finds the packages where we found them."""
    root = str(Path(__file__).resolve().parents[2])
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "HOME")}
    return {**kept, "PYTHONPATH": root}
