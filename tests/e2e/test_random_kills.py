"""The program itself, killed at random while pairs open and close and a person halts, flattens, resumes.

Of the soak alone, for a kill costs some five seconds. The boundaries themselves are killed in `tests/kill`.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from console.client import Client
from console.places import layout_of
from services.protocol.errors import ProductError
from services.protocol.frames import Cmd, encode
from tests.e2e.builders import PROGRAM, ask, environment, state_folder, status
from tests.e2e.remains import Remains
from tests.figures import Say

SOAK = bool(os.environ.get("STABLECONSOLE_SOAK"))
CHAINS, KILLS = 12, 10
SCENARIOS = ("funding-harvest", "funding-flip", "outage", "adl", "dislocation", "flash-crash")
SPEEDS = ("5", "20", "60", "600", "3600")
FAULTS = (
    *("timeout@alpha=0.1", "drop@beta=0.05", "duplicate@alpha=0.1", "latency@beta=0.2", "5xx@beta=0.2"),
    *("reject@alpha=0.2", "fsync=0.3", "halfopen@beta=0.05", "partial@alpha=0.5", "reorder@alpha=0.3"),
)
LEGS = (
    ("BTC-USDT-PERP.beta", "BTC-USDT-PERP.alpha"),
    ("ETH-USDT-PERP.beta", "ETH-USDT-PERP.alpha"),
    ("BTC-USDC-PERP.beta", "BTC-USDC-PERP.alpha"),
    ("ETH-USDC-PERP.alpha", "ETH-USDC-PERP.beta"),
)
QUICK = """
[profiles.sim]
mode = "sim"
[profiles.sim.strategies.funding_arb]
kind = "funding_arb"
max_hold_h = 0.1
cooldown_close_h = 0.0
cooldown_failed_min = 1
entry_window_min_s = 0
entry_window_max_s = 30000
blackout_s = 0
min_edge_multiple = 0.0
persistence_sample = 2
[profiles.sim.strategies.cross_exchange]
kind = "cross_exchange"
cooldown_close_min = 1
cooldown_failed_min = 1
threshold = "0bps"
"""
"""Pairs that come and go."""


class Person:
    """Sends commands and waits for no answer: a kill may fall into their work."""

    def __init__(self, folder: Path, draw: random.Random, client: Client) -> None:
        self.folder, self.draw, self.client = folder, draw, client
        self.said: list[str] = []

    def say(self, name: str, /, **args: str) -> None:
        self.said.append(name)
        command = Cmd(id=f"r{time.time_ns():x}-{len(self.said)}", name=name, args=args, origin="shell:1")
        self.client._send(encode(command))

    def act(self) -> str:
        """One thing that fits the moment; what it was."""
        now, draw = status(self.folder), self.draw
        hedged = [pair["id"] for pair in now.get("pairs", ()) if pair["state"] == "hedged"]
        if now.get("trading_state") == "HALTED" and draw.random() < 0.6:
            self.say("resume", reason="looked")
            return "resume"
        roll = draw.random()
        if roll < 0.45 or not hedged:
            short, long = draw.choice(LEGS)
            self.say("pair open", short=short, long=long, notional=draw.choice(("3000", "12000", "20000")))
            return "open"
        if roll < 0.70:
            self.say("pair close", id=draw.choice(hedged))
            return "close"
        if roll < 0.80:
            self.say("flatten", what=draw.choice(("alpha", "beta", *hedged)))
            return "flatten a part"
        name = draw.choice(("halt", "flatten", "stop", "halt"))
        self.say(name)
        return name


@contextmanager
def living(folder: Path, *words: str, **known: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process on the folder, killed at the end of the block."""
    process = subprocess.Popen(
        [*PROGRAM, *words, "--state-dir", str(folder)],
        env=environment(**known),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        _, errors = process.communicate()
        assert b"Traceback" not in errors, errors.decode()[-4_000:]


def answering(folder: Path, engine: subprocess.Popen[bytes]) -> Client:
    end = time.monotonic() + 60
    while time.monotonic() < end and engine.poll() is None:
        try:
            return Client.open(layout_of("sim", str(folder)), "sim")
        except (ProductError, OSError):
            time.sleep(0.02)
    raise AssertionError(f"no answer, status {engine.poll()}")


def life(folder: Path, draw: random.Random, flags: list[str], known: dict[str, str], early: bool) -> str:
    """From a start to a kill; where it fell."""
    speed = draw.choice(SPEEDS)
    more = ["--fault", draw.choice(FAULTS)] if draw.random() < 0.25 else []
    with living(folder, "run", "--no-ui", "--speed", speed, *flags, *more, **known) as engine:
        if early:
            time.sleep(draw.uniform(0.2, 1.3))
            return "in its start"
        done = "at once"
        with answering(folder, engine) as client:
            person, end = Person(folder, draw, client), time.monotonic() + draw.uniform(0.1, 3.0)
            try:
                while time.monotonic() < end:
                    done = person.act()
                    time.sleep(draw.uniform(0.0, 0.25))
                done = person.act()
                time.sleep(min(1.0, draw.expovariate(1 / (0.6 / float(speed) + 0.02))))
            except ProductError:
                assert "stop" in person.said, f"it went by itself, status {engine.poll()}"
        return f"after {done}"


def copied(folder: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(folder, target, ignore=shutil.ignore_patterns("*.sock")))


@pytest.mark.soak
@pytest.mark.skipif(not SOAK, reason="of the soak: some 20 minutes")
@pytest.mark.parametrize("seed", range(CHAINS))
def test_killed_at_any_moment_it_comes_back(seed: int, tmp_path: Path, figure: Say) -> None:
    draw = random.Random(f"{seed}:kills")
    scenario = SCENARIOS[seed % len(SCENARIOS)]
    flags = ["--scenario", scenario, "--seed", str(draw.randrange(1, 1_000))]
    config = tmp_path / "config.toml"
    config.write_text(QUICK)
    known: dict[str, Any] = {"STABLECONSOLE_CONFIG": str(config)}
    places, worst_s = Counter[str](), 0.0
    with state_folder() as folder:
        for number in range(KILLS):
            place = life(folder, draw, flags, known, early=bool(number) and draw.random() < 0.3)
            if draw.random() < 0.2:
                with living(folder, "flatten", "--direct", "--yes", **known):
                    time.sleep(draw.uniform(0.3, 2.5))
                place = "in a direct flatten"
            places[place] += 1
            assert not list(folder.glob("store.sqlite.corrupt*")), f"kill {number}, {place}"
            try:
                found = Remains(copied(folder, tmp_path / "copy"), 1_500 if scenario == "outage" else 0)
            except sqlite3.OperationalError:
                continue  # killed before the store had a table
            assert not found.wrong, f"kill {number}, {place}: {found.wrong}"
            worst_s = max(worst_s, found.naked_s)
        for words in (
            ("run", "--no-ui", "--speed", "600", "--for-sim", "3m", *flags),
            ("audit", "verify"),
            ("replay",),
        ):
            ran = ask(folder, *words, **known)
            assert ran.returncode == 0, ran.stderr
    figure(f"{scenario}: {dict(places)}, naked for {worst_s:.1f} s at most")
