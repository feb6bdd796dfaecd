"""How much slower this machine is than the one on which the floors in milliseconds were set.

Only ratios carry over from machine to machine. What both have measured is the plainest way a market message
can go: `json.loads`, a look at two fields, a row in a dictionary.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from tests.bench.report import quantile

THEIRS_US = 2.96
"""Of CPU, on the machine of the floors."""

TICKER = json.dumps(
    {
        "channel": "ticker", "market": "SYN000-PERP", "type": "update",
        "data": {"bid": 39170.0, "ask": 39171.0, "bidSize": 0.067, "askSize": 0.0004, "last": 39168.0,
                 "time": 1642753717.9538262},
    }
)  # fmt: skip

_state: dict[str, tuple[float, ...]] = {}


def plain() -> None:
    """One ticker decoded, dispatched and kept."""
    frame = json.loads(TICKER)
    if frame["type"] == "update" and frame["channel"] == "ticker":
        row = frame["data"]
        _state[frame["market"]] = (row["bid"], row["bidSize"], row["ask"], row["askSize"], row["time"])


def cpu_us(work: Callable[[], None], times: int = 20_000) -> float:
    """Of one call, in µs of this thread."""
    began = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - began) / times * 1e6


def slower() -> float:
    """Times as slow as there; never below 1, so that a floor is never raised on a quick machine."""
    return max(1.0, quantile([cpu_us(plain) for _ in range(9)], 0.5) / THEIRS_US)


def pace() -> float:
    """The same at this very moment, in two milliseconds: a shared machine's clock swings between once and
    twice within seconds, so what is measured at a moment has to be held against the pace of that moment.

    Of code that has just run, as where the floors were set: the first look warms it and does not count.
    """
    cpu_us(plain, 200)
    return max(1.0, quantile([cpu_us(plain, 100) for _ in range(3)], 0.5) / THEIRS_US)
