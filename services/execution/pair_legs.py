"""Arithmetic of two legs that belong together: proportion, excess, residual, the naked clock.

Nothing here decides anything. The legs' proportion is that of their targets, so one formula serves equal base
quantities (`hedge`) and equal notional (`peg`).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.domain.instrument import Instrument, joint_lot
from services.domain.money import ZERO, ceil_to, floor_to
from services.execution.pair_state import LONG, SHORT, Leg, Pair
from services.execution.pricing import Prices, smallest
from services.settings.parameters import Pair as PairSettings

Instruments = Mapping[str, Instrument]

_FINE = Decimal("1e-15")
"""A proportion that is no finite decimal is rounded here before it meets a lot grid, so that 7.99…9 is 8."""

_WIDEST = Decimal("0.9")
"""No limit of a pair's order is worth less of the mid (PARAMETERS exec: 500 bps)."""


def lot(pair: Pair, number: int, instruments: Instruments) -> Decimal:
    """The grid on which a leg is *increased*: the joint lot of a hedge, the leg's own lot of a peg pair."""
    if pair.kind == "peg":
        return instruments[pair.leg(number).instrument].size_increment
    return joint_lot(instruments[pair.short.instrument], instruments[pair.long.instrument])


def convert(pair: Pair, quantity: Decimal, to: int) -> Decimal:
    """A quantity of the other leg in units of leg `to`, by the proportion of the targets."""
    leg, other = pair.leg(to), pair.other(to)
    if leg.target == other.target:
        return quantity
    return (quantity * leg.target / other.target).quantize(_FINE)


def excess(pair: Pair) -> tuple[int, Decimal]:
    """(heavier leg, what it has beyond the other); (0, 0) when matched."""
    short, long = pair.short, pair.long
    if short.target == long.target:
        if short.size > long.size:
            return SHORT, short.size - long.size
        return (LONG, long.size - short.size) if long.size > short.size else (0, ZERO)
    short_excess = pair.short.size - convert(pair, pair.long.size, SHORT)
    if short_excess > ZERO:
        return SHORT, short_excess
    long_excess = pair.long.size - convert(pair, pair.short.size, LONG)
    if long_excess > ZERO:
        return LONG, long_excess
    return 0, ZERO


def leaves(pair: Pair, number: int, *, increasing: bool) -> Decimal:
    """What unsettled orders of a leg may still fill, one way."""
    total = ZERO
    for memo in pair.orders.values():
        if memo.leg == number and memo.increasing is increasing and not memo.settled:
            total += max(memo.quantity - memo.filled, ZERO)
    return total


def reference(leg: Leg, prices: Prices) -> Decimal | None:
    """The best price we have to value a leg with: fresh mid, last good price, our own entry price."""
    price = prices.mid(leg.instrument)
    if price is None or price <= ZERO:
        price = prices.last(leg.instrument)
    if price is None or price <= ZERO:
        price = leg.entry_price
    return price if price is not None and price > ZERO else None


def unit_usd(leg: Leg, prices: Prices) -> Decimal | None:
    """USD of one base unit; None when no price was ever known."""
    price = reference(leg, prices)
    usd = prices.usd(leg.instrument)
    if price is None or usd is None or usd <= ZERO:
        return None
    return price * usd


def least(leg: Leg, instruments: Instruments, prices: Prices, *, reducing: bool) -> Decimal:
    """The smallest order the venue takes on this leg; without a price, by size alone."""
    instrument = instruments[leg.instrument]
    price, usd = reference(leg, prices), prices.usd(leg.instrument)
    if price is None or usd is None:
        return max(instrument.min_size, instrument.size_increment)
    if not instrument.is_perp:
        # The venue counts at the limit, which of a sale lies below the mid by as much as a band is wide;
        # and no spot order is spared its minimum for only taking back.
        price *= _WIDEST
    return smallest(instrument, price, usd, reducing=reducing)


