"""Moments of real runs, for pictures: a desk on the simulated exchange, played to a known virtual time.

The same world gives the same moment every time. What was played for the README's pictures is kept beside this
file, so that they can be drawn again in no time.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from pathlib import Path

import msgspec

from services.desk.views import Meta, desk_view, strip
from services.domain.events import Command
from services.domain.money import DESK_CONTEXT
from services.drive.machine import VirtualMachine
from services.drive.session import Session
from services.drive.standing import SessionNote
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.venues.sim.world import make_world
from services.views.desk import DeskView
from services.views.strip import StripView

Moment = tuple[StripView, DeskView]
MINUTE = 60_000_000_000


class Run:
    """One world from its start, at full speed."""

    def __init__(self, scenario: str, seed: int = 1) -> None:
        world = make_world(scenario, seed)
        session = Session(StateLayout(Path()), world, Settings(), "picture", durable=False)
        session.open(SessionNote(pid="", speed="max", state_dir=""))
        self._desk = session.desk
        self._start = session.queue.now
        self._meta = Meta(badge="SIM ×60", stamp=world.label, profile="sim", mode="sim", synthetic=True)
        self._machine = VirtualMachine(
            session.desk,
            dict(session.exchange.venues),
            session.exchange,
            session.queue,
            session.keeper,
        )
        session.first_events()

    def at(self, minutes: float) -> Moment:
        """After so many simulated minutes."""
        self._machine.run_until(self._start + int(minutes * MINUTE))
        with decimal.localcontext(DESK_CONTEXT):
            core = self._desk.core
            return strip(core, self._meta), desk_view(core, self._desk.strategies, self._meta)

    def command(self, name: str) -> None:
        now = self._machine.queue.now
        self._machine.feed(Command(id=name, name=name, args={}, origin="console", ts=now))


def _harvest() -> Iterator[tuple[str, Moment]]:
    """What `make run` shows after four simulated hours, and a halt."""
    run = Run("funding-harvest")
    yield "hedged", run.at(232.007)
    run.at(233)
    run.command("halt")
    yield "halted", run.at(234.507)


def _depeg() -> Iterator[tuple[str, Moment]]:
    """The morning of 11 March 2023 in the scenario: USDC far below its peg."""
    yield "depeg", Run("usdc-depeg-2023").at(16.5 * 60 + 0.007)


KEPT = Path(__file__).parent / "moments"


def play(run: str) -> None:
    """Plays a run and keeps its moments."""
    KEPT.mkdir(exist_ok=True)
    for name, moment in {"harvest": _harvest, "depeg": _depeg}[run]():
        (KEPT / f"{run}-{name}.json").write_bytes(msgspec.json.encode(moment) + b"\n")


def moment(run: str, name: str) -> Moment:
    """As it was last played."""
    return msgspec.json.decode((KEPT / f"{run}-{name}.json").read_bytes(), type=Moment)
