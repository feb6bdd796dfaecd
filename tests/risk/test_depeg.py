"""The depeg monitor of SEMANTICS 5.11; with 0, 1 and 2 sources see also test_fail_open."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.market.sources import Source
from services.risk.depeg import DepegMonitor, DepegState
from services.settings.parameters import Depeg
from tests.risk.builders import NOW, SECOND, D

RANK = {"ok": 0, "warn": 1, "block": 2, "unknown": 2, "reduce": 3}


def sources(*values: str, age_s: int = 1) -> list[Source]:
    return [Source(f"s{number}", D(value), age_s * SECOND) for number, value in enumerate(values)]


def run(monitor: DepegMonitor, start: int, seconds: int, *values: str, every: int = 5) -> list[str]:
    said = []
    for second in range(start, start + seconds + 1, every):
        for change in monitor.update("USDC", sources(*values), NOW + second * SECOND):
            said.append(change.after)
    return said


def test_the_median_of_three_counts_and_levels_take_their_time() -> None:
    monitor = DepegMonitor(Depeg())
    assert run(monitor, 0, 300, "1", "1", "0.5") == ["ok"]
    assert run(monitor, 305, 55, "0.997", "0.997", "1") == []
    assert run(monitor, 365, 5, "0.997", "0.997", "1") == ["warn"]
    assert run(monitor, 375, 25, "0.99", "0.99", "0.99") == []
    assert run(monitor, 405, 0, "0.99", "0.99", "0.99") == ["block"]
    assert run(monitor, 410, 30, "0.97", "0.97", "0.97") == ["reduce"]
    assert monitor.deviation("USDC") == 300


def test_above_a_dollar_is_off_the_peg_too() -> None:
    monitor = DepegMonitor(Depeg())
    assert "block" in run(monitor, 0, 60, "1.011", "1.011", "1.011")


def test_release_at_half_the_level_for_thirty_minutes() -> None:
    monitor = DepegMonitor(Depeg())
    run(monitor, 0, 120, "0.99", "0.99", "0.99")
    assert monitor.level("USDC") == "block"
    assert monitor.told("USDC") == "USDC 100 bps from 1 USD (3 sources): entries blocked"
    assert run(monitor, 125, 7_200, "0.994", "0.994", "0.994") == []
    said = "60 bps from 1 USD (3 sources): entries blocked until 50 or less for 30 min"
    assert monitor.told("USDC").endswith(said)
    assert run(monitor, 7_330, 1_795, "0.995", "0.995", "0.995") == []
    assert run(monitor, 9_130, 5, "0.995", "0.995", "0.995") == ["warn"]
    assert run(monitor, 9_140, 1_800, "1", "1", "1") == ["ok"]


def test_a_relapse_starts_the_release_again() -> None:
    monitor = DepegMonitor(Depeg())
    run(monitor, 0, 60, "0.99", "0.99", "0.99")
    run(monitor, 65, 1_700, "1", "1", "1")
    run(monitor, 1_770, 0, "0.9949", "0.9949", "0.9949")
    assert run(monitor, 1_775, 1_795, "1", "1", "1") == []
    assert monitor.level("USDC") == "block"


def test_a_gap_neither_releases_nor_forgets() -> None:
    monitor = DepegMonitor(Depeg())
    run(monitor, 0, 60, "0.96", "0.96", "0.96")
    assert monitor.level("USDC") == "reduce"
    assert run(monitor, 65, 7_200) == []
    assert monitor.level("USDC") == "reduce"
    assert run(monitor, 7_270, 0, "1", "1", "1") == []


def test_a_rate_without_a_dollar_alarms_both_coins() -> None:
    monitor = DepegMonitor(Depeg())
    for coin in ("USDT", "USDC"):
        monitor.update(coin, [], NOW, unanchored=D("0.98"))
        changes = monitor.update(coin, [], NOW + 60 * SECOND, unanchored=D("0.98"))
        assert monitor.deviation(coin) == 200
        assert monitor.level(coin) == "unknown"
        assert changes == ()


def test_a_calm_rate_without_a_dollar_releases_nothing() -> None:
    """Two coins that slipped together are at par with each other: half an hour of that is no peg."""
    for price, level in (("0.985", "block"), ("0.96", "reduce")):
        monitor = DepegMonitor(Depeg())
        run(monitor, 0, 120, price, price, price)
        for second in range(125, 2_000, 5):
            monitor.update("USDC", [], NOW + second * SECOND, unanchored=D("1.0001"))
        run(monitor, 2_005, 0, price, price, price)
        assert monitor.level("USDC") == level


def test_a_coin_assumed_at_par_is_ok_and_says_so() -> None:
    monitor = DepegMonitor(Depeg(), assume_par=("USDT",))
    changes = monitor.update("USDT", [], NOW)
    assert [change.after for change in changes] == ["ok"]
    assert "assumed" in changes[0].text
    assert monitor.level("USD") == "ok"


def test_nonsense_is_no_source() -> None:
    monitor = DepegMonitor(Depeg())
    bad = [Source("a", D("NaN"), 0), Source("b", D(0), 0), Source("c", D(-1), 0), Source("d", D(1), -5)]
    monitor.update("USDC", bad, NOW)
    assert monitor.sources("USDC") == 0
    assert monitor.level("USDC") == "unknown"


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(900, 1_100).map(lambda n: D(n) / 1000), min_size=1, max_size=2), st.integers(0, 1)
)
def test_taking_a_source_away_never_makes_a_coin_calmer(values: list[Decimal], gone: int) -> None:
    """Down from two sources to one to none: entries never become allowed by losing sight."""

    def level(kept: list[Decimal]) -> str:
        monitor = DepegMonitor(Depeg())
        for second in (0, 60):
            read = [Source(f"s{number}", value, 0) for number, value in enumerate(kept)]
            monitor.update("USDC", read, NOW + second * SECOND)
        return monitor.level("USDC")

    worst = max(values, key=lambda value: abs(value - 1))
    assert RANK[level([])] >= RANK["block"]
    if RANK[level(values)] >= RANK["block"]:
        assert RANK[level([worst])] >= RANK["block"]


def test_the_state_survives_the_store() -> None:
    monitor = DepegMonitor(Depeg())
    run(monitor, 0, 60, "0.99", "0.99", "0.99")
    packed = msgspec.msgpack.encode(monitor.state)
    again = DepegMonitor(Depeg(), state=msgspec.msgpack.decode(packed, type=DepegState))
    assert again.state == monitor.state
    assert again.levels() == {"USDC": "block"}


def test_a_reduce_that_was_resumed_over_comes_back_when_it_is_worse_unknown_or_new() -> None:
    monitor = DepegMonitor(Depeg())
    run(monitor, 0, 60, "0.96", "0.96", "0.96")
    assert monitor.reduces("USDC")
    assert monitor.told("USDC").endswith("(3 sources): exposed accounts only reduce")
    monitor.lift("USDC")
    assert not monitor.reduces("USDC")
    assert monitor.told("USDC").endswith("(3 sources): resumed over by a person")
    run(monitor, 65, 0, "0.931", "0.931", "0.931")
    assert not monitor.reduces("USDC")
    run(monitor, 70, 0, "0.93", "0.93", "0.93")
    assert monitor.reduces("USDC"), "off by as much again"
    run(monitor, 75, 0, "0.96", "0.96", "0.96")
    assert not monitor.reduces("USDC")
    monitor.update("USDC", [], NOW + 80 * SECOND)
    assert monitor.reduces("USDC"), "unknown is never calmer"
    run(monitor, 85, 1_900, "1", "1", "1")
    assert monitor.level("USDC") == "ok"
    run(monitor, 2_000, 60, "0.96", "0.96", "0.96")
    assert monitor.reduces("USDC"), "another one"


def test_only_a_reduce_that_holds_is_lifted() -> None:
    monitor = DepegMonitor(Depeg())
    run(monitor, 0, 60, "0.99", "0.99", "0.99")
    monitor.lift("USDC")
    monitor.lift("DAI")
    run(monitor, 65, 60, "0.96", "0.96", "0.96")
    assert monitor.reduces("USDC")
    assert not monitor.reduces("DAI")
