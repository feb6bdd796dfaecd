"""Properties and examples of SEMANTICS 4."""

from __future__ import annotations

import decimal
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.money import DESK_CONTEXT
from services.domain.records import EpisodeRecord
from services.risk.kelly import NO_RECORD, TrackRecord, kelly_fraction, risk_share, track_record
from services.risk.sizing import (
    SizeAnswer,
    SizeLeg,
    funding_strength,
    pair_stop_distance,
    size_pair,
    size_position,
)
from services.settings.parameters import Settings, Sizing
from tests.risk.builders import PRICES, D, world

WORLD = world()
BTC = WORLD["BTC-USDT-PERP.alpha"]
BTC_BETA = WORLD["BTC-USDT-PERP.beta"]
BTC_C = WORLD["BTC-USDC-PERP.alpha"]
SETTINGS = Settings()
FAR = D(10**9)


def leg(spec: object = BTC, **changes: object) -> SizeLeg:
    base = SizeLeg(instrument=BTC, price=D(20_000), quote_usd=D(1), available=FAR)
    return msgspec.structs.replace(base, instrument=spec, **changes)


def record(trades: int = 60, wins: int = 40, win: str = "0.6", loss: str = "0.5") -> TrackRecord:
    losses = trades - wins
    return TrackRecord(
        trades=trades,
        wins=wins,
        losses=losses,
        average_win=D(win) if wins else None,
        average_loss=D(loss) if losses else None,
    )


def position(**changes: object) -> SizeAnswer:
    asked: dict[str, object] = {
        "capital": D(50_000),
        "strength": D(1),
        "record": record(),
        "stop": D("0.02"),
        "leg": leg(),
        "slippage_bps": D(2),
        "head_rooms": (("gate", FAR),),
    }
    return size_position(SETTINGS, **{**asked, **changes})  # type: ignore[arg-type]


def pair(**changes: object) -> SizeAnswer:
    asked: dict[str, object] = {
        "capital": D(50_000),
        "strength": D(1),
        "record": record(),
        "stop": D("0.01"),
        "short": leg(),
        "long": leg(BTC_BETA),
        "slippage_bps": D(2),
        "head_rooms": (("gate", FAR),),
    }
    return size_pair(SETTINGS, **{**asked, **changes})  # type: ignore[arg-type]


cents = st.integers(1, 5_000_000).map(lambda n: D(n) / 100)
shares = st.integers(1, 5_000).map(lambda n: D(n) / 10_000)
records = st.builds(
    record,
    trades=st.just(60),
    wins=st.integers(0, 60),
    win=st.sampled_from(["0.01", "0.3", "2", "40"]),
    loss=st.sampled_from(["0.01", "0.3", "1", "3"]),
)


@settings(max_examples=100, deadline=None)
@given(cents, shares, shares, records, cents, cents)
def test_never_above_any_cap(
    capital: Decimal, strength: Decimal, stop: Decimal, past: TrackRecord, room: Decimal, depth: Decimal
) -> None:
    for answer, fraction in (
        (
            position(
                capital=capital, strength=strength, stop=stop, record=past, leg=leg(available=depth),
                head_rooms=(("gate", room),),
            ),
            SETTINGS.size.max_position_fraction,
        ),
        (
            pair(
                capital=capital, strength=strength, stop=stop, record=past, short=leg(available=depth),
                head_rooms=(("gate", room),),
            ),
            SETTINGS.size.max_pair_fraction,
        ),
    ):  # fmt: skip
        assert answer.notional <= capital * fraction
        assert answer.notional < room
        assert answer.notional <= depth
        assert answer.capital_at_risk <= capital * SETTINGS.size.risk_cap
        assert all(answer.notional <= bound for _, bound in answer.bounds)
        assert answer.quantity % BTC.size_increment == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.sampled_from(["0.1", "0.5", "1"]))
def test_zero_or_refused_for_no_edge(losses: int, win: str) -> None:
    level = D(win) * (60 - losses) / losses
    past = TrackRecord(
        trades=60, wins=60 - losses, losses=losses, average_win=D(win), average_loss=level + D("0.0001")
    )
    answer = position(record=past)
    assert answer.quantity == 0
    assert answer.stopped == "stopped: no edge"


