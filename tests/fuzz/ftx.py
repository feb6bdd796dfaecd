"""The FTX dialect's parsers and our server's, as functions of bytes that raise when something escapes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from services.venues.ftx import parse
from services.venues.ftx import schemas as wire
from services.venues.ftx.ears import FtxEars
from services.venues.ftx.orders import OrderBook
from services.venues.ftx.replies import decode_result, listing
from services.venues.sim.facts import perp
from services.venues.wire.errors import WireError
from services.venues.wire.numbers import BadNumber
from services.venues.wire.secret import Secret
from services.venues.wire.stream import Renew
from services.workers.simserver import orders as server_orders
from services.workers.simserver.auth import Refused
from services.workers.simserver.house import House
from services.workers.simserver.worlds import served_world
from tests.fuzz.sane import sane

MARKET = "BTC-USDT-PERP"
SPECS = {MARKET: perp("ftx", MARKET, "BTC", "USDT")}
NOW = 1_650_000_000 * 10**9
REFUSALS = (WireError, parse.ParseError, BadNumber)
COINS = {"USDT": wire.Coin(id="USDT", collateral=True, collateralWeight=Decimal("0.975"))}


class _Booked:
    """As `Trading` does it: whatever is told must be sane."""

    def __init__(self) -> None:
        self.book = OrderBook("ftx", SPECS, lambda: NOW, sane)

    def order_frame(self, order: wire.Order) -> None:
        self.book.frame(order)

    def fill_frame(self, fill: wire.Fill) -> None:
        if not self.book.fill(fill):
            self.book.whose(fill.orderId, "ours")


def _pass_over(_: str) -> None:
    return


def stream(data: bytes) -> None:
    """One frame after a book that proves itself."""
    ears = FtxEars(
        SPECS,
        "key",
        Secret("s"),
        None,
        _Booked(),
        now_ms=lambda: 1,
        say=lambda _: None,
        trouble=lambda _: None,
    )
    ears.greeting()
    ears.heard(PROVEN)
    try:
        ears.heard(data)
        ears.heard(data.decode("utf-8", "replace"))
    except Renew:
        return
    for row in ears.take_changed():
        sane(row)
        assert (row.bid, row.ask) == (0.0, 0.0) or 0.0 < row.bid < row.ask, row


def _listed(act: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda rows: [act(row) for row in rows]


def _instruments(futures: list[wire.Future]) -> object:
    """With the market of the same name, as `start` joins them."""
    account = wire.Account(
        collateral=Decimal(1), freeCollateral=Decimal(1), totalAccountValue=Decimal(1), liquidating=False,
        leverage=Decimal(10), makerFee=Decimal("0.0002"), takerFee=Decimal("0.0007"),
    )  # fmt: skip
    return [
        parse.instrument_of(
            "ftx",
            wire.Market(name=row.name, type="future", enabled=True, priceIncrement=Decimal("0.1"),
                        sizeIncrement=Decimal("0.001")),
            row,
            account,
        )
        for row in futures
    ]  # fmt: skip


def _order(row: wire.Order) -> object:
    book = OrderBook("ftx", SPECS, lambda: NOW, sane)
    book.placed(row, "ours")
    book.frame(row)
    return parse.state_of(row), parse.working_of("ftx", row)


REPLIES: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    (list[wire.Future], _instruments),
    (list[wire.Market], _listed(lambda row: parse.instrument_of("ftx", row, None, None))),
    (list[wire.Balance], _listed(lambda row: parse.balance_of(row, COINS))),
    (list[wire.Position], _listed(lambda row: parse.position_of("ftx", row, Decimal(10)))),
    (wire.Order, _order),
    (list[wire.Fill], _listed(lambda row: parse.fill_of("ftx", row, "ours", "USDT", NOW))),
    (list[wire.FundingPayment], _listed(lambda row: parse.payment_of("ftx", row, "USDT", NOW))),
    (list[wire.FundingRate], _listed(lambda row: parse.settled("ftx", row, Decimal(1)))),
    (wire.FutureStats, lambda row: parse.predicted("ftx", MARKET, row, Decimal(1), NOW)),
    (list[wire.Conditional], _listed(lambda row: parse.conditional_of("ftx", row))),
    (wire.Account, lambda row: (parse.fees_of(row), parse.leverage_of(row))),
)


ROWS: dict[Any, Any] = {list[wire.Future]: wire.Future, list[wire.Market]: wire.Market}
"""Lists that are read row by row where a row cannot be read."""


def reply(data: bytes) -> None:
    """The first byte says of which call it is the reply."""
    if not data:
        return
    kind, ours = REPLIES[data[0] % len(REPLIES)]
    try:
        body = data[1:]
        row = ROWS.get(kind)
        sane(ours(decode_result(kind, body, "reply") if row is None else listing(row, body, "reply")))
    except REFUSALS:
        return


_HOUSE: list[House] = []


def body(data: bytes) -> None:
    """The body of an order as our server takes it."""
    if not _HOUSE:
        _HOUSE.append(House(served_world("calm", 1, step_s=None, synthetic=0, start=None), (), lockstep=True))
    seat = _HOUSE[0].public
    floor = seat.venue("alpha").floor
    for ask in (server_orders.order_request, server_orders.conditional_request):
        try:
            sane(ask(seat, floor, server_orders.body_of(data)))
        except Refused:
            continue


PROVEN = (
    b'{"channel":"orderbook","market":"BTC-USDT-PERP","type":"partial","data":{"time":1650000000.5,'
    b'"checksum":2933775928,"bids":[[5000.5,10],[4995.0,5]],"asks":[[5001.0,6],[5002.0,7]],"action":"partial"}}'
)
_FILL = (
    b'{"id":7,"market":"BTC-USDT-PERP","future":"BTC-USDT-PERP","side":"buy","price":5000.5,"size":0.01,'
    b'"orderId":9,"fee":0.03,"feeRate":0.0007,"feeCurrency":"USDT","liquidity":"taker","type":"order",'
    b'"time":"2022-04-15T05:20:00.5+00:00"}'
)
_ORDER = (
    b'{"id":9,"clientId":"ours","market":"BTC-USDT-PERP","type":"limit","side":"buy","price":5000.5,"size":0.01,'
    b'"filledSize":0.005,"remainingSize":0.005,"avgFillPrice":5000.5,"status":"open","reduceOnly":false,'
    b'"ioc":false,"postOnly":false,"createdAt":"2022-04-15T05:20:00+00:00"}'
)


def _told(result: bytes) -> bytes:
    return b'{"success":true,"result":' + result + b"}"


STREAM_SEEDS: tuple[bytes, ...] = (
    PROVEN,
    b'{"channel":"ticker","market":"BTC-USDT-PERP","type":"update","data":{"bid":1.5,"ask":2.5,"time":1650000000.5}}',
    b'{"channel":"fills","type":"update","data":' + _FILL + b"}",
    b'{"channel":"orders","type":"update","data":' + _ORDER + b"}",
    b'{"channel":"trades","market":"BTC-USDT-PERP","type":"update","data":[{"id":1,"price":5000.5,"size":1.5,'
    b'"side":"buy","liquidation":false,"time":"2022-04-15T05:20:00+00:00"}]}',
    b'{"type":"subscribed","channel":"fills"}',
    b'{"type":"error","code":400,"msg":"Not logged in"}',
    b'{"type":"info","code":20001,"msg":"restart"}',
)
REPLY_SEEDS: tuple[bytes, ...] = tuple(
    bytes([at]) + _told(result)
    for at, result in enumerate(
        (
            b'[{"name":"BTC-USDT-PERP","underlying":"BTC","perpetual":true,"enabled":true,"expired":false,'
            b'"mark":5000.5,"index":5000.4,"imfFactor":0.00001,"priceIncrement":0.1,"sizeIncrement":0.001,'
            b'"minNotional":5,"fundingHours":8,"settleCoin":"USDT","marginTiers":[{"cap":250000,"initial":0.1,'
            b'"maintenance":0.03,"cum":0}]}]',
            b'[{"name":"BTC/USD","type":"spot","enabled":true,"priceIncrement":0.5,"sizeIncrement":0.001,'
            b'"baseCurrency":"BTC","quoteCurrency":"USD"}]',
            b'[{"coin":"USDT","free":1.5,"total":2.5,"usdValue":2.5,"spotBorrow":0,"availableWithoutBorrow":1}]',
            b'[{"future":"BTC-USDT-PERP","netSize":-0.23,"size":0.23,"side":"sell","entryPrice":138.5,'
            b'"recentAverageOpenPrice":135.5}]',
            _ORDER,
            b"[" + _FILL + b"]",
            b'[{"id":7,"future":"BTC-USDT-PERP","payment":0.04,"rate":0.0001,"size":1.5,"price":5000.5,'
            b'"time":"2022-04-15T05:00:00+00:00"}]',
            b'[{"future":"BTC-USDT-PERP","rate":0.0001,"time":"2022-04-15T05:00:00+00:00"}]',
            b'{"volume":1.5,"openInterest":2.5,"nextFundingRate":0.0001,'
            b'"nextFundingTime":"2022-04-15T06:00:00+00:00"}',
            b'[{"id":5,"market":"BTC-USDT-PERP","side":"sell","type":"stop","size":0.5,"triggerPrice":4000.5,'
            b'"orderPrice":3999.5,"status":"open","reduceOnly":true,"filledSize":0.1}]',
            b'{"collateral":1,"freeCollateral":1,"totalAccountValue":1,"liquidating":false,"leverage":10,'
            b'"makerFee":0.0002,"takerFee":0.0007}',
        )
    )
)
REPLY_SEEDS += (
    # An order that has ended is judged by its sizes.
    b"\x04" + _told(_ORDER.replace(b'"open"', b'"closed"').replace(b'"postOnly":false', b'"postOnly":true')),
    b"\x00"
    + _told(
        b'[{"name":"BTC-USDT-PERP","underlying":"BTC","perpetual":true,"enabled":true,"expired":false,'
        b'"mark":5000.5,"index":5000.4,"imfFactor":0.00001,"priceIncrement":0.1,"sizeIncrement":0.001,'
        b'"expiry":"2022-06-24T03:00:00+00:00"}]'
    ),
)
"""The last is as the real exchange told it: margin by a formula."""
BODY_SEEDS: tuple[bytes, ...] = (
    b'{"market":"BTC-USDT-PERP","side":"buy","price":5000.5,"type":"limit","size":0.01,"reduceOnly":false,'
    b'"ioc":false,"postOnly":false,"clientId":"ours"}',
    b'{"market":"BTC-USDT-PERP","side":"sell","size":0.01,"type":"stop","triggerPrice":4000.5,"orderPrice":3999.5,'
    b'"reduceOnly":true}',
)
