"""Edges of the gate's own rules, each found by a change of code that no test noticed (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from services.domain.enums import InstrumentKind, OrderType, Purpose, Side, TradingState
from services.portfolio.margin import account_margin
from services.risk.admission import position_size
from services.risk.context import Check, GateAnswer, GateContext, Stage, Usage
from services.risk.gate import (
    check_hedge,
    check_order,
    check_pair,
    claims_for,
    limit_board,
    refused_too,
    reserved,
)
from services.risk.reducing import opposing, reducible
from services.risk.worst import worst_fill
from services.settings.parameters import Gate, Settings
from tests.risk.builders import D, account, context, failed, market, order, perp, position, resting, world

WORLD = world()
BTC, BTC_B, ETH = "BTC-USDT-PERP.alpha", "BTC-USDT-PERP.beta", "ETH-USDT-PERP.alpha"
USDC = "USDC-PERP.alpha"


def the(answer: GateAnswer, name: str, subject: str | None = None) -> Check:
    (found,) = [check for check in answer.checks if check.name == name and subject in (None, check.subject)]
    return found


def cheap(price: str = "20000", **changes: Any) -> GateContext:
    """USDT stands at 0.8 dollars on alpha, so that a forgotten index shows."""
    facts = {name: market(spec) for name, spec in WORLD.items()}
    facts[BTC] = market(WORLD[BTC], mark=D(price), quote_usd=D("0.8"), settle_usd=D("0.8"))
    return context(markets=facts, **changes)


# -- price and size of one order ------------------------------------------------------------------------


def test_order_notional_is_in_dollars_at_the_dearer_of_limit_and_mark() -> None:
    dear = the(check_order(cheap(), order(BTC, Side.BUY, "0.1", "20200")), "order notional")
    assert dear.value == D("0.1") * 20_200 * D("0.8")
    low = the(check_order(cheap(), order(BTC, Side.BUY, "0.1", "19800")), "order notional")
    assert low.value == D("0.1") * 20_000 * D("0.8")
    assert low.head_room == Gate().max_order_notional - low.value


def test_the_least_notional_is_in_dollars_at_the_cheaper_and_reached_at_its_value() -> None:
    spec = msgspec.structs.replace(WORLD[BTC], min_notional=D("1584"))
    ctx = replace(cheap(), instruments={**WORLD, BTC: spec})
    at = the(check_order(ctx, order(BTC, Side.BUY, "0.1", "19800")), "minimum notional")
    assert (at.value, at.passed) == (D("0.1") * 19_800 * D("0.8"), True)
    assert at.value == spec.min_notional
    above = the(check_order(ctx, order(BTC, Side.BUY, "0.1", "20200")), "minimum notional")
    assert above.value == D("0.1") * 20_000 * D("0.8")
    assert not the(check_order(ctx, order(BTC, Side.BUY, "0.099", "19800")), "minimum notional").passed


def test_the_least_size_and_the_lot_both_bind() -> None:
    spec = msgspec.structs.replace(WORLD[BTC], min_size=D("0.05"))
    ctx = context(instruments={**WORLD, BTC: spec})
    assert the(check_order(ctx, order(BTC, Side.BUY, "0.05")), "order quantity").passed
    assert not the(check_order(ctx, order(BTC, Side.BUY, "0.049")), "order quantity").passed
    free = msgspec.structs.replace(WORLD[BTC], min_size=D(0), min_notional=D(0))
    assert check_order(context(instruments={**WORLD, BTC: free}), order(BTC, Side.BUY, "0.001")).allowed
    tiny = msgspec.structs.replace(WORLD[BTC], min_size=D("0.0001"))
    answer = check_order(context(instruments={**WORLD, BTC: tiny}), order(BTC, Side.BUY, "0.001"))
    assert the(answer, "order quantity").limit == D("0.001")


def test_a_pair_is_judged_by_its_slice_and_no_slice_is_larger_than_the_order() -> None:
    def legs(quantity: str) -> Any:
        return (order(BTC, Side.SELL, quantity), order(BTC_B, Side.BUY, quantity, client_order_id="c2"))

    large = check_pair(context(), legs("0.5"))
    assert the(large, "order notional", BTC).value == Settings().pair.slice_notional
    small = check_pair(context(), legs("0.1"))
    assert the(small, "order notional", BTC).value == D(2_000)
    # Live's defaults: the order limit is the slice. A slice is rounded down below it; an order of it is not.
    slice_notional = Settings().pair.slice_notional
    for limit, passes in ((slice_notional, True), (slice_notional - 1, False)):
        gate = msgspec.structs.replace(Settings().gate, max_order_notional=limit)
        ctx = context(settings=msgspec.structs.replace(Settings(), gate=gate))
        assert the(check_pair(ctx, legs("0.5")), "order notional", BTC).passed is passes
        assert not the(check_order(ctx, order(BTC, Side.SELL, "0.25")), "order notional").passed


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "20400"), (Side.SELL, "19600")])
def test_the_collar_says_how_much_is_left(side: Side, price: str) -> None:
    check = the(check_order(context(), order(BTC, side, "0.1", price)), "price collar")
    assert (check.value, check.head_room, check.passed) == (D("0.02"), D(0), False)
    inside = the(check_order(context(), order(BTC, side, "0.1", "20100")), "price collar")
    assert (inside.value, inside.head_room) == (D("0.005"), D("0.015"))


def test_a_price_off_the_tick_is_refused() -> None:
    assert failed(check_order(context(), order(BTC, Side.BUY, "0.1", "20000.05"))) == ["price collar"]


# -- two strategies, own orders -------------------------------------------------------------------------


def test_a_strategy_may_take_off_its_own_position_and_join_anothers_side() -> None:
    held = account("alpha", position(WORLD[BTC], "0.2"))
    mine = context(held, account("beta"), owners={BTC: "strategy:funding_arb"})
    assert the(check_order(mine, order(BTC, Side.SELL, "0.1")), "strategy conflict").passed
    theirs = context(held, account("beta"), owners={BTC: "strategy:other"})
    assert the(check_order(theirs, order(BTC, Side.BUY, "0.1")), "strategy conflict").passed
    assert not the(check_order(theirs, order(BTC, Side.SELL, "0.1")), "strategy conflict").passed
    flat = context(owners={BTC: "strategy:other"})
    assert the(check_order(flat, order(BTC, Side.SELL, "0.1")), "strategy conflict").passed
    unknown = context(account("beta"), owners={BTC: "strategy:other"})
    assert not the(check_order(unknown, order(BTC, Side.SELL, "0.1")), "strategy conflict").passed


@pytest.mark.parametrize(
    ("claimed", "side", "quantity", "says"),
    [
        ("0.2", Side.SELL, "0.1", "strategy conflict"),
        ("0.2", Side.BUY, "0.1", ""),
        ("-0.2", Side.BUY, "0.1", "strategy conflict"),
        ("0.15", Side.SELL, "0.05", ""),
        ("0.15", Side.SELL, "0.1", "strategy conflict"),
        ("0", Side.SELL, "0.2", ""),
    ],
)
def test_a_ticket_takes_nothing_that_a_pair_holds_whoever_opened_it(
    claimed: str, side: Side, quantity: str, says: str
) -> None:
    """0.2 long at the venue, of which pairs hold or want `claimed`: also a person's own pair."""
    held = account("alpha", position(WORLD[BTC], "0.2"))
    ctx = context(held, account("beta"), owners={BTC: "operator"}, claimed={BTC: D(claimed)})
    asked = order(BTC, side, quantity, purpose=Purpose.TICKET, origin="operator")
    assert ("strategy conflict" in failed(check_order(ctx, asked))) is bool(says)
    reduces = replace(asked, reduce_only=True)
    if side is Side.SELL:
        answer = check_order(ctx, reduces)
        assert answer.quantity == max(D(0), min(D(quantity), D("0.2") - D(claimed)))


