"""A scripted Binance spot on loopback: REST by path, market streams, the account on the WebSocket API."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from services.venues.binance.hosts import SpotHosts, SpotSettings
from services.venues.binance.spot.build import build_spot
from services.venues.binance.spot.venue import SpotVenue
from services.venues.wire.bans import Bans
from tests.binance.server import PATIENCE_S, QUICK, FakeBinance, Heard, fake, now_ms

SYMBOL = "BTCUSDT"
KEY, SECRET = "key", "secret"


def filters(**bands: str) -> list[dict[str, object]]:
    band = {"bidMultiplierUp": "1.5", "bidMultiplierDown": "0.5", "askMultiplierUp": "1.5",
            "askMultiplierDown": "0.5", "avgPriceMins": 5}  # fmt: skip
    return [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.0", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00010", "maxQty": "9000.00", "stepSize": "0.00010000"},
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.0", "maxQty": "120.5", "stepSize": "0.00000000"},
        {"filterType": "PERCENT_PRICE_BY_SIDE", **band, **bands},
        {"filterType": "NOTIONAL", "minNotional": "5.0", "applyMinToMarket": True, "maxNotional": "9000000.0",
         "applyMaxToMarket": False, "avgPriceMins": 5},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    ]  # fmt: skip


def limit(kind: str, interval: str, most: int) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": 1, "limit": most}


def symbol_row(name: str = SYMBOL, **more: object) -> dict[str, object]:
    return {
        "symbol": name, "status": "TRADING", "baseAsset": name[:-4], "quoteAsset": name[-4:],
        "isSpotTradingAllowed": True, "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "filters": filters(), **more,
    }  # fmt: skip


def coins(**held: str) -> list[dict[str, str]]:
    return [{"asset": coin, "free": text, "locked": "0.00000000"} for coin, text in held.items()]


def account_row(**more: object) -> dict[str, object]:
    return {
        "canTrade": True, "canWithdraw": True, "accountType": "SPOT",
        "commissionRates": {"maker": "0.00100000", "taker": "0.00100000", "buyer": "0.0", "seller": "0.0"},
        "balances": coins(USDT="1000.50000000", BTC="0.25000000", DOGE="77.00000000"), **more,
    }  # fmt: skip


class FakeSpot(FakeBinance):
    def __init__(self) -> None:
        super().__init__()
        self.sockets = {"stream": [], "ws-api": []}
        self.subscribed: list[dict[str, Any]] = []
        """What the account's stream was asked with."""
        self._subscribing = asyncio.Event()
        clock = self.routes["GET /fapi/v1/time"]
        indexes = self.routes["GET /fapi/v1/assetIndex"]
        self.routes = {"GET /api/v3/time": clock, "GET /fapi/v1/assetIndex": indexes}
        for route, body in {
            "GET /api/v3/exchangeInfo": {
                "rateLimits": [
                    {
                        "rateLimitType": "REQUEST_WEIGHT",
                        "interval": "MINUTE",
                        "intervalNum": 1,
                        "limit": 5000,
                    },
                    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
                ],
                "symbols": [symbol_row()],
            },
            "GET /api/v3/avgPrice": {"mins": 5, "price": "60000.10000000", "closeTime": 1},
            "GET /api/v3/depth": {"lastUpdateId": 10, "bids": [["60000", "2"]], "asks": [["60001", "3"]]},
            "GET /api/v3/account": account_row(),
            "GET /api/v3/openOrders": [],
            "GET /api/v3/myTrades": [],
        }.items():
            self.say(route, body)

    async def talk(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        entry = socket.request.path.split("/")[1]
        self.paths.append(socket.request.path)
        self.sockets[entry].append(socket)
        try:
            while True:
                asked = json.loads(await socket.recv())
                if entry == "ws-api":
                    await socket.send(json.dumps(self.subscribe(asked)))
                    continue
                await socket.send(json.dumps({"result": None, "id": asked["id"]}))
                await self.first_words(socket, entry)
        except ConnectionClosed:
            return
        finally:
            self.sockets[entry].remove(socket)

    def subscribe(self, asked: dict[str, Any]) -> dict[str, object]:
        """As the venue judges it: sorted by name, joined, signed; the key one of its parameters."""
        self.subscribed.append(asked)
        self._subscribing.set()
        params = dict(asked["params"])
        signature = params.pop("signature", "")
        text = "&".join(f"{name}={params[name]}" for name in sorted(params))
        good = hmac.digest(SECRET.encode(), text.encode(), "sha256").hex()
        if asked["method"] != "userDataStream.subscribe.signature" or signature != good:
            error = {"code": -1022, "msg": "Signature for this request is not valid."}
            return {"id": asked["id"], "status": 400, "error": error}
        return {"id": asked["id"], "status": 200, "result": {"subscriptionId": 0}, "rateLimits": []}

    async def first_words(self, socket: ServerConnection, entry: str) -> None:
        for name, frame in (("bookTicker", self.ticker()), ("depth@100ms", self.diff())):
            await socket.send(json.dumps({"stream": f"{SYMBOL.lower()}@{name}", "data": frame}))

    def ticker(self, number: int = 10, bid: str = "60000", ask: str = "60001") -> dict[str, object]:
        """Without a name of its own, and without a time."""
        return {"u": number, "s": SYMBOL, "b": bid, "B": "2", "a": ask, "A": "1"}

    def diff(self, first: int = 9, last: int = 11, before: int = 8) -> dict[str, object]:
        return {"e": "depthUpdate", "E": now_ms(), "s": SYMBOL, "U": first, "u": last,
                "b": [["59999", "4"]], "a": []}  # fmt: skip

    async def asked_for_events(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self._subscribing.wait()

    async def event(self, frame: object) -> None:
        await self.tell("ws-api", {"subscriptionId": 0, "event": frame})

    def report(self, name: str, **more: object) -> dict[str, object]:
        return {
            "e": "executionReport", "E": now_ms(), "s": SYMBOL, "c": name,
            "S": "BUY", "o": "LIMIT", "f": "GTC",
            "q": "0.01000000", "p": "60000.00000000", "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 77,
            "l": "0.00000000", "z": "0.00000000", "L": "0.00000000", "n": "0", "N": None, "T": now_ms(),
            "t": -1, "m": False, **more,
        }  # fmt: skip


def hosts_of(server: FakeBinance) -> SpotHosts:
    return SpotHosts(
        rest=server.rest, stream=server.stream, api=f"{server.stream}/ws-api/v3", index=server.rest
    )


@asynccontextmanager
async def trading(
    server: FakeSpot | None = None,
    *,
    keyed: bool = True,
    secret: str = SECRET,
    bans: Bans | None = None,
    **more: Any,
) -> AsyncIterator[tuple[FakeSpot, SpotVenue, Heard]]:
    """A venue that has started against the server."""
    told = server if server is not None else FakeSpot()
    async with fake(told):
        heard = Heard()
        settings = SpotSettings(
            **{"hosts": hosts_of(told), "symbols": (SYMBOL,), "key": KEY if keyed else "", **more}
        )
        venue = build_spot("binance", settings, secret if keyed else None, heard, habits=QUICK, bans=bans)
        try:
            await venue.start()
            yield told, venue, heard
        finally:
            await venue.close()
