"""An intent's write is with the device before the rest of the turn takes the interpreter away from it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from services.domain.effects import Decision, Effect, SaveIntent
from services.domain.enums import Purpose
from services.domain.events import Timer
from services.domain.orders import OrderRequest
from services.drive.live import LiveMachine
from services.drive.live_queue import LiveQueue
from services.drive.machine import VirtualMachine
from services.drive.ports import NullKeeper
from services.drive.queue import VirtualQueue
from services.store.disk import Disk
from services.store.writer import StoreWriter
from tests.drive.test_live import START, Scripted, order
from tests.store.builders import new_store, risk_event

WAIT_S = 30.0


class Told(NullKeeper):
    """What it was told, in order; `at_once`: its disk has written before it answers."""

    def __init__(self, *, at_once: bool) -> None:
        self.words: list[str] = []
        self._at_once = at_once

    def effect(self, effect: Effect) -> None:
        self.words.append(type(effect).__name__)

    def commit(self) -> Future[None]:
        self.words.append("commit")
        return super().commit() if self._at_once else Future()

    def lend(self) -> None:
        self.words.append("lend")


class TwoHalves(Scripted):
    """Has something left to do in the second half of each turn."""

    def follow(self) -> tuple[Effect, ...]:
        return (Decision(kind="later", subject="", text="", figures={}),)


class Preparing:
    """All of a venue that is asked here."""

    words: list[str]

    def prepare(self, order: OrderRequest) -> None:
        self.words.append(f"made {order.client_order_id}")


def told(live: bool, purpose: Purpose, *, at_once: bool = False, venue: Preparing | None = None) -> list[str]:
    desk, keeper = TwoHalves(), Told(at_once=at_once)
    desk.answers["go"] = (SaveIntent(seq=1, orders=(order(purpose),), pair=None, text=""),)
    waker: Any = None
    venues: dict[str, Any] = {}
    if venue is not None:
        venues["a"] = venue
        venue.words = keeper.words
    if live:
        machine: VirtualMachine = LiveMachine(desk, venues, waker, LiveQueue(START), keeper)
    else:
        machine = VirtualMachine(desk, venues, waker, VirtualQueue(START), keeper)
    machine.feed(Timer(name="go", ts=START))
    machine.feed(Timer(name="on", ts=START))
    return keeper.words


@pytest.mark.parametrize("live", [False, True])
def test_the_writer_comes_before_the_second_half(live: bool) -> None:
    words = ["SaveIntent", "commit", "lend", "Decision", "Decision"]
    assert told(live, Purpose.HEDGE) == words


@pytest.mark.parametrize("live", [False, True])
def test_nobody_waits_for_what_waits_for_nothing(live: bool) -> None:
    words = ["SaveIntent", "commit", "Decision", "Decision"]
    assert told(live, Purpose.STOP) == words
    assert told(live, Purpose.HEDGE, at_once=True) == words


@pytest.mark.parametrize("live", [False, True])
def test_an_order_is_made_while_its_intent_is_written_and_once(live: bool) -> None:
    """Behind the rest of the turn, which the desk needs; not one that leaves in the turn itself."""
    words = ["SaveIntent", "commit", "lend", "Decision", "made i", "Decision"]
    assert told(live, Purpose.HEDGE, venue=Preparing()) == words
    assert told(live, Purpose.STOP, venue=Preparing()) == ["SaveIntent", "commit", "Decision", "Decision"]


def test_lend_returns_when_the_commit_is_with_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device is held up here: `lend` does not wait for its answer, and without it there is none."""
    device, real = threading.Event(), Disk._connection
    seen: list[bool] = []

    class Held:
        def __init__(self, disk: Disk) -> None:
            self._disk, self._real = disk, real(disk)

        def execute(self, statement: str) -> Any:
            if statement == "COMMIT":
                seen.append(not self._disk.elsewhere.locked())
                assert device.wait(WAIT_S)
            return self._real.execute(statement)

        def executemany(self, statement: str, params: Sequence[Any]) -> Any:
            return self._real.executemany(statement, params)

    def connection(disk: Disk) -> Any:
        return Held(disk)

    monkeypatch.setattr(Disk, "_connection", connection)
    writer = StoreWriter(new_store(tmp_path), watch_slow=False)
    writer.start()
    try:
        writer.record(risk_event(1))
        written = writer.commit_intent(7)
        assert writer._disk.elsewhere.acquire(timeout=WAIT_S)
        writer._disk.elsewhere.release()
        writer.lend()
        assert not written.done()
        device.set()
        assert written.result(WAIT_S) == 7
        assert seen[0] is True
    finally:
        device.set()
        monkeypatch.undo()
        assert writer.close()
    assert writer._disk.elsewhere.locked()
