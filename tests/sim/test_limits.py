"""Rate limits of the simulated venues: what is over a budget is answered with 429 and was not acted on."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.domain.events import (
    AccountReport,
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderRejected,
    OrderReport,
)
from services.domain.venue_events import DeadManReport, RequestFailed
from services.venues.sim.facts import MS, RateLimits
from services.venues.sim.limits import SHORT_NS, Limiter, Window
from services.venues.sim.world import make_world, read_world
from tests.sim.builders import BTC, Sim, order

ETH = "ETH-USDT-PERP.alpha"

gaps = st.lists(st.integers(0, 60), min_size=1, max_size=80)


@given(gaps, st.integers(1, 6))
def test_in_no_window_is_more_taken_than_allowed_and_nothing_is_refused_that_fits(
    waits: list[int], limit: int
) -> None:
    window, ts, taken = Window(SHORT_NS, limit), 0, list[int]()
    for wait in waits:
        ts += wait * MS
        in_window = [at for at in taken if ts - at < SHORT_NS]
        assert window.full(ts) == (len(in_window) >= limit)
        if not window.full(ts):
            window.take(ts)
            taken.append(ts)
    for first in taken:
        assert sum(first <= at < first + SHORT_NS for at in taken) <= limit


def test_a_request_that_one_budget_refuses_costs_the_others_nothing() -> None:
    limiter = Limiter(RateLimits(market_200ms=1, orders_200ms=2))
    assert limiter.order(0, BTC) is None
    for _ in range(5):
        assert limiter.order(1, BTC) == f"429: do not send more than 1 orders per 200ms in {BTC}"
    assert limiter.order(2, ETH) is None
    assert limiter.order(3, "SYN001-PERP.alpha") == "429: do not send more than 2 orders per 200ms"
    assert limiter.cancel(3) is None, "cancels have a lane of their own"
    assert limiter.question(3) is None
    assert limiter.order(SHORT_NS, BTC) is None


def test_orders_over_the_limit_are_rejected_and_were_not_placed() -> None:
    sim = Sim(replace(make_world("calm"), rates=RateLimits(market_200ms=3, cancels_200ms=2)))
    sim.run(1)
    venue = sim.exchange.venues["alpha"]
    placed = [order("buy", "0.01", "20000") for _ in range(5)]
    for each in placed:
        venue.submit(sim.queue.now, each)
    events = sim.private(0.1)
    kept = [e.client_order_id for e in events if isinstance(e, OrderAccepted)]
    refused = [e for e in events if isinstance(e, OrderRejected)]
    assert kept == [each.client_order_id for each in placed[:3]]
    assert [e.client_order_id for e in refused] == [each.client_order_id for each in placed[3:]]
    assert all(e.reason.startswith("429") for e in refused)
    assert len(sim.exchange.books("alpha").orders) == 3
    venue.query(sim.queue.now, BTC, placed[4].client_order_id)
    for each in placed[:3]:
        venue.cancel(sim.queue.now, BTC, each.client_order_id, "")
    events = sim.private(0.1)
    assert [e.found for e in events if isinstance(e, OrderReport)] == [False]
    assert sum(isinstance(e, OrderCanceled) for e in events) == 2
    (no,) = [e for e in events if isinstance(e, CancelRejected)]
    assert no.client_order_id == placed[2].client_order_id
    assert no.reason.startswith("429")
    assert len(sim.exchange.books("alpha").orders) == 1, "it works on"
    sim.run(0.2)
    assert isinstance(sim.send(order("buy", "0.01", "20000"))[0], OrderAccepted)


def test_questions_over_the_limit_fail_by_name_and_the_switch_with_them() -> None:
    sim = Sim(replace(make_world("calm"), rates=RateLimits(questions_second=2)))
    sim.run(1)
    venue = sim.exchange.venues["alpha"]
    venue.read_account(sim.queue.now, "r1", 0)
    venue.query(sim.queue.now, BTC, "nobody")
    venue.read_account(sim.queue.now, "r2", 0)
    venue.query(sim.queue.now, BTC, "somebody")
    venue.dead_man(sim.queue.now, 60_000)
    events = sim.private(0.5)
    assert [type(e) for e in events] == [AccountReport, OrderReport, *[RequestFailed] * 3]
    failed = [(e.what, e.subject, e.reason) for e in events if isinstance(e, RequestFailed)]
    no = "429: do not send more than 2 requests per second"
    assert failed == [("read", "r2", no), ("query", "somebody", no), ("dead man", "alpha", no)]
    assert isinstance(sim.send(order("buy", "0.01", "20000"))[0], OrderAccepted), "orders have their own"
    sim.run(1)
    venue.dead_man(sim.queue.now, 60_000)
    assert any(isinstance(e, DeadManReport) and e.armed for e in sim.private(1))


def test_closing_forty_and_canceling_all_that_may_work_is_never_refused() -> None:
    sim = Sim(make_world("calm", synthetic=20))
    sim.run(1)
    venue = sim.exchange.venues["alpha"]
    for number in range(40):
        name = f"SYN{number % 20 + 1:03d}-PERP.alpha"
        venue.submit(sim.queue.now, order("buy", "0.01", "1", name))
    for _ in range(200):
        venue.cancel(sim.queue.now, BTC, "nobody", "")
    answers = [e.reason for e in sim.private(1) if isinstance(e, OrderRejected | CancelRejected)]
    assert not any(reason.startswith("429") for reason in answers)
    assert len(answers) >= 200


def test_the_limits_are_stamped_in_the_world_and_do_not_change_its_market(tmp_path: Path) -> None:
    world = make_world("funding-harvest", 7)
    assert world.digest == "3252571cd5c53448ae2b3f106ceec58e1da84e1f0536ac55c902bdd412051af1"
    tight = replace(world, rates=RateLimits(orders_200ms=4))
    assert tight.digest == world.digest
    assert tight.canonical != world.canonical
    Sim(tight, tmp_path)
    assert read_world(tmp_path) == tight
    old = tmp_path / "world.json"
    old.write_bytes(world.canonical.replace(world.canonical[world.canonical.index(b',"rates"') : -1], b""))
    assert read_world(tmp_path) == world, "a folder from before the limits holds today's"
