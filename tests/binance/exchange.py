"""A small exchange behind the scripted server: one market with a still book, one account, its own frames.

It knows what the client must be held against: fills come on the private stream, replies tell none.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from tests.binance.server import SYMBOL, FakeBinance, filters, now_ms, symbol_row

D = Decimal
BID, ASK = D("60000"), D("60001")
BID_SIZE, ASK_SIZE = D(2), D(3)
MARK = D("60000.5")
TAKER = D("0.0005")
Reply = tuple[int, dict[str, str], object]


def refused(code: int, text: str) -> Reply:
    return 400, {}, {"code": code, "msg": text}


class Exchange(FakeBinance):
    def __init__(self) -> None:
        super().__init__()
        self.wallet = D(100_000)
        self.size = self.entry = D(0)
        self.orders: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.algos: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.fires_at: float | None = None
        """Of the dead-man's switch, by `seconds`."""
        self.failing = self.twice = self.backwards = False
        self._tasks: set[asyncio.Task[None]] = set()
        wide = [
            {**row, "multiplierUp": "1.5", "multiplierDown": "0.5"} if "multiplierUp" in row else row
            for row in filters()
        ]
        self.say("GET /fapi/v1/exchangeInfo", {"rateLimits": [], "symbols": [symbol_row(filters=wide)]})
        self.routes |= {
            "POST /fapi/v1/order": self.place,
            "DELETE /fapi/v1/order": self.cancel,
            "GET /fapi/v1/order": self.look,
            "GET /fapi/v1/openOrders": lambda query: (200, {}, [self.row(each) for each in self.open()]),
            "GET /fapi/v1/userTrades": self.traded,
            "POST /fapi/v1/algoOrder": self.place_algo,
            "GET /fapi/v1/algoOrder": self.look_algo,
            "DELETE /fapi/v1/algoOrder": self.cancel_algo,
            "GET /fapi/v1/openAlgoOrders": lambda query: (200, {}, self.open_algos()),
            "POST /fapi/v1/countdownCancelAll": self.arm,
            "GET /fapi/v3/account": lambda query: (
                200, {}, {"assets": [{"asset": "USDT", "walletBalance": str(self.wallet)}]},
            ),
            "GET /fapi/v3/positionRisk": lambda query: (200, {}, self.positions()),
        }  # fmt: skip

    def open(self) -> list[dict[str, Any]]:
        return [each for each in self.orders if each["status"] in ("NEW", "PARTIALLY_FILLED")]

    def positions(self) -> list[dict[str, Any]]:
        if not self.size:
            return []
        return [{"symbol": SYMBOL, "positionSide": "BOTH", "positionAmt": str(self.size),
                 "entryPrice": str(self.entry), "adl": 0}]  # fmt: skip

    async def answer(self, asked: Any) -> bytes | None:
        if self.failing and "signature=" in asked.target and asked.method != "POST":
            return b"HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n"
        return await super().answer(asked)

    async def first_words(self, socket: Any, entry: str) -> None:
        await super().first_words(socket, entry)
        if entry == "market":
            index = {"e": "assetIndexUpdate", "E": now_ms(), "s": "USDTUSD", "i": "0.9998", "b": "0.0001"}
            await self.tell("market", [index])

    async def run_marks(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            await self.tell("market", self.mark())

    # --- orders ------------------------------------------------------------------------------------------

    def row(self, order: dict[str, Any]) -> dict[str, Any]:
        return {key: str(value) if isinstance(value, Decimal) else value for key, value in order.items()}

    def place(self, query: dict[str, str]) -> Reply:
        side, sign = query["side"], 1 if query["side"] == "BUY" else -1
        quantity, price = D(query["quantity"]), D(query.get("price", "0"))
        if any(each["clientOrderId"] == query["newClientOrderId"] for each in self.open()):
            return refused(-4116, "clientOrderId is duplicated")
        reduces = query.get("reduceOnly") == "true"
        if reduces and self.size * sign >= 0:
            return refused(-2022, "ReduceOnly Order is rejected.")
        if reduces:
            quantity = min(quantity, abs(self.size))
        elif quantity * BID > self.wallet * 10:
            return refused(-2019, "Margin is insufficient.")
        best, most = (ASK, ASK_SIZE) if sign > 0 else (BID, BID_SIZE)
        crosses = price == 0 or (price - best) * sign >= 0
        if query.get("timeInForce") == "GTX" and crosses:
            return refused(-5022, "Post Only order will be rejected.")
        order = {
            "orderId": len(self.orders) + 1, "symbol": SYMBOL, "status": "NEW", "side": side,
            "clientOrderId": query["newClientOrderId"], "origQty": quantity, "executedQty": D(0),
            "type": query["type"], "timeInForce": query.get("timeInForce", "GTC"), "price": price,
            "reduceOnly": reduces, "positionSide": "BOTH", "updateTime": now_ms(),
        }  # fmt: skip
        self.orders.append(order)
        said = [self.frame(order, "NEW")]
        if crosses:
            said.append(self.fill(order, min(quantity, most), best, sign))
            if order["status"] != "FILLED":
                order["status"] = "EXPIRED"
                said.append(self.frame(order, "EXPIRED"))
        self.send(said)
        return 200, {}, self.row(order)

    def fill(self, order: dict[str, Any], quantity: Decimal, price: Decimal, sign: int) -> dict[str, object]:
        fee = quantity * price * TAKER
        change = quantity * sign
        if self.size * change < 0:
            self.wallet += (price - self.entry) * -change
        else:
            self.entry = (self.entry * abs(self.size) + price * quantity) / (abs(self.size) + quantity)
        self.size += change
        self.wallet -= fee
        order["executedQty"] += quantity
        order["status"] = "FILLED" if order["executedQty"] == order["origQty"] else "PARTIALLY_FILLED"
        trade = {
            "symbol": SYMBOL, "id": 500 + len(self.trades), "orderId": order["orderId"],
            "side": order["side"], "price": str(price), "qty": str(quantity), "commission": str(fee),
            "commissionAsset": "USDT", "time": now_ms(), "maker": False,
        }  # fmt: skip
        self.trades.append(trade)
        more = {"l": str(quantity), "L": str(price), "t": trade["id"], "n": str(fee), "N": "USDT",
                "T": trade["time"]}  # fmt: skip
        return self.frame(order, "TRADE", **more)

    def frame(self, order: dict[str, Any], kind: str, **more: object) -> dict[str, object]:
        return self.order_frame(
            order["clientOrderId"], x=kind, X=order["status"], i=order["orderId"], S=order["side"],
            q=str(order["origQty"]), z=str(order["executedQty"]), f=order["timeInForce"], **more,
        )  # fmt: skip

    def send(self, said: list[dict[str, object]]) -> None:
        if self.backwards:
            said = said[::-1]
        if self.twice:
            said = [frame for frame in said for _ in range(2)]

        async def sending() -> None:
            for frame in said:
                await self.tell("private", frame)

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
        order = self.found(query)
        if order is None or order not in self.open():
            return refused(-2011, "Unknown order sent.")
        order["status"] = "CANCELED"
        self.send([self.frame(order, "CANCELED")])
        return 200, {}, self.row(order)

    def traded(self, query: dict[str, str]) -> Reply:
        rows = [
            row
            for row in self.trades
            if query.get("orderId") in (None, str(row["orderId"]))
            and int(query.get("startTime", "0")) <= row["time"] <= int(query.get("endTime", str(10**15)))
        ]
        return 200, {}, rows

    # --- conditional orders, the switch ------------------------------------------------------------------

    def open_algos(self) -> list[dict[str, Any]]:
        return [each for each in self.algos if each["algoStatus"] == "NEW"]

    def place_algo(self, query: dict[str, str]) -> Reply:
        sign = 1 if query["side"] == "BUY" else -1
        if (MARK - D(query["triggerPrice"])) * sign >= 0:
            return refused(-2021, "Order would immediately trigger.")
        algo = {
            "algoId": len(self.algos) + 1, "clientAlgoId": query["clientAlgoId"], "symbol": SYMBOL,
            "side": query["side"], "algoStatus": "NEW", "triggerPrice": query["triggerPrice"],
            "quantity": query["quantity"], "reduceOnly": query["reduceOnly"] == "true",
            "workingType": query["workingType"], "createTime": now_ms(),
        }  # fmt: skip
        self.algos.append(algo)
        self.send([self.algo_frame(algo)])
        return 200, {}, algo

    def algo_frame(self, algo: dict[str, Any]) -> dict[str, object]:
        told = {"caid": algo["clientAlgoId"], "aid": algo["algoId"], "s": SYMBOL, "X": algo["algoStatus"]}
        return {"e": "ALGO_UPDATE", "E": now_ms(), "T": now_ms(), "o": told}

    def found_algo(self, query: dict[str, str]) -> dict[str, Any] | None:
        wanted = (query.get("algoId"), query.get("clientAlgoId"))
        return next(
            (a for a in self.algos if str(a["algoId"]) == wanted[0] or a["clientAlgoId"] == wanted[1]), None
        )

    def look_algo(self, query: dict[str, str]) -> Reply:
        algo = self.found_algo(query)
        return refused(-2013, "Order does not exist.") if algo is None else (200, {}, algo)

    def cancel_algo(self, query: dict[str, str]) -> Reply:
        algo = self.found_algo(query)
        if algo is None or algo["algoStatus"] != "NEW":
            return refused(-2011, "Unknown order sent.")
        algo["algoStatus"] = "CANCELED"
        self.send([self.algo_frame(algo)])
        return 200, {}, {"algoId": algo["algoId"]}

    def arm(self, query: dict[str, str]) -> Reply:
        countdown = int(query["countdownTime"])
        self.fires_at = self.seconds + countdown / 1000 if countdown else None
        return 200, {}, {"symbol": query["symbol"], "countdownTime": countdown}

    def passed(self, seconds: float) -> None:
        """Time of the switch goes by: fired, it takes ordinary orders alone."""
        self.seconds += seconds
        if self.fires_at is None or self.seconds < self.fires_at:
            return
        self.fires_at = None
        for order in self.open():
            order["status"] = "CANCELED"
            self.send([self.frame(order, "CANCELED")])
