"""Binance's parsers as functions of bytes that raise when something escapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from services.venues.binance import frames, parse
from services.venues.binance import schemas as wire
from services.venues.binance.ears import Ears
from services.venues.binance.market import MarketEars, PublicEars
from services.venues.binance.orders import OrderBook
from services.venues.binance.private import PrivateEars
from services.venues.binance.spot import schemas as spot
from services.venues.binance.spot.parse import fees_of
from services.venues.binance.spot.parse import instrument_of as spot_instrument
from services.venues.sim.facts import perp
from services.venues.wire.errors import UNREADABLE
from services.venues.wire.numbers import BadNumber
from services.venues.wire.stream import Renew
from tests.fuzz.sane import sane

SYMBOL = "BTCUSDT"
SPECS = {SYMBOL: perp("binance", SYMBOL, "BTC", "USDT")}
NOW = 1_700_000_000 * 10**9
REFUSALS = (*UNREADABLE, parse.ParseError, BadNumber)


class _Booked:
    def __init__(self) -> None:
        self.book = OrderBook("binance", SPECS, lambda: NOW, sane, lambda _: None)

    def order_frame(self, frame: frames.OrderFrame) -> None:
        if not self.book.frame(frame.o):
            self.book.whose((frame.o.s, frame.o.i), "ours")

    def algo_frame(self, frame: frames.AlgoFrame) -> None:
        self.book.algo(frame.o, frame.E)

    def account_frame(self, frame: frames.AccountFrame) -> None:
        sane([balance.wb for balance in frame.a.B])
        sane([(row.pa, row.ep) for row in frame.a.P])

    def margin_called(self, symbols: tuple[str, ...]) -> None:
        sane(symbols)

    def changed(self, text: str) -> None:
        sane(text)


def _hear(ears: Ears, data: bytes) -> bool:
    try:
        ears.heard(data)
        ears.heard(data.decode("utf-8", "replace"))
    except Renew:
        return False
    return True


def public(data: bytes) -> None:
    """One frame after a book and a ticker."""
    ears = PublicEars(SPECS, trouble=lambda _: None, snapshot=lambda _: None)
    ears.greeting()
    ears.heard(PUBLIC_SEEDS[0])
    ears.filled(SYMBOL, msgspec.json.decode(_DEPTH, type=wire.Depth))
    if _hear(ears, data):
        for row in ears.take_changed():
            sane(row)
            assert (row.bid, row.ask) == (0.0, 0.0) or 0.0 < row.bid < row.ask, row


def market(data: bytes) -> None:
    ears = MarketEars("binance", (SYMBOL,), {}, trouble=lambda _: None)
    ears.greeting()
    if _hear(ears, data):
        sane(ears.take())
        sane(ears.marks)
        sane(ears.weights)


def private(data: bytes) -> None:
    _hear(PrivateEars(_Booked(), trouble=lambda _: None), data)


def _instruments(info: wire.ExchangeInfo) -> object:
    return [
        parse.instrument_of("binance", row, fees=None, brackets=None, leverage=None, interval_h=8)
        for row in info.symbols
    ]


def _depth(found: wire.Depth) -> object:
    ears = PublicEars(SPECS, trouble=lambda _: None, snapshot=lambda _: None)
    ears.greeting()
    ears.heard(PUBLIC_SEEDS[0])
    ears.filled(SYMBOL, found)
    return ears.take_changed()


def _placed(row: wire.Order) -> object:
    book = OrderBook("binance", SPECS, lambda: NOW, sane, lambda _: None)
    book.placed(row, "ours")
    return parse.state_of(row)


REPLIES: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    (wire.ExchangeInfo, _instruments),
    (wire.Depth, _depth),
    (wire.PremiumIndex, lambda row: (parse.mark_of("binance", row), parse.predicted("binance", row, 8))),
    (list[wire.FundingRate], lambda rows: parse.settled("binance", rows)),
    (wire.Order, _placed),
    (wire.Brackets, lambda row: parse.tiers_of(row, 10)),
    (spot.Rates, lambda row: fees_of(row, SYMBOL)),
    (spot.Symbol, lambda row: spot_instrument("spot", row, None)),
)


def reply(data: bytes) -> None:
    """The first byte says of which call it is the reply."""
    if not data:
        return
    kind, ours = REPLIES[data[0] % len(REPLIES)]
    try:
        sane(ours(msgspec.json.decode(data[1:], type=kind)))
    except REFUSALS:
        return


_DEPTH = (
    b'{"lastUpdateId":10,"bids":[["5000.5","1.5"],["5000.4","2"]],"asks":[["5000.6","1"]],"E":1700000000}'
)
PUBLIC_SEEDS: tuple[bytes, ...] = (
    b'{"e":"bookTicker","u":400,"s":"BTCUSDT","b":"5000.5","B":"31.2","a":"5000.6","A":"40.6",'
    b'"T":1700000000000,"E":1700000000000}',
    b'{"e":"depthUpdate","E":1700000000000,"T":1700000000000,"s":"BTCUSDT","U":9,"u":11,"pu":8,'
    b'"b":[["5000.5","10"]],"a":[["5000.6","0"],["5000.7","3"]]}',
    b'{"stream":"btcusdt@bookTicker","data":{"u":401,"s":"BTCUSDT","b":"5000.5","B":"31.2","a":"5000.6",'
    b'"A":"40.6"}}',
    b'{"result":null,"id":1}',
    b'{"e":"serverShutdown","E":1}',
)
MARKET_SEEDS: tuple[bytes, ...] = (
    b'{"e":"markPriceUpdate","E":1700000000000,"s":"BTCUSDT","p":"5000.5","i":"5000.4","P":"5000.3",'
    b'"r":"0.0001","T":1700006400000}',
    b'{"e":"assetIndexUpdate","E":1700000000000,"s":"USDCUSD","i":"0.9999","b":"0.0001","a":"0.0001",'
    b'"B":"0.99","A":"1.01","q":"0.05","g":"0.05","Q":"0.98","G":"1.02"}',
)
PRIVATE_SEEDS: tuple[bytes, ...] = (
    b'{"e":"ORDER_TRADE_UPDATE","E":1700000000000,"T":1700000000000,"o":{"s":"BTCUSDT","c":"ours","S":"BUY",'
    b'"o":"LIMIT","f":"GTC","q":"0.010","p":"5000.5","ap":"5000.5","sp":"0","x":"TRADE","X":"PARTIALLY_FILLED",'
    b'"i":77,"l":"0.005","z":"0.005","L":"5000.5","N":"USDT","n":"0.01","T":1700000000000,"t":501,"b":"0","a":"0",'
    b'"m":false,"R":false,"wt":"CONTRACT_PRICE","ot":"LIMIT","ps":"BOTH","cp":false,"rp":"0"}}',
    b'{"e":"ACCOUNT_UPDATE","E":1700000000000,"T":1700000000000,"a":{"m":"ORDER","B":[{"a":"USDT","wb":"122.5",'
    b'"cw":"100.1","bc":"0"}],"P":[{"s":"BTCUSDT","pa":"0.010","ep":"5000.5","cr":"0","up":"0","mt":"cross",'
    b'"iw":"0","ps":"BOTH"}]}}',
    b'{"e":"ALGO_UPDATE","E":1700000000000,"T":1700000000000,"o":{"caid":"ours","aid":88,"at":"CONDITIONAL",'
    b'"o":"STOP_MARKET","s":"BTCUSDT","S":"SELL","q":"0.010","X":"NEW","tp":"4000.5","p":"0","ai":""}}',
    b'{"e":"listenKeyExpired","E":1}',
    b'{"e":"MARGIN_CALL","E":1,"cw":"3","p":[{"s":"BTCUSDT","ps":"BOTH","pa":"1","mt":"CROSSED","mm":"1.6"}]}',
    b'{"e":"TRADE_LITE","E":1700000000000,"s":"BTCUSDT","q":"0.001","p":"0","m":false,"c":"x","S":"BUY",'
    b'"L":"5000.5","l":"0.001","t":1,"i":2,"T":1700000000000}',
)
REPLY_SEEDS: tuple[bytes, ...] = tuple(
    bytes([at]) + text
    for at, text in enumerate(
        (
            b'{"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":2400}],'
            b'"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT",'
            b'"contractType":"PERPETUAL","marginAsset":"USDT","deliveryDate":4133404800000,"filters":['
            b'{"filterType":"PRICE_FILTER","tickSize":"0.10","minPrice":"556.80","maxPrice":"4529764"},'
            b'{"filterType":"LOT_SIZE","stepSize":"0.001","minQty":"0.001","maxQty":"1000"},'
            b'{"filterType":"MIN_NOTIONAL","notional":"100"},'
            b'{"filterType":"PERCENT_PRICE","multiplierUp":"1.05","multiplierDown":"0.95"}]}]}',
            _DEPTH,
            b'{"symbol":"BTCUSDT","markPrice":"5000.5","indexPrice":"5000.4","lastFundingRate":"0.0001",'
            b'"nextFundingTime":1700006400000,"time":1700000000000}',
            b'[{"symbol":"BTCUSDT","fundingRate":"0.0001","fundingTime":1699977600000,"markPrice":"5000.5"},'
            b'{"symbol":"BTCUSDT","fundingRate":"0.0002","fundingTime":1700006400000,"markPrice":"5000.5"}]',
            b'{"orderId":77,"symbol":"BTCUSDT","status":"NEW","clientOrderId":"ours","side":"BUY",'
            b'"origQty":"0.010","executedQty":"0","type":"LIMIT","timeInForce":"GTC","price":"5000.5",'
            b'"updateTime":1700000000000}',
            b'{"symbol":"BTCUSDT","brackets":[{"bracket":1,"initialLeverage":125,"notionalCap":50000,'
            b'"notionalFloor":0,"maintMarginRatio":0.004,"cum":0.0},{"bracket":2,"initialLeverage":100,'
            b'"notionalCap":250000,"notionalFloor":50000,"maintMarginRatio":0.005,"cum":50.0}]}',
            b'{"maker":"0.001","taker":"0.002","buyer":"0","seller":"0.0001"}',
            b'{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT",'
            b'"isSpotTradingAllowed":true,"filters":['
            b'{"filterType":"PRICE_FILTER","tickSize":"0.01","minPrice":"0.01","maxPrice":"1000000"},'
            b'{"filterType":"LOT_SIZE","stepSize":"0.00001","minQty":"0.00001","maxQty":"9000"},'
            b'{"filterType":"MARKET_LOT_SIZE","stepSize":"0","minQty":"0","maxQty":"120"},'
            b'{"filterType":"NOTIONAL","minNotional":"5","applyMinToMarket":true,"maxNotional":"9000000",'
            b'"applyMaxToMarket":false,"avgPriceMins":5}]}',
        )
    )
)
