"""A book as a socket is told it: whole at first, then what has changed, with the checksum of what it makes.

Grouped books add up levels to steps of a width that the client chooses, bids downwards and asks upwards, so
that a step never looks better than what stands in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from services.venues.ftx.book import checksum_of
from services.workers.simserver.shown import Row

Level = tuple[Decimal, Decimal]
Sides = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]
DEPTH = 100


def grouped(rows: Iterable[Level], step: Decimal, *, asks: bool) -> list[Level]:
    found: dict[Decimal, Decimal] = {}
    for price, size in rows:
        at = (price / step).to_integral_value(ROUND_CEILING if asks else ROUND_FLOOR) * step
        found[at] = found.get(at, Decimal(0)) + size
    return list(found.items())[:DEPTH]


def told(
    before: Sides | None, bids: list[Level], asks: list[Level], time: Decimal
) -> tuple[Row, Sides] | None:
    """The data of a frame, and what its socket knows then. None = nothing has changed."""
    now = (dict(bids), dict(asks))
    if before == now:
        return None
    known: Sides = ({}, {}) if before is None else before
    changed = [
        [
            *([price, size] for price, size in new.items() if old.get(price) != size),
            *([price, Decimal(0)] for price in old if price not in new),
        ]
        for old, new in zip(known, now, strict=True)
    ]
    return {
        "time": time,
        "checksum": checksum_of(_texts(bids), _texts(asks)),
        "bids": changed[0],
        "asks": changed[1],
        "action": "partial" if before is None else "update",
    }, now


def _texts(rows: list[Level]) -> list[str]:
    return [f"{float(price)!r}:{float(size)!r}" for price, size in rows]
