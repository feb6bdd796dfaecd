"""The paper account as it is kept on disk: whole, after each change, before anybody is told of it.

Live prices cannot be replayed, so there is no log of commands as the generated exchange has one; the state
itself is written, and a change that cannot be written has not happened.
"""

from __future__ import annotations

import contextlib
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct, field

from services.domain.enums import OrderState
from services.venues.sim.accounts import AccountBooks
from services.venues.sim.facts import DAY_NS
from services.venues.sim.state import VenueState
from services.venues.sim.world import write_atomically

KEEP_NS = 30 * DAY_NS


class PaperBooks(Struct):
    """Everything of a paper venue that outlives its process."""

    venue: str
    born: int
    """When the account was opened, ns: fundings before it are nobody's."""
    state: VenueState
    settled: dict[str, int] = field(default_factory=dict)
    """Instrument -> instant of the last funding that was paid or would have been."""


class PaperStore:
    """Where the books lie; without a folder they live in memory alone."""

    def __init__(self, folder: Path | None, venue: str) -> None:
        self._path = None if folder is None else folder / f"paper-{venue}.books"
        self._last = b""
        """The books as they are, whether the disk took them or not."""
        self._written = b""
        self._venue = venue
        self.trouble = ""
        """Why the books as they are stand in memory only; empty = they are on disk."""

    def opened(self, now: int, balances: dict[str, Decimal]) -> PaperBooks:
        """The books as they were left, else new ones with these balances. Raises OSError, ValueError."""
        raw = b""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                raw = self._path.read_bytes()
            except FileNotFoundError:
                raw = b""
        if raw:
            self._last = self._written = raw
            try:
                return self.last()
            except msgspec.MsgspecError as error:
                raise ValueError(f"{self._path}: the paper books cannot be read: {error}") from None
        books = PaperBooks(self._venue, now, VenueState(account=AccountBooks(balances=dict(balances))))
        self.save(books)
        return books

    def save(self, books: PaperBooks, *, keep: bool = False) -> None:
        """Raises OSError; the older books then stand. `keep`: these stand, in memory, until `retry`."""
        raw = msgspec.msgpack.encode(books)
        try:
            self._write(raw)
        except OSError as error:
            if not keep:
                raise
            self.trouble = f"paper-{self._venue}.books is only in memory: {error.strerror or error}"
        self._last = raw

    def retry(self) -> None:
        """Write what is in memory only, if the disk takes it now."""
        if self.trouble:
            with contextlib.suppress(OSError):  # `trouble` goes on saying why
                self._write(self._last)

    def _write(self, raw: bytes) -> None:
        if self._path is not None and raw != self._written:
            write_atomically(self._path, raw)
        self._written = raw
        self.trouble = ""

    def last(self) -> PaperBooks:
        """The books as they stood last, anew."""
        return msgspec.msgpack.decode(self._last, type=PaperBooks)


def forget_old(state: VenueState, now: int) -> None:
    """Drop what no question asks for any more."""
    since, account = now - KEEP_NS, state.account
    account.fills = [row for row in account.fills if row.ts_event >= since]
    account.payments = [row for row in account.payments if row.ts_event >= since]
    for order in [each for each in state.orders.values() if not each.live and each.closed_ts < since]:
        del state.orders[order.venue_order_id]
        state.by_client.pop(order.client_order_id, None)


def drop_unlisted(state: VenueState, listed: frozenset[str], now: int) -> None:
    """End orders in what the venue lists no more. Raises ValueError when a position is held in it."""
    for name in state.account.holdings:
        if name not in listed:
            raise ValueError(f"the paper account holds {name}, which the venue does not list any more")
    for order in list(state.orders.values()):
        if order.instrument not in listed:
            if order.live:
                order.state, order.closed_ts = OrderState.CANCELED, now
            del state.orders[order.venue_order_id]
