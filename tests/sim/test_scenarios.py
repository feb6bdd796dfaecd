"""The synthetic markets against the figures they are calibrated on, and the scenarios' own promises."""

from __future__ import annotations

import statistics
from decimal import Decimal

import pytest

from services.domain.enums import RateKind
from services.domain.events import MarketFrame
from services.venues.sim import fair
from services.venues.sim.facts import HOUR_NS, NS
from services.venues.sim.generator import GeneratedSource
from services.venues.sim.scenarios import SCENARIOS, depeg_path, scenario
from services.venues.sim.world import make_world, stream
from tests.sim.builders import Sim

D = Decimal
BPS = 10_000


def three_years(seed: int) -> tuple[list[float], list[float], list[float]]:
    """Two venues that settle every 8 h, and the second one's hourly rates; bps per 8 h."""
    rng = stream("calibration", "premium", seed)
    size, waves = 0.0, {"common": 0.0, "one": 0.0, "two": 0.0}
    first: list[float] = []
    second: list[float] = []
    hourly: list[float] = []
    sums = [0.0, 0.0]
    for hour in range(1, 3 * 365 * 24 + 1):
        size = fair.turn_size(size, rng)
        fair.turn_waves(waves, tuple(waves), rng)
        reach = fair.reaches(size)
        sums[0] += fair.premium_of(reach, waves["common"], waves["one"])
        sums[1] += (last := fair.premium_of(reach, waves["common"], waves["two"]))
        hourly.append(fair.funding_of_premium(last))
        if hour % 8 == 0:
            first.append(fair.funding_of_premium(sums[0] / 8))
            second.append(fair.funding_of_premium(sums[1] / 8))
            sums = [0.0, 0.0]
    return first, second, hourly


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


@pytest.mark.parametrize("seed", [1, 2])
def test_funding_has_the_recorded_shape(seed: int) -> None:
    first, second, hourly = three_years(seed)
    assert 0.9 <= statistics.mean(first) <= 1.7
    assert 1.0 <= statistics.stdev(first) <= 3.8
    assert 0.45 <= statistics.correlation(first[:-1], first[1:]) <= 0.9
    assert quantile(first, 0.5) == 1.0
    assert -6.5 <= quantile(first, 0.01) <= -0.3
    assert 5.5 <= quantile(first, 0.99) <= 20.2
    assert 0.78 <= sum(rate > 0 for rate in first) / len(first) <= 0.99
    assert sum(rate == 1.0 for rate in first) / len(first) > 0.4, "the interest part is a point mass"
    assert 0.4 <= statistics.correlation(first, second) <= 0.8
    assert statistics.correlation(hourly[:-1], hourly[1:]) > 0.8
    gaps = [abs(a - b) for a, b in zip(first, second, strict=True)]
    assert quantile(gaps, 0.9) <= 4.5, "two venues alone rarely pay for four fees"


def test_a_rate_is_the_premium_beyond_the_clamp_and_one_basis_point_inside() -> None:
    assert [fair.funding_of_premium(p) for p in (-10.0, -4.0, 0.0, 6.0, 16.0)] == [-5.0, 1.0, 1.0, 1.0, 11.0]
    assert fair.rate_decimal(1.0, 8) == D("0.0001")
    assert fair.rate_decimal(1.0, 1) == D("0.0000125")
    assert fair.rate_decimal(-2.875 * 8, 1) == D("-0.0002875")


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_scenario_runs_with_30_days_of_rates_and_uncrossed_quotes(name: str) -> None:
    sim = Sim(make_world(name))
    events = [e for e in sim.run(120) if isinstance(e, MarketFrame)]
    settled = [r for r in events[0].rates if r.kind is RateKind.SETTLED]
    assert max(r.rate_ts for r in settled) - min(r.rate_ts for r in settled) > 29 * 24 * HOUR_NS
    assert all(q.bid < q.ask for e in events for q in e.quotes)
    assert sim.world.label.startswith("SYNTHETIC")


def spread(sim: Sim, offset_s: int) -> Decimal:
    """bps per hour that beta pays over alpha on BTC-USDT, by the current predictions."""
    sim.until(sim.world.start + offset_s * NS)
    rows = sim.exchange._source.board.predicted
    beta, alpha = rows["BTC-USDT-PERP.beta"].rate, rows["BTC-USDT-PERP.alpha"].rate
    return (beta - alpha / 8) * BPS


def test_funding_harvest_pays_six_basis_points_an_hour_for_ten_hours_then_minus_three() -> None:
    sim = Sim(make_world("funding-harvest", step_s=60))
    assert sim.world.label == "SYNTHETIC, generous"
    assert spread(sim, 60) == 6
    assert spread(sim, 10 * 3600 - 60) == 6
    assert spread(sim, 10 * 3600) == -3
    assert spread(sim, 20 * 3600) == -3


