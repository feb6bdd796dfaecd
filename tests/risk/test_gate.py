"""The gate by example: each check by name, reservations, rows of limits, cuts of reducing orders."""

from __future__ import annotations

import re

import msgspec
import pytest

from services.domain.enums import OrderType, Purpose, Side, TradingState
from services.risk.context import AccountFacts, GateAnswer, GateContext, Stage, Usage
from services.risk.gate import check_order, check_pair, limit_board, reducible
from services.risk.rooms import head_rooms, pair_head_rooms
from services.settings.catalog import set_value
from services.settings.errors import SettingsError
from services.settings.parameters import InstrumentLimit, Settings
from tests.risk.builders import (
    D,
    account,
    context,
    failed,
    market,
    order,
    position,
    resting,
    world,
)

WORLD = world()
BTC, BTC_C, BTC_BETA = "BTC-USDT-PERP.alpha", "BTC-USDC-PERP.alpha", "BTC-USDT-PERP.beta"


def _with(ctx: GateContext, **gate: object) -> GateContext:
    changed = msgspec.structs.replace(ctx.settings, gate=msgspec.structs.replace(ctx.settings.gate, **gate))
    return context(*ctx.accounts.values(), settings=changed, working=ctx.working, instruments=ctx.instruments)


def test_a_sound_order_passes_every_check() -> None:
    answer = check_order(context(), order())
    assert answer.allowed
    assert answer.quantity == D("0.1")
    assert answer.head_room is not None
    assert answer.head_room > 0
    names = {check.name for check in answer.checks}
    assert names >= {
        "trading state", "origin", "instrument", "order quantity", "data fresh", "price collar",
        "order notional", "minimum notional", "strategy conflict", "self-trade", "depeg", "open orders",
        "order rate", "repeat throttle", "position notional", "symbol leverage", "portfolio leverage",
        "initial usage", "margin usage", "liquidation distance", "coin exposure", "minimum equity",
        "venue share",
    }  # fmt: skip


def test_a_refusal_names_all_its_reasons() -> None:
    answer = check_order(
        context(trading_state=TradingState.REDUCING, state_text="halt by operator", depeg_levels={}),
        order(price="21000", quantity="1.2345"),
    )
    assert not answer.allowed
    assert failed(answer)[:4] == ["trading state", "order quantity", "price collar", "order notional"]
    assert "depeg" in failed(answer)
    assert "halt by operator" in answer.refusal


def test_the_words_of_a_check_group_the_thousands_and_call_no_price_the_market() -> None:
    big = order(price="21000.1", quantity="1234")
    own = msgspec.structs.replace(resting(BTC, Side.SELL, "0.1"), price=None)
    answer = check_order(context(working=(own,)), big)
    said = "; ".join(check.text for check in answer.checks)
    for figure in ("order quantity 1,234 against", "price 21,000.1", "the mark 20,000", "of 25,000.00 USD"):
        assert figure in said
    assert "would trade with our own order" in answer.refusal
    assert "at market" in answer.refusal
    assert not re.search(r"(?<![\w.,])\d{4}", said)


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"mark_fresh": False}, "data fresh"),
        ({"quote_fresh": False}, "data fresh"),
        ({"quote_usd": None}, "data fresh"),
        ({"close_only": True}, "instrument"),
    ],
)
def test_market_facts_refuse(changes: dict[str, object], check: str) -> None:
    facts = {**{name: market(spec) for name, spec in WORLD.items()}, BTC: market(WORLD[BTC], **changes)}
    assert check in failed(check_order(context(markets=facts), order()))


@pytest.mark.parametrize(
    "facts",
    [
        {"balances_fresh": False},
        {"connected": False},
        {"settled": False},
        {"clock_offset_ms": None},
        {"clock_offset_ms": 1_000},
        {"clock_offset_ms": -1_000},
    ],
)
def test_account_facts_refuse(facts: dict[str, object]) -> None:
    fine = AccountFacts(balances_fresh=True, connected=True, clock_offset_ms=0)
    ctx = context(account_facts={"alpha": msgspec.structs.replace(fine, **facts)})
    assert failed(check_order(ctx, order())) == ["data fresh"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"inverse": True}, "inverse"),
        ({"delisting_ts": 1}, "delisting"),
        ({"taker_fee": None}, "taker fee"),
        ({"tiers": None}, "margin tiers"),
    ],
)
def test_untradable_instruments(changes: dict[str, object], text: str) -> None:
    spec = msgspec.structs.replace(WORLD[BTC], **changes)
    answer = check_order(context(instruments={**WORLD, BTC: spec}), order())
    assert "instrument" in failed(answer)
    assert text in answer.refusal


