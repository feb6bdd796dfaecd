"""Positions that hedge each other and belong to no pair we know: closed in step, not one after the other.

A direct flatten and a desk that lost its store know no pairs, only what stands in one underlying. There both
sides go down together: however the orders that are under way fill, what stands alone is at most one slice
(`pair.slice_notional`), or what stood alone before, which goes first. A side that cannot be closed holds the
other one up, like a pair's leg; one without a fresh price goes first, so that a dead venue leaves nothing
naked. Base units; between perps on stablecoins, which hedge one for one, coins.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from services.domain.instrument import Instrument
from services.domain.money import ONE, ZERO, floor_to
from services.execution.flatten_state import FlattenView
from services.execution.pricing import smallest
from services.settings.parameters import Settings


def in_step(
    sizes: Mapping[str, Decimal],
    under_way: Mapping[str, Decimal],
    instruments: Mapping[str, Instrument],
    view: FlattenView,
    settings: Settings,
    kept: Mapping[str, Decimal] = MappingProxyType({}),
) -> dict[str, Decimal]:
    """How much of each position may go out now; a name that is missing is bound by nothing.

    `sizes`: what is open, signed. `under_way`: what orders may still take off it, positive; each counts as
    filled or not, whichever is worse. `kept`: by hedge group the net that stays (`flatten_unread`).
    """
    groups: dict[str, list[str]] = {}
    for name in sizes:
        groups.setdefault(instruments[name].hedge_group, []).append(name)
    most: dict[str, Decimal] = {}
    for group, names in groups.items():
        both = any(sizes[name] > ZERO for name in names) and any(sizes[name] < ZERO for name in names)
        if both or group in kept:
            stays = kept.get(group, ZERO)
            most.update(_group(names, sizes, under_way, instruments, view, settings, stays))
    return most


def _group(
    names: list[str],
    sizes: Mapping[str, Decimal],
    under_way: Mapping[str, Decimal],
    instruments: Mapping[str, Instrument],
    view: FlattenView,
    settings: Settings,
    stays: Decimal,
) -> dict[str, Decimal]:
    net = sum((sizes[name] for name in names), ZERO) - stays
    # What is on the side of the net that stays may go down to it and no further.
    same = [name for name in names if sizes[name] * stays > ZERO]
    spare = sum((abs(sizes[name]) - under_way.get(name, ZERO) for name in same), -abs(stays))
    # What may still fill takes from the longs (`low` is how deep the net can fall) or from the shorts.
    low = high = net
    for name in names:
        if sizes[name] > ZERO:
            low -= under_way.get(name, ZERO)
        else:
            high += under_way.get(name, ZERO)
    bound = max(_slice(name, instruments, view, settings) for name in names)
    # A side without a fresh price may be at a venue that is dead: it goes first, and the other follows fills.
    blind = [name for name in names if view.mid(name) is None]
    long_late = any(sizes[name] > ZERO for name in blind)
    short_late = any(sizes[name] < ZERO for name in blind)
    long_bound = ZERO if short_late and not long_late else bound
    short_bound = ZERO if long_late and not short_late else bound
    most: dict[str, Decimal] = {}
    for name in _alternating(names, sizes, net):
        instrument, size = instruments[name], sizes[name]
        least = _least(name, instruments, view)
        room = low + long_bound if size > ZERO else short_bound - high
        if name in same:
            room = min(room, spare)
        quantity = floor_to(min(abs(size), max(room, ZERO)), instrument.size_increment)
        if abs(size) - quantity < least:
            # A rest that the venue would not take: in whole where it fits, else so much less now.
            whole = floor_to(abs(size), instrument.size_increment)
            quantity = whole if whole <= room else quantity - least
        quantity = quantity if quantity >= least else ZERO
        most[name] = quantity
        spare -= quantity if name in same else ZERO
        if size > ZERO:
            low -= quantity
        else:
            high += quantity
    return most


def _alternating(names: list[str], sizes: Mapping[str, Decimal], net: Decimal) -> list[str]:
    """The heavier side first, the largest first, then one of each side in turn."""
    ordered = sorted(names, key=lambda name: (-abs(sizes[name]), name))
    heavy = [name for name in ordered if sizes[name] * (net or ONE) > ZERO]
    light = [name for name in ordered if name not in heavy]
    found: list[str] = []
    while heavy or light:
        found += [side.pop(0) for side in (heavy, light) if side]
    return found


def _slice(
    name: str, instruments: Mapping[str, Instrument], view: FlattenView, settings: Settings
) -> Decimal:
    """Base units of one slice. A quote coin of unknown price counts as a dollar: it only sizes the steps."""
    price, usd = view.last(name), view.usd(name)
    if price is None or price <= ZERO:
        return ZERO
    usd = usd if usd is not None and usd > ZERO else ONE
    return max(settings.pair.slice_notional / (price * usd), 2 * _least(name, instruments, view))


def _least(name: str, instruments: Mapping[str, Instrument], view: FlattenView) -> Decimal:
    """The smallest order that the venue takes."""
    instrument, price, usd = instruments[name], view.last(name), view.usd(name)
    least = max(instrument.min_size, instrument.size_increment)
    if price is None or price <= ZERO or usd is None or usd <= ZERO:
        return least
    return max(least, smallest(instrument, price, usd, reducing=True))
