"""The wire names of Binance's REST, as msgspec decodes them: exact Decimals, unknown fields passed over.

Fields that a reader needs are required: a frame without them is refused by name. Numbers are checked again
where they become ours (`parse`): msgspec alone would take `NaN` written as text.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

Level = tuple[Decimal, Decimal]

# Public REST.


class Time(Struct, frozen=True):
    serverTime: int


class RateLimit(Struct, frozen=True):
    rateLimitType: str
    interval: str
    intervalNum: int
    limit: int


class Filter(Struct, frozen=True):
    """One row of `filters`; which fields are there depends on its type."""

    filterType: str
    tickSize: Decimal | None = None
    minPrice: Decimal | None = None
    maxPrice: Decimal | None = None
    stepSize: Decimal | None = None
    minQty: Decimal | None = None
    maxQty: Decimal | None = None
    notional: Decimal | None = None
    multiplierUp: Decimal | None = None
    multiplierDown: Decimal | None = None
    # Spot alone.
    minNotional: Decimal | None = None
    maxNotional: Decimal | None = None
    applyMinToMarket: bool = True
    applyMaxToMarket: bool = True
    applyToMarket: bool = True
    bidMultiplierUp: Decimal | None = None
    bidMultiplierDown: Decimal | None = None
    askMultiplierUp: Decimal | None = None
    askMultiplierDown: Decimal | None = None
    maxPosition: Decimal | None = None


class Symbol(Struct, frozen=True):
    symbol: str
    status: str
    baseAsset: str
    quoteAsset: str
    filters: tuple[Filter, ...]
    contractType: str = ""
    marginAsset: str = ""
    deliveryDate: int = 0


class ExchangeInfo(Struct, frozen=True, kw_only=True):
    rateLimits: tuple[RateLimit, ...]
    symbols: tuple[Symbol, ...]
    unread: dict[str, str] = {}
    """Ours: symbols whose row cannot be read -> why; "" = one that does not even tell its name."""


class PremiumIndex(Struct, frozen=True):
    symbol: str
    markPrice: Decimal
    indexPrice: Decimal
    lastFundingRate: str
    """Empty for contracts that pay none."""
    nextFundingTime: int
    time: int


class FundingRate(Struct, frozen=True):
    symbol: str
    fundingRate: Decimal
    fundingTime: int
    markPrice: str = ""
    """Empty in the oldest rows."""


class FundingInfo(Struct, frozen=True):
    symbol: str
    fundingIntervalHours: int
    adjustedFundingRateCap: Decimal | None = None
    adjustedFundingRateFloor: Decimal | None = None


class BookTicker(Struct, frozen=True):
    symbol: str
    bidPrice: Decimal
    bidQty: Decimal
    askPrice: Decimal
    askQty: Decimal
    time: int = 0


class Depth(Struct, frozen=True):
    lastUpdateId: int
    bids: list[Level]
    asks: list[Level]


class AssetIndex(Struct, frozen=True):
    symbol: str
    index: Decimal
    bidBuffer: Decimal


# The account.


class AccountConfig(Struct, frozen=True):
    canTrade: bool
    dualSidePosition: bool
    multiAssetsMargin: bool


class SymbolConfig(Struct, frozen=True):
    symbol: str
    marginType: str
    leverage: int


class Bracket(Struct, frozen=True):
    initialLeverage: int
    notionalCap: Decimal
    notionalFloor: Decimal
    maintMarginRatio: Decimal
    cum: Decimal


class Brackets(Struct, frozen=True):
    symbol: str
    brackets: tuple[Bracket, ...]


class Commission(Struct, frozen=True):
    symbol: str
    makerCommissionRate: Decimal
    takerCommissionRate: Decimal


class Asset(Struct, frozen=True):
    asset: str
    walletBalance: Decimal


class Account(Struct, frozen=True):
    assets: list[Asset]


class Position(Struct, frozen=True):
    symbol: str
    positionSide: str
    positionAmt: Decimal
    entryPrice: Decimal
    adl: int | None = None


class Order(Struct, frozen=True):
    orderId: int
    symbol: str
    status: str
    clientOrderId: str
    side: str
    origQty: Decimal
    executedQty: Decimal
    type: str
    price: Decimal = Decimal(0)
    timeInForce: str = ""
    reduceOnly: bool = False
    positionSide: str = "BOTH"
    time: int = 0
    updateTime: int = 0


class AlgoOrder(Struct, frozen=True):
    """A conditional order; the reply to a send has the same names."""

    algoId: int
    clientAlgoId: str
    symbol: str
    side: str
    algoStatus: str
    triggerPrice: Decimal
    quantity: str = ""
    price: str = ""
    reduceOnly: bool = False
    positionSide: str = "BOTH"
    workingType: str = ""
    actualOrderId: int | str = ""
    """The ordinary order that it became."""
    createTime: int = 0


class Trade(Struct, frozen=True):
    symbol: str
    id: int
    orderId: int
    side: str
    price: Decimal
    qty: Decimal
    commission: Decimal
    commissionAsset: str
    time: int
    maker: bool = False
    positionSide: str = "BOTH"


class Income(Struct, frozen=True):
    incomeType: str
    income: Decimal
    asset: str
    time: int
    tranId: int
    symbol: str = ""


class Countdown(Struct, frozen=True):
    symbol: str
    countdownTime: int | str
    """The documents write it as text."""


class ListenKey(Struct, frozen=True):
    listenKey: str


class Empty(Struct, frozen=True):
    """A reply whose coming is all it says."""
