"""Sums of the desk so far, of which a day's summary takes the differences."""

from __future__ import annotations

from decimal import Decimal, localcontext

from msgspec import Struct

from services.desk import risk
from services.desk.core import DeskCore
from services.domain.money import DESK_CONTEXT


class Totals(Struct, frozen=True, kw_only=True):
    equity: Decimal | None
    """USD at fresh figures; None = unknown."""
    fees: Decimal
    funding: Decimal
    """Received less paid."""
    transfers: Decimal
    trades: int
    fills: int


def totals(core: DeskCore) -> Totals:
    with localcontext(DESK_CONTEXT):
        counters = core.state.counters
        return Totals(
            equity=risk.equity(core),
            fees=counters.fees,
            funding=counters.received - counters.paid,
            transfers=counters.transfers,
            trades=counters.trades,
            fills=counters.fills,
        )
