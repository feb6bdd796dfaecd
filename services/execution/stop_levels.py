"""Where the stops of a position lie (SEMANTICS 8): distances by kind of instrument."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.enums import Side
from services.domain.instrument import Instrument
from services.domain.money import ONE
from services.settings.parameters import Stops


class StopRule(Struct, frozen=True):
    """The four distances, as fractions of price."""

    initial: Decimal
    trail: Decimal
    activation: Decimal
    backstop: Decimal


def rule_for(instrument: Instrument, settings: Stops) -> StopRule:
    """Perps on a stablecoin move in basis points, and so do their stops."""
    if instrument.pegged:
        return StopRule(
            settings.pegged_initial,
            settings.pegged_trail,
            settings.pegged_activation,
            settings.pegged_backstop,
        )
    return StopRule(settings.initial, settings.trail, settings.activation, settings.backstop)


def initial_level(rule: StopRule, sign: int, entry: Decimal) -> Decimal:
    """`sign`: +1 long, -1 short."""
    return entry * (ONE - sign * rule.initial)


def tighter(sign: int, first: Decimal, second: Decimal) -> Decimal:
    """The level nearer to the market: the higher one for a long, the lower one for a short."""
    return max(first, second) if sign > 0 else min(first, second)


def backstop_level(instrument: Instrument, settings: Stops, sign: int, entry: Decimal) -> Decimal:
    """Price of the wider stop that rests at the venue, on the grid, rounded away from the market."""
    rule = rule_for(instrument, settings)
    # A buy's price is rounded down and a sell's up; away from the market is the other way round.
    side = Side.BUY if sign > 0 else Side.SELL
    return instrument.round_price(side, entry * (ONE - sign * rule.backstop))
