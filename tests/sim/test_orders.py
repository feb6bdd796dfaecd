"""Orders at the simulated venue: what it takes, what it refuses, how it fills."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.domain.enums import OrderState
from services.domain.events import (
    AccountReport,
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
)
from tests.sim.builders import BTC, Sim, order

D = Decimal


@pytest.fixture
def sim() -> Sim:
    made = Sim()
    made.run(1)
    return made


def kinds(events: list[object]) -> list[type]:
    return [type(e) for e in events]


def filled(events: list[object]) -> Decimal:
    return sum((e.quantity for e in events if isinstance(e, OrderFilled)), D(0))


def test_an_ioc_that_crosses_is_accepted_and_filled_at_the_touch(sim: Sim) -> None:
    _, ask = sim.quote()
    events = sim.send(order("buy", "0.1", ask, tif="ioc"))
    assert kinds(events) == [OrderAccepted, OrderFilled]
    fill = events[1]
    assert isinstance(fill, OrderFilled)
    assert (fill.price, fill.quantity, fill.maker) == (ask, D("0.100"), False)
    assert fill.fee == (ask * D("0.1") * D("0.0005")).quantize(D("1e-8"))
    assert fill.fee_coin == "USDT"


def test_commands_and_answers_take_the_stated_latency(sim: Sim) -> None:
    sent = sim.queue.now
    _, ask = sim.quote()
    accepted = sim.send(order("buy", "0.1", ask, tif="ioc"))[0]
    assert isinstance(accepted, OrderAccepted)
    assert 15_000_000 <= accepted.ts_event - sent <= 25_000_000
    assert 15_000_000 <= accepted.ts - accepted.ts_event <= 25_000_000


def test_an_ioc_below_the_ask_is_canceled_whole(sim: Sim) -> None:
    bid, _ = sim.quote()
    events = sim.send(order("buy", "0.1", bid, tif="ioc"))
    assert kinds(events) == [OrderAccepted, OrderCanceled]
    assert isinstance(events[1], OrderCanceled)
    assert events[1].filled == 0


def test_a_large_ioc_walks_the_levels_and_keeps_within_its_limit(sim: Sim) -> None:
    _, ask = sim.quote()
    limit = ask + 5
    events = sim.send(order("buy", "9", limit, tif="ioc"))
    prices = [e.price for e in events if isinstance(e, OrderFilled)]
    assert len(prices) > 1
    assert prices == sorted(prices)
    assert all(ask <= p <= limit for p in prices)


def test_liquidity_taken_is_gone_until_the_next_step(sim: Sim) -> None:
    _, ask = sim.quote()
    first = filled(sim.send(order("buy", "2.6", ask, tif="ioc"), 0.1))
    again = filled(sim.send(order("buy", "2.6", ask, tif="ioc"), 0.1))
    assert first > 0
    assert first < D("2.6")
    assert again == 0
    sim.run(3)
    _, ask = sim.quote()
    assert filled(sim.send(order("buy", "0.5", ask, tif="ioc"))) == D("0.5")


def test_a_market_order_fills_through_the_book(sim: Sim) -> None:
    assert filled(sim.send(order("buy", "3", None))) == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"instrument": "DOGE-PERP.alpha"}, "unknown instrument"),
        ({"quantity": "0.0005"}, "not a multiple of 0.001"),
        ({"quantity": "0"}, "above zero"),
        ({"quantity": "1e40"}, "quantity is above"),
        ({"price": "1e40"}, "price is above"),
        ({"price": "23000.05"}, "not a multiple of 0.1"),
        ({"price": "-5"}, "above zero"),
        ({"quantity": "0.001", "price": "100"}, "below the minimum of 5 USD"),
        ({"quantity": "500"}, "insufficient margin"),
        ({"post_only": True, "tif": "ioc"}, "post-only cannot be"),
        ({"reduce_only": True}, "would not reduce"),
        ({"instrument": "BTC/USD.alpha", "quantity": "10"}, "insufficient USD"),
        ({"instrument": "BTC/USD.alpha", "side": "sell", "quantity": "0.01"}, "insufficient BTC"),
        ({"instrument": "BTC/USD.alpha", "reduce_only": True}, "not for spot"),
    ],
)
def test_what_the_venue_refuses(sim: Sim, change: dict[str, object], reason: str) -> None:
    given: dict[str, object] = {"side": "buy", "quantity": "0.1", "price": "23000", **change}
    events = sim.send(order(given.pop("side"), given.pop("quantity"), given.pop("price"), **given))
    assert kinds(events) == [OrderRejected]
    assert isinstance(events[0], OrderRejected)
    assert reason in events[0].reason


def test_post_only_that_would_cross_is_rejected_and_one_that_rests_is_taken(sim: Sim) -> None:
    bid, ask = sim.quote()
    assert kinds(sim.send(order("buy", "0.1", ask, post_only=True))) == [OrderRejected]
    assert kinds(sim.send(order("buy", "0.1", bid, post_only=True), 0.1)) == [OrderAccepted]


def test_the_same_client_order_id_is_refused_twice(sim: Sim) -> None:
    sim.send(order("buy", "0.1", "20000", cid="a" * 20))
    events = sim.send(order("buy", "0.1", "20000", cid="a" * 20))
    assert kinds(events) == [OrderRejected]


def test_an_order_would_rather_be_canceled_than_trade_with_ones_own(sim: Sim) -> None:
    bid, ask = sim.quote()
    sim.send(order("sell", "0.1", ask - D("0.1"), post_only=True), 0.1)
    events = sim.send(order("buy", "0.1", ask, tif="gtc"), 0.1)
    assert kinds(events) == [OrderAccepted, OrderCanceled]
    assert isinstance(events[1], OrderCanceled)
    assert events[1].reason == "self-trade prevention"
    assert bid < ask


def test_a_canceled_order_is_gone_and_a_second_cancel_is_refused(sim: Sim) -> None:
    placed = order("buy", "0.1", "20000")
    sim.send(placed)
    venue = sim.exchange.venues["alpha"]
    venue.cancel(sim.queue.now, placed.instrument, placed.client_order_id, "")
    assert kinds(sim.private(0.2)) == [OrderCanceled]
    venue.cancel(sim.queue.now, placed.instrument, placed.client_order_id, "")
    assert kinds(sim.private(0.2)) == [CancelRejected]
    assert sim.exchange.books("alpha").orders == ()


def test_an_unknown_order_cannot_be_canceled(sim: Sim) -> None:
    sim.exchange.venues["alpha"].cancel(sim.queue.now, BTC, "nobody", "")
    events = sim.private(0.2)
    assert kinds(events) == [CancelRejected]
    assert isinstance(events[0], CancelRejected)
    assert events[0].reason == "unknown order"


def test_a_query_tells_state_and_fills(sim: Sim) -> None:
    _, ask = sim.quote()
    placed = order("buy", "0.1", ask, tif="ioc")
    sim.send(placed)
    venue = sim.exchange.venues["alpha"]
    venue.query(sim.queue.now, BTC, placed.client_order_id)
    venue.query(sim.queue.now, BTC, "nobody")
    known, unknown = sim.private(0.2)
    assert isinstance(known, OrderReport)
    assert isinstance(unknown, OrderReport)
    assert (known.found, known.state, known.filled) == (True, OrderState.FILLED, D("0.1"))
    assert len(known.fills) == 1
    assert not unknown.found


def test_a_reduce_only_order_is_cut_to_the_position_and_never_flips(sim: Sim) -> None:
    _, ask = sim.quote()
    sim.send(order("buy", "0.1", ask, tif="ioc"))
    bid, _ = sim.quote()
    events = sim.send(order("sell", "0.3", bid - 10, tif="ioc", reduce_only=True))
    assert kinds(events) == [OrderAccepted, OrderFilled, OrderCanceled]
    assert filled(events) == D("0.1")
    assert sim.exchange.books("alpha").positions == ()


def test_a_resting_reduce_only_order_goes_when_its_position_is_gone(sim: Sim) -> None:
    _, ask = sim.quote()
    sim.send(order("buy", "0.1", ask, tif="ioc"))
    sim.send(order("sell", "0.1", ask + 900, reduce_only=True))
    events = sim.send(order("sell", "0.1", ask - 50, tif="ioc"))
    ended = [e for e in events if isinstance(e, OrderCanceled)]
    assert [e.reason for e in ended] == ["reduce-only: nothing left to reduce"]
    assert sim.exchange.books("alpha").orders == ()


def test_a_resting_order_fills_as_maker_when_the_market_trades_through_it(sim: Sim) -> None:
    bid, _ = sim.quote()
    placed = order("buy", "0.05", bid, post_only=True)
    events = sim.send(placed) + sim.private(1800)
    fills = [e for e in events if isinstance(e, OrderFilled)]
    assert sum(f.quantity for f in fills) == D("0.05")
    assert all(f.maker and f.price == bid for f in fills)
    assert fills[0].fee == (bid * fills[0].quantity * D("0.0002")).quantize(D("1e-8"))


def test_a_large_resting_order_fills_in_parts(sim: Sim) -> None:
    bid, _ = sim.quote()
    events = sim.send(order("buy", "18", bid)) + sim.private(1800)
    fills = [e for e in events if isinstance(e, OrderFilled)]
    assert len(fills) > 1
    assert sum(f.quantity for f in fills) == 18


def test_our_own_resting_order_stands_in_the_quote(sim: Sim) -> None:
    bid, _ = sim.quote()
    better = bid + D("0.5")
    sim.send(order("buy", "0.05", better, post_only=True), 0.05)
    assert sim.quote()[0] == better


def test_an_order_without_client_id_is_a_manual_trade_of_somebody_else(sim: Sim) -> None:
    _, ask = sim.quote()
    events = sim.send(order("buy", "0.1", ask, tif="ioc", cid=""))
    assert [e.client_order_id for e in events if isinstance(e, OrderFilled)] == [""]


def test_spot_moves_both_balances(sim: Sim) -> None:
    _, ask = sim.quote("BTC/USD.alpha")
    sim.send(order("buy", "0.1", ask, "BTC/USD.alpha", tif="ioc"))
    balances = {b.coin: b.total for b in sim.exchange.books("alpha").balances}
    assert balances["BTC"] == D("0.1")
    assert balances["USD"] == D(12_500) - ask * D("0.1") * D("1.0005")


def test_a_read_account_comes_after_the_fills_it_contains(sim: Sim) -> None:
    _, ask = sim.quote()
    venue = sim.exchange.venues["alpha"]
    venue.submit(sim.queue.now, order("buy", "0.1", ask, tif="ioc"))
    venue.read_account(sim.queue.now, "r1", 0)
    events = sim.private(0.3)
    assert kinds(events) == [OrderAccepted, OrderFilled, AccountReport]
    report = events[2]
    assert isinstance(report, AccountReport)
    assert report.request == "r1"
    assert len(report.fills) == 1
    assert report.positions[0].size == D("0.1")
    assert [b.coin for b in report.balances] == ["USD", "USDT", "USDC", "BUSD"]


def test_a_transfer_moves_the_balance_and_is_told(sim: Sim) -> None:
    sim.exchange.venues["alpha"].transfer(sim.queue.now, "USD", D(-500))
    events = sim.private(0.2)
    assert [getattr(e, "amount", None) for e in events] == [D(-500)]
    assert sim.exchange.books("alpha").balances[0].total == D(12_000)
