"""How opportunities of `funding_arb` are counted, row by row."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from services.market.board import BLACKOUT, OUTSIDE_WINDOW, OVERDUE, PAIR_OPEN, SMALL_SPREAD, Evaluation
from services.strategies.base import OpenPair
from services.strategies.chances import Seen, count, summary
from services.strategies.funding_arb import FundingArbState
from tests.adversary.script import entry

SHORT, LONG = "BTC.alpha", "BTC.beta"
POOR = "edge < 0.5× cost"
DUE = 1_000


def judged(*refusals: str, short: str = SHORT, long: str = LONG, **changes: Any) -> Evaluation:
    facts: dict[str, Any] = {
        "group": "BTC", "kind": "hedge", "short": short, "long": long, "spread": D(5), "costs": D(22),
        "net_edge": D(30), "settles_ts": DUE, "stale": False, "refusals": refusals, "buffer": D(10),
        "same_coin": True, "sample": 90,
    }  # fmt: skip
    unknown = {name: None for name in Evaluation.__struct_fields__ if name not in facts}
    return Evaluation(**{**unknown, **facts, **changes})


def entered(short: str = SHORT, long: str = LONG) -> OpenPair:
    return entry((short, long))


def looked(*looks: tuple[int, Evaluation, bool]) -> FundingArbState:
    """After looks at (time, row, was it proposed)."""
    state = FundingArbState()
    for now, row, proposed in looks:
        count([row], [entered(row.short, row.long)] if proposed else [], state, now)
    return state


@pytest.mark.parametrize(
    "row",
    [
        judged(POOR, spread=None),
        judged(POOR, settles_ts=None),
        judged(POOR, settles_ts=10),
        judged(POOR, stale=True),
        judged(SMALL_SPREAD, POOR),
        judged(BLACKOUT),
        judged(POOR, OVERDUE),
    ],
)
def test_what_is_no_opportunity_is_not_counted_and_keeps_none_behind_it_away(row: Evaluation) -> None:
    state = FundingArbState()
    count([row, judged(POOR, short="ETH.alpha", long="ETH.beta")], [], state, 10)
    assert (summary(state).seen, summary(state).refused) == (1, {POOR: 1})


@pytest.mark.parametrize(
    ("looks", "refused"),
    [
        pytest.param([(1, judged(POOR), False), (2, judged("cooldown"), False)], {"cooldown": 1}, id="last"),
        pytest.param([(1, judged(POOR), False), (2, judged(OUTSIDE_WINDOW), False)], {POOR: 1}, id="not now"),
        pytest.param([(1, judged(OUTSIDE_WINDOW), False), (2, judged(POOR), False)], {POOR: 1}, id="poor"),
        pytest.param([(1, judged(), True), (2, judged(PAIR_OPEN), False)], {}, id="entered"),
        pytest.param([(1, judged(POOR), False), (2, judged(), True)], {}, id="entered after all"),
        pytest.param([(1, judged(), False)], {"not proposed": 1}, id="not proposed"),
        pytest.param(
            [(1, judged(POOR), False), (2, judged(POOR, short=LONG, long=SHORT), False)],
            {POOR: 1}, id="turned round",
        ),
    ],
)  # fmt: skip
def test_one_settlement_is_one_opportunity_with_the_latest_word_that_says_more_than_not_now(
    looks: list[tuple[int, Evaluation, bool]], refused: dict[str, int]
) -> None:
    state = looked(*looks)
    assert (summary(state).seen, summary(state).refused) == (1, refused)
    assert state.refused == {}, "it has not settled"


def test_the_next_settlement_is_another_and_the_one_that_has_come_is_over() -> None:
    state = looked((DUE - 1, judged(POOR), False))
    assert list(state.pending) == [f"{SHORT}|{LONG}@{DUE}"]
    count([judged("cooldown", settles_ts=2 * DUE)], [], state, DUE)
    assert (state.refused, state.opportunities) == ({POOR: 1}, 2)
    assert list(state.pending) == [f"{SHORT}|{LONG}@{2 * DUE}"]
    assert summary(state).refused == {POOR: 1, "cooldown": 1}
    assert list(state.pending) == [f"{SHORT}|{LONG}@{2 * DUE}"], "a summary settles nothing"


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([("a", POOR, D(3)), ("b", POOR, D(5)), ("c", POOR, D(4))], "b"),
        ([("a", POOR, D(5)), ("b", POOR, D(5))], "a"),
        ([("a", POOR, None), ("b", POOR, D(-9))], "b"),
        ([("a", PAIR_OPEN, D(50)), ("b", POOR, D(1))], "b"),
        ([("a", POOR, None), ("b", PAIR_OPEN, D(1))], None),
    ],
)
def test_the_best_refused_is_the_highest_edge_that_is_known_and_not_held_already(
    rows: list[tuple[str, str, D | None]], best: str | None
) -> None:
    state = FundingArbState()
    judgements = [judged(rule, short=f"{n}.x", long=f"{n}.y", net_edge=edge) for n, rule, edge in rows]
    count(judgements, [], state, 1)
    found = summary(state).best_refused
    assert (None if found is None else found.short) == (None if best is None else f"{best}.x")


def test_a_best_without_a_figure_gives_way_to_any() -> None:
    """It cannot come about; a state from elsewhere must not keep the figures away."""
    state = looked((1, judged(POOR), False))
    state.best_refused = Seen(
        settles_ts=1, short="a", long="b", spread=D(1), net_edge=None, costs=None, rule=POOR
    )
    found = summary(state).best_refused
    assert found is not None
    assert found.net_edge == D(30)
