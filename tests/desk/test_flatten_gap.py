"""A flatten right after the market has fallen by 15 % between two steps of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.domain.enums import PairState
from services.venues.sim.scenarios import SCENARIOS
from tests.desk.world import DeskWorld, quick

GAP_S = 40


def test_a_flatten_after_a_gap_of_15_percent_ends_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    calm = SCENARIOS["funding-harvest"]
    path = ((0, 1.0), (GAP_S, 1.0), (GAP_S + 1, 0.85))
    monkeypatch.setitem(SCENARIOS, "funding-harvest", replace(calm, paths={"BTC": path, "ETH": path}))
    world = DeskWorld(settings=quick())
    world.until(lambda w: w.pair_states() == [PairState.HEDGED], GAP_S - 5)
    before = world.desk.core.picture.mark("BTC-USDT-PERP.alpha")
    world.run(GAP_S + 11 - world.seconds)
    after = world.desk.core.picture.mark("BTC-USDT-PERP.alpha")
    assert before is not None
    assert after is not None
    assert after < before * 87 / 100, "the gap is in the desk's own picture"
    assert len(world.positions()) == 2, "there is something to flatten"
    identity = world.command("flatten")
    world.until(lambda w: identity in w.done, 30)
    assert world.done[identity].ok, world.done[identity].text
    assert world.positions() == {}
    assert all(not sent.increasing for sent in world.sent[-2:])
    world.books_agree()
