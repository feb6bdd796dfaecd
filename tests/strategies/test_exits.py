"""Every named exit, what freezes instead of closing, and the clocks of both."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from services.domain.enums import PairState, RateKind
from services.market.legs import LegFacts
from services.settings.funding import Funding
from services.strategies.base import ClosePair, FreezePair, Intent, PairFacts, ThawPair
from services.strategies.exits import PairTrack
from services.strategies.funding_arb import FundingArbState, decide
from tests.strategies.legs import HOUR, MIDNIGHT, PARAMS, SECOND, leg, pair, view

QUIET = MIDNIGHT + 4 * HOUR
"""Far from every settlement."""
SHORT, LONG = leg("alpha", "10"), leg("beta", "1")


def judge(
    held: PairFacts,
    short: LegFacts = SHORT,
    long: LegFacts = LONG,
    *,
    now: int = QUIET,
    state: FundingArbState | None = None,
    params: Funding = PARAMS,
    **changed: Any,
) -> tuple[tuple[Intent, ...], FundingArbState]:
    # max_pairs 1: the open pair leaves no room, so that only exits are heard
    return decide(
        view(short, long, now=now, pairs=(held,), **changed),
        replace(params, max_pairs=1),
        state if state is not None else FundingArbState(),
    )


def close(reason: str, discretionary: bool = True) -> ClosePair:
    return ClosePair(pair="P-01", reason=reason, discretionary=discretionary)


HELD = pair(SHORT, LONG)


def test_a_paying_pair_is_left_alone() -> None:
    assert judge(HELD)[0] == ()


def walk(spreads: list[str], params: Funding = PARAMS, start: int = 0) -> list[tuple[int, str]]:
    """Settlements every 8 h with these spreads; judged 61 s after each. (index, reason) of each close."""
    state, out, stamps = FundingArbState(), [], tuple[int, ...]()
    for index, bps in enumerate(spreads, start):
        instant = MIDNIGHT + index * 8 * HOUR
        stamps = (*stamps, instant)
        legs = [leg(name, rate, next_ts=instant + 8 * HOUR, settled=stamps)
                for name, rate in (("alpha", bps), ("beta", "0"))]  # fmt: skip
        for now in (instant + 30 * SECOND, instant + 61 * SECOND):
            intents, state = judge(
                replace(HELD, opened_ts=MIDNIGHT), *legs, now=now, state=state, params=params
            )
            out += [(index, intent.reason) for intent in intents if isinstance(intent, ClosePair)]
    return out


def test_spread_below_the_exit_level_is_confirmed_for_a_day_and_three_settlements() -> None:
    """Bug E12: there is an exit."""
    below = "spread below exit level"
    assert walk(["-1", "-1", "-1"]) == []
    assert walk(["-1", "-1", "-1", "-1"]) == [(3, below)]
    assert walk(["-1", "-1", "0", "-1", "-1", "-1"]) == []  # back at the level, the clock starts anew
    few = replace(PARAMS, exit_confirm_settlements=6)
    assert walk(["-1"] * 6, few) == [(5, below)]


def test_funding_flipped_wants_two_settlements_of_the_slower_leg() -> None:
    assert walk(["-6"]) == []
    assert walk(["-5", "-5"]) == [(1, "funding flipped")]
    assert walk(["-6", "-4.9", "-6"]) == []


def test_settlements_are_counted_at_the_slower_leg() -> None:
    """Beta settles hourly; its many settlements do not confirm what alpha has seen once."""
    state = FundingArbState()
    hourly = [MIDNIGHT + n * HOUR for n in range(12)]
    for hour in range(1, 12):
        now = hourly[hour] + 61 * SECOND
        short = leg(
            "beta", "-30", interval="1", next_ts=hourly[hour] + HOUR, settled=tuple(hourly[: hour + 1])
        )
        due = MIDNIGHT + (8 if hour < 8 else 16) * HOUR
        long = leg("alpha", "0", next_ts=due, kind=RateKind.PREDICTED,
                   settled=(MIDNIGHT, MIDNIGHT + 8 * HOUR) if hour >= 8 else (MIDNIGHT,))  # fmt: skip
        held = pair(short, long)
        intents, state = judge(held, short, long, now=now, state=state)
        assert intents == ()  # flipped from 01:00 on: alpha's 08:00 is the first settlement, not the second


def test_a_prediction_made_at_a_settlement_does_not_count_that_settlement() -> None:
    legs = [
        leg(name, bps, kind=RateKind.PREDICTED, settled=(MIDNIGHT,), next_ts=MIDNIGHT + 8 * HOUR)
        for name, bps in (("alpha", "-9"), ("beta", "0"))
    ]
    _, state = judge(HELD, *legs)
    since = state.tracks["P-01"].flipped_since
    assert since is not None
    assert since > MIDNIGHT


def test_max_hold() -> None:
    """Bug E12: there is an exit."""
    held = replace(HELD, opened_ts=QUIET - 720 * HOUR)
    assert judge(held)[0] == (close("max hold"),)
    young = replace(held, opened_ts=QUIET - 720 * HOUR + 1)
    intents, state = judge(young)
    assert intents == ()
    assert state.wake_at == QUIET + 1


@pytest.mark.parametrize(
    ("pnl", "closes"), [("-99.99", False), ("-100", True), ("-250", True), (None, False)]
)
def test_pair_stop_is_the_loss_of_the_pair(pnl: str | None, closes: bool) -> None:
    """Bug E12: there is an exit."""
    held = replace(HELD, price_pnl=None if pnl is None else Decimal(pnl))
    assert judge(held)[0] == ((close("pair stop", False),) if closes else ())


def test_the_pair_stop_knows_no_blackout_and_every_discretionary_exit_does() -> None:
    settlement = MIDNIGHT + 8 * HOUR
    stopped, old = replace(HELD, price_pnl=Decimal(-150)), replace(HELD, opened_ts=MIDNIGHT - 900 * HOUR)
    for seconds in (-60, 0, 60):
        now = settlement + seconds * SECOND
        assert judge(stopped, now=now)[0] == (close("pair stop", False),)
        assert judge(old, now=now)[0] == ()
    for seconds in (-61, 61):
        assert judge(old, now=settlement + seconds * SECOND)[0] == (close("max hold"),)


def test_basis_divergence_is_confirmed_for_five_minutes() -> None:
    apart = replace(SHORT, mark_usd=Decimal("30120"))  # 40 bps from the entry basis of 0
    intents, state = judge(HELD, apart)
    assert intents == ()
    assert state.wake_at == QUIET + 300 * SECOND
    intents, state = judge(HELD, apart, now=QUIET + 299 * SECOND, state=state)
    assert intents == ()
    assert judge(HELD, apart, now=QUIET + 300 * SECOND, state=state)[0] == (close("basis divergence"),)
    _, state = judge(HELD, now=QUIET + 299 * SECOND, state=state)
    assert judge(HELD, apart, now=QUIET + 300 * SECOND, state=state)[0] == ()


def test_basis_is_measured_from_the_entry() -> None:
    held = replace(HELD, entry_basis=Decimal(40))
    apart = replace(SHORT, mark_usd=Decimal("30120"))
    _, state = judge(held, apart)
    assert state.tracks["P-01"].diverged_since is None


def test_delisting_is_left_in_time_for_an_hour_before_it() -> None:
    def gone(hours: int) -> LegFacts:
        facts = replace(SHORT.instrument, delisting_ts=QUIET + hours * HOUR)
        return replace(SHORT, instrument=facts)

    assert judge(HELD, gone(3))[0] == ()
    assert judge(HELD, gone(2))[0] == (close("delisting"),)


def test_depeg_alerts_and_blocks_and_closes_only_where_asked_to() -> None:
    level = {"USDT": "reduce"}
    assert judge(HELD, depeg=level)[0] == ()
    asked = replace(PARAMS, depeg_exit=True)
    assert judge(HELD, depeg=level, params=asked)[0] == (close("depeg: USDT"),)
    assert judge(HELD, depeg={"USDT": "block"}, params=asked)[0] == ()


def test_stale_exit() -> None:
    """Stale data is no exit: even a pair past its stop and its time is frozen, and thawed again."""
    held = replace(HELD, price_pnl=Decimal(-500), opened_ts=QUIET - 900 * HOUR)
    stale = replace(LONG, stale="quote")
    intents, state = judge(held, SHORT, stale)
    assert intents == (FreezePair(pair="P-01", reason="BTC-USDT-PERP.beta: quote stale", since=QUIET),)
    assert state.wake_at == QUIET + 60 * SECOND
    again, state = judge(held, SHORT, stale, now=QUIET + 60 * SECOND, state=state)
    assert again == intents
    assert state.wake_at == QUIET + 900 * SECOND
    intents, state = judge(HELD, now=QUIET + 2 * HOUR, state=state)
    assert intents == (ThawPair(pair="P-01"),)
    assert state.tracks["P-01"].frozen_since is None


def test_false_leg_missing() -> None:
    """A silent venue, a leg that is not in view, an unknown result: none of it is a missing leg."""
    intents, _ = decide(view(SHORT, now=QUIET, pairs=(HELD,)), PARAMS, FundingArbState())
    assert intents == (FreezePair(pair="P-01", reason="BTC-USDT-PERP.beta: no data", since=QUIET),)
    unknown = replace(HELD, price_pnl=None, leg_notional=None, entry_basis=None)
    assert judge(unknown)[0] == ()


@pytest.mark.parametrize("demand", ["leg missing", "margin ladder", "operator"])
def test_a_demand_of_the_desk_closes_at_once_even_stale_and_in_a_blackout(demand: str) -> None:
    held = replace(HELD, demand=demand)
    stale = replace(LONG, stale="quote")
    assert judge(held, SHORT, stale, now=MIDNIGHT + 8 * HOUR)[0] == (close(demand, False),)
    for state in (PairState.CLOSING, PairState.UNWINDING):
        assert judge(replace(held, state=state))[0] == ()


@pytest.mark.parametrize(
    "state",
    [PairState.PLANNED, PairState.OPENING, PairState.CLOSING, PairState.UNWINDING, PairState.IN_DOUBT],
)
def test_only_a_standing_pair_is_judged(state: PairState) -> None:
    held = replace(HELD, state=state, price_pnl=Decimal(-500), opened_ts=QUIET - 900 * HOUR)
    assert judge(held)[0] == ()


def test_an_overdue_settlement_stops_the_clocks_of_the_spread_and_not_the_others() -> None:
    late = leg("alpha", "-9", next_ts=MIDNIGHT, settled=(MIDNIGHT - 16 * HOUR, MIDNIGHT - 8 * HOUR))
    began = FundingArbState(tracks={"P-01": PairTrack(flipped_since=MIDNIGHT - 16 * HOUR)})
    slow = leg("beta", "0", next_ts=MIDNIGHT, settled=(MIDNIGHT - 16 * HOUR, MIDNIGHT - 8 * HOUR))
    intents, state = judge(HELD, late, slow, state=began)
    assert intents == ()
    assert state.tracks["P-01"].flipped_since == MIDNIGHT - 16 * HOUR
    old = replace(HELD, opened_ts=QUIET - 720 * HOUR)
    assert judge(old, late, slow, state=began)[0] == (close("max hold"),)


def test_an_interval_unknown_holds_the_pair() -> None:
    assert judge(HELD, replace(SHORT, hourly=None, rate=None))[0] == ()


def test_a_track_is_forgotten_with_its_pair() -> None:
    _, state = judge(HELD)
    assert list(state.tracks) == ["P-01"]
    _, state = decide(view(SHORT, LONG, now=QUIET), PARAMS, state)
    assert state.tracks == {}
