"""From the halt key's bytes in a real terminal to the last cancel handed to its venue.

Forty orders rest on two venues of the simulator at 20 ms latency, the console shows them in a terminal of its
own. The engine's own log says at which monotonic nanosecond each cancel was handed over.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from console.client import Client
from services.settings.layout import StateLayout
from tests.bench.report import quantile, table
from tests.bench.terminal import PROGRAM, ROOT, Pty, environment, terminal

pytestmark = pytest.mark.bench

PRESSES = 200
ORDERS = 40
SPEED = "1"
"""The simulator's 20 ms are 20 ms of the wall."""
FLOOR_MS = 50.0
PATIENCE_S = 180.0
"""A new desk trades after a minute of good data."""
PER_MINUTE = 2_800
"""Orders of the desk, half of them to each venue. A venue takes 1,500 a minute, and a quiet machine
presses often enough to send more: twenty refusals in a row, and the desk rightly stays REDUCING until a
person looks."""

_CANCEL = re.compile(rb"cancel handed to (\w+) at (\d+)")


class Log:
    """The engine's log as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.at = 0

    def news(self) -> bytes:
        """Whole lines since the last look."""
        with self.path.open("rb") as file:
            file.seek(self.at)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self.at += len(whole)
        return whole


def wait_for_rest(log: Log, screen: Pty | None = None) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if b"resting %d orders on 2 venues" % ORDERS in log.news():
            return
        if screen is None:
            time.sleep(0.05)
        else:
            screen.drain(0.05)
    told = b"\n".join(log.path.read_bytes().splitlines()[-60:])
    raise AssertionError(f"forty orders never came to rest:\n{told.decode(errors='replace')}")


def test_key_to_last_cancel() -> None:
    folder = Path(tempfile.mkdtemp(prefix="sc-kill-"))
    output = folder / "bench.log"
    env = environment(
        STABLECONSOLE_GATE__ORDERS_PER_SECOND="60",
        STABLECONSOLE_GATE__ORDERS_PER_MINUTE=str(PER_MINUTE),
        STABLECONSOLE_GATE__VENUE_ORDERS_PER_SECOND="100",
    )
    flags = ["--state-dir", str(folder), "--instruments", "20", "--debug", "--log-json", "--speed", SPEED]
    with output.open("wb") as sink:
        engine = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.resting", *flags],
            stdout=sink,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=env,
            cwd=ROOT,
            start_new_session=True,
        )
    try:
        log = Log(output)
        wait_for_rest(log)
        with terminal([*PROGRAM, "attach", "--state-dir", str(folder)], 120, 40, env) as screen:
            screen.until(lambda text: b"quit" in text)
            screen.drain(1.0)
            taken = press_often(log, screen, StateLayout(folder))
    finally:
        engine.kill()
        engine.wait()
        shutil.rmtree(folder, ignore_errors=True)
    first = [one for one, _ in taken]
    last = [two for _, two in taken]
    table(
        f"kill path: H in the terminal to the last of {ORDERS} cancels, {PRESSES} presses, ms",
        [
            ("to the first cancel, p50", f"{quantile(first, 0.5):6.1f}"),
            ("to the last cancel, p50", f"{quantile(last, 0.5):6.1f}"),
            ("to the last cancel, p90", f"{quantile(last, 0.9):6.1f}"),
            ("to the last cancel, p99", f"{quantile(last, 0.99):6.1f}   floor {FLOOR_MS:g}"),
            ("to the last cancel, worst", f"{max(last):6.1f}"),
        ],
    )
    assert len(taken) == PRESSES
    assert quantile(last, 0.99) < FLOOR_MS


def press_often(log: Log, screen: Pty, layout: StateLayout) -> list[tuple[float, float]]:
    """Each press: ms to the first and to the last cancel. Between two, resume and wait for rest."""
    draw = random.Random(5)
    taken = []
    for _ in range(PRESSES):
        screen.drain(draw.uniform(0.02, 0.15))
        log.news()
        pressed = screen.key(b"H")
        stamps: list[int] = []
        venues: set[bytes] = set()
        deadline = time.monotonic() + 10
        while len(stamps) < ORDERS and time.monotonic() < deadline:
            screen.drain(0.02)
            for venue, stamp in _CANCEL.findall(log.news()):
                venues.add(venue)
                stamps.append(int(stamp))
        assert len(stamps) == ORDERS, f"{len(stamps)} of {ORDERS} cancels"
        assert len(venues) == 2, venues
        taken.append(((min(stamps) - pressed) / 1e6, (max(stamps) - pressed) / 1e6))
        screen.drain(0.05)
        with Client.open(layout, "sim") as client:  # one that were silent between two presses would be let go
            done = client.call("resume", {"reason": "bench"})
        assert done.ok, done.error
        wait_for_rest(log, screen)
    return taken
