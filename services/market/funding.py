"""Funding arithmetic: hourly rates, projection settlement by settlement (SEMANTICS 1, 5.2, 5.3).

Pure functions over `RateRow`s. Hourly rates are Decimal fractions per hour; a row's own (rate, interval) pair
is what is stored, the hourly figure is derived here and never converted back. Times are ns since the epoch.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate

from services.domain.events import RateRow
from services.domain.money import ZERO

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS

BPS_8H = Decimal(80_000)
"""Hourly fraction x this = basis points per 8 h."""
HOURS_A_YEAR = Decimal(8_760)
"""By convention, leap year or not; the APR is labelled simple."""

RATE_QUANTUM = Decimal("1E-14")
"""Smoothed hourly rates are rounded to this, so that rates equal on paper stay equal to the last digit."""


@lru_cache(maxsize=256)
def hours_ns(hours: Decimal) -> int:
    """A duration in hours as whole nanoseconds. Intervals are few, and each is asked for again and again."""
    return int(hours * HOUR_NS)


def hourly_rate(row: RateRow) -> Decimal | None:
    """rate / interval, fraction per hour. None while the interval is unknown: it is never guessed."""
    interval = interval_of(row)
    return None if interval is None or not row.rate.is_finite() else row.rate / interval


def interval_of(row: RateRow) -> Decimal | None:
    """Hours between settlements; None while they are not a positive number."""
    interval = row.interval_h
    return interval if interval is not None and interval.is_finite() and interval > 0 else None


def bps_8h(hourly: Decimal) -> Decimal:
    """An hourly fraction in the unit that is shown and configured."""
    return hourly * BPS_8H


def settlements_inside(next_ts: int, interval_ns: int, now: int, horizon_ns: int) -> int:
    """How many of the instants next_ts + k x interval lie in (now, now + horizon]."""
    end = now + horizon_ns
    first = next_ts
    if first <= now:
        first += ((now - first) // interval_ns + 1) * interval_ns
    return 0 if first > end else (end - first) // interval_ns + 1


def projected(rate_hourly: Decimal, row: RateRow, now: int, horizon_ns: int) -> Decimal | None:
    """Sum of the payments of one leg's own settlements inside (now, now + horizon], fraction of the leg.

    Positive = longs pay. Each leg is projected on its own schedule; raw rates of different intervals never
    meet. None when the schedule is unknown.
    """
    interval = interval_of(row)
    if interval is None or row.next_ts is None:
        return None
    count = settlements_inside(row.next_ts, hours_ns(interval), now, horizon_ns)
    return rate_hourly * interval * count


def slower(first: RateRow, second: RateRow) -> int:
    """0 when the first row's leg settles at longer or equal intervals, else 1."""
    return 0 if (interval_of(first) or ZERO) >= (interval_of(second) or ZERO) else 1


def realised_spreads(short: Sequence[RateRow], long: Sequence[RateRow], count: int) -> tuple[float, ...]:
    """Realised spreads of the last `count` settlements of the slower leg, bps/8h, oldest first.

    At each settlement of the slower leg: its hourly rate against the mean hourly rate of what the other leg
    settled since the one before; where it settled nothing in that time, its last settlement counts.
    For display (floats); decisions use the Decimal figures.
    """
    if not short or not long or count <= 0:
        return ()
    short_is_slower = slower(short[-1], long[-1]) == 0
    slow, fast = (short, long) if short_is_slower else (long, short)
    slow = slow[-count:]
    spans, mine = _measured(slow)
    # Of the other leg only what has settled since the one before the first that is asked for.
    first = min([row.rate_ts - (span or 0) for row, span in zip(slow, spans, strict=True)])
    fast = fast[max(0, bisect_left(fast, first, key=_instant) - 1) :]
    fast_ts = [row.rate_ts for row in fast]
    _, theirs = _measured(fast)
    sums = list(accumulate([rate or ZERO for rate in theirs], initial=ZERO))
    known = list(accumulate([rate is not None for rate in theirs], initial=0))
    out: list[float] = []
    for row, span, rate in zip(slow, spans, mine, strict=True):
        if rate is None or span is None:
            continue
        high = bisect_right(fast_ts, row.rate_ts)
        low = bisect_left(fast_ts, row.rate_ts - span + 1, 0, high)
        low = min(low, high - 1)
        if low < 0:
            continue
        others = known[high] - known[low]
        if not others:
            continue
        gap = rate - (sums[high] - sums[low]) / others
        out.append(float(bps_8h(gap if short_is_slower else -gap)))
    return tuple(out)


def _measured(rows: Sequence[RateRow]) -> tuple[list[int | None], list[Decimal | None]]:
    """(interval in ns, hourly rate) of each; most rows share their interval, which is read once."""
    last: object = rows
    interval: Decimal | None = None
    span: int | None = None
    hourly = False
    spans: list[int | None] = []
    rates: list[Decimal | None] = []
    for row in rows:
        if row.interval_h is not last:
            last, interval = row.interval_h, interval_of(row)
            span = None if interval is None else hours_ns(interval)
            hourly = interval == 1
        rate = row.rate
        spans.append(span)
        if interval is None or not rate.is_finite():
            rates.append(None)
        else:
            rates.append(rate if hourly else rate / interval)
    return spans, rates


def _instant(row: RateRow) -> int:
    return row.rate_ts
