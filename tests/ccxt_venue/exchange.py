"""A small exchange on loopback in two dialects: OKX's and Bybit's, one market with a still book, one account.

Both sell the same bitcoin in contracts of another size, or as coins. No private stream: everything is asked
for. Stops wait until the test releases them.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from tests.wire.server import Asked, Script, Socket, encoded, serving

D = Decimal
BID, ASK, MARK = D("60000"), D("60001"), D("60000.5")
BID_SIZE, ASK_SIZE = D(2), D(3)
TAKER = D("0.0005")
HOUR_MS = 3_600_000
Query = dict[str, Any]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Refused(Exception):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Streams(Protocol):
    """Who talks on the exchange's public socket."""

    async def talk(self, socket: Socket) -> None: ...


class Exchange(ABC):
    """The account and the book, in base units. A dialect answers `METHOD /path` out of it."""

    name = market = ""
    contract = D(1)
    order_path = ""
    crossed = missing = over = poor = reduce = reached = ""
    """The dialect's codes."""

    def __init__(self, *, spot: bool = False) -> None:
        self.spot = spot
        self.coins = D(1) if spot else D(0)
        """What a spot account holds of the underlying."""
        self.active = True
        self.step = ""
        """Another size step than the usual one."""
        self.bid, self.ask = BID, ASK
        self.wallet = D(100_000)
        self.size = self.entry = D(0)
        self.orders: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.ledger: list[dict[str, Any]] = []
        self.asked: list[tuple[str, Query, dict[str, str]]] = []
        self.failing = self.twice = self.backwards = False
        self.replies: dict[str, Callable[[Query], bytes | None]] = {}
        """Said instead of the dialect's own; None cuts the connection."""
        self.seconds = 0.0
        self.fires_at: float | None = None
        self.hours = 8
        self.ahead_h, self.past = 1, 3
        """Hours to the next settlement, and how many of the past are told."""
        self.rate: Decimal | None = None
        """Of funding, coming and settled; None = a small one, and twice that was settled."""
        self.cap: Decimal | None = None
        """Bound of a funding rate, told with it."""
        self.shut: set[str] = set()
        """Coins that can be withdrawn by no chain; of any other by the second one."""
        self.rest = ""
        self.streams: Streams | None = None

    async def answer(self, asked: Asked) -> bytes | None:
        parts = urlsplit(asked.target)
        query: Query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if asked.body:
            said = json.loads(asked.body)
            query |= said[0] if isinstance(said, list) else said
        name = f"{asked.method} {parts.path}"
        self.asked.append((name, query, asked.headers))
        if name in self.replies:
            return self.replies[name](query)
        private = any(key in asked.headers for key in ("ok-access-key", "x-bapi-api-key"))
        if self.failing and private and name != self.order_path:
            return encoded(500, {}, b"no")
        try:
            return self.said(self.route(name, query))
        except Refused as error:
            return self.said(None, error)

    @abstractmethod
    def said(self, body: object, error: Refused | None = None) -> bytes:
        """A reply in the dialect's envelope."""

    @abstractmethod
    def route(self, name: str, query: Query) -> object:
        """What `METHOD /path` is answered with. Raises Refused."""

    @abstractmethod
    def release(self, order: dict[str, Any]) -> None:
        """The mark has reached the trigger of an order that waits."""

    # --- orders, in base units -----------------------------------------------------------------------------

    def open(self) -> list[dict[str, Any]]:
        return [each for each in self.orders if each["state"] == "live"]

    def waiting(self) -> list[dict[str, Any]]:
        return [each for each in self.orders if each["state"] == "waiting"]

    def place(self, name: str, side: str, quantity: Decimal, price: Decimal | None, kind: str,
              *, reduces: bool, trigger: Decimal | None = None) -> dict[str, Any]:  # fmt: skip
        sign = 1 if side == "buy" else -1
        if reduces and self.size * sign >= 0:
            raise Refused(self.reduce, "nothing to reduce")
        if reduces:
            quantity = min(quantity, abs(self.size))
        elif quantity * BID > self.wallet * 10 or (self.spot and sign < 0 and quantity > self.coins):
            raise Refused(self.poor, "not enough")
        if trigger is not None and (MARK - trigger) * sign >= 0:
            raise Refused(self.reached, "the trigger is reached already")
        best, most = (self.ask, ASK_SIZE) if sign > 0 else (self.bid, BID_SIZE)
        crosses = price is None or (price - best) * sign >= 0
        order = {
            "id": str(1000 + len(self.orders)), "name": name, "side": side, "quantity": quantity,
            "price": price, "kind": kind, "state": "live", "filled": D(0), "reduces": reduces,
            "why": "", "ms": now_ms(), "trigger": trigger, "algo": "", "became": "",
        }  # fmt: skip
        self.orders.append(order)
        if trigger is not None:
            order["state"] = "waiting"
            return order
        if kind == "post_only" and crosses:
            order["state"], order["why"] = "canceled", self.crossed
        elif crosses:
            self.fill(order, min(quantity, most), best, sign)
            order["state"] = "filled" if order["filled"] == quantity else "canceled"
        elif kind == "ioc":
            order["state"] = "canceled"
        return order

    def fill(self, order: dict[str, Any], quantity: Decimal, price: Decimal, sign: int) -> None:
        fee, change, coin = quantity * price * TAKER, quantity * sign, "USDT"
        if self.spot:
            self.coins += change
            self.wallet -= change * price
            if sign > 0:
                # A buyer pays in what he gets.
                fee, coin = quantity * TAKER, "BTC"
                self.coins -= fee
        elif self.size * change < 0:
            self.wallet += (price - self.entry) * -change
        else:
            self.entry = (self.entry * abs(self.size) + price * quantity) / (abs(self.size) + quantity)
        if not self.spot:
            self.size += change
        if coin == "USDT":
            self.wallet -= fee
        order["filled"] += quantity
        self.trades.append(
            {"id": str(500 + len(self.trades)), "order": order, "quantity": quantity, "price": price,
             "fee": fee, "coin": coin, "ms": now_ms(), "kind": "Trade"}
        )  # fmt: skip

    def cancel(self, order_id: str, name: str) -> dict[str, Any]:
        for order in self.orders:
            if (order_id and order["id"] == order_id) or (not order_id and order["name"] == name):
                if order["state"] not in ("live", "waiting"):
                    raise Refused(self.over, "already ended")
                order["state"] = "canceled"
                return order
        raise Refused(self.missing, "no such order")

    def young(self, since: object, until: object) -> list[dict[str, Any]]:
        """Newest first, as both venues list."""
        rows = [each for each in self.trades if int(str(since)) <= each["ms"] <= int(str(until))]
        rows = rows if self.backwards else rows[::-1]
        return [row for row in rows for _ in range(2)] if self.twice else rows

    def contracts(self, quantity: Decimal) -> str:
        return f"{(quantity / self.contract).normalize():f}"

    def passed(self, seconds: float) -> None:
        self.seconds += seconds
        if self.fires_at is not None and self.seconds >= self.fires_at:
            self.fires_at = None
            for order in self.open():
                order["state"] = "canceled"

    def due(self) -> int:
        return (now_ms() // HOUR_MS + self.ahead_h) * HOUR_MS

    def coming(self) -> str:
        return f"{D('0.0001') if self.rate is None else self.rate:f}"

    def settled(self) -> str:
        return f"{D('0.0002') if self.rate is None else self.rate:f}"


@asynccontextmanager
async def fake(server: Exchange) -> AsyncIterator[Exchange]:
    talk = None if server.streams is None else server.streams.talk
    async with serving(Script([server.answer], socket=talk)) as script:
        server.rest = script.host
        yield server
