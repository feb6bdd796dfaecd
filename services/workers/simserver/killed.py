"""Post-only orders that would have traded at once: the dialect takes and closes them with nothing filled.

The exchange behind refuses such an order and forgets it. A client of the dialect is answered `new`, hears of
the end on its stream, and may ask for the order later, by number or by its own id, which is used up for ever
(ftx.md 3.2). So they are kept here, with the account's books where those are kept.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from decimal import Decimal
from errno import ENOSPC
from os import SEEK_END, strerror
from pathlib import Path

import msgspec
from msgspec import Struct

from services.domain.enums import TimeInForce
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.venues.sim.world import write_atomically
from services.workers.simserver import shown
from services.workers.simserver.shown import ZERO, Row

log = logging.getLogger("stableconsole.sim")

FIRST = 8_000_000_000
"""The first number; the exchange's own count from one."""


class KilledOrder(Struct, frozen=True):
    number: int
    venue: str
    order: OrderRequest
    ts: int
    """Market time, ns."""


class Killed:
    """Of one account."""

    def __init__(self, path: Path | None) -> None:
        """Raises ValueError, OSError: what was written down cannot be read."""
        self._path = path
        self._orders: dict[int, KilledOrder] = {}
        self._names: dict[tuple[str, str], KilledOrder] = {}
        if path is not None and path.exists():
            # What follows the last end of a line was torn by a death: its order was answered to nobody.
            whole, _, torn = path.read_bytes().rpartition(b"\n")
            for line in whole.splitlines():
                self._keep(msgspec.json.decode(line, type=KilledOrder))
            if torn:
                write_atomically(path, whole + b"\n" if whole else b"")

    def add(self, venue: str, order: OrderRequest, ts: int) -> KilledOrder:
        """Where it cannot be written down it is remembered until a restart: the clock of all accounts, in
        whose turn this happens, must not end of a full disk."""
        made = KilledOrder(next(reversed(self._orders), FIRST - 1) + 1, venue, order, ts)
        self._keep(made)
        if self._path is not None:
            try:
                self._write(self._path, msgspec.json.encode(made) + b"\n")
            except OSError as error:
                log.error("%s: %s: order %d is forgotten at a restart", self._path, error, made.number)
        return made

    def _write(self, path: Path, line: bytes) -> None:
        """Whole or not at all: a line begun would spoil the next one. Raises OSError."""
        with path.open("ab", buffering=0) as file:
            end = file.seek(0, SEEK_END)
            try:
                if file.write(line) != len(line):
                    raise OSError(ENOSPC, strerror(ENOSPC))
            except OSError:
                file.truncate(end)
                raise

    def of(self, venue: str) -> Iterator[KilledOrder]:
        """Oldest first."""
        return (each for each in self._orders.values() if each.venue == venue)

    def find(self, venue: str, number: str) -> KilledOrder | None:
        return next((each for each in self.of(venue) if str(each.number) == number), None)

    def named(self, venue: str, client_order_id: str) -> KilledOrder | None:
        return self._names.get((venue, client_order_id))

    def _keep(self, order: KilledOrder) -> None:
        self._orders[order.number] = order
        self._names[order.venue, order.order.client_order_id] = order


def row(spec: Instrument, killed: KilledOrder) -> Row:
    """As it is from the first moment on: closed, with nothing filled and nothing left."""
    order = killed.order
    return {
        "id": killed.number,
        "clientId": shown.own_name(order.client_order_id),
        "market": spec.symbol,
        "future": spec.symbol if spec.is_perp else None,
        "side": order.side.value,
        "type": order.type.value,
        "price": Decimal(order.price or 0),
        "size": order.quantity,
        "filledSize": ZERO,
        "remainingSize": ZERO,
        "avgFillPrice": None,
        "status": "closed",
        "reduceOnly": order.reduce_only,
        "ioc": order.tif is TimeInForce.IOC,
        "postOnly": True,
        "createdAt": shown.iso(killed.ts),
        "liquidation": False,
    }
