"""The small exchange in OKX's words: contracts of a hundredth of a bitcoin."""

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
    reached = "51280"

    def __init__(self, *, spot: bool = False) -> None:
        super().__init__(spot=spot)
        if spot:
            self.market, self.contract = "BTC-USDT", D(1)
        self.mode, self.rights = "net_mode", "read_only,trade"
        self.level = "3"
        self.dollars: Decimal | None = None
        """USDC beside the wallet's coin."""
        self.strangers: list[dict[str, object]] = []

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
                return self.instruments(str(query.get("instType")))
            case "public/position-tiers":
                return TIERS
            case "public/mark-price":
                return [{"instType": "SWAP", "instId": self.market, "markPx": str(MARK), "ts": str(now_ms())}]
            case "market/index-tickers":
                if query["quoteCcy"] == "USD":
                    return [{"instId": "USDT-USD", "idxPx": "0.9998", "ts": str(now_ms())},
                            {"instId": "BTC-USD", "idxPx": "59988.1", "ts": str(now_ms())}]  # fmt: skip
                return [{"instId": "BTC-USDT", "idxPx": "60000.1", "ts": str(now_ms())}]
            case "market/books":
                far = ["59990", "100", "0", "1"]
                return [{"bids": [[str(self.bid), self.contracts(BID_SIZE), "0", "1"], far],
                         "asks": [[str(self.ask), self.contracts(ASK_SIZE), "0", "1"]],
                         "ts": str(now_ms())}]  # fmt: skip
            case "public/funding-rate":
                bounds = (
                    {"maxFundingRate": f"{self.cap}", "minFundingRate": f"-{self.cap}"} if self.cap else {}
                )
                return [{"instId": self.market, "instType": "SWAP", "fundingRate": self.coming(), **bounds,
                         "fundingTime": str(self.due()), "nextFundingRate": "",
                         "nextFundingTime": str(self.due() + self.hours * HOUR_MS)}]  # fmt: skip
            case "public/funding-rate-history":
                last = self.due() - 8 * HOUR_MS
                return [{"instId": self.market, "instType": "SWAP", "fundingRate": self.settled(),
                         "realizedRate": self.settled(), "fundingTime": str(last - n * self.hours * HOUR_MS)}
                        for n in range(self.past)]  # fmt: skip
            case "asset/currencies":
                return [{"ccy": coin, "chain": f"{coin}-{chain}", "canDep": True,
                         "canWd": coin not in self.shut and chain != "ERC20", "canInternal": True,
                         "wdTickSz": "3", "minWd": "1", "maxWd": "100", "name": coin}
                        for coin in ("BTC", "USDT") for chain in ("ERC20", "TRC20")]  # fmt: skip
            case "account/config":
                return [{"acctLv": self.level, "posMode": self.mode, "perm": self.rights}]
            case "account/trade-fee":
                return [{"instType": "SWAP", "maker": "-0.0002", "taker": "-0.0005", "makerU": "-0.0002",
                         "takerU": "-0.0005", "ts": str(now_ms())}]  # fmt: skip
            case "account/balance":
                coins = (
                    [{"ccy": "BTC", "cashBal": str(self.coins), "eq": str(self.coins)}] if self.spot else []
                )
                if self.dollars is not None:
                    coins.append({"ccy": "USDC", "cashBal": str(self.dollars), "eq": str(self.dollars)})
                return [{"uTime": str(now_ms()), "details": [*coins,
                    {"ccy": "USDT", "cashBal": str(self.wallet), "eq": str(self.wallet + 77),
                     "availEq": str(self.wallet)}]}]  # fmt: skip
            case "account/positions":
                return self.positions()
            case "account/bills" | "account/bills-archive":
                return self.ledger
            case "trade/orders-pending":
                return [self.row(each) for each in self.open()]
            case "trade/orders-algo-pending":
                return [self.algo(each) for each in self.waiting() if query["ordType"] == "conditional,oco"]
            case "trade/orders-algo-history":
                return [self.algo(each) for each in self.orders if each["state"] == "effective"]
            case "trade/order-algo" if name.startswith("GET"):
                for order in self.orders:
                    if order["trigger"] is not None and query["algoClOrdId"] == order["name"]:
                        return [self.algo(order)]
                raise Refused("51603", "Order does not exist")
            case "trade/order-algo":
                return self.waits(query)
            case "trade/cancel-algos":
                order = self.cancel(query["algoId"], "")
                return [{"algoId": order["id"], "algoClOrdId": order["name"], "sCode": "0", "sMsg": ""}]
            case "trade/fills" | "trade/fills-history":
                assert query["instType"] == ("SPOT" if self.spot else "SWAP")
                return [self.trade(each) for each in self.young(query["begin"], query["end"])]
            case "trade/order":
                for order in self.orders:
                    if order["trigger"] is None and self.asked_for(order, query):
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

    def asked_for(self, order: dict[str, Any], query: Query) -> bool:
        by_name = bool(order["name"]) and query.get("clOrdId") == order["name"]
        return by_name or query.get("ordId") == order["id"]

    def instruments(self, kind: str) -> list[object]:
        if not self.active and kind == "SWAP":
            return [{**INSTRUMENT, "instId": "ETH-USDT-SWAP", "uly": "ETH-USDT", "ctValCcy": "ETH"}]
        more = {"lotSz": self.step} if self.step else {}
        if kind == "SWAP":
            return [{**INSTRUMENT, **more}]
        if kind == "SPOT":
            return [{**INSTRUMENT, "instType": "SPOT", "instId": "BTC-USDT", "baseCcy": "BTC",
                     "quoteCcy": "USDT",
                     "settleCcy": "", "ctVal": "", "ctMult": "", "ctValCcy": "", "ctType": "",
                     "lotSz": "0.00001", "minSz": "0.00001", **more}]  # fmt: skip
        return []

    def waits(self, query: Query) -> object:
        assert (query["ordType"], query["slTriggerPxType"]) == ("conditional", "mark")
        price = str(query["slOrdPx"])
        order = self.place(
            query["algoClOrdId"], query["side"], D(query["sz"]) * self.contract,
            None if price == "-1" else D(price), "limit",
            reduces=str(query.get("reduceOnly", "")).lower() == "true", trigger=D(query["slTriggerPx"]),
        )  # fmt: skip
        return [{"algoId": order["id"], "algoClOrdId": order["name"], "sCode": "0", "sMsg": ""}]

    def release(self, order: dict[str, Any]) -> None:
        """It becomes an order with a number of its own and no client id."""
        order["state"] = "effective"
        became = self.place("", order["side"], order["quantity"], order["price"], "limit", reduces=True)
        became["algo"], order["became"] = order["name"], became["id"]

    def algo(self, order: dict[str, Any]) -> dict[str, object]:
        state = {"waiting": "live", "effective": "effective"}.get(order["state"], "canceled")
        price = order["price"]
        return {"algoId": order["id"], "algoClOrdId": order["name"], "clOrdId": "", "ordId": order["became"],
                "instId": self.market, "instType": "SWAP", "ordType": "conditional", "state": state,
                "side": order["side"], "posSide": "net", "sz": self.contracts(order["quantity"]),
                "slTriggerPx": str(order["trigger"]), "slTriggerPxType": "mark",
                "slOrdPx": "-1" if price is None else str(price), "reduceOnly": str(order["reduces"]).lower(),
                "tdMode": "cross", "cTime": str(order["ms"]), "uTime": str(order["ms"])}  # fmt: skip

    def positions(self) -> object:
        return [*([self.position(self.size)] if self.size else []), *self.strangers]

    def stranger(self, symbol: str, size: str) -> dict[str, object]:
        """A position in a market that no profile of ours names."""
        return {**self.position(D(1)), "instId": symbol, "pos": size, "avgPx": "20"}

    def position(self, size: D) -> dict[str, object]:
        return {"instId": self.market, "instType": "SWAP", "mgnMode": "cross", "posSide": "net",
                "pos": self.contracts(size), "avgPx": str(self.entry), "markPx": str(MARK),
                "lever": "10", "adl": "2", "upl": "0", "imr": "1", "mmr": "1",
                "notionalUsd": str(abs(size) * MARK), "cTime": str(now_ms()),
                "uTime": str(now_ms())}  # fmt: skip

    def row(self, order: dict[str, object]) -> dict[str, object]:
        price = order["price"]
        kind = "SPOT" if self.spot else "SWAP"
        return {"instId": self.market, "instType": kind, "ordId": order["id"], "clOrdId": order["name"],
                "side": order["side"], "posSide": "net", "ordType": order["kind"], "state": order["state"],
                "sz": self.contracts(order["quantity"]), "accFillSz": self.contracts(order["filled"]),  # type: ignore[arg-type]
                "px": "" if price is None else str(price), "avgPx": "", "fee": "0", "feeCcy": "USDT",
                "reduceOnly": str(order["reduces"]).lower(), "cancelSource": order["why"],
                "cTime": str(order["ms"]), "uTime": str(order["ms"]), "fillTime": ""}  # fmt: skip

    def trade(self, trade: dict[str, object]) -> dict[str, object]:
        order = trade["order"]
        assert isinstance(order, dict)
        kind = "SPOT" if self.spot else "SWAP"
        return {"instType": kind, "instId": self.market, "tradeId": trade["id"], "ordId": order["id"],
                "clOrdId": order["name"], "billId": f"9{trade['id']}", "side": order["side"],
                "fillPx": str(trade["price"]), "fillSz": self.contracts(trade["quantity"]),  # type: ignore[arg-type]
                "fee": f"-{trade['fee']}", "feeCcy": trade["coin"], "execType": "T", "subType": "1",
                "ts": str(trade["ms"])}  # fmt: skip
