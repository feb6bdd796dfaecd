"""The one door to a venue in virtual time, as the driver sees it.

An in-process venue is asked in virtual time and answers later: it schedules its answers as events on the
driver's queue through `Outbox`. Live adapters (asyncio) come with their own port beside this one.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from services.domain.events import Event
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest


class Outbox(Protocol):
    """Where a virtual-time venue puts what shall happen later."""

    def deliver(self, due: int, event: Event) -> None:
        """Hand `event` to the desk at virtual time `due` (never before now)."""

    def wake(self, due: int, token: object) -> None:
        """Call the venue's `wake(token)` at virtual time `due`."""


class VirtualVenue(Protocol):
    """One venue in virtual time. Times are ns; every call happens at `now`, and nothing answers in place."""

    name: str

    def instruments(self) -> tuple[Instrument, ...]: ...

    def submit(self, now: int, order: OrderRequest) -> None:
        """Takes latency to arrive, then OrderAccepted/OrderRejected/OrderFilled/OrderCanceled come back."""

    def cancel(self, now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None: ...

    def query(self, now: int, instrument: str, client_order_id: str) -> None:
        """Answered by an `OrderReport`."""

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        """Answered by an `AccountReport`."""

    def dead_man(self, now: int, timeout_ms: int) -> None:
        """Arm, or beat, the venue's dead-man's switch; 0 disarms it. Answered by a `DeadManReport`.

        Armed, it cancels our ordinary orders by itself when it hears nothing more for `timeout_ms`.
        """

    def wake(self, now: int, token: object) -> None:
        """A moment it asked for has come."""


@runtime_checkable
class Prepares(Protocol):
    """A door whose orders take some making: what can be made of one while its intent is being written."""

    def prepare(self, order: OrderRequest) -> None:
        """It may be submitted soon, or never. Sends nothing, and tells nothing: what is wrong with an order
        is told where it is submitted. Never raises."""
