"""The engine's time is never set and goes on in sleep; ages count the sleep too."""

from __future__ import annotations

import time

import pytest

from services.runtime.clock import SteadyClock, boot_ns, boot_s, steady_ns
from services.workers.live_engine import setting

HOUR = 3_600 * 1_000_000_000


class Machine:
    """A wall clock that may be set, and one that counts."""

    def __init__(self) -> None:
        self.boot, self.set_by = 5_000, 1_790_000_000 * 1_000_000_000

    def wall(self) -> int:
        return self.set_by + self.boot

    def up(self) -> int:
        return self.boot


@pytest.mark.parametrize("step", [5 * HOUR, -5 * HOUR])
def test_a_clock_that_is_set_by_hours_moves_no_time_of_ours(step: int) -> None:
    machine = Machine()
    clock = SteadyClock(machine.wall, machine.up)
    began = clock()
    assert began == machine.wall()
    machine.boot += 1_000
    machine.set_by += step
    assert clock() - began == 1_000
    assert clock.set_by() == step


def test_ten_minutes_of_sleep_are_ten_minutes() -> None:
    machine = Machine()
    clock = SteadyClock(machine.wall, machine.up)
    began = clock()
    machine.boot += 600 * 1_000_000_000
    assert clock() - began == 600 * 1_000_000_000
    assert clock.set_by() == 0


def test_ages_are_measured_by_the_clock_that_counts_sleep() -> None:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    found = boot_ns()
    assert before <= found <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert abs(boot_s() - found / 1e9) < 5.0
    assert abs(steady_ns() - time.time_ns()) < HOUR


def test_a_clock_that_was_set_back_asks_for_no_restart() -> None:
    """It said `-0.0 s from this engine's own … restart to follow it`."""
    assert "is -300.0 s from this engine's own" in setting(-300 * 1_000_000_000)
    assert "restart to follow it" in setting(1_500_000_000)
    assert setting(-40_000) == "the machine's clock agrees with this engine's own again"
