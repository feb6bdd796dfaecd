"""An order that was to end at once and is shown working by its venue: no doubt, but canceled until it is gone
(SEMANTICS 7, 10)."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest

from services.domain.enums import OrderState, OrderType, TimeInForce
from services.domain.events import CancelRejected, OrderAccepted, OrderCanceled, OrderFilled, OrderReport
from services.execution.entries import OrderEntry
from services.execution.table import OrderTable
from services.settings.parameters import Execution
from tests.execution.builders import MS, SECOND, START
from tests.execution.test_table import ID, fill, request

D = Decimal
OVERDUE = START + 2 * SECOND
QUARTER = 250 * MS


def alive(at: int, filled: str = "0") -> OrderReport:
    state = OrderState.PARTIALLY_FILLED if D(filled) else OrderState.ACCEPTED
    return OrderReport(
        venue="alpha",
        client_order_id=ID,
        found=True,
        state=state,
        venue_order_id="v1",
        filled=D(filled),
        ts_event=at,
        ts=at,
    )


@pytest.fixture
def table() -> OrderTable:
    """One that was taken, fell silent, was asked after, and is shown alive when it was overdue."""
    table = OrderTable(Execution())
    table.add(request(), START)
    table.sent(ID, START)
    table.apply(OrderAccepted("alpha", ID, "v1", START, START), START)
    assert [entry.id for entry in table.due(OVERDUE).doubted] == [ID]
    table.due(OVERDUE + QUARTER)
    table.apply(alive(OVERDUE + QUARTER), OVERDUE + QUARTER)
    return table


def entry(table: OrderTable) -> OrderEntry:
    found = table.get(ID)
    assert found is not None
    return found


def play(table: OrderTable, until: int, *, answers: bool) -> tuple[list[float], list[float], int]:
    """The clock goes on, every question is answered (or none is): (cancels, probes) in seconds after it was
    overdue, and how often it fell into doubt."""
    cancels: list[float] = []
    probes: list[float] = []
    doubts = 0
    while (at := table.next_due()) is not None and at <= until:
        due = table.due(at)
        doubts += len(due.doubted)
        for name in due.cancels:
            cancels.append((at - OVERDUE) / SECOND)
            table.cancel_sent(name, at)
        for _ in due.probes:
            probes.append((at - OVERDUE) / SECOND)
            if answers:
                table.apply(alive(at + MS), at + MS)
    return cancels, probes, doubts


def test_it_is_canceled_at_once_and_in_no_doubt(table: OrderTable) -> None:
    assert entry(table).overstays
    assert not entry(table).in_doubt
    assert table.next_due() == OVERDUE + QUARTER
    assert table.due(OVERDUE + QUARTER).cancels == (ID,)


def test_as_long_as_the_venue_answers_it_is_asked_to_go_in_widening_steps_and_never_in_doubt(
    table: OrderTable,
) -> None:
    cancels, probes, doubts = play(table, OVERDUE + 60 * SECOND, answers=True)
    assert doubts == 0
    assert cancels[0] == 0.25
    gaps = [later - sooner for sooner, later in pairwise(cancels)]
    assert 8 <= len(cancels) <= 14
    assert max(gaps) <= 21  # a question and a step of ten seconds each
    assert len(probes) >= 8
    assert entry(table).overstays
    assert entry(table) in table.open_orders()


def test_questions_without_an_answer_make_a_doubt_of_it_once(table: OrderTable) -> None:
    cancels, probes, doubts = play(table, OVERDUE + 5 * SECOND, answers=False)
    assert (cancels, doubts) == ([0.25], 1)
    assert probes[0] == 0.5
    assert entry(table).doubt_since == OVERDUE + 2 * QUARTER + 2 * SECOND
    # It is heard of again: no doubt any more, and asked to go again.
    table.apply(alive(OVERDUE + 6 * SECOND), OVERDUE + 6 * SECOND)
    assert entry(table).overstays
    assert play(table, OVERDUE + 7 * SECOND, answers=True)[0]


def test_what_it_still_fills_counts_and_what_ends_it_ends_the_asking(table: OrderTable) -> None:
    now = OVERDUE + SECOND
    table.due(OVERDUE + QUARTER)
    table.cancel_sent(ID, OVERDUE + QUARTER)
    table.apply(fill("t1", "0.25", ts=now), now)
    assert (entry(table).filled, entry(table).leaves) == (D("0.25"), D("0.75"))
    assert entry(table).overstays
    applied = table.apply(OrderCanceled("alpha", ID, "asked", D("0.25"), now, now), now)
    assert applied.ended
    assert not entry(table).overstays
    assert table.next_due() is None


def test_a_refused_cancel_asks_whether_it_is_gone_without_a_doubt(table: OrderTable) -> None:
    now = OVERDUE + QUARTER
    table.due(now)
    table.cancel_sent(ID, now)
    play(table, OVERDUE + 30 * SECOND, answers=True)
    now = OVERDUE + 30 * SECOND
    table.apply(CancelRejected("alpha", ID, "no such order", now, now), now)
    assert entry(table).overstays
    assert entry(table).next_probe == now + QUARTER
    due = table.due(now + QUARTER)
    assert [probe.client_order_id for probe in due.probes] == [ID]
    gone = msgspec.structs.replace(alive(now), found=False, state=None)
    applied = table.apply(gone, now + QUARTER)
    assert applied.ended
    assert entry(table).state is OrderState.CANCELED


def test_no_such_order_within_the_settling_time_ends_nothing(table: OrderTable) -> None:
    gone = msgspec.structs.replace(alive(OVERDUE + SECOND), found=False, state=None)
    table.apply(gone, START + 10 * SECOND - 1)
    assert not entry(table).ended
    gone = msgspec.structs.replace(gone, ts_event=START + 10 * SECOND)
    table.apply(gone, START + 10 * SECOND)
    assert entry(table).ended


def test_fills_that_the_venue_speaks_of_and_we_have_not_seen_are_a_doubt_whatever_it_shows(
    table: OrderTable,
) -> None:
    now = OVERDUE + SECOND
    table.apply(alive(now, "0.5"), now)
    assert entry(table).in_doubt
    assert not entry(table).overstays
    at = table.next_due()
    assert at is not None
    assert at <= now + SECOND  # it is asked after: the fills may be in the answer
    at = (
        entry(table).next_probe or 0
    )  # in doubt, it is asked after; that is no question of one that overstays
    assert table.due(at).probes
    table.apply(fill("t1", "0.5", ts=now), at)
    assert entry(table).overstays
    assert entry(table).asked_since is None


@pytest.mark.parametrize("early", [True, False])
def test_one_that_is_not_overdue_or_may_rest_is_left_alone(early: bool) -> None:
    table = OrderTable(Execution())
    table.add(request(tif=TimeInForce.IOC if early else TimeInForce.GTC), START)
    table.sent(ID, START)
    table.apply(OrderAccepted("alpha", ID, "v1", START, START), START)
    at = OVERDUE - 1 if early else OVERDUE + 60 * SECOND
    table.apply(alive(at), at)
    assert not entry(table).overstays
    assert table.due(at).cancels == ()


def test_a_late_fill_of_the_whole_ends_it(table: OrderTable) -> None:
    applied = table.apply(fill("t1", "1", ts=OVERDUE + SECOND), OVERDUE + SECOND)
    assert isinstance(applied.fills[0], OrderFilled)
    assert entry(table).state is OrderState.FILLED
    assert table.next_due() is None


def test_one_that_rests_and_does_not_go_when_asked_is_asked_again_and_in_doubt_once() -> None:
    """A quote, a ticket, a backstop: its cancel is overdue, and the venue shows it working."""
    table = OrderTable(Execution())
    table.add(request(tif=TimeInForce.GTC), START)
    table.sent(ID, START)
    table.apply(OrderAccepted("alpha", ID, "v1", START, START), START)
    asked = START + 60 * SECOND
    table.cancel_sent(ID, asked)
    assert [each.id for each in table.due(asked + 2 * SECOND).doubted] == [ID]
    cancels, _, doubts = play(table, asked + 60 * SECOND, answers=True)
    assert entry(table).overstays
    assert doubts == 0
    assert 5 <= len(cancels) <= 12
    now = asked + 60 * SECOND
    table.apply(OrderCanceled("alpha", ID, "asked", D(0), now, now), now)
    assert table.next_due() is None


def test_a_cancel_that_was_lost_once_makes_no_order_overstay() -> None:
    """Shown alive before its cancel was overdue: it is asked for again, and that is all."""
    table = OrderTable(Execution())
    table.add(request(tif=TimeInForce.GTC), START)
    table.sent(ID, START)
    table.apply(OrderAccepted("alpha", ID, "v1", START, START), START)
    table.cancel_sent(ID, START + SECOND)
    table.apply(alive(START + 2 * SECOND), START + 2 * SECOND)
    assert not entry(table).overstays
    assert table.due(START + 2 * SECOND + QUARTER).cancels == (ID,)


def test_what_waits_for_its_trigger_may_rest() -> None:
    waits = msgspec.structs.replace(request(), trigger=D(20_000))
    assert request().tif is TimeInForce.IOC
    assert OrderEntry(request(), "alpha").immediate
    taking = msgspec.structs.replace(request(tif=TimeInForce.GTC), type=OrderType.MARKET)
    assert OrderEntry(taking, "alpha").immediate
    assert not OrderEntry(waits, "alpha").immediate


def test_shown_alive_before_the_clock_came_round_it_is_asked_after_from_the_first_step_on() -> None:
    table = OrderTable(Execution())
    table.add(request(), START)
    table.sent(ID, START + SECOND)
    table.apply(OrderAccepted("alpha", ID, "v1", START, START), START + SECOND)
    table.apply(alive(OVERDUE), OVERDUE)
    assert not entry(table).overstays, "two seconds from the send, not from the intent"
    at = OVERDUE + SECOND
    table.apply(alive(at), at)
    assert (entry(table).overstays, entry(table).probes) == (True, 0)
    assert table.due(at).cancels == (ID,)
    table.cancel_sent(ID, at)
    assert table.next_due() == at + QUARTER
    assert [probe.client_order_id for probe in table.due(at + QUARTER).probes] == [ID]
    assert entry(table).asked_since == at + QUARTER
    assert table.next_due() == at + QUARTER + 2 * QUARTER


def test_what_was_unsent_at_the_end_may_be_out_there_and_nothing_else_is_touched() -> None:
    table = OrderTable(Execution())
    for number, name in enumerate(("unsent", "sent", "ended")):
        table.add(msgspec.structs.replace(request(), client_order_id=name), START + number)
    table.sent("sent", START)
    table.denied("ended", "no", START)
    table.doubt_unsent(START + SECOND)
    found = {name: table.state.orders[name] for name in ("unsent", "sent", "ended")}
    assert [each.in_doubt for each in found.values()] == [True, False, False]
    assert found["unsent"].next_probe == START + SECOND + QUARTER
    assert found["sent"].state is OrderState.SUBMITTED
