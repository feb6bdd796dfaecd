"""Edges of sizing, head-rooms, coins and spot orders, where no coin is a dollar (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from services.domain.enums import Purpose, Side
from services.portfolio.inputs import AccountInput, PositionInput
from services.risk.coins import collateral_coins, depeg_checks
from services.risk.context import GateContext
from services.risk.gate import check_order, check_pair
from services.risk.kelly import NO_RECORD
from services.risk.rooms import head_rooms, pair_head_rooms
from services.risk.sizing import SizeAnswer, SizeLeg, pair_stop_distance, size_pair, size_position
from services.risk.worst import worst_fill
from services.settings.parameters import Gate, InstrumentLimit, Settings
from tests.risk.builders import D, account, context, failed, market, order, position, resting, world

WORLD = world()
BTC, BTC_B, ETH, USDC = "BTC-USDT-PERP.alpha", "BTC-USDT-PERP.beta", "ETH-USDT-PERP.alpha", "USDC-PERP.alpha"
SPOT = "BUSD/USD.alpha"


def leg(name: str = BTC, **changes: Any) -> SizeLeg:
    facts: dict[str, Any] = {
        "instrument": WORLD[name], "price": D(20_000), "quote_usd": D("0.8"), "available": D(10**6),
        **changes,
    }  # fmt: skip
    return SizeLeg(**facts)


def single(**changes: Any) -> SizeAnswer:
    facts: dict[str, Any] = {
        "capital": D(50_000), "strength": D(1), "record": NO_RECORD, "stop": D("0.02"), "leg": leg(),
        "slippage_bps": D(2), "head_rooms": (), **changes,
    }  # fmt: skip
    return size_position(Settings(), **facts)


def double(short: SizeLeg, long: SizeLeg, **changes: Any) -> SizeAnswer:
    facts: dict[str, Any] = {
        "capital": D(50_000), "strength": D(1), "record": NO_RECORD, "stop": D("0.02"), "slippage_bps": D(2),
        "head_rooms": (), **changes,
    }  # fmt: skip
    return size_pair(Settings(), short=short, long=long, **facts)


# -- sizing ---------------------------------------------------------------------------------------------


def test_a_quantity_is_dollars_over_price_and_index_and_the_risk_is_what_it_would_lose() -> None:
    answer = single()
    cost = D("0.02") + D("0.0005") + D("0.0005") * D("1.02") + D("0.0004")
    assert answer.bounds[0] == ("risk (fallback)", D(250) / cost)
    assert answer.binding == "max position fraction"
    assert answer.quantity == D("0.312"), "5 000 dollars at 16 000 a piece, rounded down"
    assert answer.notional == D("0.312") * 16_000
    assert answer.capital_at_risk == answer.notional * cost
    assert answer.second_quantity == 0


def test_a_limit_of_the_gate_is_never_reached_exactly() -> None:
    assert single(head_rooms=(("x", D(1_600)),)).quantity == D("0.099")
    assert single(head_rooms=(("x", D("1600.01")),)).quantity == D("0.1")
    fraction = msgspec.structs.replace(Settings().size, max_position_fraction=D("0.032"))
    other = size_position(
        Settings(size=fraction), capital=D(50_000), strength=D(1), record=NO_RECORD, stop=D("0.02"),
        leg=leg(), slippage_bps=D(2), head_rooms=(),
    )  # fmt: skip
    assert other.quantity == D("0.1"), "a bound that is no limit of the gate may be reached"


@pytest.mark.parametrize(
    ("facts", "room", "passes"),
    [
        ({"min_size": D("0.1")}, "1600.01", True),
        ({"min_size": D("0.101")}, "1600.01", False),
        ({"min_notional": D(1_600)}, "1600.01", True),
        ({"min_notional": D("1600.1")}, "1600.01", False),
        ({}, "16.01", True),
        ({}, "15.99", False),
    ],
)
def test_the_venues_minimum_is_reached_at_its_value_in_dollars(
    facts: dict[str, Decimal], room: str, passes: bool
) -> None:
    spec = msgspec.structs.replace(WORLD[BTC], **facts)
    answer = single(leg=leg(instrument=spec), head_rooms=(("x", D(room)),))
    assert bool(answer.quantity) is passes
    if not passes:
        assert "minimum" in answer.refused
        assert (answer.notional, answer.capital_at_risk, answer.binding) == (0, 0, "x")


@pytest.mark.parametrize("room", ["0", "-5"])
def test_no_head_room_is_said_as_such(room: str) -> None:
    answer = single(head_rooms=(("coin exposure USDT alpha", D(room)),))
    assert (answer.quantity, answer.refused) == (0, "no head-room: coin exposure USDT alpha")


@pytest.mark.parametrize("slippage", [D(0), D("0.5")])
def test_any_known_slippage_serves(slippage: Decimal) -> None:
    assert single(slippage_bps=slippage).quantity > 0


def test_a_pair_stands_on_the_dearer_leg_and_the_coarser_lot() -> None:
    coarse = msgspec.structs.replace(WORLD[BTC_B], size_increment=D("0.01"), min_size=D("0.01"))
    answer = double(leg(), leg(BTC_B, instrument=coarse, quote_usd=D(1)))
    assert answer.quantity == answer.second_quantity
    assert answer.quantity % D("0.01") == 0
    assert answer.notional == answer.quantity * 20_000
    bound = min(amount for _, amount in answer.bounds)
    assert bound - 200 < answer.notional <= bound, "on the dearer leg"
    one = double(leg(BTC_B, quote_usd=D(1)), leg(price=None))
    assert one.refused == "price or index unknown"
    other = double(leg(price=None), leg(BTC_B))
    assert other.refused == "price or index unknown"


def test_a_pair_of_two_stablecoins_is_equal_in_dollars_and_one_of_the_same_coin_in_pieces() -> None:
    usdt = SizeLeg(instrument=WORLD["USDT-PERP.alpha"], price=D("0.9"), quote_usd=D(1), available=D(10**6))
    usdc = SizeLeg(instrument=WORLD[USDC], price=D("1.1"), quote_usd=D(1), available=D(10**6))
    answer = double(usdt, usdc, stop=D("0.05"))
    assert answer.quantity > answer.second_quantity
    assert abs(answer.quantity * D("0.9") - answer.second_quantity * D("1.1")) < D("1.1")
    assert answer.notional == max(answer.quantity * D("0.9"), answer.second_quantity * D("1.1"))
    beta = {**_fields(usdc), "instrument": WORLD["USDC-PERP.beta"], "price": D("0.9")}
    same = double(usdc, SizeLeg(**beta))
    assert same.quantity == same.second_quantity
    hedge = double(leg(), leg(BTC_B, price=D(19_000)))
    assert hedge.quantity == hedge.second_quantity


def _fields(each: SizeLeg) -> dict[str, Any]:
    return {name: getattr(each, name) for name in each.__struct_fields__}


def test_the_stop_is_a_depegs_only_where_a_coin_differs() -> None:
    far = Settings().size.depeg_d
    for short, long, expected in (
        (BTC, BTC_B, D("0.01")),
        (BTC, "BTC-USDC-PERP.beta", far),
        ("USDT-PERP.alpha", USDC, far),
        (USDC, "USDC-PERP.beta", D("0.01")),
        (BTC, ETH, D("0.01")),
    ):
        assert pair_stop_distance(Settings(), D(100), WORLD[short], WORLD[long]) == expected, (short, long)
    assert pair_stop_distance(Settings(), D(800), WORLD[BTC], WORLD["BTC-USDC-PERP.beta"]) == D("0.08")
    for quote, settle in (("USDC", "USDT"), ("USDT", "USDC")):
        mixed = msgspec.structs.replace(WORLD[BTC_B], quote=quote, settle=settle)
        assert pair_stop_distance(Settings(), D(100), WORLD[BTC], mixed) == far
        assert pair_stop_distance(Settings(), D(100), mixed, WORLD[BTC]) == far


# -- head-rooms -----------------------------------------------------------------------------------------


def roomy(**changes: Any) -> GateContext:
    facts = {name: market(spec) for name, spec in WORLD.items()}
    for name in (BTC, BTC_B, ETH):
        facts[name] = msgspec.structs.replace(facts[name], quote_usd=D("0.8"), settle_usd=D("0.8"))
    low = {"USD": D(1), "USDT": D("0.8"), "USDC": D(1), "BUSD": D(1)}
    held = {venue: account(venue, indexes=low) for venue in ("alpha", "beta")}
    return context(*held.values(), markets=facts, **changes)


def limited(symbol_limit: int = 30_000, **changes: Any) -> Settings:
    rows = {"BTC-USDT-PERP": InstrumentLimit(max_position=D(symbol_limit), max_leverage=D(50))}
    gate = msgspec.structs.replace(Gate(), limits=rows, max_coin_exposure=D(5), **changes)
    return Settings(gate=gate)


@pytest.mark.parametrize(
    ("symbol_limit", "binding"),
    [(9_000, "position notional"), (100_000, "order notional")],
)
def test_a_room_is_the_last_notional_that_passes(symbol_limit: int, binding: str) -> None:
    """At the dearest price counted an order just under the room passes, one a little over it does not."""
    settings = limited(symbol_limit)
    ctx = roomy(settings=settings)
    rooms = head_rooms(ctx, BTC, Side.BUY, price_slack=D(0))
    name, room = min(rooms, key=lambda each: each[1])
    assert name.startswith(binding)

    def passes(notional: Decimal) -> bool:
        quantity = WORLD[BTC].round_size(notional / 16_000)
        return check_order(ctx, order(BTC, Side.BUY, quantity, "20000")).allowed

    assert passes(room - 20)
    assert not passes(room + 40)


def test_a_pairs_room_counts_both_legs_and_two_trips() -> None:
    ctx = roomy(settings=limited(14_000))
    room = dict(pair_head_rooms(ctx, BTC, BTC_B, cap=D(12_000), price_slack=D(0)))
    both = room["position notional BTC-USDT-PERP"]
    assert D(6_990) < both <= D(7_000)

    def passes(notional: Decimal) -> bool:
        quantity = WORLD[BTC].round_size(notional / 16_000)
        legs = (
            order(BTC, Side.SELL, quantity, "20000"),
            order(BTC_B, Side.BUY, quantity, "20000", client_order_id="c2"),
        )
        return check_pair(ctx, legs).allowed

    assert passes(both - 20)
    assert not passes(both + 40)


def test_rooms_beyond_the_cap_are_what_a_straight_line_says() -> None:
    """Position notional grows by a dollar a dollar: at a cap of 2 000 the line says 30 000 of 30 000."""
    ctx = roomy(settings=limited(30_000))
    rooms = dict(head_rooms(ctx, BTC, Side.BUY, cap=D(2_000), price_slack=D(0)))
    assert rooms["position notional BTC-USDT-PERP"] == D(30_000)
    assert rooms["order notional"] == Gate().max_order_notional
    held = roomy(settings=limited(30_000), working=(resting(BTC, Side.BUY, "0.5", "20000"),))
    rooms = dict(head_rooms(held, BTC, Side.BUY, cap=D(2_000), price_slack=D(0)))
    assert rooms["position notional BTC-USDT-PERP"] == D(22_000)
    assert "position notional ETH-USDT-PERP" not in rooms


def test_a_room_counts_the_dearest_price_that_the_order_may_be_sent_with() -> None:
    """Every adverse basis point is paid: with slack there is less of what costs are taken from."""
    poor = account("alpha", balances={"USD": D(1_200)}, indexes={"USD": D(1), "USDT": D("0.8")})
    ctx = replace(roomy(), accounts={"alpha": poor, "beta": account("beta")})
    without = dict(head_rooms(ctx, BTC, Side.BUY, price_slack=D(0)))
    default = dict(head_rooms(ctx, BTC, Side.BUY))
    given = dict(head_rooms(ctx, BTC, Side.BUY, price_slack=D("0.005")))
    assert default == given, "the last hedge band"
    assert default["minimum equity alpha"] < without["minimum equity alpha"]
    selling = dict(head_rooms(ctx, BTC, Side.SELL))
    assert selling["minimum equity alpha"] < without["minimum equity alpha"]


@pytest.mark.parametrize("cap", [D(0), D(-1), D("NaN"), D("Infinity")])
def test_no_cap_no_room(cap: Decimal) -> None:
    assert pair_head_rooms(roomy(), BTC, BTC_B, cap=cap) == (("cap", D(0)),)


def test_a_leg_that_cannot_be_valued_or_has_no_account_has_no_room() -> None:
    ctx = roomy()
    for name in ("none.alpha",):
        assert dict(pair_head_rooms(ctx, BTC, name, cap=D(5_000)))["data fresh"] == 0
    for changes in ({"mark": None}, {"mark_fresh": False}, {"quote_usd": None}):
        facts = {**ctx.markets, BTC_B: msgspec.structs.replace(ctx.markets[BTC_B], **changes)}
        blind = replace(ctx, markets=facts)
        assert dict(pair_head_rooms(blind, BTC, BTC_B, cap=D(5_000)))["data fresh"] == 0
    alone = replace(ctx, accounts={"alpha": ctx.accounts["alpha"]})
    assert dict(pair_head_rooms(alone, BTC, BTC_B, cap=D(5_000)))[f"account {BTC_B}"] == 0


def test_a_limit_already_broken_leaves_nothing() -> None:
    ctx = roomy(settings=limited(7_000), working=(resting(BTC, Side.BUY, "0.5", "20000"),))
    assert dict(head_rooms(ctx, BTC, Side.BUY))["position notional BTC-USDT-PERP"] == 0


# -- coins ----------------------------------------------------------------------------------------------


def wallet(**amounts: str) -> AccountInput:
    return account(
        "alpha",
        balances={coin: D(amount) for coin, amount in amounts.items()},
        indexes={"USD": D(1), "USDT": D("0.8"), "USDC": D(1), "BUSD": D("0.5")},
        weights_total={"USD": D(1), "USDT": D("0.5"), "USDC": D(1), "BUSD": D("0.9"), "DOGE": D(1)},
    )


def wallet_with(held: PositionInput, **amounts: str) -> AccountInput:
    return msgspec.structs.replace(wallet(**amounts), positions=(held,))


def test_a_tenth_of_the_collateral_counts_by_weight_and_index() -> None:
    held = wallet(USD="8600", USDT="2500", USDC="390", BUSD="-900")
    assert collateral_coins(held, D("0.1")) == ["USD", "USDT"]
    assert collateral_coins(held, D("0.101")) == ["USD"]
    assert collateral_coins(wallet(USDT="2500", USD="8999"), D("0.1")) == ["USDT", "USD"]
    assert collateral_coins(wallet(USDT="2500", USD="9001"), D("0.1")) == ["USD"]
    assert collateral_coins(wallet(USDT="2500", USD="9000"), D("0.1")) == ["USDT", "USD"], "at the share"
    assert collateral_coins(wallet(USDC="0", USD="0"), D("0.1")) == []


def test_a_coin_of_unknown_worth_counts_as_much_unless_there_is_none_of_it() -> None:
    assert collateral_coins(wallet(DOGE="1", USD="1000"), D("0.1")) == ["DOGE", "USD"]
    assert collateral_coins(wallet(DOGE="0", USD="1000"), D("0.1")) == ["USD"]
    assert collateral_coins(wallet(USDC="NaN", USD="1000"), D("0.1")) == ["USDC", "USD"]


def test_what_is_won_and_not_yet_paid_is_collateral_too() -> None:
    """n_a = balance_a + uPnL settled in a (SEMANTICS 2): a coin nobody holds may carry the account."""
    won = position(WORLD["BTC-USDC-PERP.alpha"], "1", D(18_000))
    lost = position(WORLD["BTC-USDC-PERP.alpha"], "-1", D(18_000))
    assert collateral_coins(wallet_with(won, USD="18000"), D("0.1")) == ["USD", "USDC"]
    assert collateral_coins(wallet_with(won, USD="18001"), D("0.1")) == ["USD"]
    assert collateral_coins(wallet_with(lost, USD="8000", USDC="2500"), D("0.1")) == ["USD"]
    unmarked = msgspec.structs.replace(won, mark=None)
    assert collateral_coins(wallet_with(unmarked, USD="18001"), D("0.1")) == ["USD", "USDC"]


def test_the_pegs_an_order_hangs_on_are_quote_settle_underlying_and_collateral() -> None:
    def coins(name: str, held: AccountInput) -> list[str]:
        ctx = context(held, account("beta"))
        return [check.subject for check in depeg_checks(ctx, WORLD[name])]

    dollars = wallet(USD="10000", USDC="5")
    assert coins(BTC, dollars) == ["USDT"]
    assert coins(USDC, dollars) == ["USDC"]
    assert coins(BTC, wallet(USD="100", USDC="100")) == ["USDT", "USDC"]
    strange = msgspec.structs.replace(WORLD[BTC], quote="EURX", settle="EURX")
    subjects = [check.subject for check in depeg_checks(context(dollars, account("beta")), strange)]
    assert subjects == ["EURX"]
    fdusd = msgspec.structs.replace(WORLD[USDC], underlying="FDUSD")
    (unwatched,) = depeg_checks(context(dollars, account("beta")), fdusd)
    assert (unwatched.subject, unwatched.passed) == ("FDUSD", False), "its peg is unknown"
    doge = account("alpha", balances={"DOGE": D(5), "USD": D(10_000)})
    assert coins(BTC, doge) == ["USDT"]
    unknown = context(account("beta"))
    assert [check.subject for check in depeg_checks(unknown, WORLD[BTC])] == ["USDT"]


# -- spot -----------------------------------------------------------------------------------------------


def spot_world(**changes: Any) -> GateContext:
    facts = {name: market(spec) for name, spec in WORLD.items()}
    facts[SPOT] = market(WORLD[SPOT], mark=D("0.9"), **changes)
    indexes = {"USD": D(1), "USDT": D(1), "USDC": D(1), "BUSD": D("0.9")}
    return context(account("alpha", indexes=indexes), account("beta"), markets=facts)


def test_what_spot_orders_would_leave_us_holding_is_limited_at_the_dearer_price() -> None:
    def holding(ctx: GateContext, side: Side, quantity: str, price: str | None) -> Decimal | None:
        answer = check_order(ctx, order(SPOT, side, quantity, price or "0.9", purpose=Purpose.TICKET))
        (check,) = [each for each in answer.checks if each.name == "position notional"]
        return check.value

    ctx = spot_world()
    assert holding(ctx, Side.BUY, "1000", "0.95") == D(7_500) * D("0.9") + D(1_000) * D("0.95")
    assert holding(ctx, Side.BUY, "1000", "0.85") == D(8_500) * D("0.9")
    assert holding(ctx, Side.SELL, "99999", "0.95") == D(7_500) * D("0.9")
    working = (
        resting(SPOT, Side.BUY, "500", "0.9"),
        resting(SPOT, Side.BUY, "100", "0.9", client_order_id="b"),
    )
    assert holding(replace(ctx, working=working), Side.BUY, "1000", "0.9") == D(9_100) * D("0.9")
    strange = context(account("alpha", balances={"USD": D(9_000)}), account("beta"), markets=ctx.markets)
    assert holding(strange, Side.BUY, "1000", "0.9") == D(900)
    debt = account("alpha", balances={"USD": D(9_000), "BUSD": D(-50)})
    assert holding(replace(ctx, accounts={"alpha": debt}), Side.BUY, "1000", "0.9") == D(900)


@pytest.mark.parametrize("changes", [{"mark_fresh": False}, {"quote_usd": None}, {"quote_usd": D(0)}])
def test_a_spot_order_without_a_market_makes_its_account_unknown(changes: dict[str, Any]) -> None:
    ctx = spot_world(**changes)
    answer = check_order(ctx, order(SPOT, Side.BUY, "1000", "0.9", purpose=Purpose.TICKET))
    assert {"position notional", "minimum equity"} <= set(failed(answer))
    free = msgspec.structs.replace(WORLD[SPOT], taker_fee=D("NaN"))
    blind = replace(spot_world(), instruments={**WORLD, SPOT: free})
    assert "minimum equity" in failed(
        check_order(blind, order(SPOT, Side.BUY, "1000", "0.9", purpose=Purpose.TICKET))
    )


def test_a_spot_order_pays_its_fee_and_swaps_only_where_that_costs() -> None:
    """BUSD weighs 0.9 and dollars 1: buying it lowers collateral and is counted, selling it is not."""
    ctx = spot_world()

    def after(side: Side, quantity: str, price: str, working: tuple[Any, ...] = ()) -> AccountInput:
        ask = resting(SPOT, side, quantity, price)
        return worst_fill(ctx, (ask, *working), ()).accounts["alpha"].account

    bought = after(Side.BUY, "1000", "0.95")
    assert bought.balances["USD"] == D(12_500) - 950 - D("0.475")
    assert bought.balances["BUSD"] == D(8_500)
    sold = after(Side.SELL, "1000", "0.95")
    assert sold.balances["USD"] == D(12_500) - D("0.475")
    assert sold.balances["BUSD"] == D(7_500)
    cheap = after(Side.SELL, "1000", "0.5")
    assert cheap.balances["USD"] == D(12_500) + 500 - D("0.25")
    assert cheap.balances["BUSD"] == D(6_500)
    short = after(Side.SELL, "8000", "0.95")
    assert short.balances["BUSD"] == D(-500), "what is not there is sold into a debt, and counts"
    market_order = msgspec.structs.replace(resting(SPOT, Side.BUY, "1000", "0.9"), price=None)
    at_band = worst_fill(ctx, (market_order,), ()).accounts["alpha"].account
    band = 1 + Gate().protective_bands[-1]
    assert at_band.balances["USD"] == D(12_500) - 900 * band * D("1.0005")


def test_a_coin_that_is_bought_for_the_first_time_is_priced_by_its_own_market_and_only_then() -> None:
    indexes = {"USD": D(1), "USDT": D(1), "USDC": D(1)}
    kept = {"USD": D(12_500), "USDT": D(15_000)}

    def after(side: Side, balances: dict[str, Decimal]) -> GateContext:
        held = account("alpha", indexes=dict(indexes), balances=balances)
        return replace(spot_world(), accounts={"alpha": held})

    def equity(ctx: GateContext, side: Side) -> Decimal | None:
        return worst_fill(ctx, (resting(SPOT, side, "1000", "0.9"),), ()).accounts["alpha"].margin.equity

    fresh = after(Side.BUY, kept)
    assert equity(fresh, Side.BUY) == D(27_500) - D("0.45")
    assert fresh.accounts["alpha"].indexes == indexes, "the question leaves the account as it is"
    assert equity(after(Side.BUY, {**kept, "BUSD": D(0)}), Side.BUY) == D(27_500) - D("0.45")
    unpriced = after(Side.BUY, {**kept, "BUSD": D(5)})
    assert equity(unpriced, Side.BUY) is None, "what is held and has no index stays unknown"
    owed = after(Side.BUY, {**kept, "BUSD": D(-5)})
    assert equity(owed, Side.BUY) is None
    assert equity(fresh, Side.SELL) is None, "nothing is sold that is not there"


# -- the worst fill -------------------------------------------------------------------------------------


def test_an_account_of_a_position_without_size_is_unknown_and_the_others_are_not() -> None:
    bad = msgspec.structs.replace(position(WORLD[BTC], "1"), size=D("NaN"))
    good = position(WORLD[ETH], "1")
    worst = worst_fill(context(account("alpha", bad, good), account("beta")), (), ())
    assert worst.accounts["alpha"].margin.collateral is None
    assert ETH in worst.accounts["alpha"].lines
    assert worst.accounts["beta"].margin.collateral is not None
    assert worst.collateral is None


def test_orders_on_a_venue_without_an_account_make_only_the_sums_unknown() -> None:
    stray = resting("BTC-USDT-PERP.gamma", Side.BUY, "1")
    gamma = msgspec.structs.replace(WORLD[BTC], id="BTC-USDT-PERP.gamma", venue="gamma")
    here = resting(BTC, Side.BUY, "0.1")
    ctx = context(instruments={**WORLD, gamma.id: gamma}, working=(stray, here))
    worst = worst_fill(ctx, ctx.working, ())
    assert worst.collateral is None
    assert worst.anything_open
    assert set(worst.accounts) == {"alpha", "beta"}
    assert worst.accounts["alpha"].lines[BTC].buys == D("0.1")
    assert not worst.accounts["alpha"].touched


def test_only_distinct_ways_to_fill_are_scenarios() -> None:
    def ways(*rows: Any) -> int:
        ctx = context(account("alpha", position(WORLD[BTC], "1")), account("beta"))
        return len(worst_fill(ctx, rows, ()).accounts["alpha"].scenarios)

    assert ways() == 1
    assert ways(resting(BTC, Side.BUY, "0.1")) == 2
    assert ways(resting(BTC, Side.SELL, "0.1")) == 2
    assert ways(resting(BTC, Side.BUY, "0.1"), resting(BTC, Side.SELL, "0.2")) == 2
    assert ways(resting(BTC, Side.BUY, "0.1"), resting(ETH, Side.SELL, "0.2")) == 3
