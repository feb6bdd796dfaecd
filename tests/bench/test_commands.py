"""One-shot commands: how long `--help` and `version` take, and one command's way over the socket."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pytest

from console.client import Client
from services.settings.layout import StateLayout
from tests.bench.report import quantile, table
from tests.bench.terminal import PROGRAM, ROOT, environment
from tests.bench.test_screen import engine

pytestmark = pytest.mark.bench

TIMES = 9
FLOOR_S = 0.3


def seconds(argv: list[str]) -> float:
    began = time.monotonic()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env=environment(), cwd=ROOT)
    return time.monotonic() - began


def test_help_and_version() -> None:
    asked = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "version": [*PROGRAM, "version"],
        "--help": [*PROGRAM, "--help"],
    }
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(TIMES + 1):
        for name, argv in asked.items():
            found = seconds(argv)
            if number:
                taken[name].append(found)
    table(
        f"one-shot commands, median of {TIMES}, ms",
        [(name, f"{median(values) * 1e3:6.0f}   floor {FLOOR_S * 1e3:g}") for name, values in taken.items()],
    )
    assert median(taken["version"]) < FLOOR_S
    assert median(taken["--help"]) < FLOOR_S


def test_round_trip() -> None:
    rows = []
    with engine("--speed", "60") as folder, Client.open(StateLayout(Path(folder)), "sim") as client:
        for name, args in (("status", {}), ("pause", {"name": "funding_arb"}), ("halt", {})):
            taken = []
            for _ in range(200):
                began = time.perf_counter()
                done = client.call(name, args)
                taken.append((time.perf_counter() - began) * 1e3)
                assert done.ok, done.error
                time.sleep(0.003)
            rows.append((name, f"p50 {quantile(taken, 0.5):6.2f}   p99 {quantile(taken, 0.99):6.2f}"))
    table("one command over the control socket at speed 60, 200 each, ms", rows)
