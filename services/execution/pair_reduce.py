"""Making a hedged pair smaller by a fraction, both legs in step: how the margin ladder cuts (SEMANTICS 2).

It is a close that stops at a smaller size: the same slices, the same bands, thin leg first. The size to keep
is fixed when the cutting begins, on the joint lot grid and rounded down: never less is cut than was asked.
"""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import PairState, Purpose
from services.domain.money import ONE, ZERO, floor_to
from services.execution.pair_legs import convert, joint_least, least, lot, unit_usd
from services.execution.pair_moves import heavy_cut, start_closing, start_unwinding
from services.execution.pair_state import LONG, SHORT, Leg, Pair
from services.execution.pair_work import Work


def begin(work: Work, pair: Pair, fraction: Decimal, reason: str, purpose: Purpose, origin: str) -> None:
    """Set a pair on its way to (1 - fraction) of its size.

    One that leaves whole as protection goes on doing so; any other exit goes on behind the cut, but one that
    the policy stopped. One whose orders are in doubt or whose legs do not match yet is cut once they do.
    A cut that is under way is finished as it is: whoever asks measures again when the pair is hedged.
    """
    state = pair.resume if pair.state in (PairState.FROZEN, PairState.IN_DOUBT) else pair.state
    leaving = bool(pair.close_reason) and (state is PairState.CLOSING or pair.then_close)
    leaving = leaving and not (pair.shrink > ZERO or kept(pair))
    protected = leaving and pair.close_purpose.protective
    if leaving and not protected and not pair.stopped:
        pair.exit_after, pair.exit_origin = pair.close_reason, pair.close_origin
    pair.close_purpose, pair.close_origin = purpose, origin
    pair.frozen_by_desk = False
    if protected:
        # What is held up goes on by itself; the ladder asks at each look.
        if pair.state is PairState.FROZEN and not held_up(work, pair):
            pair.then_close = True
            start_unwinding(work, pair, reason)
        return
    pair.close_reason = reason
    if not kept(pair):
        pair.shrink = max(pair.shrink, fraction)
    match pair.state:
        case PairState.HEDGED:
            start_closing(work, pair)
        case PairState.OPENING | PairState.FROZEN:
            pair.then_close = True
            start_unwinding(work, pair, reason)
        case PairState.UNWINDING:
            pair.then_close = True
        case PairState.IN_DOUBT if pair.resume is PairState.HEDGED:
            pair.resume = PairState.CLOSING
        case PairState.IN_DOUBT if pair.resume is not PairState.CLOSING:
            pair.then_close = True
            pair.resume = PairState.UNWINDING
            pair.unwind_reason = reason
        case _:
            pass  # closing to a smaller size already


def fix(work: Work, pair: Pair) -> None:
    """Decide the sizes to keep, of what is matched now, and shrink the targets to them.

    At least what the venues take in one order is cut; a rest that they would not take any more is not left
    standing: then the whole pair goes.
    """
    fraction, pair.shrink = pair.shrink, ZERO
    matched = min(pair.short.size, convert(pair, pair.long.size, SHORT))
    smallest = joint_least(pair, SHORT, work.instruments, work.prices, reducing=True)
    rest = min(matched * (ONE - fraction), matched - smallest)
    short = floor_to(rest, lot(pair, SHORT, work.instruments)) if rest >= smallest else ZERO
    long = floor_to(convert(pair, short, LONG), lot(pair, LONG, work.instruments))
    if short <= ZERO or long <= ZERO:
        whole(pair)
        return
    pair.short.target, pair.long.target = short, convert(pair, short, LONG)
    pair.short.keep, pair.long.keep = short, long


def whole(pair: Pair) -> None:
    """Nothing is kept: a close takes all of the pair."""
    pair.shrink = ZERO
    for leg in pair.legs:
        leg.keep = ZERO


def cutting(pair: Pair) -> bool:
    """Is a protective cut under way, and no more than that?"""
    return pair.close_purpose.protective and bool(pair.close_reason) and (pair.shrink > ZERO or kept(pair))


def kept(pair: Pair) -> bool:
    """A close of this pair ends hedged at a smaller size."""
    return any(leg.keep > ZERO for leg in pair.legs)


def surplus(leg: Leg) -> Decimal:
    """What a close still takes off a leg, base units."""
    return max(leg.size - leg.keep, ZERO)


def all_taken(work: Work, pair: Pair) -> bool:
    """What a close had to take off both legs is off, or is less than a venue takes."""
    return all(surplus(leg) < least(leg, work.instruments, work.prices, reducing=True) for leg in pair.legs)


def too_small(work: Work, pair: Pair) -> Leg | None:
    """A leg that its venue takes no order for any more (it has raised its minimum), worth as much as may not
    stand alone: no dust. Of one without a known value nobody can say that it is."""
    for leg in pair.legs:
        rest = surplus(leg)
        if rest <= ZERO or rest >= least(leg, work.instruments, work.prices, reducing=True):
            continue
        unit = unit_usd(leg, work.prices)
        if unit is None or rest * unit >= work.settings.pair.residual_max:
            return leg
    return None


def stranded(work: Work, pair: Pair, leg: Leg) -> Decimal:
    """What a leg keeps, since no order takes so little off the other one, whose venue made its lot coarser:
    that rest would stand alone without it. Units of the leg; zero where the rest is dust."""
    other = pair.other(leg.number)
    taken = surplus(other)
    rest = taken - floor_to(taken, work.instrument(other).size_increment)
    unit = unit_usd(other, work.prices)
    if rest <= ZERO or (unit is not None and rest * unit < work.settings.pair.residual_max):
        return ZERO
    return convert(pair, rest, leg.number)


def held_up(work: Work, pair: Pair) -> bool:
    """On its way out, with nothing left that could be sent: one leg is less than its venue takes."""
    out = pair.resume is PairState.CLOSING and not pair.unsettled
    return out and too_small(work, pair) is not None and heavy_cut(work, pair)[1] == ZERO
