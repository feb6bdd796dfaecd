"""An accept that comes when its order is in doubt: it ends no doubt that would begin again at once."""

from __future__ import annotations

import pytest

from services.domain.enums import OrderState, TimeInForce
from services.domain.events import OrderAccepted, OrderCanceled, OrderReport, OrderUnknown
from services.execution.entries import OrderEntry
from services.execution.table import OrderTable
from services.settings.parameters import Execution
from tests.execution.builders import MS, SECOND, START
from tests.execution.test_table import ID, request

OVERDUE = START + 2 * SECOND


def accept(at: int) -> OrderAccepted:
    return OrderAccepted("alpha", ID, "v1", at, at)


def sent(tif: TimeInForce) -> OrderTable:
    table = OrderTable(Execution())
    table.add(request(tif=tif), START)
    table.sent(ID, START)
    return table


def entry(table: OrderTable) -> OrderEntry:
    found = table.get(ID)
    assert found is not None
    return found


def test_a_late_accept_of_an_order_that_was_to_end_at_once_leaves_it_in_doubt_and_asks_soon() -> None:
    table = sent(TimeInForce.IOC)
    assert [each.id for each in table.due(OVERDUE).doubted] == [ID]
    for probe in (250, 500, 1_000, 2_000, 5_000):
        assert table.due(OVERDUE + probe * MS).probes, "no answer to any"
    heard = OVERDUE + 6 * SECOND
    applied = table.apply(accept(START + 20 * MS), heard)
    assert applied.anomaly is None
    assert (entry(table).state, entry(table).venue_order_id) == (OrderState.IN_DOUBT, "v1")
    assert entry(table).doubt_since == OVERDUE, "one doubt, not two"
    for at in (heard, heard + 250 * MS):
        due = table.due(at)
        assert due.doubted == ()
    assert [probe.client_order_id for probe in due.probes] == [ID]
    ended = table.apply(OrderCanceled("alpha", ID, "remainder", entry(table).filled, heard, heard), heard + 1)
    assert ended.ended


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.GTC])
def test_an_accept_in_time_ends_the_doubt_of_an_error(tif: TimeInForce) -> None:
    table = sent(tif)
    table.apply(OrderUnknown("alpha", ID, "502", START + MS), START + MS)
    assert entry(table).in_doubt
    table.apply(accept(START), START + 20 * MS)
    assert entry(table).state is OrderState.ACCEPTED
    assert table.due(START + 30 * MS).doubted == ()


def test_a_late_accept_of_an_order_that_may_rest_ends_its_doubt() -> None:
    table = sent(TimeInForce.GTC)
    assert table.due(OVERDUE).doubted
    table.apply(accept(START), OVERDUE + SECOND)
    assert entry(table).state is OrderState.ACCEPTED
    assert table.due(OVERDUE + SECOND).doubted == ()


@pytest.mark.parametrize("newer", [False, True])
def test_an_accept_says_nothing_of_a_cancel_under_way(newer: bool) -> None:
    """Taken after the cancel was sent, the order lives: its cancel is sent again."""
    table = sent(TimeInForce.GTC)
    table.cancel_sent(ID, START + MS)
    assert table.due(OVERDUE + MS).doubted
    heard = OVERDUE + SECOND
    table.apply(accept(START + 2 * MS if newer else START), heard)
    assert entry(table).state is OrderState.IN_DOUBT
    due = table.due(heard + 250 * MS)
    assert (due.doubted, due.cancels) == ((), (ID,) if newer else ())


@pytest.mark.parametrize("behind", [-5, 0, 5])
def test_a_doubt_that_ends_alive_asks_again_for_its_cancel_whatever_the_clock_says(
    behind: int,
) -> None:
    """A venue whose clock is behind dates every picture before the cancel that was lost."""
    table = sent(TimeInForce.GTC)
    table.apply(accept(START), START + 20 * MS)
    asked = START + 10 * SECOND
    table.cancel_sent(ID, asked)
    assert table.due(asked + 2 * SECOND).doubted
    heard = asked + 3 * SECOND
    report = OrderReport(
        venue="alpha",
        client_order_id=ID,
        found=True,
        state=OrderState.ACCEPTED,
        ts_event=asked + behind * SECOND,
        ts=heard,
    )
    table.apply(report, heard)
    assert not entry(table).in_doubt
    assert table.next_due() is not None, "an order that is to go is looked at until it has gone"
    assert table.due(heard + 250 * MS).cancels == (ID,)