@pytest.mark.parametrize(
    ("row", "conflict"),
    [
        (resting(BTC, Side.SELL, "0.1", "21000", origin="strategy:other"), True),
        (resting(BTC, Side.BUY, "0.1", "19000", origin="strategy:other"), False),
        (resting(ETH, Side.SELL, "0.1", "1600", origin="strategy:other"), False),
        (resting(BTC, Side.SELL, "0.1", "21000", origin="operator"), False),
    ],
)
def test_only_an_opposite_order_of_another_strategy_on_the_same_instrument_is_a_conflict(
    row: Any, conflict: bool
) -> None:
    beside = resting(ETH, Side.BUY, "0.1", "1400", origin="strategy:other")
    answer = check_order(context(working=(beside, row)), order(BTC, Side.BUY, "0.1"))
    assert the(answer, "strategy conflict").passed is not conflict


@pytest.mark.parametrize(
    ("side", "resting_price", "crosses"),
    [
        (Side.BUY, "20000", True),
        (Side.BUY, "20000.1", False),
        (Side.SELL, "20000", True),
        (Side.SELL, "19999.9", False),
        (Side.BUY, None, True),
    ],
)
def test_self_trade_is_at_the_price_itself(side: Side, resting_price: str | None, crosses: bool) -> None:
    row = resting(BTC, side.opposite, "0.1", "20000", origin="operator")
    row = msgspec.structs.replace(row, price=None if resting_price is None else D(resting_price))
    beside = resting(ETH, side.opposite, "0.1", "1500", origin="operator")
    reservation = resting(BTC, side.opposite, "0.1", stage=Stage.RESERVED, pair="P-09", origin="operator")
    answer = check_order(context(working=(beside, reservation, row)), order(BTC, side, "0.1", "20000"))
    assert the(answer, "self-trade").passed is not crosses
    alone = check_order(context(working=(beside, reservation)), order(BTC, side, "0.1", "20000"))
    assert the(alone, "self-trade").passed


