"""Whose a position is: the pairs' own fills, what stands alone, dust, and the rest, which is foreign.

A pair's size is our own fills (SEMANTICS 7). What a closed pair leaves below the venue's minimum is dust:
listed, counted with the position in every limit, not retried and without a stop. It is kept by instrument; a
sum that a venue would take again is dust no longer, but a position that stands alone. What is left of the
venue's figure after all of these is nobody's of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from services.desk import protection
from services.desk.core import DeskCore
from services.desk.submit import Submitter
from services.domain.enums import PairState
from services.domain.money import ZERO, floor_to
from services.execution.pair_state import Leg, Pair
from services.execution.pricing import smallest


class Holding(Struct, frozen=True):
    """Parts of one position, signed; their sum is the position."""

    paired: Decimal
    own: Decimal
    """Ours and outside any pair: it has a stop of its own."""
    dust: Decimal
    foreign: Decimal


def split(core: DeskCore, instrument: str) -> Holding:
    """Each part is at most what the parts before it leave, in the same direction."""
    spec = core.instruments[instrument]
    paired = sum((leg.size * leg.side.sign for _, leg in _legs(core, instrument) if leg.size != ZERO), ZERO)
    rest = core.ledger.size(spec) - paired
    own = _within(core.state.unpaired.get(instrument, ZERO), rest)
    dust = _within(_left_by_pairs(core, instrument), rest - own)
    return Holding(paired, own, dust, rest - own - dust)


def keep_dust(core: DeskCore, submit: Submitter, pair: Pair) -> None:
    """A closed pair is about to be forgotten: what it could not sell is kept by instrument."""
    if pair.one_shot:
        return  # it lies in the inventory
    for leg in pair.legs:
        if leg.size == ZERO:
            continue
        size = core.state.dust.pop(leg.instrument, ZERO) + leg.size * leg.side.sign
        core.decide("dust", pair.id, f"{leg.size:,f} {leg.instrument} is kept as dust", {"sum": size})
        if is_dust(core, leg.instrument, size):
            core.state.dust[leg.instrument] = size
            continue
        unpaired = core.state.unpaired.get(leg.instrument, ZERO)
        entry = leg.entry_price or core.picture.mark(leg.instrument)
        core.state.unpaired[leg.instrument] = unpaired + size
        if entry is not None:
            core.state.unpaired_entry.setdefault(leg.instrument, entry)
        protection.settle_unpaired(core, submit, leg.instrument, changed=True)


def is_dust(core: DeskCore, instrument: str, size: Decimal) -> bool:
    """Nothing the venue would take: below a lot, or its minimum at a known price."""
    spec = core.instruments[instrument]
    quantity = floor_to(abs(size), spec.size_increment)
    if quantity <= ZERO or quantity < spec.min_size:
        return True
    mark, usd = core.picture.last_mark(instrument), core.picture.quote_usd(instrument)
    return mark is not None and usd is not None and quantity < smallest(spec, mark, usd, reducing=True)


def review(core: DeskCore) -> None:
    """The regular look: dust that somebody has taken is gone, and so is a foreign position's alert."""
    for instrument in list(core.state.dust):
        left = split(core, instrument).dust
        if left == ZERO:
            del core.state.dust[instrument]
    for alert in core.alerts.open():
        rule, _, instrument = alert.key.partition(":")
        if rule == "foreign" and instrument in core.instruments:
            spec = core.instruments[instrument]
            if spec.is_perp and split(core, instrument).foreign == ZERO:
                core.resolve(alert.key)


def against(core: DeskCore, instrument: str) -> Decimal:
    """Of our own parts outside the pairs those that stand against the pairs' legs: they hide as much of them
    in the venue's net figure."""
    parts = (core.state.unpaired.get(instrument, ZERO), core.state.dust.get(instrument, ZERO))
    if parts == (ZERO, ZERO):
        return ZERO
    paired = core.pairs.size_on(instrument)
    return sum((part for part in parts if part * paired < ZERO), ZERO)


def short_legs(core: DeskCore, instrument: str, size: Decimal) -> Iterator[tuple[Pair, Leg, Decimal]]:
    """(pair, leg, what is there of it) of legs that a position of `size` no longer holds; the oldest pairs
    keep theirs."""
    left = size - against(core, instrument)
    for pair, leg in _legs(core, instrument):
        if leg.size == ZERO:
            continue
        own = leg.size * leg.side.sign
        room = left if (left > ZERO) == (own > ZERO) else ZERO
        held = min(abs(own), abs(room))
        left -= held * leg.side.sign
        if held < leg.size:
            yield pair, leg, held


def taken_from_legs(core: DeskCore, instrument: str, size: Decimal) -> tuple[Decimal, Decimal]:
    """(what pairs would lose at a position of `size`, signed; its average entry)."""
    total = cost = ZERO
    for _, leg, held in short_legs(core, instrument, size):
        lost = leg.size - held
        total += lost * leg.side.sign
        cost += lost * (leg.entry_price or ZERO)
    return total, cost / abs(total) if total else ZERO


def keep_alone(core: DeskCore, submit: Submitter, instrument: str, taken: tuple[Decimal, Decimal]) -> None:
    """What reads have taken from a pair by their word alone, no trade. Until that is accepted our own fills
    hold it still: if the reads were wrong it stands, ours and hedged by nothing, and has its stop."""
    size, entry = taken
    if size == ZERO or not core.instruments[instrument].is_perp:
        return
    core.state.unpaired[instrument] = core.state.unpaired.get(instrument, ZERO) + size
    if entry > ZERO:
        core.state.unpaired_entry.setdefault(instrument, entry)
    protection.settle_unpaired(core, submit, instrument, changed=True)


def shrink_legs(core: DeskCore, instrument: str) -> None:
    """A small difference was adopted: what a pair believes in is no more than what is there. Nobody is called
    and nothing exits for it; an excess beyond the pair's residual bound is cut by the pair itself."""
    for pair, leg, held in list(short_legs(core, instrument, core.ledger.size(core.instruments[instrument]))):
        core.decide("adopted", pair.id, f"{instrument} holds {held:,f} of {leg.size:,f}", {"leg": instrument})
        leg.size = held


def _legs(core: DeskCore, instrument: str) -> list[tuple[Pair, Leg]]:
    return [(pair, leg) for pair in core.pairs.live() for leg in pair.legs if leg.instrument == instrument]


def _left_by_pairs(core: DeskCore, instrument: str) -> Decimal:
    """Kept dust, and what closed pairs hold that are not forgotten yet."""
    total = core.state.dust.get(instrument, ZERO)
    for pair in core.pairs.state.pairs.values():
        if pair.state is PairState.CLOSED:
            for leg in pair.legs:
                if leg.instrument == instrument:
                    total += leg.size * leg.side.sign
    return total


def _within(part: Decimal, rest: Decimal) -> Decimal:
    """As much of a part as the rest holds in its direction."""
    return ZERO if part * rest <= ZERO else min(abs(part), abs(rest)).copy_sign(part)
