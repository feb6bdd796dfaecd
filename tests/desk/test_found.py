"""Whose a fill was that no order of ours explains: a protective order lost with the engine (RUNTIME 3)."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.desk import found
from services.desk.core import SECOND, UNREAD
from services.desk.desk import Desk
from services.desk.proofs import PATIENCE_S, unproven
from services.domain.enums import PairState, Purpose, Severity, Side, TradingState
from services.domain.events import OrderFilled
from services.domain.money import DESK_CONTEXT
from services.domain.orders import PLACES, OrderRequest, client_order_id, place_of
from tests.adversary.script import LEGS
from tests.adversary.two import Two, quiet

D = Decimal
SHORT = LEGS[0]
ONE = D("0.1")


@pytest.fixture(scope="module")
def standing() -> tuple[Two, bytes]:
    arena = quiet(1)
    arena.hedged()
    return arena, arena.desk.export()


@pytest.fixture
def desk(standing: tuple[Two, bytes]) -> Desk:
    """Two pairs of the same size on the same legs, hedged."""
    arena, blob = standing
    desk = Desk(arena.settings, arena.desk.core.instruments, Desk.restore(blob), instance="adv000")
    for pair in desk.core.pairs.live():
        pair.short.size = pair.long.size = D("0.2")
    return desk


def name(sequence: int, purpose: Purpose = Purpose.UNWIND, leg: int = 1, place: int = PLACES) -> str:
    """Of no pair's place, as ids once were: then the pair has to be guessed."""
    return client_order_id("adv000", sequence, purpose, leg, 1, place)


def fill(order: str, quantity: Decimal = ONE, side: Side = Side.BUY) -> OrderFilled:
    return OrderFilled(
        venue="beta", instrument=SHORT, client_order_id=order, venue_order_id="v", trade_id=f"t{order}",
        side=side, quantity=quantity, price=D(23_000), fee=D(0), fee_coin="USDT", ts_event=1, ts=1,
    )  # fmt: skip


def owners(desk: Desk, *fills: OrderFilled) -> list[str | None]:
    """The pair of each fill's order; None where there is no such order."""
    desk.core.out = []
    with decimal.localcontext(DESK_CONTEXT):
        found.adopt_fills(desk.core, desk.submit, "beta", fills)
    entries = [desk.core.orders.get(each.client_order_id) for each in fills]
    return [None if entry is None else entry.request.pair for entry in entries]


def two(desk: Desk) -> tuple[str, str]:
    first, second = (pair.id for pair in desk.core.pairs.live())
    return first, second


def heavy(desk: Desk) -> None:
    desk.core.pairs.live()[1].short.size += ONE


def scoped(desk: Desk) -> None:
    """Both were told to close by themselves, the second one later; it had been in trouble before."""
    second = f"pair:{two(desk)[1]}"
    desk.core.raise_cause("in doubt", second, TradingState.REDUCING, "x", severity=Severity.ALARM)
    for number, pair in enumerate(desk.core.pairs.live()):
        desk.state.now += number + 1
        desk.core.raise_cause(
            "flatten", f"pair:{pair.id}", TradingState.HALTED, "x", severity=Severity.ALARM, latched=True
        )


def moving(desk: Desk) -> None:
    desk.core.pairs.live()[1].state = PairState.UNWINDING


def half_out(desk: Desk) -> None:
    """Of the first a slice of this leg is gone already: the other leg's is next."""
    first = desk.core.pairs.live()[0]
    first.short.size, first.state = first.short.size - ONE, PairState.CLOSING


def too_small(desk: Desk) -> None:
    first = desk.core.pairs.live()[0]
    first.short.size = first.long.size = D("0.05")


