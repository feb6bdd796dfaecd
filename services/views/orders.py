"""Screen 3: what works, what is in doubt, what became of the last orders, and the last fills."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct


class OrderRow(Struct, frozen=True, kw_only=True):
    id: str
    """Client order id; of a foreign order without one the venue's."""
    venue_order_id: str
    instrument: str
    side: str
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    """None = market."""
    avg_price: Decimal | None
    trigger: Decimal | None
    """Conditional: the mark that releases it."""
    state: str
    """As in the table of an order's life, `in_doubt` where its outcome is not known; `resting` = foreign."""
    live: bool
    """May still fill."""
    doubt: bool
    doubt_ns: int
    """How long it has been in doubt."""
    probes: int
    purpose: str
    origin: str
    pair: str | None
    reduce_only: bool
    post_only: bool
    foreign: bool
    protective: bool
    """Not to be cancelled by hand."""
    ts: int
    """Last change; of live ones when it was made."""
    text: str
    price_increment: Decimal
    size_increment: Decimal


class FillRow(Struct, frozen=True, kw_only=True):
    key: str
    ts: int
    instrument: str
    side: str
    size: Decimal
    price: Decimal
    fee: Decimal
    """Paid > 0."""
    fee_coin: str
    pnl: Decimal
    """Realised by this fill, price only, settle coin."""
    settle: str
    order: str
    strategy: str
    foreign: bool
    price_increment: Decimal
    size_increment: Decimal


class OrdersView(Struct, frozen=True, kw_only=True):
    ts: int
    working: tuple[OrderRow, ...]
    """In doubt first, then the newest."""
    recent: tuple[OrderRow, ...]
    """Ended ones, the newest first."""
    fills: tuple[FillRow, ...]
    """The newest first."""
