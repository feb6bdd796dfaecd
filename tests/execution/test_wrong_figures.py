"""A venue that once says of an order that more of it is filled than is: the doubt ends, and not too soon."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import OrderState, TimeInForce
from services.domain.events import OrderAccepted, OrderCanceled, OrderFilled, OrderReport
from services.execution.table import OrderTable
from services.settings.parameters import Execution
from tests.execution.builders import SECOND, SPOT_A, START
from tests.execution.test_reconcile import held, read, run
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


def forgotten(
    table: OrderTable, after_s: float, position: str = "0.2", spot: str = "0", *fills: OrderFilled
) -> list[str]:
    """A read that lists the order no more, asked so late; what it says of it, and the table hears."""
    at = START + int(after_s * SECOND)
    coin = read(balance=spot).balances[0]
    report = read(position, fills=(fill("t1", "0.2"), *fills), ts_event=at)
    report = msgspec.structs.replace(
        report, ts=at, balances=(*report.balances, msgspec.structs.replace(coin, coin="BTC"))
    )
    books = msgspec.structs.replace(
        held("0.2", orders=table.open_orders(), asked_ts=at - 1),
        balances={"USDT": D(1000), "BTC": D("0.7")},
        known_trades=frozenset({("BTC-USDT-PERP.alpha", "t1")}),
    )
    said = []
    for event in run(books, report).events:
        if isinstance(event, OrderCanceled | OrderReport):
            applied = table.apply(event, at)
            said.append(applied.anomaly or event.__class__.__name__)
    return said


WRONG = "the venue spoke of 0.5 filled, of which only 0.2 is"


def test_a_count_of_an_order_that_is_forgotten_ends_by_a_read_that_shows_our_own_figure() -> None:
    """No probe can: "no such order" says nothing of the fill that was spoken of (in doubt for ever)."""
    table = resting()
    told(table, 1, "0.5")
    assert forgotten(table, 11) == ["OrderCanceled"], "asked before the settling time was over"
    late = OrderReport(
        venue="alpha", client_order_id=ID, found=False, ts_event=START + 30 * SECOND, ts=START + 30 * SECOND
    )
    table.apply(late, START + 30 * SECOND)
    assert [entry.owed for entry in table.doubtful()] == [D("0.3")]
    assert forgotten(table, 11 + 1e-6) == [WRONG]
    entry = table.get(ID)
    assert entry is not None
    assert (entry.settled, entry.filled) == (True, D("0.2"))


@pytest.mark.parametrize(("position", "fills"), [("0.5", 0), ("0.1", 0), ("0.2", 1)])
def test_not_by_one_that_shows_something_else_or_a_trade_that_we_lack(position: str, fills: int) -> None:
    table = resting()
    told(table, 1, "0.5")
    strange = tuple(
        msgspec.structs.replace(fill(f"s{n}", "0.3"), client_order_id="", instrument="BTC-USDT-PERP.alpha")
        for n in range(fills)
    )
    assert WRONG not in forgotten(table, 60, position, "0", *strange)
    assert [entry.owed for entry in table.doubtful()] == [D("0.3")]


@pytest.mark.parametrize(("balance", "ends"), [("0.7", True), ("1", False)])
def test_of_spot_the_coin_s_balance_shows_it(balance: str, ends: bool) -> None:
    table = OrderTable(Execution())
    table.add(msgspec.structs.replace(request(), instrument=SPOT_A), START)
    table.sent(ID, START)
    table.apply(OrderCanceled("alpha", ID, "", D("0.5"), START, START), START)
    forgotten(table, 60, "0.2", balance)
    assert bool(table.doubtful()) is not ends
