"""A chosen order by figures that change: rows do not move under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from screens.draw.context import Context

R = TypeVar("R")
F = TypeVar("F", Decimal, int, float)


def settled(rows: Iterable[R], by: Callable[[R], Any], name: Callable[[R], str], context: Context) -> list[R]:
    """Sorted `by`, as far as rows may move now."""
    ranked = sorted(rows, key=by)
    place = {key: at for at, key in enumerate(context.hold([name(row) for row in ranked]))}
    return sorted(ranked, key=lambda row: place.get(name(row), len(place)))


def last(figures: Sequence[F | None], rank: Callable[[list[F]], F]) -> tuple[bool, F | int]:
    """A sort key of what these figures tell together: what rests on an unknown one stands behind all others,
    whichever way they are ranked.
    """
    known = [figure for figure in figures if figure is not None]
    return (False, rank(known)) if known and len(known) == len(figures) else (True, 0)
