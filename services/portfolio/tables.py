"""Margin tables: what is asked of one again and again, worked out once while it is the same table."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from services.domain.instrument import Instrument, MarginTier
from services.domain.money import ZERO
from services.portfolio.inputs import known


def inside(tiers: tuple[MarginTier, ...], notional: Decimal) -> MarginTier | None:
    """The bracket that a notional falls into; None above the last."""
    for tier in tiers:
        if tier.cap is None or notional <= tier.cap:
            return tier
    return None


class Table:
    """What is asked of a margin table again and again, worked out once."""

    __slots__ = ("joined", "sound", "steepest_initial", "steepest_maintenance", "tiers")

    def __init__(self, tiers: tuple[MarginTier, ...]) -> None:
        self.tiers = tiers
        self.sound = sound(tiers)
        self.joined = self.sound and joined(tiers)
        good = tiers if self.sound else ()
        self.steepest_initial = max((tier.initial for tier in good), default=ZERO)
        """The highest ratio of the brackets; of an unsound table none."""
        self.steepest_maintenance = max((tier.maintenance for tier in good), default=ZERO)


_TABLES: dict[str, Table] = {}
_MOST_TABLES = 4_096


def table_of(instrument: Instrument) -> Table:
    """The instrument's table; none is an empty one. Kept by id for as long as the very same table is asked
    for: nothing else is remembered of it."""
    tiers = instrument.tiers or ()
    kept = _TABLES.get(instrument.id)
    if kept is not None and kept.tiers is tiers:
        return kept
    if len(_TABLES) >= _MOST_TABLES:
        _TABLES.clear()
    made = _TABLES[instrument.id] = Table(tiers)
    return made


def joined(tiers: tuple[MarginTier, ...]) -> bool:
    """Each bracket goes on where the one below ends, and none is milder: the requirement is convex."""
    for low, high in pairwise(tiers):
        cap = low.cap
        if cap is None or high.maintenance < low.maintenance or (high.cap is not None and high.cap <= cap):
            return False
        if high.cum - low.cum != cap * (high.maintenance - low.maintenance):
            return False
    return True


def sound(tiers: tuple[MarginTier, ...]) -> bool:
    """Every figure of the table is a number that margin can be computed from; one that is none spoils all."""
    return all(
        (tier.cap is None or known(tier.cap))
        and known(tier.initial)
        and known(tier.maintenance)
        and tier.cum.is_finite()
        and tier.cum >= ZERO
        for tier in tiers
    )
