"""Consoles on a busy engine: sixty perps more a venue, over 1,000 rows of market data a second.

What views cost the engine and the loop that trades, with none to three consoles; what one console costs
itself; how long a key takes to its paint. Engine and consoles are on cores of their own where there are two.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from services.settings.layout import StateLayout
from tests.bench.report import quantile, table
from tests.bench.terminal import PROGRAM, ROOT, Pty, environment, terminal, waited
from themes import glyphs

pytestmark = pytest.mark.bench

INSTRUMENTS, STEP_S, RATE = "60", "0.1", 1_000
WINDOW_S, SETTLE_S = 12.0, 4.0
TICK_FLOOR_MS, LAG_FLOOR_MS = 2.0, 2.0
BYTES_S = 20_000
CPU_FLOORS = {"4": 0.12, "10": 0.20}
PRESSES, KEY_FLOOR_MS = 300, 16.0
EDGE = glyphs.EDGE.encode()


def cores() -> tuple[set[int], set[int]]:
    """(the engine's, the consoles')."""
    mine = sorted(os.sched_getaffinity(0))
    return ({mine[0]}, set(mine[1:])) if len(mine) > 1 else (set(mine), set(mine))


class Busy:
    """The engine of `tests.bench.busy`, and what it says of itself."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self._process = process
        self._said: list[dict[str, object]] = []
        self._ears = threading.Thread(target=self._hear, daemon=True)
        self._ears.start()

    def _hear(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):
                self._said.append(json.loads(line))

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._ears.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def since(self, count: int) -> list[dict[str, object]]:
        return self._said[count:]

    @property
    def count(self) -> int:
        return len(self._said)


@contextmanager
def busy() -> Iterator[Busy]:
    folder = Path(tempfile.mkdtemp(prefix="sc-busy-"))
    flags = ["--state-dir", str(folder), "--instruments", INSTRUMENTS, "--speed", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.busy", STEP_S, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env=environment(),
        cwd=ROOT,
        text=True,
        start_new_session=True,
    )
    engine = Busy(folder, process)
    try:
        os.sched_setaffinity(process.pid, cores()[0])
        deadline = time.monotonic() + 60
        while not StateLayout(folder).socket.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield engine
    finally:
        engine.end()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def console(engine: Busy, columns: int, lines: int, **more: str) -> Iterator[Pty]:
    argv = [*PROGRAM, "attach", "--state-dir", str(engine.folder)]
    with terminal(argv, columns, lines, environment(**more)) as screen:
        os.sched_setaffinity(screen.process.pid, cores()[1])
        screen.until(lambda text: b"\x1b[?1049h" in text)
        screen.drain(SETTLE_S)
        yield screen


def _figures(rows: list[dict[str, object]], name: str) -> list[float]:
    return [each for row in rows for each in row[name]]  # type: ignore[attr-defined]


def _rate(rows: list[dict[str, object]]) -> float:
    """Rows of market data a second."""
    return sum(int(str(row["rows"])) for row in rows) / max(1, len(rows))


def _slowest(rows: list[dict[str, object]]) -> str:
    """Each topic's worst, ms."""
    worst: dict[str, float] = {}
    for row in rows:
        for topic, took in row["slow"].items():  # type: ignore[attr-defined]
            worst[topic] = max(worst.get(topic, 0.0), took)
    return ", ".join(f"{topic} {took:.1f}" for topic, took in worst.items())


def test_what_consoles_cost_the_engine() -> None:
    rows, lags, ticks, rates = [], [], [], []
    with busy() as engine:
        time.sleep(10.0)
        with ExitStack() as stack:
            screens: list[Pty] = []
            for number in range(4):
                if number:
                    screens.append(stack.enter_context(console(engine, 120, 40)))
                began, end = engine.count, time.monotonic() + WINDOW_S
                while time.monotonic() < end:
                    for screen in screens:
                        screen.read(0.01)
                    if not screens:
                        time.sleep(0.1)
                said = engine.since(began)
                took = _figures(said, "ticks") or [0.0]
                rates.append(_rate(said))
                lags.append(quantile(_figures(said, "lags"), 0.99))
                ticks.append(sum(took) / len(took))
                rows.append(
                    (
                        f"{number} consoles",
                        f"views of a tick {ticks[-1]:5.2f} ms, p99 {quantile(took, 0.99):5.2f}, worst"
                        f" {max(took):5.2f} ({_slowest(said)}); loop lag"
                        f" p50 {quantile(_figures(said, 'lags'), 0.5):5.2f}, p99 {lags[-1]:5.2f} ms;"
                        f" {rates[-1]:,.0f} rows/s",
                    )
                )
    table(
        f"120x40 consoles at 10 frames/s, {INSTRUMENTS} perps more a venue; views: CPU of the loop's thread",
        [
            *rows,
            ("floors", f"views {TICK_FLOOR_MS:g} ms a tick, p99 of the lag up by {LAG_FLOOR_MS:g} ms"),
        ],
    )
    assert min(rates) > RATE / 2, "the engine falls far behind: nothing was measured"
    assert max(ticks) <= TICK_FLOOR_MS
    assert lags[-1] - lags[0] <= LAG_FLOOR_MS


