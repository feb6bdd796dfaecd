"""A scripted Binance on loopback: REST replies by path, three stream entry points, and what was asked."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from services.domain.events import Event
from services.venues.binance.build import build_binance
from services.venues.binance.hosts import BinanceSettings, Hosts
from services.venues.binance.venue import BinanceVenue
from services.venues.wire.stream import Habits
from tests.wire.server import Asked, Script, encoded, serving

QUICK = Habits(open_s=1, beat_s=0.05, silence_s=0.6, ready_s=0.5, life_s=60)
PATIENCE_S = 5.0
SYMBOL = "BTCUSDT"
HOUR_MS = 3_600_000

Body = object
Route = Callable[[dict[str, str]], tuple[int, dict[str, str], Body] | None]


def filters() -> list[dict[str, object]]:
    return [
        {"filterType": "PRICE_FILTER", "minPrice": "100", "maxPrice": "900000", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
        {"filterType": "MIN_NOTIONAL", "notional": "100"},
        {"filterType": "PERCENT_PRICE", "multiplierUp": "1.05", "multiplierDown": "0.95"},
    ]


def symbol_row(name: str = SYMBOL, **more: object) -> dict[str, object]:
    return {
        "symbol": name, "status": "TRADING", "contractType": "PERPETUAL", "baseAsset": name[:-4],
        "quoteAsset": name[-4:], "marginAsset": name[-4:], "deliveryDate": 4133404800000,
        "filters": filters(), **more,
    }  # fmt: skip


class FakeBinance:
    """Replies are looked up by `METHOD /path`; a tuple is said for ever, a callable decides by the query,
    a list is worked off, its last for ever. None cuts the connection."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.routes: dict[str, object] = {}
        self.sockets: dict[str, list[ServerConnection]] = {"public": [], "market": [], "private": []}
        self.paths: list[str] = []
        self.mute: set[str] = set()
        """Entry points that acknowledge and then say nothing."""
        self.rest = self.stream = ""
        brackets = [
            {"bracket": 1, "initialLeverage": 125, "notionalCap": 50000, "notionalFloor": 0,
             "maintMarginRatio": 0.004, "cum": 0.0},
            {"bracket": 2, "initialLeverage": 50, "notionalCap": 1000000, "notionalFloor": 50000,
             "maintMarginRatio": 0.01, "cum": 300.0},
        ]  # fmt: skip
        for route, body in {
            "GET /fapi/v1/exchangeInfo": {
                "rateLimits": [
                    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2000}
                ],
                "symbols": [symbol_row()],
            },
            "GET /fapi/v1/accountConfig": {
                "canTrade": True, "dualSidePosition": False, "multiAssetsMargin": False,
            },
            "GET /fapi/v1/symbolConfig": [{"symbol": SYMBOL, "marginType": "CROSSED", "leverage": 10}],
            "GET /fapi/v1/leverageBracket": [{"symbol": SYMBOL, "brackets": brackets}],
            "GET /fapi/v1/commissionRate": {
                "symbol": SYMBOL, "makerCommissionRate": "0.0002", "takerCommissionRate": "0.0005",
            },
            "GET /fapi/v1/fundingInfo": [{
                "symbol": SYMBOL, "fundingIntervalHours": 8, "disclaimer": False,
                "adjustedFundingRateCap": "0.00300000", "adjustedFundingRateFloor": "-0.00300000",
            }],
            "GET /fapi/v1/fundingRate": [],
            "GET /fapi/v1/assetIndex": [
                {"symbol": "USDTUSD", "index": "0.9998", "bidBuffer": "0.0001"},
                {"symbol": "BTCUSD", "index": "60000", "bidBuffer": "0.05"},
            ],
            "POST /fapi/v1/listenKey": {"listenKey": "ear"},
            "PUT /fapi/v1/listenKey": {},
            "GET /fapi/v1/depth": {"lastUpdateId": 10, "bids": [["60000", "2"]], "asks": [["60001", "3"]]},
            "GET /fapi/v3/account": {"assets": [{"asset": "USDT", "walletBalance": "1000.5"}]},
            "GET /fapi/v3/positionRisk": [],
            "GET /fapi/v1/openOrders": [],
            "GET /fapi/v1/openAlgoOrders": [],
            "GET /fapi/v1/userTrades": [],
            "GET /fapi/v1/income": [],
        }.items():  # fmt: skip
            self.say(route, body)
        self.routes["GET /fapi/v1/time"] = lambda query: (200, {}, {"serverTime": now_ms()})

    def say(self, route: str, body: Body, status: int = 200, **headers: str) -> None:
        self.routes[route] = (status, {name.replace("_", "-"): text for name, text in headers.items()}, body)

    def queries(self, route: str) -> list[dict[str, str]]:
        return [query for name, query in self.asked if name == route]

    async def answer(self, asked: Asked) -> bytes | None:
        parts = urlsplit(asked.target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        name = f"{asked.method} {parts.path}"
        self.asked.append((name, query))
        route = self.routes.get(name)
        if isinstance(route, list):
            route = route.pop(0) if len(route) > 1 else route[0]
        if route is None:
            return None if name in self.routes else encoded(404, {}, b"no such route")
        said = route(query) if callable(route) else route
        if said is None:
            return None
        status, headers, body = said  # type: ignore[misc] # a reply, by what `routes` holds
        text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return encoded(status, headers, text)

    # --- streams -----------------------------------------------------------------------------------------

    async def talk(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        path = socket.request.path
        self.paths.append(path)
        entry = path.split("/")[1]
        self.sockets[entry].append(socket)
        try:
            while True:
                asked = json.loads(await socket.recv())
                await socket.send(json.dumps({"result": None, "id": asked["id"]}))
                if entry not in self.mute:
                    await self.first_words(socket, entry)
        except ConnectionClosed:
            return
        finally:
            self.sockets[entry].remove(socket)

    async def first_words(self, socket: ServerConnection, entry: str) -> None:
        frames = [self.ticker(), self.diff()] if entry == "public" else [self.mark()]
        for frame in frames:
            await socket.send(json.dumps(frame))

    def ticker(self, number: int = 10, bid: str = "60000", ask: str = "60001") -> dict[str, object]:
        return {"e": "bookTicker", "E": now_ms(), "u": number, "s": SYMBOL, "b": bid, "B": "2", "a": ask,
                "A": "3"}  # fmt: skip

    def diff(self, first: int = 9, last: int = 11, before: int = 8) -> dict[str, object]:
        return {"e": "depthUpdate", "E": now_ms(), "s": SYMBOL, "U": first, "u": last, "pu": before,
                "b": [["59999", "4"]], "a": []}  # fmt: skip

    def mark(self) -> dict[str, object]:
        due = (now_ms() // HOUR_MS + 1) * HOUR_MS
        return {"e": "markPriceUpdate", "E": now_ms(), "s": SYMBOL, "p": "60000.5", "i": "60000.1",
                "r": "0.0001", "T": due}  # fmt: skip

    async def tell(self, entry: str, frame: object) -> None:
        for socket in self.sockets[entry]:
            await socket.send(json.dumps(frame))

    async def cut(self, entry: str) -> None:
        for socket in tuple(self.sockets[entry]):
            socket.transport.abort()

    def order_frame(self, name: str, **more: object) -> dict[str, object]:
        order: dict[str, Any] = {
            "s": SYMBOL, "c": name, "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "0.010", "p": "60000",
            "x": "NEW", "X": "NEW", "i": 77, "l": "0", "z": "0", "L": "0", "T": now_ms(), "t": 0, "m": False,
            "R": False, "ps": "BOTH", **more,
        }  # fmt: skip
        return {"e": "ORDER_TRADE_UPDATE", "E": now_ms(), "T": now_ms(), "o": order}


def now_ms() -> int:
    """The real clock: both sides of these sockets use it."""
    return time.time_ns() // 1_000_000


class Heard:
    """An outbox that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._came = asyncio.Event()

    def deliver(self, due: int, event: Event) -> None:
        self.events.append(event)
        self._came.set()

    def wake(self, due: int, token: object) -> None:
        raise AssertionError("a live venue wakes by itself")

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, kind: type[Any], fits: Callable[[Any], object] = lambda event: True) -> Any:
        """The first event of a kind that fits, waited for."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for event in self.events:
                    if isinstance(event, kind) and fits(event):
                        return event
                self._came.clear()
                await self._came.wait()


@asynccontextmanager
async def fake(server: FakeBinance | None = None) -> AsyncIterator[FakeBinance]:
    server = server if server is not None else FakeBinance()
    async with serving(Script([server.answer])) as script, serve(server.talk, "127.0.0.1", 0) as sockets:
        server.rest = script.host
        server.stream = f"ws://127.0.0.1:{next(iter(sockets.sockets)).getsockname()[1]}"
        yield server


def settings_of(server: FakeBinance, **more: Any) -> BinanceSettings:
    hosts = Hosts(rest=server.rest, stream=server.stream)
    return BinanceSettings(**{"hosts": hosts, "symbols": (SYMBOL,), "key": "key", **more})


@asynccontextmanager
async def trading(
    server: FakeBinance | None = None, *, keyed: bool = True, **more: Any
) -> AsyncIterator[tuple[FakeBinance, BinanceVenue, Heard]]:
    """A venue that has started against the server."""
    async with fake(server) as told:
        heard = Heard()
        settings = settings_of(told, **({} if keyed else {"key": ""}), **more)
        venue = build_binance("binance", settings, "secret" if keyed else None, heard, habits=QUICK)
        try:
            await venue.start()
            yield told, venue, heard
        finally:
            await venue.close()
