"""A read of the whole account that is of one moment, or none (SEMANTICS 7).

The venue has no snapshot, and there is no private stream: trades and other movements are asked for before and
after balances, positions and orders. All belong together when nothing was added between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from services.domain.events import AccountReport, BalanceRow, FundingSettled, TransferBooked
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.manners import Manner
from services.venues.ccxt_venue.orders import Orders
from services.venues.ccxt_venue.rows import (
    MS,
    Moved,
    Stranger,
    TradeRow,
    fill_of,
    position_of,
    stranger_of,
    working_of,
)
from services.venues.ccxt_venue.settled import Settled
from services.venues.hours import hour_of
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import wire_count, wire_ms

TRIES = 3
RECENT_MS = 600_000
"""The second list spans this much: what came between cannot be older."""
AHEAD_MS = 60_000
"""The end of the span that is asked for lies so far ahead: a stamp may be a little later than our clock."""
ZERO = Decimal(0)


async def read_account(
    venue: str,
    door: Door,
    manner: Manner,
    listed: Mapping[str, Listed],
    orders: Orders,
    *,
    coins: tuple[str, ...],
    held: set[str] | None,
    apart: bool,
    request: str,
    since_ms: int,
    settled: Settled,
    suspended: Callable[[], tuple[str, ...]],
    venue_ms: Callable[[], int],
    wall: Callable[[], int],
) -> AccountReport:
    """`held`: of a spot account the coins that are ours; fees may add one. `apart`: only `coins` are margin.
    Raises WireError, BadNumber."""
    for _ in range(TRIES):
        at, changes = venue_ms(), orders.changes
        before = await _listed(door, manner, since_ms, at)
        # An account that was never read before has no pair here that a payment could belong to.
        if since_ms > 0 and await settled.learn(before[1]):
            at, changes = venue_ms(), orders.changes
            before = await _listed(door, manner, since_ms, at)
        balances = await manner.balances(door)
        positions = await manner.positions(door, coins)
        working = await manner.open_orders(door, coins, conditional=True, foreign=True)
        recent = max(since_ms, at - RECENT_MS)
        after = await _listed(door, manner, recent, at)
        if _names(before, recent) != _names(after, recent) or orders.changes != changes:
            continue
        trades, moved = before
        if apart:
            balances = tuple(row if row.coin in coins else _no_margin(row) for row in balances)
        if held is not None:
            held.update(row.coin for row in trades if row.market in listed and row.coin)
            balances = tuple(row for row in balances if row.coin in held)
            moved = [row for row in moved if row.coin in held]
        ts = wall()
        by_symbol = {each.symbol: each for each in listed.values()}
        return AccountReport(
            venue=venue,
            request=request,
            balances=balances,
            positions=tuple(
                found
                for row in positions
                if (found := position_of(row, _market(row, by_symbol, venue), manner.adl(row))) is not None
            ),
            orders=tuple(
                working_of(row, _market(row, by_symbol, venue))
                for each in working
                # Of a spot account other coins are nobody's concern here, nor are their orders.
                if (held is None or str(each.get("symbol")) in by_symbol)
                and (row := sized_by(each, positions)) is not None
            ),
            fills=tuple(
                fill_of(venue, row, listed[row.market], ts) for row in trades if row.market in listed
            ),
            payments=tuple(
                _payment(venue, row, listed[row.market], settled.rate_at, ts)
                for row in moved
                if row.market in listed
            ),
            transfers=tuple(
                TransferBooked(venue, row.id, row.coin, row.amount, row.ms * MS, ts, row.kind)
                for row in moved
                if row.market not in listed
            ),
            suspended=suspended(),
            ts_event=at * MS,
            ts=ts,
        )
    raise WireError(ErrorKind.UNAVAILABLE, "the account changed during each of three reads")


def _market(row: Mapping[str, Any], by_symbol: Mapping[str, Listed], venue: str) -> Listed | Stranger:
    return by_symbol.get(str(row.get("symbol"))) or stranger_of(row, venue)


def sized_by(row: Mapping[str, Any], positions: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """An order that closes whatever stands (a stop set by hand, a closing fraction) states no size: it is the
    position's. None = there is none, so it closes nothing. Raises BadNumber."""
    if row.get("reduceOnly") is not True or wire_count(row.get("amount") or "0", "amount"):
        return row
    for held in positions:
        if held.get("symbol") == row.get("symbol") and wire_count(held.get("contracts") or "0", "contracts"):
            return {**row, "amount": held["contracts"]}
    return None


def _no_margin(row: BalanceRow) -> BalanceRow:
    return BalanceRow(row.coin, row.total, None, None)


async def _listed(
    door: Door, manner: Manner, since_ms: int, at_ms: int
) -> tuple[list[TradeRow], list[Moved]]:
    end = at_ms + AHEAD_MS
    return await manner.trades(door, since_ms, end), await manner.moved(door, since_ms, end)


def _names(
    found: tuple[list[TradeRow], list[Moved]], since_ms: int
) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    """Of those that are not older."""
    trades = (row for row in found[0] if wire_ms(row.ms, "trade time") >= since_ms)
    moved = (row for row in found[1] if row.ms >= since_ms)
    return frozenset((row.market, row.id) for row in trades), frozenset(row.id for row in moved)


def _payment(
    venue: str, row: Moved, market: Listed, rate_at: Callable[[str, int], Decimal | None], ts: int
) -> FundingSettled:
    """The sign of the position follows from what was paid and the rate. Where no rate is known, size, price
    and rate are zero, and the amount alone counts. What is stamped near an hour was settled on it."""
    rate = row.rate or rate_at(row.market, row.ms) or ZERO
    size = price = ZERO
    if rate and row.size and row.price:
        sign = -1 if (row.amount > 0) == (rate > 0) else 1
        size, price = sign * row.size * market.contract, row.price
    return FundingSettled(
        venue=venue,
        payment_id=row.id,
        instrument=market.spec.id,
        size=size,
        price=price,
        rate=rate if size else ZERO,
        amount=row.amount,
        coin=row.coin,
        ts_event=(hour_of(row.ms) or row.ms) * MS,
        ts=ts,
    )