@pytest.mark.parametrize("purpose", [Purpose.UNWIND, Purpose.FLATTEN])
@pytest.mark.parametrize("given", [heavy, scoped, moving, half_out, too_small])
def test_of_two_on_one_leg_it_was_the_one_that_had_reason(
    desk: Desk, given: Callable[[Desk], None], purpose: Purpose
) -> None:
    assert owners(desk, fill(name(900, purpose))) == [two(desk)[0]], "of equals the oldest"
    given(desk)
    assert owners(desk, fill(name(901, purpose))) == [two(desk)[1]]


@pytest.mark.parametrize("purpose", [Purpose.UNWIND, Purpose.FLATTEN])
@pytest.mark.parametrize("given", [heavy, scoped, moving, half_out, too_small])
def test_the_id_says_whose_it_was_whoever_had_reason(
    desk: Desk, given: Callable[[Desk], None], purpose: Purpose
) -> None:
    given(desk)
    first, second = two(desk)
    named = [
        fill(name(900 + number, purpose, place=place_of(pair))) for number, pair in enumerate((first, second))
    ]
    assert owners(desk, *named) == [first, second]


def test_of_two_in_one_place_it_is_guessed(desk: Desk) -> None:
    """Seventeen pairs lie between them."""
    (first, pair) = desk.core.pairs.live()
    del desk.state.pairs.pairs[pair.id]
    pair.id = "P-18"
    desk.core.pairs.adopt(pair)
    assert place_of(first.id) == place_of(pair.id) == 0
    heavy(desk)
    assert owners(desk, fill(name(900, place=0))) == ["P-18"]


@pytest.mark.parametrize(("purpose", "which"), [(Purpose.FLATTEN, 0), (Purpose.STOP, 1)])
def test_a_flatten_goes_by_the_scope_and_a_cut_by_the_excess(
    desk: Desk, purpose: Purpose, which: int
) -> None:
    heavy(desk)
    first = two(desk)[0]
    desk.core.raise_cause(
        "flatten", f"pair:{first}", TradingState.HALTED, "x", severity=Severity.ALARM, latched=True
    )
    assert owners(desk, fill(name(900, purpose))) == [two(desk)[which]]


def test_what_the_same_read_brings_of_known_orders_counts_before(desk: Desk) -> None:
    """The second pair's entry has filled and is not booked yet: the cut of it was the second pair's."""
    core, second = desk.core, two(desk)[1]
    entry = name(800, Purpose.ENTRY)
    alone = name(801, Purpose.TICKET, 0)
    for order, pair, leg in ((entry, second, 1), (alone, None, 0)):
        core.orders.add(
            OrderRequest(
                client_order_id=order, instrument=SHORT, side=Side.SELL, quantity=ONE, price=D(23_000),
                purpose=Purpose.ENTRY if leg else Purpose.TICKET, origin="test", pair=pair, leg=leg,
            ),
            core.now,
        )  # fmt: skip
    entered = (fill(alone, side=Side.SELL), fill(entry, side=Side.SELL))
    assert owners(desk, *entered, fill(name(900)))[2] == second
    core.ledger.account("beta").trades.ids[f"{SHORT}|t{entry}"] = 1
    assert owners(desk, *entered, fill(name(901)))[2] == two(desk)[0], "that one was booked"


def test_a_lost_hedge_was_of_the_pair_that_wanted_it(desk: Desk) -> None:
    """However little of that leg it had."""
    second = desk.core.pairs.live()[1]
    second.short.size, second.long.size = D("0.05"), D("0.15")
    assert owners(desk, fill(name(900, Purpose.HEDGE), side=Side.SELL)) == [second.id]


def test_of_two_lost_orders_each_has_its_own_pair(desk: Desk) -> None:
    for pair in desk.core.pairs.live():
        pair.short.size += ONE
    assert owners(desk, fill(name(900)), fill(name(901))) == list(two(desk))


def test_more_than_a_leg_holds_leaves_nothing_of_it_and_the_next_is_the_others(desk: Desk) -> None:
    for pair in desk.core.pairs.live():
        pair.long.size = D(0)
    assert owners(desk, fill(name(900), D("0.3")), fill(name(901), D("0.2"))) == list(two(desk))


