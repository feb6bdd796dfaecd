"""Edges of a flatten's proof and of its progress, each once changed unnoticed (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.domain.enums import OrderState, PairState
from services.domain.events import AccountReport, PositionRow
from services.execution.actions import Actions, Flattened
from services.execution.flatten import Scope
from tests.execution.builders import BTC_A, BTC_B, SECOND, START, USDC_B, USDT_A
from tests.execution.test_edges_flatten import ALL, ALPHA, of, orders, rest
from tests.execution.test_edges_flatten_pairs import DOGE, SPOT, Wide, closed

D = Decimal


def told(
    desk: Wide, venue: str, sizes: dict[str, str], *, at: int | None = None, asked: int | None = None
) -> Actions:
    rows = tuple(PositionRow(name, D(size), D(1), None) for name, size in sizes.items())
    stamp = desk.now if at is None else at
    report = AccountReport(
        venue=venue, request="r", balances=(), positions=rows, orders=(), ts_event=stamp, ts=desk.now
    )
    return desk.machine.on_report(report, desk.now, desk.view, asked)


@pytest.mark.parametrize(
    ("at", "asked", "proves"),
    [(-1, None, False), (0, None, False), (1, None, True), (-5, -1, False), (-5, 0, True), (-5, 1, True)],
)
def test_a_read_proves_by_its_own_time_or_by_that_of_its_question(
    at: int, asked: int | None, proves: bool
) -> None:
    """Relative to the moment at which the run asked; a venue's clock may be slow."""
    desk = Wide()
    desk.start(ALPHA)
    moment = desk.now
    desk.now += SECOND
    when = None if asked is None else moment + asked
    assert bool(of(told(desk, "alpha", {}, at=moment + at, asked=when), Flattened)) is proves


def test_a_read_before_anything_was_asked_proves_nothing() -> None:
    desk = Wide()
    desk.view.held[BTC_A] = D(1)
    run, _ = desk.start(ALPHA)
    desk.now += SECOND
    assert not of(told(desk, "alpha", {BTC_A: "1"}, asked=desk.now), Flattened)
    assert desk.machine.state.runs[run].proof == {}


def test_a_read_asked_for_after_the_news_counts_though_the_venues_clock_is_slow() -> None:
    desk = Wide()
    desk.view.held[BTC_A] = D(1)
    run, actions = desk.start(ALPHA)
    desk.view.held.clear()
    desk.news(orders(actions)[0], OrderState.FILLED, "1")
    touched = desk.now
    desk.now += SECOND
    told(desk, "alpha", {BTC_A: "1"}, at=touched - 5 * SECOND)
    assert desk.machine.state.runs[run].seen == {}
    told(desk, "alpha", {BTC_A: "1"}, at=touched - 5 * SECOND, asked=touched + 1)
    assert desk.machine.state.runs[run].seen == {BTC_A: D(1)}


@pytest.mark.parametrize("whose", ["own", "another's"])
def test_a_read_says_nothing_of_an_instrument_on_which_any_run_has_an_order_out(whose: str) -> None:
    desk = Wide()
    desk.view.held.update({BTC_A: D(1), BTC_B: D("0.5")})
    first, actions = desk.start(Scope(instrument=BTC_A))
    assert len(orders(actions)) == 1
    run = first if whose == "own" else desk.start(ALPHA)[0]
    desk.view.held.pop(BTC_A)
    desk.now += SECOND
    told(desk, "alpha", {BTC_A: "1", USDT_A: "7"})
    assert desk.machine.state.runs[run].seen == ({} if whose == "own" else {USDT_A: D(7)})
    assert desk.machine.state.runs[run].proof == {}
    desk.view.rows.append(rest("f", USDC_B))
    assert not desk.machine.state.runs[run].done


def test_a_pair_that_is_not_there_holds_nothing_and_needs_no_venues_word() -> None:
    desk = Wide()
    _, actions = desk.start(Scope(pair="P-99"))
    (end,) = of(actions, Flattened)
    assert (end.flat, end.left, end.proof) == (True, (), ())


def test_what_moves_stands_against_the_proof_though_the_figures_agree() -> None:
    desk = Wide()
    run, _ = desk.start(ALL)
    desk.view.rows.append(rest("up"))
    desk.now += SECOND
    told(desk, "alpha", {})
    assert desk.machine.state.runs[run].proof == {"alpha": desk.machine.state.runs[run].proof["alpha"]}
    desk.view.held[BTC_A] = D(1)
    told(desk, "alpha", {BTC_A: "1"})
    assert desk.machine.state.runs[run].proof == {}