@settings(max_examples=100, deadline=None)
@given(st.booleans(), shares, shares, records, cents)
def test_the_loss_at_the_stop_with_costs_is_never_above_the_budget_long_and_short(
    long: bool, stop: Decimal, strength: Decimal, past: TrackRecord, capital: Decimal
) -> None:
    answer = position(stop=stop, strength=strength, record=past, capital=capital)
    if answer.quantity == 0:
        return
    assert answer.share is not None
    entry = D(20_000)
    out = entry * (1 - stop) if long else entry * (1 + stop)
    fee = BTC.taker_fee or D(0)
    allowance = D("0.0002") * 2
    lost = answer.quantity * (abs(entry - out) + entry * fee + out * fee + entry * allowance)
    assert lost <= capital * answer.share.risk
    assert lost <= answer.capital_at_risk


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 59), st.integers(1, 59), shares, shares)
def test_monotone_in_p_and_d(wins: int, other: int, stop: Decimal, further: Decimal) -> None:
    """More wins of the same size never size less; a wider stop never sizes more."""
    low, high = sorted((wins, other))
    assert position(record=record(wins=low)).notional <= position(record=record(wins=high)).notional
    near, far = sorted((stop, further))
    assert position(stop=far).notional <= position(stop=near).notional


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 500), st.sampled_from(["0.5", "5", "500"]))
def test_winning_streaks_never_raise_the_caps(wins: int, win: str) -> None:
    streak = TrackRecord(
        trades=wins, wins=wins, losses=0, average_win=D(win) if wins else None, average_loss=None
    )
    assert risk_share(streak, D(1), Sizing()).risk == SETTINGS.size.fallback_risk_cap
    lucky = TrackRecord(trades=wins + 1, wins=wins, losses=1, average_win=D(win), average_loss=D("0.01"))
    assert risk_share(lucky, D(1), Sizing()).risk <= SETTINGS.size.risk_cap
    assert position(record=lucky).notional <= D(50_000) * SETTINGS.size.max_position_fraction


@pytest.mark.parametrize(
    "changes",
    [
        {"capital": None},
        {"capital": D(0)},
        {"capital": D(-5)},
        {"capital": D("NaN")},
        {"strength": None},
        {"strength": D("NaN")},
        {"strength": D(0)},
        {"strength": D(-1)},
        {"stop": None},
        {"stop": D(0)},
        {"stop": D("-0.02")},
        {"stop": D("NaN")},
        {"slippage_bps": None},
        {"slippage_bps": D("NaN")},
        {"slippage_bps": D(-1)},
        {"leg": leg(price=None)},
        {"leg": leg(price=D("NaN"))},
        {"leg": leg(quote_usd=None)},
        {"leg": leg(available=None)},
        {"leg": leg(available=D("NaN"))},
        {"leg": leg(msgspec.structs.replace(BTC, taker_fee=None))},
        {"head_rooms": (("gate", D("NaN")),)},
        {"head_rooms": (("gate", D(-1)),)},
        {"head_rooms": (("gate", D(0)),)},
    ],
)
def test_anything_unknown_refuses(changes: dict[str, object]) -> None:
    answer = position(**changes)
    assert answer.quantity == 0
    assert answer.refused


def test_every_bound_is_listed_and_the_binding_one_named() -> None:
    """Bug E20: the size is bound by risk, equity, head-rooms and both books; a spread enlarges nothing."""
    answer = pair(head_rooms=(("portfolio leverage all", D(7_000)), ("coin exposure", D(9_000))))
    names = [name for name, _ in answer.bounds]
    assert names == [
        "risk (risk cap)",
        "max pair fraction",
        "portfolio leverage all",
        "coin exposure",
        "book of BTC-USDT-PERP.alpha",
        "book of BTC-USDT-PERP.beta",
    ]
    assert answer.binding == "portfolio leverage all"
    assert answer.notional == D(6_980)


