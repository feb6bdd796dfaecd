"""A flatten while an order has no last word: the venue's figure and that order's fill are one thing."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from services.domain.enums import PairState
from services.domain.events import AccountReport, Event, MarketFrame
from services.domain.money import ZERO
from services.execution.reconcile import DifferenceKind
from tests.desk.world import Answers, DeskWorld, S, quick

D = Decimal


def _deaf(due: int, event: Event) -> Answers:
    """Words on orders come 9 s late, and reads show positions, but not the fills that made them."""
    if isinstance(event, MarketFrame):
        return ((due, event),)
    if isinstance(event, AccountReport):
        return ((due, replace(event, fills=())),)
    return ((due + 9 * S, event),)


def test_a_figure_that_an_order_in_doubt_may_explain_is_not_taken_and_counted_again() -> None:
    """The exit's first slice has filled unheard, a read shows it, and then somebody presses flatten."""
    world = DeskWorld(settings=quick())
    world.until(lambda w: PairState.HEDGED in w.pair_states()).run(1)
    core, pair = world.desk.core, world.pair()
    assert pair is not None
    world.wire.hook = _deaf
    world.answer("pair close", id=pair.id)
    world.run(0.2)
    read = world.command("reconcile")
    world.until(lambda w: read in w.done, 8)
    books = core.state.venues.values()
    shown = [line for book in books for line in book.differences if line.kind is DifferenceKind.POSITION]
    assert len(shown) == 1
    spec = core.instruments[shown[0].subject]
    believed = core.ledger.size(spec)
    assert believed != world.position(spec.id)
    (order,) = core.orders.open_orders(instrument=spec.id)
    assert order.filled == ZERO
    flatten = world.command("flatten")
    assert core.ledger.size(spec) == believed, "its order's word comes first"
    world.wire.hook = lambda due, event: ((due, event),)
    world.until(lambda w: order.filled > ZERO or flatten in w.done)
    assert core.ledger.size(spec) == world.position(spec.id), "counted once"
    world.until(lambda w: flatten in w.done, 120)
    assert world.done[flatten].ok, world.done[flatten].text
    assert world.positions() == {}
    world.books_agree()
