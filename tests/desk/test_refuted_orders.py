"""Orders that a second look found refused, begun or held back where SEMANTICS 3 and 7 say otherwise."""

from __future__ import annotations

from decimal import Decimal

from services.desk import gatekeeping
from services.domain.enums import OrderState, Purpose
from services.execution.table import OrderEntry
from services.risk.gate import reserved
from tests.desk.world import DeskWorld, quick


def _queued_hedge(world: DeskWorld) -> OrderEntry | None:
    return next(
        (
            entry
            for entry in world.desk.core.orders.open_orders()
            if entry.request.purpose is Purpose.HEDGE and entry.state is OrderState.INITIALIZED
        ),
        None,
    )


def test_a_hedge_is_inside_its_reservation_when_it_is_durable_too() -> None:
    """By then it stands among the open orders itself: its own quantity must not eat its reservation.

    A hedge inside its reservation is refused only by the trading state, an unknown instrument or its band;
    here the order rate is used up, as it is in a busy second.
    """
    world = DeskWorld(settings=quick())
    world.until(lambda w: _queued_hedge(w) is not None)
    core, entry = world.desk.core, _queued_hedge(world)
    assert entry is not None
    pair = core.pairs.get(entry.request.pair or "")
    assert pair is not None
    leg = pair.leg(entry.request.leg)
    ctx = gatekeeping.order_context(core, entry.request)
    assert reserved(ctx, entry.request) == leg.target - leg.size
    core.throttle.sent(core.now, 500)
    assert world.desk.submit.ask_gate(entry.request).allowed
    # One lot less than the order is reserved: now the order rate does refuse it.
    leg.target = leg.size + entry.request.quantity - Decimal("0.001")
    assert not world.desk.submit.ask_gate(entry.request).allowed