def joint_least(
    pair: Pair, number: int, instruments: Instruments, prices: Prices, *, reducing: bool
) -> Decimal:
    """The smallest slice both venues take, in units of leg `number`, on the lot of that leg."""
    own = least(pair.leg(number), instruments, prices, reducing=reducing)
    other = convert(pair, least(pair.other(number), instruments, prices, reducing=reducing), number)
    return ceil_to(max(own, other), lot(pair, number, instruments))


def residual_bound(
    pair: Pair, number: int, instruments: Instruments, settings: PairSettings, prices: Prices
) -> Decimal:
    """What leg `number` of a hedged pair may have in excess: max(1 lot, 0.1 % of it), at most 100 USD."""
    return _residual(pair, number, instruments, settings, unit_usd(pair.leg(number), prices))


def _residual(
    pair: Pair, number: int, instruments: Instruments, settings: PairSettings, unit: Decimal | None
) -> Decimal:
    """`unit`: USD of one base unit of the leg."""
    bound = max(lot(pair, number, instruments), settings.residual_fraction * pair.leg(number).size)
    return bound if unit is None else min(bound, settings.residual_max / unit)


def within_residual(pair: Pair, instruments: Instruments, settings: PairSettings, prices: Prices) -> bool:
    number, quantity = excess(pair)
    if number == 0:
        return True
    return quantity <= residual_bound(pair, number, instruments, settings, prices)


def cuttable(pair: Pair, number: int, instruments: Instruments, prices: Prices) -> Decimal:
    """What a reducing order could take off the heavier leg now; zero below the venue's minimum (dust)."""
    heavy, quantity = excess(pair)
    if heavy != number:
        return ZERO
    leg = pair.leg(number)
    free = min(quantity, leg.size) - leaves(pair, number, increasing=False)
    wanted = floor_to(free, instruments[leg.instrument].size_increment) if free > ZERO else ZERO
    return wanted if wanted >= least(leg, instruments, prices, reducing=True) else ZERO


def hedgeable(pair: Pair, number: int, instruments: Instruments, prices: Prices) -> Decimal:
    """What an order on the lighter leg `number` should add now; zero below a joint lot or the minimum."""
    heavy, quantity = excess(pair)
    if heavy in (0, number):
        return ZERO
    missing = convert(pair, quantity, number) - leaves(pair, number, increasing=True)
    wanted = floor_to(missing, lot(pair, number, instruments)) if missing > ZERO else ZERO
    return wanted if wanted >= least(pair.leg(number), instruments, prices, reducing=False) else ZERO


def measure(pair: Pair, now: int, instruments: Instruments, settings: PairSettings, prices: Prices) -> None:
    """Bring the naked clock up to date. It runs while the excess is beyond the allowed residual."""
    naked = pair.naked
    number, quantity = excess(pair)
    naked.leg, naked.quantity = number, quantity
    if naked.since is not None:
        naked.worst_ns = max(naked.worst_ns, now - naked.since)
    if number == 0:
        naked.notional, naked.since = ZERO, None
        return
    unit = unit_usd(pair.leg(number), prices)
    if unit is not None:
        naked.notional = quantity * unit
    naked.worst = max(naked.worst, naked.notional)
    if quantity <= _residual(pair, number, instruments, settings, unit):
        naked.since = None
    elif naked.since is None:
        naked.since = now


def nothing_left(pair: Pair, instruments: Instruments, prices: Prices) -> bool:
    """Both legs are gone, or what is left of each is dust that no venue takes."""
    return all(leg.size < least(leg, instruments, prices, reducing=True) for leg in pair.legs)


def dust(pair: Pair, instruments: Instruments) -> str:
    """What is left and cannot be traded, in words; empty when nothing is."""
    parts = [f"{leg.size:,f} {leg.instrument}" for leg in pair.legs if leg.size > ZERO]
    return "dust left: " + ", ".join(parts) if parts else ""
