"""Opening a pair: the thin leg in slices, every fill hedged at once on the other leg (SEMANTICS 7)."""

from __future__ import annotations

from services.domain.enums import PairState, Purpose
from services.domain.money import ZERO, floor_to
from services.execution.pair_legs import excess, hedgeable, joint_least, lot, within_residual
from services.execution.pair_moves import (
    because,
    end_failed,
    freeze,
    settle_hedged,
    slice_quantity,
    start_unwinding,
    thin_leg,
    wake_at_timeout,
)
from services.execution.pair_quotes import attempt_over, overdue, quote, rests, watch
from services.execution.pair_state import LONG, SHORT, LegPolicy, Pair
from services.execution.pair_work import Work, calm

SECOND_NS = 1_000_000_000

ENTRY_TRIES = 3
"""Slices of leg 1 in a row that may stay without any fill before the entry ends."""


def opening(work: Work, pair: Pair) -> None:
    expired = overdue(work, pair)
    if expired and pair.entry_policy is LegPolicy.REVERSE:
        start_unwinding(work, pair, "leg 2 not filled in time: reversing the unhedged part")
        return
    if expired and pair.entry_policy is LegPolicy.CANCEL:
        work.cancel_open(pair)
        if not pair.unsettled:
            freeze(
                work, pair, PairState.UNWINDING, "leg 2 not filled in time: stopped by policy, leg 1 is naked"
            )
            work.escalate(pair, pair.frozen_reason, reducing=True)
        return
    watch(work, pair)
    light = LONG if excess(pair)[0] == SHORT else SHORT
    wanted = hedgeable(pair, light, work.instruments, work.prices)
    leg = pair.leg(light)
    if wanted > ZERO:
        # Proceeding past the time-out is an order against nakedness, but an increasing one: hedge bands only.
        going = work.chase(
            pair, leg, wanted, Purpose.HEDGE, increasing=True, reason="hedge the fill of the other leg"
        )
        if expired and not going:
            work.escalate(pair, f"hedge on {leg.instrument} does not fill{because(leg)}", reducing=True)
        wake_at_timeout(work, pair)
        return
    if pair.unsettled:
        wake_at_timeout(work, pair)
        return
    if leg.band:
        calm(leg)  # its chase is over; the dwell of a leg that leads is not its chase's
    _next_entry_slice(work, pair)


def _next_entry_slice(work: Work, pair: Pair) -> None:
    """The thin leg's next slice, or the end of the entry."""
    if pair.frozen_by_desk:
        _finish_opening(work, pair, pair.frozen_reason)
        return
    if pair.quote_since is None:
        pair.first = thin_leg(work, pair, closing=False)
    first = pair.leg(pair.first)
    grid = lot(pair, first.number, work.instruments)
    remaining = floor_to(max(first.target - first.size, ZERO), grid)
    smallest_slice = joint_least(pair, first.number, work.instruments, work.prices, reducing=False)
    if remaining < smallest_slice:
        _finish_opening(work, pair, "filled")
        return
    if pair.entry_tries >= ENTRY_TRIES:
        _finish_opening(work, pair, first.last_refusal or "leg 1 does not fill within the slippage bound")
        return
    maker = rests(work, pair, closing=False)
    if maker and (pair.no_rest or attempt_over(work, pair)):
        _finish_opening(work, pair, pair.no_rest or "leg 1 rested without being filled whole")
        return
    ready = max(first.next_at, pair.next_slice_at)
    if work.now < ready:
        work.wake(ready)
        return
    bps = work.settings.exec.hedge_bands[0] if maker else work.settings.exec.slippage_bound
    quantity = slice_quantity(
        work, pair, first, remaining, smallest_slice, bps, protective=False, closing=False
    )
    mid = work.prices.mid(first.instrument)
    if mid is None or work.prices.mid(pair.other(first.number).instrument) is None or quantity is None:
        pair.entry_tries += 1
        first.next_at = work.now + work.dwell
        first.last_refusal = "no fresh price, or no slice fits the book and the naked bound"
        work.wake(first.next_at)
        return
    first.next_at = work.now + work.dwell
    # Two orders a slice: the gap keeps a pair alone inside `gate.orders_per_second`.
    pair.next_slice_at = work.now + 2 * SECOND_NS // max(1, work.settings.gate.orders_per_second - 1)
    if maker:
        if not quote(work, pair, first, quantity, Purpose.ENTRY, increasing=True, reason=pair.reason):
            pair.entry_tries += 1
            first.last_refusal = "no two-sided book to rest in"
        return
    attempt = pair.entry_tries + 1
    work.place(
        pair, first, quantity, mid, bps, Purpose.ENTRY, increasing=True, attempt=attempt, reason=pair.reason
    )
    work.wake(first.next_at)


def _finish_opening(work: Work, pair: Pair, text: str) -> None:
    if pair.short.size == ZERO and pair.long.size == ZERO:
        end_failed(work, pair, text)
    elif within_residual(pair, work.instruments, work.settings.pair, work.prices):
        settle_hedged(work, pair, text)
    else:
        start_unwinding(work, pair, f"{text}; the rest cannot be hedged on the other leg's grid")
