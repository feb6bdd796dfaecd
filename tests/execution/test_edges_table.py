"""Edges of the table of orders and of its clocks, each once changed unnoticed (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import OrderState, TimeInForce
from services.domain.events import CancelRejected, OrderAccepted, OrderCanceled, OrderRejected, OrderReport
from services.domain.orders import OrderRequest
from services.execution.entries import OrderEntry
from services.execution.table import OrderTable
from services.settings.parameters import Execution
from tests.execution.builders import BTC_A, BTC_B, MS, SECOND, START, USDT_A
from tests.execution.test_table import fill, request

D = Decimal
S = OrderState
T = START
GTC, IOC = TimeInForce.GTC, TimeInForce.IOC


def table_of(*orders: OrderRequest, sent: bool = True) -> OrderTable:
    table = OrderTable(Execution())
    for order in orders:
        table.add(order, T)
        if sent:
            table.sent(order.client_order_id, T)
    return table


def entry_of(table: OrderTable, name: str) -> OrderEntry:
    entry = table.get(name)
    assert entry is not None
    return entry


def accept(name: str, at: int = T, venue_order_id: str = "v1") -> OrderAccepted:
    return OrderAccepted("alpha", name, venue_order_id, at, at)


def gone(name: str, filled: str = "0", at: int = T) -> OrderCanceled:
    return OrderCanceled("alpha", name, "gone", D(filled), at, at)


def report(
    name: str, state: OrderState | None, filled: str = "0", at: int = T, **more: object
) -> OrderReport:
    facts = {
        "venue": "alpha", "client_order_id": name, "found": True, "state": state, "filled": D(filled),
        "ts_event": at, "ts": at, **more,
    }  # fmt: skip
    return OrderReport(**facts)  # type: ignore[arg-type]


def names(entries: tuple[OrderEntry, ...]) -> list[str]:
    return [entry.id for entry in entries]


# -- asking --


def test_open_orders_by_instrument_pair_and_venue() -> None:
    structs = msgspec.structs
    orders = [
        request("a"),
        structs.replace(request("b"), pair="P-01"),
        structs.replace(request("c"), pair="P-02", instrument=BTC_B),
        structs.replace(request("d"), pair="P-01", instrument=USDT_A),
        request("e"),
    ]
    table = table_of(*orders)
    table.denied("e", "no", T)
    table.apply(gone("e"), T)
    assert names(table.open_orders()) == ["a", "b", "c", "d"]
    assert names(table.open_orders(BTC_A)) == ["a", "b"]
    assert names(table.open_orders(pair="P-01")) == ["b", "d"]
    assert names(table.open_orders(venue="beta")) == ["c"]
    assert names(table.open_orders(BTC_A, pair="P-01", venue="alpha")) == ["b"]
    table.apply(gone("b", "0.5"), T)
    assert names(table.open_orders(BTC_A)) == ["a", "b"], "the venue speaks of a fill that we have not seen"
    table.apply(gone("a"), T)
    assert names(table.open_orders(BTC_A)) == ["b"]


def test_working_is_sent_not_ended_and_not_in_doubt() -> None:
    table = table_of(*(request(name, GTC) for name in "abcd"))
    table.add(request("e", GTC), T)
    table.apply(accept("b"), T)
    table.apply(gone("c", "0.5"), T)
    table.due(T + 2 * SECOND)
    assert {name: entry_of(table, name).state for name in "abcde"} == {
        "a": S.IN_DOUBT, "b": S.ACCEPTED, "c": S.CANCELED, "d": S.IN_DOUBT, "e": S.INITIALIZED,
    }  # fmt: skip
    assert names(table.working()) == ["b"]
    assert names(table.doubtful()) == ["a", "c", "d"]


def test_recent_fills_are_those_of_one_venue_since_a_moment() -> None:
    table = table_of(request("a"))
    for trade, venue, at in (("1", "alpha", T), ("2", "beta", T), ("3", "alpha", T - 1)):
        table.apply(msgspec.structs.replace(fill(trade, "0.1", "", ts=at), venue=venue), T)
    assert [each.trade_id for each in table.recent_fills("alpha", T)] == ["1"]


# -- our own steps --


def test_an_adopted_order_is_accepted_and_what_it_says_to_have_filled_is_asked_for() -> None:
    table = OrderTable(Execution())
    entry = table.adopt(request("a", GTC), "v9", D("0.4"), T - 7, T)
    assert (entry.state, entry.sent, entry.answered, entry.answered_event) == (S.ACCEPTED, T, T, T - 7)
    assert (entry.venue_order_id, entry.owed, entry.doubt_since) == ("v9", D("0.4"), T)
    assert table.next_due() == T + 250 * MS


def test_sent_is_when_it_went_out_the_first_time() -> None:
    table = table_of(request("a"))
    assert table.sent("a", T + 5).anomaly is not None
    assert entry_of(table, "a").sent == T
    for unknown in (table.sent("x", T), table.cancel_sent("x", T), table.denied("x", "", T)):
        assert unknown.entry is None
        assert unknown.anomaly is not None
    table.cancel_failed("x", T)
    assert table.get("x") is None


def test_an_end_is_told_once_whoever_tells_it() -> None:
    table = table_of(request("a"), request("b"), sent=False)
    assert [table.denied("a", "no", T).ended for _ in range(2)] == [True, False]
    assert not table.sent("b", T).ended
    told = [accept("b"), gone("b"), gone("b"), fill("9", "0.2", "b"), fill("9", "0.2", "b")]
    assert [table.apply(event, T).ended for event in told] == [False, True, False, False, False]
    other = table_of(request("c"))
    told = [fill("1", "0.4", "c"), fill("2", "0.6", "c"), accept("c")]
    assert [other.apply(event, T).ended for event in told] == [False, True, False]


def test_a_change_has_its_time_and_a_fill_too() -> None:
    table = table_of(request("a"))
    entry = entry_of(table, "a")
    for count, event in enumerate(
        (accept("a"), fill("1", "0.1", "a"), fill("2", "0.1", "a"), accept("a"), gone("a", "0.2")), 1
    ):
        table.apply(event, T + count)
        assert entry.changed == T + (3 if count == 4 else count)


# -- the venue's words --


@pytest.mark.parametrize(
    "event",
    [
        accept("a", T - 3),
        OrderRejected("alpha", "a", "no", T - 3, T),
        gone("a", at=T - 3),
        fill("1", "0.5", "a", ts=T - 3),
        report("a", S.ACCEPTED, at=T - 3),
    ],
)
def test_any_word_of_the_venue_is_an_answer_and_the_first_one_counts(event: object) -> None:
    table = table_of(request("a"))
    entry = entry_of(table, "a")
    table.apply(event, T + 4)  # type: ignore[arg-type]
    assert (entry.answered, entry.answered_event) == (T + 4, T - 3)
    table.apply(accept("a", T + 9), T + 9)
    assert (entry.answered, entry.answered_event) == (T + 4, T - 3)


def test_the_venues_number_is_kept_from_whichever_word_brings_it() -> None:
    table = table_of(*(request(name) for name in "abcd"))
    table.apply(accept("a", venue_order_id="va"), T)
    table.apply(fill("1", "0.5", "b"), T)
    table.apply(report("c", S.ACCEPTED, venue_order_id="vc"), T)
    table.apply(accept("d", venue_order_id="vd"), T)
    table.apply(fill("2", "0.5", "d"), T)
    table.apply(report("d", S.ACCEPTED), T)
    assert [entry_of(table, name).venue_order_id for name in "abcd"] == ["va", "v1", "vc", "vd"]


def test_a_trade_is_counted_once_also_when_the_list_of_recent_ones_is_swept() -> None:
    table = table_of(request("a"))
    table.apply(fill("1", "0.4", "a"), T)
    table.state.recent.clear()
    assert table.apply(fill("1", "0.4", "a"), T + 1).duplicate
    assert entry_of(table, "a").filled == D("0.4")


def test_of_a_report_the_first_oddity_is_told() -> None:
    table = table_of(request("a", quantity="1"))
    many = (fill("1", "0.9", "a"), fill("2", "0.9", "a"), fill("3", "0.1", "a"))
    applied = table.apply(report("a", S.FILLED, "1.9", fills=many), T)
    assert applied.anomaly == "order a: filled 1.8 of 1"
    assert [each.trade_id for each in applied.fills] == ["1", "2", "3"]
    odd = table_of(request("b"))
    odd.apply(OrderRejected("alpha", "b", "no", T, T), T)
    assert "impossible" in (odd.apply(report("b", S.ACCEPTED), T).anomaly or "")
    over = table_of(request("c"))
    text = over.apply(report("c", S.CANCELED, "1.5", fills=(fill("5", "1.5", "c"),)), T).anomaly
    assert text == "order c: filled 1.5 of 1"


def test_filled_by_the_venues_word_without_all_its_fills_is_in_doubt_until_they_come() -> None:
    table = table_of(request("a"))
    entry = entry_of(table, "a")
    table.apply(report("a", None), T)
    assert entry.state is S.SUBMITTED
    table.apply(report("a", S.FILLED, "1", fills=(fill("1", "0.6", "a"),)), T + 1)
    assert (entry.state, entry.owed, entry.text) == (S.IN_DOUBT, D("0.4"), "filled, waiting for the fills")
    table.apply(report("a", S.FILLED, "1", fills=(fill("1", "0.6", "a"), fill("2", "0.4", "a"))), T + 2)
    assert (entry.state, entry.settled) == (S.FILLED, True)
    alive = table_of(request("b", GTC))
    alive.apply(fill("7", "0.4", "b"), T)
    alive.due(T + 2 * SECOND)
    entry_of(alive, "b").state = S.IN_DOUBT
    alive.apply(report("b", S.ACCEPTED, "0.4"), T)
    assert entry_of(alive, "b").state is S.PARTIALLY_FILLED


@pytest.mark.parametrize(
    ("doubt", "owed", "after_s", "ends"),
    [(True, False, 11, True), (True, False, 10, False), (False, False, 11, False), (True, True, 11, False)],
)
def test_no_such_order_counts_only_of_one_in_doubt_that_owes_nothing_past_the_settling_time(
    doubt: bool, owed: bool, after_s: int, ends: bool
) -> None:
    """The settling time runs from the send, one second after the intent."""
    table = table_of(request("a", GTC), sent=False)
    table.sent("a", T + SECOND)
    entry = entry_of(table, "a")
    entry.state = S.IN_DOUBT if doubt else S.ACCEPTED
    entry.venue_filled = D("0.5") if owed else D(0)
    missing = report("a", None, at=T + after_s * SECOND, found=False)
    table.apply(missing, T + after_s * SECOND)
    assert entry.ended is ends
    assert entry.state is (S.REJECTED if ends else S.IN_DOUBT if doubt else S.ACCEPTED)


# -- the clock --


def test_doubt_comes_once_and_the_earliest_moment_is_next() -> None:
    table = table_of(request("a"), sent=False)
    table.sent("a", T + SECOND)
    table.add(request("b"), T)
    table.sent("b", T)
    table.add(request("c"), T)
    assert table.next_due() == T + 2 * SECOND
    due = table.due(T + 3 * SECOND)
    assert [names(due.doubted), names(table.doubtful())] == [["a", "b"]] * 2
    again = table.due(T + 3 * SECOND + 250 * MS)
    assert (again.doubted, [probe.client_order_id for probe in again.probes]) == ((), ["a", "b"])
    assert again.next_due == T + 3 * SECOND + 500 * MS


def test_a_cancel_is_asked_again_once_for_each_failure() -> None:
    table = table_of(request("a", GTC))
    table.apply(accept("a"), T)
    table.cancel_sent("a", T)
    table.cancel_failed("a", T)
    assert table.next_due() == T + 250 * MS
    assert table.due(T + 250 * MS - 1).cancels == ()
    assert [table.due(T + 250 * MS).cancels for _ in range(2)] == [("a",), ()]
    refused = table_of(request("b", GTC))
    refused.apply(accept("b"), T)
    refused.cancel_sent("b", T)
    refused.apply(CancelRejected("alpha", "b", "no", T, T), T)
    assert entry_of(refused, "b").next_cancel == T + 250 * MS


def test_after_a_restart_all_but_resting_orders_are_in_doubt() -> None:
    table = table_of(request("rests", GTC), request("sent", GTC), request("ioc"), request("owed", GTC))
    for name in ("rests", "ioc", "owed"):
        table.apply(accept(name), T)
    table.add(request("intent", GTC), T)
    entry_of(table, "owed").venue_filled = D("0.1")
    later = T + 9 * SECOND
    assert names(table.restored(later)) == ["sent", "ioc", "intent"]
    for name in ("sent", "ioc", "intent"):
        entry = entry_of(table, name)
        assert (entry.state, entry.doubt_since, entry.next_probe) == (S.IN_DOUBT, later, later)
    assert entry_of(table, "rests").state is S.ACCEPTED


def test_only_what_is_settled_for_ten_minutes_is_forgotten() -> None:
    table = table_of(*(request(name) for name in "abc"))
    table.apply(gone("a"), T)
    table.apply(gone("b"), T + 1)
    table.apply(fill("1", "0.1", "c", ts=T), T)
    table.apply(fill("2", "0.1", "c", ts=T + 1), T)
    assert table.prune(T + 600 * SECOND) == 1
    assert list(table.state.orders) == ["b", "c"]
    assert [each.trade_id for each in table.state.recent.values()] == ["2"]
