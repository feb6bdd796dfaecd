"""An order that was to end at once and that the venue keeps working: it stays ours, is canceled until it is
gone, the alerts do not flap, and a stop takes it off or says what it was (SEMANTICS 7, 8, 10)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.domain.enums import PairState, Purpose, TimeInForce, TradingState
from services.domain.events import CancelRejected, StopRequested
from services.domain.orders import OrderRequest
from services.domain.records import AlertRecord
from tests.desk.world import DeskWorld, S, quick


def rests(world: DeskWorld, order: OrderRequest) -> OrderRequest:
    """The venue takes it for one that rests, half a percent off the market."""
    spec = world.desk.core.instruments[order.instrument]
    assert order.price is not None
    far = order.price * (1 - Decimal("0.005") * order.side.sign)
    return replace(order, tif=TimeInForce.GTC, price=spec.round_price(order.side, far))


def rests_once(purpose: Purpose) -> DeskWorld:
    """A pair opens, and this order of it, an IOC, has just gone out and rests."""
    world = DeskWorld(settings=quick())
    world.on_submit = lambda w, order: rests(w, order) if order.purpose is purpose else order
    return world.until(lambda w: any(each.order.purpose is purpose for each in w.sent), 120)


def deaf(world: DeskWorld) -> None:
    """Cancels reach nobody."""
    for venue in world.exchange.venues.values():
        venue.cancel = lambda *_: None  # type: ignore[method-assign]


def hearing(world: DeskWorld) -> None:
    for venue in world.exchange.venues.values():
        del venue.cancel


def refusing(world: DeskWorld) -> None:
    """Every cancel is refused, though the order works."""
    for name, venue in world.exchange.venues.items():

        def no(now: int, instrument: str, order: str, number: str, name: str = name) -> None:
            due = now + S // 50
            world.queue.deliver(due, CancelRejected(name, order, "try again", due, due))

        venue.cancel = no  # type: ignore[method-assign]


def spells(world: DeskWorld, rule: str) -> int:
    """How often alerts of this rule were raised after they had been resolved, or for the first time."""
    open_now: set[str] = set()
    count = 0
    for row in world.keeper.rows:
        if not isinstance(row, AlertRecord) or not row.key.startswith(rule):
            continue
        if row.state == "resolved":
            open_now.discard(row.key)
        elif row.key not in open_now:
            open_now.add(row.key)
            count += 1
    return count


def only(world: DeskWorld, purpose: Purpose) -> OrderRequest:
    return next(each.order for each in world.sent if each.order.purpose is purpose)


def stop(world: DeskWorld) -> tuple[str, ...]:
    world.machine.feed(StopRequested(reason="test", deadline=world.now + 10 * S, ts=world.now))
    world.run(11)
    assert world.machine.stopped is not None
    return world.machine.stopped.left


def working(world: DeskWorld) -> list[str]:
    """By the exchange's own books; what protects a naked leg waits for its trigger."""
    return [
        sim.client_order_id
        for venue in world.exchange.venues.values()
        for sim in venue.state.orders.values()
        if sim.live and sim.trigger is None
    ]


def test_it_is_canceled_when_it_is_overdue_and_no_other_goes_out_before_it_is_gone() -> None:
    """Leg 1, nothing of it filled: no naked clock asks for its cancel."""
    world = rests_once(Purpose.ENTRY)
    mine, begin = only(world, Purpose.ENTRY), world.now
    world.until(lambda w: any(name == mine.client_order_id for _, name in w.cancels), 3)
    assert len(world.sent) == 1
    assert world.now - begin >= 2 * S
    world.run(1)
    assert (spells(world, "in doubt:P-"), spells(world, "order rests")) == (1, 1)
    assert not [each for each in world.desk.core.alerts.open() if each.key.startswith("order rests")]
    assert [name for _, name in world.cancels].count(mine.client_order_id) == 1
    assert mine.client_order_id not in working(world)
    world.on_submit = lambda w, order: order
    world.run(20)
    assert world.pair_states() == [PairState.HEDGED]
    world.books_agree()


