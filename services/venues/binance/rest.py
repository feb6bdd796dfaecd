"""REST of Binance: how a request is signed, what a reply means, what its headers tell of the budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from services.venues.binance import errors
from services.venues.binance.sign import Sign, encoded, signed
from services.venues.wire.budget import Lane, Window
from services.venues.wire.errors import UNREADABLE, ErrorKind, WireError
from services.venues.wire.head import request_bytes
from services.venues.wire.rest import Begun, Reply, Request, Rest

T = TypeVar("T")

WEIGHT, ORDERS_10S, ORDERS_1M, FUNDING = "weight-1m", "orders-10s", "orders-1m", "funding-5m"
ORDERS_1D = "orders-1d"
WINDOWS = (
    Window(name=WEIGHT, span_s=60, limit=2_400, by_address=True),
    Window(name=ORDERS_1M, span_s=60, limit=1_200),
    Window(name=ORDERS_10S, span_s=10, limit=300),
    Window(name=FUNDING, span_s=300, limit=500, by_address=True),
)
"""Until `exchangeInfo` tells the real ones (binance.md 3)."""

SPOT_WINDOWS = (
    Window(name=WEIGHT, span_s=60, limit=6_000, by_address=True),
    Window(name=ORDERS_10S, span_s=10, limit=50),
    Window(name=ORDERS_1D, span_s=86_400, limit=160_000),
)
"""The count of raw requests (61 000 in five minutes) is never reached: each weighs one at least."""

_HEADERS = {
    "x-mbx-used-weight-1m": WEIGHT,
    "x-mbx-order-count-10s": ORDERS_10S,
    "x-mbx-order-count-1m": ORDERS_1M,
    "x-mbx-order-count-1d": ORDERS_1D,
}
LIMIT_NAMES = {
    ("ORDERS", "DAY", 1): ORDERS_1D,
    ("REQUEST_WEIGHT", "MINUTE", 1): WEIGHT,
    ("ORDERS", "MINUTE", 1): ORDERS_1M,
    ("ORDERS", "SECOND", 10): ORDERS_10S,
}
RECEIVE_WINDOW_MS = 5_000
_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}


class BinanceDialect:
    """All parameters go into the query; a signed one is stamped with the venue's time."""

    def __init__(
        self, host: str, key: str, sign: Sign | None, now_ms: Callable[[], int], *, spot: bool = False
    ) -> None:
        """`spot`: there any 5xx may have been executed (binance.md 3.1)."""
        self._authority = host.partition("://")[2]
        self._key = key
        self._sign = sign
        self._now_ms = now_ms
        self._spot = spot

    def said(self, request: Request) -> bytes:
        headers = [("host", self._authority), ("accept", "application/json")]
        if request.method != "GET":
            headers.append(("content-length", "0"))
        if self._key:
            headers.append(("x-mbx-apikey", self._key))
        target = request.path
        if request.signed:
            if self._sign is None:
                raise WireError(ErrorKind.AUTH, f"{request.path} needs a key and this profile has none")
            stamped = (
                *request.query,
                ("recvWindow", str(RECEIVE_WINDOW_MS)),
                ("timestamp", str(self._now_ms())),
            )
            target += "?" + signed(stamped, self._sign)
        elif request.query:
            target += "?" + encoded(request.query)
        return request_bytes(request.method, target, self._authority, headers, b"")

    def refusal(self, request: Request, reply: Reply) -> WireError | None:
        if 200 <= reply.status < 300:
            # Some refusals come with a 200: then the code is below zero.
            found = errors.said(reply.body) if reply.body.startswith(b'{"code"') else None
            if found is None or found.code >= 0:
                return None
        return errors.refusal(reply.status, reply.headers, reply.body, self._now_ms(), spot=self._spot)

    def usage(self, reply: Reply) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for header, window in _HEADERS.items():
            text = reply.headers.get(header, "")
            if text.isascii() and text.isdigit() and len(text) <= 9:
                found[window] = int(text)
        return found


class Calls:
    """Requests with their weights, replies decoded. All raise WireError."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest

    async def get(
        self,
        kind: type[T],
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        weight: int = 1,
        signed: bool = False,
        window: str = WEIGHT,
        lane: Lane = Lane.DATA,
    ) -> T:
        body = await self.body(path, query, weight=weight, signed=signed, window=window, lane=lane)
        return decode(kind, body, path)

    async def body(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        weight: int = 1,
        signed: bool = False,
        window: str = WEIGHT,
        lane: Lane = Lane.DATA,
    ) -> bytes:
        return await self.rest.call(
            Request(
                method="GET",
                path=path,
                query=tuple((query or {}).items()),
                signed=signed,
                idempotent=True,
                lane=lane,
                weights={window: weight},
            )
        )

    async def send(self, kind: type[T], request: Request, begun: Begun | None = None) -> T:
        """`request`: of `sending`; `begun`: what `rest.begin` made of it."""
        return decode(kind, await self.rest.call(request, begun), request.path)


def sending(
    method: str,
    path: str,
    query: Mapping[str, str],
    lane: Lane,
    *,
    weights: Mapping[str, int],
    signed: bool = True,
    repeat: bool = False,
    order: str = "",
) -> Request:
    """`repeat`: saying it twice does no harm (cancels, settings, keep-alives); an order never. `order`: the
    client id of a new one."""
    return Request(
        method=method,
        path=path,
        query=tuple(query.items()),
        signed=signed,
        idempotent=repeat,
        lane=lane,
        weights=weights,
        order=order,
    )


def decode(kind: type[T], body: bytes, what: str) -> T:
    """Raises WireError(UNKNOWN): something was done, and we cannot read what."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    try:
        result: T = decoder.decode(body)
    except (*UNREADABLE, ValueError) as error:
        raise WireError(ErrorKind.UNKNOWN, f"{what}: the reply cannot be read ({error})") from None
    return result