# -- counts ---------------------------------------------------------------------------------------------


def test_a_pair_on_one_symbol_counts_two_orders_and_a_reversal() -> None:
    legs = (order(BTC, Side.SELL), order(BTC_B, Side.BUY, client_order_id="c2"))
    there = tuple(resting(BTC, Side.SELL, "0.001", "21000", client_order_id=f"w{n}") for n in range(4))
    answer = check_pair(context(working=there, usage=Usage(last_second=1, last_minute=7, repeats=2)), legs)
    symbol = the(answer, "open orders", "BTC-USDT-PERP")
    assert (symbol.value, symbol.limit, symbol.head_room) == (7, 10, 3)
    assert the(answer, "open orders", "all").value == 7
    assert the(answer, "order rate", "per second").value == 4
    assert the(answer, "order rate", "per minute").value == 10
    assert the(answer, "repeat throttle").value == 3
    single = check_order(context(working=there), order(BTC, Side.SELL))
    assert the(single, "open orders", "BTC-USDT-PERP").value == 5


def test_orders_on_an_instrument_we_do_not_know_count_under_their_symbol() -> None:
    strange = resting(BTC, Side.SELL, "1", client_order_id="x")
    strange = msgspec.structs.replace(strange, instrument="BTC-USDT-PERP.gamma")
    answer = check_order(context(working=(strange,)), order(BTC, Side.BUY))
    assert the(answer, "open orders", "BTC-USDT-PERP").value == 2


@pytest.mark.parametrize("counter", ["last_second", "last_minute", "repeats"])
def test_a_counter_below_nothing_is_no_count(counter: str) -> None:
    answer = check_order(context(usage=Usage(**{counter: -1})), order(BTC, Side.BUY, "0.1"))
    assert not answer.allowed


def test_a_counter_at_its_limit_passes_nothing_more_on_the_board() -> None:
    usage = Usage(last_second=5, last_minute=119)
    board = {(check.name, check.subject): check for check in limit_board(context(usage=usage))}
    second, minute = board[("order rate", "per second")], board[("order rate", "per minute")]
    assert (second.value, second.head_room, second.passed) == (5, 0, False)
    assert (minute.value, minute.head_room, minute.passed) == (119, 1, True)


# -- hedges and pairs -----------------------------------------------------------------------------------


def hedge(**changes: Any) -> Any:
    facts = {"purpose": Purpose.HEDGE, "pair": "P-01", "leg": 2, **changes}
    return order(BTC_B, Side.BUY, facts.pop("quantity", "0.2"), facts.pop("price", None), **facts)


