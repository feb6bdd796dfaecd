"""The desk without a wall: events a second through every check, what each part costs, journal, recovery."""

from __future__ import annotations

import heapq
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import pytest

from services.desk import desk as desk_module
from services.desk import risk, submit
from services.desk.desk import Desk
from services.desk.views import Meta, ViewCache, desk_view, strip
from services.domain.effects import Effect
from services.domain.events import Event
from services.drive.keeper import StoreKeeper
from services.drive.machine import VirtualMachine
from services.drive.ports import NullKeeper
from services.drive.recover import restore
from services.drive.session import Session
from services.drive.standing import SessionNote
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.venues.sim.exchange import SimExchange
from services.venues.sim.world import make_world
from tests.bench.report import table

pytestmark = pytest.mark.bench

HOURS = 20
NS = 1_000_000_000


class Counting:
    """The desk behind its port: counts the calls of `handle` itself."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.calls = 0
        self.kinds: Counter[str] = Counter()

    def decide(self, event: Event) -> tuple[Effect, ...]:
        self.calls += 1
        self.kinds[type(event).__name__] += 1
        return self.desk.handle(event)

    def follow(self) -> tuple[Effect, ...]:
        return ()

    def overran(self) -> str | None:
        return self.desk.overran()


class Run:
    """One world from its start, in memory or on disk."""

    def __init__(self, folder: Path | None) -> None:
        where = folder if folder is not None else Path("/nonexistent")
        self.session = Session(
            StateLayout(where),
            make_world("funding-harvest", 7),
            Settings(),
            "bench",
            durable=folder is not None,
        )
        self.session.open(SessionNote(pid="1", speed="max", state_dir=""))
        self.desk = Counting(self.session.desk)
        self.start = self.session.queue.now
        self.machine = VirtualMachine(
            self.desk,
            dict(self.session.exchange.venues),
            self.session.exchange,
            self.session.queue,
            self.session.keeper,
            on_handled=self.session.handled,
        )
        self.session.first_events()

    def go(self, hours: float) -> float:
        """Seconds of CPU of this thread until that simulated hour."""
        began = time.thread_time()
        self.machine.run_until(self.start + int(hours * 3_600 * NS))
        return time.thread_time() - began


class Parts:
    """Seconds of CPU spent inside chosen calls, the calls nested in them taken off."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._open: list[float] = []

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **named: Any) -> Any:
            self._open.append(0.0)
            began = time.thread_time()
            try:
                return call(*args, **named)
            finally:
                took = time.thread_time() - began
                self.seconds[name] += took - self._open.pop()
                self.calls[name] += 1
                if self._open:
                    self._open[-1] += took

        return timed


def bare_loop(count: int) -> float:
    """Seconds of the least loop: so many entries through a heap and a dictionary of handlers."""
    heap: list[tuple[int, int, int, str]] = []
    done = [0]

    def handler(_: str) -> tuple[()]:
        done[0] += 1
        return ()

    handlers = {str: handler}
    began = time.thread_time()
    for number in range(count):
        heapq.heappush(heap, (number, number, 0, "x"))
        entry = heapq.heappop(heap)
        handlers[entry[3].__class__](entry[3])
    return time.thread_time() - began


def test_events_through_every_check() -> None:
    run = Run(None)
    took = run.go(HOURS)
    calls = run.desk.calls
    floor = bare_loop(calls)
    ledger = run.session.desk.core.ledger.state
    closed = run.session.desk.core.state.counters
    kinds = ", ".join(f"{count} {name}" for name, count in run.desk.kinds.most_common(5))
    table(
        f"funding-harvest, seed 7, {HOURS} simulated hours in memory, exchange included",
        [
            ("calls of Desk.handle", f"{calls:,}"),
            ("of which", kinds),
            ("CPU", f"{took:8.2f} s"),
            ("events a second, all checks", f"{calls / took:8,.0f}"),
            ("a call, with the exchange's share", f"{took / calls * 1e6:8.1f} us"),
            ("simulated over CPU time", f"{HOURS * 3_600 / took:8,.0f} x"),
            ("bare loop, as many entries", f"{calls / floor:8,.0f} a second"),
        ],
    )
    assert calls == run.machine.events > 10_000
    assert ledger.accounts
    assert closed is not None


