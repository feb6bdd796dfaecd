"""Funding rates as the desk may use them: hygiene at the door, settled history, the smoothed hourly rate.

Rules of SEMANTICS 1. A rate above the cap (the venue's own, else 3 % per 8 h) is dropped and its instrument
has no rate for ten minutes; a rate exactly at the cap is legitimate, venues clamp there. A *predicted* rate
more than 8 standard deviations (floor 1 bps per 8 h) from the instrument's own 30 days of settlements counts
only after 3 such samples over at least 60 s; until then the earlier rate stands and ages. Settled rates are
facts: only the cap applies to them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from decimal import Decimal, localcontext

from msgspec import Struct, field
from msgspec.structs import replace

from services.domain.enums import RateKind
from services.domain.events import RateRow
from services.domain.money import DESK_CONTEXT, ONE

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS

CAP_8H = Decimal("0.03")
"""Per eight hours, when the venue states no cap of its own."""
NO_RATE_NS = 600 * SECOND_NS
OUTLIER_SD = 8.0
SD_FLOOR_8H = 0.0001
"""1 bps per eight hours."""
CONFIRM_SAMPLES = 3
CONFIRM_NS = 60 * SECOND_NS
STATISTICS_DAYS = 30
KEPT_SETTLEMENTS = 400

NEGLIGIBLE = 64
"""Half-lives after which a settlement no longer counts in the smoothed rate."""

_EIGHT = Decimal(8)
_HALF = Decimal("0.5")


class DaySum(Struct):
    """Sums of one UTC day's settled rates, each as float per 8 h: a month of statistics in thirty rows."""

    day: int
    count: int
    total: float
    squares: float


class RateState(Struct):
    """What is known of one instrument's funding."""

    predicted: RateRow | None = None
    predicted_ts: int = 0
    """When the last proof of `predicted` came."""
    settled: list[RateRow] = field(default_factory=list)
    """Oldest first, at most `KEPT_SETTLEMENTS`."""
    settled_seen_ts: int = 0
    revision: int = 0
    """Counts changes of `settled`."""
    days: list[DaySum] = field(default_factory=list)
    blocked_until: int = 0
    """No rate before this instant: an impossible one was seen."""
    doubted: int = 0
    """Outlying predictions in a row so far."""
    doubted_since: int = 0


def rate_per_8h(row: RateRow) -> Decimal:
    """The rate scaled to eight hours. An unknown interval is taken as one hour: the strictest reading."""
    interval = row.interval_h
    if interval is None or not interval.is_finite() or interval <= 0:
        return row.rate * _EIGHT
    return DESK_CONTEXT.divide(row.rate * _EIGHT, interval)


def accept(state: RateState, row: RateRow, ts: int, cap: Decimal | None = None) -> bool:
    """Take a rate in, or leave it out; True = taken. `cap` is the venue's, per interval of the row."""
    if not row.rate.is_finite():
        return _refuse(state, ts)
    interval = row.interval_h
    if interval is not None and not (interval.is_finite() and interval > 0):
        row = replace(row, interval_h=None)  # no interval at all: unknown, never guessed
    scaled = rate_per_8h(row)
    over = abs(row.rate) > cap if cap is not None else abs(scaled) > CAP_8H
    if over:
        return _refuse(state, ts)
    if row.kind is RateKind.SETTLED:
        _keep_settlement(state, row, float(scaled), ts)
        return True
    if row != state.predicted and _outlying(state, float(scaled), ts):
        if state.doubted == 0:
            state.doubted_since = ts
        state.doubted += 1
        if state.doubted < CONFIRM_SAMPLES or ts - state.doubted_since < CONFIRM_NS:
            return False
    state.doubted = 0
    state.predicted = row
    state.predicted_ts = ts
    return True


def current_rate(state: RateState, now: int) -> RateRow | None:
    """The rate that a decision may use: the prediction where the venue predicts, else the last settled one.

    A prediction of an interval that has meanwhile settled says nothing of the next one.
    """
    if now < state.blocked_until:
        return None
    predicted = state.predicted
    last = state.settled[-1] if state.settled else None
    if predicted is not None and not (
        last is not None and predicted.next_ts is not None and predicted.next_ts <= last.rate_ts
    ):
        return predicted
    return last


