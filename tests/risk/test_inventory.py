"""Spot at the gate: paid from what is there, taken back to what it was (SEMANTICS 3 and 6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.domain.enums import Purpose, Side, TradingState
from services.domain.orders import OrderRequest
from services.risk.context import GateAnswer, OpenOrder, Stage
from services.risk.gate import PAIR_ROUND_TRIPS, check_order, check_pair, claims_for
from services.risk.inventory import NAME
from services.risk.rooms import head_rooms, pair_head_rooms
from services.risk.worst import worst_fill
from tests.risk.builders import D, account, context, failed, order, resting, world

A, B = "USDC/USD.alpha", "USDC/USD.beta"
WORLD = world()


def legs(quantity: str) -> tuple[OrderRequest, OrderRequest]:
    return (
        order(A, Side.SELL, quantity, "1.002", pair="P-01", leg=1),
        order(B, Side.BUY, quantity, "1.001", client_order_id="c2", pair="P-01", leg=2),
    )


def test_both_legs_need_what_they_give_away_fee_included() -> None:
    """Sold is the coin, bought with dollars: 12 500 of them, and the fee of 5 bps has to fit too."""
    ctx = context()
    most = D(12_500) / (D("1.001") * D("1.0005"))
    assert check_pair(ctx, legs(str(most.to_integral_value(rounding="ROUND_FLOOR")))).allowed
    over = check_pair(ctx, legs("12482"))
    assert failed(over) == ["inventory"]
    assert "inventory USD beta: 12500.729" in over.refusal
    short = context(account("alpha", balances={"USDC": D(999), "USD": D(9_000)}), account("beta"))
    assert failed(check_pair(short, legs("1000"))) == ["inventory"]
    assert check_pair(short, legs("999")).allowed


def test_what_other_orders_may_still_give_away_is_not_there_twice() -> None:
    """Whatever spot pair they stand on, and reservations like orders; perps give no coin away."""
    ask = order(A, Side.BUY, "5000", "1")
    other = resting("BUSD/USD.alpha", Side.BUY, "5000", "1", stage=Stage.RESERVED, pair="P-02")
    assert check_order(context(working=(other,)), ask).allowed
    more = resting("USDT/USD.alpha", Side.BUY, "2500", "1", stage=Stage.IN_DOUBT)
    assert failed(check_order(context(working=(other, more)), ask)) == ["inventory"]
    harmless: tuple[OpenOrder, ...] = (
        resting("USDT/USD.alpha", Side.SELL, "9000", "1"),
        resting("USDT/USD.beta", Side.BUY, "9000", "1"),
        resting("USDT-PERP.alpha", Side.BUY, "9000", "1"),
    )
    assert check_order(context(working=(other, *harmless)), ask).allowed


@pytest.mark.parametrize("spoilt", ["balances", "price", "fee", "number"])
def test_what_is_not_known_is_not_there(spoilt: str) -> None:
    ask, held, instruments = order(A, Side.BUY, "10", "1"), account("alpha"), dict(WORLD)
    working: tuple[OpenOrder, ...] = ()
    match spoilt:
        case "balances":
            held = account("alpha", balances_known=False)
        case "price":
            working = (msgspec.structs.replace(resting("USDT/USD.alpha", Side.BUY, "1", "1"), price=None),)
        case "fee":
            instruments[A] = msgspec.structs.replace(WORLD[A], taker_fee=None)
        case _:
            held = account("alpha", balances={"USD": D("NaN"), "USDC": D(1)})
    answer = check_order(context(held, account("beta"), working=working, instruments=instruments), ask)
    assert "inventory" in failed(answer)


def test_the_worst_fill_of_both_legs_is_counted_on_both_accounts() -> None:
    """Dollars for a coin of weight 0.975 lower collateral where it is bought; the sale counts its fee."""
    ctx = context()
    answer = check_pair(ctx, legs("10000"))
    assert answer.allowed
    plain = worst_fill(ctx, (), ())
    worst = worst_fill(ctx, (), claims_for(ctx, legs("10000"), PAIR_ROUND_TRIPS))
    bought = worst.accounts["beta"].account.balances
    assert bought["USDC"] == D(25_000)
    assert bought["USD"] == D(12_500) - D(10_010) - D(10_010) * D("0.0005") * PAIR_ROUND_TRIPS
    for venue in ("alpha", "beta"):
        before, after = plain.accounts[venue].margin.collateral, worst.accounts[venue].margin.collateral
        assert before is not None
        assert after is not None
        assert after < before


def test_the_head_room_shown_is_what_passes_the_gate() -> None:
    """At the dearest limit price and with the fee; what others may give away is off; unknown is no room."""
    ctx = context(working=(resting("USDT/USD.beta", Side.BUY, "2500", "1"),))
    rooms = dict(pair_head_rooms(ctx, A, B, cap=D(30_000)))
    price = D("1.005")
    free = D(12_500) - D(2_500) * D("1.0005")
    exact = free / (price * D("1.0005"))
    assert exact * D("0.999") < rooms["inventory USD beta"] <= exact, "from below"
    for size, passes in ((rooms["inventory USD beta"], True), (exact + 1, False)):
        lots = size.to_integral_value(rounding="ROUND_FLOOR")
        pair = tuple(msgspec.structs.replace(leg, quantity=lots, price=price) for leg in legs("1"))
        denied = [check.name for check in check_pair(ctx, (pair[0], pair[1])).failed]
        assert ("inventory" not in denied) is passes
    blind = context(account("alpha", balances={"USD": D("NaN")}), account("beta"))
    assert dict(head_rooms(blind, A, Side.BUY))[f"{NAME} USD alpha"] == 0


def back(side: Side, quantity: str = "400", **changes: Any) -> GateAnswer:
    price = "1.003" if side is Side.BUY else "0.999"
    plain = order(A, side, quantity, price, purpose=Purpose.UNWIND, origin="desk", pair="P-01", leg=1)
    return check_order(context(trading_state=TradingState.HALTED, **changes), plain)


@pytest.mark.parametrize(("side", "alone"), [(Side.BUY, D(-500)), (Side.SELL, D(500))])
def test_what_a_leg_did_alone_may_be_taken_back_and_no_more(side: Side, alone: Decimal) -> None:
    answer = back(side, alone={("P-01", A): alone})
    assert (answer.allowed, answer.quantity, answer.reducing) == (True, D(400), True)
    assert answer.reduce_only is False
    cut = back(side, "900", alone={("P-01", A): alone})
    assert (cut.allowed, cut.quantity) == (True, D(500))
    for other in ({("P-01", A): -alone}, {("P-01", A): D(0)}, {("P-01", A): D("NaN")}):
        assert failed(back(side, alone=other)) == ["provably reducing"]


def test_two_takings_back_never_take_more_than_was_done() -> None:
    alone = {("P-01", A): D(-500)}
    sent = resting(A, Side.BUY, "300", "1.003", pair="P-01", reduce_only=True, purpose=Purpose.UNWIND)
    assert back(Side.BUY, alone=alone, working=(sent,)).quantity == D(200)
    doubt = msgspec.structs.replace(sent, stage=Stage.IN_DOUBT)
    assert failed(back(Side.BUY, alone=alone, working=(doubt,))) == ["provably reducing"]
    others = msgspec.structs.replace(sent, pair="P-02")
    assert back(Side.BUY, alone=alone, working=(others,)).quantity == D(400)


def test_a_buy_without_such_a_pair_reduces_nothing() -> None:
    assert failed(back(Side.BUY)) == ["provably reducing"]
    assert failed(back(Side.BUY, alone={("P-02", A): D(-500), ("P-01", B): D(-500)})) == ["provably reducing"]


def test_what_was_bought_is_sold_only_as_far_as_it_is_still_there() -> None:
    gone = account("alpha", balances={"USDC": D(120), "USD": D(20_000)})
    plain = order(A, Side.SELL, "400", "0.999", purpose=Purpose.UNWIND, origin="desk", pair="P-01", leg=1)
    ctx = context(gone, account("beta"), alone={("P-01", A): D(500)})
    assert check_order(ctx, plain).quantity == D(120)