def test_a_hedge_that_rests_is_withdrawn_with_its_leg_and_the_pair_goes_back() -> None:
    world = rests_once(Purpose.HEDGE).run(20)
    mine = only(world, Purpose.HEDGE)
    assert (spells(world, "in doubt:P-"), spells(world, "order rests")) == (0, 0)
    assert [each.order.leg for each in world.sent if each.increasing].count(mine.leg) == 1
    assert not any(world.naked().values())
    assert working(world) == []
    world.books_agree()


@pytest.mark.parametrize("cancels", [deaf, refusing])
def test_as_long_as_it_stays_it_is_ours_nothing_flaps_and_the_venue_takes_no_new_risk(
    cancels: Callable[[DeskWorld], None],
) -> None:
    world = rests_once(Purpose.HEDGE)
    cancels(world)
    mine, sent = only(world, Purpose.HEDGE), len(world.sent)
    world.run(40)
    assert spells(world, "in doubt:P-") == 1  # before the venue said that it works
    assert spells(world, "order rests") == 2  # of the order; of the venue that does not end it
    entry = world.desk.core.orders.get(mine.client_order_id)
    assert entry is not None
    assert entry.overstays
    assert working(world) == [mine.client_order_id]
    assert [each for each in world.sent[sent:] if each.increasing] == []
    venue = f"venue:{mine.instrument.rpartition('.')[2]}"
    assert ("order rests", venue, TradingState.REDUCING, False) in world.causes()
    assert any("does not end" in each.text for each in world.decisions("escalate"))
    hearing(world)
    world.run(25)
    assert not any(world.naked().values())
    assert working(world) == []
    assert "order rests" not in [name for name, *_ in world.causes()]
    world.books_agree()


def test_what_it_still_trades_is_counted_and_nothing_is_doubled() -> None:
    """It rests, its cancel is lost, and the market comes to it after all."""
    world = rests_once(Purpose.HEDGE)
    deaf(world)
    mine = only(world, Purpose.HEDGE)
    world.run(5)
    venue = world.exchange.venues[mine.instrument.rpartition(".")[2]]
    (sim,) = [each for each in venue.state.orders.values() if each.client_order_id == mine.client_order_id]
    venue.floor._fill(world.exchange.now, sim, sim.ticks or 0, sim.leaves, maker=True)
    venue.floor.books[mine.instrument].remove(sim)
    world.run(20)
    assert not any(world.naked().values())
    assert spells(world, f"order rests:{mine.client_order_id}") == 1
    world.books_agree()


@pytest.mark.parametrize("purpose", [Purpose.ENTRY, Purpose.HEDGE])
@pytest.mark.parametrize("wait", [0.1, 1.9, 2.1])
def test_a_stop_takes_it_off_and_comes_to_rest(purpose: Purpose, wait: float) -> None:
    world = rests_once(purpose).run(wait)
    assert stop(world) == ()
    assert working(world) == []
    assert not any(world.naked().values())


def test_a_stop_that_cannot_take_it_off_says_exactly_what_is_left() -> None:
    world = rests_once(Purpose.HEDGE)
    deaf(world)
    mine = only(world, Purpose.HEDGE)
    left = stop(world)
    line = (
        f"order {mine.client_order_id} pending_cancel: {mine.side.value} {mine.quantity:f} {mine.instrument}"
    )
    assert line in left
    assert [each.partition(" ")[2] for each in left if each != line] == [PairState.UNWINDING.value]
    assert spells(world, "in doubt:P-") == 1


def test_an_order_by_hand_that_rests_is_canceled_too() -> None:
    world = DeskWorld(settings=quick())
    world.run(10)
    world.on_submit = lambda w, order: rests(w, order) if order.purpose is Purpose.TICKET else order
    done = world.answer("buy", symbol="BTC-USDT-PERP.alpha", size="0.01")
    assert done.ok, done.text
    world.run(15)
    assert spells(world, "order rests") == 1
    assert working(world) == []
