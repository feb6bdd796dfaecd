"""An account of the served exchange that runs short of margin (ftx.md 6): in small orders, then whole."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from services.domain.events import Event, OrderAccepted, OrderCanceled, OrderFilled, OrderRejected
from services.venues.sim.accounts import Holding, requirement
from services.venues.sim.facts import TIERS
from services.venues.sim.winding import backstop_at
from services.workers.simserver.worlds import served_world
from tests.sim.builders import NS, Sim, order

D = Decimal
PERP = "BTC-PERP.alpha"
SIZE = D(2)


def served(folder: Path | None = None, start: int | None = None) -> Sim:
    world = served_world("calm", 1, step_s=1, synthetic=0, start=start)
    sim = Sim(world, folder, small_orders=True)
    sim.run(1)
    return sim


def holding(sim: Sim, fraction: str, size: Decimal = SIZE) -> None:
    """1,000 USD and a position that leaves so much of its notional as margin at the present mark."""
    floor = sim.exchange.venues["alpha"].floor
    account, mark = floor.state.account, floor.mark(PERP)
    account.balances.clear()
    account.balances["USD"] = D(1000)
    per_unit = (D(fraction) * abs(size) * mark - 1000) / size
    account.holdings[PERP] = Holding(size=size, entry=mark - per_unit)


def fills(events: list[Event]) -> list[OrderFilled]:
    return [each for each in events if isinstance(each, OrderFilled)]


def size(sim: Sim) -> Decimal:
    return sim.exchange.venues["alpha"].state.account.size(PERP)


def test_where_it_begins_and_where_it_is_handed_over_are_those_of_the_worked_example() -> None:
    """1,000 USD, long 2 BTC from 10,000: 9793.81 and 9644.67."""

    def figures(price: Decimal) -> tuple[Decimal, Decimal, Decimal]:
        return 1000 + 2 * (price - 10_000), requirement(TIERS, 2 * price)[1], 2 * price

    for price, begun in (("9793.82", False), ("9793.81", True)):
        collateral, maintenance, _ = figures(D(price))
        assert (maintenance > collateral) is begun
    for price, over in (("9644.68", False), ("9644.66", True)):
        collateral, maintenance, notional = figures(D(price))
        assert (collateral < backstop_at(maintenance, notional)) is over
    # A steep requirement: six hundredths under it, and not the half of it.
    assert backstop_at(D(20), D(100)) == 14


@pytest.mark.parametrize("sign", [1, -1])
def test_a_tenth_each_six_seconds_until_the_margin_is_enough(sign: int) -> None:
    sim = served()
    resting = order("buy", "0.01", "15000", PERP)
    sim.send(resting)
    holding(sim, "0.02", SIZE * sign)
    events = sim.private(60)
    assert [(each.client_order_id, each.reason) for each in events if isinstance(each, OrderCanceled)] == [
        (resting.client_order_id, "liquidation")
    ]
    closed = fills(events)
    assert all(each.liquidation and not each.client_order_id for each in closed)
    assert len({each.venue_order_id for each in closed}) == 1
    by_time: dict[int, Decimal] = {}
    for each in closed:
        by_time[each.ts_event] = by_time.get(each.ts_event, D(0)) + each.quantity
    assert 3 <= len(by_time) <= 6, "a third of it has to go"
    assert all(quantity <= D("0.2") for quantity in by_time.values())
    times = list(by_time)
    assert {later - earlier for earlier, later in pairwise(times)} == {6 * NS}
    assert abs(size(sim)) == 2 - sum(by_time.values())
    assert not sim.exchange.margin("alpha").liquidated
    assert sim.exchange.margin("alpha").collateral > 0


def test_below_its_requirement_no_order_is_taken_not_even_one_that_reduces() -> None:
    sim = served()
    holding(sim, "0.029")
    bid, _ = sim.quote(PERP)
    closing = [
        order("sell", "0.1", bid, PERP, tif="ioc", reduce_only=True),
        order("sell", "0.1", None, PERP, tif="ioc", reduce_only=True),
        order("sell", "2", "16000", PERP, reduce_only=True, trigger=D(16_010)),
    ]
    for each in closing:
        (answer,) = sim.send(each, 0.05)
        assert isinstance(answer, OrderRejected), answer
        assert answer.reason == "insufficient margin"
    assert len({each.ts_event for each in fills(sim.private(20))}) == 1, "one step is enough"
    accepted, *_ = sim.send(order("sell", "0.1", bid - 50, PERP, tif="ioc", reduce_only=True))
    assert isinstance(accepted, OrderAccepted)


@pytest.mark.parametrize("fraction", ["0.0149", "0.001", "-0.01"])
@pytest.mark.parametrize("sign", [1, -1])
def test_under_the_auto_close_fraction_all_of_it_goes_at_the_price_that_leaves_nothing(
    fraction: str, sign: int
) -> None:
    sim = served()
    holding(sim, fraction, SIZE * sign)
    closed = fills(sim.private(3))
    assert sum(each.quantity for each in closed) == 2
    assert all(each.liquidation and each.fee == 0 for each in closed)
    assert size(sim) == 0
    tick = sim.exchange.venues["alpha"].floor.listed[PERP].price_increment
    assert abs(sim.exchange.margin("alpha").equity) <= 2 * tick
    assert sim.exchange.venues["alpha"].state.winding is None


def test_it_goes_on_over_a_restart(tmp_path: Path) -> None:
    hour = 490_000 * 3_600 * NS
    sim = served(tmp_path, hour - 10 * NS)
    holding(sim, "0.02")
    sim.run(10)  # past the hour's checkpoint
    left = size(sim)
    winding = sim.exchange.venues["alpha"].state.winding
    assert winding is not None
    assert left == D("1.6")
    assert sim.exchange.close()
    again = Sim(sim.world, tmp_path, small_orders=True)
    assert size(again) == left
    assert again.exchange.venues["alpha"].state.winding == winding
    later = fills(again.private(30))
    assert later[0].ts_event == winding.next_at
    assert not again.exchange.margin("alpha").liquidated


def test_an_account_that_the_market_has_saved_is_left_alone() -> None:
    sim = served()
    holding(sim, "0.02")
    sim.run(2)
    assert sim.exchange.venues["alpha"].state.winding is not None
    sim.exchange.venues["alpha"].state.account.balances["USD"] += 100_000
    before = size(sim)
    assert fills(sim.private(20)) == []
    assert size(sim) == before
    assert sim.exchange.venues["alpha"].state.winding is None
