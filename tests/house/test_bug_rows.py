"""The bug table of the seed article (design, `venues/market.md` 5): each critical and high row has its test.

A test names its rows in its name (`test_bug_h3_h4_...`) or at the beginning of a sentence of its docstring
("Bug O2: ...", "Bugs E17, O5: ..."). The same for the fail-open cases and the situations of PARAMETERS, by
the tests' own names.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ROWS = {
    "A1": "C · aimed at a host that is dead, of strangers by now",
    "A2": "C · contracts assumed that never existed",
    "A3": "C · pairs of coins assumed that nobody traded",
    "A4": "C · legs on different stablecoins called arbitrage",
    "A5": "H · a symbol that is made up, USDTUSDT",
    "A6": "H · compares a price in USD with one in USDT",
    "A7": "H · all stablecoins weigh the same",
    "A8": "M · a key that can withdraw",
    "A9": "M · claims of performance that contradict each other",
    "A10": "M · stablecoins are safe at ten times, with two percent stops",
    "B1": "C · signs another path than it sends",
    "B2": "C · an empty sub-account in every request",
    "B3": "C · signs other bytes than it sends",
    "B4": "C · no request is ever made",
    "B5": "H · a session that is made and not used",
    "B6": "H · a retry with the old time stamp",
    "B7": "C · an order sent twice",
    "B8": "H · no time-out",
    "B9": "H · the reply's own word is never read",
    "B10": "H · Retry-After and bans are not kept to",
    "B11": "M · the local clock is trusted",
    "B12": "M · plain http to anywhere",
    "B13": "M · secrets in the open",
    "B14": "L · the method's case",
    "B15": "M · floats for money",
    "B16": "M · polling alone, with nothing that grows old",
    "B17": "M · the library's own exception, all statuses alike",
    "C1": "C · a negative Kelly goes to the order",
    "C2": "C · the sign of the average loss",
    "C3": "H · a share at risk taken for a notional",
    "C4": "H · no wins divide by zero",
    "C5": "H · no losses are ten percent",
    "C6": "H · a stop distance of zero, None or in price units",
    "C9": "H · open positions, orders, minima and steps are ignored",
    "C12": "H · a cap that cannot bind",
    "D1": "C · leverage 0 without collateral",
    "D2": "C · exposure by a price that does not exist; by the mark",
    "D3": "H · collateral without unrealised profit and loss",
    "D4": "C · only the present state is checked, not what would result",
    "D5": "H · leverage from the margin setting",
    "D6": "H · symbols not in the table are unlimited",
    "D7": "H · closing orders are blocked by a limit",
    "D10": "H · missing, stale, NaN or an exception passes",
    "E1": "C · a price taken for a rate",
    "E2": "C · the settlement read from where it is not",
    "E3": "C · buys the highest rate and sells the lowest",
    "E4": "C · a threshold without its interval",
    "E5": "C · no fees, no slippage",
    "E6": "H · one snapshot of a moving estimate",
    "E7": "H · unlike intervals are ignored",
    "E8": "C · the legs are not of one underlying",
    "E9": "C · two unconditional orders, no rollback",
    "E10": "H · the same number of contracts on both",
    "E11": "C · repeated calls stack positions",
    "E12": "H · no exit",
    "E14": "H · what is called does not exist",
    "E15": "H · risk is checked before the size is known",
    "E16": "H · market orders",
    "E17": "H · no dead-man's switch, no cancel on exit",
    "E20": "H · the spread alone makes the size, a spike the largest",
    "F1": "H · last prices, and an absolute difference that loses the direction",
    "F2": "H · a threshold below the fees",
    "F3": "M · a missing price is 0",
    "F4": "M · prices of different moments",
    "F5": "M · only logs, and does not say so",
    "F6": "M · halted deposits and withdrawals are ignored",
    "G1": "C · the current price is the average entry",
    "G2": "C · stop levels are only stored",
    "G3": "C · shorts are taken for longs",
    "G4": "H · compares with a price that the venue re-marks",
    "G5": "H · the next position inherits an old stop",
    "G6": "H · stops are not persisted",
    "G10": "H · stopping one leg leaves the other naked",
    "H1": "C · the halt is never read and goes by itself",
    "H2": "C · the day never rolls",
    "H3": "H · start balance zero or negative",
    "H4": "H · NaN, None or stale equity is well",
    "H5": "H · transfers count as profit and loss",
    "H7": "H · a halt does nothing",
    "H8": "H · the breaker is not persisted",
    "I1": "H · a payoff ratio called profit factor",
    "I4": "H · results without fees and funding",
    "K1": "M · a minute said to a venue that counts seconds",
    "K2": "H · the unfinished candle repaints",
    "K3": "M · four questions for one series",
    "K4": "L · weights that nobody has stated",
    "L1": "C · a watch that cannot run",
    "L2": "H · a reading that blocks the loop",
    "L6": "H · what matters is not watched",
    "M1": "H · times without a zone, of the insert",
    "M2": "H · no venue, no trade id, not unique",
    "M3": "H · no tables for orders, funding, equity, halts",
    "N1": "H · one limit per decorated function",
    "N2": "H · a sleep blocks the loop",
    "N3": "M · a clock that may step back",
    "N4": "M · counted after the call, and not when it fails",
    "N5": "M · two tasks pass together",
    "N6": "H · no weights, windows or headers of the server",
    "N7": "H · cancels wait behind market data",
    "N8": "L · five a second, where the rule is by 200 ms and of orders",
    "N9": "M · limits the making of a coroutine, not the request",
    "O1": "C · straight to live trading",
    "O2": "C · never reconciled",
    "O3": "H · no intent before the send",
    "O4": "H · no kill switch",
    "O5": "H · no clean stop",
    "O9": "C · nothing is wired: the order path asks neither gate nor breaker",
}
"""Severity and the article's mistake, in words: all rows of A, B, F, K and N; of the others all C and H but
J3, which is about a model, and there is none."""

FAIL_OPEN = {
    "HALTED denies stops": ("test_halted_does_not_deny_stops",),
    "flatten refused by own collar, freshness, throttle": (
        "test_flatten_is_not_refused_by_own_collar_freshness_throttle",
        "test_a_market_figure_spoilt_does_not_stop_a_flatten",
    ),
    "leg 2 refused": ("test_leg_two_is_not_refused",),
    "depeg with 0-2 sources": ("test_depeg_with_zero_one_two_sources",),
    "deposit masks drawdown, restart re-bases the day": (
        "test_deposit_does_not_mask_drawdown",
        "test_restart_does_not_rebase_the_day",
    ),
    "unknown fee or weight read as harmless": (
        "test_unknown_fee_or_weight_is_not_harmless",
        "test_unknown_weight_counts_nothing",
        "test_unknown_fee_or_weight_is_never_read_as_harmless",
    ),
    "coin stress 0": (
        "test_coin_stress_is_not_zero_for_a_pair_that_is_neutral_in_its_underlying",
        "test_coin_stress_is_never_zero_while_a_coin_is_exposed",
    ),
    "dead-man removes stops": (
        "test_fail_open_dead_man_removes_stops_it_is_never_armed_where_it_would_cancel_them",
    ),
    "no initial-margin check, no per-account limit, no action on drift": (
        "test_initial_margin_is_checked_per_account",
        "test_every_limit_holds_per_account",
        "test_drift_towards_liquidation_is_acted_on",
    ),
    "two reducing orders flip": (
        "test_two_reducing_orders_do_not_flip",
        "test_two_reducing_orders_never_flip_a_position",
    ),
    "fallback = full budget": ("test_fallback_is_not_full_budget",),
    "epsilon creep": ("test_small_differences_cannot_creep_beyond_fifty_dollars_a_day",),
    "stale exit, false leg missing": ("test_stale_exit", "test_false_leg_missing"),
    "one bad mark as peak": ("test_one_bad_mark_is_not_a_peak",),
    "inverse file as USDC perp": ("test_inverse_file_as_usdc_perp",),
}

SITUATIONS = {
    "venue changes the funding interval mid-hold": (
        "test_an_interval_that_changes_mid_hold_is_projected_anew_at_once_and_closes_nothing",
        "test_a_leg_whose_schedule_is_unknown_for_too_long_is_told_and_held",
        "test_an_interval_unknown_holds_the_pair",
        "test_a_missing_fact_refuses_by_name",
    ),
    "delisting, close-only or settlement date announced": (
        "test_a_market_off_its_venues_list_takes_nothing_new_and_is_told_until_it_is_back",
        "test_delisting_is_left_in_time_for_an_hour_before_it",
    ),
    "withdrawals suspended": ("test_a_venue_that_stops_paying_out_takes_no_new_risk_and_closes_nothing",),
    "the losing side of a cross-venue pair low on margin": (
        "test_from_the_first_rung_on_the_transfer_to_make_is_shown_and_nobody_makes_it",
        "test_every_pair_is_cut_in_step_until_usage_is_under_its_target",
    ),
    "negative coin balance": (
        "test_a_coin_four_thousand_below_zero_is_told_with_the_conversion_to_make",
        "test_only_a_transfer_leaves_the_unit_value_alone",
    ),
    "leg 1 is post-only and the market moves away": (
        "test_a_quote_left_behind_is_moved_three_times_in_fifteen_seconds_and_then_dropped",
    ),
    "exit leg unfillable": (
        "test_exit_leg_that_cannot_fill_freezes_the_other_leg",
        "test_second_exit_leg_that_does_not_fill_leaves_the_first_alone_and_becomes_protective",
    ),
    "manual trade on a symbol we hold": (
        "test_a_manual_trade_on_a_leg_is_foreign_beside_the_pairs_own_fills",
        "test_a_foreign_reduction_of_our_leg_is_a_missing_leg",
    ),
    "venue back after outage": (
        "test_a_venue_back_from_an_outage_takes_no_entry_for_a_minute_of_fresh_data",
    ),
    "deposit coin loses its peg while the pair gains": (
        "test_a_loss_that_is_mostly_currency_is_never_flattened",
        "test_when_more_than_half_of_the_loss_is_currency_it_is_never_flatten",
    ),
    "two strategies, one symbol, opposite sides": (
        "test_two_strategies_on_one_symbol_with_opposite_sides_the_second_is_refused",
    ),
    "settlement row missing 10 min after the instant": (
        "test_a_settlement_row_that_does_not_come_is_an_alert_and_never_booked",
    ),
    "fee tier changes mid-pair": (
        "test_the_fee_tier_changes_mid_pair",
        "test_a_tier_that_eats_the_edge_ends_the_entries",
    ),
    "clock jumps": ("test_a_venue_clock_that_jumps_takes_no_new_risk_until_it_is_right_again",),
    "equity under 1 000 USD, or notional under the venue's minimum": (
        "test_equity_under_the_minimum_opens_nothing",
        "test_below_the_venues_minimum_nothing_is_rounded_up",
    ),
    "strategy paused while a pair is opening": (
        "test_pause_lets_an_opening_pair_finish_and_opens_no_other",
        "test_a_pause_withdraws_and_the_entry_ends_with_what_it_has",
    ),
    "DST, leap day, 366 days": ("test_dst_a_leap_day_and_366_days_change_nothing",),
}

_IN_A_NAME = re.compile(r"^test_bug((?:_[a-z]\d+)+)_")
_IN_WORDS = re.compile(r"\b[Bb]ugs?(?: rows?)? ((?:[A-O]\d+(?:, | and )?)+)")


@cache
def written() -> tuple[tuple[str, str], ...]:
    """(name, docstring) of every test function of the house."""
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        bodies = [ast.parse(path.read_text(encoding="utf-8")).body]
        while bodies:
            for node in bodies.pop():
                if isinstance(node, ast.ClassDef):
                    bodies.append(node.body)
                elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
                    "test_"
                ):
                    found.append((node.name, ast.get_docstring(node) or ""))
    return tuple(found)


@cache
def named() -> dict[str, tuple[str, ...]]:
    """Row -> the tests that name it."""
    rows: dict[str, list[str]] = {}
    for name, words in written():
        ids = []
        in_name = _IN_A_NAME.match(name)
        if in_name:
            ids += [each.upper() for each in in_name[1].split("_") if each]
        for said in _IN_WORDS.finditer(words):
            ids += re.findall(r"[A-O]\d+", said[1])
        for row in ids:
            rows.setdefault(row, []).append(name)
    return {row: tuple(found) for row, found in rows.items()}


@pytest.mark.parametrize("row", ROWS)
def test_each_row_has_a_test_that_names_it(row: str) -> None:
    assert named().get(row), f"{row} ({ROWS[row]}): no test names it"


@pytest.mark.parametrize("case", FAIL_OPEN)
def test_each_fail_open_case_has_its_test(case: str) -> None:
    names = {name for name, _ in written()}
    assert set(FAIL_OPEN[case]) <= names, set(FAIL_OPEN[case]) - names


@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_situation_has_its_tests(situation: str) -> None:
    names = {name for name, _ in written()}
    assert set(SITUATIONS[situation]) <= names, set(SITUATIONS[situation]) - names


def test_the_list_is_whole() -> None:
    """Counted in the design's table; a row that is added there is added here."""
    severities = [text.partition(" · ")[0] for text in ROWS.values()]
    assert tuple(severities.count(each) for each in "CHML") == (31, 54, 19, 3)
    whole = {"A": 10, "B": 17, "F": 6, "K": 4, "N": 9}
    assert {room: sum(row.startswith(room) for row in ROWS) for room in whole} == whole
    assert (len(FAIL_OPEN), len(SITUATIONS)) == (15, 17)


def test_names_and_words_are_both_read() -> None:
    assert named()["H3"] == named()["H4"][: len(named()["H3"])]
    assert all(re.fullmatch(r"[A-O]\d+", row) for row in named())
