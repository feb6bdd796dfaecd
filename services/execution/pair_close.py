"""Closing and unwinding a pair: reducing orders only, the heavier leg first, then slice by slice.

`closing` carries out a named exit, both legs in step. `unwinding` is what happens when the trading state
leaves ACTIVE, a leg fails or a leg is missing: cancel, hear the last word on every order, cut the excess.
"""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import PairState, Purpose
from services.domain.money import ZERO, floor_to
from services.execution.pair_legs import dust, excess, joint_least, least, nothing_left, within_residual
from services.execution.pair_moves import (
    because,
    close,
    count_failed,
    end_failed,
    freeze,
    heavy_cut,
    settle_hedged,
    slice_quantity,
    start_closing,
    thin_leg,
    wake_at_timeout,
)
from services.execution.pair_quotes import attempt_over, end_attempt, overdue, quote, rests, watch
from services.execution.pair_reduce import all_taken, fix, kept, stranded, surplus, too_small, whole
from services.execution.pair_state import Leg, LegPolicy, OrderMemo, Pair
from services.execution.pair_work import Work, calm


def closing(work: Work, pair: Pair) -> None:
    """First the excess of whichever leg is heavier, then the next slice of the thin one."""
    if pair.shrink > ZERO and not pair.unsettled:
        fix(work, pair)
    heavy, cut = heavy_cut(work, pair)
    expired = overdue(work, pair)
    if heavy and expired and pair.exit_policy is LegPolicy.CANCEL and not pair.close_purpose.protective:
        work.cancel_open(pair)
        if not pair.unsettled:
            # As with an entry: nothing more is done until a person says so, by `thaw` or a close.
            freeze(work, pair, PairState.UNWINDING, "exit leg not filled in time: stopped by policy")
            pair.then_close = True
            work.escalate(pair, pair.frozen_reason, reducing=True)
        return
    watch(work, pair)
    if cut > ZERO:
        # A leg that stays naked beyond its time-out is no strategy exit any more: it is protection.
        purpose = Purpose.UNWIND if expired and not pair.close_purpose.protective else pair.close_purpose
        going = work.chase(
            pair, pair.leg(heavy), cut, purpose, increasing=False, reason=pair.close_reason or "close"
        )
        if not going and expired:
            work.escalate(
                pair,
                f"exit leg {pair.leg(heavy).instrument} does not fill; the other leg waits"
                + because(pair.leg(heavy)),
                reducing=True,
            )
        wake_at_timeout(work, pair)
        return
    if pair.unsettled:
        wake_at_timeout(work, pair)
        return
    held = too_small(work, pair)
    if kept(pair) and (held or all_taken(work, pair)):
        whole(pair)
        text, pair.close_reason, pair.close_purpose = pair.close_reason, "", Purpose.EXIT
        settle_hedged(work, pair, f"reduced: {text}")
        _tell_excess(work, pair)
        return
    if held:
        _hold_up(work, pair, held)
        return
    if all_taken(work, pair):
        close(work, pair, dust(pair, work.instruments) or pair.close_reason)
        return
    calm(pair.other(pair.first))
    _next_exit_slice(work, pair)


def _hold_up(work: Work, pair: Pair, leg: Leg) -> None:
    """One leg cannot be closed: the other one stays with it, whoever asks, or a naked leg would be left that
    nothing here could reach. It goes on once the venue takes such an order, or the leg is gone."""
    minimum = least(leg, work.instruments, work.prices, reducing=True)
    text = f"{leg.size.normalize():f} {leg.instrument} is less than its venue takes ({minimum.normalize():f})"
    if surplus(pair.other(leg.number)) > ZERO:
        text += f": neither leg is closed; close {leg.instrument} at the venue, and the other leg follows"
    else:
        text += " and stands alone: close it at the venue"
    freeze(work, pair, PairState.CLOSING, text)
    work.escalate(pair, text, reducing=pair.naked.notional >= work.settings.pair.residual_max)


def _tell_excess(work: Work, pair: Pair) -> None:
    """Dust stops nothing; what is worth more than the residual allowed, and cannot be cut, does."""
    if within_residual(pair, work.instruments, work.settings.pair, work.prices):
        return
    grave = pair.naked.notional >= work.settings.pair.residual_max
    left = dust(pair, work.instruments)
    work.escalate(pair, f"excess below the venue's minimum cannot be cut: {left}", reducing=grave)


