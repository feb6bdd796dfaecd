"""Two strategies of different kinds and an operator at once, on the same accounts and one symbol."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from msgspec.structs import replace

from services.settings.cross import Cross
from services.settings.gate import InstrumentLimit
from services.settings.parameters import StrategySettings
from services.venues.sim.scenarios import SCENARIOS, apart
from tests.desk.world import DeskWorld, S, quick

D = Decimal
LIMIT = D(15_000)
"""Of each symbol, over both venues: less than what any two of the three would take."""


def test_funding_cross_exchange_and_a_person_pass_no_limit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    harvest = SCENARIOS["funding-harvest"]
    offsets = {"BTC.beta": apart((1, 60.0), last_min=2)}
    monkeypatch.setitem(SCENARIOS, "funding-harvest", replace(harvest, offsets=offsets))
    settings = quick()
    row = InstrumentLimit(max_position=LIMIT, max_leverage=D(5))
    gate = replace(settings.gate, limits={}, default_limit=row)
    both = {
        "funding_arb": StrategySettings(kind="funding_arb"),
        "cross": StrategySettings(kind="cross_exchange", cross=Cross(exit_level=D(4))),
    }
    world = DeskWorld("funding-harvest", seed=2, settings=replace(settings, gate=gate, strategies=both))
    draw, by_hand, worst = Random(2), world.now + 20 * S, D(0)
    start = world.now
    for half in range(250):
        world.machine.run_until(start + half * S // 2)
        if world.now >= by_hand:
            by_hand = world.now + int(draw.uniform(2, 8) * S)
            venue, size = draw.choice(("alpha", "beta")), draw.choice(("0.05", "0.2", "0.4"))
            world.command(draw.choice(("buy", "sell")), symbol=f"BTC-USDT-PERP.{venue}", size=size, terms="")
        held: dict[str, Decimal] = {}
        for name, position in world.positions().items():
            symbol, _, venue = name.rpartition(".")
            value = abs(position) * world.exchange.venues[venue].floor.mark(name)
            held[symbol] = held.get(symbol, D(0)) + value
        worst = max(worst, *held.values(), D(0))
    origins = {order.order.origin for order in world.sent if order.increasing}
    assert {"strategy:funding_arb", "strategy:cross", "operator"} <= origins, "all three have traded"
    assert LIMIT * D("0.8") < worst < LIMIT * D("1.005"), "filled, and passed by no more than prices moved"
    assert len(world.decisions("denied")) > 5
    for pair in world.desk.core.pairs.live():
        assert pair.naked.worst <= pair.naked_bound
    world.books_agree()
