"""The doors of one engine with a mark before and after each passage: where a kill can fall.

Two doors of the desk (the writer's commits, the calls through the venue port), the latch beside them, and
the simulated exchange's own log and checkpoint, which are a second party's. A mark either notes its name or,
at the wanted one, says so to the killer and waits there for its end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec

from services.domain.effects import Effect, SaveIntent, WriteLatch
from services.domain.events import Event
from services.domain.orders import OrderRequest
from services.domain.records import Row
from services.drive.machine import VirtualMachine
from services.drive.ports import Keeper
from services.store.disk import Disk
from services.store.journal import ChainRow
from services.store.writer import StoreWriter
from services.venues.port import VirtualVenue
from services.venues.sim import log as exchange_log
from services.venues.sim.log import CommandLog, Entry

LATE = "late"
"""The disk is as far behind as it may be: only what somebody waits for is written."""
PROMPT = "prompt"
"""Each single row is on disk before the next thing happens: a commit after every row."""

HALTED = "HALTED"

QUIET = ("instruments", "wake", "name")
"""Members of the venue port that ask the venue for nothing."""
PORT = tuple(name for name in vars(VirtualVenue) if not name.startswith("_") and name not in QUIET)
"""Every call of the port, whatever it will have tomorrow."""


class Marks:
    """Counts the passages. `wanted`: the number of the mark to die at, None = note all."""

    def __init__(self, wanted: int | None, say: Callable[[dict[str, Any]], None]) -> None:
        self.wanted = wanted
        self.say = say
        self.names: list[str] = []
        self.causes: Callable[[], tuple[str, list[list[str]]]] = lambda: ("ACTIVE", [])
        """The desk's state and its latched causes (name, scope), as it has them in memory."""
        self.sure: dict[str, Any] = {"state": "ACTIVE", "latched": []}
        """What of them lies on disk: a restart must not forget it."""

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if name == "commit after":
            state, latched = self.causes()
            self.sure = {"state": state, "latched": latched}
        elif name == "latch ACTIVE after":
            # The operator's own word: what the store never had of the halt is taken back with it.
            scoped = [cause for cause in self.sure["latched"] if cause[1] != "all"]
            self.sure = {"state": "ACTIVE", "latched": scoped}
        elif name == f"latch {HALTED} after":
            latched = [cause for cause in self.causes()[1] if cause[1] == "all"]
            self.sure = {"state": HALTED, "latched": [*self.sure["latched"], *latched[:1]]}
        if self.wanted is not None and len(self.names) > self.wanted:
            self.say({"at": name, **self.sure})
            while True:
                time.sleep(3600)


class _Connection:
    """The database as the writer's `Disk` sees it."""

    def __init__(self, inner: Any, marks: Marks) -> None:
        self.inner = inner
        self.marks = marks

    def execute(self, sql: str, *params: Any) -> Any:
        if sql != "COMMIT":
            return self.inner.execute(sql, *params)
        self.marks("commit before")
        done = self.inner.execute(sql)
        self.marks("commit after")
        return done

    def executemany(self, sql: str, rows: Any) -> Any:
        return self.inner.executemany(sql, rows)

    @property
    def in_transaction(self) -> bool:
        return bool(self.inner.in_transaction)


class _MarkedDisk(Disk):
    marks: Marks

    def _connection(self) -> Any:
        return _Connection(super()._connection(), self.marks)

    def fold(self) -> None:
        self.marks("fold before")
        super().fold()
        self.marks("fold after")


class LateWriter(StoreWriter):
    """Never commits by itself: its batches end where somebody asks for a commit."""

    marks: Marks

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(path, **{**options, "every_s": 3600.0})
        self._disk = _MarkedDisk(path)
        self._disk.marks = self.marks


class PromptWriter(LateWriter):
    """Every row is a commit of its own."""

    def journal(self, row: ChainRow) -> None:
        super().journal(row)
        assert self.flush(30.0)

    def record(self, row: Row) -> None:
        super().record(row)
        assert self.flush(30.0)


