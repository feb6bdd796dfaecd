"""An order's life as a table: (state, what happened) → next state (SEMANTICS 7).

The odd rows are rows, because they really happen: a fill before the accept, a fill after the cancel, an
accept after the fill, a cancel refused because the order is already gone. What is not in the table is
*impossible*: `step` then returns an anomaly (the desk alerts) and keeps the state; it never raises. Money is
never dropped for it: the table of orders counts a fill of an impossible row all the same.

The same fill twice never reaches this table: `OrderTable` knows the trade ids it has counted.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from services.domain.enums import OrderState


class Happened(StrEnum):
    """What can happen to an order."""

    DENIED = "denied"
    """Our gate said no, or the intent was given up before it went out."""
    SENT = "sent"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PART_FILL = "part_fill"
    LAST_FILL = "last_fill"
    """The fill that completes the quantity."""
    CANCEL_SENT = "cancel_sent"
    CANCEL_REFUSED = "cancel_refused"
    CANCELED = "canceled"
    EXPIRED = "expired"
    OUTCOME_UNKNOWN = "outcome_unknown"
    NOT_FOUND = "not_found"
    """The venue's definite "no such order", past its settling time."""


class Step(Struct, frozen=True):
    """Where an order goes, and what was odd about it."""

    state: OrderState
    anomaly: str | None = None


_S = OrderState
_H = Happened

ENDED: frozenset[OrderState] = frozenset((_S.DENIED, _S.REJECTED, _S.FILLED, _S.CANCELED, _S.EXPIRED))
"""States out of which only a late fill or a late word can come."""

_WORKING = None
"""In the table: accepted or partially filled, as the fills so far say."""

