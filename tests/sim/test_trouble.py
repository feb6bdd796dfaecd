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
    OrderCanceled,
    OrderFilled,
    OrderUnknown,
    VenueLink,
)
from services.domain.venue_events import DeadManReport
from services.venues.sim.adl import place_of
from services.venues.sim.world import make_world
from tests.sim.builders import NS, Sim, order

D = Decimal
BETA = "BTC-USDT-PERP.beta"
ALPHA = "BTC-USDT-PERP.alpha"
ETH = "ETH-USDT-PERP.alpha"


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


def test_an_outage_between_two_instants_loses_no_word() -> None:
    sim = Sim(make_world("calm", step_s=60))
    sim.run(61)
    venue = sim.exchange.venues["beta"]
    placed = order("buy", "0.1", "20000", BETA)
    venue.submit(sim.queue.now, placed)
    venue.dead_man(sim.queue.now, 5_000)
    venue.go_dark(sim.queue.now + 10_000_000, sim.queue.now + 20 * NS)
    assert beta(sim.run(30)) == []
    assert sim.exchange.books("beta").orders == (), "taken, and canceled by the switch"
    words = [e for e in beta(sim.run(60)) if not isinstance(e, MarketFrame)]
    assert [type(e) for e in words] == [OrderAccepted, DeadManReport, OrderCanceled, DeadManReport]
    assert [e.fired for e in words if isinstance(e, DeadManReport)] == [False, True]


def test_an_answer_held_back_tells_the_books_as_they_stood() -> None:
    sim = Sim(make_world("outage", step_s=5))
    down = sim.world.start + 30 * 60 * NS
    sim.until(down - 60 * NS)
    sim.send(order("buy", "0.1", "20000", BETA))
    venue = sim.exchange.venues["beta"]
    sim.until(down - 10_000_000)
    venue.dead_man(sim.queue.now, 60_000)
    venue.read_account(sim.queue.now, "asked", 0)
    sim.until(down + 120 * NS)
    assert sim.exchange.books("beta").orders == ()
    (report,) = [e for e in sim.until(down + 13 * 60 * NS) if isinstance(e, AccountReport)]
    assert report.ts_event < down + 60 * NS
    assert len(report.orders) == 1, "at that time it was there"
    assert report.ts > down + 12 * 60 * NS


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


def test_deleveraging_halves_every_position_once_also_across_a_restart(tmp_path: Path) -> None:
    world = make_world("adl", step_s=5)
    sim = Sim(world, tmp_path)
    sim.run(1)
    for side, quantity, name in (("buy", "0.4", ALPHA), ("sell", "3", ETH)):
        sim.send(order(side, quantity, None, name))
    sim.send(order("sell", "0.4", sim.quote(ALPHA)[1] + 900, ALPHA, reduce_only=True))
    sim.until(world.start + 3_600 * NS - 1)
    events = sim.until(world.start + 61 * 60 * NS)
    forced = [e for e in events if isinstance(e, OrderFilled)]
    told = {(f.instrument, f.side.value, f.quantity, f.client_order_id, f.liquidation) for f in forced}
    assert told == {(ALPHA, "sell", D("0.200"), "", False), (ETH, "buy", D("1.50"), "", False)}
    assert all(f.adl for f in forced)
    assert {f.ts_event for f in forced} == {world.start + 3_600 * NS}
    assert {f.venue_order_id for f in forced} == {"alpha-adl1"}
    for fill in forced:
        (stated,) = [
            row.mark
            for frame in events
            if isinstance(frame, MarketFrame) and frame.venue == "alpha" and frame.ts_event == fill.ts_event
            for row in frame.marks
            if row.instrument == fill.instrument
        ]
        worse = (float(fill.price) / stated - 1) * -fill.side.sign * 10_000
        assert -25.1 < worse < -24.9, "at the bankrupt account's price, not at the mark"
    books = sim.exchange.books("alpha")
    assert {row.instrument: row.size for row in books.positions} == {ALPHA: D("0.2"), ETH: D("-1.5")}
    assert [row.quantity for row in books.orders] == [D("0.2")]
    sim.exchange.venues["alpha"].read_account(sim.queue.now, "after", 0)
    report = next(e for e in sim.run(1) if isinstance(e, AccountReport))
    assert report.positions == books.positions
    assert sum(f.adl for f in report.fills) == 2
    back = Sim(world, tmp_path, resume_at=sim.queue.now)
    again = back.exchange.books("alpha")
    assert {row.instrument: row.size for row in again.positions} == {ALPHA: D("0.2"), ETH: D("-1.5")}
    assert [f.trade_id for f in again.fills] == [f.trade_id for f in books.fills]
    assert [f for f in back.run(600) if isinstance(f, OrderFilled)] == []


def test_the_queue_ranks_by_profit_share_times_leverage() -> None:
    assert place_of(D("-0.5"), D(100_000), D(50_000)) == 0
    assert place_of(D(0), D(100_000), D(50_000)) == 0
    assert [place_of(D("0.01"), D(notional), D(50_000)) for notional in (1, 25_000, 100_000, 250_000)] == [
        1, 2, 3, 4,
    ]  # fmt: skip
    assert [place_of(D(gain), D(50_000), D(50_000)) for gain in ("0.001", "0.005", "0.02", "0.05")] == [
        1, 2, 3, 4,
    ]  # fmt: skip
    assert place_of(D("0.01"), D(1), D(0)) == 4, "without collateral any gain is at infinite leverage"


def test_the_position_read_states_the_place() -> None:
    sim = Sim(make_world("flash-crash", step_s=10))
    sim.run(1)
    sim.send(order("sell", "3", None, ALPHA))
    sim.send(order("buy", "3", None, ETH))
    sim.run(34 * 60)
    rows = {row.instrument: row.adl for row in sim.exchange.books("alpha").positions}
    assert rows == {ALPHA: 4, ETH: 0}, "the short gained a seventh of more than the account"
