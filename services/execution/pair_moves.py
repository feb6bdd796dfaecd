"""Steps that opening, closing and unwinding share: changes of state, the size of a slice, the thin leg."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import PairState
from services.domain.money import ZERO, floor_to
from services.execution.pair_legs import cuttable, excess, lot, unit_usd
from services.execution.pair_state import LONG, SHORT, Leg, Pair
from services.execution.pair_work import MILLISECOND, Work


def cooldown_key(short: str, long: str) -> str:
    """Direction does not matter: the same two instruments wait together."""
    return "|".join(sorted((short, long)))


def end_failed(work: Work, pair: Pair, text: str) -> None:
    """Close a pair that never came to stand (of a spot one: not as a whole)."""
    count_failed(work, pair)
    close(work, pair, text)


def count_failed(work: Work, pair: Pair) -> None:
    """A failed attempt costs its legs a cooldown."""
    pair.failed = True
    key = cooldown_key(pair.short.instrument, pair.long.instrument)
    work.failures[key] = work.failures.get(key, 0) + 1


def start_closing(work: Work, pair: Pair) -> None:
    work.become(pair, PairState.CLOSING, pair.close_reason)


def start_unwinding(work: Work, pair: Pair, reason: str) -> None:
    pair.unwind_reason = reason
    work.become(pair, PairState.UNWINDING, reason)


def settle_hedged(work: Work, pair: Pair, text: str) -> None:
    if pair.hedged_ts is None:
        pair.hedged_ts = work.now
        work.failures.pop(cooldown_key(pair.short.instrument, pair.long.instrument), None)
    if pair.one_shot:
        close(work, pair, f"exchanged {min(leg.size for leg in pair.legs)}: {text}")
    else:
        work.become(pair, PairState.HEDGED, text)


def close(work: Work, pair: Pair, text: str) -> None:
    if pair.one_shot:
        _hand_over(pair)
    pair.closed_ts = work.now
    work.become(pair, PairState.CLOSED, text)


def _hand_over(pair: Pair) -> None:
    """What was sold and bought is the inventory's: a fill that comes after this stands alone, and is cut."""
    for leg in pair.legs:
        leg.done, leg.size = leg.done + leg.size, ZERO
    naked = pair.naked
    naked.leg, naked.quantity, naked.notional, naked.since = 0, ZERO, ZERO, None


def freeze(work: Work, pair: Pair, resume: PairState, text: str) -> None:
    pair.resume = resume
    pair.frozen_reason = text
    work.become(pair, PairState.FROZEN, text)


def heavy_cut(work: Work, pair: Pair) -> tuple[int, Decimal]:
    heavy, _ = excess(pair)
    if heavy == 0:
        return 0, ZERO
    return heavy, cuttable(pair, heavy, work.instruments, work.prices)


def expired_leg(work: Work, pair: Pair) -> bool:
    since = pair.naked.since
    return since is not None and work.now >= since + work.settings.pair.leg_timeout_ms * MILLISECOND


def wake_at_timeout(work: Work, pair: Pair) -> None:
    if pair.naked.since is not None and not expired_leg(work, pair):
        work.wake(pair.naked.since + work.settings.pair.leg_timeout_ms * MILLISECOND)


def because(leg: Leg) -> str:
    return f" ({leg.last_refusal})" if leg.last_refusal else ""


def thin_leg(work: Work, pair: Pair, *, closing: bool) -> int:
    """The leg whose book is thinner on the side we take, in USD; one without a fresh book is the thinner."""
    values: list[Decimal | None] = []
    for leg in pair.legs:
        side = leg.side.opposite if closing else leg.side
        depth, unit = work.prices.depth(leg.instrument, side), unit_usd(leg, work.prices)
        fresh = work.prices.mid(leg.instrument) is not None
        values.append(depth * unit if fresh and depth is not None and unit is not None else None)
    short, long = values
    if short is None or long is None:
        return SHORT if short is None else LONG
    return SHORT if short <= long else LONG


def slice_quantity(
    work: Work,
    pair: Pair,
    leg: Leg,
    remaining: Decimal,
    smallest_slice: Decimal,
    bps: Decimal,
    *,
    protective: bool,
    closing: bool,
) -> Decimal | None:
    """Base units of the next slice of a leg: ≤ slice notional, ≤ naked bound, ≤ what both books show.

    A remainder too small for the venues is avoided by halving. None = nothing can be sent now.
    """
    cap = work.slice_cap(pair, leg, bps)
    if cap is None:
        return remaining if protective else None
    for each in pair.legs:
        side = each.side.opposite if closing else each.side
        depth = work.prices.depth(each.instrument, side)
        if depth is None:
            continue
        own = depth if each is leg else depth * leg.target / each.target
        cap = min(cap, max(own, smallest_slice if closing else ZERO))
    grid = work.instrument(leg).size_increment if closing else lot(pair, leg.number, work.instruments)
    quantity = floor_to(min(remaining, cap), grid) if cap > ZERO else ZERO
    if quantity < remaining and remaining - quantity < smallest_slice:
        quantity = floor_to(remaining / 2, grid)
    if quantity < smallest_slice:
        if not closing:
            return None
        # Going out, the venues' minimum wins over the bound: a remainder could not be sold at all.
        return remaining if remaining < 2 * smallest_slice else smallest_slice
    return quantity
