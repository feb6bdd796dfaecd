"""The wire names of the FTX dialect, as msgspec decodes them: exact Decimals, unknown fields passed over.

Fields that a reader needs are required: a frame without them is refused by name. Numbers are checked again
where they become ours (`parse`): msgspec alone would take `NaN` written as text.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")
Level = tuple[Decimal, Decimal]


class Envelope(Struct, Generic[T]):
    """Around every REST reply."""

    success: bool
    result: T | None = None
    error: str = ""
    hasMoreData: bool = False


class Head(Struct):
    """The envelope's own word, its result passed over."""

    success: bool
    error: str = ""


class Market(Struct, frozen=True):
    name: str
    type: str
    enabled: bool
    priceIncrement: Decimal
    sizeIncrement: Decimal
    baseCurrency: str | None = None
    quoteCurrency: str | None = None
    underlying: str | None = None
    restricted: bool = False
    postOnly: bool = False
    minProvideSize: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None


class Tier(Struct, frozen=True):
    """A bracket of our server's margin table (marked extension)."""

    cap: Decimal | None
    initial: Decimal
    maintenance: Decimal
    cum: Decimal


class Future(Struct, frozen=True):
    name: str
    underlying: str
    perpetual: bool
    enabled: bool
    expired: bool
    mark: Decimal | None
    index: Decimal | None
    imfFactor: Decimal
    priceIncrement: Decimal
    sizeIncrement: Decimal
    expiry: str | None = None
    closeOnly: bool = False
    postOnly: bool = False
    settleCoin: str = "USD"
    """Marked extension: what the contract settles in; absent on the real exchange."""
    fundingHours: Decimal | None = None
    """Marked extension: hours between settlements; absent = 1."""
    marginTiers: tuple[Tier, ...] | None = None
    """Marked extension."""
    minNotional: Decimal | None = None
    """Marked extension, USD."""


class FutureStats(Struct, frozen=True):
    volume: Decimal | None = None
    openInterest: Decimal | None = None
    nextFundingRate: Decimal | None = None
    nextFundingTime: str | None = None


class FundingRate(Struct, frozen=True):
    future: str
    rate: Decimal
    time: str


class FundingPayment(Struct, frozen=True):
    id: int
    future: str
    payment: Decimal
    """Positive = the account paid."""
    rate: Decimal
    time: str
    size: Decimal | None = None
    """Marked extension: signed position at the instant."""
    price: Decimal | None = None
    """Marked extension: the price it was multiplied with."""


class Coin(Struct, frozen=True):
    id: str
    collateral: bool
    collateralWeight: Decimal
    usdFungible: bool = False
    initialWeight: Decimal | None = None
    """Marked extension: weight for new risk."""
    indexPrice: Decimal | None = None
    """In late 2022 replies: USD per coin."""
    canWithdraw: bool | None = None
    """False: withdrawals of it are suspended."""


class Position(Struct, frozen=True):
    future: str
    netSize: Decimal
    entryPrice: Decimal | None = None
    recentAverageOpenPrice: Decimal | None = None


class Account(Struct, frozen=True):
    collateral: Decimal
    freeCollateral: Decimal
    totalAccountValue: Decimal
    liquidating: bool
    leverage: Decimal
    makerFee: Decimal
    takerFee: Decimal
    positions: tuple[Position, ...] = ()
    withdrawEnabled: bool | None = None
    """Marked extension: whether this key may withdraw; unknown on the real exchange."""


class Balance(Struct, frozen=True):
    coin: str
    total: Decimal
    free: Decimal


class Order(Struct, frozen=True):
    id: int
    market: str
    side: str
    type: str
    size: Decimal
    filledSize: Decimal
    remainingSize: Decimal
    status: str
    reduceOnly: bool
    ioc: bool
    postOnly: bool
    clientId: str | None = None
    price: Decimal | None = None
    avgFillPrice: Decimal | None = None
    createdAt: str | None = None


