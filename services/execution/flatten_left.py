"""What a flatten still has open, and what it must report as left, with the reason of each."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.domain.enums import PairState
from services.domain.instrument import Instrument
from services.domain.money import ZERO
from services.execution.actions import Remainder
from services.execution.flatten_close import is_dust
from services.execution.flatten_state import Flatten, FlattenView, RestingOrder
from services.execution.pair_legs import dust
from services.execution.pair_state import Leg, Pair
from services.execution.pairs import PairMachine


def open_sizes(
    run: Flatten,
    view: FlattenView,
    instruments: Mapping[str, Instrument],
    pairs: PairMachine,
    *,
    dust_too: bool = False,
) -> dict[str, Decimal]:
    """Unpaired perp positions in scope, signed, what the venue reports beyond our books included."""
    positions = view.positions()
    found: dict[str, Decimal] = {}
    for name in sorted({**positions, **run.extra}):
        instrument = instruments.get(name)
        if instrument is None or not instrument.is_perp or not run.scope.covers(instrument):
            continue
        net = positions.get(name, ZERO) + run.extra.get(name, ZERO)
        size = net - pairs.size_on(name)
        if size * net <= ZERO:
            continue  # against a pair's leg there is nothing to reduce: the venue holds the net (`leg_sizes`)
        if abs(size) > abs(net):
            size = net
        if size and (dust_too or not is_dust(instrument, size, view)):
            found[name] = size
    return found


def hedging_dust(
    view: FlattenView, instruments: Mapping[str, Instrument], pairs: PairMachine, allowed: Decimal
) -> dict[str, Decimal]:
    """By hedge group, signed: what no venue takes an order for, of all venues, whatever the scope, and worth
    as much as may not stand alone (a raised minimum). What hedges it stays with it, like a pair's leg."""
    found: dict[str, Decimal] = {}
    for name, net in view.positions().items():
        instrument = instruments.get(name)
        if instrument is None or not instrument.is_perp:
            continue
        size = net - pairs.size_on(name)
        if size * net <= ZERO or not is_dust(instrument, size, view):
            continue
        price, usd = view.last(name), view.usd(name)
        if price is None or usd is None or abs(size) * price * usd >= allowed:
            group = instrument.hedge_group
            found[group] = found.get(group, ZERO) + size
    return found


def leg_sizes(
    run: Flatten, view: FlattenView, instruments: Mapping[str, Instrument], pairs: PairMachine
) -> list[tuple[str, str, Decimal]]:
    """(pair, instrument, size) of legs of which the venue's net position holds less than our fills.

    Foreign trades against a leg have reduced it: only what is left of it can be closed.
    """
    positions = view.positions()
    found = []
    for pair_id in run.pairs:
        pair = pairs.get(pair_id)
        if pair is None or pair.unsettled or pair.one_shot:
            continue
        for leg in pair.legs:
            if leg.instrument not in instruments or leg.size <= ZERO:
                continue
            net = positions.get(leg.instrument, ZERO) + run.extra.get(leg.instrument, ZERO)
            others = pairs.size_on(leg.instrument) * leg.side.sign - leg.size
            held = max(net * leg.side.sign - others, ZERO)
            if held < leg.size:
                found.append((pair_id, leg.instrument, held))
    return found


def outer_legs(run: Flatten, instruments: Mapping[str, Instrument], pairs: PairMachine) -> tuple[str, ...]:
    """Instruments outside the scope on which the run closes a pair's leg."""
    found = (pairs.get(pair_id) for pair_id in run.pairs)
    names = [leg.instrument for pair in found if pair is not None for leg in pair.legs]
    known = [name for name in dict.fromkeys(names) if name in instruments]
    return tuple(name for name in known if not run.scope.covers(instruments[name]))


def beside(run: Flatten, instruments: Mapping[str, Instrument], pairs: PairMachine) -> dict[str, Decimal]:
    """What the venues hold beyond our books on those legs. Whose it is nobody can tell: it stays."""
    legs = outer_legs(run, instruments, pairs)
    return {name: run.extra[name] for name in legs if run.extra.get(name, ZERO) != ZERO}


def _held_up(pair: Pair, leg: Leg) -> str:
    """What keeps a leg of a pair that is being closed: the word of its own venue, or of the other one, for no
    leg goes alone."""
    other = pair.other(leg.number)
    if leg.refusals and leg.last_refusal:
        return f"{leg.last_refusal}; pair {pair.id} {pair.state}"
    if other.size > ZERO and other.refusals and other.last_refusal:
        return f"waits for {other.instrument} ({other.last_refusal}); pair {pair.id} {pair.state}"
    return f"pair {pair.id} {pair.state}: {pair.text}"


def remaining(
    run: Flatten,
    view: FlattenView,
    resting: tuple[RestingOrder, ...],
    instruments: Mapping[str, Instrument],
    pairs: PairMachine,
) -> tuple[Remainder, ...]:
    """What is left, thing by thing, each with its reason."""
    left: list[Remainder] = []
    for name, size in open_sizes(run, view, instruments, pairs, dust_too=True).items():
        instrument = instruments[name]
        target = run.targets.get(name)
        if is_dust(instrument, size, view):
            why = "dust: below one lot or the venue's minimum"
        elif target is not None and target.in_doubt:
            why = f"order {target.order} is in doubt"
        else:
            refused = target.last_refusal if target is not None else ""
            waits = f"order {target.order} has not ended" if target is not None and target.order else ""
            why = "; ".join(filter(None, (refused, waits))) or "not filled"
        left.append(Remainder(instrument.venue, name, size, why))
    for pair_id in run.pairs:
        pair = pairs.get(pair_id)
        if pair is None:
            continue
        for leg in pair.legs:
            if leg.size > ZERO:
                why = dust(pair, instruments) if pair.state is PairState.CLOSED else _held_up(pair, leg)
                venue = instruments[leg.instrument].venue
                left.append(Remainder(venue, leg.instrument, leg.size * leg.side.sign, why))
    for name, size in beside(run, instruments, pairs).items():
        why = "the venue holds it beyond our books, outside the scope: reconcile, or flatten the instrument"
        left.append(Remainder(instruments[name].venue, name, size, why))
    for name, size in run.unknown.items():
        left.append(
            Remainder(name.rpartition(".")[2], name, size, "not an instrument of ours: close it there")
        )
    for name, where in run.strange.items():
        why = f"order in {where}, not an instrument of ours: cancel it there"
        left.append(Remainder(where.rpartition(".")[2], name, None, why))
    for order in resting:
        why = "order in doubt" if order.in_doubt else "order still open"
        left.append(Remainder(order.venue, order.name, None, why))
    for venue in run.venues:
        if venue not in run.proof and not any(row.venue == venue for row in left):
            left.append(Remainder(venue, venue, None, "no fresh read of the account"))
    return tuple(left)
