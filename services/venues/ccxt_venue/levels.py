"""Books of the library's shape as levels in base units, and what of them is a quote. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from services.domain.events import QuoteRow
from services.venues.ccxt_venue.errors import READING
from services.venues.ccxt_venue.facts import Listed
from services.venues.live import Levels
from services.venues.wire.numbers import BadNumber, wire_ms, wire_positive

OLD_MS = 10_000
"""A book whose venue stamps it so far from now is not the present one."""
NEAR = Decimal("0.0005")


def book_of(market: Listed, book: Mapping[str, Any], now_ms: int) -> tuple[Levels, Levels] | None:
    """Bids and asks in base units; None = the book cannot be trusted."""
    try:
        bids, asks = _side(market, book.get("bids")), _side(market, book.get("asks"))
        stamp = book.get("timestamp")
        if stamp is not None and abs(now_ms - wire_ms(stamp, "book time")) > OLD_MS:
            return None
    except READING:
        return None
    if not bids or not asks or bids[0][0] >= asks[0][0] or not _sorted(bids, -1) or not _sorted(asks, 1):
        return None
    return bids, asks


def quote_of(market: Listed, levels: tuple[Levels, Levels] | None) -> QuoteRow:
    """Zeros where there is no book to be trusted."""
    if levels is None:
        return QuoteRow(market.spec.id, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    bids, asks = levels
    mid = (bids[0][0] + asks[0][0]) / 2
    return QuoteRow(
        market.spec.id,
        float(bids[0][0]),
        float(bids[0][1]),
        float(asks[0][0]),
        float(asks[0][1]),
        float(sum(size for price, size in bids if price >= mid * (1 - NEAR))) or float(bids[0][1]),
        float(sum(size for price, size in asks if price <= mid * (1 + NEAR))) or float(asks[0][1]),
    )


def _side(market: Listed, rows: object) -> Levels:
    if not isinstance(rows, Sequence):
        raise BadNumber(f"{market.id}: no book")
    return [
        (wire_positive(row[0], "book price"), wire_positive(row[1], "book size") * market.contract)
        for row in rows
    ]


def _sorted(rows: Levels, sign: int) -> bool:
    return all((after[0] - before[0]) * sign > 0 for before, after in pairwise(rows))
