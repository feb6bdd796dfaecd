"""A flatten beside hundreds of orders that rest: none of them keeps it from what it is for.

A turn that asks for more than it ever should is cut. Cancels were counted with the orders, and what closes a
position stood behind them: it was dropped, and the flatten waited for an order that nobody had placed.
"""

from __future__ import annotations

from decimal import Decimal
from unittest import mock

from services.desk import submit
from services.domain.enums import Purpose, Side
from services.domain.orders import OrderRequest
from services.execution.actions import Place
from services.execution.backstops import Want
from services.venues.sim.facts import MAX_WORKING
from tests.desk.world import DeskWorld, quick

BTC, ETH = "BTC-USDT-PERP.beta", "ETH-USDT-PERP.beta"
VENUES = ("alpha", "beta")


def opened() -> DeskWorld:
    world = DeskWorld(settings=quick())
    return world.until(lambda w: all(w.desk.state.venue(name).opened for name in VENUES))


def flattened(world: DeskWorld) -> list[str]:
    identity = world.command("flatten")
    world.until(lambda w: identity in w.done, 70)
    assert world.done[identity].exit == 0, world.done[identity].text
    assert world.positions() == {}
    return [name for name, *_ in world.causes()]


def test_as_many_foreign_orders_as_a_turn_may_place_keep_no_position_open() -> None:
    world = opened()
    world.foreign(BTC, Side.BUY, "0.05")
    for venue in VENUES:
        for number in range(MAX_WORKING):
            world.foreign(f"ETH-USDT-PERP.{venue}", Side.BUY, "0.01", price=f"{1000 + number / 10:.1f}")
    world.run(35)
    resting = sum(len(world.desk.state.venue(name).foreign_orders) for name in VENUES)
    assert resting >= submit.MAX_PLACED
    assert "circle" not in flattened(world)


def test_whoever_waits_for_an_order_that_a_turn_has_no_room_for_hears_that_there_is_none() -> None:
    world = opened()
    world.foreign(BTC, Side.BUY, "0.05")
    world.foreign(ETH, Side.BUY, "0.5")
    world.run(1)
    with mock.patch.object(submit, "MAX_PLACED", 1):
        assert "circle" in flattened(world)


def test_the_backstop_of_a_naked_leg_that_a_turn_has_no_room_for_is_placed_later() -> None:
    """Nobody said that there was no such order, and none was placed behind one that had no answer yet."""
    world = opened()
    book = world.desk.core.backstops
    want = Want(instrument=BTC, size=Decimal("0.05"), entry=Decimal(23_000), pair="P-01", leg=1)
    with mock.patch.object(submit, "MAX_PLACED", 0):
        world.desk.submit.run(book.sync({want.key: want}, world.now))
    stop = book.state.stops[want.key]
    assert (stop.orders, stop.failures) == ({}, 1)
    assert Place in [type(action) for action in book.sync({want.key: want}, stop.next_at)]


def test_who_answers_every_denial_with_another_order_does_not_keep_the_turn_from_ending() -> None:
    world = opened()
    core, submitter = world.desk.core, world.desk.submit

    def order() -> Place:
        request = OrderRequest(
            client_order_id=core.ids.draw(Purpose.STOP),
            instrument=BTC,
            side=Side.SELL,
            quantity=Decimal("0.01"),
            price=Decimal(1),
            reduce_only=True,
            purpose=Purpose.STOP,
            origin="desk",
        )
        return Place(request)

    with mock.patch.object(core.stops, "on_order", side_effect=lambda *_: (order(),)):
        submitter.run((order(),))
    assert "circle" in [each.name for each in core.causes.causes()]
