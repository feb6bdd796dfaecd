"""Scenarios with trouble of the venue's own making: a line that is down, and a forced reduction."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from services.domain.enums import RateKind
from services.domain.events import (
    AccountReport,
    FundingSettled,
    MarketFrame,
    OrderAccepted,
    OrderFilled,
    OrderUnknown,
    VenueLink,
)
from services.venues.sim.world import make_world
from tests.sim.builders import NS, Sim, order

D = Decimal
BETA = "BTC-USDT-PERP.beta"
ALPHA = "BTC-USDT-PERP.alpha"


def beta(events: list[object]) -> list[object]:
    return [e for e in events if getattr(e, "venue", "") == "beta"]


def test_in_an_outage_nothing_is_heard_and_afterwards_all_is_stated_again() -> None:
    sim = Sim(make_world("outage"))
    start = sim.world.start
    sim.until(start + 29 * 60 * NS)
    events = beta(sim.until(start + 45 * 60 * NS))
    links = [e for e in events if isinstance(e, VenueLink)]
    assert [link.up for link in links] == [False, True]
    frames = [e for e in events if isinstance(e, MarketFrame)]
    gap = max(((b.ts_event - a.ts_event, b) for a, b in pairwise(frames)), key=lambda each: each[0])
    assert gap[0] == 12 * 60 * NS + 2 * NS, "the last frame before is 2 s older than the outage"
    back = gap[1]
    assert back.ts >= links[1].ts
    assert len(back.quotes) == 12
    assert len({r.instrument for r in back.rates if r.kind is RateKind.PREDICTED}) == 7


def test_an_order_into_an_outage_is_in_doubt_and_never_arrives() -> None:
    sim = Sim(make_world("outage"))
    sim.until(sim.world.start + 31 * 60 * NS)
    placed = order("buy", "0.1", "20000", BETA)
    events = beta(sim.send(placed, 3))
    assert [type(e) for e in events] == [OrderUnknown]
    assert isinstance(events[0], OrderUnknown)
    assert events[0].client_order_id == placed.client_order_id
    sim.run(15 * 60)
    assert sim.exchange.books("beta").orders == ()


def test_an_order_under_way_when_the_line_goes_down_is_taken_and_told_afterwards() -> None:
    sim = Sim(make_world("outage"))
    down = sim.world.start + 30 * 60 * NS
    sim.until(down - 10_000_000)
    events = beta(sim.send(order("buy", "0.1", "20000", BETA), 1))
    assert not [e for e in events if isinstance(e, OrderAccepted)]
    assert len(sim.exchange.books("beta").orders) == 1
    later = [e for e in beta(sim.run(13 * 60)) if isinstance(e, OrderAccepted)]
    assert len(later) == 1
    assert later[0].ts > down + 12 * 60 * NS


def test_the_read_after_an_outage_tells_what_the_books_hold() -> None:
    sim = Sim(make_world("outage"))
    sim.run(1)
    bid, _ = sim.quote(BETA)
    sim.send(order("sell", "0.1", bid, BETA, tif="ioc"))
    events = sim.until(sim.world.start + 75 * 60 * NS)
    paid = [e for e in events if isinstance(e, FundingSettled)]
    assert len(paid) == 2
    sim.exchange.venues["beta"].read_account(sim.queue.now, "after", 0)
    report = next(e for e in sim.run(1) if isinstance(e, AccountReport))
    assert [p.payment_id for p in report.payments] == [p.payment_id for p in paid]


def test_deleveraging_halves_the_position_once_also_across_a_restart(tmp_path: Path) -> None:
    world = make_world("adl")
    sim = Sim(world, tmp_path)
    sim.run(1)
    _, ask = sim.quote(ALPHA)
    sim.send(order("buy", "0.4", ask, ALPHA, tif="ioc"))
    sim.send(order("sell", "0.4", ask + 900, ALPHA, reduce_only=True))
    events = sim.until(world.start + 61 * 60 * NS)
    forced = [e for e in events if isinstance(e, OrderFilled)]
    assert [(f.side.value, f.quantity, f.client_order_id, f.liquidation) for f in forced] == [
        ("sell", D("0.200"), "", False)
    ]
    assert sim.exchange.books("alpha").positions[0].size == D("0.2")
    assert sim.exchange.books("alpha").orders[0].quantity == D("0.2")
    back = Sim(world, tmp_path, resume_at=sim.queue.now)
    assert back.exchange.books("alpha").positions[0].size == D("0.2")
    ids = [[f.trade_id for f in each.exchange.books("alpha").fills] for each in (sim, back)]
    assert ids[0] == ids[1]