def test_strangers_booked_trades_and_what_we_know_no_facts_of_are_passed_over(desk: Desk) -> None:
    booked, other = fill(name(900)), fill("xyz999" + name(901)[6:])
    desk.core.ledger.account("beta").trades.ids[f"{SHORT}|{booked.trade_id}"] = 1
    unknown = replace(fill(name(902)), instrument="GONE-PERP.beta")
    strange = fill("adv000000000903z0001")
    good = fill(name(904))
    assert owners(desk, booked, other, unknown, strange, good) == [None, None, None, None, two(desk)[0]]
    entry = desk.core.orders.get(good.client_order_id)
    assert entry is not None
    assert (entry.request.reduce_only, entry.request.leg, entry.request.quantity) == (True, 1, ONE)


# -- what is not sent again ------------------------------------------------------------------------------


def unread(desk: Desk) -> Desk:
    desk.state.started = desk.state.now
    for cause in (UNREAD, "venue down"):
        desk.core.raise_cause(
            cause, "venue:beta", TradingState.REDUCING, "x", severity=Severity.INFO, clear_after_s=0
        )
    return desk


def alone(desk: Desk) -> None:
    desk.core.pairs.live()[1].short.size = D(0)


def beside(desk: Desk) -> None:
    alone(desk)
    desk.state.unpaired[SHORT] = D("-0.1")


def all_three(desk: Desk) -> None:
    desk.state.unpaired[SHORT] = D("-0.1")


def nothing_long(desk: Desk) -> None:
    for pair in desk.core.pairs.live():
        pair.long.size = D(0)


def read(desk: Desk) -> None:
    desk.core.good_cause(UNREAD, "venue:beta")


def later(desk: Desk) -> None:
    desk.state.now += 10 * SECOND


def only_loose(desk: Desk) -> None:
    for pair in desk.core.pairs.live():
        pair.short.size = D(0)
    desk.state.unpaired[SHORT] = D("-0.1")


def alone_later(desk: Desk) -> None:
    alone(desk)
    desk.state.now += PATIENCE_S * SECOND


def alone_soon(desk: Desk) -> None:
    alone_later(desk)
    desk.state.now -= 1


def soon(desk: Desk) -> None:
    desk.state.now += 10 * SECOND - 1


def never_unread(desk: Desk) -> None:
    desk.core.causes.drop(UNREAD, "venue:beta")


def spot(desk: Desk) -> None:
    for pair in desk.core.pairs.live():
        pair.short.instrument = "USDT/USD.beta"


@pytest.mark.parametrize("given", [alone_later, only_loose, read, later, never_unread])
def test_a_reduction_is_provable_where_nothing_can_be_taken_for_another(
    desk: Desk, given: Callable[[Desk], None]
) -> None:
    given(unread(desk))
    assert unproven(desk.core, SHORT) == {}


@pytest.mark.parametrize("given", [beside, all_three, nothing_long, soon])
def test_a_shared_leg_of_an_unread_venue_is_not(desk: Desk, given: Callable[[Desk], None]) -> None:
    given(unread(desk))
    text = f"beta has not been read since the start, and {SHORT} is shared"
    assert unproven(desk.core, SHORT) == {SHORT: text}


def test_a_leg_of_one_pair_waits_two_seconds_for_the_read(desk: Desk) -> None:
    alone_soon(unread(desk))
    assert unproven(desk.core, SHORT) == {SHORT: "beta has not been read since the start"}


def test_nobody_s_position_and_no_instrument_of_ours_are_passed_over(desk: Desk) -> None:
    spot(unread(desk))
    assert unproven(desk.core, "USDT/USD.beta") == unproven(desk.core, "GONE-PERP.beta") == {}
    assert unproven(desk.core, LEGS[1]) == {}, "its venue was read"
