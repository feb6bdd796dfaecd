"""The small exchange in OKX's words: contracts of a hundredth of a bitcoin."""

from __future__ import annotations

import json
from decimal import Decimal

from tests.ccxt_venue.exchange import (
    ASK,
    ASK_SIZE,
    BID,
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
INSTRUMENT = {
    "instType": "SWAP", "instId": "BTC-USDT-SWAP", "uly": "BTC-USDT", "instFamily": "BTC-USDT",
    "baseCcy": "", "quoteCcy": "", "settleCcy": "USDT", "ctVal": "0.01", "ctMult": "1", "ctValCcy": "BTC",
    "tickSz": "0.1", "lotSz": "0.01", "minSz": "0.01", "ctType": "linear", "state": "live", "lever": "100",
    "listTime": "1611916828000", "expTime": "", "maxMktSz": "12000", "maxLmtSz": "100000000", "alias": "",
}  # fmt: skip
TIERS = [
    {"instFamily": "BTC-USDT", "uly": "BTC-USDT", "tier": "1", "minSz": "0", "maxSz": "1000", "mmr": "0.004",
     "imr": "0.01", "maxLever": "100"},
    {"instFamily": "BTC-USDT", "uly": "BTC-USDT", "tier": "2", "minSz": "1000", "maxSz": "5000",
     "mmr": "0.01", "imr": "0.02", "maxLever": "50"},
]  # fmt: skip


class OkxExchange(Exchange):
    name, market = "okx", "BTC-USDT-SWAP"
    contract = D("0.01")
    order_path = "POST /api/v5/trade/batch-orders"
    crossed, missing, over, poor, reduce = "31", "51400", "51402", "51008", "51169"

    def __init__(self) -> None:
        super().__init__()
        self.mode, self.rights = "net_mode", "read_only,trade"

    def said(self, body: object, error: Refused | None = None) -> bytes:
        if error is None:
            return encoded(200, {"content-type": "application/json"},
                           json.dumps({"code": "0", "msg": "", "data": body}).encode())  # fmt: skip
        row = {"sCode": error.code, "sMsg": str(error), "ordId": "", "clOrdId": ""}
        code = "1" if error.code != "51603" else error.code
        return encoded(200, {"content-type": "application/json"},
                       json.dumps({"code": code, "msg": "", "data": [row]}).encode())  # fmt: skip

    def route(self, name: str, query: Query) -> object:
        path = name.split(" ")[1].removeprefix("/api/v5/")
        match path:
            case "public/time":
                return [{"ts": str(now_ms())}]
            case "public/instruments":
                return [INSTRUMENT] if query.get("instType") == "SWAP" else []
            case "public/position-tiers":
                return TIERS
            case "public/mark-price":
                return [{"instType": "SWAP", "instId": self.market, "markPx": str(MARK), "ts": str(now_ms())}]
            case "market/index-tickers":
                if query["quoteCcy"] == "USD":
                    return [{"instId": "USDT-USD", "idxPx": "0.9998", "ts": str(now_ms())}]
                return [{"instId": "BTC-USDT", "idxPx": "60000.1", "ts": str(now_ms())}]
            case "market/books":
                return [{"bids": [[str(BID), self.contracts(BID_SIZE), "0", "1"], ["59990", "100", "0", "1"]],
                         "asks": [[str(ASK), self.contracts(ASK_SIZE), "0", "1"]],
                         "ts": str(now_ms())}]  # fmt: skip
            case "public/funding-rate":
                return [{"instId": self.market, "instType": "SWAP", "fundingRate": "0.0001",
                         "fundingTime": str(self.due()), "nextFundingRate": "",
                         "nextFundingTime": str(self.due() + self.hours * HOUR_MS)}]  # fmt: skip
            case "public/funding-rate-history":
                last = self.due() - 8 * HOUR_MS
                return [{"instId": self.market, "instType": "SWAP", "fundingRate": "0.0002",
                         "realizedRate": "0.0002", "fundingTime": str(last - n * self.hours * HOUR_MS)}
                        for n in range(3)]  # fmt: skip
            case "account/config":
                return [{"acctLv": "3", "posMode": self.mode, "perm": self.rights}]
            case "account/trade-fee":
                return [{"instType": "SWAP", "maker": "-0.0002", "taker": "-0.0005", "makerU": "-0.0002",
                         "takerU": "-0.0005", "ts": str(now_ms())}]  # fmt: skip
            case "account/balance":
                return [{"uTime": str(now_ms()), "details": [
                    {"ccy": "USDT", "cashBal": str(self.wallet), "eq": str(self.wallet + 77),
                     "availEq": str(self.wallet)}]}]  # fmt: skip
            case "account/positions":
                return self.positions()
            case "account/bills" | "account/bills-archive":
                return self.ledger
            case "trade/orders-pending":
                return [self.row(each) for each in self.open()]
            case "trade/fills-history":
                return [self.trade(each) for each in self.young(query["begin"], query["end"])]
            case "trade/order":
                for order in self.orders:
                    if query.get("clOrdId") == order["name"]:
                        return [self.row(order)]
                raise Refused("51603", "Order does not exist")
            case "trade/batch-orders":
                return self.placed(query)
            case "trade/cancel-order":
                order = self.cancel(query.get("ordId", ""), query.get("clOrdId", ""))
                return [{"ordId": order["id"], "clOrdId": order["name"], "sCode": "0", "sMsg": ""}]
            case "trade/cancel-all-after":
                seconds = int(query["timeOut"])
                self.fires_at = self.seconds + seconds if seconds else None
                return [
                    {"triggerTime": str(now_ms() + seconds * 1000) if seconds else "0", "ts": str(now_ms())}
                ]
        raise AssertionError(f"nobody asks {name}")

    def placed(self, query: Query) -> object:
        kind = query["ordType"]
        order = self.place(
            query["clOrdId"], query["side"], D(query["sz"]) * self.contract,
            None if kind == "market" else D(query["px"]), kind,
            reduces=str(query.get("reduceOnly", "")).lower() == "true",
        )  # fmt: skip
        return [{"ordId": order["id"], "clOrdId": order["name"], "sCode": "0", "sMsg": "", "tag": ""}]

    def positions(self) -> object:
        if not self.size:
            return []
        return [{"instId": self.market, "instType": "SWAP", "mgnMode": "cross", "posSide": "net",
                 "pos": self.contracts(self.size), "avgPx": str(self.entry), "markPx": str(MARK),
                 "lever": "10", "adl": "2", "upl": "0", "imr": "1", "mmr": "1",
                 "notionalUsd": str(abs(self.size) * MARK), "cTime": str(now_ms()),
                 "uTime": str(now_ms())}]  # fmt: skip

    def row(self, order: dict[str, object]) -> dict[str, object]:
        price = order["price"]
        return {"instId": self.market, "instType": "SWAP", "ordId": order["id"], "clOrdId": order["name"],
                "side": order["side"], "posSide": "net", "ordType": order["kind"], "state": order["state"],
                "sz": self.contracts(order["quantity"]), "accFillSz": self.contracts(order["filled"]),  # type: ignore[arg-type]
                "px": "" if price is None else str(price), "avgPx": "", "fee": "0", "feeCcy": "USDT",
                "reduceOnly": str(order["reduces"]).lower(), "cancelSource": order["why"],
                "cTime": str(order["ms"]), "uTime": str(order["ms"]), "fillTime": ""}  # fmt: skip

    def trade(self, trade: dict[str, object]) -> dict[str, object]:
        order = trade["order"]
        assert isinstance(order, dict)
        return {"instType": "SWAP", "instId": self.market, "tradeId": trade["id"], "ordId": order["id"],
                "clOrdId": order["name"], "billId": f"9{trade['id']}", "side": order["side"],
                "fillPx": str(trade["price"]), "fillSz": self.contracts(trade["quantity"]),  # type: ignore[arg-type]
                "fee": f"-{trade['fee']}", "feeCcy": "USDT", "execType": "T", "subType": "1",
                "ts": str(trade["ms"])}  # fmt: skip