def test_unknown_instruments_are_refused() -> None:
    answer = check_order(context(), order("BTC-EUR-PERP.alpha"))
    assert failed(answer)[0] == "instrument"


def test_limits_are_reached_at_their_value() -> None:
    """25 000 USD is refused, one lot less passes; the same for the collar."""
    ctx = _with(context(), max_coin_exposure=D(5))
    assert failed(check_order(ctx, order(quantity="1.25"))) == ["order notional"]
    assert check_order(ctx, order(quantity="1.249")).allowed
    assert failed(check_order(ctx, order(price="20400"))) == ["price collar"]
    assert check_order(ctx, order(price="20399.9")).allowed


def test_pegged_instruments_have_a_narrow_collar() -> None:
    ask = order("USDC-PERP.alpha", Side.BUY, "1000", "1.005")
    assert failed(check_order(context(), ask)) == ["price collar"]
    assert check_order(context(), msgspec.structs.replace(ask, price=D("1.0049"))).allowed


def test_the_rows_apply_to_the_position_that_would_result_summed_over_venues() -> None:
    held = account("beta", position(WORLD["BUSD-PERP.beta"], "-40000"))
    ctx = _with(context(account("alpha"), held), max_coin_exposure=D(9), min_joint_distance=D(0))
    assert check_order(ctx, order("BUSD-PERP.alpha", Side.BUY, "9999", "1")).allowed
    answer = check_order(ctx, order("BUSD-PERP.alpha", Side.BUY, "10000", "1"))
    assert failed(answer) == ["position notional"]


def test_a_row_of_one_venue_binds_there_alone() -> None:
    limits = {BTC: InstrumentLimit(max_position=D(1_000), max_leverage=D(5))}
    ctx = _with(context(), limits=limits)
    assert failed(check_order(ctx, order(BTC))) == ["position notional"]
    assert check_order(ctx, order(BTC_BETA)).allowed


def test_an_instrument_without_a_row_takes_the_default_limit() -> None:
    ctx = _with(context(), limits={}, default_limit=InstrumentLimit(max_position=D(2_000), max_leverage=D(5)))
    assert failed(check_order(ctx, order(BTC))) == ["position notional"]


def test_the_venues_leverage_setting_counts() -> None:
    held = account("alpha", position(WORLD[BTC], "0.01"), leverage_settings={BTC: D(10)})
    answer = check_order(context(held, account("beta")), order(BTC))
    assert "symbol leverage" in failed(answer)


def test_working_in_doubt_and_reserved_orders_count_as_filled() -> None:
    ctx = context()
    assert check_order(ctx, order(quantity="0.5")).allowed
    for stage in Stage:
        row = resting(BTC, Side.BUY, "0.9", stage=stage)
        assert "coin exposure" in failed(check_order(context(working=(row,)), order(quantity="0.5")))


def test_an_order_asked_about_again_is_not_counted_twice() -> None:
    queued = resting(BTC, Side.BUY, "1", client_order_id="c1", stage=Stage.QUEUED)
    assert check_order(context(working=(queued,)), order(quantity="1")).allowed
    reserved = resting(BTC, Side.BUY, "1", stage=Stage.RESERVED, pair="P-01")
    assert check_order(context(working=(reserved,)), order(quantity="0.25", pair="P-01", leg=2)).allowed
    assert not check_order(context(working=(reserved,)), order(quantity="0.25", pair="P-02", leg=2)).allowed


def test_hedged_legs_do_not_net_before_they_are_filled() -> None:
    """Worst case per side: the opposite leg may not fill. A 25 % pair passes, one of 60 % does not."""

    def pair(quantity: str) -> GateAnswer:
        legs = (order(BTC, Side.SELL, quantity), order(BTC_C, Side.BUY, quantity, client_order_id="c2"))
        return check_pair(context(), legs)

    assert pair("0.6").allowed
    assert "coin exposure" in failed(pair("1.5"))