def test_what_is_reserved_is_the_pairs_own_on_its_instrument_and_side() -> None:
    own = resting(BTC_B, Side.BUY, "0.2", stage=Stage.RESERVED, pair="P-01")
    rows = (
        own,
        resting(BTC_B, Side.BUY, "1", stage=Stage.QUEUED, pair="P-01", client_order_id="q"),
        resting(BTC_B, Side.BUY, "1", stage=Stage.RESERVED, pair="P-02"),
        resting(BTC, Side.BUY, "1", stage=Stage.RESERVED, pair="P-01"),
        resting(BTC_B, Side.SELL, "1", stage=Stage.RESERVED, pair="P-01"),
    )
    assert reserved(context(working=rows), hedge()) == D("0.2")
    assert reserved(context(working=rows), hedge(pair=None)) == 0
    negative = msgspec.structs.replace(own, leaves=D(-1))
    assert reserved(context(working=(negative,)), hedge()) == 0


@pytest.mark.parametrize("changes", [{"quantity": "0.1005"}, {"price": "20000.05"}])
def test_a_hedge_off_its_grid_is_refused(changes: dict[str, Any]) -> None:
    ctx = context(working=(resting(BTC_B, Side.BUY, "0.2", stage=Stage.RESERVED, pair="P-01"),))
    assert check_hedge(ctx, hedge(price="20000")).allowed
    assert failed(check_hedge(ctx, hedge(**{"price": "20000", **changes}))) == ["instrument"]


def test_a_hedge_beyond_its_reservation_keeps_its_own_band_too() -> None:
    """The band of a hedge is narrower than an entry's collar: exceeding the reservation does not widen it."""
    ctx = context(working=(resting(BTC_B, Side.BUY, "0.1", stage=Stage.RESERVED, pair="P-01"),))
    assert check_hedge(ctx, hedge(price="20050")).allowed
    assert failed(check_hedge(ctx, hedge(price="20150"))) == ["outer band"]


def test_only_the_orders_own_reservation_is_left_out_of_the_question() -> None:
    """Asked about leg 2, leg 1's reservation counts, and so does another pair's on the same leg."""
    limit = msgspec.structs.replace(Gate().default_limit, max_position=D(13_000))
    settings = Settings(gate=msgspec.structs.replace(Gate(), default_limit=limit, limits={}))
    own = resting(BTC_B, Side.BUY, "0.3", stage=Stage.RESERVED, pair="P-01")
    other = resting(BTC_B, Side.BUY, "0.3", stage=Stage.RESERVED, pair="P-02")
    sell = resting(BTC_B, Side.SELL, "0.9", stage=Stage.RESERVED, pair="P-01")
    queued = resting(BTC_B, Side.BUY, "0.3", "20000", stage=Stage.QUEUED, pair="P-01", client_order_id="q1")

    def notional(*rows: Any) -> Decimal | None:
        ask = hedge(quantity="0.3", purpose=Purpose.ENTRY)
        answer = check_order(context(settings=settings, working=rows), ask)
        return the(answer, "position notional", "BTC-USDT-PERP").value

    assert notional(own) == D(6_000)
    assert notional(own, other) == D(12_000)
    assert notional(own, queued) == D(12_000)
    assert notional(own, sell) == D(18_000)


def test_a_hedge_without_a_price_is_refused() -> None:
    ctx = context(working=(resting(BTC_B, Side.BUY, "0.2", stage=Stage.RESERVED, pair="P-01"),))
    ask = msgspec.structs.replace(hedge(), price=None)
    assert failed(check_hedge(ctx, ask)) == ["outer band"]


def test_the_repeat_throttle_disables_its_origin_whatever_else_refuses() -> None:
    answer = check_order(context(usage=Usage(repeats=9, last_second=9)), order(BTC))
    assert answer.disable_origin
    assert len(answer.failed) == 2


def test_one_account_alone_has_no_share_to_warn_of() -> None:
    alone = check_order(context(account("alpha")), order(BTC))
    assert "venue share" not in {check.name for check in alone.checks}


def test_an_order_on_a_venue_without_an_account_is_refused_by_name() -> None:
    answer = check_order(context(account("alpha")), order(BTC_B, Side.BUY, "0.1"))
    assert "account" in failed(answer)


def test_the_answer_names_its_tightest_room() -> None:
    answer = check_order(context(), order(BTC, Side.BUY, "0.1"))
    rooms = [(check.room, check.name) for check in answer.checks if check.room is not None]
    assert (answer.head_room, answer.binding) == min(rooms)
    assert len({room for room, _ in rooms}) > 3
    denied = check_order(context(usage=Usage(last_second=9)), order(BTC, Side.BUY, "0.1"))
    assert (denied.binding, denied.disable_origin) == ("order rate", "")


