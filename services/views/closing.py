"""What a flatten of a part would close, out of the plan for everything: pure, on a screen's own view."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from msgspec.structs import replace

from services.views.desk import DeskView, FlattenPlan, FlattenRow


def closing(view: DeskView, what: str) -> FlattenPlan:
    """`what` is as `flatten` takes it: a symbol, an instrument, a venue or a pair; empty or `all` =
    everything.

    What is named goes whole. A leg takes its whole pair with it (SEMANTICS 10), and of a leg that is not
    named only what that pair holds: its figures are the row's in proportion, which for the slippage of a part
    is rather too much. A figure of the sum is None as soon as one part is.
    """
    plan = view.flatten
    if what in ("", "all"):
        return plan
    named = {name for name in (*(row.instrument for row in plan.rows), *plan.orders) if what in _names(name)}
    pairs = [pair for pair in view.pairs if pair.id == what or named & {pair.short, pair.long}]
    ids = {pair.id for pair in pairs}
    held: dict[str, Decimal] = {}
    for leg in view.positions:
        if leg.pair in ids and leg.instrument not in named:
            held[leg.instrument] = held.get(leg.instrument, Decimal(0)) + abs(leg.size)
    rows = []
    for row in plan.rows:
        if row.instrument in named:
            rows.append(row)
        elif row.instrument in held and row.quantity > 0:
            rows.append(_part(row, min(row.quantity, held[row.instrument])))
    touched = named.union(*({pair.short, pair.long} for pair in pairs))
    return replace(
        plan,
        rows=tuple(rows),
        working_orders=sum(count for name, count in plan.orders.items() if name in touched),
        doubts=tuple(text for text in plan.doubts if _concerns(text, what, rows)),
        **summed(rows, plan.equity),
    )


def open_under(view: DeskView, symbol: str) -> list[str]:
    """The open instruments of a symbol that is named without its venue: of several the engine closes none."""
    every = {*(row.instrument for row in view.flatten.rows), *view.flatten.orders}
    return sorted(name for name in every if name.rpartition(".")[0] == symbol)


def _part(row: FlattenRow, quantity: Decimal) -> FlattenRow:
    share = quantity / row.quantity

    def of(value: Decimal | None) -> Decimal | None:
        return None if value is None else value * share

    return replace(
        row,
        quantity=quantity,
        notional=of(row.notional),
        cost=of(row.cost),
        fee=of(row.fee),
        slippage=of(row.slippage),
        funding_per_day=of(row.funding_per_day),
    )


def summed(rows: Iterable[FlattenRow], equity: Decimal | None) -> dict[str, Decimal | None]:
    """The sums of a plan over these rows, by field."""
    held = tuple(rows)
    fees, slippage = _sum(held, lambda row: row.fee), _sum(held, lambda row: row.slippage)
    cost = None if fees is None or slippage is None else fees + slippage
    return {
        "notional": _sum(held, lambda row: row.notional),
        "cost": cost,
        "fees": fees,
        "slippage": slippage,
        "equity_after": None if equity is None or cost is None else equity + cost,
        "funding_per_day": _sum(held, lambda row: row.funding_per_day),
    }


def _names(instrument: str) -> tuple[str, str, str]:
    symbol, _, venue = instrument.rpartition(".")
    return (instrument, symbol, venue)


def _concerns(doubt: str, what: str, rows: Iterable[FlattenRow]) -> bool:
    """A doubt begins with what it is about, or names it; of one that speaks of no other part nothing is left
    out."""
    about = {name for row in rows for name in (row.instrument, row.venue)} | {what}
    return any(name in doubt for name in about)


def _sum(rows: Iterable[FlattenRow], figure: Callable[[FlattenRow], Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for row in rows:
        value = figure(row)
        if value is None:
            return None
        total += value
    return total
