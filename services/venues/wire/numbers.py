"""Numbers off the wire: exact, finite and of a sane size, or refused by name.

msgspec takes the strings `NaN`, `Infinity`, `1e999999999` and `1_000` for a Decimal; none of them may become
a price or a size (PERFORMANCE technique 4). Every wire Decimal passes here once.
"""

from __future__ import annotations

import re
from decimal import Decimal

LARGEST = 20
"""Powers of ten: |value| < 10^20, and not closer to zero than 10^-20 unless it is zero."""
FINEST, COARSEST = Decimal("1e-15"), Decimal("1e9")
"""Of a grid of prices or sizes: beyond them what lies on it could not be reckoned with in 28 digits."""
LATEST_MS = 7_258_118_400_000
"""The year 2200: no exchange means a later one, and in ns it would fit no field of the store."""
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)


class BadNumber(ValueError):
    """One line: which field held what."""


def wire_decimal(value: object, field: str) -> Decimal:
    """A number or numeric text as an exact Decimal. Raises BadNumber; bools, None and floats are none.

    Floats are refused because their text has already lost the venue's digits: decode with Decimal fields.
    """
    if isinstance(value, Decimal):
        number = value
    elif _numeric(value):
        number = Decimal(value)  # type: ignore[arg-type] # an int or numeric text
    else:
        raise BadNumber(f"{field}: {value!r:.60} is no number")
    if not number.is_finite() or (number and not -LARGEST <= number.adjusted() < LARGEST):
        raise BadNumber(f"{field}: {value!r:.60} is out of range")
    return number


def wire_ms(value: object, field: str) -> int:
    """Milliseconds since 1970 that still fit our nanoseconds. As `wire_int`."""
    return wire_int(value, field, most=LATEST_MS)


def is_plain(text: str) -> bool:
    """A number as venues write them: ASCII digits, no signs of a programming language."""
    return len(text) <= 64 and _PLAIN.fullmatch(text) is not None


def _numeric(value: object) -> bool:
    if isinstance(value, str):
        return is_plain(value)
    return isinstance(value, int) and not isinstance(value, bool)


def wire_positive(value: object, field: str) -> Decimal:
    """As `wire_decimal`, and above zero: prices, sizes of trades."""
    number = wire_decimal(value, field)
    if number <= 0:
        raise BadNumber(f"{field}: {number} must be above zero")
    return number


def wire_step(value: object, field: str) -> Decimal:
    """As `wire_positive`, and a grid that prices or sizes can lie on."""
    number = wire_positive(value, field)
    if not FINEST <= number <= COARSEST:
        raise BadNumber(f"{field}: a step of {number}")
    return number


def wire_count(value: object, field: str) -> Decimal:
    """As `wire_decimal`, and not below zero: book sizes, filled quantities."""
    number = wire_decimal(value, field)
    if number < 0:
        raise BadNumber(f"{field}: {number} must not be negative")
    return number


def wire_int(value: object, field: str, *, least: int = 0, most: int = 2**63 - 1) -> int:
    """A whole number in bounds: ids, sequence numbers, milliseconds. Text of digits counts."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadNumber(f"{field}: {value!r:.60} is no whole number")
    if not least <= value <= most:
        raise BadNumber(f"{field}: {value} is out of range")
    return value