def test_the_fallback_of_a_pair_by_hand() -> None:
    """0.005 of 50 000 at risk over 1 % + 4 fees of 5 bps (two of them on the far price) + 4 x 2 bps."""
    answer = pair(record=NO_RECORD, strength=D("0.5"))
    cost = D("0.01") + D("0.001") + D("0.001") * D("1.01") + D("0.0008")
    bound = dict(answer.bounds)["risk (fallback)"]
    assert bound == D(50_000) * D("0.0025") / cost
    assert answer.quantity == D("0.487")
    assert answer.second_quantity == answer.quantity


def test_a_pair_stands_on_the_coarser_lot() -> None:
    """Bug E10: equal base quantity on one joint grid."""
    coarse = msgspec.structs.replace(BTC_BETA, size_increment=D("0.01"))
    answer = pair(long=leg(coarse), record=NO_RECORD, strength=D("0.5"))
    assert answer.quantity == D("0.48")


def test_a_peg_pair_is_equal_in_usd_notional() -> None:
    usdt, usdc = WORLD["USDT-PERP.alpha"], WORLD["USDC-PERP.alpha"]
    answer = pair(
        short=leg(usdt, price=D("1")), long=leg(usdc, price=D("0.8")), stop=D("0.05"), record=NO_RECORD
    )
    assert abs(answer.quantity * 1 - answer.second_quantity * D("0.8")) < 1
    assert answer.second_quantity > answer.quantity


def test_legs_in_different_coins_lose_at_least_a_depeg() -> None:
    assert pair_stop_distance(SETTINGS, D(100), BTC, BTC_BETA) == D("0.01")
    assert pair_stop_distance(SETTINGS, D(100), BTC, BTC_C) == D("0.05")
    assert pair_stop_distance(SETTINGS, D(900), BTC, BTC_C) == D("0.09")
    assert pair_stop_distance(SETTINGS, D(100), WORLD["USDT-PERP.alpha"], WORLD["USDC-PERP.alpha"]) == D(
        "0.05"
    )
    assert pair_stop_distance(SETTINGS, None, BTC, BTC_BETA) == 0


def test_signal_strength_is_clipped() -> None:
    assert funding_strength(D(10), D(20)) == D("0.25")
    assert funding_strength(D(100), D(20)) == 1
    assert funding_strength(D("0.1"), D(20)) == D("0.1")
    for edge, costs in (
        (None, D(1)),
        (D("NaN"), D(1)),
        (D(1), D(0)),
        (D(1), None),
        (D(-1), D(1)),
        (D(0), D(1)),
    ):
        assert funding_strength(edge, costs) is None


def test_below_the_venues_minimum_nothing_is_rounded_up() -> None:
    answer = pair(head_rooms=(("gate", D(19)),))
    assert answer.quantity == 0
    assert "minimum" in answer.refused


def test_five_losses_with_no_win_stop_the_strategy() -> None:
    four = TrackRecord(trades=4, wins=0, losses=4, average_win=None, average_loss=D(1))
    assert not position(record=four).stopped
    five = msgspec.structs.replace(four, trades=5, losses=5)
    assert position(record=five).stopped == "stopped: 5 losses with no win"


def _episode(number: int, pnl: str, risked: str = "100", group: str = "BTC") -> EpisodeRecord:
    return EpisodeRecord(
        id=str(number), strategy="funding_arb", hedge_group=group, kind="pair", instruments=(),
        opened_ts=number, closed_ts=number + 1, notional=D(1000), capital_at_risk=D(risked),
        price_pnl=D(0), funding=D(pnl), fees=D(0), net_pnl=D(pnl), reason="x",
    )  # fmt: skip


def test_the_track_record_pools_by_strategy_and_group() -> None:
    past = [
        _episode(1, "50"),
        _episode(2, "-25"),
        _episode(3, "0"),
        _episode(4, "10", group="ETH"),
        _episode(5, "70", risked="0"),
        _episode(6, "NaN"),
    ]
    found = track_record(past, "funding_arb", "BTC")
    assert (found.trades, found.wins, found.losses, found.unknown) == (5, 1, 1, 1)
    assert found.average_win == D("0.5")
    assert found.average_loss == D("0.25")
    fresh = track_record(past, "funding_arb", "BTC", since=2)
    assert (fresh.trades, fresh.wins) == (4, 0)
    assert track_record(past, "other", "BTC") == NO_RECORD


