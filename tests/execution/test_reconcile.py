"""Reconciliation: the venue is the truth, fills are never invented (SEMANTICS 7)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.domain.enums import OrderState, Purpose, Side, TimeInForce
from services.domain.events import (
    AccountReport,
    BalanceRow,
    FundingSettled,
    OrderCanceled,
    OrderFilled,
    OrderReport,
    PositionRow,
    TransferBooked,
    WorkingRow,
)
from services.domain.orders import OrderRequest
from services.execution.reconcile import (
    AdoptionDay,
    DifferenceKind,
    Held,
    Reconciled,
    count_adopted,
    reconcile,
)
from services.execution.table import OrderTable
from services.settings.parameters import Execution, Reconcile
from tests.execution.builders import BTC_A, INSTRUMENTS, SECOND, SPOT_A, START, USDT_A

D = Decimal
PRICES: dict[str, Decimal | None] = {BTC_A: D(2000), USDT_A: D(1)}
INDEXES: dict[str, Decimal | None] = {"USDT": D(1), "USD": D(1)}
AT = START + 100 * SECOND


def fill(trade: str, quantity: str, ts: int = START, order: str = "", side: Side = Side.BUY) -> OrderFilled:
    return OrderFilled(
        venue="alpha",
        instrument=BTC_A,
        client_order_id=order,
        venue_order_id="v",
        trade_id=trade,
        side=side,
        quantity=D(quantity),
        price=D(2000),
        fee=D(0),
        fee_coin="USDT",
        ts_event=ts,
        ts=ts,
    )


def read(position: str = "0", balance: str = "1000", **more: Any) -> AccountReport:
    return AccountReport(
        venue="alpha",
        request="r1",
        balances=(BalanceRow("USDT", D(balance), D("0.975"), D("0.95")),),
        positions=(PositionRow(BTC_A, D(position), D(2000), None),) if D(position) else (),
        orders=more.pop("orders", ()),
        ts_event=more.pop("ts_event", AT),
        ts=AT,
        **more,
    )


def held(position: str = "0", balance: str = "1000", **more: Any) -> Held:
    return Held(
        positions={BTC_A: D(position)}, balances={"USDT": D(balance)}, orders=more.pop("orders", ()), **more
    )


def run(ours: Held, report: AccountReport, adopted: AdoptionDay | None = None, **more: Any) -> Reconciled:
    return reconcile(
        ours,
        report,
        INSTRUMENTS,
        Reconcile(),
        adopted or AdoptionDay(),
        PRICES,
        INDEXES,
        settling_ns=10 * SECOND,
        **more,
    )


def sent_order(
    table: OrderTable, name: str = "mine", at: int = START, tif: TimeInForce = TimeInForce.GTC
) -> str:
    request = OrderRequest(
        client_order_id=name,
        instrument=BTC_A,
        side=Side.BUY,
        quantity=D(1),
        price=D(2000),
        tif=tif,
        purpose=Purpose.TICKET,
        origin="operator",
    )
    table.add(request, at)
    table.sent(name, at)
    return name


def test_equal_books_have_nothing_to_say() -> None:
    result = run(held("0.5"), read("0.5"))
    assert (result.events, result.differences, result.undecided) == ((), (), ())


def test_missing_fills_payments_and_transfers_come_back_as_events_oldest_first() -> None:
    payment = FundingSettled(
        venue="alpha",
        payment_id="f1",
        instrument=BTC_A,
        size=D(1),
        price=D(2000),
        rate=D("0.0001"),
        amount=D("-0.2"),
        coin="USDT",
        ts_event=START + 2,
        ts=AT,
    )
    transfer = TransferBooked("alpha", "d1", "USDT", D(100), START + 1, AT)
    report = read(
        "0.5",
        fills=(fill("t2", "0.3", START + 3), fill("t1", "0.2")),
        payments=(payment,),
        transfers=(transfer,),
    )
    result = run(held("0.2", known_trades=frozenset({(BTC_A, "t1")})), report)
    assert [type(event).__name__ for event in result.events] == [
        "TransferBooked",
        "FundingSettled",
        "OrderFilled",
    ]
    assert result.differences == ()
    after = held(
        "0.5",
        known_trades=frozenset({(BTC_A, "t1"), (BTC_A, "t2")}),
        payments=frozenset({"f1"}),
        transfers=frozenset({"d1"}),
    )
    assert run(after, report) == run(after, report, last=True)
    assert run(after, report).events == ()


def test_up_to_one_lot_and_ten_dollars_is_adopted_and_above_is_unexplained() -> None:
    small = run(held("0.500"), read("0.501"))
    assert [(line.kind, line.adopted, line.usd) for line in small.differences] == [
        (DifferenceKind.POSITION, True, D(2))
    ]
    assert small.unexplained == ()
    two_lots = run(held("0.500"), read("0.502"))
    assert [line.adopted for line in two_lots.differences] == [False]
    dear = reconcile(
        held("0.500"),
        read("0.501"),
        INSTRUMENTS,
        Reconcile(),
        AdoptionDay(),
        {BTC_A: D(23000)},
        INDEXES,
        settling_ns=1,
    )
    assert [(line.usd, line.adopted) for line in dear.differences] == [(D(23), False)]
    assert run(held(balance="1000"), read(balance="1010")).unexplained == ()
    assert len(run(held(balance="1000"), read(balance="1010.01")).unexplained) == 1


def test_a_difference_that_cannot_be_valued_is_never_adopted() -> None:
    for prices in ({BTC_A: None}, {}):
        result = reconcile(
            held("0.5"),
            read("0.501"),
            INSTRUMENTS,
            Reconcile(),
            AdoptionDay(),
            prices,
            INDEXES,
            settling_ns=1,
        )
        assert [(line.usd, line.adopted) for line in result.differences] == [(None, False)]
    unknown = read()
    unknown = AccountReport(
        venue="alpha",
        request="",
        balances=unknown.balances,
        positions=(PositionRow("XRP-PERP.alpha", D("0.001"), D(1), None),),
        orders=(),
        ts_event=AT,
        ts=AT,
    )
    assert len(run(held(), unknown).unexplained) == 1


def test_small_differences_cannot_creep_beyond_fifty_dollars_a_day() -> None:
    adopted = AdoptionDay()
    taken = []
    for _ in range(8):
        result = run(held(balance="1000"), read(balance="1009"), adopted)
        taken.append(result.differences[0].adopted)
        adopted = count_adopted(adopted, result, AT)
    assert taken == [True] * 5 + [False] * 3
    assert adopted.usd == 45
    tomorrow = AT + 86_400 * SECOND
    assert count_adopted(adopted, run(held(), read()), tomorrow).usd == 0


def test_fills_newer_than_the_report_are_taken_out_before_comparing() -> None:
    late = fill("t9", "0.2", AT + 1)
    ours = held("0.7", balance="999", recent_fills=(late,), known_trades=frozenset({(BTC_A, "t9")}))
    result = run(ours, read("0.5"))
    assert result.differences == ()
    assert result.undecided == (BTC_A,)


def test_what_was_heard_while_the_question_was_on_its_way_may_be_missing_in_the_answer() -> None:
    """By our own clock: a venue's that is off by a little would make ghosts of young fills, and an hourly
    payment that comes between picture and answer would be a difference that reduces until it is accepted."""
    young = fill("t9", "0.2", AT - 1)
    ours = held("0.7", balance="999", recent_fills=(young,), known_trades=frozenset({(BTC_A, "t9")}))
    assert run(ours, read("0.5")).unexplained
    asked = structs.replace(ours, asked_ts=young.ts)
    assert run(asked, read("0.5")).differences == ()
    assert run(asked, read("0.5")).undecided == (BTC_A,)
    paid = held(balance="1060", asked_ts=AT - 2, moved_ts=AT - 1)
    assert run(paid, read()).differences == ()
    assert run(paid, read()).undecided == ("USDT",)
    assert run(paid, read(balance="1060")).undecided == ()
    before = structs.replace(paid, moved_ts=AT - 3)
    assert [line.subject for line in run(before, read()).unexplained] == ["USDT"]
    # What stands does not hide behind it.
    both = held("0.5", balance="1060", asked_ts=AT - 2, moved_ts=AT - 1)
    assert [line.subject for line in run(both, read("0.9")).unexplained] == [BTC_A]


def test_a_newer_fill_of_spot_is_no_position() -> None:
    """It moved balances, which are compared by the next report (found by adversarial seed 60666)."""
    late = structs.replace(fill("t9", "0.2", AT + 1), instrument=SPOT_A)
    ours = held(balance="999", recent_fills=(late,), known_trades=frozenset({(SPOT_A, "t9")}))
    result = run(ours, read())
    assert result.differences == ()
    assert result.undecided == (SPOT_A,)
    # One of a perp behind it is taken out all the same; one of an instrument nobody knows is told.
    perp = fill("t10", "0.2", AT + 1)
    both = held("0.7", balance="999", recent_fills=(late, perp), known_trades=frozenset({(BTC_A, "t10")}))
    assert run(both, read("0.5")).differences == ()
    strange = structs.replace(perp, instrument="XRP-PERP.alpha")
    lines = run(held(balance="999", recent_fills=(strange,)), read()).differences
    assert [line.subject for line in lines] == ["XRP-PERP.alpha"]


def test_a_fill_the_venue_does_not_list_is_a_ghost() -> None:
    ghost = fill("t9", "0.2", START)
    ours = held("0.2", recent_fills=(ghost,), known_trades=frozenset({(BTC_A, "t9")}))
    result = run(ours, read("0"))
    assert [line.kind for line in result.unexplained] == [DifferenceKind.POSITION, DifferenceKind.GHOST_FILL]


def test_an_acknowledged_order_that_is_no_longer_listed_is_gone() -> None:
    table = OrderTable(Execution())
    sent_order(table)
    table.apply(fill("t1", "0.2", START + 5, "mine"), START + 5)
    report = read("0.5", fills=(fill("t1", "0.2", START + 5, "mine"), fill("t2", "0.3", START + 6, "mine")))
    ours = held("0.2", orders=table.open_orders(), known_trades=frozenset({(BTC_A, "t1")}))
    result = run(ours, report)
    assert [type(event) for event in result.events] == [OrderFilled, OrderCanceled]
    for event in result.events:
        assert isinstance(event, OrderFilled | OrderCanceled)
        table.apply(event, AT)
    entry = table.get("mine")
    assert entry is not None
    assert (entry.state, entry.filled, entry.settled) == (OrderState.CANCELED, D("0.5"), True)


def test_an_order_in_doubt_is_resolved_only_past_the_settling_time() -> None:
    table = OrderTable(Execution())
    sent_order(table, at=AT - 9 * SECOND, tif=TimeInForce.IOC)
    table.due(AT)
    ours = held(orders=table.open_orders())
    assert run(ours, read()).events == ()
    (event,) = run(ours, read(ts_event=AT + SECOND)).events
    assert isinstance(event, OrderReport)
    assert not event.found
    table.apply(event, AT + SECOND)
    assert table.open_orders() == ()


def test_an_order_in_doubt_that_is_listed_lives() -> None:
    table = OrderTable(Execution())
    sent_order(table, at=START)
    table.due(START + 2 * SECOND)
    row = WorkingRow("mine", "v1", BTC_A, Side.BUY, D(1), D(0), D(2000), False)
    result = run(held(orders=table.open_orders()), read(orders=(row,)))
    (event,) = result.events
    assert isinstance(event, OrderReport)
    table.apply(event, AT)
    entry = table.get("mine")
    assert entry is not None
    assert entry.state is OrderState.ACCEPTED
    assert result.foreign_orders == ()


def test_foreign_orders_are_listed() -> None:
    foreign = WorkingRow("", "v7", BTC_A, Side.BUY, D(1), D(0), D(2000), False)
    risen = WorkingRow("old", "v8", BTC_A, Side.BUY, D(1), D(0), D(2000), False)
    report = read(orders=(foreign, risen))
    assert run(held(known_orders={"old": AT - 1}), report).foreign_orders == (foreign, risen)
    assert run(held(known_orders={"old": AT}), report).foreign_orders == (foreign,)


SIZES = st.integers(-5, 5).map(lambda lots: D(lots) / 1000)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(SIZES.filter(bool), st.booleans()), max_size=8),
    SIZES,
    st.integers(-2000, 2000),
)
def test_applying_the_result_makes_the_books_equal_and_a_replay_gives_the_same_ids(
    trades: list[tuple[Decimal, bool]], shift: Decimal, cents: int
) -> None:
    """Whatever we missed: fills by id, then each line set to the venue's figure, leave nothing to say."""
    fills = tuple(
        fill(f"t{number}", str(abs(size)), START + number, side=Side.BUY if size > 0 else Side.SELL)
        for number, (size, _) in enumerate(trades)
    )
    known = {(BTC_A, f.trade_id) for f, (_, heard) in zip(fills, trades, strict=True) if heard}
    position = sum((size for size, heard in trades if heard), D(0))
    report = read(
        str(sum((size for size, _ in trades), D(0)) + shift), str(1000 + D(cents) / 100), fills=fills
    )

    def ours() -> Held:
        return Held(
            positions={BTC_A: position},
            balances={"USDT": balance},
            orders=(),
            known_trades=frozenset(known),
        )

    balance = D(1000)
    first = run(ours(), report)
    assert first == run(ours(), report)
    for event in first.events:
        assert isinstance(event, OrderFilled)
        key = (event.instrument, event.trade_id)
        assert key not in known
        known.add(key)
        position += event.quantity * event.side.sign
    second = run(ours(), report, last=True)
    assert second.events == ()
    assert [line.id for line in second.differences] == [line.id for line in run(ours(), report).differences]
    for line in second.differences:
        assert line.theirs is not None
        if line.kind is DifferenceKind.POSITION:
            position = line.theirs
        else:
            balance = line.theirs
    assert run(ours(), report).differences == ()
    assert (shift == 0) == all(line.kind is not DifferenceKind.POSITION for line in second.differences)


