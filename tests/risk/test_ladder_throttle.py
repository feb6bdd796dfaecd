"""Margin ladder, order counters, venue error rate, and rows D of the bug table that no other file names."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import Purpose, Side, TradingState
from services.risk.context import AccountFacts
from services.risk.gate import check_order
from services.risk.ladder import LadderAnswer, LadderState, MarginLadder
from services.risk.throttle import OrderThrottle, ThrottleState, VenueErrors, VenueErrorState
from services.settings.parameters import Gate, Ladder
from tests.risk.builders import NOW, SECOND, D, account, context, failed, order, position, resting, world

WORLD = world()
BTC = "BTC-USDT-PERP.alpha"
ORDER = {"calm": 0, "no new risk": 1, "reducing": 2, "cut": 3}


def climb(ladder: MarginLadder, usage: str | None, distance: str | None = None, **more: bool) -> LadderAnswer:
    asked = {"insolvent": False, "holds": True, **more}
    return ladder.evaluate(
        "alpha",
        usage=None if usage is None else D(usage),
        distance=None if distance is None else D(distance),
        **asked,
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 150), st.integers(0, 150))
def test_more_usage_never_asks_for_less(first: int, second: int) -> None:
    low, high = sorted((first, second))
    milder = climb(MarginLadder(Ladder(), Gate()), str(D(low) / 100))
    graver = climb(MarginLadder(Ladder(), Gate()), str(D(high) / 100))
    assert ORDER[milder.step] <= ORDER[graver.step]
    assert milder.cut_fraction <= graver.cut_fraction


@settings(max_examples=60, deadline=None)
@given(st.integers(80, 300))
def test_the_cut_brings_usage_under_its_target(percent: int) -> None:
    answer = climb(MarginLadder(Ladder(), Gate()), str(D(percent) / 100))
    assert answer.state is TradingState.REDUCING
    assert D(percent) / 100 * (1 - answer.cut_fraction) < Ladder().cut_to


def test_unknown_usage_is_never_calm_and_keeps_a_cut_pending() -> None:
    ladder = MarginLadder(Ladder(), Gate())
    assert climb(ladder, None).step == "no new risk"
    assert climb(ladder, "0.9").step == "cut"
    pending = climb(ladder, None)
    assert (pending.step, pending.cut_fraction) == ("cut", 0)
    assert climb(ladder, "NaN").step == "cut"
    assert climb(ladder, "0.59").step == "no new risk"
    assert climb(ladder, None, holds=False).step == "calm"


def test_a_near_liquidation_is_told() -> None:
    ladder = MarginLadder(Ladder(), Gate())
    assert not climb(ladder, "0.1", "0.15").near_liquidation
    assert climb(ladder, "0.1", "0.1499").near_liquidation
    assert not climb(ladder, "0.1").near_liquidation
    assert climb(ladder, None).near_liquidation
    packed = msgspec.msgpack.encode(ladder.state)
    assert msgspec.msgpack.decode(packed, type=LadderState) == ladder.state


def test_counts_are_of_the_last_second_minute_and_window() -> None:
    throttle = OrderThrottle(Gate())
    throttle.sent(NOW, 3)
    throttle.sent(NOW + 500_000_000)
    for number in range(3):
        throttle.entry("strategy:x", BTC, "buy", NOW + number * 20 * SECOND)
    usage = throttle.usage("strategy:x", BTC, "buy", NOW + SECOND)
    assert (usage.last_second, usage.last_minute, usage.repeats) == (1, 4, 3)
    later = throttle.usage("strategy:x", BTC, "buy", NOW + 61 * SECOND)
    assert (later.last_second, later.last_minute, later.repeats) == (0, 0, 2)
    assert throttle.usage("strategy:x", BTC, "sell", NOW).repeats == 0
    throttle.forget("strategy:x")
    assert throttle.usage("strategy:x", BTC, "buy", NOW).repeats == 0
    packed = msgspec.msgpack.encode(throttle.state)
    assert msgspec.msgpack.decode(packed, type=ThrottleState) == throttle.state


def test_venue_errors_block_over_a_fifth_and_clear_under_a_twentieth_for_two_minutes() -> None:
    errors = VenueErrors()
    now = NOW
    for number in range(19):
        assert errors.request("alpha", number % 2 == 0, now) is None
    found = errors.request("alpha", False, now)
    assert found is not None
    assert found.blocked
    assert list(errors.blocked()) == ["alpha"]
    assert errors.tick("alpha", now + 300 * SECOND) is None
    cleared = []
    for second in range(301, 500):
        change = errors.request("alpha", True, now + second * SECOND)
        if change is not None:
            cleared.append((second, change.blocked))
    assert cleared == [(421, False)]
    packed = msgspec.msgpack.encode(errors.state)
    assert msgspec.msgpack.decode(packed, type=VenueErrorState) == errors.state


def test_exactly_a_fifth_does_not_block() -> None:
    errors = VenueErrors()
    for number in range(40):
        assert errors.request("alpha", number % 5 != 4, NOW) is None


# -- bug rows D ----------------------------------------------------------------------------------------------


def test_bug_d1_leverage_without_collateral_is_infinite_and_refuses_all_but_reducing() -> None:
    for balances in ({"USD": D(0)}, {"USD": D(-100)}, {"USD": D("NaN")}):
        gone = account("alpha", position(WORLD[BTC], "1"), balances=balances)
        ctx = context(gone, account("beta"))
        assert "portfolio leverage" in failed(check_order(ctx, order(quantity="0.001")))
        assert check_order(ctx, order(BTC, Side.SELL, "1", purpose=Purpose.EXIT)).allowed


def test_bug_d2_exposure_is_counted_at_the_mark() -> None:
    """Entered at half of today's price: the limit sees what it is worth now."""
    mark = position(WORLD[BTC], "1").mark
    assert mark is not None
    held = account("alpha", position(WORLD[BTC], "1", mark / 2))
    answer = check_order(context(held, account("beta")), order(quantity="0.001"))
    check = next(c for c in answer.checks if c.name == "position notional")
    assert check.value is not None
    assert abs(check.value - mark * D("1.001")) < mark * D("0.001")