def test_the_lower_of_the_gates_usage_and_the_ladders_first_rung_binds() -> None:
    for gate_limit, rung, expected in (("0.4", "0.5", "0.4"), ("0.5", "0.3", "0.3")):
        gate = msgspec.structs.replace(Gate(), max_margin_usage=D(gate_limit))
        ladder = msgspec.structs.replace(Settings().ladder, no_new_risk=D(rung))
        answer = check_order(context(settings=Settings(gate=gate, ladder=ladder)), order(BTC))
        assert the(answer, "margin usage").limit == D(expected)


def test_rooms_in_dollars_count_the_steepest_bracket_of_anything_held() -> None:
    low, high = WORLD[ETH].tiers or ()
    steep = (
        msgspec.structs.replace(low, initial=D("0.2"), maintenance=D("0.1")),
        msgspec.structs.replace(high, initial=D("0.25"), maintenance=D("0.2")),
    )
    spec = msgspec.structs.replace(WORLD[ETH], tiers=steep)
    held = account("alpha", position(spec, "1"))
    ctx = context(held, account("beta"), instruments={**WORLD, ETH: spec})
    worst = worst_fill(ctx, (), claims_for(ctx, (order(BTC),), 1)).accounts["alpha"].margin
    answer = check_order(ctx, order(BTC))
    assert worst.collateral is not None
    assert worst.collateral_initial is not None
    for name, collateral, ratio in (
        ("initial usage", worst.collateral_initial, D("0.25")),
        ("margin usage", worst.collateral, D("0.2")),
        ("portfolio leverage", worst.collateral, D(1)),
    ):
        check = the(answer, name, "alpha")
        assert check.value is not None
        assert check.limit is not None
        assert check.room == (check.limit - check.value) * (collateral / ratio)


def test_what_a_reducing_order_leaves_is_journaled_and_refuses_nothing() -> None:
    """Taking 0.4 of 1: 0.6 is left at the worst only when all else is filled; its own fee is paid once."""
    ctx = context(account("alpha", position(WORLD[BTC], "1")), account("beta"))
    answer = check_order(ctx, order(BTC, Side.SELL, "0.4", "19900", purpose=Purpose.EXIT))
    beside = [check for check in answer.checks if not check.binding]
    assert answer.allowed
    (equity,) = [check for check in beside if (check.name, check.subject) == ("minimum equity", "alpha")]
    before = account_margin(ctx.accounts["alpha"]).equity
    assert before is not None
    assert equity.value == before - D("0.4") * (100 + D(19_900) * D("0.0005"))
    (notional,) = [check for check in beside if check.name == "position notional"]
    assert notional.value == D(20_000), "it may stay unfilled"
    large = check_order(ctx, order(BTC, Side.SELL, "3", "19900", purpose=Purpose.EXIT))
    (notional,) = [check for check in large.checks if check.name == "position notional"]
    assert (large.quantity, notional.value) == (1, D(20_000)), "it takes off, whatever it says"


# -- reducing orders ------------------------------------------------------------------------------------


def test_what_may_still_be_taken_off_counts_this_instrument_and_side_alone() -> None:
    held = account("alpha", position(WORLD[BTC], "1"))
    rows = (
        resting(ETH, Side.SELL, "0.1"),
        resting(BTC, Side.BUY, "0.1", "19000", client_order_id="b"),
        resting(BTC, Side.SELL, "0.9", client_order_id="own"),
        resting(BTC, Side.SELL, "0.4", stage=Stage.RESERVED, pair="P-01"),
        resting(BTC, Side.SELL, "0.3", "21000", client_order_id="s", stage=Stage.IN_DOUBT),
    )
    ctx = context(held, account("beta"), working=rows)
    assert reducible(ctx, BTC, Side.SELL, "own") == D("0.7")
    assert reducible(ctx, BTC, Side.BUY) == 0
    assert reducible(ctx, "DOGE.alpha", Side.SELL) == 0
    assert reducible(context(), BTC, Side.SELL) == 0
    spec = msgspec.structs.replace(WORLD[BTC], reduce_only_supported=False)
    bare = context(
        account("alpha", position(spec, "1")), account("beta"), working=rows, instruments={**WORLD, BTC: spec}
    )
    assert reducible(bare, BTC, Side.SELL, "own") == D("0.4")
    working = tuple(msgspec.structs.replace(row, stage=Stage.WORKING) for row in rows[-1:])
    assert reducible(replace(bare, working=working), BTC, Side.SELL) == D("0.7")