class Conditional(Struct, frozen=True):
    id: int
    market: str
    side: str
    type: str
    size: Decimal
    status: str
    reduceOnly: bool
    triggerPrice: Decimal | None = None
    orderPrice: Decimal | None = None
    orderType: str = "market"
    orderId: int | None = None
    filledSize: Decimal | None = None
    error: str | None = None
    createdAt: str | None = None
    clientId: str | None = None
    """Marked extension: the dialect has none for conditional orders."""


class Fill(Struct, frozen=True):
    id: int
    market: str
    orderId: int
    side: str
    price: Decimal
    size: Decimal
    fee: Decimal
    """Paid > 0."""
    liquidity: str
    time: str
    feeCurrency: str | None = None
    type: str = "order"
    tradeId: int | None = None


class Transfer(Struct, frozen=True):
    """A deposit or a withdrawal."""

    id: int
    coin: str
    size: Decimal
    status: str
    time: str


class DeadMan(Struct, frozen=True):
    """Marked extension: the state of the dead-man's switch."""

    armed: bool
    firesAt: str | None = None
    fired: bool = False


class Candle(Struct, frozen=True):
    startTime: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


# Lock-step, a marked extension.


class Shown(Struct, frozen=True):
    """What of the market a step has changed, beside the books."""

    marks: bool
    coins: bool
    rates: tuple[str, ...]


class Step(Struct, frozen=True):
    now: int
    """Market time, ns."""
    world: str
    """Digest of all that shapes the served market."""
    next: int | None
    told: str
    """What the account was told, by the name of its kind; empty = nothing, time is where it was asked for."""
    venue: str
    shown: Shown | None
    frames: dict[str, int]
    """Handed to the account's streams so far, by venue."""
    waiting: dict[str, int]
    """Requests that wait for the exchange's word, by venue."""


# The stream.


class Ticker(Struct, frozen=True):
    time: Decimal
    """Seconds since the epoch."""
    bid: Decimal | None = None
    ask: Decimal | None = None
    bidSize: Decimal | None = None
    askSize: Decimal | None = None
    last: Decimal | None = None


class BookData(Struct, frozen=True):
    time: Decimal
    checksum: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    action: str


class Trade(Struct, frozen=True):
    id: int
    price: Decimal
    size: Decimal
    side: str
    liquidation: bool
    time: str


class Frame(Struct, frozen=True):
    """Any frame from the server; `data` is decoded by its channel."""

    type: str
    channel: str = ""
    market: str = ""
    code: int = 0
    msg: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


LATEST_S = 1e11
"""Seconds since 1970 from which on a time is none."""


class Moment(Struct, frozen=True, gc=False):
    """Of a ticker: the quote comes from the book, so its time is all that is read."""

    time: Annotated[float, msgspec.Meta(gt=0, lt=LATEST_S)]


# Fields in the order in which the venue writes them: each is found at the first look.


class TickerFrame(Struct, frozen=True, tag_field="channel", tag="ticker", gc=False):
    market: str
    type: str
    data: Moment


class BookFrame(Struct, frozen=True, tag_field="channel", tag="orderbook", gc=False):
    market: str
    type: str
    data: BookData


class OrderFrame(Struct, frozen=True, tag_field="channel", tag="orders", gc=False):
    type: str
    data: Order
    market: str = ""


class FillFrame(Struct, frozen=True, tag_field="channel", tag="fills", gc=False):
    type: str
    data: Fill
    market: str = ""


DATA = msgspec.json.Decoder(TickerFrame | BookFrame | OrderFrame | FillFrame)
"""What comes by the thousand, and what an order may wait for, in one go; everything else, and what it
refuses, is a `FRAME`."""
FRAME = msgspec.json.Decoder(Frame)
TICKER = msgspec.json.Decoder(Ticker)
BOOK = msgspec.json.Decoder(BookData)
TRADES = msgspec.json.Decoder(tuple[Trade, ...])
ORDER = msgspec.json.Decoder(Order)
FILL = msgspec.json.Decoder(Fill)
