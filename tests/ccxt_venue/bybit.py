"""The small exchange in Bybit's words: contracts of a bitcoin, an inverse market beside, weeks of lists."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from tests.ccxt_venue.exchange import (
    ASK_SIZE,
    BID_SIZE,
    HOUR_MS,
    MARK,
    Exchange,
    Query,
    Refused,
    now_ms,
)
from tests.wire.server import encoded

D = Decimal
STATES = {"waiting": "Untriggered", "live": "New", "filled": "Filled", "canceled": "Cancelled"}
KINDS = {"GTC": "limit", "IOC": "ioc", "PostOnly": "post_only"}


def instrument(symbol: str, settle: str, kind: str) -> dict[str, object]:
    return {
        "symbol": symbol, "contractType": kind, "status": "Trading", "baseCoin": "BTC",
        "quoteCoin": "USDT" if settle == "USDT" else "USD", "settleCoin": settle,
        "launchTime": "1585526400000", "deliveryTime": "0", "deliveryFeeRate": "", "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
        "lotSizeFilter": {"maxOrderQty": "1190.000", "minOrderQty": "0.001", "qtyStep": "0.001",
                          "postOnlyMaxOrderQty": "1190.000", "maxMktOrderQty": "500.000",
                          "minNotionalValue": "5"},
        "unifiedMarginTrade": True, "fundingInterval": 480, "upperFundingRate": "0.005",
        "copyTrading": "both",
    }  # fmt: skip


class BybitExchange(Exchange):
    name, market = "bybit", "BTCUSDT"
    contract = D(1)
    order_path = "POST /v5/order/create"
    crossed, missing, over, poor, reduce = (
        "EC_PostOnlyWillTakeLiquidity", "110001", "110001", "110007", "110017",
    )  # fmt: skip
    reached = "110093"

    def __init__(self, *, spot: bool = False) -> None:
        super().__init__(spot=spot)
        self.category = "spot" if spot else "linear"
        self.wallet_rights: list[str] = ["AccountTransfer"]
        self.strangers: list[dict[str, object]] = []
        self.linear_only = False

    def said(self, body: object, error: Refused | None = None) -> bytes:
        code, text = (0, "OK") if error is None else (int(error.code), str(error))
        reply = {"retCode": code, "retMsg": text, "result": body or {}, "retExtInfo": {}, "time": now_ms()}
        return encoded(200, {"content-type": "application/json"}, json.dumps(reply).encode())

    def route(self, name: str, query: Query) -> object:
        match name.split(" ")[1].removeprefix("/v5/"):
            case "market/time":
                return {"timeSecond": str(now_ms() // 1000), "timeNano": str(now_ms() * 1_000_000)}
            case "market/instruments-info":
                return {
                    "category": query["category"],
                    "nextPageCursor": "",
                    "list": self.instruments(query["category"]),
                }
            case "market/risk-limit":
                return {"category": "linear", "list": [
                    {"id": 1, "symbol": self.market, "riskLimitValue": "2000000", "maintenanceMargin": "0.005",  # noqa: E501
                     "initialMargin": "0.01", "isLowestRisk": 1, "maxLeverage": "100.00", "mmDeduction": ""},
                    {"id": 2, "symbol": self.market, "riskLimitValue": "2600000", "maintenanceMargin": "0.0056",  # noqa: E501
                     "initialMargin": "0.0111", "isLowestRisk": 0, "maxLeverage": "90.00",
                     "mmDeduction": "1200"}]}  # fmt: skip
            case "market/orderbook":
                return {"s": self.market, "b": [[str(self.bid), str(BID_SIZE)], ["59990", "1"]],
                        "a": [[str(self.ask), str(ASK_SIZE)]], "ts": now_ms(), "u": 1, "seq": 2}  # fmt: skip
            case "market/tickers":
                index = "60000.1" if query.get("category") == "linear" else "59988.09998"
                return {"category": query["category"], "list": [
                    {"symbol": query.get("symbol", self.market), "lastPrice": "60000.5", "indexPrice": index,
                     "markPrice": str(MARK), "fundingRate": self.coming(), "nextFundingTime": str(self.due()),
                     "fundingIntervalHour": str(self.hours),
                     "fundingCap": "" if self.cap is None else str(self.cap), "bid1Price": str(self.bid),
                     "ask1Price": str(self.ask), "bid1Size": "2", "ask1Size": "3"}]}  # fmt: skip
            case "market/funding/history":
                last = self.due() - 8 * HOUR_MS
                return {"category": "linear", "list": [
                    {"symbol": self.market, "fundingRate": self.settled(),
                     "fundingRateTimestamp": str(last - n * self.hours * HOUR_MS)} for n in range(self.past)]}  # fmt: skip  # noqa: E501
            case "user/query-api":
                return {"readOnly": 0, "uta": 1, "unified": 0, "permissions": {"Wallet": self.wallet_rights}}
            case "asset/coin/query-info":
                return {"rows": [{"name": coin, "coin": coin, "chains": [
                    {"chain": chain, "chainDeposit": "1", "minAccuracy": "8", "withdrawMin": "1",
                     "chainWithdraw": "0" if coin in self.shut or chain == "ETH" else "1"}
                    for chain in ("ETH", "TRX")]} for coin in ("BTC", "USDT")]}  # fmt: skip
            case "account/info":
                return {"unifiedMarginStatus": 6, "marginMode": "REGULAR_MARGIN"}
            case "account/fee-rate":
                return {"list": [{"symbol": self.market, "takerFeeRate": "0.0005", "makerFeeRate": "0.0002"}]}
            case "account/wallet-balance":
                return {"list": [{"accountType": "UNIFIED", "coin": [*self.coin_rows(),
                    {"coin": "USDT", "walletBalance": str(self.wallet), "equity": str(self.wallet + 77),
                     "marginCollateral": True, "collateralSwitch": True, "locked": "0"}]}]}  # fmt: skip
            case "position/list":
                if self.linear_only and query["category"] == "inverse":
                    raise Refused("10001", "params error: category is invalid")
                there = [each for each in (*self.positions(), *self.strangers)
                         if self.settles(each) == query.get("settleCoin", "inverse")]  # fmt: skip
                return {"category": query["category"], "nextPageCursor": "", "list": there}
            case "order/realtime" | "order/history":
                history = name.endswith("history")
                assert query["category"] == self.category
                there = ("live", "waiting")
                rows = [each for each in self.orders if (each["state"] not in there) is history]
                wanted = query.get("orderLinkId")
                rows = [each for each in rows if wanted in (None, each["name"])]
                return {"category": "linear", "nextPageCursor": "", "list": [self.row(each) for each in rows]}
            case "execution/list":
                assert query["category"] == self.category
                assert int(query["endTime"]) - int(query["startTime"]) < 7 * 24 * HOUR_MS
                found = self.young(query["startTime"], query["endTime"])
                return {
                    "category": "linear",
                    "nextPageCursor": "",
                    "list": [self.trade(each) for each in found],
                }
            case "account/transaction-log":
                return {"nextPageCursor": "", "list": [
                    row for row in self.ledger
                    if int(query["startTime"]) <= int(row["transactionTime"]) <= int(query["endTime"])]}  # fmt: skip  # noqa: E501
            case "order/create":
                order = self.place(
                    query["orderLinkId"], query["side"].lower(), D(query["qty"]),
                    D(query["price"]) if query["orderType"] == "Limit" else None,
                    KINDS[query.get("timeInForce", "GTC")], reduces=query.get("reduceOnly") is True,
                    trigger=self.trigger(query),
                )  # fmt: skip
                return {"orderId": order["id"], "orderLinkId": order["name"]}
            case "order/cancel":
                order = self.cancel(query.get("orderId", ""), query.get("orderLinkId", ""))
                return {"orderId": order["id"], "orderLinkId": order["name"]}
        raise AssertionError(f"nobody asks {name}")

    def coin_rows(self) -> list[object]:
        if not self.spot:
            return []
        held = {"BTC": str(self.coins), "DOGE": "5"}
        return [{"coin": coin, "walletBalance": total, "equity": total} for coin, total in held.items()]

    def instruments(self, category: str) -> list[object]:
        if not self.active and category == self.category:
            return []
        if category == "inverse":
            return [instrument("BTCUSD", "BTC", "InversePerpetual")]
        row: dict[str, Any] = instrument(self.market, "USDT", "LinearPerpetual")
        if category == "spot":
            row |= {"lotSizeFilter": {"basePrecision": "0.000001", "quotePrecision": "0.0000001",
                                      "minOrderQty": "0.00001", "maxOrderQty": "100", "minOrderAmt": "5",
                                      "maxOrderAmt": "8000000"}, "marginTrading": "both"}  # fmt: skip
        elif self.step:
            row["lotSizeFilter"]["qtyStep"] = self.step
        return [row]

    def trigger(self, query: Query) -> Decimal | None:
        if not query.get("triggerPrice"):
            return None
        falling = query["side"] == "Sell"
        assert (query["triggerBy"], query["triggerDirection"]) == ("MarkPrice", 2 if falling else 1)
        return D(query["triggerPrice"])

    def release(self, order: dict[str, Any]) -> None:
        """It keeps its number and name."""
        sign = 1 if order["side"] == "buy" else -1
        self.fill(order, order["quantity"], self.ask if sign > 0 else self.bid, sign)
        order["state"] = "filled"

    def settles(self, position: dict[str, object]) -> str:
        """The coin that is asked for, or `inverse`."""
        symbol = str(position["symbol"])
        return "inverse" if symbol.endswith("USD") else "USDC" if symbol.endswith("PERP") else "USDT"

    def stranger(self, symbol: str, size: str) -> dict[str, object]:
        """A position in a market that no profile of ours names."""
        return {**self.position(D("1")), "symbol": symbol, "size": size, "avgPrice": "20"}

    def positions(self) -> list[dict[str, object]]:
        return [self.position(self.size)] if self.size else []

    def position(self, size: D) -> dict[str, object]:
        return {"symbol": self.market, "positionIdx": 0, "side": "Buy" if size > 0 else "Sell",
                "size": str(abs(size)), "avgPrice": str(self.entry), "markPrice": str(MARK),
                "positionValue": str(abs(size) * MARK), "leverage": "10", "adlRankIndicator": 2,
                "unrealisedPnl": "0", "positionIM": "1", "positionMM": "1", "tradeMode": 0,
                "updatedTime": str(now_ms()), "createdTime": str(now_ms())}  # fmt: skip

    def row(self, order: dict[str, Any]) -> dict[str, object]:
        return {"symbol": self.market, "orderId": order["id"], "orderLinkId": order["name"],
                "side": order["side"].capitalize(), "orderType": "Limit", "timeInForce": "GTC",
                "orderStatus": STATES[order["state"]], "qty": str(order["quantity"]),
                "cumExecQty": str(order["filled"]), "leavesQty": str(order["quantity"] - order["filled"]),
                "cumExecValue": "0", "price": str(order["price"] or 0), "avgPrice": "",
                "rejectReason": order["why"] or "EC_NoError", "reduceOnly": order["reduces"],
                "triggerPrice": str(order["trigger"] or ""), "takeProfit": "",
                "stopLoss": "", "tpslMode": "", "triggerDirection": 0,
                "createdTime": str(order["ms"]), "updatedTime": str(order["ms"])}  # fmt: skip

    def trade(self, trade: dict[str, Any]) -> dict[str, object]:
        order = trade["order"]
        return {"symbol": self.market, "execId": trade["id"], "orderId": order["id"],
                "orderLinkId": order["name"], "side": order["side"].capitalize(),
                "execPrice": str(trade["price"]), "execQty": str(trade["quantity"]),
                "execFee": str(trade["fee"]), "feeCurrency": trade["coin"], "execType": trade["kind"],
                "isMaker": False, "execTime": str(trade["ms"])}  # fmt: skip