def test_bug_d3_leverage_counts_unrealised_losses() -> None:
    lost = account("alpha", position(WORLD[BTC], "0.1", D(480_000)))
    answer = check_order(context(lost, account("beta")), order(quantity="0.001"))
    check = next(c for c in answer.checks if (c.name, c.subject) == ("portfolio leverage", "alpha"))
    assert check.value is not None
    assert check.value > D("0.6")


def test_bug_d4_two_strategies_cannot_pass_together() -> None:
    first = resting(BTC, Side.BUY, "0.9", origin="strategy:other")
    assert check_order(context(), order(quantity="0.9")).allowed
    assert not check_order(context(working=(first,)), order(quantity="0.9")).allowed


def test_bug_d5_flat_positions_have_no_leverage_of_their_own() -> None:
    flat = account("alpha", position(WORLD[BTC], "0"))
    assert check_order(context(flat, account("beta")), order()).allowed


def test_bug_d6_an_unlisted_symbol_is_limited() -> None:
    assert Gate().limits.get("DOGE-USDT-PERP") is None
    assert Gate().default_limit.max_position == D(50_000)


def test_bug_d7_closing_is_never_blocked_by_a_limit_that_is_exceeded() -> None:
    huge = account("alpha", position(WORLD[BTC], "40"))
    ctx = context(huge, account("beta"))
    assert not check_order(ctx, order(quantity="0.001")).allowed
    assert check_order(ctx, order(BTC, Side.SELL, "40", purpose=Purpose.EXIT)).allowed


def test_bug_d8_limits_are_in_usd_per_symbol_account_coin_and_over_all() -> None:
    """Never in contracts or base units alone, which mean something else on every instrument."""
    found = {(check.name, check.subject): check.unit for check in check_order(context(), order()).checks}
    assert found["position notional", "BTC-USDT-PERP"] == "usd"
    assert {subject for name, subject in found if name == "portfolio leverage"} >= {"alpha", "all"}
    assert any(name == "coin exposure" for name, _ in found)
    assert "position notional" in failed(check_order(context(), order(quantity="5")))


def test_bug_d9_all_reasons_are_collected() -> None:
    answer = check_order(context(trading_state=None, depeg_levels={}, account_facts={}), order(price="25000"))
    assert {"trading state", "depeg", "data fresh", "price collar"} <= set(failed(answer))


def test_bug_d10_missing_or_stale_inputs_refuse() -> None:
    assert not check_order(context(markets={}), order()).allowed
    assert not check_order(context(account_facts={"alpha": AccountFacts()}), order()).allowed


def test_bug_d12_a_leverage_setting_over_the_limit_refuses() -> None:
    held = account("alpha", position(WORLD[BTC], "0.01"), leverage_settings={BTC: D(5)})
    assert "symbol leverage" in failed(check_order(context(held, account("beta")), order()))
