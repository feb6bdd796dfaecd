"""A leg stays naked because a venue does not end an order: somebody is called in time (SEMANTICS 7)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.domain.enums import OrderState, PairState
from services.domain.money import ZERO
from services.execution.actions import Escalate
from services.execution.pair_state import LONG, SHORT, OrderMemo, Pair
from tests.execution.builders import SECOND, START, Market, market, planned

D = Decimal
PATIENCE = 12 * SECOND
"""The leg's time-out and ten seconds."""


def waiting(world: Market, state: PairState = PairState.UNWINDING) -> Pair:
    """The short leg stands, and three hedges of the long one do not end, the oldest one amid the list."""
    pair = world.machine.get(planned(world, "0.4"))
    assert pair is not None
    pair.state, pair.resume, pair.unwind_reason = state, PairState.UNWINDING, "leg 2 not filled in time"
    pair.short.size = D("0.4")
    for name, seconds in (("later", 5), ("sooner", 0), ("middle", 3)):
        pair.orders[name] = OrderMemo(
            LONG,
            increasing=True,
            quantity=D("0.2"),
            state=OrderState.PENDING_CANCEL,
            cancel_asked=True,
            placed=START + seconds * SECOND,
        )
    pair.orders["done"] = OrderMemo(SHORT, True, D("0.4"), state=OrderState.FILLED, settled=True, placed=1)
    return pair


def pages(world: Market, pair: Pair, at: int) -> list[Escalate]:
    actions = world.machine.on_timer(pair.id, at, world.book)
    return [action for action in actions if isinstance(action, Escalate)]


@pytest.mark.parametrize("naked_s", [-60, 0, 4])
def test_it_is_paged_once_patience_is_over_from_the_oldest_order_or_the_nakedness(naked_s: int) -> None:
    world = market()
    pair = waiting(world)
    pair.naked.since = START + naked_s * SECOND
    due = START + max(0, naked_s) * SECOND + PATIENCE
    assert pages(world, pair, due - SECOND) == []
    assert pair.armed == due
    assert pages(world, pair, due - 1) == []
    (page,) = pages(world, pair, due)
    assert page.reducing
    assert page.text.startswith(f"order sooner does not end: {pair.short.instrument} stays naked")
    assert pages(world, pair, due + SECOND) == [], "once"


@pytest.mark.parametrize("state", [PairState.FROZEN])
def test_one_that_waits_for_a_person_is_not_paged_again(state: PairState) -> None:
    world = market()
    pair = waiting(world, state)
    pair.naked.since = START
    assert pages(world, pair, START + 10 * PATIENCE) == []


def test_without_a_naked_leg_an_order_that_does_not_end_is_no_page_of_the_pair() -> None:
    world = market()
    pair = waiting(world)
    pair.short.size = ZERO
    assert pages(world, pair, START + 10 * PATIENCE) == []