def test_a_pair_takes_slots_and_tokens_for_both_legs_and_one_reversal() -> None:
    legs = (order(BTC, Side.SELL, "0.2"), order(BTC_BETA, Side.BUY, "0.2", client_order_id="c2"))
    assert check_pair(context(usage=Usage(last_second=2)), legs).allowed
    assert failed(check_pair(context(usage=Usage(last_second=3)), legs)) == ["order rate"]
    assert failed(check_pair(context(usage=Usage(last_minute=118)), legs)) == ["order rate"]
    rows = tuple(
        resting("ETH-USDT-PERP.alpha", Side.BUY, "0.001", client_order_id=f"r{number}", stage=Stage.WORKING)
        for number in range(38)
    )
    assert "open orders" in failed(check_pair(context(working=rows), legs))
    assert "open orders" not in failed(check_pair(context(working=rows[:37]), legs))


def test_count_limits_refuse_only_what_would_exceed_them() -> None:
    assert check_order(context(usage=Usage(last_second=4, last_minute=119, repeats=4)), order()).allowed
    assert failed(check_order(context(usage=Usage(last_second=5)), order())) == ["order rate"]
    nine = tuple(resting(BTC, Side.BUY, "0.001", "19000", client_order_id=f"r{n}") for n in range(9))
    assert check_order(context(working=nine), order()).allowed
    ten = (*nine, resting(BTC, Side.BUY, "0.001", "19000", client_order_id="r10"))
    assert failed(check_order(context(working=ten), order())) == ["open orders"]
    guarded = (*nine, resting(BTC, Side.SELL, "0.001", "21000", purpose=Purpose.STOP, reduce_only=True))
    assert check_order(context(working=guarded), order()).allowed


def test_the_rate_binds_what_increases_risk_and_a_share_of_the_budget_is_kept_for_getting_out() -> None:
    """A flatten that has sent fifty orders in this second may send the next one; an entry may not."""
    busy = context(account("alpha", position(WORLD[BTC], "1")), account("beta"), usage=Usage(last_second=50))
    assert failed(check_order(busy, order())) == ["order rate"]
    for purpose in (Purpose.STOP, Purpose.UNWIND, Purpose.FLATTEN, Purpose.EXIT):
        assert check_order(busy, order(side=Side.SELL, quantity="1", purpose=purpose)).allowed
    gate = Settings().gate
    assert gate.orders_per_second <= gate.venue_orders_per_second * (1 - gate.reserved_share)
    with pytest.raises(SettingsError, match=r"getting out"):
        set_value(Settings(), "gate.orders_per_second", "8")
    assert set_value(Settings(), "gate.orders_per_second", "7").gate.orders_per_second == 7


def test_the_repeat_throttle_disables_its_origin() -> None:
    answer = check_order(context(usage=Usage(repeats=5)), order())
    assert failed(answer) == ["repeat throttle"]
    assert answer.disable_origin
    disabled = context(disabled={"strategy:funding_arb": "repeat throttle"})
    assert failed(check_order(disabled, order())) == ["origin"]
    assert check_order(disabled, order(origin="operator", purpose=Purpose.TICKET)).allowed


def test_self_trades_are_refused() -> None:
    own = resting(BTC, Side.SELL, "0.1", "20000", origin="operator")
    assert failed(check_order(context(working=(own,)), order())) == ["self-trade"]
    assert check_order(context(working=(own,)), order(price="19999.9")).allowed
    unknown = msgspec.structs.replace(own, price=None)
    assert "self-trade" in failed(check_order(context(working=(unknown,)), order(price="19999.9")))


def test_two_strategies_on_one_symbol_with_opposite_sides_the_second_is_refused() -> None:
    held = account("alpha", position(WORLD[BTC], "-0.1"))
    ctx = context(held, account("beta"), owners={BTC: "strategy:other"})
    assert failed(check_order(ctx, order())) == ["strategy conflict"]
    assert check_order(ctx, order(side=Side.SELL)).allowed
    row = resting(BTC, Side.SELL, "0.1", "20100", origin="strategy:other")
    assert failed(check_order(context(working=(row,)), order())) == ["strategy conflict"]


def test_equity_under_the_minimum_opens_nothing() -> None:
    poor = account("alpha", balances={"USD": D(999)})
    answer = check_order(context(poor, account("beta")), order(quantity="0.001"))
    assert failed(answer) == ["minimum equity"]


def test_venue_share_warns_only() -> None:
    rich = account("beta", balances={"USD": D(500_000)})
    answer = check_order(context(account("alpha"), rich), order())
    assert answer.allowed
    assert [check.subject for check in answer.checks if check.warns] == ["beta"]


