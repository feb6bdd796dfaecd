"""What the strategy on prices sees: gaps between venues, inventory, transfers to make by hand."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct


class CrossRow(Struct, frozen=True, kw_only=True):
    """One instrument on two venues, in the direction that brings more. Null = unknown."""

    sell: str
    """On the dear venue."""
    buy: str
    kind: str
    """`perp` or `spot`."""
    unit: str
    """The coin that the legs are compared in."""
    quantity: Decimal
    """Base units that the figures are reckoned for."""
    gross: Decimal | None
    """bps, by executable prices."""
    costs: Decimal | None
    net_edge: Decimal | None
    age_ms: int | None
    skew_ms: int | None
    residue: str
    """The coin exposure that is left, not converted."""
    verdict: str
    """ENTER, HOLD, STALE, BLOCK, SHOWN or a dash: the edge is too small, or it is not the time."""
    reason: str
    pair: str | None


class StockRow(Struct, frozen=True, kw_only=True):
    coin: str
    venue: str
    balance: Decimal | None
    target: Decimal | None
    low: bool | None


class TransferRow(Struct, frozen=True, kw_only=True):
    """To be made by a person; nothing in this program makes one."""

    coin: str
    amount: Decimal
    source: str
    to: str


class CrossView(Struct, frozen=True, kw_only=True):
    """Of the first strategy of kind `cross_exchange`."""

    strategy: str
    rows: tuple[CrossRow, ...]
    """The best net edge first."""
    inventory: tuple[StockRow, ...]
    transfers: tuple[TransferRow, ...]
