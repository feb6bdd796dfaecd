"""Requests of orders that are made while their intents are being written: bytes that only have to leave.

An order waits for the disk for longer than it takes to say it. What is made in that wait carries the time
stamp of its making, so it is of use for as long as an intent may wait at most; later, or for an order that is
not the very same, it is made anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from services.domain.orders import OrderRequest
from services.runtime.clock import boot_ns
from services.venues.wire.rest import Request

log = logging.getLogger("stableconsole.wire")

KEPT_NS = 250_000_000
"""As long as an intent waits for the disk at most (`engine.intent_timeout_ms`). Venues take time stamps that
are seconds old."""
MOST = 64
"""Of orders that were never sent, the oldest go."""


class Made(NamedTuple):
    order: OrderRequest
    request: Request
    said: bytes
    """As `Dialect.said`."""
    at: int
    """Monotonic ns."""


class Ahead:
    """Of one account, by client id. Sends nothing."""

    def __init__(self, say: Callable[[Request], bytes], clock: Callable[[], int] = boot_ns) -> None:
        self._say = say
        self._clock = clock
        self._made: dict[str, Made] = {}

    def make(self, order: OrderRequest, request: Callable[[], Request]) -> None:
        """Never raises: what is wrong with an order is told where it is submitted."""
        at = self._clock()
        try:
            asked = request()
            made = Made(order, asked, self._say(asked), at)
        except Exception as error:
            log.debug("%s cannot be made ahead: %s", order.client_order_id, error)
            return
        while len(self._made) >= MOST:
            del self._made[next(iter(self._made))]
        self._made[order.client_order_id] = made

    def take(self, order: OrderRequest) -> Made | None:
        """Once. None: it has to be made now."""
        made = self._made.pop(order.client_order_id, None)
        if made is None or not 0 <= self._clock() - made.at < KEPT_NS:
            return None
        return made if made.order is order or made.order == order else None