class _MarkedKeeper:
    """Stands still for every commit that is carried out, so that a run has one order of marks."""

    def __init__(self, inner: Keeper, marks: Marks, *, late: bool) -> None:
        self.inner = inner
        self.marks = marks
        self.late = late
        self._protective = False

    def input(self, event: Event) -> None:
        self.inner.input(event)

    def effect(self, effect: Effect) -> None:
        if isinstance(effect, SaveIntent):
            self._protective = all(order.purpose.protective for order in effect.orders)
        self.inner.effect(effect)

    def record(self, row: Row) -> None:
        self.inner.record(row)

    def commit(self) -> Future[None]:
        if self.late and self._protective:
            # Nobody waits for it: on this disk it comes with the next commit that somebody waits for.
            return Future()
        done = self.inner.commit()
        done.exception(30.0)
        return done

    def lend(self) -> None:
        self.inner.lend()

    def latch(self, effect: WriteLatch) -> str | None:
        self.marks(f"latch {effect.state.value} before")
        failed = self.inner.latch(effect)
        self.marks(f"latch {effect.state.value} after")
        return failed


class _MarkedVenue:
    """The venue port: each call marked on both sides, each order noted in the wire's book."""

    def __init__(
        self, inner: VirtualVenue, marks: Marks, wire: Path, hold: Callable[[OrderRequest], bool]
    ) -> None:
        self.inner = inner
        self.name = inner.name
        self._marks = marks
        self._wire = wire
        self._hold = hold

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name not in PORT:
            return found

        def passed(*args: Any) -> None:
            what = f"{name} {self.name}"
            if name == "submit":
                what = f"{what} {args[1].purpose.value} leg {args[1].leg}"
            self._marks(f"{what} before")
            if name != "submit" or not self._hold(args[1]):
                found(*args)
            if name == "submit":
                note(self._wire, args[1].client_order_id)
            self._marks(f"{what} after")

        return passed


def wire_of(folder: Path) -> Path:
    """The client order ids of all lives in a folder, as they passed the port. It outlives a kill."""
    return folder.with_name(folder.name + ".wire")


def note(wire: Path, client_order_id: str) -> None:
    with wire.open("a", encoding="ascii") as book:
        book.write(client_order_id + "\n")


def marked_venues(
    venues: dict[str, Any],
    marks: Marks,
    folder: Path,
    hold: Callable[[OrderRequest], bool] = lambda order: False,
) -> dict[str, VirtualVenue]:
    wire = wire_of(folder)
    return {name: _MarkedVenue(venue, marks, wire, hold) for name, venue in venues.items()}  # type: ignore[misc]


def marked_keeper(keeper: Keeper, marks: Marks, policy: str) -> Keeper:
    return _MarkedKeeper(keeper, marks, late=policy == LATE)


@contextmanager
def marked(marks: Marks, policy: str, folder: Path) -> Iterator[None]:
    """Every store writer, exchange log and direct flatten made inside it is marked."""

    def machine(desk: Any, venues: dict[str, Any], *args: Any, **options: Any) -> VirtualMachine:
        """Of a direct flatten, which makes its own."""
        return VirtualMachine(desk, marked_venues(venues, marks, folder), *args, **options)

    kind = type("Writer", (LateWriter if policy == LATE else PromptWriter,), {"marks": marks})
    append, whole = CommandLog.append, exchange_log.write_atomically

    def torn(log: CommandLog, entry: Entry) -> None:
        if not entry.venue or log.folder is None:
            append(log, entry)
            return
        marks("exchange log before")
        if marks.wanted is not None and len(marks.names) == marks.wanted:
            # The next mark is the torn one: half a line lies there when the process dies.
            line = msgspec.json.encode(entry)
            os.pwrite(log._fd, line[: len(line) // 2], log.size)
        marks("exchange log torn")
        append(log, entry)
        marks("exchange log after")

    def halfway(path: Path, data: bytes) -> None:
        if path.name != exchange_log.CHECKPOINT_FILE:
            whole(path, data)
            return
        marks("exchange checkpoint before")
        if marks.wanted is not None and len(marks.names) == marks.wanted:
            path.with_name(path.name + ".part").write_bytes(data[: len(data) // 2])
        marks("exchange checkpoint torn")
        whole(path, data)
        marks("exchange checkpoint after")

    with (
        mock.patch("services.drive.standing.StoreWriter", kind),
        mock.patch("services.drive.direct.VirtualMachine", machine),
        mock.patch.object(CommandLog, "append", torn),
        mock.patch.object(exchange_log, "write_atomically", halfway),
    ):
        yield
