"""The screen process in a real terminal: CPU of a live table, bytes a second, time to frame and figures."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from tests.bench.report import table
from tests.bench.small import COLUMNS, HZ, LAST, ROWS
from tests.bench.terminal import PROGRAM, ROOT, environment, terminal

pytestmark = pytest.mark.bench

SMALL = (sys.executable, "-m", "tests.bench.small")

ROUNDS, ROUND_S, WARM_S = 3, 5.0, 1.5
CPU_RATIO = 0.2
BYTES_S, BYTES_WINDOW_S = 20_000, 12.0
STARTS, START_RATIO = 15, 1.2
DATA_S = 1.0
"""From the first whole frame to the first figures of the Desk, with an engine that runs."""
ROWS_OF_DATA = b"-USDT"
"""Names of instruments come from the engine alone."""
PEER, PEER_RATIO = ROOT / ".peers/venv/bin/harlequin", 0.5
"""Made by `make bench` where the package index can be reached."""
PEER_LAST = b"Run Query"
"""Shown in the first frame of it that can be used."""


def cpu_share(kind: str, folder: Path) -> float:
    """Share of a core that the process needs for `HZ` changes a second, start and end left out.

    By the changes that were made: DataTable needs about a whole core for so many, and where another program
    takes a part of it makes fewer.
    """
    count = folder / f"{time.monotonic_ns()}"
    with terminal([*SMALL, kind], 130, 54, environment(SMALL_COUNT=str(count))) as screen:
        screen.until(lambda text: b"\x1b[?1049h" in text)
        while not count.exists():
            screen.drain(0.05)
        screen.drain(WARM_S)
        before, made = screen.cpu(), count.stat().st_size
        screen.drain(ROUND_S)
        return (screen.cpu() - before) / (count.stat().st_size - made) * HZ


def test_cpu_of_a_live_table(tmp_path: Path) -> None:
    found: dict[str, list[float]] = {"idle": [], "lines": [], "table": []}
    for _ in range(ROUNDS):
        for kind, shares in found.items():
            shares.append(cpu_share(kind, tmp_path))
    idle, lines, data = (median(found[kind]) for kind in ("idle", "lines", "table"))
    table(
        f"live table, {ROWS} rows x {COLUMNS} columns, every price of one column new {HZ} times a second",
        [
            ("idle application", f"{idle:7.2%} of a core"),
            ("our lines", f"{lines:7.2%}"),
            ("DataTable", f"{data:7.2%}"),
            ("ratio, whole process", f"{lines / data:7.2f}   floor {CPU_RATIO:g}"),
            ("ratio above idle", f"{(lines - idle) / (data - idle):7.2f}"),
        ],
    )
    assert lines <= CPU_RATIO * data


@contextmanager
def engine(*flags: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sc-ui-"))
    process = subprocess.Popen(
        [*PROGRAM, "run", "--no-ui", "--state-dir", str(folder), *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env=environment(),
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 30
        while not (folder / "engine.sock").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield folder
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def traffic(folder: Path, columns: int, lines: int, **more: str) -> tuple[float, float]:
    """Bytes a second to the terminal, and share of a core, once the first frame is there."""
    argv = [*PROGRAM, "attach", "--state-dir", str(folder)]
    with terminal(argv, columns, lines, environment(**more)) as screen:
        screen.until(lambda text: b"\x1b[?1049h" in text)
        screen.drain(3.0)
        count, before, since = screen.bytes, screen.cpu(), time.monotonic()
        screen.drain(BYTES_WINDOW_S)
        took = time.monotonic() - since
        return (screen.bytes - count) / took, (screen.cpu() - before) / took


def test_bytes_to_the_terminal() -> None:
    rows = []
    with engine("--speed", "60") as folder:
        time.sleep(8.0)  # until a pair is open and its figures move
        small, small_cpu = traffic(folder, 80, 24, TMUX="bench")
        for name, columns, lines, more in (
            ("80x24, 10 frames/s", 80, 24, {}),
            ("120x40, 10 frames/s", 120, 40, {}),
            ("200x60, 10 frames/s", 200, 60, {}),
        ):
            count, cpu = traffic(folder, columns, lines, **more)
            rows.append((name, f"{count / 1000:6.1f} kB/s   {cpu:6.1%} of a core"))
    table(
        "console on the default world at speed 60",
        [
            (
                "80x24, 4 frames/s (tmux, ssh)",
                f"{small / 1000:6.1f} kB/s   {small_cpu:6.1%} of a core   floor 20 kB/s",
            ),
            *rows,
        ],
    )
    assert 0 < small < BYTES_S


def first_frame(argv: list[str], sentinel: bytes) -> float:
    """Seconds from exec to the last of the first whole frame."""
    with terminal(argv, 120, 40) as screen:
        return screen.until(lambda text: sentinel in text) - screen.started


def first_data(argv: list[str]) -> tuple[float, float]:
    """Seconds from exec to the last of the first whole frame, and from there to the Desk's first rows."""
    with terminal(argv, 120, 40) as screen:
        frame = screen.until(lambda text: b"uit" in text)
        # A first read may hold both: then there is nothing to wait for.
        data = frame if ROWS_OF_DATA in screen.text else screen.until(lambda text: ROWS_OF_DATA in text)
        return frame - screen.started, data - frame


