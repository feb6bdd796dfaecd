"""REST in the FTX dialect: how a request is signed, what a reply means, and each call that we make, typed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from hmac import HMAC
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from services.venues.ftx import errors
from services.venues.ftx import schemas as wire
from services.venues.ftx.parse import iso_ns
from services.venues.ftx.replies import Rows, decode_result, listing
from services.venues.ftx.sign import PREFIX, prepared, signed_by, signed_headers
from services.venues.wire.budget import Lane, Window
from services.venues.wire.errors import UNREADABLE, ErrorKind, WireError
from services.venues.wire.head import request_bytes
from services.venues.wire.rest import Begun, Reply, Request, Rest
from services.venues.wire.secret import Secret

T = TypeVar("T")
L = TypeVar("L")
R = TypeVar("R", wire.Fill, wire.FundingPayment, wire.FundingRate, wire.Transfer)

REQUESTS, ORDERS = "requests-1s", "orders-200ms"
WINDOWS = (
    Window(name=REQUESTS, span_s=1, limit=30, by_address=True),
    Window(name="requests-1m", span_s=60, limit=1_500, by_address=True),
    Window(name=ORDERS, span_s=0.2, limit=4),
)
"""Documented or, where a picture held the numbers, the lowest that clients of the time used (ftx.md 1.3).
Nobody says whose requests are counted together, so all of one address are; orders are the account's, whatever
its sub-account."""
_PLAIN = {REQUESTS: 1, "requests-1m": 1}
_ORDER = {**_PLAIN, ORDERS: 1}
_ORDERS = "/api/orders"
"""Where orders go: nothing in it is to be escaped."""

SHORTEST_PAGE = 20
"""Pages are of 20, 100, 500 or 5 000 rows, by call and by what is asked with it, and nobody says which: only
a shorter one is surely the last (ftx.md 1)."""
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_HEAD = msgspec.json.Decoder(wire.Head)


class FtxDialect:
    """Signs with the venue's time: our wall clock plus the measured offset."""

    def __init__(
        self, host: str, key: str, secret: Secret | None, subaccount: str | None, now_ms: Callable[[], int]
    ) -> None:
        self._authority = host.partition("://")[2]
        self._key = key
        self._signs = None if secret is None else prepared(secret.reveal())
        self._subaccount = subaccount
        self._now_ms = now_ms
        self._order_head = self._head_of_orders()

    def said(self, request: Request) -> bytes:
        signs, order = self._signs, request.order and request.body and not request.query
        if order and request.path == "/orders" and request.method == "POST" and signs and self._order_head:
            return self._order(signs, request.body)
        # The slash of a spot market stands in the path as it is (ftx.md 2).
        target = _ORDERS if request.path == "/orders" else quote("/api" + request.path, safe="/")
        if request.query:
            target += "?" + urlencode(request.query)
        headers = self._plain(len(request.body))
        if request.signed:
            if signs is None:
                raise WireError(ErrorKind.AUTH, f"{request.path} needs a key and this profile has none")
            ts = self._now_ms()
            headers += signed_headers(
                self._key, signs, ts, request.method, target, request.body, self._subaccount
            )
        return request_bytes(request.method, target, self._authority, headers, request.body)

    def _plain(self, length: int) -> list[tuple[str, str]]:
        headers = [("host", self._authority), ("accept", "application/json")]
        if length:
            headers += [("content-type", "application/json"), ("content-length", str(length))]
        return headers

    def _order(self, signs: HMAC, body: bytes) -> bytes:
        ts = self._now_ms()
        sign = signed_by(signs, f"{ts}POST{_ORDERS}".encode() + body)
        return (self._order_head % (len(body), ts, sign)).encode("ascii") + body

    def _head_of_orders(self) -> str:
        """What is the same for every order, made once: an order waits for its head. Empty where there is no
        key, or one that no head can hold: that is told where it is asked for."""
        if self._signs is None:
            return ""
        signed = signed_headers(self._key, self._signs, 0, "POST", _ORDERS, b"", self._subaccount)
        own = {"content-length": "%d", f"{PREFIX}-TS": "%d", f"{PREFIX}-SIGN": "%s"}
        headers = [
            (name, own.get(name, value.replace("%", "%%"))) for name, value in (*self._plain(1), *signed)
        ]
        try:
            return request_bytes("POST", _ORDERS, self._authority, headers, b"").decode("ascii")
        except ValueError:
            return ""

    def refusal(self, request: Request, reply: Reply) -> WireError | None:
        # The result is decoded once, by the caller; here only the envelope's word counts.
        try:
            envelope = _HEAD.decode(reply.body)
        except UNREADABLE as error:
            if reply.status >= 400:
                text = reply.body[:200].decode("utf-8", "replace")
                return errors.refusal(reply.status, text, reply.headers)
            # A page, or nothing, in place of the venue's word: what was asked may have been done.
            return self._wordless(request, reply, f"no envelope ({error})")
        if envelope.success and 200 <= reply.status < 300:
            return None
        found = errors.refusal(reply.status, envelope.error, reply.headers)
        if found.kind is ErrorKind.REJECTED and (envelope.success or not envelope.error):
            return self._wordless(request, reply, "neither a result nor a refusal")
        return found

    @staticmethod
    def _wordless(request: Request, reply: Reply, why: str) -> WireError:
        return WireError(ErrorKind.UNKNOWN, f"{request.path}: {why}", status=reply.status)

    def usage(self, reply: Reply) -> Mapping[str, int]:
        """The dialect has no such headers."""
        return {}


