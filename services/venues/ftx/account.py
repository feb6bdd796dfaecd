"""A read of the whole account that is of one moment, or none (SEMANTICS 7).

The dialect has no snapshot: balances, positions, orders and fills are four questions. They belong together
when no private frame came between the first question and the last answer; else all are asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from services.domain.events import AccountReport, TransferBooked
from services.domain.instrument import Instrument
from services.venues.ftx import parse
from services.venues.ftx import schemas as wire
from services.venues.ftx.orders import OrderBook
from services.venues.ftx.rest import FtxRest
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import wire_decimal

TRIES = 3
_DONE = ("confirmed", "complete", "completed")


async def read_account(
    venue: str,
    api: FtxRest,
    orders: OrderBook,
    by_market: Mapping[str, Instrument],
    coins: dict[str, wire.Coin],
    *,
    request: str,
    fills_since: int,
    frames: Callable[[], int],
    venue_now: Callable[[], int],
    now: Callable[[], int],
    liquidating: Callable[[], None],
) -> AccountReport:
    """`frames`: counts private frames; `venue_now`: the venue's clock, ns; `liquidating` is called when the
    venue says that it liquidates this account. Raises WireError, ParseError, BadNumber."""
    for _ in range(TRIES):
        before, at = frames(), venue_now()
        report = await _once(venue, api, orders, by_market, coins, request, fills_since, at, now, liquidating)
        if frames() == before:
            return report
    raise WireError(ErrorKind.UNAVAILABLE, "the account changed during each of three reads")


async def _once(
    venue: str,
    api: FtxRest,
    orders: OrderBook,
    by_market: Mapping[str, Instrument],
    coins: dict[str, wire.Coin],
    request: str,
    fills_since: int,
    at: int,
    now: Callable[[], int],
    liquidating: Callable[[], None],
) -> AccountReport:
    since = fills_since / 1e9
    account, balances, positions, working, conditionals = await asyncio.gather(
        api.account(), api.balances(), api.positions(), api.open_orders(), api.open_conditionals()
    )
    fills, payments, transfers = await asyncio.gather(
        api.fills(since), api.payments(since), api.transfers(since)
    )
    if account.liquidating:
        liquidating()
    leverage = parse.leverage_of(account)
    await _name_strangers(api, orders, fills)
    ts = now()
    known = [row for row in fills if row.market in by_market]
    return AccountReport(
        venue=venue,
        request=request,
        balances=tuple(parse.balance_of(row, coins) for row in balances),
        positions=tuple(
            found for row in positions if (found := parse.position_of(venue, row, leverage)) is not None
        ),
        orders=(
            *(parse.working_of(venue, row) for row in working),
            *(parse.conditional_of(venue, row) for row in conditionals if row.status == "open"),
        ),
        fills=tuple(orders.ours(row, orders.name_of(row.orderId) or "") for row in known),
        payments=tuple(
            parse.payment_of(venue, row, by_market[row.future].settle, ts)
            for row in payments
            if row.future in by_market
        ),
        transfers=tuple(_transfer(venue, row, sign, ts) for row, sign in transfers if row.status in _DONE),
        suspended=tuple(name for name, coin in coins.items() if coin.canWithdraw is False),
        ts_event=at,
        ts=ts,
    )


async def _name_strangers(api: FtxRest, orders: OrderBook, fills: list[wire.Fill]) -> None:
    """Fills of orders that this process has not sent: after a restart they may be ours all the same."""
    unknown = dict.fromkeys(row.orderId for row in fills if orders.name_of(row.orderId) is None)
    for order_id in unknown:
        orders.whose(order_id, await owner_of(api, orders, order_id))


async def owner_of(api: FtxRest, orders: OrderBook, order_id: int) -> str:
    """Our client id of a venue order; "" = nobody's here. Raises WireError when the venue does not say.

    A conditional order becomes an ordinary one of another number when it is released: its history knows both.
    """
    try:
        name = (await api.order(order_id)).clientId
    except WireError as error:
        if error.kind is not ErrorKind.REJECTED:
            raise
        # The venue knows the fill and not the order: a liquidation.
        return ""
    if not name and orders.conditionals:
        for row in await api.conditional_history():
            if row.orderId == order_id:
                return orders.conditionals.get(row.id, "")
    return name or ""


def _transfer(venue: str, row: wire.Transfer, sign: int, ts: int) -> TransferBooked:
    kind = "d" if sign > 0 else "w"
    amount = sign * wire_decimal(row.size, f"{row.coin} transfer")
    return TransferBooked(venue, f"{kind}{row.id}", row.coin, amount, parse.iso_ns(row.time), ts)
