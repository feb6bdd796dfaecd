"""What must hold of every value that a parser hands on: a number that is one, of a size that can be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum

from msgspec import Struct, UnsetType

LARGEST = Decimal(10) ** 20
SMALLEST = Decimal(10) ** -20
MOST_NS = 2**63
"""Beyond it a time or a number fits no field of the store."""


def sane(value: object, where: str = "") -> None:
    """Raises AssertionError naming the place."""
    match value:
        case None | bool() | Enum() | str() | bytes() | UnsetType():
            return
        case int():
            assert abs(value) < MOST_NS, f"{where}: {value}"
        case float():
            assert math.isfinite(value), f"{where}: {value}"
            assert abs(value) < 1e20, f"{where}: {value}"
        case Decimal():
            assert value.is_finite(), f"{where}: {value}"
            assert not value or SMALLEST <= abs(value) < LARGEST, f"{where}: {value}"
        case Struct():
            for name in value.__struct_fields__:
                sane(getattr(value, name), f"{where}.{name}")
        case Mapping():
            for key, each in value.items():
                sane(each, f"{where}[{key}]")
        case Iterable():
            for at, each in enumerate(value):
                sane(each, f"{where}[{at}]")
        case _:
            names = getattr(type(value), "__slots__", ())
            assert names, f"{where}: {type(value).__name__} is of no kind known here"
            for name in names:
                sane(getattr(value, name), f"{where}.{name}")
