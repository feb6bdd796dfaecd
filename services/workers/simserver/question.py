"""A question to the server: path names, query, body and, where it is private, who asks. Nothing of HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct

from services.domain.instrument import Instrument
from services.venues.sim.floor import TradingFloor
from services.workers.simserver import orders
from services.workers.simserver.auth import Caller, Refused
from services.workers.simserver.candles import Candles
from services.workers.simserver.house import NS, House, Seat

PAGE = 5_000
LATEST = 2**62
"""ns since 1970: the year 2116."""


class Question(Struct, kw_only=True):
    house: House
    venue: str
    names: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    caller: Caller | None
    candles: Candles

    @property
    def seat(self) -> Seat:
        if self.caller is None:
            return self.house.public
        return self.house.seat(self.caller.key.key, self.caller.subaccount)

    @property
    def floor(self) -> TradingFloor:
        return self.seat.venue(self.venue).floor

    def span(self) -> tuple[int, int]:
        """`start_time` and `end_time`, ns, both ends inclusive; seconds on the wire."""
        return _seconds(self.query, "start_time", 0), _seconds(self.query, "end_time", LATEST)

    def limit(self) -> int:
        """At most so many rows. Raises Refused."""
        text = self.query.get("limit", str(PAGE))
        if not text.isascii() or not text.isdigit() or len(text) > 9 or not 0 < int(text) <= PAGE:
            raise Refused(400, "Invalid parameter limit")
        return int(text)


def _seconds(query: Mapping[str, str], name: str, missing: int) -> int:
    text = query.get(name)
    if text is None:
        return missing
    try:
        found = int(Decimal(text) * NS)
    except (InvalidOperation, ValueError, OverflowError):
        found = -1
    if not 0 <= found <= LATEST:
        raise Refused(400, f"Invalid parameter {name}")
    return found


Answer = Callable[[Question], Any | Awaitable[Any]]


def spec_of(q: Question, name: str) -> Instrument:
    """A market by its name. Raises Refused."""
    return orders.spec_named(q.floor, name)
