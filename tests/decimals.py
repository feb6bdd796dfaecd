"""Decimals for hypothesis: whole numbers of the last place, made cheaply."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st


def decimals(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    """Every number from `low` to `high` with so many places; the bounds are of no more places."""
    first, last = (Decimal(bound).scaleb(places) for bound in (low, high))
    if first != int(first) or last != int(last):
        raise ValueError(f"{low} to {high} is not of {places} places")
    return st.integers(int(first), int(last)).map(lambda units: Decimal(f"{units}E-{places}"))