def test_funding_flip_turns_against_its_holder_two_hours_after_the_start() -> None:
    sim = Sim(make_world("funding-flip", step_s=60))
    assert [spread(sim, second) for second in (60, 2 * 3600 - 60, 2 * 3600)] == [6, 6, -6]


def test_the_harvests_last_day_of_back_fill_carries_the_spread_and_no_day_before() -> None:
    source = GeneratedSource(make_world("funding-harvest"))
    rows = source.backfill()["BTC-USDT-PERP.beta"]
    rich = [r.rate_ts for r in rows if r.rate == D("0.0006125")]
    assert len(rich) == 24
    assert rich[0] == source.start // HOUR_NS * HOUR_NS - 23 * HOUR_NS


def test_a_pair_of_the_first_hour_meets_two_slow_settlements_after_the_flip_within_twenty_hours() -> None:
    start = scenario("funding-harvest").start
    flip = start + 10 * HOUR_NS
    slow = [t for t in range(flip // HOUR_NS, flip // HOUR_NS + 17) if t % 8 == 0 and t * HOUR_NS > flip]
    assert slow[1] * HOUR_NS + 60 * NS < start + 18.5 * HOUR_NS
    # The entry window: 120 to 3600 s before beta's next hourly settlement.
    assert 120 <= HOUR_NS // NS - start // NS % 3600 <= 3600


def test_the_depeg_follows_the_hourly_table_and_btc_in_usdc_rises() -> None:
    sim = Sim(make_world("usdc-depeg-2023", step_s=120))
    start = sim.world.start
    assert start // NS % 86_400 == 12 * 3600
    lows = []
    for hours, close in ((9, 0.9997), (16, 0.9565 + 0.0), (22.5, 0.8991), (26, 0.8929), (74.9, 0.9868)):
        sim.until(start + int(hours * HOUR_NS))
        cells = {v: sim.exchange.venues[v].floor.books for v in ("alpha", "beta")}
        for venue, books in cells.items():
            usdc = books[f"USDC/USD.{venue}"].cell.fair
            if hours in (9, 26):
                assert usdc == pytest.approx(close, abs=0.012)
            ratio = books[f"BTC-USDC-PERP.{venue}"].cell.index / books[f"BTC-USDT-PERP.{venue}"].cell.index
            assert ratio == pytest.approx(1 / usdc, rel=0.01)
            lows.append(usdc)
    assert min(lows) < 0.92
    assert min(level for _, level in depeg_path()) == 0.87


def test_the_flash_crash_falls_fifteen_percent_and_comes_partly_back() -> None:
    sim = Sim(make_world("flash-crash"))
    cell = sim.exchange.venues["alpha"].floor.books["BTC-USDT-PERP.alpha"].cell
    levels = []
    for minute in (29, 34, 60):
        sim.until(sim.world.start + minute * 60 * NS)
        levels.append(cell.fair)
    before, low, after = levels
    assert low / before == pytest.approx(0.85, abs=0.02)
    assert low * 1.05 < after < before * 0.98
    assert sim.world.step_ns == NS


def test_a_dislocation_moves_prices_and_marks_of_one_venue_off_and_back() -> None:
    """Nothing else of the market moves: index, the other venue, and the other instruments stay."""
    source = GeneratedSource(make_world("dislocation"))
    cells = source.board.cells
    seen: dict[int, tuple[float, float, float]] = {}
    ts: int | None = source.start
    while ts is not None and ts < source.start + 40 * 60 * NS:
        source.advance(ts)
        one, other = cells["BTC-USDT-PERP.alpha"], cells["BTC-USDT-PERP.beta"]
        apart = (other.fair / one.fair - 1) * BPS
        marks = (other.mark_ticks / one.mark_ticks - 1) * BPS
        ether = (cells["ETH-USDT-PERP.beta"].fair / cells["ETH-USDT-PERP.alpha"].fair - 1) * BPS
        seen[(ts - source.start) // NS] = apart, marks, ether
        assert one.index == other.index
        ts = source.next_ts(ts)
    for second, level in ((120, 0), (600, 60), (1_200, 0), (1_800, -60), (2_380, 0)):
        apart, marks, ether = seen[second]
        assert apart == pytest.approx(level, abs=8), second
        assert marks == pytest.approx(level, abs=8), second
        assert abs(ether) < 8


def test_stable_prices_hug_one_and_the_venues_stay_close() -> None:
    sim = Sim(make_world("calm"))
    source = sim.exchange._source
    deviations: list[float] = []
    gaps: list[float] = []
    for _ in range(240):
        sim.run(60)
        cells = source.board.cells
        deviations += [abs(cells[f"{coin}/USD.alpha"].fair - 1) for coin in ("USDT", "USDC", "BUSD")]
        gaps.append(cells["BTC-USDT-PERP.alpha"].fair / cells["BTC-USDT-PERP.beta"].fair - 1)
    assert quantile(deviations, 0.99) * BPS < 10
    assert 1.0 < statistics.stdev(gaps) * BPS < 6.0
    assert max(map(abs, gaps)) * BPS < 29