LIFE: dict[tuple[OrderState, Happened], OrderState | None] = {
    # Before it goes out.
    (_S.INITIALIZED, _H.DENIED): _S.DENIED,
    (_S.INITIALIZED, _H.SENT): _S.SUBMITTED,
    (_S.INITIALIZED, _H.CANCEL_SENT): _S.DENIED,
    (_S.DENIED, _H.DENIED): _S.DENIED,
    (_S.DENIED, _H.CANCEL_SENT): _S.DENIED,
    # A process killed between the send and its note of it comes back with an intent that may be out there.
    (_S.INITIALIZED, _H.OUTCOME_UNKNOWN): _S.IN_DOUBT,
    (_S.INITIALIZED, _H.ACCEPTED): _WORKING,
    (_S.INITIALIZED, _H.REJECTED): _S.REJECTED,
    (_S.INITIALIZED, _H.PART_FILL): _S.PARTIALLY_FILLED,
    (_S.INITIALIZED, _H.LAST_FILL): _S.FILLED,
    (_S.INITIALIZED, _H.CANCELED): _S.CANCELED,
    # Sent, no word yet. A fill or a cancel may overtake the accept.
    (_S.SUBMITTED, _H.ACCEPTED): _WORKING,
    (_S.SUBMITTED, _H.REJECTED): _S.REJECTED,
    (_S.SUBMITTED, _H.PART_FILL): _S.PARTIALLY_FILLED,
    (_S.SUBMITTED, _H.LAST_FILL): _S.FILLED,
    (_S.SUBMITTED, _H.CANCELED): _S.CANCELED,
    (_S.SUBMITTED, _H.EXPIRED): _S.EXPIRED,
    (_S.SUBMITTED, _H.CANCEL_SENT): _S.PENDING_CANCEL,
    (_S.SUBMITTED, _H.OUTCOME_UNKNOWN): _S.IN_DOUBT,
    (_S.SUBMITTED, _H.NOT_FOUND): _S.REJECTED,
    # Working.
    (_S.ACCEPTED, _H.ACCEPTED): _S.ACCEPTED,
    (_S.ACCEPTED, _H.REJECTED): _S.REJECTED,  # a venue's matching engine may refuse what its gateway took
    (_S.ACCEPTED, _H.PART_FILL): _S.PARTIALLY_FILLED,
    (_S.ACCEPTED, _H.LAST_FILL): _S.FILLED,
    (_S.ACCEPTED, _H.CANCEL_SENT): _S.PENDING_CANCEL,
    (_S.ACCEPTED, _H.CANCELED): _S.CANCELED,
    (_S.ACCEPTED, _H.EXPIRED): _S.EXPIRED,
    (_S.ACCEPTED, _H.CANCEL_REFUSED): _S.ACCEPTED,
    (_S.ACCEPTED, _H.OUTCOME_UNKNOWN): _S.IN_DOUBT,
    (_S.ACCEPTED, _H.NOT_FOUND): _S.CANCELED,
    (_S.PARTIALLY_FILLED, _H.ACCEPTED): _S.PARTIALLY_FILLED,  # the accept came after the first fill
    (_S.PARTIALLY_FILLED, _H.PART_FILL): _S.PARTIALLY_FILLED,
    (_S.PARTIALLY_FILLED, _H.LAST_FILL): _S.FILLED,
    (_S.PARTIALLY_FILLED, _H.CANCEL_SENT): _S.PENDING_CANCEL,
    (_S.PARTIALLY_FILLED, _H.CANCELED): _S.CANCELED,
    (_S.PARTIALLY_FILLED, _H.EXPIRED): _S.EXPIRED,
    (_S.PARTIALLY_FILLED, _H.CANCEL_REFUSED): _S.PARTIALLY_FILLED,
    (_S.PARTIALLY_FILLED, _H.OUTCOME_UNKNOWN): _S.IN_DOUBT,
    (_S.PARTIALLY_FILLED, _H.NOT_FOUND): _S.CANCELED,
    # We asked for the cancel.
    (_S.PENDING_CANCEL, _H.ACCEPTED): _S.PENDING_CANCEL,
    (_S.PENDING_CANCEL, _H.REJECTED): _S.REJECTED,
    (_S.PENDING_CANCEL, _H.PART_FILL): _S.PENDING_CANCEL,
    (_S.PENDING_CANCEL, _H.LAST_FILL): _S.FILLED,
    (_S.PENDING_CANCEL, _H.CANCEL_SENT): _S.PENDING_CANCEL,
    # Refused because it is filled, gone, or was never there: that is no word on which of them. A probe asks.
    (_S.PENDING_CANCEL, _H.CANCEL_REFUSED): _S.IN_DOUBT,
    (_S.PENDING_CANCEL, _H.CANCELED): _S.CANCELED,
    (_S.PENDING_CANCEL, _H.EXPIRED): _S.EXPIRED,
    (_S.PENDING_CANCEL, _H.OUTCOME_UNKNOWN): _S.IN_DOUBT,
    (_S.PENDING_CANCEL, _H.NOT_FOUND): _S.CANCELED,
    # In doubt: only a definite word ends it; a part fill proves that it arrived, not what became of the rest.
    (_S.IN_DOUBT, _H.ACCEPTED): _WORKING,
    (_S.IN_DOUBT, _H.REJECTED): _S.REJECTED,
    (_S.IN_DOUBT, _H.PART_FILL): _S.IN_DOUBT,
    (_S.IN_DOUBT, _H.LAST_FILL): _S.FILLED,
    (_S.IN_DOUBT, _H.CANCEL_SENT): _S.IN_DOUBT,
    (_S.IN_DOUBT, _H.CANCEL_REFUSED): _S.IN_DOUBT,
    (_S.IN_DOUBT, _H.CANCELED): _S.CANCELED,
    (_S.IN_DOUBT, _H.EXPIRED): _S.EXPIRED,
    (_S.IN_DOUBT, _H.OUTCOME_UNKNOWN): _S.IN_DOUBT,
    (_S.IN_DOUBT, _H.NOT_FOUND): _S.REJECTED,
    # Late words about an order that is gone: nothing changes, except that a late fill counts.
    (_S.FILLED, _H.ACCEPTED): _S.FILLED,
    (_S.FILLED, _H.CANCEL_SENT): _S.FILLED,
    (_S.FILLED, _H.CANCELED): _S.FILLED,
    (_S.FILLED, _H.EXPIRED): _S.FILLED,
    (_S.FILLED, _H.CANCEL_REFUSED): _S.FILLED,
    (_S.FILLED, _H.OUTCOME_UNKNOWN): _S.FILLED,
    (_S.FILLED, _H.NOT_FOUND): _S.FILLED,
    (_S.CANCELED, _H.ACCEPTED): _S.CANCELED,
    (_S.CANCELED, _H.PART_FILL): _S.CANCELED,
    (_S.CANCELED, _H.LAST_FILL): _S.FILLED,
    (_S.CANCELED, _H.CANCEL_SENT): _S.CANCELED,
    (_S.CANCELED, _H.CANCELED): _S.CANCELED,
    (_S.CANCELED, _H.EXPIRED): _S.CANCELED,
    (_S.CANCELED, _H.CANCEL_REFUSED): _S.CANCELED,
    (_S.CANCELED, _H.OUTCOME_UNKNOWN): _S.CANCELED,
    (_S.CANCELED, _H.NOT_FOUND): _S.CANCELED,
    (_S.EXPIRED, _H.ACCEPTED): _S.EXPIRED,
    (_S.EXPIRED, _H.PART_FILL): _S.EXPIRED,
    (_S.EXPIRED, _H.LAST_FILL): _S.FILLED,
    (_S.EXPIRED, _H.CANCEL_SENT): _S.EXPIRED,
    (_S.EXPIRED, _H.CANCELED): _S.EXPIRED,
    (_S.EXPIRED, _H.EXPIRED): _S.EXPIRED,
    (_S.EXPIRED, _H.CANCEL_REFUSED): _S.EXPIRED,
    (_S.EXPIRED, _H.OUTCOME_UNKNOWN): _S.EXPIRED,
    (_S.EXPIRED, _H.NOT_FOUND): _S.EXPIRED,
    (_S.REJECTED, _H.REJECTED): _S.REJECTED,
    (_S.REJECTED, _H.CANCEL_SENT): _S.REJECTED,
    (_S.REJECTED, _H.CANCEL_REFUSED): _S.REJECTED,
    (_S.REJECTED, _H.OUTCOME_UNKNOWN): _S.REJECTED,
    (_S.REJECTED, _H.NOT_FOUND): _S.REJECTED,
}
"""Every transition that can happen. A missing row is an anomaly."""

_PROOF_OF_LIFE = frozenset((_H.PART_FILL, _H.LAST_FILL))


def step(state: OrderState, happened: Happened, *, filled: bool) -> Step:
    """The next state. `filled`: anything of the order has been filled, this fill included.

    An impossible row keeps the state, except that a fill of an order believed never to have lived (denied,
    rejected) shows that it did: it then counts as canceled or filled, and the anomaly says so.
    """
    key = (state, happened)
    if key not in LIFE:
        text = f"impossible: {happened} while {state}"
        if happened in _PROOF_OF_LIFE:
            done = happened is Happened.LAST_FILL or state is OrderState.FILLED
            return Step(OrderState.FILLED if done else OrderState.CANCELED, text)
        return Step(state, text)
    following = LIFE[key]
    if following is None:
        return Step(OrderState.PARTIALLY_FILLED if filled else OrderState.ACCEPTED)
    if following is OrderState.REJECTED and filled and happened is not Happened.REJECTED:
        # The venue has no such order *any more*: it lived, it filled in part, its rest is gone.
        return Step(OrderState.CANCELED)
    return Step(following)
