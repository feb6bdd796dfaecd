"""The account after its worst fill, figure by figure."""

from __future__ import annotations

import msgspec
import pytest

from services.domain.enums import Side
from services.risk.context import Check, GateAnswer, GateContext
from services.risk.gate import check_order, check_pair
from services.risk.kelly import TrackRecord, risk_share
from services.settings.parameters import Gate, InstrumentLimit, Settings, Sizing
from tests.risk.builders import D, account, context, failed, market, order, position, resting, world

WORLD = world()
BTC, BTC_C, BTC_BETA = "BTC-USDT-PERP.alpha", "BTC-USDC-PERP.alpha", "BTC-USDT-PERP.beta"
FAR = D(10**9)


def wide(**gate: object) -> Settings:
    """Every limit far away but the ones named."""
    open_gate = msgspec.structs.replace(
        Gate(),
        limits={},
        default_limit=InstrumentLimit(max_position=FAR, max_leverage=D(1_000)),
        max_order_notional=FAR,
        portfolio_leverage=D(1_000),
        max_initial_usage=D(1_000),
        max_margin_usage=D(1_000),
        min_joint_distance=D(0),
        max_coin_exposure=D(1_000),
    )
    settings = Settings()
    return msgspec.structs.replace(
        settings,
        gate=msgspec.structs.replace(open_gate, **gate),
        ladder=msgspec.structs.replace(settings.ladder, no_new_risk=D(1_000)),
    )


def poor(venue: str = "alpha", *positions: object, **changes: object) -> object:
    return account(venue, *positions, **{"balances": {"USD": D(10_000)}, **changes})  # type: ignore[arg-type]


def ask(ctx: GateContext, quantity: str = "1", side: Side = Side.BUY, price: str = "20000") -> GateAnswer:
    return check_order(ctx, order(BTC, side, quantity, price, origin="operator"))


def figure(answer: GateAnswer, name: str, subject: str) -> Check:
    return next(check for check in answer.checks if (check.name, check.subject) == (name, subject))


@pytest.mark.parametrize(("price", "cost"), [("20000", "10"), ("20200", "210.1"), ("19800", "9.9")])
def test_limit_price_against_mark_and_taker_fee_are_paid(price: str, cost: str) -> None:
    """A limit over the mark costs the difference, one under it gains nothing."""
    ctx = context(poor(), account("beta"), settings=wide())
    answer = ask(ctx, price=price)
    leverage = figure(answer, "portfolio leverage", "alpha").value
    assert leverage == D(20_000) / (D(10_000) - D(cost))


def test_costs_decide_at_the_limit() -> None:
    for limit, passes in (("2.001", False), ("2.003", True)):
        ctx = context(poor(), account("beta"), settings=wide(portfolio_leverage=D(limit)))
        assert ask(ctx).allowed is passes


def test_a_pair_pays_for_one_reversal_too() -> None:
    """20 USD of fees a leg instead of 10: a limit between the two refuses the pair and not the order."""
    settings = wide(portfolio_leverage=D("2.003"))
    ctx = context(poor(), poor("beta"), settings=settings)
    legs = (order(BTC, Side.BUY, "1"), order(BTC_BETA, Side.SELL, "1", client_order_id="c2"))
    assert ask(ctx).allowed
    answer = check_pair(ctx, legs)
    assert set(failed(answer)) == {"portfolio leverage"}
    assert figure(answer, "portfolio leverage", "alpha").value == D(20_000) / D(9_980)


def test_a_market_order_that_works_already_counts_at_the_last_band() -> None:
    working = (msgspec.structs.replace(resting("ETH-USDT-PERP.alpha", Side.SELL, "1"), price=None),)
    ctx = context(poor(), account("beta"), settings=wide(), working=working)
    leverage = figure(ask(ctx), "portfolio leverage", "alpha").value
    cost = D(10) + D(150) + D("1350") * D("0.0005")
    assert leverage == D(21_500) / (D(10_000) - cost)


