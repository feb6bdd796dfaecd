"""The wire names of spot's REST that differ from the futures' (binance.md 8), as msgspec decodes them."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.venues.binance import schemas as wire


class Symbol(wire.Symbol, frozen=True):
    isSpotTradingAllowed: bool = False
    orderTypes: tuple[str, ...] = ()


class ExchangeInfo(wire.ExchangeInfo, frozen=True, kw_only=True):
    symbols: tuple[Symbol, ...]


class AveragePrice(Struct, frozen=True):
    mins: int
    price: Decimal


class Rates(Struct, frozen=True):
    """Fractions of an order's worth; the last two come on top of the first two."""

    maker: Decimal
    taker: Decimal
    buyer: Decimal
    seller: Decimal


class Balance(Struct, frozen=True):
    asset: str
    free: Decimal
    locked: Decimal


class Account(Struct, frozen=True):
    canTrade: bool
    accountType: str
    commissionRates: Rates
    balances: list[Balance]
    canWithdraw: bool | None = None


class Order(Struct, frozen=True):
    """Also the reply to a send (`RESULT`) and to a cancel, which names the order by `origClientOrderId`."""

    symbol: str
    orderId: int
    clientOrderId: str
    status: str
    side: str
    type: str
    origQty: Decimal
    executedQty: Decimal
    price: Decimal = Decimal(0)
    timeInForce: str = ""
    stopPrice: Decimal = Decimal(0)
    isWorking: bool = True
    origClientOrderId: str = ""
    time: int = 0
    updateTime: int = 0
    transactTime: int = 0

    def plain(self) -> wire.Order:
        """In the words of futures."""
        return wire.Order(
            orderId=self.orderId,
            symbol=self.symbol,
            status=self.status,
            clientOrderId=self.origClientOrderId or self.clientOrderId,
            side=self.side,
            origQty=self.origQty,
            executedQty=self.executedQty,
            type=self.type,
            price=self.price,
            timeInForce=self.timeInForce,
            time=self.time,
            updateTime=self.updateTime or self.transactTime,
        )


class Trade(Struct, frozen=True):
    symbol: str
    id: int
    orderId: int
    price: Decimal
    qty: Decimal
    commission: Decimal
    commissionAsset: str
    time: int
    isBuyer: bool
    isMaker: bool

    def plain(self) -> wire.Trade:
        """In the words of futures."""
        return wire.Trade(
            symbol=self.symbol,
            id=self.id,
            orderId=self.orderId,
            side="BUY" if self.isBuyer else "SELL",
            price=self.price,
            qty=self.qty,
            commission=self.commission,
            commissionAsset=self.commissionAsset,
            time=self.time,
            maker=self.isMaker,
        )
