"""Funding at the settlement instants, margin, liquidation."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import RateKind
from services.domain.events import FundingSettled, MarketFrame, OrderCanceled, OrderFilled, OrderRejected
from services.venues.sim.accounts import Holding, margin_of, requirement
from services.venues.sim.facts import TIERS, venue_instruments
from services.venues.sim.world import make_world
from tests.sim.builders import NS, Sim, order

D = Decimal
BETA = "BTC-USDT-PERP.beta"
ALPHA = "BTC-USDT-PERP.alpha"
HOUR = 3600 * NS


def opened(size: str = "0.4") -> Sim:
    sim = Sim(make_world("funding-harvest", step_s=5))
    sim.run(1)
    for side, name in (("sell", BETA), ("buy", ALPHA)):
        bid, ask = sim.quote(name)
        sim.send(order(side, size, ask if side == "buy" else bid, name, tif="ioc"))
    return sim


def test_funding_is_settled_on_the_dot_at_the_mark_in_the_settle_coin() -> None:
    sim = opened()
    start = sim.world.start
    events = sim.until(start + 3 * HOUR)
    payments = [e for e in events if isinstance(e, FundingSettled)]
    # 13:50 to 16:50: beta at 14, 15 and 16, alpha at 16.
    hours = [(p.venue, p.ts_event % (24 * HOUR) // HOUR) for p in payments]
    assert hours == [("beta", 14), ("beta", 15), ("alpha", 16), ("beta", 16)] or sorted(hours) == [
        ("alpha", 16), ("beta", 14), ("beta", 15), ("beta", 16),
    ]  # fmt: skip
    for p in payments:
        assert p.ts_event % HOUR == 0
        assert p.amount == (-p.size * p.price * p.rate).quantize(D("1e-8"))
        assert p.coin == "USDT"
    assert len({p.payment_id for p in payments}) == len(payments)
    received = [p for p in payments if p.venue == "beta"]
    assert all(p.amount > 0 and p.rate == D("0.0006125") for p in received)


def test_a_settled_rate_is_the_last_prediction_and_reaches_the_desk_after_its_instant() -> None:
    sim = Sim(make_world("calm", step_s=10))
    events = sim.until(sim.world.start + 9 * HOUR + NS)
    predicted: dict[str, Decimal] = {}
    checked = 0
    for frame in events:
        if not isinstance(frame, MarketFrame):
            continue
        for row in frame.rates:
            if row.kind is RateKind.SETTLED and row.rate_ts > sim.world.start:
                assert row.rate_ts <= frame.ts_event < frame.ts
                assert abs(row.rate - predicted[row.instrument]) <= D("0.00003")
                checked += 1
            elif row.kind is RateKind.PREDICTED:
                predicted[row.instrument] = row.rate
                assert row.next_ts is not None
                assert row.next_ts > row.rate_ts
    assert checked == 9 * 7 + 7


def test_the_books_hold_what_was_paid() -> None:
    sim = opened()
    before = sim.exchange.books("beta")
    sim.until(sim.world.start + 3 * HOUR)
    after = sim.exchange.books("beta")
    usdt = {b.coin: b.total for b in after.balances}["USDT"] - {b.coin: b.total for b in before.balances}[
        "USDT"
    ]
    assert usdt == sum(p.amount for p in after.payments)


def test_tiers_are_continuous_and_in_the_venues_form() -> None:
    assert requirement(TIERS, D(100_000)) == (D(10_000), D(3_000))
    assert requirement(TIERS, D(250_000))[1] == D(7_500)
    assert requirement(TIERS, D(250_001))[1] == D("7500.05")
    assert requirement(TIERS, D(400_000)) == (D(40_000), D(15_000))


def test_collateral_counts_by_its_weights_and_debts_in_full() -> None:
    sim = Sim()
    sim.run(1)
    state = sim.exchange.venues["alpha"].state
    listed = {i.id: i for i in venue_instruments("alpha")}
    state.account.balances = {"USD": D(1000), "BUSD": D(1000), "USDC": D(-100)}
    margin = margin_of(state.account, listed, lambda _: D(0), lambda _: D(1))
    assert margin.collateral == D(1000) + D(900) - D(100)
    assert margin.collateral_initial == D(1000) + D(850) - D(100)
    assert margin.equity == D(1900)


def test_initial_margin_bounds_what_may_be_opened_but_not_what_closes() -> None:
    sim = Sim()
    sim.run(1)
    _, ask = sim.quote()
    assert isinstance(sim.send(order("buy", "21", ask, tif="ioc"))[0], OrderRejected)
    sim.send(order("buy", "8", ask + 60, tif="ioc"))
    # Working orders count: this one would fit alone.
    assert not isinstance(sim.send(order("buy", "8", "23000"))[0], OrderRejected)
    refused = sim.send(order("buy", "8", "23000"))[0]
    assert isinstance(refused, OrderRejected)
    assert refused.reason == "insufficient margin"
    bid, _ = sim.quote()
    assert isinstance(sim.send(order("sell", "8", bid - 60, tif="ioc"))[1], OrderFilled)


def test_at_a_usage_of_one_the_venue_closes_everything_and_says_so() -> None:
    sim = Sim()
    sim.run(1)
    sim.send(order("sell", "0.5", "30000"), 0.1)
    account = sim.exchange.venues["alpha"].state.account
    _, ask = sim.quote()
    # A position as a crash would leave it: 300 000 USD long, so far under water that little is left.
    account.holdings[ALPHA] = Holding(size=D("12.7"), entry=ask + 3_400)
    assert sim.exchange.margin("alpha").liquidated
    events = sim.private(60)
    fills = [e for e in events if isinstance(e, OrderFilled)]
    assert fills
    assert all(f.liquidation and f.client_order_id == "" for f in fills)
    assert [e.reason for e in events if isinstance(e, OrderCanceled)] == ["liquidation"]
    assert sim.exchange.books("alpha").positions == ()


def test_what_a_bankruptcy_leaves_owing_stays_owed() -> None:
    sim = Sim()
    sim.run(1)
    account = sim.exchange.venues["alpha"].state.account
    _, ask = sim.quote()
    account.holdings[ALPHA] = Holding(size=D("12.7"), entry=ask + 6_000)
    before = dict(account.balances)
    events = sim.private(60)
    fills = [e for e in events if isinstance(e, OrderFilled)]
    assert sum(f.quantity for f in fills) == D("12.7")
    lost = sum((f.price - ask - 6_000) * f.quantity - f.fee for f in fills)
    assert account.balances["USDT"] == before["USDT"] + lost
    assert {coin: held for coin, held in account.balances.items() if coin != "USDT"} == {
        coin: held for coin, held in before.items() if coin != "USDT"
    }
    margin = sim.exchange.margin("alpha")
    assert margin.equity < 0, "no fund pays for it"
    refused = sim.send(order("buy", "0.1", "20000"))[0]
    assert isinstance(refused, OrderRejected)
    assert refused.reason == "insufficient margin"


def test_a_healthy_account_is_left_alone() -> None:
    sim = opened("2")
    events = sim.until(sim.world.start + 2 * HOUR)
    assert not [e for e in events if isinstance(e, OrderFilled) and e.liquidation]
