"""Figures of the JSON contract in a length that a person can read: eight decimals, no trailing zeros.

Inside, a figure keeps all its 34 digits; a quotient shown in full says nothing more. Quantities and prices
are on grids no finer than this, so they pass unchanged.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import fields, replace

from services.domain.money import COIN_INCREMENT, ONE

S = TypeVar("S", bound=Struct)


def tidy(view: S) -> S:
    """The same view, every Decimal in it rounded half-even to eight places."""
    return replace(view, **{each.name: _tidied(getattr(view, each.name)) for each in fields(view)})


def shown(value: Decimal) -> Decimal:
    if not value.is_finite():
        return value
    short = value.quantize(COIN_INCREMENT).normalize()
    if short.is_zero():
        return Decimal(0)
    return short.quantize(ONE) if short == short.to_integral_value() else short


def _tidied(value: Any) -> Any:
    if isinstance(value, Decimal):
        return shown(value)
    if isinstance(value, Struct):
        return tidy(value)
    if isinstance(value, tuple):
        return tuple(_tidied(each) for each in value)
    if isinstance(value, dict):
        return {key: _tidied(each) for key, each in value.items()}
    return value
