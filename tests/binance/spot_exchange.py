"""A small spot exchange behind the scripted server: one still market, one account of coins, its own events.

Its books are written apart from ours by intent: a buy's commission is taken from the bought coin, a sale's
from what it brought, unless BNB pays; all to eight places.
"""

from __future__ import annotations

import asyncio
from decimal import ROUND_DOWN, Decimal
from typing import Any

from tests.binance.server import now_ms
from tests.binance.spot_server import SYMBOL, FakeSpot, account_row

D = Decimal
BID, ASK = D("60000"), D("60001")
BID_SIZE, ASK_SIZE = D(2), D(1)
TAKER = D("0.001")
BNB_PRICE = D(600)
PLACES = D("0.00000001")
Reply = tuple[int, dict[str, str], object]


def refused(code: int, text: str) -> Reply:
    return 400, {}, {"code": code, "msg": text}


def text(number: Decimal) -> str:
    return f"{number.quantize(PLACES):f}"


class SpotExchange(FakeSpot):
    def __init__(self, *, pays_in_bnb: bool = False) -> None:
        super().__init__()
        self.free = {"USDT": D(1_000_000), "BTC": D(5), "BNB": D(10)}
        self.locked = dict.fromkeys(self.free, D(0))
        self.pays_in_bnb = pays_in_bnb
        self.orders: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.failing = self.twice = self.backwards = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.routes |= {
            "POST /api/v3/order": self.place,
            "DELETE /api/v3/order": self.cancel,
            "GET /api/v3/order": self.look,
            "GET /api/v3/openOrders": lambda query: (200, {}, [self.row(each) for each in self.open()]),
            "GET /api/v3/myTrades": self.traded,
            "GET /api/v3/account": lambda query: (200, {}, account_row(balances=self.balances())),
        }

    def balances(self) -> list[dict[str, str]]:
        return [
            {"asset": coin, "free": text(free), "locked": text(self.locked[coin])}
            for coin, free in self.free.items()
        ]

    def total(self, coin: str) -> Decimal:
        return self.free[coin] + self.locked[coin]

    def open(self) -> list[dict[str, Any]]:
        return [each for each in self.orders if each["status"] in ("NEW", "PARTIALLY_FILLED")]

    async def answer(self, asked: Any) -> bytes | None:
        if self.failing and "signature=" in asked.target and asked.method != "POST":
            return b"HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n"
        return await super().answer(asked)

    def row(self, order: dict[str, Any], **more: object) -> dict[str, object]:
        plain = {key: text(value) if isinstance(value, Decimal) else value for key, value in order.items()}
        return plain | more

    # --- orders ------------------------------------------------------------------------------------------

    def place(self, query: dict[str, str]) -> Reply:
        side, sign = query["side"], 1 if query["side"] == "BUY" else -1
        quantity, price = D(query["quantity"]), D(query.get("price", "0"))
        if "reduceOnly" in query or "positionSide" in query:
            return refused(-1104, "Not all sent parameters were read.")
        if any(each["clientOrderId"] == query["newClientOrderId"] for each in self.open()):
            return refused(-2010, "Duplicate order sent.")
        coin, needed = ("USDT", quantity * (price or ASK)) if sign > 0 else ("BTC", quantity)
        if needed > self.free[coin]:
            return refused(-2010, "Account has insufficient balance for requested action.")
        best, most = (ASK, ASK_SIZE) if sign > 0 else (BID, BID_SIZE)
        crosses = price == 0 or (price - best) * sign >= 0
        if query["type"] == "LIMIT_MAKER" and crosses:
            return refused(-2010, "Order would immediately match and take.")
        order = {
            "symbol": SYMBOL, "orderId": len(self.orders) + 1, "clientOrderId": query["newClientOrderId"],
            "price": price, "origQty": quantity, "executedQty": D(0), "status": "NEW",
            "timeInForce": query.get("timeInForce", "GTC"), "type": query["type"], "side": side,
            "stopPrice": D(0), "isWorking": True, "transactTime": now_ms(),
        }  # fmt: skip
        self.orders.append(order)
        said = [self.frame(order, "NEW")]
        if crosses:
            said.append(self.fill(order, min(quantity, most), best, sign))
            if order["status"] != "FILLED":
                order["status"] = "EXPIRED"
                said.append(self.frame(order, "EXPIRED", eR="INSUFFICIENT_LIQUIDITY"))
        else:
            self.lock(coin, needed)
        self.send([*said, self.position()])
        return 200, {}, self.row(order)

    def lock(self, coin: str, amount: Decimal) -> None:
        self.free[coin] -= amount
        self.locked[coin] += amount

    def fill(self, order: dict[str, Any], quantity: Decimal, price: Decimal, sign: int) -> dict[str, object]:
        got, amount = ("BTC", quantity) if sign > 0 else ("USDT", quantity * price)
        coin, fee = got, amount * TAKER
        if self.pays_in_bnb:
            coin, fee = "BNB", quantity * price * TAKER / BNB_PRICE
        fee = fee.quantize(PLACES, rounding=ROUND_DOWN)
        self.free["BTC"] += quantity * sign
        self.free["USDT"] -= quantity * price * sign
        self.free[coin] -= fee
        order["executedQty"] += quantity
        order["status"] = "FILLED" if order["executedQty"] == order["origQty"] else "PARTIALLY_FILLED"
        trade = {
            "symbol": SYMBOL, "id": 500 + len(self.trades), "orderId": order["orderId"], "price": text(price),
            "qty": text(quantity), "quoteQty": text(quantity * price), "commission": text(fee),
            "commissionAsset": coin, "time": now_ms(), "isBuyer": sign > 0, "isMaker": False,
        }  # fmt: skip
        self.trades.append(trade)
        more = {"l": text(quantity), "L": text(price), "t": trade["id"], "n": text(fee), "N": coin,
                "T": trade["time"]}  # fmt: skip
        return self.frame(order, "TRADE", **more)

    def frame(self, order: dict[str, Any], kind: str, **more: object) -> dict[str, object]:
        return self.report(
            order["clientOrderId"], x=kind, X=order["status"], i=order["orderId"], S=order["side"],
            q=text(order["origQty"]), z=text(order["executedQty"]), f=order["timeInForce"], **more,
        )  # fmt: skip

    def position(self) -> dict[str, object]:
        rows = [{"a": row["asset"], "f": row["free"], "l": row["locked"]} for row in self.balances()]
        return {"e": "outboundAccountPosition", "E": now_ms(), "u": now_ms(), "B": rows}

    def send(self, said: list[dict[str, object]]) -> None:
        if self.backwards:
            said = said[::-1]
        if self.twice:
            said = [frame for frame in said for _ in range(2)]

        async def sending() -> None:
            for frame in said:
                await self.event(frame)

        task = asyncio.get_running_loop().create_task(sending())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def found(self, query: dict[str, str]) -> dict[str, Any] | None:
        for order in self.orders:
            if query.get("orderId") == str(order["orderId"]):
                return order
            if query.get("origClientOrderId") == order["clientOrderId"]:
                return order
        return None

    def look(self, query: dict[str, str]) -> Reply:
        order = self.found(query)
        return refused(-2013, "Order does not exist.") if order is None else (200, {}, self.row(order))

    def cancel(self, query: dict[str, str]) -> Reply:
        """The cancel has an id of its own; the order's stands beside it."""
        order = self.found(query)
        if order is None or order not in self.open():
            return refused(-2011, "Unknown order sent.")
        order["status"] = "CANCELED"
        coin, amount = ("BTC", order["origQty"])
        if order["side"] == "BUY":
            coin, amount = "USDT", order["origQty"] * order["price"]
        self.lock(coin, -amount)
        ours, own = order["clientOrderId"], f"cancel-{order['orderId']}"
        self.send([self.frame(order, "CANCELED") | {"c": own, "C": ours}, self.position()])
        return 200, {}, self.row(order, clientOrderId=own, origClientOrderId=ours)

    def traded(self, query: dict[str, str]) -> Reply:
        rows = [
            row
            for row in self.trades
            if query.get("orderId") in (None, str(row["orderId"]))
            and row["id"] >= int(query.get("fromId", 0))
        ]
        return 200, {}, rows[-int(query.get("limit", "500")) :]
