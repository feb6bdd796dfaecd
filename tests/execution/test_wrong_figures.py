"""A venue that once says of an order that more of it is filled than is: the doubt ends, and not too soon."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.domain.enums import OrderState, TimeInForce
from services.domain.events import OrderAccepted, OrderCanceled, OrderReport
from services.execution.table import OrderTable
from services.settings.parameters import Execution
from tests.execution.builders import SECOND, START
from tests.execution.test_table import ID, fill, request

D = Decimal


def resting() -> OrderTable:
    table = OrderTable(Execution())
    table.add(request(tif=TimeInForce.GTC), START)
    table.sent(ID, START)
    table.apply(OrderAccepted("alpha", ID, "v1", START, START), START)
    table.apply(fill("t1", "0.2"), START)
    return table


def told(
    table: OrderTable, after_s: float, filled: str, state: OrderState = OrderState.ACCEPTED
) -> str | None:
    at = START + int(after_s * SECOND)
    report = OrderReport(
        venue="alpha", client_order_id=ID, found=True, state=state, venue_order_id="v1", filled=D(filled),
        ts_event=at, ts=at,
    )  # fmt: skip
    return table.apply(report, at).anomaly


def test_an_order_of_which_too_much_was_said_once_rests_again_past_the_settling_time() -> None:
    table = resting()
    told(table, 1, "0.5")
    assert [entry.owed for entry in table.doubtful()] == [D("0.3")]
    assert told(table, 10, "0.2") is None
    assert table.doubtful(), "that answer may be older than the fill"
    assert told(table, 11, "0.2") == "the venue spoke of 0.5 filled, of which only 0.2 is"
    (entry,) = table.working()
    assert (entry.venue_filled, entry.filled, entry.doubt_since) == (D("0.2"), D("0.2"), None)


def test_an_answer_that_says_what_all_have_said_is_no_anomaly() -> None:
    """In doubt for another reason: its cancel was not answered."""
    table = resting()
    told(table, 1, "0.2")
    table.cancel_sent(ID, START + SECOND)
    table.due(START + 5 * SECOND)
    assert table.doubtful()
    assert told(table, 20, "0.2", OrderState.CANCELED) is None


def test_a_canceled_one_is_settled_by_it_and_a_later_fill_counts_all_the_same() -> None:
    table = resting()
    table.apply(OrderCanceled("alpha", ID, "", D("0.5"), START, START), START)
    assert table.doubtful()
    assert told(table, 12, "0.2", OrderState.CANCELED) is not None
    entry = table.get(ID)
    assert entry is not None
    assert entry.settled
    applied = table.apply(fill("t2", "0.3"), START + 13 * SECOND)
    assert (len(applied.fills), entry.filled, entry.settled) == (1, D("0.5"), True)


@pytest.mark.parametrize("filled", ["0.1", "0.3"])
def test_what_is_not_just_what_we_have_counted_settles_nothing(filled: str) -> None:
    """Less: an answer of before. More: a fill is missing still."""
    table = resting()
    told(table, 1, "0.5")
    assert told(table, 30, filled) is None
    assert [entry.owed for entry in table.doubtful()] == [D("0.3")]
    assert told(table, 31, "0.7") is None
    assert [entry.owed for entry in table.doubtful()] == [D("0.5")]