def peer_start(folder: Path) -> float:
    """The peer with a database in memory, nothing of ours in its environment."""
    env = environment(HOME=str(folder), XDG_CONFIG_HOME=str(folder), XDG_DATA_HOME=str(folder))
    env.pop("PYTHONPATH")
    with terminal([str(PEER), ":memory:"], 120, 40, env) as screen:
        return screen.until(lambda text: PEER_LAST in text) - screen.started


def bare_start() -> float:
    """`stableconsole` with no engine there: it spawns one and paints `engine starting`."""
    folder = Path(tempfile.mkdtemp(prefix="sc-first-"))
    try:
        return first_frame([*PROGRAM, "--state-dir", str(folder)], b"uit")
    finally:
        end(folder)


def end(folder: Path) -> None:
    """Whatever engine the start has spawned goes, by its own pid."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            pid = int(json.loads((folder / "engine.lock").read_bytes())["pid"])
            os.kill(pid, signal.SIGKILL)
            break
        except (OSError, ValueError, KeyError, TypeError):
            time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


def test_first_frame(tmp_path: Path) -> None:
    found: dict[str, list[float]] = {"static": [], "table": [], "attach": [], "data": [], "bare": []}
    peers = {"peer": partial(peer_start, tmp_path)} if PEER.exists() else {}
    found |= {kind: [] for kind in peers}
    with engine("--speed", "1") as folder:
        attach = [*PROGRAM, "attach", "--state-dir", str(folder)]
        for number in range(STARTS + 1):
            static = first_frame([*SMALL, "static"], LAST.encode())
            least = first_frame([*SMALL, "first"], LAST.encode())
            frame, data = first_data(attach)
            taken = {"static": static, "table": least, "attach": frame, "data": data, "bare": bare_start()}
            taken |= {kind: start() for kind, start in peers.items()}
            for kind, seconds in taken.items():
                if number:  # the first round writes byte code and warms the disk
                    found[kind].append(seconds)
    middle = {kind: median(values) * 1000 for kind, values in found.items()}
    least_ms = {kind: min(values) * 1000 for kind, values in found.items()}

    def ratio(kind: str, other: str) -> float:
        """Of neighbours in time: what slows the machine for some seconds slows both."""
        return median(one / two for one, two in zip(found[kind], found[other], strict=True))

    def told(kind: str, other: str, floor: float) -> str:
        return f"{ratio(kind, other):6.2f} ({least_ms[kind] / least_ms[other]:.2f})   floor {floor:g}"

    peer = "not measured: not installed (see the Makefile)"
    if peers:
        of_it = told("attach", "peer", PEER_RATIO)
        peer = f"{middle['peer']:6.0f} ({least_ms['peer']:.0f})   attach / it {of_it}"
    table(
        f"first whole frame at 120x40, median of {STARTS} alternating starts (least), ms from exec",
        [
            ("Textual, one Static", f"{middle['static']:6.0f} ({least_ms['static']:.0f})"),
            ("Textual, one DataTable", f"{middle['table']:6.0f} ({least_ms['table']:.0f})"),
            ("stableconsole attach", f"{middle['attach']:6.0f} ({least_ms['attach']:.0f})"),
            ("stableconsole, engine spawned", f"{middle['bare']:6.0f} ({least_ms['bare']:.0f})"),
            ("attach / DataTable, of each round", told("attach", "table", START_RATIO)),
            ("bare / DataTable, of each round", told("bare", "table", START_RATIO)),
            ("harlequin", peer),
            (
                "first rows of the Desk after the first frame of attach",
                f"{middle['data']:6.0f} (worst {max(found['data']) * 1000:.0f})   floor {DATA_S * 1000:g}",
            ),
        ],
    )
    assert ratio("attach", "table") <= START_RATIO
    assert ratio("bare", "table") <= START_RATIO
    assert max(found["data"]) <= DATA_S
    assert not peers or ratio("attach", "peer") <= PEER_RATIO