@pytest.mark.parametrize(("pnl", "risked"), [("NaN", "100"), ("Infinity", "100"), ("5", "NaN"), ("5", "-1")])
def test_a_trade_of_unknown_result_could_hide_any_loss(pnl: str, risked: str) -> None:
    won = [_episode(number, "50") for number in range(40)] + [_episode(41, "-20")]
    assert position(record=track_record(won, "funding_arb", "BTC")).quantity > 0
    record = track_record([*won, _episode(42, pnl, risked)], "funding_arb", "BTC")
    answer = position(record=record)
    assert (answer.quantity, answer.stopped) == (0, "stopped: 1 trades of unknown result")


def test_prices_of_the_builders_are_on_their_grids() -> None:
    assert all(PRICES[spec.underlying] % spec.price_increment == 0 for spec in WORLD.values())


# -- bug rows ------------------------------------------------------------------------------------------------


def test_bug_c1_a_negative_kelly_is_no_trade() -> None:
    assert kelly_fraction(D("0.3"), D(1), D(1)) < 0
    assert position(record=record(wins=18, win="1", loss="1")).quantity == 0


def test_bug_c2_loss_is_a_positive_magnitude() -> None:
    assert abs(kelly_fraction(D("0.67"), D("12.5"), D(10)) - D("0.406")) < D("0.0001")
    with pytest.raises(ValueError, match="positive magnitudes"):
        kelly_fraction(D("0.67"), D("12.5"), D(-10))


def test_bug_c3_kelly_is_capital_at_risk_not_notional() -> None:
    answer = position(record=record(wins=31, win="1", loss="1"), leg=leg())
    assert answer.share is not None
    assert dict(answer.bounds)["risk (kelly)"] > D(50_000) * answer.share.risk


def test_bug_c4_c5_no_wins_or_no_losses_fall_back() -> None:
    assert risk_share(record(wins=60), D(1), Sizing()).rule == "fallback"
    assert position(record=record(wins=0)).stopped


def test_bug_c6_a_stop_distance_of_zero_or_none_is_refused() -> None:
    assert position(stop=D(0)).refused == position(stop=None).refused == "no stop distance"


def test_bug_c7_quantity_is_base_units_and_notional_is_usd() -> None:
    answer = position()
    assert answer.notional == answer.quantity * D(20_000)


def test_bug_c8_signal_strength_is_validated() -> None:
    assert position(strength=D(7)).notional == position(strength=D(1)).notional
    assert position(strength=D("NaN")).quantity == 0


def test_bug_c9_rounded_down_to_the_lot_and_bound_by_the_gate() -> None:
    assert position(head_rooms=(("gate", D(1_010)),)).quantity == D("0.050")


def test_bug_c10_capital_comes_with_the_question_and_unknown_refuses() -> None:
    assert position(capital=None).refused == "capital unknown or gone"


def test_bug_c11_one_configurable_cap() -> None:
    tight = msgspec.structs.replace(SETTINGS, size=Sizing(max_position_fraction=D("0.01")))
    answer = size_position(
        tight, capital=D(50_000), strength=D(1), record=record(), stop=D("0.02"), leg=leg(),
        slippage_bps=D(2), head_rooms=(),
    )  # fmt: skip
    assert answer.binding == "max position fraction"
    assert answer.notional == D(500)


def test_bug_c12_the_risk_cap_and_the_notional_cap_bind_separately() -> None:
    best = record(wins=59, win="40", loss="0.01")
    wide = position(record=best, stop=D("0.4"))
    assert (wide.binding, wide.share.rule if wide.share else "") == ("risk (risk cap)", "risk cap")
    narrow = position(record=best, stop=D("0.02"))
    assert narrow.binding == "max position fraction"


@pytest.mark.parametrize("wins", [4, 13, 20])
def test_exactly_no_edge_stops_whatever_the_divisions_round_to(wins: int) -> None:
    with decimal.localcontext(DESK_CONTEXT):
        answer = position(record=record(wins=wins, win=str(60 - wins), loss=str(wins)))
    assert answer.stopped == "stopped: no edge"
