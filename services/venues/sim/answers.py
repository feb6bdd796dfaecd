"""What a venue answers about its own books: one order, or the whole account as it stands."""

from __future__ import annotations

from msgspec.structs import replace

from services.domain.events import AccountReport, BalanceRow, OrderReport, PositionRow, WorkingRow
from services.venues.sim.adl import places
from services.venues.sim.book import SimOrder
from services.venues.sim.facts import WEIGHTS
from services.venues.sim.floor import TradingFloor
from services.venues.sim.matching import working


def order_report(floor: TradingFloor, ts: int, instrument: str, client_order_id: str) -> OrderReport:
    """`found=False` is the definite "no such order". Its times are those of the books."""
    sim = floor.find(instrument, client_order_id, "")
    if sim is None:
        return OrderReport(venue=floor.name, client_order_id=client_order_id, found=False, ts_event=ts, ts=ts)
    return OrderReport(
        venue=floor.name,
        client_order_id=client_order_id,
        found=True,
        state=sim.state,
        venue_order_id=sim.venue_order_id,
        filled=sim.filled * floor.listed[sim.instrument].size_increment,
        fills=tuple(f for f in floor.state.account.fills if f.venue_order_id == sim.venue_order_id),
        ts_event=ts,
        ts=ts,
    )


def account_report(floor: TradingFloor, ts: int, due: int, request: str, since: int) -> AccountReport:
    """The account as it stands; fills, payments and transfers at or after `since`."""
    account, queue = floor.state.account, places(floor)
    return AccountReport(
        venue=floor.name,
        request=request,
        balances=tuple(
            BalanceRow(coin, amount, *WEIGHTS.get(coin, (None, None)))
            for coin, amount in account.balances.items()
        ),
        positions=tuple(
            PositionRow(name, held.size, held.entry, None, queue[name])
            for name, held in account.holdings.items()
        ),
        orders=tuple(_working_row(floor, o) for o in working(floor.state)),
        fills=tuple(replace(f, ts=due) for f in account.fills if f.ts_event >= since),
        payments=tuple(replace(p, ts=due) for p in account.payments if p.ts_event >= since),
        transfers=tuple(replace(t, ts=due) for t in account.transfers if t.ts_event >= since),
        ts_event=ts,
        ts=due,
    )


def _working_row(floor: TradingFloor, order: SimOrder) -> WorkingRow:
    instrument = floor.listed[order.instrument]
    lot, tick = instrument.size_increment, instrument.price_increment
    return WorkingRow(
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        instrument=order.instrument,
        side=order.side,
        quantity=order.lots * lot,
        filled=order.filled * lot,
        price=None if order.ticks is None else order.ticks * tick,
        reduce_only=order.reduce_only,
        trigger=None if order.trigger is None else order.trigger * tick,
    )
