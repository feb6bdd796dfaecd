"""What a pair is expected to cost in fees and slippage under the execution policy (SEMANTICS 5.3).

bps of one leg's notional. One leg of a pair may rest (leg 1, the thin one); which of the two that will be is
not known before the books of the moment, so the dearer choice is counted.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.instrument import Instrument
from services.domain.money import ZERO

_BPS = Decimal(10_000)
_NOISE = Decimal("0.1")
"""bps by which the measured slippage of taking must exceed the book's half-spread to count instead of it."""


class FillCosts(Struct, frozen=True, kw_only=True):
    """What was measured of our own fills, as far as the policy and the sample let it count."""

    entry_rest: Decimal = ZERO
    """Share of leg 1 that is believed to fill while it rests on the way in; 0 = all of it takes."""
    exit_rest: Decimal = ZERO
    maker_slippage: Decimal = ZERO
    """bps a resting fill lost against the mid of its own moment, mean; at least 0."""
    taker_slippage: Decimal | None = None
    """bps a taking fill lost against the mid of its decision, mean; None = not measured."""

    @property
    def finite(self) -> bool:
        """Every one of them is a number."""
        taker = self.taker_slippage
        return (
            self.entry_rest.is_finite()
            and self.exit_rest.is_finite()
            and self.maker_slippage.is_finite()
            and (taker is None or taker.is_finite())
        )


class LegCost(Struct, frozen=True):
    """One fill on one leg, bps."""

    takes: Decimal
    rests: Decimal


def leg_cost(instrument: Instrument, half_spread: Decimal | None, costs: FillCosts) -> LegCost | None:
    """None = a fact is missing or no number: the taker fee, the book, a measurement. An unknown maker fee
    saves nothing, and nobody is paid for taking."""
    taker, maker = instrument.taker_fee, instrument.maker_fee
    if taker is None or not taker.is_finite() or half_spread is None:
        return None
    measured = costs.taker_slippage
    if not half_spread.is_finite() or half_spread < ZERO or not costs.finite:
        return None
    slippage = half_spread
    if measured is not None and measured > half_spread + _NOISE:
        slippage = measured
    takes = max(ZERO, taker) * _BPS + slippage
    if maker is None or not maker.is_finite():
        return LegCost(takes, takes)
    return LegCost(takes, maker * _BPS + costs.maker_slippage)


def pair_costs(first: LegCost | None, second: LegCost | None, costs: FillCosts) -> Decimal | None:
    """In and out, all four fills. Rising in every fee; what rests saves by the leg that saves less."""
    if first is None or second is None:
        return None
    taking = 2 * first.takes + 2 * second.takes
    resting = costs.entry_rest + costs.exit_rest
    if resting == ZERO:
        return taking
    return taking - resting * min(first.takes - first.rests, second.takes - second.rests)
