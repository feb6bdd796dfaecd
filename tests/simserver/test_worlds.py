"""A served market begins now, and its scenario with it."""

from __future__ import annotations

from decimal import Decimal

from services.drive.queue import VirtualQueue
from services.venues.sim.exchange import build_exchange
from services.venues.sim.scenarios import SCENARIOS
from services.workers.simserver.worlds import served_world

NS = 1_000_000_000


def test_the_scenarios_spread_and_its_history_begin_with_the_served_market() -> None:
    start = 1_795_638_000 * NS
    assert SCENARIOS["funding-harvest"].start < start - 365 * 86_400 * NS
    world = served_world("funding-harvest", 1, step_s=None, synthetic=0, start=start)
    exchange = build_exchange(world, None, VirtualQueue(start), start)
    exchange.start(start)
    beta, alpha = (exchange.predicted(f"BTC-USDT-PERP.{venue}") for venue in ("beta", "alpha"))
    assert beta is not None
    assert alpha is not None
    assert beta.rate - alpha.rate / 8 == Decimal("0.0006"), "six basis points an hour, from the first minute"
    settled = [row.rate_ts for row in exchange.settled_rates() if row.instrument == "BTC-USDT-PERP.beta"]
    assert start - 3_600 * NS < settled[-1] <= start
    assert len(settled) == 30 * 24
