"""Between an intent and its send the world may change: the gate is asked once more (RUNTIME 3)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.domain.enums import OrderState, Side
from services.domain.events import MarketFrame
from services.execution.entries import OrderEntry
from tests.safety.moments import moments
from tests.safety.test_together import Stage, stage

BTC = "BTC-USDT-PERP.alpha"


def waiting() -> tuple[Stage, OrderEntry]:
    """A ticket that has passed the gate; its intent is on the way to the disk."""
    scene = stage()
    scene.ticket(0, 0, Side.BUY, 14)
    (entry,) = scene.desk.core.orders.open_orders()
    assert (entry.state, len(scene.intents)) == (OrderState.INITIALIZED, 1)
    return scene, entry


def moved(scene: Stage, factor: float) -> None:
    """The market of the ticket's instrument moves before the disk has answered."""
    frame = moments()["flat, market"].event
    assert isinstance(frame, MarketFrame)
    now = scene.tick()
    quotes = tuple(
        replace(row, bid=row.bid * factor, ask=row.ask * factor)
        for row in frame.quotes
        if row.instrument == BTC
    )
    marks = tuple(replace(row, mark=row.mark * factor) for row in frame.marks if row.instrument == BTC)
    assert len(quotes) == len(marks) == 1
    scene.take(
        scene.desk.handle(
            replace(frame, ts=now, ts_event=now, seq=frame.seq + 1, quotes=quotes, marks=marks, rates=())
        )
    )


@pytest.mark.parametrize(("factor", "sent"), [(1.0, True), (0.995, True), (0.95, False)])
def test_what_the_gate_would_not_pass_any_more_does_not_leave(factor: float, sent: bool) -> None:
    """Five per cent below, its price is beyond the collar; half a per cent is within it."""
    scene, entry = waiting()
    moved(scene, factor)
    waits = entry.state is OrderState.INITIALIZED
    assert waits, "nothing but the second question stands between"
    scene.durable(0)
    assert (entry.id in scene.sent) is sent
    assert entry.state is (OrderState.SUBMITTED if sent else OrderState.DENIED)
    if not sent:
        assert "collar" in scene.desk.state.denied[-1].text
