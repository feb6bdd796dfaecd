"""Events as a bad line leaves them: late, stamped by a wrong clock, or with numbers that cannot be."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import msgspec

from services.domain.events import (
    AccountReport,
    Event,
    MarketFrame,
    MarkRow,
    OrderReport,
    QuoteRow,
)
from services.venues.sim.faults import VenueFaults

NONSENSE = (math.nan, math.inf, -math.inf, -1.0, 0.0, 1e15, 1e300)
"""Numbers that no market states."""
CARRIED = ("fills", "payments", "transfers")
"""Fields of an answer that carry events with stamps of their own."""


def restamped(event: Event, due: int) -> Event:
    """The same event, arriving at another time."""
    if event.ts == due:
        return event
    changes: dict[str, Any] = {"ts": due}
    if isinstance(event, AccountReport | OrderReport):
        for name in CARRIED:
            rows = getattr(event, name, ())
            if rows:
                changes[name] = tuple(msgspec.structs.replace(row, ts=due) for row in rows)
    return msgspec.structs.replace(event, **changes)


def by_clock(event: Event, faults: VenueFaults) -> Event:
    """The same event with every stamp as the venue's clock showed it."""
    stamp = getattr(event, "ts_event", None)
    if stamp is None:
        return event
    changes: dict[str, Any] = {"ts_event": faults.stamp(stamp)}
    for name in CARRIED:
        rows = getattr(event, name, ())
        if rows:
            changes[name] = tuple(
                msgspec.structs.replace(row, ts_event=faults.stamp(row.ts_event)) for row in rows
            )
    return msgspec.structs.replace(event, **changes)


def since(report: AccountReport, moment: int) -> AccountReport:
    """Only what happened at or after `moment` by the venue's own stamps."""
    return msgspec.structs.replace(
        report,
        fills=tuple(row for row in report.fills if row.ts_event >= moment),
        payments=tuple(row for row in report.payments if row.ts_event >= moment),
        transfers=tuple(row for row in report.transfers if row.ts_event >= moment),
    )


def garbled(frame: MarketFrame, draw: Random) -> MarketFrame:
    """A frame whose checksum would not hold: its count is off, and most of its numbers cannot be."""

    def spoil(number: float) -> float:
        return draw.choice(NONSENSE) if draw.random() < 0.5 else number

    return msgspec.structs.replace(
        frame,
        seq=frame.seq + draw.randrange(1, 50),
        quotes=tuple(
            QuoteRow(row.instrument, *(spoil(getattr(row, name)) for name in _QUOTE)) for row in frame.quotes
        ),
        marks=tuple(MarkRow(row.instrument, draw.choice(NONSENSE), spoil(row.index)) for row in frame.marks),
        indexes=tuple(msgspec.structs.replace(row, index=draw.choice(NONSENSE)) for row in frame.indexes),
    )


_QUOTE = ("bid", "bid_size", "ask", "ask_size", "bid_depth", "ask_depth")
