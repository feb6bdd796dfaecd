"""No trade in an hour: only while entries pass the gate, told once, gone with the next fill."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.desk import idle
from services.desk.core import MINUTE, DeskCore
from services.desk.state import DeskState
from services.domain.effects import Notify
from services.domain.enums import Purpose, Side
from services.domain.orders import OrderRequest
from services.execution.ids import IdState
from services.settings.parameters import Settings
from services.venues.sim.facts import perp

SPEC = perp("alpha", "BTC-USDT-PERP", "BTC", "USDT")


def entry(purpose: Purpose = Purpose.ENTRY) -> OrderRequest:
    return OrderRequest(
        client_order_id="x", instrument=SPEC.id, side=Side.BUY, quantity=Decimal(1), price=Decimal(100),
        purpose=purpose, origin="strategy:funding_arb",
    )  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.core = DeskCore(Settings(), {SPEC.id: SPEC}, DeskState(ids=IdState(instance="abc123")))
        self.core.state.now = 1_700_000_000 * 1_000_000_000 // MINUTE * MINUTE

    def after(self, minutes: int, *, passes: bool, fills: bool = False) -> list[str]:
        """Minute by minute; what was told meanwhile."""
        self.core.out.clear()
        for _ in range(minutes):
            self.core.state.now += MINUTE
            if passes:
                idle.passed(self.core, entry())
            idle.watch(self.core)
        if fills:
            idle.traded(self.core)
            idle.watch(self.core)
        return [effect.text for effect in self.core.out if isinstance(effect, Notify)]


def test_an_hour_of_entries_without_a_fill_is_told_once_and_goes_with_the_fill() -> None:
    clock = Clock()
    assert clock.after(59, passes=True) == []
    (told,) = clock.after(90, passes=True)
    assert told == "entries pass the gate since 22:14 UTC, and none has filled"
    (gone,) = clock.after(1, passes=True, fills=True)
    assert gone.startswith("resolved")
    assert clock.after(59, passes=True) == []


def test_months_without_an_opportunity_are_no_alert() -> None:
    clock = Clock()
    assert clock.after(300, passes=False) == []


def test_an_entry_that_passes_now_and_then_is_no_hour_of_entries() -> None:
    clock = Clock()
    for _ in range(5):
        assert clock.after(1, passes=True) == []
        assert clock.after(70, passes=False) == []


def test_it_goes_when_nothing_passes_any_more() -> None:
    clock = Clock()
    clock.after(90, passes=True)
    assert clock.core.alerts.is_open(idle.NO_TRADE)
    clock.after(61, passes=False)
    assert not clock.core.alerts.is_open(idle.NO_TRADE)


@pytest.mark.parametrize("purpose", [each for each in Purpose if each is not Purpose.ENTRY])
def test_only_entries_are_opportunities(purpose: Purpose) -> None:
    clock = Clock()
    idle.passed(clock.core, entry(purpose))
    assert clock.core.state.idle.since is None
