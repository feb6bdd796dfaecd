"""What `funding_arb` proposes, refuses, waits for and counts."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as limits
from msgspec.structs import replace

from services.domain.enums import PairState
from services.strategies.base import Ended, OpenPair
from services.strategies.chances import refused, summary
from services.strategies.funding_arb import FundingArbState, decide, rows, stop_distance, strength
from services.strategies.kinds import KINDS
from tests.adversary.script import SCRIPT
from tests.decimals import decimals
from tests.strategies.legs import HOUR, MIDNIGHT, PARAMS, SECOND, WINDOW, leg, pair, view

MINUTE = 60 * SECOND
ALPHA, BETA, GAMMA, DELTA = leg("alpha", "40"), leg("beta", "1"), leg("gamma", "30"), leg("delta", "2")


def opened(*said: object) -> list[tuple[str, str]]:
    return [(intent.short, intent.long) for intent in said if isinstance(intent, OpenPair)]


def test_the_best_pair_is_proposed_with_its_figures() -> None:
    intents, state = decide(view(ALPHA, BETA), PARAMS, FundingArbState())
    assert len(intents) == 1
    intent = intents[0]
    assert isinstance(intent, OpenPair)
    assert (intent.short, intent.long) == ("BTC-USDT-PERP.alpha", "BTC-USDT-PERP.beta")
    assert (intent.group, intent.kind) == ("BTC", "hedge")
    assert intent.net_edge == Decimal("39") * 9 / 2 - 27
    assert intent.strength == 1
    assert intent.stop_distance == Decimal("0.01")
    assert "39.00 bps/8h" in intent.reason
    assert summary(state).seen == 1
    assert summary(state).refused == {}


def test_equal_rates_no_trade() -> None:
    intents, state = decide(
        view(ALPHA, replace(ALPHA, instrument=BETA.instrument)), PARAMS, FundingArbState()
    )
    assert intents == ()
    assert summary(state).seen == 0


def test_each_proposal_counts_as_held_for_the_next() -> None:
    intents, _ = decide(view(ALPHA, BETA, GAMMA, DELTA), PARAMS, FundingArbState())
    # 39 and 38 from alpha, 29 and 28 from gamma; alpha/gamma would be 10, but gamma is short already
    assert opened(*intents) == [
        ("BTC-USDT-PERP.alpha", "BTC-USDT-PERP.beta"),
        ("BTC-USDT-PERP.alpha", "BTC-USDT-PERP.delta"),
        ("BTC-USDT-PERP.gamma", "BTC-USDT-PERP.beta"),
        ("BTC-USDT-PERP.gamma", "BTC-USDT-PERP.delta"),
    ]
    few = replace(PARAMS, max_pairs=1)
    intents, state = decide(view(ALPHA, BETA, GAMMA, DELTA), few, FundingArbState())
    assert len(intents) == 1
    assert summary(state).refused["max pairs"] == 4  # alpha against gamma too


def test_one_open_pair_per_underlying_and_pair_of_venues() -> None:
    """Bug E11: repeated calls stack no positions while the spread lasts."""
    other_coin = leg("alpha", "50", quote="USDC")
    held = pair(ALPHA, BETA)
    intents, state = decide(view(ALPHA, BETA, other_coin, pairs=(held,)), PARAMS, FundingArbState())
    # alpha/beta is taken, in whatever coin; both perps on alpha are the venue pair (alpha, alpha),
    # but alpha's USDT perp is short already and would be the long there
    assert opened(*intents) == []
    assert set(summary(state).refused) == {"pair open", "leg held on the other side"}
    third = replace(held, group="ETH")
    intents, _ = decide(view(other_coin, BETA, pairs=(third,)), PARAMS, FundingArbState())
    assert opened(*intents) == [("BTC-USDC-PERP.alpha", "BTC-USDT-PERP.beta")]


def test_a_planned_pair_is_held_and_a_closed_one_is_not() -> None:
    planned = pair(ALPHA, BETA, state=PairState.PLANNED, opened_ts=None)
    intents, state = decide(view(ALPHA, BETA, pairs=(planned,)), PARAMS, FundingArbState())
    assert (intents, state.verdict) == ((), ""), "what it said of the pair it holds stands"
    gone = replace(planned, state=PairState.CLOSED)
    assert len(decide(view(ALPHA, BETA, pairs=(gone,)), PARAMS, FundingArbState())[0]) == 1


def test_outside_the_window_it_waits_for_the_opening() -> None:
    now = MIDNIGHT + 61 * SECOND
    intents, state = decide(view(ALPHA, BETA, now=now), PARAMS, FundingArbState())
    assert intents == ()
    assert state.wake_at == WINDOW
    assert summary(state).refused == {"outside entry window": 1}
    assert state.verdict == (
        f"short {ALPHA.instrument.id}, long {BETA.instrument.id} net 148.5 bps: outside entry window"
    )
    intents, state = decide(view(ALPHA, BETA, now=WINDOW), PARAMS, state)
    assert len(intents) == 1
    assert state.wake_at == MIDNIGHT + 8 * HOUR + 61 * SECOND
    assert summary(state).refused == {}
    assert summary(state).seen == 1


def test_a_window_that_opens_exactly_at_a_settlement_of_the_other_leg_waits_out_the_blackout() -> None:
    hourly = leg("beta", "1", interval="1", next_ts=MIDNIGHT + 8 * HOUR)
    intents, state = decide(view(ALPHA, hourly), PARAMS, FundingArbState())
    assert intents == ()
    assert state.wake_at == WINDOW + 61 * SECOND
    assert len(decide(view(ALPHA, hourly, now=state.wake_at), PARAMS, state)[0]) == 1


def test_a_blocked_strategy_proposes_nothing_and_says_why() -> None:
    intents, state = decide(view(ALPHA, BETA, blocked="REDUCING"), PARAMS, FundingArbState())
    assert intents == ()
    assert summary(state).refused == {"REDUCING": 1}


def test_what_came_to_nothing_is_refused_until_it_is_proposed_again() -> None:
    """Another pair's word changes nothing, and neither does one about a pair that was refused before."""
    _, state = decide(view(ALPHA, BETA), PARAMS, FundingArbState())
    legs = ALPHA.instrument.id, BETA.instrument.id
    before = state.copied()
    for other in ((legs[1], legs[0]), (legs[0], "BTC-USDT-PERP.gamma")):
        assert summary(refused(state, *other, "gate: leverage")).refused == {}
    after = refused(state, *legs, "gate: leverage")
    assert state == before
    assert (summary(after).seen, summary(after).refused) == (1, {"gate: leverage": 1})
    assert summary(refused(after, *legs, "size: depth")).refused == {"gate: leverage": 1}
    _, again = decide(view(ALPHA, BETA, now=WINDOW + MINUTE), PARAMS, after)
    assert summary(again).refused == {}


