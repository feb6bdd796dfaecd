"""What the machine says of the engine: processor, memory, loop lag, files, disk, the store's lanes.

Read for a screen and for `health` only, never by a decision. A reading that fails is unknown, and the others
stand: psutil asks /proc, which may refuse.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from services.drive.standing import Standing
from services.views.health import ProcessHealth, StoreHealthView

log = logging.getLogger("stableconsole.engine")

T = TypeVar("T")

_LOOK_S = 0.25
"""How often the loop's lag is taken."""
_KEPT_S = 60
LOOK_S = 15.0
"""How often the readings are judged for alerts: as long is the processor's share taken over."""
_EVERY_S = 2.0
"""The dearer readings stand so long."""


class Vitals:
    """One engine's."""

    def __init__(self, session: Standing, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._clock = clock
        self._began = clock()
        self._lags: deque[float] = deque(maxlen=int(_KEPT_S / _LOOK_S))
        self._task: asyncio.Task[None] | None = None
        self._process: Any = None
        self._read_at = -1e9
        self.on_look: Callable[[], None] = lambda: None
        """Called every `LOOK_S` while the loop runs."""
        self.watchdog_ended: Callable[[], int] = lambda: 0
        self._kept: tuple[ProcessHealth, StoreHealthView] | None = None

    def start(self) -> None:
        """Begin to measure the running loop, and set the zero of the processor's share."""
        self.read()
        self._read_at = -1e9
        self._task = asyncio.get_running_loop().create_task(self._watch())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def lagged(self, seconds: float) -> None:
        """One look at how late the loop came."""
        self._lags.append(max(0.0, seconds) * 1000)

    def read(self) -> tuple[ProcessHealth, StoreHealthView]:
        now = self._clock()
        if self._kept is None or now - self._read_at >= _EVERY_S:
            self._read_at = now
            self._kept = self._measure()
        return self._kept

    async def _watch(self) -> None:
        looked = self._clock()
        while True:
            before = self._clock()
            await asyncio.sleep(_LOOK_S)
            now = self._clock()
            self.lagged(now - before - _LOOK_S)
            if now - looked >= LOOK_S:
                looked = now
                self.on_look()

    def _measure(self) -> tuple[ProcessHealth, StoreHealthView]:
        return self._of_process(), self._of_store()

    def _of_process(self) -> ProcessHealth:
        import psutil

        if self._process is None:
            self._process = psutil.Process()
            # The first look of these two only sets their zero.
            _tried(self._process.cpu_percent)
            _tried(psutil.cpu_percent)
            cpu = whole = None
        else:
            cpu, whole = _tried(self._process.cpu_percent), _tried(psutil.cpu_percent)
        memory = _tried(self._process.memory_info)
        machine = _tried(psutil.virtual_memory)
        most = _tried(lambda: self._process.rlimit(psutil.RLIMIT_NOFILE)[0])
        return ProcessHealth(
            pid=os.getpid(),
            up_s=int(self._clock() - self._began),
            cpu=None if cpu is None else cpu / 100,
            machine_cpu=None if whole is None else whole / 100,
            memory_mb=None if memory is None else memory.rss / 1e6,
            machine_memory=None if machine is None else machine.percent / 100,
            loop_lag_ms=median(self._lags) if self._lags else None,
            loop_lag_worst_ms=max(self._lags) if self._lags else None,
            files=_tried(self._process.num_fds),
            files_most=most,
            threads=_tried(self._process.num_threads),
            watchdog_ended=self.watchdog_ended(),
        )

    def _of_store(self) -> StoreHealthView:
        session, path = self._session, self._session.layout.store
        writer = session.writer
        trouble = session.trouble()
        usage = _tried(lambda: shutil.disk_usage(path.parent))
        return StoreHealthView(
            ok=not trouble,
            text=trouble or ("keeps up" if writer is not None else "this run keeps no store"),
            waiting=0 if writer is None else writer.waiting,
            waiting_most=session.settings.engine.critical_lane_max,
            oldest_s=0.0 if writer is None else round(writer.oldest_s(), 3),
            gaps=0 if writer is None else writer.gaps,
            size_mb=_size(path),
            wal_mb=_size(path.with_name(path.name + "-wal")),
            disk=None if usage is None or not usage.total else 1 - usage.free / usage.total,
            backup_ts=_newest_backup(path),
        )


def _size(path: Path) -> float | None:
    found = _tried(path.stat)
    return None if found is None else found.st_size / 1e6


def _newest_backup(store: Path) -> int | None:
    """Of the copies that a migration leaves beside the store."""
    copies = _tried(lambda: [one.stat().st_mtime_ns for one in store.parent.glob(f"{store.name}*.bak")])
    return max(copies) if copies else None


def _tried(read: Callable[[], T]) -> T | None:
    """A reading, or None where the machine does not give it."""
    try:
        return read()
    except Exception as error:  # whatever psutil and the system may say: unknown, and the others stand
        log.debug("not measured: %s", error)
        return None