def test_an_account_without_a_known_c_makes_the_sum_unknown() -> None:
    blind = account("beta", position(WORLD[BTC_BETA], "1"), balances_known=False)
    answer = check_order(context(account("alpha"), blind), order())
    assert ("portfolio leverage", "all") in [(check.name, check.subject) for check in answer.failed]


def test_no_new_risk_on_a_venue_whose_requests_fail() -> None:
    ctx = context(halts_venue={"alpha": "more than 20 % failed"})
    assert failed(check_order(ctx, order())) == ["instrument"]
    assert check_order(ctx, order(BTC_BETA)).allowed


# -- reducing orders -----------------------------------------------------------------------------------------


def test_a_reducing_order_is_checked_for_four_things_only() -> None:
    held = account("alpha", position(WORLD[BTC], "1"))
    answer = check_order(context(held), order(BTC, Side.SELL, "1", purpose=Purpose.EXIT))
    assert [check.name for check in answer.checks if check.binding] == [
        "instrument",
        "provably reducing",
        "trading state",
        "outer band",
    ]
    assert "portfolio leverage" in [check.name for check in answer.checks if not check.binding]


def test_everything_else_is_computed_beside_a_reducing_order_and_refuses_nothing() -> None:
    held = account("alpha", position(WORLD[BTC], "40"), leverage_settings={BTC: D(10)})
    answer = check_order(context(held, account("beta")), order(BTC, Side.SELL, "1", purpose=Purpose.EXIT))
    assert answer.allowed
    assert "symbol leverage" in [check.name for check in answer.checks if not check.passed]


def test_spot_holdings_are_limited_like_positions() -> None:
    ask = order("USDC/USD.alpha", Side.BUY, "9000", "1")
    ctx = _with(context(), default_limit=InstrumentLimit(max_position=D(24_001), max_leverage=D(5)))
    assert check_order(ctx, ask).allowed
    assert failed(check_order(ctx, msgspec.structs.replace(ask, quantity=D(9_001)))) == ["position notional"]


def test_a_reducing_order_too_large_is_cut() -> None:
    held = account("alpha", position(WORLD[BTC], "1.2345"))
    answer = check_order(context(held), order(BTC, Side.SELL, "5", purpose=Purpose.EXIT))
    assert answer.allowed
    assert answer.quantity == D("1.234")


def test_less_than_a_lot_is_dust() -> None:
    held = account("alpha", position(WORLD[BTC], "0.0004"))
    answer = check_order(context(held), order(BTC, Side.SELL, "1", purpose=Purpose.FLATTEN))
    assert failed(answer) == ["provably reducing"]
    assert "dust" in answer.refusal


def test_our_opposing_working_order_is_canceled_first() -> None:
    held = account("alpha", position(WORLD[BTC], "1"))
    working = (
        resting(BTC, Side.BUY, "0.1", "19000", client_order_id="mine"),
        resting(BTC_C, Side.BUY, "0.1", client_order_id="elsewhere"),
    )
    answer = check_order(context(held, working=working), order(BTC, Side.SELL, "1", purpose=Purpose.STOP))
    assert answer.cancel_first == ("mine",)


def test_a_ticket_that_takes_off_is_a_reducing_order() -> None:
    held = account("alpha", position(WORLD[BTC], "1"))
    ctx = context(held, trading_state=TradingState.HALTED)
    ask = order(BTC, Side.SELL, "1", purpose=Purpose.TICKET, origin="operator")
    assert check_order(ctx, ask).reducing
    assert not check_order(ctx, msgspec.structs.replace(ask, quantity=D("1.001"))).allowed
    entry = msgspec.structs.replace(ask, purpose=Purpose.ENTRY)
    assert not check_order(ctx, entry).allowed


@pytest.mark.parametrize(
    ("purpose", "attempt", "price", "allowed"),
    [
        (Purpose.EXIT, 0, "19601", True),
        (Purpose.EXIT, 0, "19590", False),
        (Purpose.STOP, 0, "19910", True),
        (Purpose.STOP, 0, "19890", False),
        (Purpose.STOP, 1, "19890", False),
        (Purpose.STOP, 2, "19810", True),
        (Purpose.STOP, 2, "19790", False),
        (Purpose.UNWIND, 3, "19610", True),
        (Purpose.FLATTEN, 4, "19010", True),
        (Purpose.FLATTEN, 5, "18010", True),
        (Purpose.FLATTEN, 9, "17900", False),
    ],
)
def test_each_reducing_order_has_its_own_outer_band(
    purpose: Purpose, attempt: int, price: str, allowed: bool
) -> None:
    held = account("alpha", position(WORLD[BTC], "1"))
    answer = check_order(context(held), order(BTC, Side.SELL, "1", price, purpose=purpose, attempt=attempt))
    assert answer.allowed is allowed


