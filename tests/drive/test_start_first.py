"""What was sent before the end is in doubt before anything is heard: a command that came early waits for the
start, and a desk that is handed one all the same cancels instead of denying.
"""

from __future__ import annotations

import time
from pathlib import Path

from services.desk.desk import Desk
from services.domain.effects import Cancel, QueryOrder
from services.domain.enums import OrderState
from services.domain.events import Command, Event, Timer
from services.drive import recover
from services.drive.machine import VirtualMachine
from services.drive.pace import Pacer
from services.drive.ports import NullKeeper
from services.drive.runner import Limits, Runner, Wish
from services.drive.session import Session
from services.drive.standing import SessionNote
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.venues.sim.world import make_world
from tests.desk.world import S, quick
from tests.drive.engines import engine, layout_of


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


def test_an_intent_that_may_live_is_in_doubt_before_the_start_is_heard(tmp_path: Path) -> None:
    """Killed with the intent on disk: a halt that reached the desk first would call it denied as unsent."""
    session, machine = engine(tmp_path, quick())
    while machine.commit is None:
        machine.step()
    machine.commit.result()
    waiting = session.desk.core.orders.open_orders()
    assert [each.state for each in waiting] == [OrderState.INITIALIZED]
    session.close()

    restored = recover.restore(layout_of(tmp_path).store)
    assert restored is not None
    desk = Desk(quick(), session.desk.core.instruments, restored.state)
    now = restored.state.now
    (order,) = desk.core.orders.open_orders()
    assert order.id == waiting[0].id
    assert order.state is OrderState.IN_DOUBT
    halted = desk.handle(Command(id="h", name="halt", args={"reason": "early"}, origin="test", ts=now))
    assert order.id in {each.client_order_id for each in halted if isinstance(each, Cancel)}
    assert order.state is OrderState.IN_DOUBT
    begun = (*desk.handle(Timer(name="start", ts=now)), *desk.handle(Timer(name="orders", ts=now)))
    assert order.id in {each.client_order_id for each in begun if isinstance(each, QueryOrder)}
    assert order.state is OrderState.IN_DOUBT
