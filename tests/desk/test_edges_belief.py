"""Edges of when a read is believed, and of what it takes (docs/mutants.md says how such edges are found)."""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk import belief, differences, holdings, protection
from services.desk.core import SECOND
from services.desk.desk import Desk
from services.desk.state import VenueDesk
from services.domain.effects import Cancel, Send
from services.domain.enums import Purpose, Side, TimeInForce
from services.domain.events import AccountReport, OrderAccepted
from services.domain.money import DESK_CONTEXT
from services.domain.orders import OrderRequest
from services.execution.reconcile import Difference, DifferenceKind
from tests.adversary.script import LEGS
from tests.adversary.two import Two, quiet

D = Decimal
SHORT = LEGS[0]


@pytest.fixture(scope="module")
def standing() -> tuple[Two, bytes]:
    arena = quiet(1)
    arena.hedged()
    arena.until(40)
    return arena, arena.desk.export()


@pytest.fixture
def desk(standing: tuple[Two, bytes]) -> Desk:
    """Two pairs on the same legs, hedged for long."""
    arena, blob = standing
    desk = Desk(arena.settings, arena.desk.core.instruments, Desk.restore(blob), instance="adv000")
    desk.core.out = []
    return desk


def line(theirs: str = "-0.1", since: int = 0) -> Difference:
    return Difference(
        id=f"beta:position:{SHORT}:{theirs}", venue="beta", kind=DifferenceKind.POSITION, subject=SHORT,
        ours=D(0), theirs=D(theirs), usd=D(2000), adopted=False, text="x", since=since,
    )  # fmt: skip


def report(at: int) -> AccountReport:
    return AccountReport(venue="beta", request="r", balances=(), positions=(), orders=(), ts_event=at, ts=at)


@pytest.mark.parametrize(("apart", "agrees"), [(SECOND - 1, False), (SECOND, True)])
def test_reads_agree_from_a_second_apart(apart: int, agrees: bool) -> None:
    book = VenueDesk(report_event=50 * SECOND, differences=(line(),))
    found = belief.agreeing(book, report(50 * SECOND + apart), (line(), line("-0.2")))
    assert found == ((line(),) if agrees else ())


@pytest.mark.parametrize(("after", "is_so"), [(SECOND - 1, False), (SECOND, True)])
def test_a_line_is_confirmed_by_a_read_a_second_after_the_one_that_showed_it(
    desk: Desk, after: int, is_so: bool
) -> None:
    at = desk.core.now
    book = VenueDesk(report_ts=at + after, report_event=at + after)
    assert belief.confirmed(desk.core, book, line(since=at)) is is_so
    traded = next(f for f in desk.core.orders.state.recent.values() if f.instrument == SHORT)
    early = VenueDesk(report_ts=at + after, report_event=traded.ts_event)
    assert not belief.confirmed(desk.core, early, line(since=at)), "just traded there"
    never = replace(early, report_ts=None, report_event=at)
    assert not belief.confirmed(desk.core, never, line(since=at))


def test_an_open_order_may_explain_a_difference(desk: Desk) -> None:
    assert not belief.may_explain(desk.core, SHORT)
    desk.core.orders.add(
        OrderRequest(
            client_order_id="adv0000000000zzu1001", instrument=SHORT, side=Side.BUY, quantity=D("0.1"),
            price=D(23_000), tif=TimeInForce.IOC, purpose=Purpose.UNWIND, origin="desk",
        ),
        desk.core.now,
    )  # fmt: skip
    assert belief.may_explain(desk.core, SHORT)
    assert not belief.may_explain(desk.core, LEGS[1])


@pytest.mark.parametrize("named", [False, True])
def test_a_flatten_takes_what_is_confirmed_or_the_line_that_it_was_told_of(desk: Desk, named: bool) -> None:
    """Told of one line, it takes that one alone."""
    core, book = desk.core, desk.core.state.venue("beta")
    young = line("-0.3", since=book.report_ts or 0)
    old = replace(line("-0.1"), id="old", since=(book.report_ts or 0) - 2 * SECOND)
    book.differences = (young, old)
    with decimal.localcontext(DESK_CONTEXT):
        differences.take_positions(core, desk.submit, young if named else None)
    assert book.differences == ((old,) if named else (young,))


def test_what_reads_take_from_legs_is_what_they_lose_at_its_entry(desk: Desk) -> None:
    first, second = desk.core.pairs.live()
    first.short.size = second.short.size = D("0.2")
    second.short.bought, second.short.entry_cost = D("0.2"), D(4_000)
    with decimal.localcontext(DESK_CONTEXT):
        taken = holdings.taken_from_legs(desk.core, SHORT, D("-0.25"))
        assert taken == (D("-0.15"), D(20_000)), "of the newer one"
        assert holdings.taken_from_legs(desk.core, SHORT, D("-0.4")) == (0, 0)
        second.short.bought = second.short.entry_cost = D(0)
        assert holdings.taken_from_legs(desk.core, SHORT, D("-0.25")) == (D("-0.15"), 0)


@pytest.mark.parametrize(
    ("instrument", "taken", "entry"),
    [
        (SHORT, (D(0), D(20_000)), None),
        ("USDT/USD.beta", (D(1), D(1)), None),
        (SHORT, (D("-0.1"), D(0)), None),
        (SHORT, (D("-0.1"), D(20_000)), D(20_000)),
    ],
)
def test_what_is_kept_alone_has_an_entry_only_where_one_is_known(
    desk: Desk, instrument: str, taken: tuple[Decimal, Decimal], entry: Decimal | None
) -> None:
    core = desk.core
    for pair in core.pairs.live():
        pair.short.size = D(0)
    with decimal.localcontext(DESK_CONTEXT):
        holdings.keep_alone(core, desk.submit, instrument, taken)
    assert core.state.unpaired_entry.get(instrument) == entry
    kept = instrument == SHORT and taken[0] != 0
    assert core.state.unpaired == ({SHORT: taken[0]} if kept else {})


def test_what_watches_over_nothing_any_more_is_taken_off(desk: Desk) -> None:
    """A stop and a backstop of a leg that was naked, once it is hedged."""
    core, pair = desk.core, desk.core.pairs.live()[0]
    core.stops.on_naked(pair.id, SHORT, D("-0.1"), D(23_000), D(23_000))
    core.state.protect = ["old"]
    with decimal.localcontext(DESK_CONTEXT):
        protection.follow(core, desk.submit)
    assert core.state.stops.naked == {}
    assert core.state.protect == []
    core.state.protect = ["old"]
    protection.follow(core, desk.submit)
    assert core.state.protect == []


def test_a_backstop_of_what_is_gone_is_canceled_though_nothing_else_stands_alone(desk: Desk) -> None:
    core = desk.core
    for pair in core.pairs.live():
        pair.short.size = pair.long.size = D(0)
    core.state.unpaired[SHORT], core.state.unpaired_entry[SHORT] = D("-0.1"), D(23_000)
    with decimal.localcontext(DESK_CONTEXT):
        protection.follow(core, desk.submit)
        (order,) = [effect.order for effect in core.out if isinstance(effect, Send)]
        assert order.trigger is not None
        core.orders.apply(OrderAccepted("beta", order.client_order_id, "v9", core.now, core.now), core.now)
        entry = core.orders.get(order.client_order_id)
        assert entry is not None
        desk.submit.tell(entry)
        core.state.unpaired.clear()
        protection.follow(core, desk.submit)
    assert [e.client_order_id for e in core.out if isinstance(e, Cancel)] == [order.client_order_id]
