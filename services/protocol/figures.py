"""A figure whose unit is written apart, as our own screens write it: `0.5 %` is one value. Its unit was once
taken for the reason, and the figure for half of everything."""

from __future__ import annotations

import re

UNITS = ("bps/8h", "bps", "bp", "%", "x", "×", "usd", "ms", "s", "min", "m", "h", "d")
"""In lower case: every ending that a parameter's value may have."""

_BARE = re.compile(r"[+-]?[0-9_.]+")


def joined(value: str, rest: str) -> tuple[str, str]:
    """(the value with its unit, what follows it) of a value and what stands behind it."""
    unit, _, after = rest.strip().partition(" ")
    if _BARE.fullmatch(value) and unit.lower() in UNITS:
        return value + unit, after.strip()
    return value, rest.strip()