def _cost(screen: Pty) -> tuple[float, float]:
    """(share of a core, bytes a second) over the window."""
    count, before, since = screen.bytes, screen.cpu(), time.monotonic()
    screen.drain(WINDOW_S)
    took = time.monotonic() - since
    return (screen.cpu() - before) / took, (screen.bytes - count) / took


def test_what_a_console_costs() -> None:
    rows, shares, sent = [], {}, 0.0
    with busy() as engine:
        time.sleep(10.0)
        began = engine.count
        for fps, more in (("4", {"TMUX": "bench"}), ("10", {})):
            for columns, lines in ((80, 24), (120, 40), (200, 60)):
                with console(engine, columns, lines, **more) as screen:
                    share, count = _cost(screen)
                rows.append(
                    (f"{columns}x{lines}, {fps} frames/s", f"{share:6.1%} of a core, {count / 1e3:5.1f} kB/s")
                )
                shares[fps, columns] = share
                if (fps, columns) == ("10", 80):
                    sent = count
        rate = _rate(engine.since(began))
    table(
        f"one console on an engine with {INSTRUMENTS} perps more a venue, {rate:,.0f} rows/s",
        [
            *rows,
            (
                "floors",
                f"{CPU_FLOORS['4']:.0%} at 4 frames/s, {CPU_FLOORS['10']:.0%} at 10 (80x24 and 120x40),"
                f" {BYTES_S / 1e3:g} kB/s at 80x24",
            ),
        ],
    )
    assert rate > RATE / 2, "the engine falls far behind: nothing was measured"
    assert 0 < sent < BYTES_S
    for (fps, columns), share in shares.items():
        if columns < 200:
            assert share < CPU_FLOORS[fps]


def press(screen: Pty, key: bytes) -> tuple[float, float]:
    """(ms by the wall until the mark is on its new row, ms without waiting for a core)."""
    before = [waited(pid) for pid in (screen.process.pid, os.getpid())]
    began = screen.key(key)
    seen = b""
    while EDGE not in seen:
        assert time.monotonic_ns() - began < 5_000_000_000, "the key was never painted"
        seen += screen.read(0.5)
    wall = time.monotonic_ns() - began
    after = [waited(pid) for pid in (screen.process.pid, os.getpid())]
    queued = sum(now[1] - then[1] for now, then in zip(after, before, strict=True))
    used = after[0][0] - before[0][0]
    return wall / 1e6, max(wall - queued, used) / 1e6


def test_key_to_paint() -> None:
    """`j` and `k`: the mark of the selected row comes to another one."""
    draw = random.Random(3)
    taken = []
    with busy() as engine:
        time.sleep(10.0)
        with console(engine, 120, 40) as screen:
            screen.key(b"\t")  # the funding pane: the longest list
            screen.drain(1.0)
            for number in range(PRESSES):
                screen.drain(draw.uniform(0.02, 0.15))
                taken.append(press(screen, b"j" if number % 6 < 3 else b"k"))
    wall, own = [one for one, _ in taken], [two for _, two in taken]
    table(
        f"key to paint, {PRESSES} presses at 120x40 on a busy engine, ms",
        [
            (
                "by the wall, p50, p90, p99",
                ", ".join(f"{quantile(wall, share):.1f}" for share in (0.5, 0.9, 0.99)),
            ),
            (
                "without waiting for a core, p50, p90, p99",
                ", ".join(f"{quantile(own, share):.1f}" for share in (0.5, 0.9, 0.99))
                + f"   floor {KEY_FLOOR_MS:g}",
            ),
            ("worst", f"{max(own):.1f}"),
        ],
    )
    assert quantile(own, 0.99) < KEY_FLOOR_MS
