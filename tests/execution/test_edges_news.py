"""Edges of what an order's news, a pair's claim and a read are taken for (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.domain.enums import OrderState, PairState, Side, TimeInForce
from services.domain.events import BalanceRow, OrderAccepted, OrderReport, OrderUnknown, WorkingRow
from services.execution.entries import OrderEntry
from services.execution.pair_state import LONG, SHORT
from services.execution.reconcile import DifferenceKind
from services.execution.stops import StopBook
from services.execution.table import OrderTable
from services.settings.parameters import Execution
from tests.execution.builders import BTC_A, BTC_B, MS, SECOND, START
from tests.execution.hand import Hand
from tests.execution.test_edges_pair_doubt import asked
from tests.execution.test_edges_stops import book
from tests.execution.test_reconcile import AT, held, read, run
from tests.execution.test_table import ID, request

D = Decimal
S = PairState
O = OrderState  # noqa: E741


# -- one order --


@pytest.mark.parametrize(
    ("tif", "rests", "may"),
    [(TimeInForce.IOC, None, False), (TimeInForce.GTC, None, True), (TimeInForce.IOC, START, True)],
)
def test_what_may_rest(tif: TimeInForce, rests: int | None, may: bool) -> None:
    assert OrderEntry(request(tif=tif), "alpha", rests_since=rests).may_rest is may


@pytest.mark.parametrize(("after_ms", "doubtful"), [(1999, False), (2000, True)])
def test_an_accept_is_late_by_the_send_and_not_by_the_intent(after_ms: int, doubtful: bool) -> None:
    table = OrderTable(Execution())
    table.add(request(), START - 10 * SECOND)
    table.sent(ID, START)
    table.apply(OrderUnknown("alpha", ID, "502", START), START)
    at = START + after_ms * MS
    table.apply(OrderAccepted("alpha", ID, "v1", START, START), at)
    entry = table.get(ID)
    assert entry is not None
    assert (entry.state is O.IN_DOUBT) is doubtful


def test_an_accept_of_the_very_instant_of_its_cancel_is_older_than_it() -> None:
    table = OrderTable(Execution())
    table.add(request(tif=TimeInForce.GTC), START)
    table.sent(ID, START)
    table.cancel_sent(ID, START + MS)
    at = START + 3 * SECOND
    assert table.due(at).doubted
    table.apply(OrderAccepted("alpha", ID, "v1", START + MS, at), at)
    assert table.due(at + SECOND).cancels == ()


@pytest.mark.parametrize(
    ("asked_s", "answered_s", "said_s", "ends"),
    [(10, 11, 0, True), (9, 11, 0, False), (9, 11, 10, True), (9, 9, 10, False)],
)
def test_no_such_order_is_believed_of_a_question_or_a_word_past_the_settling_time(
    asked_s: int, answered_s: int, said_s: int, ends: bool
) -> None:
    """By the venue's stamp, or by when the question went out; and never before that time is over."""
    table = OrderTable(Execution())
    table.add(request(), START)
    table.sent(ID, START)
    table.apply(OrderUnknown("alpha", ID, "502", START), START)
    entry = table.get(ID)
    assert entry is not None
    entry.next_probe = START + asked_s * SECOND
    assert table.due(START + asked_s * SECOND).probes
    at = START + answered_s * SECOND
    stamp = START + said_s * SECOND
    table.apply(OrderReport(venue="alpha", client_order_id=ID, found=False, ts_event=stamp, ts=at), at)
    assert entry.settled is ends


# -- a pair --


@pytest.mark.parametrize(
    ("state", "resume", "opening", "built"),
    [
        (S.PLANNED, S.HEDGED, False, True),
        (S.OPENING, S.HEDGED, True, True),
        (S.IN_DOUBT, S.OPENING, True, True),
        (S.IN_DOUBT, S.UNWINDING, False, False),
        (S.HEDGED, S.OPENING, False, False),
        (S.FROZEN, S.OPENING, False, False),
    ],
)
def test_what_is_on_its_way_in_claims_all_it_wants(
    state: PairState, resume: PairState, opening: bool, built: bool
) -> None:
    hand = Hand().put(state, "0.1", "0", resume=resume)
    assert (hand.pair.opening, hand.pair.being_built) == (opening, built)
    wants = {BTC_A: D("-0.4"), BTC_B: D("0.4")} if built else {BTC_A: D("-0.1")}
    assert hand.machine.claimed() == wants
    two = msgspec.structs.replace(hand.pair, id="P-99")
    hand.machine.adopt(two)
    assert hand.machine.claimed() == {name: 2 * size for name, size in wants.items()}
    hand.pair.kind = two.kind = "spot"
    assert hand.machine.claimed() == {}


