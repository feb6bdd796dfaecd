"""The world: what a simulated run is made of, its digest, and the one file that remembers it.

Everything random is derived from the digest, so two runs of the same world are the same run. `world.json` is
written once into the exchange's folder; a start that names another world is refused, never mixed (RUNTIME 6).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import random
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct

from services.domain.instrument import Instrument
from services.venues.sim.facts import (
    HISTORY_BALANCES,
    NS,
    OPENING_BALANCES,
    VENUES,
    RateLimits,
    venue_instruments,
)
from services.venues.sim.scenarios import DEFAULT_SCENARIO, scenario
from services.venues.sim.source import HistorySource

WORLD_FILE = "world.json"

GENERATOR = 1
"""Raised whenever the same digest would give another market."""


class World(Struct, frozen=True, kw_only=True):
    """All that decides what happens, apart from the commands."""

    generator: int = GENERATOR
    scenario: str | None
    history: str | None
    """Digest of the played history; exactly one of the two is set."""
    seed: int
    step_ns: int
    """0 = at the data's own instants."""
    start: int
    instruments: tuple[Instrument, ...]
    balances: dict[str, dict[str, Decimal]]
    """Opening balances by venue."""
    rates: RateLimits = RateLimits()
    """What each venue lets an account ask for; it does not shape the market, and stays outside the digest."""

    @property
    def venues(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(i.venue for i in self.instruments))

    @property
    def canonical(self) -> bytes:
        return msgspec.json.encode(self, order="deterministic")

    @property
    def digest(self) -> str:
        """Of all that shapes the market."""
        shape = msgspec.to_builtins(self, order="deterministic")
        del shape["rates"]
        return hashlib.sha256(msgspec.json.encode(shape)).hexdigest()

    @property
    def label(self) -> str:
        """What the screen calls the market."""
        return "HISTORY" if self.scenario is None else scenario(self.scenario).label

    def describe(self) -> str:
        """In words, for the message that names two worlds."""
        what = f"scenario {self.scenario}" if self.scenario else f"history {(self.history or '')[:12]}"
        step = f"step {self.step_ns / NS:g} s" if self.step_ns else "the data's own step"
        return f"{what}, seed {self.seed}, {step}, {len(self.instruments)} instruments ({self.digest[:12]})"


class WorldMismatch(Exception):
    """The folder holds another world than the one asked for."""

    def __init__(self, folder: Path, held: World, asked: World) -> None:
        self.held = held
        self.asked = asked
        super().__init__(
            f"{folder} holds {held.describe()}; asked for was {asked.describe()}. "
            "Name the first, or move it aside with --new-world"
        )


def make_world(
    name: str = DEFAULT_SCENARIO,
    seed: int = 1,
    step_s: float | None = None,
    synthetic: int = 0,
    venues: tuple[str, ...] = VENUES,
) -> World:
    """A generated world. `step_s` overrides the scenario's own step (seconds), `synthetic` adds perps."""
    chosen = scenario(name)
    if step_s is not None and not 0.1 <= step_s <= 3_600:
        raise ValueError(f"a market step of {step_s:g} s: expected 0.1 to 3600")
    return World(
        scenario=name,
        history=None,
        seed=seed,
        step_ns=chosen.step_ns if step_s is None else round(step_s * NS),
        start=chosen.start,
        instruments=tuple(i for venue in venues for i in venue_instruments(venue, synthetic)),
        balances={venue: dict(OPENING_BALANCES) for venue in venues},
    )


def history_world(source: HistorySource, seed: int = 1) -> World:
    """A world played from recorded history: 50 000 USD an account, in USD."""
    instruments = source.instruments()
    venues = dict.fromkeys(i.venue for i in instruments)
    return World(
        scenario=None,
        history=source.digest,
        seed=seed,
        step_ns=0,
        start=source.start,
        instruments=instruments,
        balances={venue: dict(HISTORY_BALANCES) for venue in venues},
    )


def read_world(folder: Path) -> World | None:
    """The world a folder holds; None = none yet. Raises ValueError when the file is not one."""
    path = folder / WORLD_FILE
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(raw, type=World)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} is not a world description: {error}") from error


def claim_world(folder: Path, world: World) -> None:
    """Write `world.json` once; raise WorldMismatch when the folder holds another world."""
    held = read_world(folder)
    if held is None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(folder / WORLD_FILE, world.canonical)
    elif held.canonical != world.canonical:
        raise WorldMismatch(folder, held, world)


def move_aside(folder: Path) -> Path | None:
    """`--new-world`: rename the folder to `NAME.N`, the first free N. None = there was nothing to move."""
    if not folder.exists():
        return None
    number = 1
    while (target := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    folder.rename(target)
    return target


def write_atomically(path: Path, data: bytes) -> None:
    """All of it or nothing, on disk when this returns."""
    part = path.with_name(path.name + ".part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        try:
            written = os.write(fd, data)
            if written != len(data):
                # A disk that has just become full takes a part and says so in the count alone.
                raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes were written", str(path))
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def stream_seed(digest: str, purpose: str, index: int = 0) -> int:
    """The seed of one purpose's stream: the same in every process and under every hash seed."""
    return int.from_bytes(hashlib.sha256(f"{digest}:{purpose}:{index}".encode()).digest()[:16], "big")


def stream(digest: str, purpose: str, index: int = 0) -> random.Random:
    return random.Random(stream_seed(digest, purpose, index))  # noqa: S311 - a market, not a secret
