"""The table of our orders: counting fills once, doubt and its probes (SEMANTICS 7)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import OrderState, Purpose, Side, TimeInForce
from services.domain.events import (
    CancelRejected,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
)
from services.domain.orders import OrderRequest
from services.execution.table import OrderTable, OrderTableState
from services.settings.parameters import Execution
from tests.execution.builders import BTC_A, MS, SECOND, START

D = Decimal
ID = "abc123000000001e1001"


def request(name: str = ID, tif: TimeInForce = TimeInForce.IOC, quantity: str = "1") -> OrderRequest:
    return OrderRequest(
        client_order_id=name,
        instrument=BTC_A,
        side=Side.BUY,
        quantity=D(quantity),
        price=D(23000),
        tif=tif,
        purpose=Purpose.ENTRY,
        origin="operator",
    )


def fill(trade: str, quantity: str, name: str = ID, price: str = "23000", ts: int = START) -> OrderFilled:
    return OrderFilled(
        venue="alpha",
        instrument=BTC_A,
        client_order_id=name,
        venue_order_id="v1",
        trade_id=trade,
        side=Side.BUY,
        quantity=D(quantity),
        price=D(price),
        fee=D(0),
        fee_coin="USDT",
        ts_event=ts,
        ts=ts,
    )


def accepted(name: str = ID) -> OrderAccepted:
    return OrderAccepted("alpha", name, "v1", START, START)


def canceled(filled: str, name: str = ID) -> OrderCanceled:
    return OrderCanceled("alpha", name, "ioc", D(filled), START, START)


def report(
    found: bool,
    state: OrderState | None = None,
    filled: str = "0",
    *fills: OrderFilled,
    ts_event: int = START,
) -> OrderReport:
    return OrderReport(
        venue="alpha",
        client_order_id=ID,
        found=found,
        state=state,
        filled=D(filled),
        fills=fills,
        ts_event=ts_event,
        ts=ts_event,
    )


@pytest.fixture
def table() -> OrderTable:
    table = OrderTable(Execution())
    table.add(request(), START)
    table.sent(ID, START)
    return table


def test_average_price_and_leaves(table: OrderTable) -> None:
    table.apply(accepted(), START)
    applied = table.apply(fill("t1", "0.25", price="22000"), START)
    entry = applied.entry
    assert entry is not None
    assert (entry.state, entry.leaves, entry.avg_price) == (OrderState.PARTIALLY_FILLED, D("0.75"), D(22000))
    table.apply(fill("t2", "0.75", price="24000"), START)
    assert (entry.state, entry.leaves, entry.avg_price) == (OrderState.FILLED, D(0), D(23500))
    assert entry.settled


def test_the_same_fill_twice_counts_once(table: OrderTable) -> None:
    assert table.apply(fill("t1", "0.25"), START).fills
    again = table.apply(fill("t1", "0.25"), START)
    assert again.duplicate
    assert again.fills == ()
    entry = table.get(ID)
    assert entry is not None
    assert entry.filled == D("0.25")


def test_a_cancel_that_speaks_of_fills_we_have_not_seen_is_not_settled(table: OrderTable) -> None:
    entry = table.apply(canceled("0.4"), START).entry
    assert entry is not None
    assert (entry.state, entry.owed, entry.leaves) == (OrderState.CANCELED, D("0.4"), D("0.4"))
    assert entry.in_doubt
    assert not entry.settled
    assert table.next_due() == START + SECOND // 4
    applied = table.apply(fill("t1", "0.4"), START)
    assert applied.ended
    assert entry.settled
    assert table.next_due() is None


def test_a_silent_order_becomes_in_doubt_and_is_probed_on_schedule(table: OrderTable) -> None:
    assert table.next_due() == START + 2 * SECOND
    assert table.due(START + 2 * SECOND - 1).doubted == ()
    doubted = table.due(START + 2 * SECOND).doubted
    assert [entry.id for entry in doubted] == [ID]
    since = START + 2 * SECOND
    probed = []
    for _ in range(8):
        due = table.next_due()
        assert due is not None
        assert table.due(due - 1).probes == ()
        assert [probe.client_order_id for probe in table.due(due).probes] == [ID]
        probed.append((due - since) / SECOND)
    assert probed == [0.25, 0.5, 1, 2, 5, 10, 20, 30]


def test_no_such_order_counts_only_past_the_settling_time(table: OrderTable) -> None:
    table.apply(OrderUnknown("alpha", ID, "timeout", START), START + SECOND)
    entry = table.get(ID)
    assert entry is not None
    table.apply(report(False, ts_event=START + 9 * SECOND), START + 9 * SECOND)
    assert entry.state is OrderState.IN_DOUBT
    table.apply(report(False, ts_event=START + 10 * SECOND), START + 10 * SECOND)
    assert entry.state is OrderState.REJECTED
    assert entry.settled


def test_no_such_order_that_was_long_under_way_speaks_of_a_time_before(table: OrderTable) -> None:
    """Asked at 7 s, answered at 11: by then the order may have arrived, and a second one would double it."""
    table.apply(OrderUnknown("alpha", ID, "timeout", START), START + SECOND)
    entry = table.get(ID)
    assert entry is not None
    table.apply(report(False, ts_event=START + 7 * SECOND), START + 11 * SECOND)
    assert entry.state is OrderState.IN_DOUBT
    # A venue whose clock lags for ever is believed once it was asked late enough by ours.
    for at in range(1, 18):
        table.due(START + at * SECOND)
    table.apply(report(False, ts_event=START - 60 * SECOND), START + 18 * SECOND)
    assert entry.state is OrderState.REJECTED


def test_a_report_brings_the_missing_fills_once(table: OrderTable) -> None:
    table.apply(fill("t1", "0.3"), START)
    table.apply(OrderUnknown("alpha", ID, "502", START), START)
    applied = table.apply(
        report(True, OrderState.CANCELED, "0.7", fill("t1", "0.3"), fill("t2", "0.4")), START
    )
    assert [f.trade_id for f in applied.fills] == ["t2"]
    assert applied.ended
    entry = table.get(ID)
    assert entry is not None
    assert (entry.state, entry.filled) == (OrderState.CANCELED, D("0.7"))


def test_filled_by_the_venue_without_the_fills_stays_in_doubt(table: OrderTable) -> None:
    table.apply(report(True, OrderState.FILLED, "1"), START)
    entry = table.get(ID)
    assert entry is not None
    assert entry.in_doubt
    table.apply(fill("t1", "1"), START)
    assert entry.settled


def test_rejected_canceled_and_cancel_refused(table: OrderTable) -> None:
    resting = request("r" + ID[1:], TimeInForce.GTC)
    table.add(resting, START)
    table.sent(resting.client_order_id, START)
    table.apply(accepted(resting.client_order_id), START)
    assert table.next_due() == START + 2 * SECOND  # only the other order's
    table.cancel_sent(resting.client_order_id, START + MS)
    entry = table.get(resting.client_order_id)
    assert entry is not None
    assert entry.state is OrderState.PENDING_CANCEL
    table.apply(CancelRejected("alpha", entry.id, "busy", START, START), START)
    assert entry.state is OrderState.IN_DOUBT, "refused is no word on whether it still works"
    applied = table.apply(OrderRejected("alpha", ID, "no margin", START, START), START)
    assert applied.ended
    assert applied.entry is not None
    assert applied.entry.text == "no margin"


def test_foreign_fills_pass_through_once_and_unknown_words_are_anomalies(table: OrderTable) -> None:
    foreign = fill("t9", "2", name="")
    assert table.apply(foreign, START).fills == (foreign,)
    assert table.apply(foreign, START).duplicate
    assert table.apply(canceled("0", "nobody"), START).anomaly is not None
    assert table.recent_fills("alpha", START) == (foreign,)
    assert table.recent_fills("alpha", START + 1) == ()


def test_an_overfill_is_an_anomaly_and_counted(table: OrderTable) -> None:
    applied = table.apply(fill("t1", "1.5"), START)
    assert applied.anomaly is not None
    assert applied.entry is not None
    assert applied.entry.filled == D("1.5")


def test_an_intent_that_did_not_go_out_is_denied_by_a_cancel() -> None:
    table = OrderTable(Execution())
    entry = table.add(request(), START)
    with pytest.raises(ValueError, match="exists already"):
        table.add(request(), START)
    assert table.open_orders(BTC_A) == (entry,)
    assert table.working() == ()
    applied = table.cancel_sent(ID, START)
    assert applied.ended
    assert entry.state is OrderState.DENIED
    assert table.open_orders() == ()


def test_after_a_restart_an_unanswered_intent_may_have_gone_out() -> None:
    table = OrderTable(Execution())
    table.add(request(), START)
    resting = request("r" + ID[1:], TimeInForce.GTC)
    table.add(resting, START)
    table.sent(resting.client_order_id, START)
    table.apply(accepted(resting.client_order_id), START)
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(table.state), type=OrderTableState)
    again = OrderTable(Execution(), state)
    assert [entry.id for entry in again.restored(START + SECOND)] == [ID]
    assert [probe.client_order_id for probe in again.due(START + SECOND).probes] == [ID]


def test_prune_forgets_only_what_has_been_settled_for_long(table: OrderTable) -> None:
    table.apply(fill("t1", "1"), START)
    assert table.prune(START + 599 * SECOND) == 0
    assert table.prune(START + 600 * SECOND) == 1
    assert table.recent_fills("alpha", 0) == ()


EVENTS = st.one_of(
    st.just("accepted"),
    st.just("canceled"),
    st.just("unknown"),
    st.just("probe"),
    st.integers(0, 3),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(EVENTS, max_size=20))
def test_whatever_the_order_of_events_each_trade_counts_once(events: list[str | int]) -> None:
    table = OrderTable(Execution())
    table.add(request(), START)
    table.sent(ID, START)
    trades = [fill(f"t{number}", "0.25") for number in range(4)]
    seen: set[int] = set()
    for event in events:
        if isinstance(event, int):
            table.apply(trades[event], START)
            seen.add(event)
        elif event == "accepted":
            table.apply(accepted(), START)
        elif event == "unknown":
            table.apply(OrderUnknown("alpha", ID, "?", START), START)
        elif event == "canceled":
            table.apply(canceled("0.25"), START)
        else:
            table.apply(report(True, OrderState.CANCELED, "0.5", trades[0], trades[1]), START)
            seen.update((0, 1))
        entry = table.get(ID)
        assert entry is not None
        assert entry.filled == D("0.25") * len(seen)
        assert entry.filled + entry.leaves <= 1
        assert (entry.doubt_since is not None) == entry.in_doubt


def test_an_order_that_rests_is_in_no_doubt_however_long_it_is_silent() -> None:
    resting = OrderTable(Execution())
    resting.add(request(tif=TimeInForce.GTC), START)
    resting.sent(ID, START)
    assert resting.next_due() == START + 2 * SECOND  # its accept is still owed
    resting.apply(accepted(), START + MS)
    assert resting.next_due() is None
    resting.apply(fill("t1", "0.4"), START + 3600 * SECOND)
    due = resting.due(START + 7200 * SECOND)
    assert (due.doubted, due.probes, due.next_due) == ((), (), None)


def test_asking_for_a_cancel_again_does_not_put_off_the_doubt() -> None:
    resting = OrderTable(Execution())
    resting.add(request(tif=TimeInForce.GTC), START)
    resting.sent(ID, START)
    resting.apply(accepted(), START)
    for count in range(4):
        resting.cancel_sent(ID, START + count * SECOND // 2)
    assert resting.next_due() == START + 2 * SECOND
    (doubted,) = resting.due(START + 2 * SECOND).doubted
    assert doubted.in_doubt
    # Found standing after all: the next cancel has its full time again.
    resting.apply(report(True, OrderState.ACCEPTED), START + 3 * SECOND)
    resting.cancel_sent(ID, START + 4 * SECOND)
    assert resting.next_due() == START + 6 * SECOND


def test_a_cancel_asked_for_again_and_again_does_not_put_the_doubt_off() -> None:
    """The send was lost; the machine asks for the cancel every two seconds. Found by the adversary."""
    table = OrderTable(Execution())
    entry = table.add(request("g" + ID[1:], TimeInForce.GTC), START)
    table.sent(entry.id, START)
    for second in range(1, 4):
        table.cancel_sent(entry.id, START + second * SECOND)
    assert table.due(START + 3 * SECOND).doubted == (entry,)
    assert entry.in_doubt


def test_an_order_that_a_late_word_opens_again_takes_its_old_place() -> None:
    """The list of open orders is in the table's order whatever came and went: effects depend on it."""
    table = OrderTable(Execution())
    first = table.add(request(), START)
    second = table.add(msgspec.structs.replace(request(), client_order_id="b" * 20), START)
    for entry in (first, second):
        table.sent(entry.id, START)
    table.apply(OrderCanceled("alpha", first.id, "gone", D(0), START, START), START)
    assert table.open_orders() == (second,)
    late = OrderReport(
        venue="alpha", client_order_id=first.id, found=True, filled=D("0.5"), ts_event=START, ts=START
    )
    table.apply(late, START)
    assert table.open_orders() == (first, second)
    assert OrderTable(Execution(), table.state).open_orders() == (first, second)
