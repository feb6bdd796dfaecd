"""Taking an order's news into a pair: by cumulative figures, so that hearing it twice changes nothing."""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import OrderState, PairState, Purpose
from services.domain.money import ZERO
from services.execution.entries import OrderEntry
from services.execution.pair_legs import excess
from services.execution.pair_moves import start_unwinding
from services.execution.pair_open import ENTRY_TRIES
from services.execution.pair_quotes import end_attempt
from services.execution.pair_state import Leg, OrderMemo, Pair
from services.execution.pair_work import Work


def count(work: Work, pair: Pair, entry: OrderEntry) -> None:
    """Take over an order's cumulative figures. An order seen for the first time starts at nothing."""
    request = entry.request
    leg = pair.leg(request.leg)
    memo = pair.orders.get(entry.id)
    if memo is None:
        memo = OrderMemo(
            request.leg,
            request.side is leg.side,
            request.quantity,
            resting=request.post_only,
            price=request.price if request.post_only else None,
            placed=entry.created,
        )
        pair.orders[entry.id] = memo
    filled, cost = entry.filled - memo.filled, entry.cost - memo.cost
    settled_now = entry.settled and not memo.settled
    memo.quantity, memo.filled, memo.cost = request.quantity, entry.filled, entry.cost
    memo.state, memo.settled, memo.in_doubt = entry.state, entry.settled, entry.in_doubt
    if filled > ZERO:
        _filled(work, pair, leg, memo, filled, cost, request.purpose)
    if settled_now:
        leg.chased = min(leg.chased, excess(pair)[1])
        if memo.resting:
            _rested(pair, leg, entry)
        elif entry.filled == ZERO:
            _unfilled(work, pair, leg, entry)


def _filled(
    work: Work, pair: Pair, leg: Leg, memo: OrderMemo, filled: Decimal, cost: Decimal, why: Purpose
) -> None:
    leg.refusals = 0
    if pair.opened_ts is None:
        pair.opened_ts = work.now
    if memo.increasing:
        leg.size += filled
        leg.bought += filled
        leg.entry_cost += cost
    else:
        leg.size -= filled
    if why is Purpose.ENTRY:
        pair.entry_tries = 0
        leg.next_at = 0
    elif pair.state is PairState.CLOSING and leg.number == pair.first:
        leg.band = 0
        leg.next_at = 0
        if not memo.resting:
            pair.take_next = False
    if leg.size < ZERO:
        work.escalate(
            pair, f"leg {leg.instrument} was reduced beyond what it held: {leg.size:,f}", reducing=True
        )


def _rested(pair: Pair, leg: Leg, entry: OrderEntry) -> None:
    """A resting order ended. Whole: the next slice is a new attempt. Withdrawn or refused by the venue: the
    attempt goes on if it may. Denied by our gate: nothing more is quoted."""
    if entry.filled >= entry.request.quantity:
        end_attempt(pair)
        return
    if entry.state not in (OrderState.DENIED, OrderState.REJECTED):
        return
    leg.refusals += 1
    leg.last_refusal = entry.text
    if entry.state is OrderState.DENIED and not entry.request.reduce_only:
        pair.entry_tries = ENTRY_TRIES
    elif entry.state is OrderState.DENIED:
        pair.take_next = True
        end_attempt(pair)


def _unfilled(work: Work, pair: Pair, leg: Leg, entry: OrderEntry) -> None:
    """An order ended without any fill: remember why, and draw the consequence for the entry."""
    leg.refusals += 1
    leg.last_refusal = entry.text or "nothing inside the band"
    if pair.state is not PairState.OPENING:
        return
    denied = entry.state is OrderState.DENIED
    if entry.request.purpose is Purpose.ENTRY:
        pair.entry_tries = ENTRY_TRIES if denied else pair.entry_tries + 1
    elif denied:
        start_unwinding(work, pair, f"hedge denied: {entry.text}")
