"""Edges of one order of a flatten: its bands, and the market behind them (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.domain.enums import OrderType, Purpose
from services.execution.flatten_close import closing_order
from services.execution.flatten_state import Target
from services.execution.ids import IdCounter
from services.execution.pair_state import LegPolicy
from services.execution.pricing import last_resort
from services.settings.parameters import Settings
from tests.execution.builders import BTC_A, INSTRUMENTS, START, Answer, market, opened
from tests.execution.test_edges_flatten import View

D = Decimal


@pytest.mark.parametrize("allow", [True, False])
def test_behind_the_last_band_it_takes_at_any_price_where_that_is_allowed(allow: bool) -> None:
    settings = replace(Settings(), exec=replace(Settings().exec, allow_market=allow))
    bands = settings.exec.flatten_bands
    for band in range(8):
        order = closing_order(
            Target(BTC_A, band=band), INSTRUMENTS[BTC_A], D("0.1"), None, settings, IdCounter("abc123"),
            START, View(), "operator", "why",
        )  # fmt: skip
        assert order is not None
        assert order.attempt == band + 1
        free = allow and band >= len(bands)
        assert (order.type is OrderType.MARKET) is free
        assert (order.price is None) is free
        if order.price is not None:
            bps = bands[min(band, len(bands) - 1)]
            assert abs(order.price - D(23_000) * (1 - bps / 10_000)) <= D("0.1")


def test_an_order_that_increases_has_a_limit_however_often_it_is_tried() -> None:
    """A hedge that proceeds past its time-out goes on at the last band; only protection takes at market."""
    settings = replace(Settings(), exec=replace(Settings().exec, allow_market=True))
    world = market([Answer(), *[Answer(fills=())] * 60], settings=settings)
    opened(world, "0.1", entry_policy=LegPolicy.PROCEED)
    world.run(120)
    hedges = [order for order in world.placed if order.purpose is Purpose.HEDGE]
    assert max(order.attempt for order in hedges) > 8
    assert {order.type for order in hedges} == {OrderType.LIMIT}


@pytest.mark.parametrize(
    ("attempt", "bands", "free"), [(6, 6, False), (7, 6, True), (5, 3, False), (6, 3, True), (4, 3, False)]
)
def test_the_last_resort_is_past_all_bands_of_the_order_and_of_the_gate(
    attempt: int, bands: int, free: bool
) -> None:
    settings = replace(Settings(), exec=replace(Settings().exec, allow_market=True))
    assert len(settings.gate.protective_bands) == 5
    assert last_resort(settings, attempt, bands) is free
    assert last_resort(Settings(), attempt, bands) is False
