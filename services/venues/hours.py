"""Settlements happen on the hour; each venue stamps its rows some milliseconds later, by its own clock."""

from __future__ import annotations

HOUR_MS = 3_600_000
SLACK_MS = 60_000
"""A row is stamped up to so far from its hour."""


def hour_of(ms: int) -> int | None:
    """The hour, in ms, that a settlement stamped so belongs to; None = it lies at none."""
    hour = (ms + HOUR_MS // 2) // HOUR_MS * HOUR_MS
    return hour if abs(ms - hour) <= SLACK_MS else None
