"""Equity is sampled every five minutes of the clock, and when it has moved: a report sees highs and lows."""

from __future__ import annotations

from decimal import Decimal

from services.desk import samples
from services.desk.core import MINUTE, SECOND, DeskCore
from services.desk.state import DeskState
from services.execution.ids import IdState
from services.risk.breaker import Sample
from services.settings.parameters import Settings

FIVE = 5 * MINUTE


def test_a_move_of_the_unit_value_is_a_sample_of_its_own() -> None:
    core = DeskCore(Settings(), {}, DeskState(ids=IdState(instance="abc123")))
    start = 1_700_000_000 * SECOND // FIVE * FIVE
    core.state.now = start + 7 * SECOND
    core.breaker.state.last = Sample(core.now, Decimal(1))
    assert samples.due(core)
    assert core.state.next_equity == start + FIVE, "on the clock, whenever it began"
    sampled = []
    for at, value in enumerate(("1.0005", "0.9985", "0.9980", "0.9970", "1.0000"), 1):
        core.state.now = start + at * 10 * SECOND
        core.breaker.state.last = Sample(core.now, Decimal(value))
        if samples.due(core):
            sampled.append(value)
    assert sampled == ["0.9985", "0.9970", "1.0000"]
    core.state.now = start + FIVE + SECOND
    assert samples.due(core)
    assert core.state.next_equity == start + 2 * FIVE


def test_the_first_value_of_all_is_a_sample_whenever_it_comes() -> None:
    """Else the fees of what is opened before the clock strikes are in no return."""
    core = DeskCore(Settings(), {}, DeskState(ids=IdState(instance="abc123")))
    start = 1_700_000_000 * SECOND // FIVE * FIVE
    found = []
    for second, known in enumerate((None, None, 2, 3, 3)):
        core.state.now = start + second * SECOND
        if known is not None:
            core.breaker.state.last = Sample(start + known * SECOND, Decimal(1))
        if samples.due(core):
            found.append(second)
    assert found == [0, 2], "the start, though nothing is known yet, and the first value"
