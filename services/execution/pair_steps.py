"""What a pair does next, state by state: one function a state, driven by what is, not by what happened.

`advance` is called after every input. Each handler looks at sizes, open orders and prices, and either places
what is missing, waits (naming the time), or moves to another state. Because nothing depends on which event
came last, duplicated, reordered and late events lead to the same place.
"""

from __future__ import annotations

from collections.abc import Callable

from services.domain.enums import OrderState, PairState, Purpose
from services.domain.money import ZERO
from services.execution.actions import Ask
from services.execution.pair_close import closing, unwinding
from services.execution.pair_legs import measure, within_residual
from services.execution.pair_moves import because, freeze, heavy_cut, start_closing, start_unwinding
from services.execution.pair_open import opening
from services.execution.pair_reduce import too_small
from services.execution.pair_state import Pair
from services.execution.pair_work import MILLISECOND, Work

RETRY_NS = 5 * 10**9
"""A frozen exit tries again after this long."""
_STEPS = range(len(PairState))
"""No way leads through more states."""


def advance(work: Work, pair: Pair) -> None:
    """Bring a pair to rest for now: run handlers until the state stands, then set the timer."""
    measure(pair, work.now, work.instruments, work.settings.pair, work.prices)
    for _ in _STEPS:
        before = pair.state
        work.wakes.clear()
        if pair.doubtful and before is not PairState.IN_DOUBT:
            _enter_doubt(work, pair)
        else:
            _HANDLERS[before](work, pair)
        if pair.state is before:
            break
    _page_if_held_up(work, pair)
    work.arm(pair)


def _page_if_held_up(work: Work, pair: Pair) -> None:
    """An order that its venue does not end is waited for, also with a leg naked: somebody has to know."""
    since = pair.naked.since
    if since is None or pair.state in (PairState.IN_DOUBT, PairState.FROZEN):
        return
    oldest: tuple[int, str] | None = None
    for name, memo in pair.orders.items():  # a hedge waits for this: no generator, no second walk
        if not memo.settled and (oldest is None or (memo.placed, name) < oldest):
            oldest = memo.placed, name
    if oldest is None:
        return
    placed, waited = oldest
    patience = work.settings.pair.leg_timeout_ms + work.settings.exec.in_doubt_escalate_s * 1000
    due = max(since, placed) + patience * MILLISECOND
    if work.now < due:
        work.wake(due)
        return
    leg = pair.leg(pair.naked.leg)
    work.escalate(
        pair, f"order {waited} does not end: {leg.instrument} stays naked{because(leg)}", reducing=True
    )


def _enter_doubt(work: Work, pair: Pair) -> None:
    if pair.stopped:
        pair.resume = PairState.FROZEN  # a doubt is no person's word
    elif pair.state is not PairState.FROZEN:
        pair.resume = pair.state  # a frozen one keeps what it would thaw to, or nothing would thaw it again
    pair.doubt_since = work.now
    work.become(pair, PairState.IN_DOUBT, "an order's outcome is unknown: nothing is sent on a guess")
    _read_afresh(work, pair)


def _in_doubt(work: Work, pair: Pair) -> None:
    """No order of any kind. A page after `in_doubt_escalate_s` with the other leg filled."""
    if not pair.doubtful:
        pair.doubt_since = None
        if pair.stopped:
            freeze(work, pair, PairState.UNWINDING, pair.frozen_reason)
        else:
            work.become(pair, pair.resume, "outcome known")
        return
    work.hold_back(pair)
    work.cancel_open(pair, resting=True)
    since = pair.doubt_since if pair.doubt_since is not None else work.now
    due = since + work.settings.exec.in_doubt_escalate_s * 1000 * MILLISECOND
    if work.now < due:
        work.wake(due)
        return
    if not pair.escalated:
        _read_afresh(work, pair, owed=True)
    filled = any(
        memo.in_doubt and not memo.settled and pair.other(memo.leg).size > ZERO
        for memo in pair.orders.values()
    )
    if filled or pair.naked.since is not None:
        naked = f"naked {pair.naked.quantity:,f} of leg {pair.naked.leg}"
        work.escalate(
            pair,
            f"order in doubt for {work.settings.exec.in_doubt_escalate_s} s with the other leg filled:"
            f" {naked if pair.naked.leg else 'without it the legs match'}",
            reducing=True,
        )


def _read_afresh(work: Work, pair: Pair, *, owed: bool = False) -> None:
    """The order may also be found in a fresh read of the account: its fills, its position, its absence.
    `owed`: so may the fills of one of which only they are missing."""
    silent = [
        memo for memo in pair.orders.values() if memo.state is OrderState.IN_DOUBT or (owed and memo.in_doubt)
    ]
    venues = {work.instruments[pair.leg(memo.leg).instrument].venue: None for memo in silent}
    work.out.extend(Ask(venue, f"{pair.id} in doubt") for venue in venues)


def _hedged(work: Work, pair: Pair) -> None:
    # Fills heard late may have taken a leg, or both. A lot against nothing is no hedge, however little it is.
    gone = any(leg.size == ZERO for leg in pair.legs)
    if gone or not within_residual(pair, work.instruments, work.settings.pair, work.prices):
        # What stands against nothing and is too little for an order is told as dust, and the pair ends.
        if (gone and not pair.unsettled) or heavy_cut(work, pair)[1] > ZERO:
            start_unwinding(work, pair, "a late fill or a smaller leg: cutting the excess")
            return
        if not pair.exit_after:
            return  # an exit takes along what no venue cuts by itself
    if pair.exit_after:
        # The ladder's cut is done: what was asked beside it follows.
        pair.close_purpose, pair.close_reason = Purpose.EXIT, pair.exit_after
        pair.close_origin, pair.exit_after = pair.exit_origin, ""
        start_closing(work, pair)
    elif pair.frozen_by_desk:
        freeze(work, pair, PairState.HEDGED, pair.frozen_reason)


def _frozen(work: Work, pair: Pair) -> None:
    if pair.resume is PairState.UNWINDING:
        return  # stopped by the policy `cancel`: a person decides, by `thaw` or a close
    heavy, cut = heavy_cut(work, pair)
    if heavy and cut > ZERO and not within_residual(pair, work.instruments, work.settings.pair, work.prices):
        pair.then_close = pair.resume is PairState.CLOSING
        start_unwinding(work, pair, "a late fill while frozen: cutting the excess")
        return
    held = pair.frozen_by_desk and pair.close_purpose is not Purpose.UNWIND
    if held or pair.resume is not PairState.CLOSING:
        return
    if too_small(work, pair) or any(work.prices.mid(leg.instrument) is None for leg in pair.legs):
        work.wake(work.now + RETRY_NS)
    elif work.now >= pair.state_ts + RETRY_NS:
        start_closing(work, pair)
    else:
        work.wake(pair.state_ts + RETRY_NS)


def _closed(work: Work, pair: Pair) -> None:
    if heavy_cut(work, pair)[1] > ZERO:
        pair.closed_ts = None
        start_unwinding(work, pair, "a fill came after the close: cutting it")


_HANDLERS: dict[PairState, Callable[[Work, Pair], None]] = {
    PairState.PLANNED: lambda _work, _pair: None,
    PairState.OPENING: opening,
    PairState.HEDGED: _hedged,
    PairState.CLOSING: closing,
    PairState.CLOSED: _closed,
    PairState.UNWINDING: unwinding,
    PairState.FROZEN: _frozen,
    PairState.IN_DOUBT: _in_doubt,
}
