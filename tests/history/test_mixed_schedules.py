"""Legs that settle every hour, every four and every eight, in one pair and side by side, through the desk.

The rates are drawn here; what must come of them is the oracle's word (`tests/strategies/oracle.py`), which
projects each leg on its own schedule and knows nothing of the product.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from random import Random

import pytest

from tests.history.engine import SECOND, Played, play, rates_alone
from tests.history.test_engine_recorded import agree
from tests.strategies import oracle

INTERVALS = {"binance": 8, "bybit": 4, "gate": 1}
"""Hours between settlements at the beginning."""
DAYS = 44
CHANGED = 36 * 24
"""From this hour on bybit settles every eight hours and gate every four."""
FULL = 22
"""Three pairs in turn, which hold a leg at each of the venues."""
SEEDS = range(1, 41) if os.environ.get("STABLECONSOLE_SOAK") == "1" else (FULL,)
PRICE = Decimal(30_000)
CENT = Decimal("1e-8")


def hourly(draw: Random) -> Iterator[Decimal]:
    """A venue's rate per hour, hour by hour: weeks that pay, weeks that cost, and quiet ones."""
    while True:
        level = draw.choice((-60, -20, 0, 0, 10, 60, 120, 200))
        for _ in range(draw.randint(40, 300)):
            yield Decimal(level + draw.randint(-15, 15)) / 1_000_000


def write_rates(folder: Path, seed: int) -> None:
    for venue, first in INTERVALS.items():
        draw = Random(f"{seed} {venue}")
        rows = ["calc_time,funding_interval_hours,last_funding_rate"]
        held, interval = Decimal(0), first
        for hour, rate in zip(range(1, DAYS * 24), hourly(draw), strict=False):
            held += rate
            if hour % interval:
                continue
            if hour >= CHANGED and first < 8:
                interval = 8 if first == 4 else 4
            stamp = (oracle.FIRST + hour * oracle.H) * 1_000 + draw.randint(0, 40)
            rows.append(f"{stamp},{interval},{held.quantize(CENT)}")
            held = Decimal(0)
        (folder / f"{venue}_BTCUSDT_fundingRate.csv").write_text("\n".join(rows) + "\n")


def expected(folder: Path, max_pairs: int, monkeypatch: pytest.MonkeyPatch) -> oracle.Answer:
    monkeypatch.setattr(oracle, "VENUES", tuple(INTERVALS))
    return oracle.run(folder, max_pairs)


def payments_are_exact(played: Played, folder: Path) -> Counter[str]:
    """Every settlement of each leg that found a position, once, to the last digit; how many by venue."""
    due = set()
    for venue in INTERVALS:
        for instant, _, rate in oracle.read(folder, venue, oracle.LAST):
            size = played.size_before(f"BTC-USDT-PERP.{venue}", instant * SECOND)
            if size:
                amount = (-size * PRICE * rate).quantize(CENT, rounding=ROUND_HALF_EVEN)
                due.add((venue, instant, amount))
    paid = [(each.venue, each.ts // SECOND, each.amount) for each in played.payments]
    assert len(paid) == len(set(paid))
    assert set(paid) == due
    return Counter(venue for venue, _, _ in due)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_leg_is_projected_and_paid_on_its_own_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    write_rates(tmp_path, seed)
    answer = expected(tmp_path, 1, monkeypatch)
    path = rates_alone(tmp_path, tmp_path, tuple(INTERVALS), "2021-01-01", "2021-02-18")
    played = play(path, tmp_path / "state", max_pairs=1)
    agree(played.trades(), answer.trades)
    assert played.told.seen == answer.opportunities
    assert played.left == ()
    counts = payments_are_exact(played, tmp_path)
    if seed == FULL:
        assert len(answer.trades) == 3
        assert {venue for each in answer.trades for venue in (each.short, each.long)} == set(INTERVALS)
        assert min(counts[venue] for venue in INTERVALS) > 0