def test_own_opposing_orders_are_those_of_the_other_side_on_the_same_instrument() -> None:
    rows = (
        resting(BTC, Side.BUY, "0.1", "19000", client_order_id="against"),
        resting(BTC, Side.SELL, "0.1", "21000", client_order_id="beside"),
        resting(ETH, Side.BUY, "0.1", "1400", client_order_id="elsewhere"),
        resting(BTC, Side.BUY, "0.1", stage=Stage.RESERVED, pair="P-01", client_order_id="reserved"),
    )
    assert opposing(context(working=rows), order(BTC, Side.SELL, "0.1")) == ("against",)


def test_an_order_that_says_reduce_only_is_judged_as_one_whatever_its_purpose() -> None:
    held = context(account("alpha", position(WORLD[BTC], "1")), account("beta"))
    answer = check_order(held, order(BTC, Side.SELL, "2", reduce_only=True))
    assert (answer.reducing, answer.quantity) == (True, D(1))
    assert not check_order(context(), order(BTC, Side.SELL, "2", reduce_only=True)).allowed


def test_a_refused_reducing_order_has_no_quantity() -> None:
    ctx = context(
        account("alpha", position(WORLD[BTC], "1")), account("beta"), trading_state=TradingState.HALTED
    )
    answer = check_order(ctx, order(BTC, Side.SELL, "1", purpose=Purpose.EXIT))
    assert (answer.allowed, answer.quantity, answer.cancel_first) == (False, 0, ())


@pytest.mark.parametrize(
    ("price", "size", "fails"),
    [
        ("10000", "1", {"outer band"}),
        ("20000.05", "1", {"instrument", "provably reducing"}),
        ("20000", "-1", {"provably reducing"}),
    ],
)
def test_each_check_of_a_reducing_order_takes_its_quantity(price: str, size: str, fails: set[str]) -> None:
    ctx = context(account("alpha", position(WORLD[BTC], size)), account("beta"))
    answer = check_order(ctx, order(BTC, Side.SELL, "1", price, purpose=Purpose.EXIT, reduce_only=True))
    assert {check.name for check in answer.checks if check.binding and not check.passed} == fails
    assert (answer.allowed, answer.quantity) == (False, 0)


@pytest.mark.parametrize(("price", "passes"), [("19600", False), ("19600.1", True), ("20400", False)])
def test_the_band_of_an_exit_is_reached_at_its_value(price: str, passes: bool) -> None:
    facts = {BTC: market(WORLD[BTC], bid=None, ask=None)}
    ctx = context(account("alpha", position(WORLD[BTC], "1")), account("beta"), markets=facts)
    check = the(check_order(ctx, order(BTC, Side.SELL, "1", price, purpose=Purpose.EXIT)), "outer band")
    assert check.passed is passes
    assert check.value is not None
    assert check.head_room == D("0.02") - check.value


@pytest.mark.parametrize(
    ("purpose", "attempt", "allowed", "passes"),
    [
        (Purpose.FLATTEN, 6, True, True),
        (Purpose.FLATTEN, 5, True, False),
        (Purpose.FLATTEN, 6, False, False),
        (Purpose.EXIT, 6, True, False),
    ],
)
def test_market_orders_are_protective_last_and_allowed(
    purpose: Purpose, attempt: int, allowed: bool, passes: bool
) -> None:
    settings = Settings(exec=msgspec.structs.replace(Settings().exec, allow_market=allowed))
    ctx = context(account("alpha", position(WORLD[BTC], "1")), account("beta"), settings=settings)
    ask = order(BTC, Side.SELL, "1", purpose=purpose, attempt=attempt, type=OrderType.MARKET)
    assert check_order(ctx, ask).allowed is passes


def test_an_unknown_instrument_reduces_nothing() -> None:
    answer = check_order(context(), order("DOGE-PERP.alpha", Side.SELL, "1", "1", purpose=Purpose.FLATTEN))
    assert "instrument" in failed(answer)
    assert "provably reducing" in failed(answer)
    assert not answer.reduce_only


