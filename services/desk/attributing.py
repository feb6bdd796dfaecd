"""Feeds the waterfall (SEMANTICS 11): looks at a venue's holdings before and after everything that is booked.

What changed before it is the market's (`price`), what changes by it is its own part. A payment's or fee's
USD is the coin's index at that instant; what the coin does afterwards is `currency`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import NamedTuple

from services.desk.core import DeskCore
from services.domain.events import OrderFilled
from services.domain.money import ZERO
from services.domain.records import WaterfallRecord
from services.execution.entries import OrderEntry
from services.portfolio.attribution import Parts, VenueParts, coin_of, cut, revalue, worth


class Holdings(NamedTuple):
    """What a venue's account holds at one moment, copied: it can be valued later in the same turn."""

    balances: dict[str, Decimal]
    positions: tuple[tuple[str, Decimal, Decimal], ...]
    """(instrument, signed size, entry)."""


def holdings(core: DeskCore, venue: str) -> Holdings:
    account = core.ledger.account(venue)
    return Holdings(
        dict(account.balances),
        tuple([(held.instrument, held.size, held.entry) for held in account.positions.values()]),
    )


def look(core: DeskCore, venue: str, held: Holdings | None = None) -> VenueParts:
    """The venue's holdings (`held`: as they were) at the last known figures. The first complete look is where
    the sums begin."""
    book = core.state.attribution.venues.setdefault(venue, VenueParts())
    moved = _revalue(core, venue, book, held)
    book.parts.price += moved
    if book.begun is None:
        # Nothing that came before this is profit or loss of ours.
        book.parts = Parts()
        account = core.state.venues.get(venue)
        known = all(held.index > ZERO or held.amount == ZERO for held in book.held.values())
        if account is not None and account.opened and known:
            book.begun, book.begun_ts = worth(book), core.now
    return book


@contextmanager
def booking(core: DeskCore, venue: str, part: str, sign: int = 1) -> Iterator[None]:
    """Whatever the holdings change by inside is `part`; `sign` -1 for a cost, which counts above zero."""
    book = look(core, venue)
    yield
    change = _revalue(core, venue, book)
    if book.begun is not None:
        setattr(book.parts, part, getattr(book.parts, part) + sign * change)


def filled(core: DeskCore, fill: OrderFilled, entry: OrderEntry | None, before: Holdings) -> None:
    """A fill, and what the account held before it: fee, slippage against the decision's mid (a fill that is
    not ours: against the present one), and the rest. In the turn of the fill, before any other look."""
    book = look(core, fill.venue, before)
    change = _revalue(core, fill.venue, book)
    if book.begun is None:
        return
    spec = core.instruments[fill.instrument]
    fee_held, quote_held = book.held.get(fill.fee_coin), core.picture.quote_usd(fill.instrument)
    fee_usd = core.picture.index(fill.venue, fill.fee_coin)
    if fee_usd is None and fee_held is not None:
        fee_usd = fee_held.index
    fee = cut(fill.fee * fee_usd) if fee_usd is not None and fill.fee.is_finite() else ZERO
    mid = entry.request.decided_mid if entry is not None else core.picture.mid(fill.instrument)
    slip = ZERO
    if mid is None or quote_held is None:
        book.unmeasured += 1
    else:
        slip = cut(fill.side.sign * (fill.price - mid) * fill.quantity * quote_held)
    rest = change + fee + slip
    parts = book.parts
    if fill.liquidation:
        parts.liquidation += fee + slip
    else:
        parts.fees += fee
        parts.slippage += slip
    if spec.is_perp or (entry is not None and entry.request.pair is not None):
        # A pair's spot leg is a trade like any other: what the two venues are apart is its price.
        parts.price += rest
    else:
        parts.conversion -= rest


def slippage(fill: OrderFilled, entry: OrderEntry | None, quote_usd: Decimal | None) -> Decimal | None:
    """USD paid > 0 against the decision's mid; None = there was none, or no index."""
    mid = entry.request.decided_mid if entry is not None else None
    if mid is None or quote_usd is None:
        return None
    return cut(fill.side.sign * (fill.price - mid) * fill.quantity * quote_usd)


def record(core: DeskCore) -> None:
    """One row a venue, beside the equity samples."""
    for venue in core.settings.venues:
        book = look(core, venue)
        if book.begun is None:
            continue
        parts = book.parts
        core.record(
            WaterfallRecord(
                ts=core.now,
                account=venue,
                begun=book.begun,
                equity=worth(book),
                price=parts.price,
                funding=parts.funding,
                currency=parts.currency,
                fees=parts.fees,
                slippage=parts.slippage,
                interest=parts.interest,
                conversion=parts.conversion,
                liquidation=parts.liquidation,
                adjustments=parts.adjustments,
                transfers=parts.transfers,
                unmeasured=book.unmeasured,
            )
        )


def _revalue(core: DeskCore, venue: str, book: VenueParts, held: Holdings | None = None) -> Decimal:
    amounts, positions = held if held is not None else holdings(core, venue)
    for instrument, size, entry in positions:
        spec = core.instruments.get(instrument)
        if size == ZERO or spec is None or spec.inverse:
            continue
        mark = core.picture.mark(instrument)
        key = f"{spec.quote}|{instrument}"
        if mark is not None:
            amounts[key] = size * (mark - entry)
        elif key in book.held:
            amounts[key] = book.held[key].amount
    coins = dict.fromkeys(coin_of(key) for key in (*book.held, *amounts))
    indexes = {coin: core.picture.index(venue, coin) for coin in coins}
    return revalue(book, amounts, indexes)
