"""Names of legs where a table has no room for their venues."""

from __future__ import annotations

from collections.abc import Sequence

from screens import format as f
from screens.ink import Span

ROOM = 14
"""Cells of a name with its venue."""


def told_apart(legs: Sequence[tuple[str, str]]) -> dict[int, tuple[Span, Span]]:
    """By place, for legs (symbol, venue) of one symbol on two venues: named as the funding board does."""
    twice = {
        at: leg
        for at, leg in enumerate(legs)
        if any(other[0] == leg[0] and other[1] != leg[1] for other in legs)
    }
    venues = {venue for _, venue in twice.values()}
    room = min((ROOM - len(symbol.removesuffix("-PERP")) - 2 for symbol, _ in twice.values()), default=0)
    fits = all(len(venue) <= room for venue in venues)
    tight = 2 if len({venue[:2] for venue in venues}) == len(venues) else max(2, room)
    return {
        at: (
            Span(f.clean(symbol.removesuffix("-PERP")), "strong"),
            Span(f" {f.clean(venue if fits else venue[:tight])}", "text"),
        )
        for at, (symbol, venue) in twice.items()
    }