def test_dust_and_nothing_are_told_apart() -> None:
    dust = context(account("alpha", position(WORLD[BTC], "0.0004")), account("beta"))
    ask = order(BTC, Side.SELL, "0.001", purpose=Purpose.FLATTEN)
    assert the(check_order(dust, ask), "provably reducing").text.startswith("dust: 0.0004")
    assert the(check_order(context(), ask), "provably reducing").text.startswith("does not reduce")


def test_a_coin_that_is_not_held_is_a_position_of_nothing() -> None:
    spot = perp("BTC/USD", "alpha", "BTC", "USD", kind=InstrumentKind.SPOT, tiers=None)
    ctx = context(instruments={**WORLD, spot.id: spot})
    assert position_size(ctx, spot.id) == 0
    assert position_size(ctx, "USDC/USD.alpha") == D(15_000)
    assert position_size(ctx, "none.alpha") is None


def test_a_reason_from_outside_refuses_what_would_have_passed_and_keeps_the_first_word_else() -> None:
    outside = Check(name="blackout", unit="state", passed=False, text="no entry now")
    passed = refused_too(check_order(context(), order(BTC)), outside)
    assert (passed.allowed, passed.quantity, passed.binding) == (False, 0, "blackout")
    assert failed(passed) == ["blackout"]
    denied = refused_too(check_order(context(usage=Usage(last_second=9)), order(BTC)), outside)
    assert (denied.binding, failed(denied)) == ("order rate", ["order rate", "blackout"])


@pytest.mark.parametrize("field", ["min_size", "min_notional"])
@pytest.mark.parametrize("bad", [D("NaN"), D("Infinity"), D(-1)])
def test_a_venues_minimum_that_is_none_makes_it_untradable(field: str, bad: Decimal) -> None:
    spec = msgspec.structs.replace(WORLD[BTC], **{field: bad})
    answer = check_order(context(instruments={**WORLD, BTC: spec}), order(BTC, Side.BUY, "0.1"))
    assert "instrument" in failed(answer)


# -- conditional and foreign orders ---------------------------------------------------------------------


def conditional(trigger: str, price: str, **changes: Any) -> Any:
    facts = {"purpose": Purpose.STOP, "origin": "desk", "reduce_only": True, "trigger": D(trigger), **changes}
    return order(BTC, Side.SELL, "1", price, **facts)


def test_a_conditional_order_is_judged_from_its_trigger_and_only_where_the_flag_exists() -> None:
    held = account("alpha", position(WORLD[BTC], "1"))
    ctx = context(held, account("beta"))
    assert check_order(ctx, conditional("15000", "14000")).allowed
    assert failed(check_order(ctx, conditional("15000", "13500"))) == ["outer band"]
    assert "instrument" in failed(check_order(ctx, conditional("15000.05", "14000")))
    assert "instrument" in failed(check_order(ctx, conditional("-1", "14000")))
    spec = msgspec.structs.replace(WORLD[BTC], reduce_only_supported=False)
    bare = context(account("alpha", position(spec, "1")), account("beta"), instruments={**WORLD, BTC: spec})
    assert "instrument" in failed(check_order(bare, conditional("15000", "14000")))
    assert check_order(bare, order(BTC, Side.SELL, "1", purpose=Purpose.STOP)).allowed


@pytest.mark.parametrize(("size", "passes"), [("1", True), ("-0.5", False), ("0", False), ("NaN", False)])
def test_a_conditional_order_needs_a_position_against_it_however_much_else_reduces(
    size: str, passes: bool
) -> None:
    held = account("alpha", msgspec.structs.replace(position(WORLD[BTC], "1"), size=D(size)))
    on_its_way = resting(BTC, Side.SELL, "1", "20400", reduce_only=True)
    ctx = context(held, account("beta"), working=(on_its_way,))
    answer = check_order(ctx, conditional("15000", "14000"))
    assert answer.allowed is passes
    assert answer.quantity == (1 if passes else 0)
    half = account("alpha", position(WORLD[BTC], "0.4"))
    assert check_order(context(half, account("beta")), conditional("15000", "14000")).quantity == D("0.4")