def test_names_of_other_venues_scopes_and_kinds_are_passed_over_and_the_next_is_read() -> None:
    """Read in the order of names: the unknown, the spot and beta's BTC stand before alpha's."""
    desk = Wide()
    desk.view.held.update({BTC_B: D("0.5")})
    run, _ = desk.start(Scope(venue="alpha", symbol="USDT-PERP"))
    desk.now += SECOND
    told(desk, "alpha", {DOGE: "3", SPOT.id: "4", BTC_A: "1", USDT_A: "7"})
    assert desk.machine.state.runs[run].seen == {USDT_A: D(7)}
    wide = Wide()
    wide.view.held.update({BTC_B: D("0.5")})
    run, _ = wide.start(ALPHA)
    wide.now += SECOND
    told(wide, "alpha", {SPOT.id: "4", USDT_A: "7"})
    assert wide.machine.state.runs[run].seen == {USDT_A: D(7)}


def test_a_proof_speaks_of_the_pairs_legs_outside_the_scope_too() -> None:
    desk = Wide()
    pair = desk.pair()
    run, _ = desk.start(ALPHA)
    state = desk.machine.state.runs[run]
    closed(pair, desk.view)
    desk.later(run, SECOND)
    desk.now += SECOND
    assert not of(told(desk, "beta", {BTC_B: "0.5", USDC_B: "9"}), Flattened)
    assert state.seen == {BTC_B: D("0.5")}, "the leg's instrument, and no other of that venue"
    desk.now += SECOND
    told(desk, "beta", {BTC_B: "0.5"})
    assert (state.extra, state.proof) == ({BTC_B: D("0.5")}, {})
    desk.now += SECOND
    told(desk, "alpha", {})
    assert list(state.proof) == ["alpha"], "what beta holds says nothing against alpha"
    assert " in scope at " in state.proof["alpha"]
    for _ in range(2):
        desk.now += SECOND
        actions = told(desk, "beta", {})
    assert of(actions, Flattened)[0].flat


def test_strange_positions_stand_against_the_proof_of_everything_venue_by_venue() -> None:
    desk = Wide()
    run, _ = desk.start(ALL)
    state = desk.machine.state.runs[run]
    desk.now += SECOND
    told(desk, "alpha", {DOGE: "5"})
    assert state.proof == {}
    told(desk, "beta", {"ZZZ-PERP.beta": "2"})
    assert state.unknown == {DOGE: D(5), "ZZZ-PERP.beta": D(2)}
    told(desk, "alpha", {DOGE: "6"})
    assert state.unknown == {DOGE: D(6), "ZZZ-PERP.beta": D(2)}
    told(desk, "alpha", {})
    told(desk, "beta", {})
    assert (state.done, state.flat, state.unknown) == (True, True, {})
    assert " in scope" not in state.proof["alpha"]


def test_proven_everywhere_it_still_waits_for_an_order_that_rests() -> None:
    desk = Wide()
    run, _ = desk.start(ALL)
    desk.now += SECOND
    told(desk, "alpha", {})
    desk.view.rows.append(rest("late", USDT_A, foreign=True))
    assert not of(told(desk, "beta", {}), Flattened)
    desk.view.rows.clear()
    assert of(desk.later(run, SECOND), Flattened)[0].flat


# -- progress ------------------------------------------------------------------------------------------


def test_a_legs_size_and_a_proof_are_progress_and_an_attempt_is_none() -> None:
    desk = Wide()
    pair = desk.pair()
    run, _ = desk.start(ALPHA)
    pair.state = PairState.FROZEN
    state = desk.machine.state.runs[run]
    desk.later(run, 59 * SECOND)
    assert state.progress_ts == START
    pair.short.size = pair.long.size = D("0.3")
    desk.view.held.update({BTC_A: D("-0.3"), BTC_B: D("0.3")})
    desk.later(run, SECOND // 2)
    assert state.progress_ts == desk.now
    proven = Wide()
    run, _ = proven.start(ALL)
    proven.now += 59 * SECOND
    told(proven, "alpha", {})
    assert not of(proven.later(run, 59 * SECOND), Flattened)
    assert of(proven.later(run, SECOND), Flattened)
    tried = Wide()
    tried.view.held[BTC_A] = D(1)
    run, actions = tried.start(ALPHA)
    (order,) = orders(actions)
    tried.now += 30 * SECOND
    tried.view.rows.append(rest(order.client_order_id, reducing=True))
    tried.news(order, OrderState.ACCEPTED)
    assert tried.machine.state.runs[run].progress_ts == START
    assert len(of(tried.later(run, 30 * SECOND), Flattened)) == 1


def test_a_read_that_showed_something_open_is_no_proof_of_its_close() -> None:
    """What only the venue held is believed at the second read; that read says nothing of what came after."""
    desk = Wide()
    run, _ = desk.start(ALPHA)
    found: Actions = ()
    for _ in range(2):
        desk.now += SECOND
        found = told(desk, "alpha", {BTC_A: "1"})
    (close,) = orders(found)
    assert desk.machine.state.runs[run].proof == {}
    desk.view.held[BTC_A] = D(-1)
    desk.now += SECOND
    after = desk.news(close, OrderState.FILLED, "1")
    assert not of(after, Flattened), "nobody has looked since"
    desk.now += SECOND
    (end,) = of(told(desk, "alpha", {}), Flattened)
    assert end.flat
    assert f"zero positions in scope at {desk.now}" in end.proof[0]