def test_step_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts()
    monkeypatch.setattr(SimExchange, "wake", parts.wrap("exchange step", SimExchange.wake))
    run = Run(None)
    core, strategies = run.session.desk.core, run.session.desk.strategies
    monkeypatch.setattr(core.picture, "apply", parts.wrap("market picture", core.picture.apply))
    monkeypatch.setattr(strategies, "call", parts.wrap("strategy with its view", strategies.call))
    monkeypatch.setattr(submit, "ask", parts.wrap("gate", submit.ask))
    monkeypatch.setattr(risk, "tick", parts.wrap("risk tick", risk.tick))
    assert desk_module.risk is risk
    total = run.go(3)
    rest = total - sum(parts.seconds.values())
    calls = run.desk.calls
    rows = [
        (
            name,
            f"{seconds / total:6.1%}  {seconds / parts.calls[name] * 1e6:8.1f} us  x {parts.calls[name]:,}",
        )
        for name, seconds in parts.seconds.most_common()
    ]
    rows.append(
        ("the rest (orders, books, effects)", f"{rest / total:6.1%}  {rest / calls * 1e6:8.1f} us a call")
    )
    table("where 3 simulated hours go: share, cost of one, how often", rows)
    assert parts.calls["exchange step"] > 1_000
    assert parts.calls["gate"] > 0


def test_journal_and_recovery() -> None:
    costs: dict[str, list[float]] = {"memory": [], "disk": []}
    calls = 0
    folders = []
    try:
        for _ in range(3):
            costs["memory"].append(Run(None).go(0.98))
            folder = Path(tempfile.mkdtemp(prefix="sc-bench-"))
            folders.append(folder)
            run = Run(folder)
            assert isinstance(run.session.keeper, StoreKeeper)
            costs["disk"].append(run.go(0.98))
            calls = run.desk.calls
            assert run.session.close()
        began = time.perf_counter()
        found = restore(StateLayout(folders[-1]).store)
        took = time.perf_counter() - began
        size = StateLayout(folders[-1]).store.stat().st_size
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    memory, disk = median(costs["memory"]), median(costs["disk"])
    assert found is not None
    table(
        "journal of 59 simulated minutes, and the recovery from it",
        [
            ("events", f"{found.events:,}"),
            ("loop without journal", f"{memory / calls * 1e6:8.1f} us an event"),
            ("loop with journal and store", f"{disk / calls * 1e6:8.1f} us an event (loop's thread)"),
            ("the journal's share", f"{(disk - memory) / calls * 1e6:8.1f} us an event"),
            ("store on disk", f"{size / 1e6:8.1f} MB"),
            ("recovery", f"{took:8.2f} s, {found.events / took:,.0f} events a second"),
        ],
    )
    assert found.events == calls > 1_000


def test_views() -> None:
    run = Run(None)
    run.go(1.0)
    desk = run.session.desk
    core = desk.core
    assert isinstance(run.session.keeper, NullKeeper)
    meta = Meta(badge="SIM", stamp="", profile="sim", mode="sim", synthetic=True)

    def cost(build: Callable[[], Any], count: int = 60) -> float:
        taken = []
        for _ in range(count):
            began = time.thread_time()
            build()
            taken.append(time.thread_time() - began)
        return median(taken) * 1e3

    cached = ViewCache(step_ns=15 * NS)
    desk_view(core, desk.strategies, meta, cached)
    fresh = lambda: desk_view(core, desk.strategies, meta, ViewCache(step_ns=15 * NS))  # noqa: E731
    view = fresh()
    table(
        "views, median ms of CPU",
        [
            ("strip", f"{cost(lambda: strip(core, meta, cached)):7.3f}"),
            ("desk_view, everything anew", f"{cost(fresh):7.3f}"),
            (
                "desk_view, within a quarter second",
                f"{cost(lambda: desk_view(core, desk.strategies, meta, cached)):7.3f}",
            ),
            (
                "encode desk_view",
                f"{cost(lambda: msgspec.json.encode(view)):7.3f}   {len(msgspec.json.encode(view)):,} bytes",
            ),
        ],
    )
    assert view.funding