def test_a_foreign_order_takes_our_reduction_only_where_no_flag_protects() -> None:
    foreign = resting(BTC, Side.SELL, "0.7", origin="foreign")
    held = context(account("alpha", position(WORLD[BTC], "1")), account("beta"), working=(foreign,))
    assert reducible(held, BTC, Side.SELL) == 1
    spec = msgspec.structs.replace(WORLD[BTC], reduce_only_supported=False)
    bare = context(
        account("alpha", position(spec, "1")),
        account("beta"),
        working=(foreign,),
        instruments={**WORLD, BTC: spec},
    )
    assert reducible(bare, BTC, Side.SELL) == D("0.3")


def _spoiled_leg_2(how: str) -> GateContext:
    """Leg 1 on alpha is well in each; of leg 2 on beta something is not."""
    rows = (resting(BTC_B, Side.BUY, "0.2", stage=Stage.RESERVED, pair="P-01"),)
    fine = context(working=rows)
    facts = {
        "stale quote": {"quote_fresh": False}, "stale mark": {"mark_fresh": False},
        "no index": {"quote_usd": None}, "close only": {"close_only": True},
    }  # fmt: skip
    link = {
        "stale balances": {"balances_fresh": False}, "away": {"connected": False},
        "just back": {"settled": False}, "clock": {"clock_offset_ms": 1_000},
    }  # fmt: skip
    if how in facts:
        return replace(fine, markets={**fine.markets, BTC_B: market(WORLD[BTC_B], **facts[how])})
    if how in link:
        told = msgspec.structs.replace(fine.account_facts["beta"], **link[how])
        return replace(fine, account_facts={**fine.account_facts, "beta": told})
    if how == "errors":
        return replace(fine, halts_venue={"beta": "more than 20 % of its requests failed"})
    if how == "no fee":
        spec = msgspec.structs.replace(WORLD[BTC_B], taker_fee=None)
        return replace(fine, instruments={**fine.instruments, BTC_B: spec})
    if how == "missing market":
        return replace(fine, markets={k: v for k, v in fine.markets.items() if k != BTC_B})
    return fine


SPOILED = (
    "stale quote", "stale mark", "no index", "close only", "stale balances", "away", "just back", "clock",
    "errors", "no fee", "missing market",
)  # fmt: skip


@pytest.mark.parametrize("how", SPOILED)
def test_no_slice_goes_out_whose_hedge_would_be_new_risk_where_none_is_taken(how: str) -> None:
    """The hedge itself is refused by nothing of this: a slice that went out would stand naked, or be hedged
    on a venue that answers every fifth order with an error."""
    ask = order(BTC, Side.SELL, "0.1", pair="P-01", leg=1)
    assert check_order(_spoiled_leg_2(""), ask).allowed
    answer = check_order(_spoiled_leg_2(how), ask)
    assert {check.subject for check in answer.failed if check.name in ("instrument", "data fresh")} == {BTC_B}
    assert not answer.allowed
    assert check_hedge(_spoiled_leg_2(how), hedge(price="20000")).allowed or how == "missing market"
    alone = msgspec.structs.replace(ask, pair="P-02")
    said = check_order(_spoiled_leg_2(how), alone)
    assert not {c.name for c in said.failed} & {"instrument", "data fresh", "depeg"}, "another pair's leg 2"


def test_a_slice_waits_for_the_peg_of_the_other_legs_coin() -> None:
    rows = (resting("BTC-USDC-PERP.beta", Side.BUY, "0.2", stage=Stage.RESERVED, pair="P-01"),)
    dollars = account("alpha", balances={"USD": D(50_000)})
    ask = order(BTC, Side.SELL, "0.1", pair="P-01", leg=1)
    pegs = {"USDT": "ok", "USDC": "ok", "BUSD": "ok"}
    fine = context(dollars, account("beta", balances={"USD": D(50_000)}), working=rows, depeg_levels=pegs)
    assert check_order(fine, ask).allowed
    off = replace(fine, depeg_levels={**pegs, "USDC": "block"})
    assert failed(check_order(off, ask)) == ["depeg"]


def test_of_two_refusals_of_a_reducing_order_the_first_is_named() -> None:
    ctx = context(account("alpha", position(WORLD[BTC], "1")), account("beta"))
    answer = check_order(ctx, order(BTC, Side.SELL, "1", "10000.05", purpose=Purpose.EXIT, reduce_only=True))
    failed = [check.name for check in answer.checks if check.binding and not check.passed]
    assert len(failed) > 1
    assert answer.binding == failed[0]
