"""Faults of a venue as its HTTP side shows them: numbers of refusal, replies that never come, late ones.

What the fault layer of the exchange does to the line in process (`services.venues.sim.faulty`) a client over
sockets meets as a status, a silence or a delay. Sends of orders go through the exchange's own door and draw
their fault there; everything else draws it here, once.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from services.domain.enums import FaultKind
from services.venues.sim.facts import LATENCY_NS
from services.workers.simserver.auth import Refused
from services.workers.simserver.conditionals import waits
from services.workers.simserver.house import NS
from services.workers.simserver.orders import SLOW_DOWN, refusal
from services.workers.simserver.question import Answer, Question

SENDS = ("/orders", "/conditional_orders")
EXTENSIONS = "/api/ext/"
ASIDE = frozenset(f"{EXTENSIONS}{name}" for name in ("fault", "books", "advance", "step"))
"""No requests to the venue, but about it: no fault of its line keeps anybody from ending that fault."""
BROKEN = "An unexpected error occurred, please try again later"
DOWN = "Service unavailable"
PATIENCE_S = 30.0
"""A reply that is kept back is kept so long, longer than any client waits."""
_LOOK_S = 0.05


async def answered(
    q: Question, answer: Answer, method: str, path: str, gone: Callable[[], Awaitable[bool]]
) -> Any:
    """The answer, or what a fault makes of it. `gone`: whether the client has hung up. Raises Refused."""
    if method == "POST" and path.removeprefix("/api") in SENDS and not waits(q.body):
        return await _result(q, answer)
    if path in ASIDE:
        return await _result(q, answer)
    venue, now = q.seat.venue(q.venue), q.seat.queue.now
    faults = q.seat.exchange.faults(q.venue)
    if venue.line.down(now):
        raise Refused(503, DOWN)
    if method == "GET" and q.caller is not None and not path.startswith(EXTENSIONS):
        # Reads of an account count as they do in process; what the dialect lacks is no part of it.
        no = venue.limiter.question(now)
        if no is not None:
            raise refusal(no)
    if not faults.on:
        return await _result(q, answer)
    if faults.going_on(FaultKind.HALF_OPEN, now):
        await hold(gone)
    if faults.lasting(FaultKind.THROTTLED, now):
        raise Refused(429, SLOW_DOWN)
    if faults.lasting(FaultKind.SERVER_ERROR, now):
        if method != "GET" and faults.draw.random() < 0.5:
            await _result(q, answer)
        raise Refused(500, BROKEN)
    if faults.hit(FaultKind.DROP):
        await hold(gone)
    if faults.hit(FaultKind.TIMEOUT):
        await _result(q, answer)
        await hold(gone)
    if faults.hit(FaultKind.LATENCY):
        await asyncio.sleep(faults.between(4 * LATENCY_NS, 120 * LATENCY_NS) / NS)
    return await _result(q, answer)


async def hold(gone: Callable[[], Awaitable[bool]]) -> None:
    """Say nothing until the client gives up. Raises Refused, which nobody reads."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while loop.time() < end and not await gone():
        await asyncio.sleep(_LOOK_S)
    raise Refused(503, DOWN)


async def _result(q: Question, answer: Answer) -> Any:
    found = answer(q)
    return await found if inspect.isawaitable(found) else found