ROWS = st.lists(
    st.tuples(st.sampled_from(["USDT", "USD", "USDC"]), st.integers(-3000, 3000)),
    unique_by=lambda row: row[0],
    min_size=1,
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.permutations(range(3)), SIZES, SIZES, st.integers(1, 10**12))
def test_the_same_difference_has_the_same_id_in_any_order_of_rows_and_in_the_next_read(
    coins: list[tuple[str, int]], order: list[int], btc: Decimal, usdt: Decimal, later: int
) -> None:
    """What an acceptance names is by how much the venue differs, not when that was read or in which row."""
    balances = tuple(BalanceRow(coin, D(1000) + D(cents) / 100, D(1), D(1)) for coin, cents in coins)
    positions = tuple(
        PositionRow(name, size, D(1), None) for name, size in ((BTC_A, btc), (USDT_A, usdt)) if size
    )
    fills = tuple(fill(f"t{number}", "0.001", START + number) for number in range(3))
    working = tuple(
        WorkingRow("", f"v{number}", BTC_A, Side.BUY, D(1), D(0), D(2000), False) for number in range(3)
    )

    def told(places: list[int], ts: int) -> Reconciled:
        def shuffled(rows: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(rows[place] for place in places if place < len(rows))

        report = AccountReport(
            venue="alpha",
            request="r",
            balances=shuffled(balances),
            positions=shuffled(positions),
            orders=shuffled(working),
            fills=shuffled(fills),
            ts_event=ts,
            ts=ts,
        )
        ours = Held(
            positions={BTC_A: D("0.004"), USDT_A: D("-0.001")},
            balances=dict.fromkeys(("USD", "USDC", "USDT"), D(1000)),
            orders=(),
            known_trades=frozenset((BTC_A, f"t{number}") for number in range(3)),
        )
        return run(ours, report)

    first = told([0, 1, 2], AT)
    assert told(order, AT) == first
    assert [line.id for line in told(order, AT + later).differences] == [
        line.id for line in first.differences
    ]
    ids = [line.id for line in first.differences]
    assert len(set(ids)) == len(ids)


def test_epsilon_creep_small_differences_stop_at_the_days_sum() -> None:
    """PARAMETERS, fail-open cases: 10 USD at a time, at most 50 USD a day in sum, whatever their sign."""
    day = AdoptionDay()
    taken = []
    for number in range(8):
        result = run(held(balance="1000"), read(balance=f"{1000 + (9 if number % 2 else -9)}"), day)
        day = count_adopted(day, result, AT)
        taken.append(result.differences[0].adopted)
    assert taken == [True] * 5 + [False] * 3
    assert day.usd == D(45)
    assert count_adopted(day, run(held(), read()), AT + 86_400 * SECOND).usd == 0
