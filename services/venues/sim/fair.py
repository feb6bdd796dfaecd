"""Formulas of the synthetic market: funding out of a premium, and levels along a scenario's path.

The funding rate is an exchange's own formula, `P + clamp(I - P, ±5 bps)` per 8 h with the interest part
I = 1 bps: while the premium P is small the rate is exactly +1.00 bps, which makes the point mass of the
recorded series; only premiums beyond the clamp show, in runs. The premium's parameters are chosen so that
mean, spread, quantiles, persistence and correlation between venues lie inside the ranges of the recorded
series (BTC perps of seven venues, 2020 to 2024); the suite measures them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from decimal import Decimal
from random import Random

INTEREST = 1.0
"""bps per 8 h."""
CLAMP = 5.0

HOURLY_CARRY = 0.975
"""Share of a premium deviation left after an hour: 0.82 after eight."""
VOLATILITY_CARRY = 0.997
"""The size of the swings itself drifts over two weeks: calm months and wild ones."""
VOLATILITY_SPREAD = 0.5
"""Standard deviation of the log of that size."""
COMMON_SHARE = 0.86
"""Weight of what all venues have in common; the rest, sqrt(1 - w²), is the venue's own."""
PREMIUM_MEAN = 0.9
PREMIUM_SCALE = 4.4
"""bps per 8 h, of the median size."""
DOWNSIDE = 0.55
"""Premiums below the mean go this much less far: the recorded tails are longer upwards."""

_SIZE_NEWS = math.sqrt(1 - VOLATILITY_CARRY**2)
_WAVE_NEWS = math.sqrt(1 - HOURLY_CARRY**2)
_OWN_SHARE = math.sqrt(1 - COMMON_SHARE**2)

RATE_PLACES = 8


def funding_of_premium(premium: float) -> float:
    """bps per 8 h of an average premium of `premium` bps."""
    return premium + max(-CLAMP, min(CLAMP, INTEREST - premium))


def rate_decimal(bps_8h: float, hours: int) -> Decimal:
    """The rate per settlement interval as the venue states it: a fraction with eight places."""
    return Decimal(round(bps_8h * hours / 8 * 10 ** (RATE_PLACES - 4))).scaleb(-RATE_PLACES)


def turn_size(size: float, rng: Random) -> float:
    """The log size of the swings an hour later; shared by all venues."""
    return size * VOLATILITY_CARRY + rng.gauss(0.0, 1.0) * VOLATILITY_SPREAD * _SIZE_NEWS


def turn_waves(waves: dict[str, float], names: Iterable[str], rng: Random) -> None:
    """Unit-variance waves an hour later, in this order."""
    gauss = rng.gauss
    for name in names:
        waves[name] = waves[name] * HOURLY_CARRY + gauss(0.0, 1.0) * _WAVE_NEWS


def reaches(size: float) -> tuple[float, float]:
    """bps per 8 h of a wave of one, above the mean and below it."""
    swing = math.exp(size)
    return PREMIUM_SCALE * swing, PREMIUM_SCALE * DOWNSIDE * swing


def premium_of(reach: tuple[float, float], common: float, own: float) -> float:
    """bps per 8 h."""
    wave = COMMON_SHARE * common + _OWN_SHARE * own
    return PREMIUM_MEAN + (reach[0] if wave > 0 else reach[1]) * wave


def along(path: tuple[tuple[int, float], ...], offset_s: float) -> float:
    """The level at an offset, straight between way points, level before the first and after the last."""
    at = bisect_right(path, offset_s, key=lambda point: point[0])
    if at == 0:
        return path[0][1]
    if at == len(path):
        return path[-1][1]
    (begin, low), (end, high) = path[at - 1], path[at]
    return low + (high - low) * (offset_s - begin) / (end - begin)
