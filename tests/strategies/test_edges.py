"""What `cross_exchange` tells a summary of its opportunities (SEMANTICS 6)."""

from __future__ import annotations

from decimal import Decimal

from services.desk.views.summary import opportunities
from services.strategies.base import StrategyView
from services.strategies.chances import Seen
from services.strategies.cross_exchange import CrossExchange, CrossState, decide
from services.strategies.edges import EdgeBook, told
from services.strategies.funding_arb import FundingArbState
from tests.strategies.crossing import PARAMS, D, btc, view
from tests.strategies.legs import HOUR

APART = (btc("alpha", 30_000.0), btc("beta", 30_150.0))
"""Beta is 50 bps dear."""
LEVEL = (btc("alpha", 30_000.0), btc("beta", 30_000.0))
PAIR = ("BTC-USDT-PERP.beta", "BTC-USDT-PERP.alpha")


def after(*looks: StrategyView) -> EdgeBook:
    state = CrossState()
    for seen in looks:
        _, state = decide(seen, PARAMS, state)
    return told(state.edges)


def test_a_discrepancy_is_one_opportunity_while_it_lasts() -> None:
    found = after(view(*APART), view(*APART), view(*APART))
    assert (found.seen, found.refused) == (1, {}), "entered"
    assert after(view(*APART), view(*LEVEL), view(*APART)).seen == 2
    assert after(view(*LEVEL)).seen == 0


def test_what_refused_it_last_is_counted_once_and_the_best_is_named() -> None:
    wider = (btc("alpha", 30_000.0), btc("beta", 30_180.0))
    found = after(
        view(*APART, blocked="HALTED"),
        view(*APART, blocked="REDUCING"),
        view(*LEVEL),
        view(*wider, blocked="X"),
    )
    assert (found.seen, found.refused) == (2, {"REDUCING": 1, "X": 1})
    best = found.best_refused
    assert best is not None
    assert (best.short, best.long, best.rule) == (*PAIR, "X")
    assert best.net_edge > D(30)


def test_the_best_that_was_refused_is_told_as_it_was_at_its_best() -> None:
    """Each ends at the threshold: by its last look they would all be as good."""
    narrow = (btc("alpha", 30_000.0), btc("beta", 30_090.0))
    found = after(view(*APART, blocked="HALTED"), view(*narrow, blocked="REDUCING"), view(*LEVEL))
    assert (found.seen, found.refused) == (1, {"REDUCING": 1})
    best = found.best_refused
    assert best is not None
    assert (best.short, best.long, best.rule) == (*PAIR, "REDUCING")
    assert best.net_edge > D(25)


def test_one_that_was_entered_stays_so_though_it_waits_afterwards() -> None:
    state = CrossState()
    _, state = decide(view(*APART), PARAMS, state)
    state.cooldowns["|".join(sorted(PAIR))] = 2 * 10**18 * HOUR
    _, state = decide(view(*APART), PARAMS, state)
    assert (told(state.edges).seen, told(state.edges).refused) == (1, {})


def test_what_the_desk_refused_was_not_entered() -> None:
    kind = CrossExchange()
    _, state = decide(view(*APART), PARAMS, CrossState())
    short, long = PAIR
    assert told(kind.refused(state, long, short, "gate: leverage").edges).refused == {}
    after = kind.refused(state, short, long, "gate: leverage")
    assert told(state.edges).refused == {}
    assert (told(after.edges).seen, told(after.edges).refused) == (1, {"gate: leverage": 1})
    best = told(after.edges).best_refused
    assert best is not None
    assert best.rule == "gate: leverage"


def test_a_moment_out_of_step_neither_begins_nor_ends_one() -> None:
    late = (APART[0], btc("beta", 30_150.0, age_ns=20 * 10**9))
    assert after(view(*late)).seen == 0
    assert after(view(*APART, blocked="X"), view(*late), view(*APART, blocked="X")).seen == 1


def test_what_is_no_price_or_cannot_be_traded_is_no_opportunity() -> None:
    assert after(view(btc("alpha", 30_000.0), btc("beta", 33_000.0))).seen == 0, "implausible"


def test_the_summary_counts_every_kind_of_strategy() -> None:
    state = CrossState()
    _, state = decide(view(*APART, blocked="REDUCING"), PARAMS, state)
    best = Seen(
        settles_ts=1,
        short="A.x",
        long="A.y",
        spread=D(2),
        net_edge=D(-3),
        costs=D(20),
        rule="edge < 0.5× cost",
    )
    funding = FundingArbState(opportunities=3, refused={"REDUCING": 2}, best_refused=best)
    seen, refused, found = opportunities({"funding_arb": funding, "cross_exchange": state})
    assert (seen, refused) == (4, {"REDUCING": 3})
    assert found is not None
    assert (found.pair, found.rule) == ("|".join(PAIR), "REDUCING")
    assert found.net_edge > Decimal(20)
