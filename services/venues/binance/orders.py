"""Our orders on Binance: what is sent, whose frame a frame is, and what is told to the desk.

Frames name our client id themselves, with one exception: when a conditional order is released, an ordinary
one with a number of its own appears. Its frames wait here until the algo service has said which of ours it
is; they are never told as a stranger's, never dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from services.domain.enums import OrderType, TimeInForce
from services.domain.events import Event, OrderAccepted, OrderCanceled, OrderFilled, OrderRejected
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.venues.binance import frames, parse
from services.venues.binance import schemas as wire
from services.venues.binance.api import plain
from services.venues.binance.parse import ParseError
from services.venues.wire.numbers import wire_count, wire_decimal, wire_positive

KEEP = 20_000
"""Order ids remembered; far more than are open or young."""
OURS = re.compile(r"[0-9a-z]{20}")
"""The form of our client ids (SEMANTICS 7); the venue takes `[A-Za-z0-9_-]{1,32}`."""
LIQUIDATION, ADL = "autoclose-", "adl_autoclose"
CLOSED_BY_VENUE = ("settlement_autoclose-", "delivery_autoclose-")
ALGO = "a"
"""Before the venue's number of a conditional order: the two kinds are numbered apart."""
_RELEASED = ("TRIGGERING", "TRIGGERED", "FINISHED")
_ALGO_ENDED = ("CANCELED", "EXPIRED")

Key = tuple[str, int]
"""Symbol and order number: numbers are unique within a symbol."""


def order_query(order: OrderRequest, symbol: str) -> dict[str, str]:
    """`POST /order`. The final state is asked for where the order ends at once; fills never come from it."""
    query = {"symbol": symbol, "side": order.side.value.upper(), "quantity": plain(order.quantity)}
    if order.type is OrderType.MARKET:
        query |= {"type": "MARKET", "newOrderRespType": "RESULT"}
    else:
        if order.price is None:
            raise ParseError("a limit order without a price")
        ioc = order.tif is TimeInForce.IOC
        query |= {
            "type": "LIMIT",
            "timeInForce": "GTX" if order.post_only else "IOC" if ioc else "GTC",
            "price": plain(order.price),
            "newOrderRespType": "RESULT" if ioc else "ACK",
        }
    if order.reduce_only:
        query["reduceOnly"] = "true"
    return query | {"newClientOrderId": order.client_order_id}


def conditional_query(order: OrderRequest, symbol: str) -> dict[str, str]:
    """`POST /algoOrder`: it watches the mark, not the last trade, which is the venue's default."""
    if order.trigger is None:
        raise ParseError("a conditional order without a trigger")
    query = {
        "algoType": "CONDITIONAL",
        "symbol": symbol,
        "side": order.side.value.upper(),
        "type": "STOP_MARKET",
        "triggerPrice": plain(order.trigger),
        "quantity": plain(order.quantity),
        "workingType": "MARK_PRICE",
        "reduceOnly": "true",
        "clientAlgoId": order.client_order_id,
    }
    if order.type is OrderType.LIMIT:
        if order.price is None:
            raise ParseError("a limit order without a price")
        query |= {"type": "STOP", "price": plain(order.price), "timeInForce": "GTC"}
    return query