def end(ts: int, failed: bool) -> Ended:
    return Ended(pair="P-01", group="BTC", ts=ts, failed=failed)


def test_after_a_close_the_group_waits_eight_hours() -> None:
    closed = WINDOW - 8 * HOUR + MINUTE
    intents, state = decide(view(ALPHA, BETA, ended=(end(closed, False),)), PARAMS, FundingArbState())
    assert intents == ()
    assert summary(state).refused == {"cooldown": 1}
    assert state.wake_at == WINDOW + MINUTE
    intents, state = decide(view(ALPHA, BETA, now=WINDOW + MINUTE), PARAMS, state)
    assert len(intents) == 1
    other = leg("alpha", "40", base="ETH"), leg("beta", "1", base="ETH")
    intents, _ = decide(view(*other, ended=(end(closed, False),)), PARAMS, FundingArbState())
    assert len(intents) == 1


def test_failed_attempts_wait_half_an_hour_doubling_to_a_day() -> None:
    state, now, waits = FundingArbState(), WINDOW, []
    for _ in range(8):
        _, state = decide(view(now=now, ended=(end(now, True),)), PARAMS, state)
        waits.append((state.cooldowns["BTC"] - now) // MINUTE)
        now = state.cooldowns["BTC"]
    assert waits == [30, 60, 120, 240, 480, 960, 1440, 1440]


def test_a_pair_hedged_since_ends_the_run_of_failures_and_an_older_one_does_not() -> None:
    _, state = decide(view(ended=(end(WINDOW, True),)), PARAMS, FundingArbState())
    older = pair(ALPHA, BETA, opened_ts=WINDOW - HOUR)
    _, state = decide(view(ALPHA, BETA, pairs=(older,)), PARAMS, state)
    assert state.failures == {"BTC": 1}
    newer = replace(older, opened_ts=WINDOW + HOUR)
    _, state = decide(view(ALPHA, BETA, pairs=(newer,), now=WINDOW + HOUR), PARAMS, state)
    assert state.failures == {}


def test_an_opportunity_is_counted_once_per_settlement_with_its_economic_verdict() -> None:
    state = FundingArbState()
    poor = leg("alpha", "5"), leg("beta", "1")
    for now in (MIDNIGHT + 61 * SECOND, MIDNIGHT + 3 * HOUR, WINDOW, WINDOW + 30 * MINUTE):
        _, state = decide(view(*poor, now=now), PARAMS, state)
    assert summary(state).seen == 1
    assert summary(state).refused == {"edge < 0.5× cost": 1}
    later = tuple(
        leg(name, bps, next_ts=MIDNIGHT + 16 * HOUR) for name, bps in (("alpha", "6"), ("beta", "1"))
    )
    _, state = decide(view(*later, now=MIDNIGHT + 8 * HOUR + 61 * SECOND), PARAMS, state)
    told = summary(state)
    assert told.seen == 2
    assert told.refused == {"edge < 0.5× cost": 2}
    assert told.best_refused is not None
    assert told.best_refused.net_edge == Decimal("-4.5")
    assert told.best_refused.rule == "edge < 0.5× cost"


def test_a_spread_seen_only_inside_a_blackout_is_no_opportunity() -> None:
    _, state = decide(view(ALPHA, BETA, now=MIDNIGHT + 30 * SECOND), PARAMS, FundingArbState())
    assert summary(state).seen == 0


def test_stale_legs_are_never_entered() -> None:
    for what in ("quote", "mark", "rate"):
        stale = replace(BETA, stale=what)
        assert decide(view(ALPHA, stale), PARAMS, FundingArbState())[0] == ()


def test_legs_in_different_coins_are_sized_for_a_depeg() -> None:
    intents, _ = decide(view(ALPHA, leg("beta", "1", quote="USDC")), PARAMS, FundingArbState())
    assert isinstance(intents[0], OpenPair)
    assert intents[0].stop_distance == Decimal("0.05")
    assert stop_distance(False, replace(PARAMS, pair_stop=Decimal(900)), Decimal("0.05")) == Decimal("0.09")


@given(edge=decimals("-100", "1000", 1), costs=decimals("0", "100", 1))
@limits(max_examples=50)
def test_strength_is_net_edge_over_twice_the_costs_in_a_tenth_to_one(edge: Decimal, costs: Decimal) -> None:
    value = strength(edge, costs)
    assert Decimal("0.1") <= value <= 1
    if costs > 0 and Decimal("0.1") < value < 1:
        assert value == pytest.approx(edge / (2 * costs), abs=Decimal("0.0001"))


def test_decide_leaves_the_old_state_and_its_state_survives_serialisation() -> None:
    before = FundingArbState()
    frozen = msgspec.msgpack.encode(before)
    first = view(ALPHA, BETA, leg("gamma", "5"), ended=(end(WINDOW, True),), pairs=(pair(ALPHA, BETA),))
    _, state = decide(first, PARAMS, before)
    assert msgspec.msgpack.encode(before) == frozen
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=FundingArbState)
    assert restored == state
    second = view(ALPHA, BETA, leg("gamma", "5"), now=MIDNIGHT + 16 * HOUR)
    assert decide(second, PARAMS, state) == decide(second, PARAMS, restored)


def test_what_the_board_shows_is_what_is_decided() -> None:
    seen = view(ALPHA, BETA, leg("gamma", "3"))
    shown = [(row.short, row.long) for row in rows(seen, PARAMS, FundingArbState()) if not row.refusals]
    assert shown == opened(*decide(seen, PARAMS, FundingArbState())[0])


def test_kinds_are_one_explicit_table() -> None:
    # The arena of the adversarial runs adds kinds of its own where both run in one process.
    assert [kind for kind, made in KINDS.items() if made is not SCRIPT] == ["funding_arb", "cross_exchange"]
    kind = KINDS["funding_arb"]
    assert kind.kind == "funding_arb"
    assert len(kind.decide(view(ALPHA, BETA), PARAMS, kind.initial())[0]) == 1
