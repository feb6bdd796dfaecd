"""Edges of the reconciliation and of what a read says of open orders (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.domain.enums import OrderState, Side
from services.domain.events import (
    BalanceRow,
    FundingSettled,
    OrderCanceled,
    OrderReport,
    PositionRow,
    TransferBooked,
    WorkingRow,
)
from services.execution.entries import OrderEntry
from services.execution.outcomes import order_outcomes
from services.execution.reconcile import AdoptionDay, Difference, DifferenceKind, count_adopted, reconcile
from services.settings.parameters import Reconcile
from tests.execution.builders import BTC_A, INSTRUMENTS, SECOND, START
from tests.execution.test_reconcile import AT, INDEXES, PRICES, fill, held, read, run
from tests.execution.test_table import request

D = Decimal
DAY = 86_400 * SECOND
TODAY = 19_417
"""2023-03-01, the day of `START`, in days since 1970."""


def line(ours: str | None, theirs: str | None) -> Difference:
    return Difference(
        id="x", venue="alpha", kind=DifferenceKind.BALANCE, subject="USDT", usd=None, adopted=False, text="",
        ours=None if ours is None else D(ours), theirs=None if theirs is None else D(theirs),
    )  # fmt: skip


def test_what_an_acceptance_moves() -> None:
    assert line("3", "5").beyond == 2
    assert (line(None, "5").beyond, line("3", None).beyond) == (None, None)


def test_the_sum_of_a_day_begins_anew_at_midnight() -> None:
    result = run(held(), read("0", "1004"))
    assert result.adopted_usd == 4
    for now, day, usd in (
        (START, TODAY, 44), (START + DAY - 1, TODAY, 44),
        (START + DAY, TODAY + 1, 4), (START - 1, TODAY - 1, 4),
    ):  # fmt: skip
        assert count_adopted(AdoptionDay(TODAY, D(40)), result, now) == AdoptionDay(day, D(usd))
    for at, adopted in ((START + DAY - 1, False), (START + DAY, True)):
        late = msgspec.structs.replace(read("0", "1004"), ts=at)
        (found,) = run(held(), late, AdoptionDay(TODAY, D(48))).differences
        assert found.adopted is adopted


def test_small_lines_are_adopted_up_to_the_bound_itself_and_large_ones_spend_nothing() -> None:
    (exact,) = run(held(), read("0", "1010")).differences
    assert (exact.adopted, exact.usd) == (True, D(10))
    assert run(held(), read("0", "1010"), AdoptionDay(TODAY, D(40))).differences[0].adopted
    dear = reconcile(
        held("0"), read("0.001"), INSTRUMENTS, Reconcile(), AdoptionDay(), {BTC_A: D(10_000)}, INDEXES,
        settling_ns=1,
    ).differences[0]  # fmt: skip
    assert (dear.adopted, dear.usd) == (True, D(10))
    over = run(held(), read("0", "1010"), AdoptionDay(TODAY, D("40.01")))
    assert not over.differences[0].adopted
    assert "used up" in over.differences[0].text
    lots = run(held("0"), read("0.002", "1004"))
    assert [(row.kind, row.adopted, row.usd) for row in lots.differences] == [
        (DifferenceKind.POSITION, False, D(4)), (DifferenceKind.BALANCE, True, D(4)),
    ]  # fmt: skip
    assert lots.adopted_usd == 4
    assert "used up" not in lots.differences[0].text


@pytest.mark.parametrize("price", [None, "0", "-1", "NaN", "Infinity"])
def test_what_cannot_be_valued_is_never_small(price: str | None) -> None:
    index = {"USDT": None if price is None else D(price)}
    found = reconcile(
        held(), read("0", "1001"), INSTRUMENTS, Reconcile(), AdoptionDay(), PRICES, index, settling_ns=1
    ).differences[0]
    assert (found.usd, found.adopted) == (None, False)


def test_a_figure_that_is_none_and_an_instrument_we_do_not_know_are_never_small() -> None:
    (found,) = run(held(), read("0", "NaN")).differences
    assert (found.usd, found.adopted) == (None, False)
    doge = msgspec.structs.replace(
        read(), positions=(PositionRow("DOGE-PERP.alpha", D("0.001"), D(1), None),)
    )
    prices = {**PRICES, "DOGE-PERP.alpha": D(1)}
    (found,) = reconcile(
        held(), doge, INSTRUMENTS, Reconcile(), AdoptionDay(), prices, INDEXES, settling_ns=1
    ).differences
    assert (found.usd, found.adopted) == (D("0.001"), False)


def test_every_coin_is_compared_whichever_agree() -> None:
    both = msgspec.structs.replace(read(), balances=(*read().balances, BalanceRow("ZUSD", D(7), D(1), D(1))))
    assert [row.subject for row in run(held(), both).differences] == ["ZUSD"]
    assert [row.subject for row in run(held("1"), read("2")).differences] == [BTC_A]


def test_events_of_one_moment_come_as_transfer_fill_payment_and_a_row_told_twice_does_no_harm() -> None:
    payment = FundingSettled(
        venue="alpha", payment_id="A", instrument=BTC_A, size=D(1), price=D(1), rate=D(1), amount=D(1),
        coin="USDT", ts_event=START, ts=START,
    )  # fmt: skip
    transfer = TransferBooked(
        venue="alpha", transfer_id="z", coin="USDT", amount=D(1), ts_event=START, ts=START
    )
    again = msgspec.structs.replace(fill("t", "1"), price=D(7))
    report = read(fills=(fill("t", "1"), again), payments=(payment,), transfers=(transfer,))
    kinds = [type(event).__name__ for event in run(held(), report).events]
    assert kinds == ["TransferBooked", "OrderFilled", "OrderFilled", "FundingSettled"]
    assert run(held(), report).differences == ()
    assert [row.subject for row in run(held("1"), report, last=True).differences] == [BTC_A]


def test_fills_newer_than_the_picture_are_taken_out_and_older_ones_it_does_not_list_are_ghosts() -> None:
    """The picture is of AT; fills_since is 50 s before."""
    since = AT - 50 * SECOND
    fills = {name: fill(name, "0.5", ts) for name, ts in (
        ("old", since - 1), ("first", since), ("listed", AT), ("at", AT), ("after", AT + 1),
    )}  # fmt: skip
    known = frozenset((BTC_A, name) for name in fills)
    ours = held("2.5", recent_fills=tuple(fills.values()), fills_since=since, known_trades=known)
    result = run(ours, read("1.5", fills=(fills["listed"],)))
    assert result.undecided == (BTC_A,)
    (ghost,) = result.differences
    assert (ghost.kind, ghost.subject, ghost.adopted, ghost.usd) == (
        DifferenceKind.GHOST_FILL, f"{BTC_A}|first", False, None,
    )  # fmt: skip
    assert (ghost.ours, ghost.theirs) == (D("0.5"), 0)
    assert ghost.text.endswith("the venue's 0")


def test_foreign_orders_are_found_behind_ours() -> None:
    def row(name: str, venue_id: str) -> WorkingRow:
        return WorkingRow(name, venue_id, BTC_A, Side.BUY, D(1), D(0), D(1), False)

    rows = (row("mine", "v1"), row("ended", "v2"), row("stale", "v3"), row("", "v5"), row("theirs", "v4"))
    mine = OrderEntry(request("mine"), "alpha")
    ours = held(orders=(mine,), known_orders={"ended": AT, "stale": AT - 1, "mine": AT - 1, "": AT})
    found = run(ours, read(orders=rows)).foreign_orders
    assert [each.venue_order_id for each in found] == ["v3", "v4", "v5"]


# -- what a read says of open orders --


def entry(name: str = "a", **facts: Any) -> OrderEntry:
    found = OrderEntry(request(name), "alpha", created=START)
    found.state, found.sent = OrderState.ACCEPTED, START
    found.answered_event = START + SECOND
    for key, value in facts.items():
        setattr(found, key, value)
    return found


def row(name: str, filled: str) -> WorkingRow:
    return WorkingRow(name, f"v{name}", BTC_A, Side.BUY, D(1), D(filled), D(1), False)


SINCE = START - 10 * SECOND
SILENT = {"answered_event": None, "state": OrderState.SUBMITTED}


@pytest.mark.parametrize(
    ("facts", "listed", "filled", "says"),
    [
        ({}, None, "0", "gone 0"),
        ({"filled": D("0.25")}, None, "0", "gone 0.25"),
        ({"filled": D("0.25")}, None, "0.5", "gone 0.75"),
        ({"filled": D("0.5")}, None, "0.5", ""),
        ({"filled": D(1)}, None, "0", ""),
        ({"filled": D(1)}, None, "0.5", ""),
        ({"state": OrderState.CANCELED}, None, "0", ""),
        ({"venue": "beta"}, None, "0", ""),
        ({"state": OrderState.INITIALIZED, "sent": None}, None, "0", ""),
        ({"answered_event": AT - 10 * SECOND + 1}, None, "0", ""),
        ({"answered_event": AT - 10 * SECOND}, None, "0", "gone 0"),
        ({"sent": SINCE - 1}, None, "0", "gone 0"),
        ({**SILENT, "sent": SINCE - 1}, None, "0", ""),
        ({**SILENT, "sent": SINCE}, None, "0", "never"),
        ({**SILENT, "sent": AT - 10 * SECOND}, None, "0", "never"),
        ({**SILENT, "sent": AT - 10 * SECOND + 1}, None, "0", ""),
        ({**SILENT, "sent": None, "created": AT}, None, "0", ""),
        ({**SILENT, "sent": None}, None, "0", "never"),
        (SILENT, None, "0.5", "gone 0.5"),
        ({}, "0", "0", ""),
        ({}, "0.5", "0", "alive 0.5"),
        ({}, "0.5", "0.5", ""),
        ({"filled": D("0.5")}, "0.75", "0.25", ""),
        ({"filled": D("0.5")}, "0.25", "0", ""),
        ({"state": OrderState.IN_DOUBT}, "0", "0", "alive 0"),
    ],
)
def test_what_a_read_says_of_one_order(
    facts: dict[str, Any], listed: str | None, filled: str, says: str
) -> None:
    """Beside it, orders of which it says nothing and one that is gone: each is judged by itself."""
    order = entry(**facts)
    told = [fill("known", "0.3", order="a"), fill("foreign", "0.3")]
    if D(filled):
        half = str(D(filled) / 2)
        told += [fill("n1", half, order="a"), fill("n2", half, order="a")]
    report = read(fills=tuple(told), orders=(row("last", "1"), *((row("a", listed),) if listed else ())))
    others = (
        entry("e1", state=OrderState.CANCELED), entry("e2", filled=D(1)),
        entry("e3", **SILENT, sent=SINCE - 1),
    )  # fmt: skip
    known = frozenset({(BTC_A, "known")})
    events = order_outcomes((*others, order, entry("last")), report, known, SINCE, 10 * SECOND)
    assert [getattr(event, "client_order_id", "") for event in events][-1] == "last"
    words = []
    for event in events[:-1]:
        assert getattr(event, "client_order_id", "") == "a"
        match event:
            case OrderCanceled():
                words.append(f"gone {event.filled.normalize():f}")
            case OrderReport(found=True):
                assert (event.state, event.venue_order_id) == (OrderState.ACCEPTED, "va")
                words.append(f"alive {event.filled.normalize():f}")
            case OrderReport():
                words.append("never")
    assert words == ([says] if says else [])


@pytest.mark.parametrize(
    ("facts", "asked", "gone"),
    [
        ({"answered": AT - 5}, AT - 5, False),
        ({"answered": AT - 5}, AT - 4, True),
        ({"answered": AT - 5}, 0, False),
        ({**SILENT, "sent": AT - 11 * SECOND}, AT - SECOND - 1, False),
        ({**SILENT, "sent": AT - 11 * SECOND}, AT - SECOND, True),
    ],
)
def test_an_order_is_gone_by_a_question_that_came_after_its_word(
    facts: dict[str, Any], asked: int, gone: bool
) -> None:
    """Else a resting order that the venue took while the read was on its way would be placed once more."""
    events = order_outcomes((entry(**facts),), read(), frozenset(), SINCE, 10 * SECOND, asked)
    assert bool(events) is gone


def test_fills_without_a_name_of_ours_belong_to_no_order() -> None:
    nameless = entry("")
    (event,) = order_outcomes((nameless,), read(fills=(fill("f", "0.5"),)), frozenset(), SINCE, SECOND)
    assert isinstance(event, OrderCanceled)
    assert event.filled == 0