def test_market_only_after_the_last_band_and_only_where_allowed() -> None:
    held = account("alpha", position(WORLD[BTC], "1"))
    ask = msgspec.structs.replace(
        order(BTC, Side.SELL, "1", purpose=Purpose.STOP, type=OrderType.MARKET, attempt=6), price=None
    )
    assert failed(check_order(context(held), ask)) == ["outer band"]
    allow = msgspec.structs.replace(
        Settings(), exec=msgspec.structs.replace(Settings().exec, allow_market=True)
    )
    assert check_order(context(held, settings=allow), ask).allowed
    early = msgspec.structs.replace(ask, attempt=5)
    assert not check_order(context(held, settings=allow), early).allowed


def test_without_a_fresh_mark_the_band_uses_the_last_good_mark_and_the_book() -> None:
    held = account("alpha", position(WORLD[BTC], "1"))
    ask = order(BTC, Side.SELL, "1", "21900", purpose=Purpose.STOP)
    assert not check_order(context(held), ask).allowed
    moved = market(WORLD[BTC], mark_fresh=False, quote_fresh=False, bid=D(21_990), ask=D(22_010))
    assert check_order(context(held, markets={BTC: moved}), ask).allowed
    nothing = market(WORLD[BTC], mark=None, bid=None, ask=None)
    assert failed(check_order(context(held, markets={BTC: nothing}), ask)) == ["outer band"]


def test_spot_reduces_what_the_balance_holds() -> None:
    ctx = context()
    assert reducible(ctx, "USDC/USD.alpha", Side.SELL) == D(15_000)
    assert reducible(ctx, "USDC/USD.alpha", Side.BUY) == 0
    doubt = resting("USDC/USD.alpha", Side.SELL, "5000", stage=Stage.IN_DOUBT)
    assert reducible(context(working=(doubt,)), "USDC/USD.alpha", Side.SELL) == D(5_000)


# -- board and head-rooms ------------------------------------------------------------------------------------


def test_the_board_shows_every_limit_with_nothing_asked() -> None:
    held = account("alpha", position(WORLD[BTC], "0.5"))
    board = limit_board(context(held, account("beta"), working=(resting(BTC, Side.BUY, "0.1"),)))
    figures = {(check.name, check.subject): check.value for check in board}
    assert figures[("position notional", "BTC-USDT-PERP")] == D(12_000)
    assert figures[("open orders", "all")] == 1
    assert all(check.passed for check in board)


def test_head_rooms_are_what_the_gate_then_allows() -> None:
    """The tightest head-room passes the gate, a little more does not."""
    ctx = _with(context(), max_order_notional=D(10**6))
    rooms = dict(head_rooms(ctx, BTC, Side.BUY, cap=D(100_000), price_slack=D(0)))
    tightest = min(rooms, key=lambda name: rooms[name])
    assert tightest == "coin exposure USDT alpha"
    quantity = WORLD[BTC].round_size(rooms[tightest] / D(20_000))
    assert check_order(ctx, order(quantity=quantity)).allowed
    assert failed(check_order(ctx, order(quantity=quantity + D("0.01")))) == ["coin exposure"]


def test_pair_head_rooms_count_both_legs_and_the_reversal() -> None:
    ctx = context()
    rooms = dict(pair_head_rooms(ctx, BTC, BTC_BETA, cap=D(40_000), price_slack=D(0)))
    tightest = min(rooms.values())
    quantity = WORLD[BTC].round_size(tightest / D(20_000))

    def ask(size: object) -> GateAnswer:
        legs = (
            order(BTC, Side.SELL, D(str(size))),
            order(BTC_BETA, Side.BUY, D(str(size)), client_order_id="c2"),
        )
        return check_pair(ctx, legs)

    assert ask(quantity).allowed
    assert not ask(quantity + D("0.01")).allowed


def test_head_rooms_are_nothing_when_something_is_unknown() -> None:
    blind = context(markets={})
    assert dict(head_rooms(blind, BTC, Side.BUY))["data fresh"] == 0
    unknown = context(account("alpha", indexes={}), account("beta"))
    assert min(room for _, room in head_rooms(unknown, BTC, Side.BUY)) == 0
