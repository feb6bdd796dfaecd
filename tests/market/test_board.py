"""The funding board: properties of SEMANTICS 5 by name, and every named refusal."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from msgspec.structs import replace

from services.domain.enums import RateKind
from services.domain.events import QuoteRow, RateRow
from services.market.board import HeldPair, board, evaluate
from services.market.funding import (
    hourly_rate,
    projected,
    realised_spreads,
    settlements_inside,
    slower,
)
from services.market.legs import half_spread
from tests.decimals import decimals
from tests.strategies.legs import HOUR, MIDNIGHT, PARAMS, SECOND, WINDOW, leg, oriented, perp_of, rules

rates = decimals("-60", "60", 2)
intervals = st.sampled_from(["1", "2", "4", "8"])
hours = st.integers(1, 8)


def text(value: Decimal) -> str:
    return f"{value:f}"


@given(rate=rates, interval=intervals)
@limits(max_examples=50)
def test_equal_rates_no_trade(rate: Decimal, interval: str) -> None:
    first = leg("alpha", text(rate), interval=interval)
    second = leg("beta", text(rate), interval=interval)
    row = evaluate(*oriented(first, second), rules(), WINDOW)
    assert row.spread == 0
    assert row.break_even_h is None
    assert "spread < min" in row.refusals


@given(one=rates, other=rates, one_smooth=rates, other_smooth=rates)
@limits(max_examples=100)
def test_swapping_two_instruments_rates_swaps_the_legs(
    one: Decimal, other: Decimal, one_smooth: Decimal, other_smooth: Decimal
) -> None:
    def judged(alpha: tuple[Decimal, Decimal], beta: tuple[Decimal, Decimal]) -> Any:
        first = leg("alpha", text(alpha[0]), smoothed=text(alpha[1]))
        second = leg("beta", text(beta[0]), smoothed=text(beta[1]))
        assert oriented(first, second) == oriented(second, first)
        return board((first, second), rules(), WINDOW)[0]

    straight = judged((one, one_smooth), (other, other_smooth))
    swapped = judged((other, other_smooth), (one, one_smooth))
    assert straight.spread == swapped.spread
    assert straight.net_edge == swapped.net_edge
    if straight.spread and straight.spread > 0:
        assert (straight.short, straight.long) == (swapped.long, swapped.short)


@given(
    high=rates,
    low=rates,
    fee=decimals("0", "0.002", 5),
    more=decimals("0", "0.002", 5),
)
@limits(max_examples=100)
def test_adding_fees_never_turns_a_refusal_into_an_entry(
    high: Decimal, low: Decimal, fee: Decimal, more: Decimal
) -> None:
    def refused(taker: Decimal) -> tuple[str, ...]:
        legs = [leg("alpha", text(high)), leg("beta", text(low))]
        legs = [replace(each, instrument=replace(each.instrument, taker_fee=taker)) for each in legs]
        return evaluate(*oriented(legs[0], legs[1]), rules(), WINDOW).refusals

    if refused(fee):
        assert refused(fee + more)


@given(
    one=rates,
    other=rates,
    smooth=rates,
    one_interval=intervals,
    other_interval=intervals,
    one_next=hours,
    other_next=hours,
)
@limits(max_examples=100)
def test_projected_funding_of_any_planned_pair_is_not_negative_before_costs(
    one: Decimal,
    other: Decimal,
    smooth: Decimal,
    one_interval: str,
    other_interval: str,
    one_next: int,
    other_next: int,
) -> None:
    """Bug E3: the higher rate is sold and the lower bought, whatever the schedules."""
    legs = (
        leg("alpha", text(one * 5), smoothed=text(smooth), interval=one_interval,
            next_ts=WINDOW + one_next * HOUR),
        leg("beta", text(other * 5), interval=other_interval, next_ts=WINDOW + other_next * HOUR),
    )  # fmt: skip
    row = board(legs, rules(), WINDOW)[0]
    if not set(row.refusals) - {"outside entry window"}:
        assert row.gross is not None
        assert row.gross >= 0


@given(high=rates, low=rates, third=rates, factor=st.sampled_from([Decimal("0.125"), Decimal("0.5")]))
@limits(max_examples=50)
def test_scaling_rate_and_interval_by_the_same_factor_changes_neither_hourly_rate_nor_ranking(
    high: Decimal, low: Decimal, third: Decimal, factor: Decimal
) -> None:
    """Bug E4: a rate means nothing without its interval."""
    whole = tuple(leg(name, text(rate)) for name, rate in (("a", high), ("b", low), ("c", third)))
    scaled = tuple(
        leg(name, text(rate), interval=text(8 * factor))
        for name, rate in (("a", high), ("b", low), ("c", third))
    )
    for before, after in zip(whole, scaled, strict=True):
        assert before.rate is not None
        assert after.rate is not None
        assert after.rate.rate == before.rate.rate * factor
        assert hourly_rate(before.rate) == hourly_rate(after.rate)
    ranking = [(row.short, row.long, row.net_edge) for row in board(whole, rules(), WINDOW)]
    assert ranking == [(row.short, row.long, row.net_edge) for row in board(scaled, rules(), WINDOW)]


def test_a_generous_pair_in_its_window_may_be_entered() -> None:
    row = board((leg("alpha", "1"), leg("beta", "21")), rules(), WINDOW)[0]
    assert (row.short, row.long) == ("BTC-USDT-PERP.beta", "BTC-USDT-PERP.alpha")
    assert row.refusals == ()
    assert row.costs == Decimal(22)  # four fees of 5 and four half-spreads of 0.5
    assert row.spread == Decimal(20)
    assert row.gross == Decimal(180)  # nine settlements in 72 h
    assert row.net_edge == Decimal(180) / 2 - 22 - 5
    assert row.break_even_h == Decimal("17.6")
    assert row.settles_ts == MIDNIGHT + 8 * HOUR
    assert row.rank == 1


def test_a_leg_receives_the_smaller_and_pays_the_larger_of_smoothed_and_current() -> None:
    """Bug E6: one moving estimate alone enters nothing."""
    short, long = leg("alpha", "30", smoothed="20"), leg("beta", "2", smoothed="5")
    row = evaluate(short, long, rules(), WINDOW)
    assert row.spread == 15
    assert row.current_spread == 28


def test_legs_on_different_schedules_are_projected_schedule_by_schedule() -> None:
    """Bug E7: raw rates of unlike intervals are never set against each other."""
    short = leg("beta", "48", interval="1", next_ts=WINDOW + HOUR)
    long = leg("alpha", "8")
    row = evaluate(short, long, rules(params=replace(PARAMS, hold_h=Decimal(10))), WINDOW)
    # (07:00, 17:00]: ten hourly settlements of 6 bps against two of 8 bps at 08:00 and 16:00
    assert row.gross == 10 * 6 - 2 * 8


def test_the_window_hangs_on_the_leg_with_the_larger_expected_receipt() -> None:
    hourly, slow = leg("beta", "16", interval="1", next_ts=MIDNIGHT + 4 * HOUR), leg("alpha", "1")
    assert (
        evaluate(hourly, slow, rules(), MIDNIGHT + 3 * HOUR + 61 * SECOND).settles_ts == MIDNIGHT + 4 * HOUR
    )
    paying = leg("alpha", "-40")  # the long receives 40 bps at 08:00, more than 2 bps an hour
    row = evaluate(hourly, paying, rules(), MIDNIGHT + 3 * HOUR + 61 * SECOND)
    assert row.settles_ts == MIDNIGHT + 8 * HOUR
    assert row.refusals == ("outside entry window",)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"stale": "quote"}, "stale"),
        ({"half_spread": None}, "no book"),
        ({"rate": None, "hourly": None}, "no rate"),
        ({"smoothed": None}, "no rate"),
        ({"hourly": None}, "unknown interval"),
        ({"sample": 89}, "sample < 90"),
    ],
)
def test_a_missing_fact_refuses_by_name(changed: dict[str, Any], reason: str) -> None:
    short, long = leg("alpha", "40"), leg("beta", "1")
    for legs in ((replace(short, **changed), long), (short, replace(long, **changed))):
        row = evaluate(*legs, rules(), WINDOW)
        assert row.refusals[0] == reason
        assert "spread < min" not in row.refusals


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"taker_fee": None}, "unknown fee"),
        ({"tiers": None}, "unknown margin tiers"),
        ({"delisting_ts": WINDOW + 900 * HOUR}, "delisting"),
        ({"inverse": True}, "inverse contract"),
    ],
)
def test_an_unfit_instrument_refuses_by_name(facts: dict[str, Any], reason: str) -> None:
    long = leg("beta", "1")
    row = evaluate(
        leg("alpha", "40"), replace(long, instrument=replace(long.instrument, **facts)), rules(), WINDOW
    )
    assert row.refusals == (reason,)


@pytest.mark.parametrize("next_ts", [None, WINDOW, WINDOW - 90 * SECOND])
def test_an_unknown_or_overdue_settlement_is_never_guessed(next_ts: int | None) -> None:
    row = evaluate(leg("alpha", "40", next_ts=next_ts), leg("beta", "1"), rules(), WINDOW)
    assert row.refusals[0] == ("unknown next settlement" if next_ts is None else "settlement overdue")


@pytest.mark.parametrize(
    ("spread", "reasons"),
    [
        ("0.99", ("spread < min", "edge < 0.5× cost", "break-even > 48 h")),
        ("7", ("edge < 0.5× cost", "break-even > 48 h")),
        ("8.4", ("edge < 0.5× cost",)),  # 4.5 x 8.4 - 27 = 10.8 < 11
        ("8.5", ()),
    ],
)
def test_the_three_economic_rules(spread: str, reasons: tuple[str, ...]) -> None:
    """Bug E5: what four fills cost has to come back, and in time."""
    assert evaluate(leg("alpha", spread), leg("beta", "0"), rules(), WINDOW).refusals == reasons


@pytest.mark.parametrize(
    ("seconds", "reasons"),
    [
        (3601, ("outside entry window",)),
        (3600, ()),
        (121, ()),
        (120, ("blackout",)),
        (119, ("blackout", "outside entry window")),
    ],
)
def test_the_entry_window_and_the_blackout_before_a_settlement(
    seconds: int, reasons: tuple[str, ...]
) -> None:
    now = MIDNIGHT + 8 * HOUR - seconds * SECOND
    assert evaluate(leg("alpha", "40"), leg("beta", "1"), rules(), now).refusals == reasons


@pytest.mark.parametrize(("seconds", "reasons"), [(60, ("blackout",)), (61, ())])
def test_no_entry_within_a_minute_after_the_other_legs_settlement(
    seconds: int, reasons: tuple[str, ...]
) -> None:
    short, long = leg("alpha", "40"), leg("beta", "1", interval="1", next_ts=MIDNIGHT + 8 * HOUR)
    assert evaluate(short, long, rules(), WINDOW + seconds * SECOND).refusals == reasons


@pytest.mark.parametrize(
    ("level", "reasons"),
    [
        ({"USDT": "warn", "USDC": "ok"}, ()),
        ({"USDT": "ok", "USDC": "block"}, ("depeg: USDC",)),
        ({"USDT": "reduce", "USDC": "unknown"}, ("depeg: USDT", "depeg: USDC")),
        ({}, ("depeg: USDT", "depeg: USDC")),
    ],
)
def test_a_depeg_of_a_coin_of_the_pair_blocks_it(level: dict[str, str], reasons: tuple[str, ...]) -> None:
    row = evaluate(leg("alpha", "40"), leg("alpha", "1", quote="USDC"), rules(depeg=level), WINDOW)
    assert row.refusals == reasons
    assert row.buffer == 10


HELD = HeldPair("P-01", "BTC", "BTC-USDT-PERP.alpha", "BTC-USDC-PERP.beta")


@pytest.mark.parametrize(
    ("changed", "reasons"),
    [
        ({"blocked": "REDUCING"}, ("REDUCING",)),
        ({"cooldowns": {"BTC": WINDOW + 1}}, ("cooldown",)),
        ({"cooldowns": {"BTC": WINDOW, "ETH": WINDOW + 1}}, ()),
        ({"held": (HELD,)}, ("pair open",)),
        ({"held": (replace(HELD, group="ETH"),)}, ()),
        ({"held": (HeldPair("P", "BTC", "x.beta", "BTC-USDT-PERP.alpha"),)},
         ("pair open", "leg held on the other side")),
        ({"held": tuple(HeldPair("P", "ETH", f"s{n}.x", f"l{n}.y") for n in range(4))}, ("max pairs",)),
    ],
)  # fmt: skip
def test_our_own_book_refuses_by_name(changed: dict[str, Any], reasons: tuple[str, ...]) -> None:
    assert evaluate(leg("alpha", "40"), leg("beta", "1"), rules(**changed), WINDOW).refusals == reasons


def test_groups_are_by_underlying_and_two_stablecoins_are_a_bet_on_the_peg() -> None:
    """Bugs A4, E8: legs share their underlying; two stablecoins are a bet on the peg, and are called one."""
    legs = (
        leg("alpha", "40"),
        leg("alpha", "1", quote="USDC"),
        leg("alpha", "1", base="ETH"),
        leg("alpha", "40", base="USDT", quote="USD"),
        leg("beta", "1", base="USDC", quote="USD"),
        leg("beta", "1", base="USDT", quote="USD"),
    )
    found = {(row.group, row.kind, row.key) for row in board(legs, rules(), WINDOW)}
    assert found == {
        ("BTC", "hedge", "BTC-USDC-PERP.alpha|BTC-USDT-PERP.alpha"),
        ("peg", "peg", "USDC-PERP.beta|USDT-PERP.alpha"),
        ("peg", "peg", "USDC-PERP.beta|USDT-PERP.beta"),
        ("USDT", "hedge", "USDT-PERP.alpha|USDT-PERP.beta"),
    }


def test_ranked_by_net_edge_and_what_cannot_be_ranked_comes_last() -> None:
    legs = (leg("a", "1"), leg("b", "30"), leg("c", "60"), leg("d", "90", stale="mark"))
    rows = board(legs, rules(), WINDOW)
    assert [row.rank for row in rows] == [1, 2, 3, None, None, None]
    assert [row.net_edge for row in rows[:3]] == sorted((row.net_edge for row in rows[:3]), reverse=True)
    assert board(tuple(reversed(legs)), rules(), WINDOW) == rows


@given(next_in=st.integers(-20, 20), interval=st.integers(1, 8), horizon=st.integers(1, 100))
@limits(max_examples=100)
def test_settlements_are_those_inside_now_and_horizon(next_in: int, interval: int, horizon: int) -> None:
    now = MIDNIGHT
    counted = settlements_inside(now + next_in * HOUR, interval * HOUR, now, horizon * HOUR)
    assert counted == sum(1 for k in range(200) if 0 < next_in + k * interval <= horizon)


def test_an_unknown_schedule_has_no_projection() -> None:
    row = RateRow("x", Decimal("0.0001"), None, RateKind.SETTLED, MIDNIGHT, MIDNIGHT + HOUR)
    assert hourly_rate(row) is None
    assert projected(Decimal(1), row, MIDNIGHT, HOUR) is None
    assert (
        projected(Decimal(1), RateRow("x", Decimal(1), Decimal(8), RateKind.SETTLED, 0, None), 0, HOUR)
        is None
    )


@pytest.mark.parametrize(
    ("bid", "ask", "size", "expected"),
    [
        (29_998.5, 30_001.5, 1.0, Decimal("0.5")),
        (30_000.0, 30_000.0, 1.0, Decimal(0)),
        (30_001.0, 30_000.0, 1.0, None),
        (0.0, 30_000.0, 1.0, None),
        (float("nan"), 30_000.0, 1.0, None),
        (30_000.0, float("inf"), 1.0, None),
        (29_998.5, 30_001.5, 0.0, None),
        (29_998.5, 30_001.5, float("nan"), None),
    ],
)
def test_half_a_spread_needs_a_two_sided_book(
    bid: float, ask: float, size: float, expected: Decimal | None
) -> None:
    quote = QuoteRow("BTC-USDT-PERP.alpha", bid, size, ask, 1.0, 1.0, 1.0)
    assert half_spread(perp_of("alpha"), quote) == expected
    assert half_spread(perp_of("alpha"), None) is None


def plainly_realised(slow: list[RateRow], fast: list[RateRow]) -> list[float]:
    """The definition read aloud, settlement by settlement; `slow` is the short leg."""
    found = []
    for row in slow:
        mine = hourly_rate(row)
        before = [each for each in fast if each.rate_ts <= row.rate_ts]
        if mine is None or row.interval_h is None or not before:
            continue
        inside = [each for each in before if each.rate_ts > row.rate_ts - row.interval_h * HOUR]
        rates = [rate for each in inside or before[-1:] if (rate := hourly_rate(each)) is not None]
        if rates:
            found.append(float((mine - sum(rates, Decimal(0)) / len(rates)) * 80_000))
    return found


def test_realised_spreads_are_those_of_their_definition_whatever_the_legs_settle() -> None:
    draw = random.Random(11)
    compared = 0
    for _ in range(60):
        legs = []
        for name, spans in (("s", (8,)), ("f", draw.choice(((1,), (8,), (4, 1), (1, None))))):
            rows, ts = [], MIDNIGHT
            while ts < MIDNIGHT + 20 * 8 * HOUR:
                span = draw.choice(spans)
                ts += (span or 1) * HOUR * draw.choice((1, 1, 1, 2))
                rate = Decimal(draw.randint(-9_999, 9_999)).scaleb(-draw.choice((6, 7)))
                interval = None if span is None else Decimal(span)
                rows.append(RateRow(name, rate, interval, RateKind.SETTLED, ts, None))
            legs.append(rows)
        slow, fast = legs
        if slower(slow[-1], fast[-1]) == 0:
            found = realised_spreads(slow, fast, 500)
            assert found == pytest.approx(plainly_realised(slow, fast), abs=1e-12)
            compared += len(found)
    assert compared > 500


def test_realised_spreads_set_an_hourly_leg_against_the_mean_of_its_hours() -> None:
    slow = [
        RateRow("s", Decimal("0.0008"), Decimal(8), RateKind.SETTLED, MIDNIGHT + n * 8 * HOUR, None)
        for n in range(1, 4)
    ]
    fast = [
        RateRow("f", Decimal(n) / 100_000, Decimal(1), RateKind.SETTLED, MIDNIGHT + n * HOUR, None)
        for n in range(1, 25)
    ]
    # 8 bps/8h against the mean of hours 1..8, 9..16, 17..24 at n/10 bps an hour
    assert realised_spreads(slow, fast, 16) == pytest.approx((4.4, -2.0, -8.4))
    assert realised_spreads(fast, slow, 2) == pytest.approx((2.0, 8.4))
    assert realised_spreads(slow, [], 16) == ()