def _key(row: wire.Fill | wire.FundingPayment | wire.FundingRate | wire.Transfer) -> int | str:
    """A rate has no number; its hour is one."""
    return row.time if isinstance(row, wire.FundingRate) else row.id


def _listed(kind: type[R]) -> type[list[R]]:
    return list[kind]  # type: ignore[valid-type]


class FtxRest:
    """The calls of the dialect. All raise WireError."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest

    async def _get(
        self, kind: type[T], path: str, query: Mapping[str, str] | None = None, *, signed: bool = False
    ) -> T:
        return decode_result(kind, await self._body(path, query, signed=signed), path)

    async def _list(self, kind: type[L], path: str) -> Rows[L]:
        """See `listing`."""
        return listing(kind, await self._body(path), path)

    async def _body(
        self, path: str, query: Mapping[str, str] | None = None, *, signed: bool = False
    ) -> bytes:
        return await self.rest.call(
            Request(
                method="GET",
                path=path,
                query=tuple((query or {}).items()),
                signed=signed,
                idempotent=True,
                weights=_PLAIN,
            )
        )

    async def _send(
        self,
        kind: type[T],
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        lane: Lane,
    ) -> T:
        request = _sending(method, path, body, lane)
        return decode_result(kind, await self.rest.call(request), path)

    # Public.

    async def time_ns(self) -> int:
        text: str = await self._get(str, "/time")
        return iso_ns(text)

    async def markets(self) -> Rows[wire.Market]:
        return await self._list(wire.Market, "/markets")

    async def futures(self) -> Rows[wire.Future]:
        return await self._list(wire.Future, "/futures")

    async def stats(self, future: str) -> wire.FutureStats:
        return await self._get(wire.FutureStats, f"/futures/{future}/stats")

    async def funding_rates(self, future: str, since_s: float, until_s: float) -> list[wire.FundingRate]:
        """Oldest first."""
        query = {"future": future, "start_time": f"{since_s:.0f}"}
        until = f"{until_s:.0f}"
        return await self._walk(wire.FundingRate, "/funding_rates", query, until, signed=False)

    async def coins(self) -> Rows[wire.Coin]:
        return await self._list(wire.Coin, "/wallet/coins")

    # The account.

    async def account(self) -> wire.Account:
        return await self._get(wire.Account, "/account", signed=True)

    async def balances(self) -> list[wire.Balance]:
        return await self._get(list[wire.Balance], "/wallet/balances", signed=True)

    async def positions(self) -> list[wire.Position]:
        return await self._get(list[wire.Position], "/positions", {"showAvgPrice": "true"}, signed=True)

    async def open_orders(self) -> list[wire.Order]:
        return await self._get(list[wire.Order], "/orders", signed=True)

    async def open_conditionals(self) -> list[wire.Conditional]:
        return await self._get(list[wire.Conditional], "/conditional_orders", signed=True)

    async def conditional_history(self) -> list[wire.Conditional]:
        return await self._get(list[wire.Conditional], "/conditional_orders/history", signed=True)

    async def order_by_client_id(self, client_order_id: str) -> wire.Order:
        path = f"/orders/by_client_id/{quote(client_order_id, safe='')}"
        return await self._get(wire.Order, path, signed=True)

    async def order(self, order_id: int) -> wire.Order:
        return await self._get(wire.Order, f"/orders/{order_id}", signed=True)

    async def fills(self, since_s: float, order_id: int | None = None) -> list[wire.Fill]:
        """Everything since then, oldest first; pages are walked by moving the end down (ftx.md 1)."""
        query = {"start_time": f"{since_s:.6f}"}
        if order_id is not None:
            query["orderId"] = str(order_id)
        return await self._walk(wire.Fill, "/fills", query)

    async def payments(self, since_s: float) -> list[wire.FundingPayment]:
        return await self._walk(wire.FundingPayment, "/funding_payments", {"start_time": f"{since_s:.6f}"})

    async def transfers(self, since_s: float) -> list[tuple[wire.Transfer, int]]:
        """(row, +1 in or -1 out)."""
        query = {"start_time": f"{since_s:.6f}"}
        came, went = await asyncio.gather(
            self._walk(wire.Transfer, "/wallet/deposits", query),
            self._walk(wire.Transfer, "/wallet/withdrawals", query),
        )
        return [(row, 1) for row in came] + [(row, -1) for row in went]

    async def _walk(
        self, kind: type[R], path: str, query: dict[str, str], end: str = "", *, signed: bool = True
    ) -> list[R]:
        """Pages back from `end` (empty = now) until one brings nothing new; oldest first."""
        seen: dict[int | str, R] = {}
        while True:
            page = {**query, "end_time": end} if end else query
            rows = await self._get(_listed(kind), path, page, signed=signed)
            fresh = [row for row in rows if _key(row) not in seen]
            seen.update((_key(row), row) for row in fresh)
            if len(rows) < SHORTEST_PAGE or not fresh:
                return sorted(seen.values(), key=lambda row: (row.time, _key(row)))
            end = f"{min(iso_ns(row.time) for row in rows) / 1e9:.6f}"

    # Orders.

    async def place(self, request: Request, begun: Begun | None = None) -> wire.Order:
        """`request`: of `order_request`; `begun`: what `rest.begin` made of it."""
        return decode_result(wire.Order, await self.rest.call(request, begun), request.path)

    async def place_conditional(self, request: Request, begun: Begun | None = None) -> wire.Conditional:
        """`request`: of `conditional_request`."""
        return decode_result(wire.Conditional, await self.rest.call(request, begun), request.path)

    async def cancel(self, request: Request, begun: Begun | None = None) -> None:
        """`request`: of `cancel_request`. Queued is not yet done."""
        decode_result(str, await self.rest.call(request, begun), request.path)

    async def dead_man(self, timeout_ms: int) -> wire.DeadMan:
        """Marked extension of our server."""
        body = {"timeoutMs": timeout_ms}
        return await self._send(wire.DeadMan, "POST", "/ext/dead_man", body, Lane.SAFE)

    async def fault(self, kind: str, chance: Decimal) -> None:
        """Marked extension of our server: misbehave from now on, or no more (0)."""
        body = {"kind": kind, "chance": chance}
        await self._send(str, "POST", "/ext/fault", body, Lane.SAFE)

    async def step(self, until: int) -> wire.Step:
        """Marked extension of our server: on to the next word for this account, or to `until`."""
        return await self._send(wire.Step, "POST", "/ext/step", {"until": until}, Lane.SAFE)


def order_request(body: Mapping[str, Any], lane: Lane) -> Request:
    """A new order, `orders.order_body`."""
    return _sending("POST", "/orders", body, lane, _ORDER)


def conditional_request(body: Mapping[str, Any], lane: Lane) -> Request:
    """A new conditional order, `orders.conditional_body`."""
    return _sending("POST", "/conditional_orders", body, lane)


def cancel_request(client_order_id: str, venue_order_id: str) -> Request:
    """By the venue's id where it is known, else by ours."""
    if venue_order_id.startswith("c"):
        path = f"/conditional_orders/{venue_order_id[1:]}"
    elif venue_order_id:
        path = f"/orders/{venue_order_id}"
    else:
        path = f"/orders/by_client_id/{quote(client_order_id, safe='')}"
    return _sending("DELETE", path, None, Lane.SAFE)


def _sending(
    method: str,
    path: str,
    body: Mapping[str, Any] | None,
    lane: Lane,
    weights: Mapping[str, int] = _PLAIN,
) -> Request:
    return Request(
        method=method,
        path=path,
        body=_ENCODER.encode(body) if body is not None else b"",
        signed=True,
        # A cancel may be said twice, an order never.
        idempotent=method == "DELETE",
        lane=lane,
        weights=weights,
        order=str(body.get("clientId", "")) if body is not None else "",
    )
