"""A chosen order by figures that change: rows do not move under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from screens.draw.context import Context

R = TypeVar("R")


def settled(rows: Iterable[R], by: Callable[[R], Any], name: Callable[[R], str], context: Context) -> list[R]:
    """Sorted `by`, as far as rows may move now."""
    ranked = sorted(rows, key=by)
    place = {key: at for at, key in enumerate(context.hold([name(row) for row in ranked]))}
    return sorted(ranked, key=lambda row: place.get(name(row), len(place)))
