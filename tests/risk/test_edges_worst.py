"""Edges of the worst fill: spot in coins that are no dollars, what is closed to nothing (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from services.domain.enums import InstrumentKind, Purpose, Side
from services.portfolio.inputs import AccountInput, PositionInput
from services.risk.context import GateContext
from services.risk.gate import check_order
from services.risk.lines import Claim, Line, book, widen
from services.risk.worst import worst_fill
from tests.risk.builders import D, account, context, market, order, perp, resting

SPOT = perp("BTC/USDT", "alpha", "BTC", "USDT", kind=InstrumentKind.SPOT, tiers=None)
MIX = perp("BTC-USDT-MIX", "alpha", "BTC", "USDT", settle="USDC")
PLAIN = perp("BTC-USDT-PERP", "alpha", "BTC", "USDT")
WORLD = {spec.id: spec for spec in (SPOT, MIX, PLAIN)}
INDEX: dict[str, Decimal | None] = {"USD": D(1), "USDT": D("0.8"), "USDC": D("0.5"), "BTC": D(15_500)}


def wallet(*positions: PositionInput, **balances: str) -> AccountInput:
    amounts = {coin: D(amount) for coin, amount in ({"USDT": "50000", "BTC": "1"} | balances).items()}
    weights = {"USDT": D("0.9"), "BTC": D("0.5"), "USDC": D(1), "USD": D(1)}
    return account(
        "alpha", *positions, balances=amounts, indexes=INDEX, weights_total=weights, weights_initial=weights
    )


def at(held: AccountInput, **changes: Any) -> GateContext:
    facts = {
        name: market(spec, quote_usd=D("0.8"), settle_usd=INDEX[spec.settle], **changes)
        for name, spec in WORLD.items()
    }
    return context(held, instruments=WORLD, markets=facts)


def after(ctx: GateContext, side: Side, quantity: str, price: str) -> dict[str, Decimal]:
    ask = resting(SPOT.id, side, quantity, price)
    return worst_fill(ctx, (ask,), ()).accounts["alpha"].account.balances


def test_a_swap_is_counted_when_it_lowers_collateral_at_index_and_weight() -> None:
    """A bitcoin is worth 15 500 at weight 0.5; 20 000 USDT are worth 16 000 at weight 0.9."""
    ctx = at(wallet())
    bought = after(ctx, Side.BUY, "1", "20000")
    assert (bought["USDT"], bought["BTC"]) == (D(50_000) - 20_000 - 10, D(2))
    sold = after(ctx, Side.SELL, "1", "20000")
    assert (sold["USDT"], sold["BTC"]) == (D(50_000) - 10, D(1))
    given = after(ctx, Side.SELL, "0.5", "5000")
    assert (given["USDT"], given["BTC"]) == (D(50_000) + 2_500 - D("1.25"), D("0.5"))
    even = after(ctx, Side.SELL, "1", "10763.8")
    assert even["BTC"] == 0, "a dollar less than it is worth is a loss"
    kept = after(ctx, Side.SELL, "1", "10763.9")
    assert kept["BTC"] == 1


def test_without_an_index_of_its_own_a_coin_is_worth_the_mark() -> None:
    bare = msgspec.structs.replace(wallet(), indexes={**INDEX, "BTC": None})
    kept = after(at(bare), Side.SELL, "1", "11111.2")
    assert kept["BTC"] == 1
    given = after(at(bare), Side.SELL, "1", "11111")
    assert given["BTC"] == 0


def test_a_swap_out_of_what_is_not_there_is_counted_as_the_debt_it_makes() -> None:
    exact = after(at(wallet(BTC="1")), Side.SELL, "1", "20000")
    assert exact["BTC"] == 1
    short = after(at(wallet(BTC="0.999")), Side.SELL, "1", "20000")
    assert short["BTC"] == D("-0.001")
    none = after(at(account("alpha", balances={"USDT": D(10)}, indexes=INDEX)), Side.SELL, "1", "20000")
    assert none["BTC"] == -1


@pytest.mark.parametrize("changes", [{"mark": None}, {"mark_fresh": False}])
def test_a_swap_without_a_mark_makes_its_money_unknown(changes: dict[str, Any]) -> None:
    assert after(at(wallet(), **changes), Side.BUY, "1", "20000")["USDT"].is_nan()
    free = replace(
        at(wallet()), instruments={**WORLD, SPOT.id: msgspec.structs.replace(SPOT, taker_fee=None)}
    )
    assert after(free, Side.BUY, "1", "20000")["USDT"].is_nan()


def test_a_pair_of_swaps_pays_its_fee_on_every_trip() -> None:
    claim = Claim(SPOT, Side.SELL, D(1), D(20_000), round_trips=2)
    held = worst_fill(at(wallet()), (), (claim,)).accounts["alpha"].account
    assert held.balances["USDT"] == D(50_000) - 20


def test_what_would_be_held_is_in_dollars_through_the_quotes_index() -> None:
    ctx = at(wallet())
    answer = check_order(ctx, order(SPOT.id, Side.BUY, "0.5", "20200", purpose=Purpose.TICKET))
    (check,) = [each for each in answer.checks if each.name == "position notional"]
    assert check.value == (D(1) * 20_000 + D("0.5") * 20_200) * D("0.8")
    blind = at(wallet(BTC="NaN"))
    two = (resting(SPOT.id, Side.BUY, "0.1"), resting(SPOT.id, Side.BUY, "0.1", client_order_id="b"))
    assert worst_fill(blind, two, ()).symbol_notional[SPOT.symbol] is None
    row = resting(PLAIN.id, Side.BUY, "0.1")
    both = worst_fill(ctx, (row, two[0]), ())
    assert both.symbol_notional[SPOT.symbol] == D("1.1") * 16_000


def held(spec: Any, size: str, entry: str) -> PositionInput:
    return PositionInput(spec, D(size), D(entry), D(20_000), D("0.8"), INDEX[spec.settle])


def test_a_position_closed_to_nothing_leaves_its_profit_in_its_settle_coin() -> None:
    """Quoted in USDT at 0.8 and settled in USDC at 0.5: 500 USDT of profit are 800 USDC."""
    for spec, coin, profit in ((MIX, "USDC", D(800)), (PLAIN, "USDT", D(500))):
        ctx = at(wallet(held(spec, "0.5", "19000"), USDC="100"))
        out = resting(spec.id, Side.SELL, "0.5", "20000")
        worst = worst_fill(ctx, (out,), ()).accounts["alpha"]
        (flat,) = [way for way in worst.scenarios if not way.positions]
        fee = D("0.5") * 20_000 * D("0.0005") * (D("1.6") if spec is MIX else 1)
        before = {"USDC": D(100), "USDT": D(50_000)}[coin]
        assert flat.balances[coin] == before + profit - fee
    for field in ("quote_usd", "settle_usd"):
        blind = msgspec.structs.replace(held(MIX, "0.5", "19000"), **{field: None})
        worst = worst_fill(at(wallet(blind)), (resting(MIX.id, Side.SELL, "0.5"),), ()).accounts["alpha"]
        (flat,) = [way for way in worst.scenarios if not way.positions]
        assert flat.balances["USDC"].is_nan()


def test_a_position_grown_or_turned_keeps_todays_profit() -> None:
    ctx = at(wallet(held(PLAIN, "0.5", "19000")))
    rows = (resting(PLAIN.id, Side.BUY, "0.5"), resting(PLAIN.id, Side.SELL, "0.75"))
    ways = worst_fill(ctx, rows, ()).accounts["alpha"].scenarios
    sizes = {way.positions[0].size: way.positions[0].entry for way in ways}
    assert sizes == {D(1): D(19_500), D("-0.25"): D(22_000)}
    fresh = worst_fill(at(wallet()), (rows[0],), ()).accounts["alpha"].account.positions[0]
    assert (fresh.size, fresh.entry) == (D("0.5"), D(20_000))


def test_an_account_after_the_question_is_touched_and_orders_elsewhere_count_too() -> None:
    ctx = at(wallet())
    stray = msgspec.structs.replace(resting(PLAIN.id, Side.BUY, "1"), instrument="DOGE.alpha")
    worst = worst_fill(ctx, (stray, resting(PLAIN.id, Side.BUY, "1")), ())
    assert worst.collateral is None
    assert worst.accounts["alpha"].lines[PLAIN.id].buys == 1
    assert not worst.accounts["alpha"].touched
    assert worst_fill(ctx, (), (Claim(PLAIN, Side.BUY, D(1), None),)).accounts["alpha"].touched


def test_a_working_order_of_unknown_fee_makes_its_account_unknown() -> None:
    dear = msgspec.structs.replace(PLAIN, taker_fee=None)
    ctx = replace(at(wallet()), instruments={**WORLD, PLAIN.id: dear})
    working = (resting(PLAIN.id, Side.BUY, "0.1"), resting(PLAIN.id, Side.BUY, "0.1", client_order_id="b"))
    assert worst_fill(ctx, working, ()).accounts["alpha"].margin.collateral is None


# -- one line -------------------------------------------------------------------------------------------


def line(size: str, **amounts: str) -> Line:
    made = Line(PLAIN, D(size), D(20_000), D("0.8"), D("0.8"), D(20_000))
    for name, amount in amounts.items():
        setattr(made, name, D(amount))
    return made


def test_reduce_only_orders_never_take_a_line_past_flat() -> None:
    assert line("-1", buys="0.2", buys_reduce="5").high() == 0
    assert line("-1", buys="0.2", buys_reduce="0.5").high() == D("-0.3")
    assert line("-1", buys="1.5", buys_reduce="5").high() == D("0.5")
    assert line("1", buys="0.2", buys_reduce="5").high() == D("1.2")
    assert line("1", sells="0.2", sells_reduce="5").low() == 0
    assert line("1", sells="0.2", sells_reduce="0.5").low() == D("0.3")
    assert line("1", sells="1.5", sells_reduce="5").low() == D("-0.5")
    assert line("-1", sells="0.2", sells_reduce="5").low() == D("-1.2")
    assert line("1", sells="3", buys="0.5").worst() == -2
    assert line("-1", sells="0.5", buys="3").worst() == 2


def test_a_claim_is_booked_on_its_side_and_as_what_it_is() -> None:
    for side, reduces, field in (
        (Side.BUY, False, "buys"), (Side.BUY, True, "buys_reduce"),
        (Side.SELL, False, "sells"), (Side.SELL, True, "sells_reduce"),
    ):  # fmt: skip
        made = line("0")
        book(made, Claim(PLAIN, side, D(3), D(20_000), reduces), D("0.1"))
        amounts = {name: getattr(made, name) for name in ("buys", "sells", "buys_reduce", "sells_reduce")}
        assert amounts == {**dict.fromkeys(amounts, D(0)), field: D(3)}


def test_ranges_add_up_end_by_end_and_one_unknown_part_makes_them_unknown() -> None:
    found: dict[str, Any] = {}
    widen(found, "USDT", (D(-3), D(5)))
    widen(found, "USDT", (D(-1), D(2)))
    assert found == {"USDT": (D(-4), D(7))}
    widen(found, "USDT", None)
    widen(found, "USDT", (D(1), D(1)))
    assert found == {"USDT": None}