def smoothed_hourly(rows: list[RateRow], half_life_h: Decimal) -> Decimal | None:
    """Exponentially smoothed hourly rate over settlements, oldest first (SEMANTICS 5.2).

    s := s + (1 - 0.5 ** (dt / half-life)) x (r - s), dt = hours between settlements, r = rate / interval;
    started at the oldest row. Eight-hourly rows and a half-life of 8 h weigh like a span of 3. A row of
    unknown interval makes the whole unknown: its hourly rate would be a guess. What lies more than 64
    half-lives back would weigh under 1e-19 and is left out.
    """
    smoothed: Decimal | None = None
    before = 0
    gap = -1
    gain = ONE
    oldest = rows[-1].rate_ts - int(NEGLIGIBLE * half_life_h * HOUR_NS) if rows else 0
    interval: Decimal | None = None
    # Entered once: the context's own methods cost several times what the operators do, row by row.
    with localcontext(DESK_CONTEXT):
        for row in rows[bisect_left(rows, oldest, key=_instant) :]:
            if row.interval_h is not interval or interval is None:  # most rows share theirs
                interval = row.interval_h
                if interval is None or not interval.is_finite() or interval <= 0:
                    return None
            hourly = row.rate / interval
            if smoothed is None:
                smoothed = hourly
            else:
                if row.rate_ts - before != gap:
                    gap = row.rate_ts - before
                    gain = ONE - decay(gap, half_life_h)
                smoothed = gain.fma(hourly - smoothed, smoothed)
            before = row.rate_ts
    return smoothed


def decay(gap_ns: int, half_life_h: Decimal) -> Decimal:
    """0.5 ** (gap / half-life); exactly one half after one half-life."""
    exponent = DESK_CONTEXT.divide(Decimal(gap_ns), half_life_h * HOUR_NS)
    return DESK_CONTEXT.power(_HALF, exponent)


def outlier_bounds(state: RateState, ts: int) -> tuple[float, float] | None:
    """(mean, standard deviation with its floor) per 8 h over 30 days; None without two settlements."""
    first = ts // DAY_NS - STATISTICS_DAYS
    count = 0
    total = 0.0
    squares = 0.0
    for day in state.days:
        if day.day >= first:
            count += day.count
            total += day.total
            squares += day.squares
    if count < 2:
        return None
    mean = total / count
    variance = max(0.0, (squares - count * mean * mean) / (count - 1))
    return mean, max(SD_FLOOR_8H, math.sqrt(variance))


def known_caps(caps: Mapping[str, Decimal] | None) -> dict[str, Decimal]:
    """Venue caps by instrument that are usable figures; anything else falls back to 3 % per 8 h."""
    return {name: cap for name, cap in (caps or {}).items() if cap.is_finite() and cap > 0}


def _refuse(state: RateState, ts: int) -> bool:
    state.blocked_until = max(state.blocked_until, ts + NO_RATE_NS)
    state.doubted = 0
    return False


def _outlying(state: RateState, scaled: float, ts: int) -> bool:
    bounds = outlier_bounds(state, ts)
    if bounds is None:
        return False
    mean, deviation = bounds
    return abs(scaled - mean) > OUTLIER_SD * deviation


def _keep_settlement(state: RateState, row: RateRow, scaled: float, ts: int) -> None:
    rows = state.settled
    state.settled_seen_ts = ts
    state.revision += 1
    if not rows or row.rate_ts > rows[-1].rate_ts:
        rows.append(row)
    else:
        at = bisect_left(rows, row.rate_ts, key=_instant)
        if rows[at].rate_ts == row.rate_ts:
            rows[at] = row
            return
        rows.insert(at, row)
    if len(rows) > KEPT_SETTLEMENTS:
        del rows[: len(rows) - KEPT_SETTLEMENTS]
    _count(state, row.rate_ts // DAY_NS, scaled)


def _instant(row: RateRow) -> int:
    return row.rate_ts


def _count(state: RateState, day: int, value: float) -> None:
    days = state.days
    for known in reversed(days):
        if known.day == day:
            known.count += 1
            known.total += value
            known.squares += value * value
            return
    days.append(DaySum(day, 1, value, value * value))
    days.sort(key=_day)
    if len(days) > STATISTICS_DAYS + 1:
        del days[: len(days) - STATISTICS_DAYS - 1]


def _day(known: DaySum) -> int:
    return known.day
