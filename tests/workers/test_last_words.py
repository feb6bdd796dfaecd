"""A desk that fails over sockets: its cancels go out over the wire before the process ends (RUNTIME 3)."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.domain.effects import Effect, Send
from services.domain.enums import Purpose, Side
from services.domain.events import Event, OrderAccepted
from services.domain.orders import OrderRequest
from services.drive.latch import Latch
from services.drive.machine import DeskFailed
from services.drive.standing import SessionNote
from services.protocol.redact import Redactor
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.workers.live_engine import LiveEngine
from services.workers.simserver.worlds import served_world
from tests.simserver.served import KEY, serving

ORDER = OrderRequest(
    client_order_id="abcdef00000000000001",
    instrument="USDT-PERP.alpha",
    side=Side.BUY,
    quantity=Decimal(100),
    price=Decimal("0.9900"),
    purpose=Purpose.TICKET,
    origin="operator",
)


async def test_the_cancels_of_a_failed_desk_reach_the_venue_and_the_latch_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = served_world("calm", 1, step_s=0.5, synthetic=0, start=time.time_ns())
    async with serving(world) as (house, server):
        port = server.ports["alpha"]
        wire = VenueWire(
            kind="ftx",
            rest=f"http://127.0.0.1:{port}",
            stream=f"ws://127.0.0.1:{port}/ws/",
            key=KEY.key,
            symbols=("USDT-PERP",),
            extensions=True,
        )
        chosen = Settings(venues=("alpha",), wires={"alpha": wire}, strategies={})
        secrets = {"STABLECONSOLE_SECRET_ALPHA": KEY.secret}
        engine = LiveEngine(StateLayout(tmp_path), chosen, "test", secrets, Redactor())
        floor = house.seat(KEY.key, "").venue("alpha").floor

        def live() -> list[Any]:
            return [order for order in floor.state.orders.values() if order.live]

        try:
            await engine.start()
            engine.open(SessionNote(pid="1", speed="1", state_dir=str(tmp_path)))
            machine = engine.machine(lambda _: None)
            decide = machine.desk.decide
            rested: list[int] = []

            def failing(event: Event) -> tuple[Effect, ...]:
                if isinstance(event, OrderAccepted):
                    rested.append(len(live()))
                    raise ZeroDivisionError("a fault of ours")
                return decide(event)

            monkeypatch.setattr(machine.desk, "decide", failing)
            runner = engine.runner(machine, lambda: None, 20.0)
            engine.session.first_events()
            machine._send(Send(order=ORDER))
            with pytest.raises(DeskFailed, match="a fault of ours"):
                await runner.run()
            assert rested == [1]
        finally:
            await engine.close_venues()
            engine.session.close()
        for _ in range(100):
            if not live():
                break
            house.advance(house.now + 10_000_000)
        assert live() == []
    latch = Latch(tmp_path / "latch")
    assert latch.read().state == "HALTED"
    latch.close()
