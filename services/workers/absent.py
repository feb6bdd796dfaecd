"""A venue that cannot be reached, as a desk meets it: known by name, and silent.

Each read that the desk asks of it, at the desk's own pace, tries to reach it once more. When that succeeds, a
direct flatten begins anew with every venue, since a desk cannot learn new instruments (`live_direct`); an
engine, whose journal knows what the venue trades, goes on with the venue itself (`late`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.domain.events import OrderRejected
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.domain.venue_events import RequestFailed
from services.protocol.errors import ProductError
from services.runtime.clock import steady_ns
from services.venues.port import Outbox
from services.venues.work import Work
from services.workers.starting import Away


class AbsentVenue:
    """Every question fails and is told as failed; an order is refused, for nothing of it leaves."""

    def __init__(self, name: str, why: str, outbox: Outbox, reach: Callable[[], Awaitable[None]]) -> None:
        """`reach` connects and hangs up again; raises ProductError when it cannot."""
        self.name = name
        self.back = False
        """It has been reached since."""
        self._why = why
        self._outbox = outbox
        self._reach = reach
        self._work = Work(name, self._lost)

    def instruments(self) -> tuple[Instrument, ...]:
        return ()

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        self._fail("read", request)
        if not self.back and not self._work:
            self._work.spawn(self._try())

    def submit(self, now: int, order: OrderRequest) -> None:
        at = steady_ns()
        text = f"denied: {self.name} is not reached: {self._why}"
        self._outbox.deliver(at, OrderRejected(self.name, order.client_order_id, text, at, at, unsent=True))

    def cancel(self, now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        self._fail("cancel", client_order_id)

    def query(self, now: int, instrument: str, client_order_id: str) -> None:
        self._fail("query", client_order_id)

    def dead_man(self, now: int, timeout_ms: int) -> None:
        self._fail("dead man", "")

    def wake(self, now: int, token: object) -> None:
        """Real time wakes by itself."""

    async def close(self) -> None:
        await self._work.finish(0)

    async def _try(self) -> None:
        try:
            await self._reach()
        except ProductError as error:
            self._why = error.why if isinstance(error, Away) else error.text
        else:
            self.back = True

    def _lost(self, why: str) -> None:
        self._why = why

    def _fail(self, what: str, subject: str) -> None:
        now = steady_ns()
        failed = RequestFailed(venue=self.name, what=what, subject=subject, reason=self._why, ts=now)
        self._outbox.deliver(now, failed)
