"""What the machines of this room ask of the desk.

A machine never sends anything itself: it returns actions and the desk turns them into effects, in the order
returned. `Place` goes through the gate and then `SaveIntent` / `Send` (a protective purpose in one turn);
whatever the gate answers, the desk books it in the `OrderTable` and hands the entry back to the machine, so a
denial is an order update like any other.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.enums import PairState
from services.domain.orders import OrderRequest
from services.execution.flatten_state import Scope


class Place(Struct, frozen=True, tag="place"):
    """A new order. The id is already drawn; the gate may cut the quantity of a reducing one."""

    order: OrderRequest


class CancelOrder(Struct, frozen=True, tag="cancel"):
    """Cancel one of our orders. An intent that has not gone out yet is denied instead, and never sent."""

    client_order_id: str


class CancelForeign(Struct, frozen=True, tag="cancel_foreign"):
    """Cancel an order that is not ours (flatten only)."""

    venue: str
    instrument: str
    venue_order_id: str
    client_order_id: str = ""


class Probe(Struct, frozen=True, tag="probe"):
    """Ask the venue what became of an order, by our id."""

    venue: str
    instrument: str
    client_order_id: str


class Arm(Struct, frozen=True, tag="arm"):
    """Set a timer; the same name again moves it. The machine that armed it gets `on_timer`."""

    name: str
    due: int


class Disarm(Struct, frozen=True, tag="disarm"):
    name: str


REFUSED = "a closing order was refused"
"""Reason of an `Ask`, which one that is under way answers too."""


class Ask(Struct, frozen=True, tag="ask"):
    """Read this venue's account afresh."""

    venue: str
    reason: str


class Became(Struct, frozen=True, tag="became"):
    """A pair has changed its state."""

    pair: str
    state: PairState
    text: str


class Escalate(Struct, frozen=True, tag="escalate"):
    """Something a person must know at once. `reducing`: the desk also raises a REDUCING cause."""

    subject: str
    text: str
    reducing: bool = False
    name: str = "in doubt"
    """The alert's rule, and the cause's name."""


class Remainder(Struct, frozen=True):
    """One thing a flatten could not remove, and why."""

    venue: str
    subject: str
    """An instrument, or an order id."""
    size: Decimal | None
    why: str


class Flattened(Struct, frozen=True, tag="flattened"):
    """The end of a flatten: proof of being flat, or the exact list of what remains."""

    id: str
    flat: bool
    left: tuple[Remainder, ...]
    proof: tuple[str, ...]
    """One line a venue: which fresh read proves it."""
    scope: Scope
    """Said with it: the run may be forgotten for the next one before its end is told."""


Action = Place | CancelOrder | CancelForeign | Probe | Arm | Disarm | Ask | Became | Escalate | Flattened
Actions = tuple[Action, ...]
