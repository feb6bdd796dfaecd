"""Conditional orders of the simulated venues: they wait for the mark, then reduce like any other order."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import OrderState, OrderType
from services.domain.events import (
    CancelRejected,
    Event,
    MarketFrame,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
)
from services.domain.venue_events import DeadManReport
from services.venues.sim.world import make_world
from tests.sim.builders import BTC, NS, Sim, order

D = Decimal
GONE = "reduce-only: nothing left to reduce"
CRASH = 30 * 60 * NS
"""When the flash crash begins."""


def holding(side: str, quantity: str, *, step_s: float = 5, folder: Path | None = None) -> Sim:
    """A market order taken in calm half an hour before the crash."""
    sim = Sim(make_world("flash-crash", step_s=step_s), folder)
    sim.until(sim.world.start + CRASH - 120 * NS)
    sim.send(order(side, quantity, None, cid="o" * 20))
    return sim


def mark(sim: Sim) -> Decimal:
    return sim.exchange.venues["alpha"].floor.mark(BTC)


def near(sim: Sim, factor: str) -> Decimal:
    """A price on the grid, as a factor of the mark."""
    return (mark(sim) * D(factor)).quantize(D("0.1"))


def stop(side: str, quantity: str, trigger: Decimal, price: Decimal | None = None, **more: Any) -> Any:
    return order(side, quantity, price, reduce_only=True, trigger=trigger, **more)


def fills(events: list[Event]) -> list[OrderFilled]:
    return [e for e in events if isinstance(e, OrderFilled)]


def ended(events: list[Event]) -> list[str]:
    return [e.reason for e in events if isinstance(e, OrderCanceled)]


def marks(events: list[Event]) -> dict[int, Decimal]:
    """The mark that each frame stated."""
    return {
        frame.ts_event: D(str(row.mark))
        for frame in events
        if isinstance(frame, MarketFrame)
        for row in frame.marks
        if row.instrument == BTC
    }


@pytest.mark.parametrize("step_s", [5, 60])
def test_a_sell_is_released_at_the_first_mark_at_or_below_its_trigger_also_over_a_gap(step_s: float) -> None:
    sim = holding("buy", "0.2", step_s=step_s)
    trigger = near(sim, "0.92")
    placed = stop("sell", "0.2", trigger)
    assert [type(e) for e in sim.send(placed)] == [OrderAccepted]
    row = sim.exchange.books("alpha").orders[0]
    assert (row.trigger, row.price, row.quantity, row.reduce_only) == (trigger, None, D("0.2"), True)
    events = sim.run(600)
    (fill, *more) = fills(events)
    assert sum(f.quantity for f in (fill, *more)) == D("0.2")
    assert {f.client_order_id for f in (fill, *more)} == {placed.client_order_id}
    assert not fill.maker
    seen = marks(events)
    assert seen[fill.ts_event] <= trigger
    assert all(level > trigger for ts, level in seen.items() if ts < fill.ts_event)
    if step_s == 60:
        assert seen[fill.ts_event] < trigger * D("0.98"), "the mark jumped over it"
    assert fill.price < trigger * D("1.001")
    books = sim.exchange.books("alpha")
    assert (books.positions, books.orders) == ((), ())


def test_a_buy_stop_of_a_short_is_released_at_or_above_its_trigger() -> None:
    sim = Sim(make_world("flash-crash", step_s=5))
    sim.until(sim.world.start + CRASH + 250 * NS)
    sim.send(order("sell", "0.2", None))
    trigger = near(sim, "1.01")
    placed = stop("buy", "0.2", trigger)
    sim.send(placed)
    events = sim.run(1_200)
    fill = fills(events)[0]
    seen = marks(events)
    assert seen[fill.ts_event] >= trigger
    assert all(level < trigger for ts, level in seen.items() if ts < fill.ts_event)
    assert sim.exchange.books("alpha").positions == ()


def test_with_a_price_it_becomes_an_ordinary_resting_order() -> None:
    sim = holding("buy", "0.2")
    limit = near(sim, "1.2")
    sim.send(stop("sell", "0.2", near(sim, "0.96"), limit))
    events = sim.run(600)
    assert (fills(events), ended(events)) == ([], [])
    (row,) = sim.exchange.books("alpha").orders
    assert (row.trigger, row.price, row.filled) == (None, limit, D(0))
    assert sim.exchange.venues["alpha"].floor.books[BTC].asks, "it stands in the book"


def test_it_holds_nothing_back_while_it_waits_and_goes_before_what_rests_when_released() -> None:
    sim = holding("buy", "0.2")
    placed = stop("sell", "0.2", near(sim, "0.96"))
    sim.send(placed)
    assert isinstance(sim.send(order("sell", "0.2", near(sim, "1.05"), reduce_only=True))[0], OrderAccepted)
    assert isinstance(sim.send(stop("sell", "0.1", near(sim, "0.9")))[0], OrderAccepted)
    events = sim.run(600)
    assert {f.client_order_id for f in fills(events)} == {placed.client_order_id}
    assert ended(events) == [GONE, GONE]
    assert sim.exchange.books("alpha").positions == ()


def test_it_ends_with_the_position_it_reduces_and_is_cut_to_a_smaller_one_when_released() -> None:
    sim = holding("buy", "0.3")
    first = stop("sell", "0.3", near(sim, "0.96"))
    sim.send(first)
    assert ended(sim.send(order("sell", "0.1", None, reduce_only=True))) == []
    assert sim.exchange.books("alpha").orders[0].quantity == D("0.3"), "a larger position may come again"
    events = sim.run(600)
    assert sum(f.quantity for f in fills(events)) == D("0.2")
    assert ended(events) == ["reduce-only: cut to the position"]
    sim.send(order("buy", "0.1", None))
    sim.send(stop("sell", "0.1", near(sim, "0.5")))
    assert ended(sim.send(order("sell", "0.3", None))) == [GONE], "the position was turned round"
    assert sim.exchange.books("alpha").positions[0].size == D("-0.2")
    assert sim.exchange.books("alpha").orders == ()


def test_deleveraging_that_takes_all_ends_it() -> None:
    sim = holding("buy", "0.2")
    sim.send(stop("sell", "0.2", near(sim, "0.9")))
    venue = sim.exchange.venues["alpha"]
    venue.deleverage(sim.queue.now, 50)
    assert len(sim.exchange.books("alpha").orders) == 1
    venue.deleverage(sim.queue.now, 100)
    assert ended(sim.run(1)) == [GONE]


def test_it_can_be_asked_for_and_canceled_like_any_other() -> None:
    sim = holding("buy", "0.2")
    placed = stop("sell", "0.2", near(sim, "0.96"))
    sim.send(placed)
    venue = sim.exchange.venues["alpha"]
    venue.query(sim.queue.now, BTC, placed.client_order_id)
    (report,) = [e for e in sim.run(1) if isinstance(e, OrderReport)]
    assert (report.found, report.state, report.filled) == (True, OrderState.ACCEPTED, D(0))
    venue.cancel(sim.queue.now, BTC, placed.client_order_id, "")
    assert ended(sim.run(1)) == ["canceled"]
    venue.cancel(sim.queue.now, BTC, placed.client_order_id, "")
    assert [type(e) for e in sim.private(1)] == [CancelRejected]
    assert fills(sim.run(600)) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reduce_only": False}, "must be reduce-only"),
        ({"trigger": "1.02"}, "trigger price too high"),
        ({"trigger": "1"}, "trigger price too high"),
        ({"side": "buy"}, "would not reduce"),
        ({"side": "buy", "trigger": "0.9"}, "trigger price too low"),
        ({"trigger": D("20000.05")}, "trigger price is not a multiple of 0.1"),
        ({"trigger": D(0)}, "needs a trigger price above zero"),
        ({"trigger": D("NaN")}, "needs a trigger price above zero"),
        ({"price": D(20_000), "post_only": True}, "cannot be post-only"),
        ({"instrument": "ETH-USDT-PERP.alpha", "trigger": D(1_000)}, "would not reduce"),
        ({"instrument": "BTC/USD.alpha", "trigger": D(10_000)}, "no mark"),
    ],
)
def test_what_the_venue_refuses(change: dict[str, Any], reason: str) -> None:
    sim = Sim(make_world("flash-crash"))
    sim.run(1)
    sim.send(order("buy", "0.2", None))
    wish: dict[str, Any] = {"side": "sell", "trigger": "0.96", "price": None, "reduce_only": True, **change}
    if wish.get("side") == "buy" and "trigger" not in change:
        wish["trigger"] = "1.05"
    if isinstance(wish["trigger"], str):
        wish["trigger"] = near(sim, wish["trigger"])
    side, price = wish.pop("side"), wish.pop("price")
    (refused,) = sim.send(order(side, "0.2", price, **wish))
    assert isinstance(refused, OrderRejected)
    assert reason in refused.reason
    assert sim.exchange.books("alpha").orders == ()


def test_log_and_checkpoint_keep_it_and_it_is_released_as_if_nothing_had_stopped(tmp_path: Path) -> None:
    sims = [holding("buy", "0.2"), holding("buy", "0.2", folder=tmp_path)]
    for sim in sims:
        sim.send(stop("sell", "0.2", near(sim, "0.96"), cid="s" * 20))
        sim.send(stop("sell", "0.2", near(sim, "0.95"), near(sim, "1.2"), cid="l" * 20))
    whole, first = sims
    again = Sim(first.world, tmp_path, resume_at=first.queue.now)
    assert again.exchange.books("alpha").orders == first.exchange.books("alpha").orders
    for sim in (whole, again):
        sim.run(1_000)
    assert [f.trade_id for f in again.exchange.books("alpha").fills] == [
        f.trade_id for f in whole.exchange.books("alpha").fills
    ]
    assert whole.exchange.venues["alpha"].state.orders == again.exchange.venues["alpha"].state.orders
    third = Sim(first.world, tmp_path, resume_at=again.queue.now)
    assert third.exchange.venues["alpha"].state.orders == again.exchange.venues["alpha"].state.orders


def test_a_checkpoint_holds_one_that_waits(tmp_path: Path) -> None:
    sim = Sim(make_world("calm", step_s=10), tmp_path)
    sim.run(1)
    sim.send(order("buy", "0.2", None))
    sim.send(stop("sell", "0.2", near(sim, "0.5")))
    sim.run(3_700)
    back = Sim(sim.world, tmp_path, resume_at=sim.queue.now)
    assert back.exchange.books("alpha").orders == sim.exchange.books("alpha").orders
    assert len(back.exchange.books("alpha").orders) == 1
    assert ended(back.send(order("sell", "0.2", None))) == [GONE]


def test_the_dead_mans_switch_leaves_it() -> None:
    sim = holding("buy", "0.2")
    trigger = near(sim, "0.96")
    sim.send(stop("sell", "0.2", trigger))
    sim.send(order("buy", "0.1", near(sim, "0.8")))
    sim.exchange.venues["alpha"].dead_man(sim.queue.now, 20_000)
    events = sim.run(30)
    assert any(isinstance(e, DeadManReport) and e.fired for e in events)
    assert ended(events) == ["dead-man's switch"]
    assert [row.trigger for row in sim.exchange.books("alpha").orders] == [trigger]
    assert sum(f.quantity for f in fills(sim.run(600))) == D("0.2")


wishes = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 300),
        st.integers(-400, 400),
        st.sampled_from(["ioc", "rest", "stop", "stop limit"]),
        st.integers(1, 200),
    ),
    min_size=4,
    max_size=14,
)


@given(wishes)
@settings(max_examples=6, deadline=None)
def test_no_release_ever_turns_a_position_round_and_none_waits_without_one(
    acts: list[tuple[str, int, int, str, int]],
) -> None:
    sim = Sim(make_world("flash-crash", step_s=30))
    sim.until(sim.world.start + CRASH - 60 * NS)
    account = sim.exchange.venues["alpha"].state.account
    for side, lots, offset, kind, wait in acts:
        price, size = near(sim, str(1 + D(offset) / 4_000)), str(D(lots) / 1_000)
        wish = order(side, size, price, tif="ioc" if kind == "ioc" else "gtc")
        if kind.startswith("stop"):
            wish = stop(side, size, price, price if kind == "stop limit" else None)
            assert (wish.type is OrderType.LIMIT) == (kind == "stop limit")
        known, held = len(account.fills), account.size(BTC)
        sim.send(wish, wait)
        for fill in account.fills[known:]:
            if sim.exchange.venues["alpha"].state.orders[fill.venue_order_id].reduce_only:
                assert held * fill.side.sign < 0
                assert fill.quantity <= abs(held)
            held += fill.quantity * fill.side.sign
        size_now = account.size(BTC)
        assert size_now == held
        for row in sim.exchange.books("alpha").orders:
            if row.reduce_only:
                assert size_now * row.side.sign < 0, "it waits with nothing to reduce"