class OrderBook:
    """Which venue order is which of ours, and the frames that wait for it."""

    def __init__(
        self,
        venue: str,
        by_symbol: Mapping[str, Instrument],
        now: Callable[[], int],
        tell: Callable[[Event], None],
        trouble: Callable[[str], None],
    ) -> None:
        self._venue = venue
        self._by_symbol = by_symbol
        self._now = now
        self._tell = tell
        self._trouble = trouble
        self._names: dict[Key, str] = {}
        """Venue order -> its client id, ours or not."""
        self.conditionals: dict[str, tuple[str, int]] = {}
        """Our conditional orders that are not known to have ended: client id -> symbol, algo number."""
        self.sent: dict[str, int] = {}
        """Our sends of this process: client id -> venue time, ms."""
        self.fee_coins: dict[str, None] = {}
        """Coins that a fill's fee was paid in."""
        self._accepted: dict[str, None] = {}
        self._ended: dict[str, None] = {}
        self._orphans: dict[Key, list[frames.OrderFields]] = {}

    # --- what we sent ------------------------------------------------------------------------------------

    def sending(self, order: OrderRequest, now_ms: int) -> None:
        """Noted before it leaves: its frames may come before the reply."""
        self.sent[order.client_order_id] = now_ms
        while len(self.sent) > KEEP:
            del self.sent[next(iter(self.sent))]

    def placed(self, row: wire.Order, name: str) -> None:
        """The reply to a send of ours. A reply tells no fills: those have numbers and fees on the stream."""
        self.learn((row.symbol, row.orderId), name)
        state = parse.state_of(row)
        filled = wire_count(row.executedQty, "executedQty")
        at = self._at(row.updateTime or row.time)
        if row.status in parse.ENDED and filled == 0:
            if row.timeInForce == "GTX":
                self._would_cross(name, at)
            else:
                self._say_accepted(name, str(row.orderId), at)
                self._say_ended(name, row.status.lower(), filled, at)
            return
        if state is parse.STATES["REJECTED"]:
            self._tell(OrderRejected(self._venue, name, "rejected by the venue", at, self._now()))
            return
        self._say_accepted(name, str(row.orderId), at)

    def placed_conditional(self, row: wire.AlgoOrder, name: str) -> None:
        self.conditionals[name] = (row.symbol, row.algoId)
        self._say_accepted(name, f"{ALGO}{row.algoId}", self._at(row.createTime))

    # --- what the stream says ----------------------------------------------------------------------------

    def frame(self, order: frames.OrderFields) -> bool:
        """An order frame, of ours or not. False = nobody has said yet whose it is: `whose` will."""
        key = (order.s, order.i)
        name = self._names.get(key)
        if name is None:
            if not self.is_ours(order.c) and self._may_be_released(order):
                self._orphans.setdefault(key, []).append(order)
                return False
            name = order.c
            self.learn(key, name)
        self._told(order, name)
        return True

    def _may_be_released(self, order: frames.OrderFields) -> bool:
        forced = order.c.startswith((LIQUIDATION, ADL, *CLOSED_BY_VENUE))
        return not forced and any(symbol == order.s for symbol, _ in self.conditionals.values())

    def algo(self, order: frames.AlgoFields, at: int) -> None:
        """A conditional order's own frame."""
        name = order.caid
        if order.ai not in ("", 0, "0"):
            number = int(order.ai) if str(order.ai).isascii() and str(order.ai).isdigit() else 0
            if number <= 0:
                raise ParseError(f"actual order {order.ai!r:.30}")
            self.learn((order.s, number), name)
        if not self.is_ours(name):
            return
        match order.X:
            case "NEW":
                self.conditionals[name] = (order.s, order.aid)
                self._say_accepted(name, f"{ALGO}{order.aid}", at)
            case "REJECTED":
                # At the trigger the margin or the position was not there (binance.md 5.2).
                self.conditionals.pop(name, None)
                self._say_ended(name, f"rejected at its trigger: {order.rm or 'no reason'}", Decimal(0), at)
            case ended if ended in _ALGO_ENDED:
                self.conditionals.pop(name, None)
                self._say_ended(name, ended.lower(), Decimal(0), at)
            case released if released in _RELEASED:
                if order.X == "FINISHED":
                    self.conditionals.pop(name, None)
            case _:
                raise ParseError(f"algo status {order.X!r:.30}")

    def whose(self, key: Key, client_order_id: str) -> None:
        """Somebody asked the venue: the order is of this client id."""
        self.learn(key, client_order_id)

    def waiting(self) -> tuple[Key, ...]:
        """Venue orders of which frames wait."""
        return tuple(self._orphans)

    def name_of(self, key: Key) -> str | None:
        return self._names.get(key)

    def is_ours(self, client_order_id: str) -> bool:
        return client_order_id in self.sent or OURS.fullmatch(client_order_id) is not None

    def learn(self, key: Key, client_order_id: str) -> None:
        if key not in self._names or not self.is_ours(self._names[key]):
            self._names[key] = client_order_id
        while len(self._names) > KEEP:
            del self._names[next(iter(self._names))]
        for order in self._orphans.pop(key, ()):
            self._told(order, self._names[key])

    def _told(self, order: frames.OrderFields, name: str) -> None:
        at = parse.time_ns(order.T, "T")
        filled = wire_count(order.z, "z")
        wire_count(order.q, "q")
        parse.side_of(order.S)
        ours = self.is_ours(name)
        match order.x:
            case "NEW" | "AMENDMENT":
                if ours:
                    self._say_accepted(name, str(order.i), at)
            case "TRADE" | "CALCULATED":
                if wire_count(order.l, "l") > 0:
                    if ours:
                        self._say_accepted(name, str(order.i), at)
                    self._tell(self._fill(order, name))
                else:
                    self._trouble(f"{order.s}: {order.x} {order.X} of {order.c}: the venue closes a position")
            case "CANCELED" | "EXPIRED" | "REJECTED":
                if ours:
                    self._gone(order, name, filled, at)
            case _:
                raise ParseError(f"execution type {order.x!r:.30}")
        if order.x == "TRADE" and order.X in parse.ENDED and ours:
            self._gone(order, name, filled, at)

    def _gone(self, order: frames.OrderFields, name: str, filled: Decimal, at: int) -> None:
        if order.x == "REJECTED":
            self._tell(OrderRejected(self._venue, name, order.er or "rejected", at, self._now()))
        elif order.f == "GTX" and order.x == "EXPIRED" and filled == 0 and name not in self._accepted:
            self._would_cross(name, at)
        else:
            self._say_ended(name, f"{order.X.lower()} {order.er}".strip(), filled, at)

    def _would_cross(self, name: str, at: int) -> None:
        if name not in self._ended:
            _remember(self._ended, name)
            text = "post-only order would match at once"
            self._tell(OrderRejected(self._venue, name, text, at, self._now(), would_cross=True))

    def _say_accepted(self, name: str, order_id: str, at: int) -> None:
        if name not in self._accepted:
            _remember(self._accepted, name)
            self._tell(OrderAccepted(self._venue, name, order_id, at, self._now()))

    def _say_ended(self, name: str, reason: str, filled: Decimal, at: int) -> None:
        if name not in self._ended:
            _remember(self._ended, name)
            self._tell(OrderCanceled(self._venue, name, reason, filled, at, self._now()))

    def canceled(self, name: str, filled: Decimal, at: int) -> None:
        """The venue's reply to a cancel: its last word on the order."""
        self.conditionals.pop(name, None)
        self._say_ended(name, "canceled", filled, at)

    def _at(self, ms: int) -> int:
        return parse.time_ns(ms, "time") if ms else self._now()

    # --- fills -------------------------------------------------------------------------------------------

    def _fill(self, order: frames.OrderFields, name: str) -> OrderFilled:
        fee, coin = order.n, order.N
        if not fee and coin is None:
            fee, coin = Decimal(0), self._free_of_fee(order)
        if fee is None or coin is None:
            # Without its fee it is not booked; the venue's trades tell it whole.
            raise ParseError(f"fill {order.t} of {order.s} without a fee")
        return self._filled(
            order.s, name, order.i, order.t, order.S, order.l, order.L, fee, coin, order.m, order.T
        )

    def _free_of_fee(self, order: frames.OrderFields) -> str | None:
        """The coin of a commission of nothing, which the venue leaves out; None = it should be told."""
        spec = self._by_symbol.get(order.s)
        if spec is None or (order.n is None and (spec.maker_fee if order.m else spec.taker_fee) != 0):
            return None
        return spec.settle

    def ours(self, row: wire.Trade) -> OrderFilled:
        """A row of `userTrades`; whose it is has been asked before."""
        name = self.name_of((row.symbol, row.orderId)) or ""
        return self._filled(
            row.symbol,
            name,
            row.orderId,
            row.id,
            row.side,
            row.qty,
            row.price,
            row.commission,
            row.commissionAsset,
            row.maker,
            row.time,
        )

    def _filled(
        self,
        symbol: str,
        name: str,
        order_id: int,
        trade_id: int,
        side: str,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal,
        coin: str,
        maker: bool,
        at_ms: int,
    ) -> OrderFilled:
        if fee:
            self.fee_coins[coin] = None
        if name.startswith((LIQUIDATION, ADL, *CLOSED_BY_VENUE)):
            self._trouble(f"{symbol}: the venue has closed {quantity} ({name})")
        return OrderFilled(
            venue=self._venue,
            instrument=f"{symbol}.{self._venue}",
            client_order_id=name if self.is_ours(name) else "",
            venue_order_id=str(order_id),
            trade_id=str(trade_id),
            side=parse.side_of(side),
            quantity=wire_positive(quantity, f"{symbol} quantity"),
            price=wire_positive(price, f"{symbol} price"),
            fee=self._fee(symbol, wire_decimal(fee, f"{symbol} fee"), maker),
            fee_coin=coin,
            maker=maker,
            liquidation=name.startswith(LIQUIDATION),
            adl=name.startswith(ADL),
            ts_event=parse.time_ns(at_ms, f"{symbol} time of a fill"),
            ts=self._now(),
        )

    def _fee(self, symbol: str, fee: Decimal, maker: bool) -> Decimal:
        """Paid > 0. The documents show both signs for a fee that is paid; the account's own rate decides."""
        spec = self._by_symbol.get(symbol)
        rate = None if spec is None else spec.maker_fee if maker else spec.taker_fee
        if rate is None or rate == 0:
            return fee
        return abs(fee) if rate > 0 else -abs(fee)


def _remember(names: dict[str, None], name: str) -> None:
    names[name] = None
    while len(names) > KEEP:
        del names[next(iter(names))]
