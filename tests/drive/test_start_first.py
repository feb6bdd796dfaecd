"""A command that is there before the engine turns waits for the start: then it is known what was sent."""

from __future__ import annotations

import time
from pathlib import Path

from services.domain.events import Command, Event, Timer
from services.drive.machine import VirtualMachine
from services.drive.pace import Pacer
from services.drive.ports import NullKeeper
from services.drive.runner import Limits, Runner, Wish
from services.drive.session import Session
from services.drive.standing import SessionNote
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.venues.sim.world import make_world
from tests.desk.world import S


class Heard(NullKeeper):
    """Every input, in order."""

    def __init__(self) -> None:
        self.inputs: list[Event] = []

    def input(self, event: Event) -> None:
        self.inputs.append(event)


async def test_the_start_is_heard_before_a_halt_that_came_earlier(tmp_path: Path) -> None:
    """A key pressed while the engine recovers: were it taken first, an intent that lives at its venue would
    be denied as unsent, and its slice sent again.
    """
    session = Session(
        StateLayout(tmp_path),
        make_world("funding-harvest", 7),
        Settings(),
        "test",
        durable=False,
    )
    session.open(SessionNote(pid="1", speed="max", state_dir=""))
    keeper = Heard()
    machine = VirtualMachine(
        session.desk, dict(session.exchange.venues), session.exchange, session.queue, keeper
    )
    end = session.queue.now + 5 * S
    runner = Runner(
        machine, Pacer(None, time.monotonic(), session.queue.now), Limits(virtual_end=end), beat=lambda: None
    )
    runner.submit(Wish(id="h", name="halt", args={"reason": "early"}, origin="test"))
    session.first_events()
    assert await runner.run()
    first, second = keeper.inputs[:2]
    assert isinstance(first, Timer)
    assert first.name == "start"
    assert isinstance(second, Command)
    assert second.name == "halt"
