"""What comes to a pair from outside, by its state: a named exit, the end of ACTIVE, a venue that is back."""

from __future__ import annotations

from services.domain.enums import PairState, Purpose
from services.execution.pair_legs import Instruments
from services.execution.pair_moves import start_closing, start_unwinding
from services.execution.pair_reduce import cutting, held_up, whole
from services.execution.pair_state import Pair
from services.execution.pair_work import Work, calm


def ask_close(work: Work, pair: Pair, reason: str, purpose: Purpose, origin: str) -> None:
    """The whole pair goes, also one that was being made smaller. Protection is never weakened by an exit,
    nor does it lend an exit its rights: one asked during a cut of the margin ladder follows behind it."""
    if not purpose.protective and cutting(pair):
        pair.exit_after, pair.exit_origin = reason, origin
        return
    if not (pair.close_purpose.protective and not purpose.protective and pair.close_reason):
        pair.close_purpose, pair.close_origin, pair.close_reason = purpose, origin, reason
    if purpose.protective:
        pair.frozen_by_desk = False
    whole(pair)
    match pair.state:
        case PairState.HEDGED:
            start_closing(work, pair)
        case PairState.OPENING:
            pair.then_close = True
            start_unwinding(work, pair, reason)
        case PairState.UNWINDING:
            pair.then_close = True
        case PairState.FROZEN if held_up(work, pair):
            pass  # it goes on by itself once it can; who asks at each look says nothing new
        case PairState.FROZEN if purpose.protective or _woken(pair, origin):
            pair.then_close = True
            start_unwinding(work, pair, reason)
        case PairState.FROZEN if pair.resume is PairState.HEDGED:
            pair.resume = PairState.CLOSING
        case PairState.IN_DOUBT if pair.resume is PairState.HEDGED:
            pair.resume = PairState.CLOSING
        case PairState.IN_DOUBT if pair.resume is not PairState.CLOSING:
            pair.then_close = True
            pair.resume = PairState.UNWINDING
        case _:
            pass  # closing already; purpose and reason are taken over


def _woken(pair: Pair, origin: str) -> bool:
    """The policy `cancel` stopped it until a person decides; a strategy is none."""
    return pair.resume is PairState.UNWINDING and not origin.startswith("strategy:")


def ask_unwind(work: Work, pair: Pair, reason: str, *, exits_pass: bool = False) -> None:
    """Nothing opens. What closes goes on after the unwinding if it is protective, or if the state lets exits
    pass; else it is dropped."""
    goes_on = bool(pair.close_reason) and (pair.close_purpose.protective or exits_pass)
    closing = pair.state is PairState.CLOSING or pair.resume is PairState.CLOSING
    pair.then_close = goes_on and (closing or pair.then_close)
    if not goes_on:
        pair.close_reason = ""
    if not exits_pass:
        pair.exit_after = ""
    match pair.state:
        case PairState.OPENING | PairState.CLOSING:
            start_unwinding(work, pair, reason)
        case PairState.IN_DOUBT if pair.resume is not PairState.HEDGED:
            pair.resume = PairState.UNWINDING
            pair.unwind_reason = reason
        case PairState.FROZEN if pair.resume in (PairState.CLOSING, PairState.UNWINDING):
            start_unwinding(work, pair, reason)
        case _:
            pass  # hedged or frozen at rest, or unwinding already


def begin_anew(pair: Pair, venue: str, instruments: Instruments) -> bool:
    """A venue is there again: what orders could not take off there meanwhile is tried at once, from the
    narrowest band, for no price refused it. Only ways out: an entry's tries go on. False = nothing to try."""
    if pair.state not in (PairState.CLOSING, PairState.UNWINDING):
        return False
    there = [leg for leg in pair.legs if instruments[leg.instrument].venue == venue]
    tried = [leg for leg in there if leg.band and leg.refusals]
    for leg in tried:
        calm(leg)
    return bool(tried)