def test_liquidation_distance_is_refused_below_its_limit() -> None:
    settings = wide(min_joint_distance=D("0.15"))
    ctx = context(poor(), account("beta"), settings=settings)
    assert failed(ask(ctx, "3")) == ["liquidation distance"]
    assert ask(ctx, "2.8").allowed


def test_the_distance_looks_at_all_buys_and_all_sells_not_only_at_the_largest_sizes() -> None:
    """Long 3 against short 3 is hedged and stays so at its largest sizes; once sold it is short 5.9."""
    hedged = poor("alpha", position(WORLD[BTC], "3"), position(WORLD[BTC_C], "-3"))
    settings = wide(min_joint_distance=D("0.15"))
    ctx = context(hedged, account("beta"), settings=settings)
    assert failed(ask(ctx, "5.9", Side.SELL)) == ["liquidation distance"]


def test_spot_into_a_coin_of_lower_weight_lowers_collateral() -> None:
    held = poor("alpha", position(WORLD[BTC], "0.5"))
    buy = order("BUSD/USD.alpha", Side.BUY, "9000", "1", origin="operator")
    ctx = context(held, account("beta"), settings=wide())
    fee = D(9_000) * D("0.0005")
    leverage = figure(check_order(ctx, buy), "portfolio leverage", "alpha").value
    assert leverage == D(10_000) / (D(1_000) - fee + D(9_000) * D("0.9"))
    back = account("alpha", position(WORLD[BTC], "0.5"), balances={"BUSD": D(10_000)})
    sell = order("BUSD/USD.alpha", Side.SELL, "9000", "1", origin="operator")
    ctx = context(back, account("beta"), settings=wide())
    unhelped = figure(check_order(ctx, sell), "portfolio leverage", "alpha").value
    assert unhelped == D(10_000) / (D(9_000) - fee)


def test_something_working_on_an_unknown_instrument_makes_the_sums_unknown() -> None:
    stray = msgspec.structs.replace(resting(BTC, Side.BUY, "1"), instrument="DOGE-PERP.alpha")
    ctx = context(poor(), account("beta"), settings=wide(), working=(stray,))
    assert ("portfolio leverage", "all") in [(c.name, c.subject) for c in ask(ctx).failed]


def test_a_working_order_without_a_known_market_makes_its_account_unknown() -> None:
    rows = (resting("ETH-USDT-PERP.alpha", Side.BUY, "1"), resting("USDC/USD.alpha", Side.BUY, "1"))
    for row in rows:
        markets = {name: market(spec) for name, spec in WORLD.items() if name != row.instrument}
        ctx = context(poor(), account("beta"), settings=wide(), working=(row,), markets=markets)
        assert ("margin usage", "alpha") in [(c.name, c.subject) for c in ask(ctx).failed]


def test_reduce_only_orders_are_left_unfilled_in_sizes_and_paid_in_costs() -> None:
    held = poor("alpha", position(WORLD[BTC], "1"))
    exits = (resting(BTC, Side.SELL, "1", "20000", reduce_only=True),)
    ctx = context(held, account("beta"), settings=wide(), working=exits)
    answer = check_order(ctx, order(BTC, Side.BUY, "0.5", "19999.9", origin="operator"))
    leverage = figure(answer, "portfolio leverage", "alpha").value
    assert leverage is not None
    assert D("3.0") < leverage < D("3.01")


def test_kelly_is_shrunk_for_small_samples() -> None:
    record = TrackRecord(trades=60, wins=33, losses=27, average_win=D(1), average_loss=D(1))
    share = risk_share(record, D("0.5"), Sizing())
    assert share.kelly is not None
    assert abs(share.kelly - D("0.1")) < D("1e-20")
    assert share.shrunk == share.kelly * 60 / 90
    assert share.risk == share.shrunk * D("0.5") * D("0.5")
