"""Our books against the venue's, line by line (SEMANTICS 7): a pure function.

The venue is the truth. `reconcile(held, report, …)` returns, in the order in which the desk must apply them:

1. `events`: missing venue events rebuilt from the report (fills by trade id, funding payments, transfers,
   order outcomes). Feed each back through the desk's ordinary handling; ids make a repetition harmless.
   Fills are never invented: what no fill explains is a difference.
2. `differences`: what is left after these events. Each is `adopted` (small: at most one lot and 10 USD a
   symbol, 50 USD a day in sum; the desk sets its book to the venue's figure and records it under the
   deterministic id) or `unexplained` (the desk raises the latched REDUCING cause until `reconcile --accept`).
3. `undecided`: instruments on which a fill of ours is newer than the report: read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from services.domain.events import (
    AccountReport,
    FundingSettled,
    OrderCanceled,
    OrderFilled,
    OrderReport,
    TransferBooked,
    WorkingRow,
)
from services.domain.instrument import Instrument
from services.execution.table import OrderEntry
from services.settings.parameters import Reconcile

MissingEvent = OrderFilled | OrderCanceled | OrderReport | FundingSettled | TransferBooked


class DifferenceKind(StrEnum):
    POSITION = "position"
    BALANCE = "balance"
    FOREIGN_ORDER = "foreign_order"
    GHOST_FILL = "ghost_fill"
    """A fill we booked that the venue does not list."""


class Difference(Struct, frozen=True, kw_only=True):
    id: str
    """Deterministic: the same report against the same books gives the same id."""
    venue: str
    kind: DifferenceKind
    subject: str
    """Instrument, coin or order id."""
    ours: Decimal | None
    theirs: Decimal | None
    usd: Decimal | None
    """Size of the difference; None = cannot be valued, so never adopted."""
    adopted: bool
    text: str


class Held(Struct, frozen=True, kw_only=True):
    """What the desk holds of one venue at the moment the report arrives."""

    positions: Mapping[str, Decimal]
    """Signed, perps only."""
    balances: Mapping[str, Decimal]
    orders: tuple[OrderEntry, ...]
    """`OrderTable.open_orders(venue=…)`."""
    recent_fills: tuple[OrderFilled, ...] = ()
    """Fills booked whose venue time is at or after `fills_since` of the request."""
    payments: frozenset[str] = frozenset()
    """Payment ids booked already."""
    transfers: frozenset[str] = frozenset()
    known_trades: frozenset[tuple[str, str]] = frozenset()
    """(instrument, trade id) booked already, at least since `fills_since`."""


class Reconciled(Struct, frozen=True, kw_only=True):
    events: tuple[MissingEvent, ...]
    differences: tuple[Difference, ...]
    undecided: tuple[str, ...]
    foreign_orders: tuple[WorkingRow, ...]
    adopted_usd: Decimal
    """Added to the day's sum by this report."""

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        return tuple(line for line in self.differences if not line.adopted)


@dataclass(slots=True)
class AdoptionDay:
    """How much was adopted today (UTC), so that small differences cannot creep."""

    day: int = -1
    usd: Decimal = field(default_factory=Decimal)


def reconcile(
    held: Held,
    report: AccountReport,
    instruments: Mapping[str, Instrument],
    settings: Reconcile,
    adopted: AdoptionDay,
    prices: Mapping[str, Decimal | None],
    indexes: Mapping[str, Decimal | None],
    *,
    settling_ns: int,
) -> Reconciled:
    """`prices`: USD per base unit by instrument; `indexes`: USD per coin. Changes nothing: pure."""
    raise NotImplementedError


def count_adopted(adopted: AdoptionDay, result: Reconciled, now: int) -> AdoptionDay:
    """The day's sum after this result; a new UTC day starts at zero."""
    raise NotImplementedError