def _next_exit_slice(work: Work, pair: Pair) -> None:
    protective = pair.close_purpose.protective
    stale = [leg for leg in pair.legs if work.prices.mid(leg.instrument) is None]
    # The exit of what is left after a missing leg waits for fresh data like any other: both legs stand.
    waits = not protective or pair.close_purpose is Purpose.UNWIND
    if (stale and waits) or (pair.frozen_by_desk and not protective):
        text = f"no fresh price of {stale[0].instrument}" if stale else pair.frozen_reason
        freeze(work, pair, PairState.CLOSING, text)
        return
    current = pair.leg(pair.first)
    if current.band == 0 and pair.quote_since is None:
        current = pair.leg(thin_leg(work, pair, closing=True))
        if surplus(current) < least(current, work.instruments, work.prices, reducing=True):
            current = pair.other(current.number)
        pair.first = current.number
    if _rest_exit(work, pair, current):
        return
    bands = work.bands(pair.close_purpose)
    if work.now < current.next_at:
        work.wake(current.next_at)
        return
    if current.band >= len(bands):
        text = f"exit leg {current.instrument} does not fill; the other leg is left alone{because(current)}"
        if not protective:
            freeze(work, pair, PairState.CLOSING, text)
            work.escalate(pair, text, reducing=False)
            return
        work.escalate(pair, text, reducing=False)
    mid = work.usable(current, pair.close_purpose)
    bps = bands[min(current.band, len(bands) - 1)]
    quantity = _exit_quantity(work, pair, current, bps, protective=protective)
    over = min(max(current.band + 1 - len(bands), 0), 5)
    current.next_at = work.now + work.dwell * 2**over
    current.band += 1
    work.wake(current.next_at)
    if mid is None or quantity is None:
        current.last_refusal = "no price to measure a limit from"
        return
    work.place(
        pair,
        current,
        quantity,
        mid,
        bps,
        pair.close_purpose,
        increasing=False,
        attempt=current.band,
        reason=pair.close_reason,
    )


def _rest_exit(work: Work, pair: Pair, leg: Leg) -> bool:
    """Quote the next slice of a discretionary exit. False: it takes, by policy or after its attempt."""
    if not rests(work, pair, closing=True) or pair.no_rest or pair.take_next:
        return False
    if attempt_over(work, pair):
        pair.take_next = True
        end_attempt(pair)
        return False
    if work.now < leg.next_at:
        work.wake(leg.next_at)
        return True
    quantity = _exit_quantity(work, pair, leg, work.settings.exec.hedge_bands[0], protective=False)
    leg.next_at = work.now + work.dwell
    return quantity is not None and quote(
        work, pair, leg, quantity, pair.close_purpose, increasing=False, reason=pair.close_reason
    )


def _exit_quantity(work: Work, pair: Pair, leg: Leg, bps: Decimal, *, protective: bool) -> Decimal | None:
    remaining = floor_to(surplus(leg) - stranded(work, pair, leg), work.instrument(leg).size_increment)
    smallest_slice = joint_least(pair, leg.number, work.instruments, work.prices, reducing=True)
    if remaining < smallest_slice:
        return remaining if remaining >= least(leg, work.instruments, work.prices, reducing=True) else None
    return slice_quantity(
        work, pair, leg, remaining, smallest_slice, bps, protective=protective, closing=True
    )


def unwinding(work: Work, pair: Pair) -> None:
    """Cancel, wait for the last word on every order, then cut the heavier leg. Nothing increases here."""
    if any(not memo.settled and not _is_cut(pair, memo) for memo in pair.orders.values()):
        work.cancel_open(pair)
        return
    heavy, cut = heavy_cut(work, pair)
    if cut > ZERO:
        purpose = pair.close_purpose if pair.close_purpose.protective else Purpose.UNWIND
        leg = pair.leg(heavy)
        going = work.chase(pair, leg, cut, purpose, increasing=False, reason=pair.unwind_reason)
        if not going:
            text = f"the unhedged part of {leg.instrument} does not fill{because(leg)}"
            work.escalate(pair, text, reducing=True)
        return
    if pair.unsettled:
        return
    _finish_unwinding(work, pair)


def _is_cut(pair: Pair, memo: OrderMemo) -> bool:
    """Is an unsettled order one of the cuts of this unwinding (so it may run on)?"""
    return not memo.increasing and not memo.resting and memo.leg == excess(pair)[0]


def _end_one_shot(work: Work, pair: Pair) -> None:
    """What both legs did stands. What one did alone has been taken back, down to what no venue takes."""
    heavy, alone = excess(pair)
    text = pair.unwind_reason
    if heavy:
        left = f"{alone.normalize():f} {pair.leg(heavy).instrument} stays done alone"
        text = f"{text}; {left}"
        if not within_residual(pair, work.instruments, work.settings.pair, work.prices):
            grave = pair.naked.notional >= work.settings.pair.residual_max
            work.escalate(pair, f"excess below the venue's minimum cannot be cut: {left}", reducing=grave)
    if pair.hedged_ts is None:
        end_failed(work, pair, text)
    else:
        close(work, pair, text)


def _finish_unwinding(work: Work, pair: Pair) -> None:
    if pair.one_shot:
        _end_one_shot(work, pair)
        return
    left = dust(pair, work.instruments)
    if nothing_left(pair, work.instruments, work.prices):
        if pair.hedged_ts is None and not pair.failed:
            count_failed(work, pair)
        held = too_small(work, pair)
        if held:
            _hold_up(work, pair, held)
        else:
            close(work, pair, f"{pair.unwind_reason}; {left}" if left else pair.unwind_reason)
        return
    _tell_excess(work, pair)
    if pair.then_close:
        pair.then_close = False
        start_closing(work, pair)
        return
    settle_hedged(work, pair, pair.unwind_reason)
