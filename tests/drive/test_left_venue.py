"""A venue is taken out of the profile while an order of ours there has no last word.

Its first probe ended the engine, and would have ended each start: nobody looked after what stands elsewhere.
"""

from __future__ import annotations

import logging
from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk.desk import Desk
from services.domain.effects import Cancel, QueryOrder
from services.domain.enums import Purpose, Side
from services.domain.events import Command, Timer
from services.domain.orders import OrderRequest
from services.drive.machine import VirtualMachine
from tests.desk.world import DeskWorld, MemoryKeeper, S, quick

PERP = "BTC-USDT-PERP.beta"


def test_an_order_at_a_venue_that_left_the_profile_stays_in_doubt_and_ends_no_engine(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = DeskWorld("calm", settings=replace(quick(), strategies={})).run(10)
    core = world.desk.core
    order = OrderRequest(
        client_order_id=core.ids.draw(Purpose.TICKET),
        instrument=PERP,
        side=Side.BUY,
        quantity=Decimal("0.1"),
        price=Decimal(20_000),
        purpose=Purpose.TICKET,
        origin="operator",
    )
    core.orders.add(order, world.now)
    core.orders.sent(order.client_order_id, world.now)
    settings = replace(world.settings, venues=("alpha",))
    desk = Desk(settings, core.instruments, Desk.restore(world.desk.export()), instance="abc123")
    keeper = MemoryKeeper()
    machine = VirtualMachine(
        desk,
        {"alpha": world.machine.venues["alpha"]},
        world.exchange,
        world.queue,
        keeper,
    )
    with caplog.at_level(logging.ERROR):
        machine.feed(Timer(name="start", ts=world.now))
        machine.run_until(world.now + 10 * S)
        machine.feed(
            Command(id="c1", name="halt", args={"reason": "look"}, origin="test", ts=world.queue.now)
        )
        machine.run_until(world.queue.now + 2 * S)
    assert len(keeper.of(QueryOrder)) > 1
    assert len(keeper.of(Cancel)) > 0
    assert [entry.id for entry in desk.core.orders.doubtful()] == [order.client_order_id]
    told = [
        record.getMessage() for record in caplog.records if "no venue of this profile" in record.getMessage()
    ]
    assert len(told) == 1, "once, not at every probe"