def test_a_read_after_ten_seconds_of_doubt_is_asked_of_the_venue_that_owes_alone() -> None:
    hand = Hand().put(S.OPENING, "0.1", "0")
    hand.memo("owed", SHORT, in_doubt=True, state=O.CANCELED)
    hand.memo("fine", LONG, state=O.SUBMITTED)
    assert asked(hand.tick()) == []
    assert asked(hand.tick(10 * SECOND)) == ["alpha"]


# -- a read --


@pytest.mark.parametrize(("moved", "compared"), [(AT - 1, True), (AT, False), (AT + 1, False)])
def test_balances_wait_while_one_that_moved_may_not_be_in_the_read(moved: int, compared: bool) -> None:
    coins = (BalanceRow("USDC", D(7), D(1), D(1)),)
    report = read(balance="900")
    report = msgspec.structs.replace(report, balances=(*report.balances, *coins))
    found = run(held(asked_ts=AT, moved_ts=moved), report)
    names = [line.subject for line in found.differences if line.kind is DifferenceKind.BALANCE]
    assert names == (["USDC", "USDT"] if compared else [])
    assert found.undecided == (() if compared else ("USDC", "USDT"))


def test_a_count_on_an_instrument_that_we_do_not_know_is_passed_over() -> None:
    table = OrderTable(Execution())
    for name, instrument in (("a" * 20, "GONE-PERP.alpha"), (ID, BTC_A)):
        table.add(msgspec.structs.replace(request(name), instrument=instrument), START)
        table.sent(name, START)
        entry = table.get(name)
        assert entry is not None
        entry.venue_filled, entry.doubt_since, entry.state = D("0.5"), START, O.CANCELED
    found = run(held(orders=table.open_orders(), asked_ts=AT), read())
    assert [event.client_order_id for event in found.events if isinstance(event, OrderReport)] == [ID]


@pytest.mark.parametrize(
    ("facts", "asked_s", "ends"),
    [
        ({"venue_filled": D("0.5")}, 10, True),
        ({"venue_filled": D("0.5")}, 9.999, False),
        ({"venue_filled": D("0.2"), "state": O.ACCEPTED, "doubt_since": None}, 60, False),
    ],
)
def test_a_wrong_count_ends_at_the_settling_time_and_only_where_there_is_one(
    facts: dict[str, Any], asked_s: float, ends: bool
) -> None:
    """Two orders of one instrument, the first of them listed still: each is judged by itself."""
    table = OrderTable(Execution())
    for name in ("a" * 20, ID, "z" * 20):
        table.add(request(name, TimeInForce.GTC), START)
        table.sent(name, START)
        entry = table.get(name)
        assert entry is not None
        entry.filled, entry.venue_filled, entry.doubt_since = D("0.2"), D("0.5"), START
        entry.state, entry.answered, entry.answered_event = O.CANCELED, START, START
    changed = table.get(ID)
    assert changed is not None
    for what, value in facts.items():
        setattr(changed, what, value)
    listed = read("0.2", orders=(_row("a" * 20),), ts_event=AT)
    books = held("0.2", orders=table.open_orders(), asked_ts=START + int(asked_s * SECOND))
    events = [event.client_order_id for event in run(books, listed).events if isinstance(event, OrderReport)]
    late = asked_s >= 10
    assert events == [*([ID] if ends else []), *(["z" * 20] if late else [])]


def _row(name: str) -> WorkingRow:
    return WorkingRow(name, "v1", BTC_A, Side.BUY, D(1), D("0.2"), D(2000), False)


# -- a stop --


@pytest.mark.parametrize("entry", [None, D(0), D(-1)])
def test_a_stop_without_a_known_entry_keeps_its_level_for_what_is_there_now(entry: Decimal | None) -> None:
    stops: StopBook = book()
    stops.on_position(BTC_A, D("0.5"), D(23_000), D(23_000), START)
    level = stops.state.stops[BTC_A].level
    assert stops.on_position(BTC_A, D("0.7"), entry, D(23_000), START) == ()
    assert (stops.state.stops[BTC_A].size, stops.state.stops[BTC_A].level) == (D("0.7"), level)


def test_any_entry_above_zero_is_one() -> None:
    stops = book()
    stops.on_position(BTC_A, D("0.5"), D("0.4"), D("0.4"), START)
    before = stops.state.stops[BTC_A].level
    stops.on_position(BTC_A, D(1), D("0.6"), D("0.6"), START)
    assert stops.state.stops[BTC_A].level > before
