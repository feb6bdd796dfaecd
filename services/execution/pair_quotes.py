"""Leg 1 as a resting order: quoted at its own side of the book, moved with it, withdrawn in good time.

An *attempt* is one slice: a first quote and at most `exec.post_only_requotes` more within any
`exec.post_only_window_s`. A post-only order that the venue refuses because it would match counts like any
other quote, and is never turned into a taking order by that. Only one order of a pair rests at a time, of one
slice, so what it may fill before its hedge is bounded like a slice that takes.
"""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import PairState, Purpose, Side
from services.domain.money import ZERO
from services.execution.pair_legs import convert, excess, joint_least
from services.execution.pair_moves import expired_leg
from services.execution.pair_state import Leg, OrderMemo, Pair
from services.execution.pair_work import Work

MAKER = "maker"
_SECOND = 10**9


def resting(pair: Pair) -> OrderMemo | None:
    """The pair's resting order, while it may still fill."""
    for memo in pair.orders.values():
        if memo.resting and not memo.settled:
            return memo
    return None


def overdue(work: Work, pair: Pair) -> bool:
    """A leg is naked beyond its time-out. Fills of a resting order that are too small for any hedge only
    accumulate: they are less than the least order and do not count as that."""
    if not expired_leg(work, pair):
        return False
    heavy, quantity = excess(pair)
    if resting(pair) is None or heavy == 0:
        return True
    light = pair.other(heavy).number
    # Closing, what a fill leaves alone is cut; opening, it is hedged.
    closing = pair.state is PairState.CLOSING
    smallest = joint_least(pair, light, work.instruments, work.prices, reducing=closing)
    return convert(pair, quantity, light) >= smallest


def rests(work: Work, pair: Pair, *, closing: bool) -> bool:
    """Leg 1 is quoted by the settings. What protects never rests."""
    style = work.settings.exec.exit_style if closing else work.settings.exec.entry_style
    return style == MAKER and not (closing and pair.close_purpose.protective)


def watch(work: Work, pair: Pair) -> None:
    """Leave the resting order where it is, or withdraw it; what is next follows from the word on its end."""
    memo = resting(pair)
    if memo is None:
        return
    if _withdraw(work, pair, memo):
        work.cancel_open(pair, resting=True)
    else:
        work.wake(min(work.now + work.dwell, _ends(work, pair)))


def attempt_over(work: Work, pair: Pair) -> bool:
    """The attempt under way may not quote once more."""
    if pair.quote_since is None:
        return False
    return work.now >= _ends(work, pair) or not _may_requote(work, pair)


def quote(
    work: Work, pair: Pair, leg: Leg, quantity: Decimal, purpose: Purpose, *, increasing: bool, reason: str
) -> bool:
    """Rest `quantity` at the leg's own side of the book. False: there is no two-sided book to rest in."""
    touch = work.prices.touch(leg.instrument)
    mid = work.prices.mid(leg.instrument)
    if touch is None or mid is None:
        return False
    if pair.quote_since is None:
        pair.quote_since, pair.quotes = work.now, 0
    else:
        pair.requotes.append(work.now)
    pair.quotes += 1
    bid, ask = touch
    side = leg.side if increasing else leg.side.opposite
    work.place(
        pair,
        leg,
        quantity,
        mid,
        ZERO,
        purpose,
        increasing=increasing,
        attempt=pair.quotes,
        reason=reason,
        rest_at=bid if side is Side.BUY else ask,
    )
    work.wake(work.now + work.dwell)
    return True


def end_attempt(pair: Pair) -> None:
    """The next quote begins a new one."""
    pair.quote_since, pair.quotes = None, 0


def _withdraw(work: Work, pair: Pair, memo: OrderMemo) -> bool:
    if pair.no_rest or pair.frozen_by_desk or overdue(work, pair):
        return True
    if pair.state is PairState.CLOSING and pair.close_purpose.protective:
        return True
    if any(work.prices.mid(leg.instrument) is None for leg in pair.legs):
        return True
    if work.now >= _ends(work, pair):
        return True
    settings = work.settings.exec
    life = settings.post_only_window_s * _SECOND // (settings.post_only_requotes + 1)
    return work.now >= memo.placed + life and _left_behind(work, pair, memo) and _may_requote(work, pair)


def _left_behind(work: Work, pair: Pair, memo: OrderMemo) -> bool:
    """The market has moved away: others stand before our price."""
    leg = pair.leg(memo.leg)
    touch = work.prices.touch(leg.instrument)
    if touch is None or memo.price is None:
        return True
    buys = (leg.side if memo.increasing else leg.side.opposite) is Side.BUY
    return touch[0] > memo.price if buys else touch[1] < memo.price


def _ends(work: Work, pair: Pair) -> int:
    since = pair.quote_since if pair.quote_since is not None else work.now
    return since + work.settings.exec.post_only_window_s * _SECOND


def _may_requote(work: Work, pair: Pair) -> bool:
    window = work.settings.exec.post_only_window_s * _SECOND
    pair.requotes = [ts for ts in pair.requotes if work.now - ts < window]
    return len(pair.requotes) < work.settings.exec.post_only_requotes
