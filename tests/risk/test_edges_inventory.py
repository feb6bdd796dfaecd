"""Edges of what spot orders may give away and take back (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.domain.enums import Purpose, Side
from services.risk.context import OpenOrder, Stage
from services.risk.gate import check_order, check_pair
from services.risk.inventory import amount, done_alone, lies
from services.risk.rooms import Leg, _inventory_caps
from services.settings.parameters import Settings
from tests.risk.builders import D, account, context, market, order, resting, world
from tests.risk.test_edges_size import double, leg

A, B, BTC = "USDC/USD.alpha", "USDC/USD.beta", "BTC-USDT-PERP.alpha"
WORLD = world()


def test_the_room_is_dollars_of_what_would_be_left() -> None:
    """A dollar coin at 0.8 dollars, the coin at 1.25 of it: bought with the one, the other is sold."""
    facts = {**context().markets, A: market(WORLD[A], mark=D("1.25"), quote_usd=D("0.8"))}
    buys = check_order(context(markets=facts), order(A, Side.BUY, "1000", "1.25"))
    (check,) = [each for each in buys.checks if each.name == "inventory"]
    left = D(12_500) - D(1_250) * D("1.0005")
    assert (check.head_room, check.room) == (left, left * D("0.8"))
    sells = check_order(context(markets=facts), order(A, Side.SELL, "1000", "1.25"))
    (check,) = [each for each in sells.checks if each.name == "inventory"]
    assert (check.head_room, check.room) == (D(14_000), D(14_000) * D("0.8") * D("1.25"))
    blind = {**facts, A: market(WORLD[A], mark=None)}
    answer = check_order(context(markets=blind), order(A, Side.BUY, "1000", "1.25"))
    assert [each.room for each in answer.checks if each.name == "inventory"] == [None]


def promised(*rows: OpenOrder) -> Decimal | None:
    return lies(context(), WORLD[A], Side.BUY, rows)[1]


def test_all_that_may_give_the_coin_away_is_counted_and_one_that_is_unknown_makes_the_sum_unknown() -> None:
    mine = resting("USDT/USD.alpha", Side.BUY, "100", "1")
    perp, stranger = resting(BTC, Side.BUY, "1"), resting("XRP/USD.alpha", Side.BUY, "1", "1")
    blank = msgspec.structs.replace(mine, price=None)
    whole = D(100) * D("1.0005")
    assert promised(perp, mine) == promised(stranger, mine) == promised(mine) == whole
    assert promised(blank, mine) is promised(mine, blank) is None
    assert lies(context(), WORLD[A], Side.BUY, ())[0] == D(12_500)
    poor = context(account("alpha", balances={"USDC": D(5)}), account("beta"))
    assert lies(poor, WORLD[A], Side.BUY, ())[0] == 0, "a coin that is not listed is not there"
    assert lies(context(account("beta")), WORLD[A], Side.BUY, ())[0] is None, "an account that is not known"


def test_a_quantity_that_is_none_gives_an_unknown_amount_either_way() -> None:
    for side in Side:
        assert amount(WORLD[A], side, None, D(1)) is None
        assert amount(WORLD[A], side, D("NaN"), D(1)) is None


def test_a_fee_of_the_wrong_sign_gives_nothing_more_away() -> None:
    """Found by a spoilt input: counted as none at all, it let a pair take more than was there."""
    fee = WORLD[A].taker_fee
    assert fee is not None
    turned = msgspec.structs.replace(WORLD[A], taker_fee=-fee)
    assert (
        amount(turned, Side.BUY, D(100), D(1)) == amount(WORLD[A], Side.BUY, D(100), D(1)) == 100 * (1 + fee)
    )


def left(alone: str, *rows: OpenOrder, side: Side = Side.BUY) -> Decimal | None:
    ask = order(A, side, "400", "1.003", purpose=Purpose.UNWIND, origin="desk", pair="P-01", leg=1)
    return done_alone(context(alone={("P-01", A): D(alone)}, working=rows), ask)


def taking(quantity: str, **changes: Any) -> OpenOrder:
    facts = {"pair": "P-01", "reduce_only": True, "purpose": Purpose.UNWIND, **changes}
    return resting(A, Side.BUY, quantity, "1.003", **facts)


def test_only_orders_of_the_same_leg_and_side_are_off_what_may_be_taken_back() -> None:
    other_leg = msgspec.structs.replace(taking("300"), instrument=B)
    other_side = msgspec.structs.replace(taking("300"), side=Side.SELL)
    itself = taking("300", client_order_id="c1")
    reserved = taking("300", stage=Stage.RESERVED)
    passed = (other_leg, other_side, itself, reserved)
    assert left("-500") == left("-500", *passed) == D(500)
    for row in passed:
        assert left("-500", row, taking("100")) == D(400), "what comes behind it is counted all the same"
    assert left("-500", taking("100", stage=Stage.IN_DOUBT)) == D(300)
    assert left("-500", taking("600")) == 0
    assert left("-500", msgspec.structs.replace(taking("1"), leaves=D("NaN"))) == 0


@pytest.mark.parametrize("alone", ["0.5", "0", "500", "NaN"])
def test_an_order_that_goes_on_in_the_same_direction_takes_nothing_back(alone: str) -> None:
    assert left(alone) == 0
    if alone != "NaN":
        assert left(str(-D(alone)), side=Side.SELL) == 0


def caps(
    slack: str = "0.01", legs: tuple[Leg, ...] = ((A, Side.SELL), (B, Side.BUY)), **changes: Any
) -> dict[str, Decimal]:
    held = changes.pop("accounts", ())
    return dict(_inventory_caps(context(*held, **changes), legs, D(slack)))


def test_the_rooms_of_a_spot_pair_are_exact_where_no_coin_is_a_dollar() -> None:
    facts = dict(context().markets)
    facts |= {name: market(WORLD[name], mark=D("1.25"), quote_usd=D("0.8")) for name in (A, B)}
    rooms = caps(markets=facts)
    assert rooms["inventory USDC alpha"] == D(15_000) * D("1.25") * D("0.8")
    dearest = D("1.25") * D("1.01") * D("1.0005")
    assert rooms["inventory USD beta"] == D(12_500) / dearest * D("1.25") * D("0.8")
    more = resting("USDT/USD.beta", Side.BUY, "99000", "1")
    assert caps(markets=facts, working=(more,))["inventory USD beta"] == 0


@pytest.mark.parametrize("spoilt", ["balances", "number", "working", "mark", "fee", "usd"])
def test_what_is_not_known_of_a_spot_pair_leaves_no_room(spoilt: str) -> None:
    held, facts, instruments, working = account("beta"), dict(context().markets), dict(WORLD), ()
    match spoilt:
        case "balances":
            held = account("beta", balances_known=False)
        case "number":
            held = account("beta", balances={"USD": D("NaN")})
        case "working":
            blank = resting("USDT/USD.beta", Side.BUY, "1", "1")
            working = (msgspec.structs.replace(blank, price=None),)  # type: ignore[assignment]
        case "mark":
            facts[B] = market(WORLD[B], mark=None)
        case "usd":
            facts[B] = market(WORLD[B], quote_usd=None)
        case _:
            instruments[B] = msgspec.structs.replace(WORLD[B], taker_fee=None)
    rooms = caps(accounts=(account("alpha"), held), working=working, instruments=instruments, markets=facts)
    assert rooms["inventory USD beta"] == 0
    assert rooms["inventory USDC alpha"] == D(15_000), "the other leg's hangs on nothing of this"


def test_a_sale_without_a_mark_has_no_room() -> None:
    facts = {**context().markets, A: market(WORLD[A], mark=None)}
    assert caps(markets=facts)["inventory USDC alpha"] == 0


def test_a_perp_beside_spot_takes_no_room_from_it() -> None:
    assert list(caps(legs=((BTC, Side.SELL), (A, Side.BUY)))) == ["inventory USD alpha"]


def test_an_order_of_exactly_a_slice_passes_where_the_limit_is_the_slice() -> None:
    gate = msgspec.structs.replace(Settings().gate, max_order_notional=Settings().pair.slice_notional)
    ctx = context(settings=msgspec.structs.replace(Settings(), gate=gate))
    legs = tuple(
        order(name, side, "0.25", client_order_id=f"c{side}")
        for name, side in ((BTC, Side.SELL), ("BTC-USDT-PERP.beta", Side.BUY))
    )
    answer = check_pair(ctx, (legs[0], legs[1]))
    assert [check.passed for check in answer.checks if check.name == "order notional"] == [True, True]


def test_a_notional_that_was_asked_for_is_made_or_refused_and_never_cut() -> None:
    def asked(usd: str, room: str = "9000") -> Any:
        sizes = (leg(), leg("BTC-USDT-PERP.beta"))
        return double(*sizes, asked=D(usd), head_rooms=(("room", D(room)),))

    made = asked("4000")
    assert (made.refused, (made.quantity, made.second_quantity)) == ("", (D("0.250"), D("0.250")))
    exact = asked("4000", "4000")
    assert (exact.refused, (exact.quantity, exact.second_quantity)) == ("", (D("0.250"), D("0.250")))
    over = asked("4000", "3999")
    assert over.refused == "room leaves 3,999 USD a leg, asked 4,000"
    assert asked("NaN").refused == "no notional was asked for"
    assert asked("1").refused == "1 USD a leg is below a venue's minimum"
