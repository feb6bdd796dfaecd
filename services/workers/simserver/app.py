"""The server's HTTP side: routes of the dialect, its envelope on every path, the clock beside it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from services.workers.simserver import conditionals, extension, private, public
from services.workers.simserver.auth import Refused, caller_of
from services.workers.simserver.candles import Candles
from services.workers.simserver.connections import Streams
from services.workers.simserver.house import House
from services.workers.simserver.question import Answer, Question
from services.workers.simserver.trouble import answered

_ENCODER = msgspec.json.Encoder(decimal_format="number")

PUBLIC: tuple[tuple[str, str, Answer], ...] = (
    ("GET", "/time", public.time),
    ("GET", "/markets", public.markets),
    ("GET", "/markets/{name:path}/orderbook", public.orderbook),
    ("GET", "/markets/{name:path}/trades", public.trades),
    ("GET", "/markets/{name:path}/candles", public.candles),
    ("GET", "/markets/{name:path}", public.market),
    ("GET", "/futures", public.futures),
    ("GET", "/futures/{name}/stats", public.stats),
    ("GET", "/futures/{name}", public.future),
    ("GET", "/expired_futures", public.nothing),
    ("GET", "/funding_rates", public.funding_rates),
    ("GET", "/coins", public.coins),
    ("GET", "/wallet/coins", public.coins),
)
PRIVATE: tuple[tuple[str, str, Answer], ...] = (
    ("GET", "/account", private.account),
    ("POST", "/account/leverage", private.set_leverage),
    ("GET", "/positions", private.positions),
    ("GET", "/wallet/balances", private.balances),
    ("GET", "/wallet/all_balances", private.all_balances),
    ("GET", "/wallet/deposits", private.deposits),
    ("GET", "/wallet/withdrawals", private.withdrawals),
    ("GET", "/subaccounts", private.subaccounts),
    ("GET", "/orders", private.open_orders),
    ("POST", "/orders", private.place_order),
    ("DELETE", "/orders", private.cancel_all),
    ("GET", "/orders/history", private.order_history),
    ("GET", "/orders/by_client_id/{id}", private.one_order_by_client_id),
    ("DELETE", "/orders/by_client_id/{id}", private.cancel_by_client_id),
    ("POST", "/orders/by_client_id/{id}/modify", private.modify_by_client_id),
    ("GET", "/orders/{id}", private.one_order),
    ("DELETE", "/orders/{id}", private.cancel_order),
    ("POST", "/orders/{id}/modify", private.modify_order),
    ("GET", "/conditional_orders", conditionals.live),
    ("POST", "/conditional_orders", conditionals.place),
    ("GET", "/conditional_orders/history", conditionals.history),
    ("GET", "/conditional_orders/{id}/triggers", conditionals.triggers),
    ("POST", "/conditional_orders/{id}/modify", conditionals.modify),
    ("DELETE", "/conditional_orders/{id}", conditionals.cancel),
    ("GET", "/fills", private.fills),
    ("GET", "/funding_payments", private.funding_payments),
    ("POST", "/ext/dead_man", extension.dead_man),
    ("GET", "/ext/books", extension.books),
    ("POST", "/ext/advance", extension.advance),
    ("POST", "/ext/step", extension.step),
    ("POST", "/ext/fault", extension.fault),
)


class SimApp:
    """One venue of the house as a Starlette application."""

    def __init__(self, house: House, venue: str, *, runs_clock: bool) -> None:
        """`runs_clock`: of several applications over one house exactly one moves its time."""
        self._house = house
        self._venue = venue
        self._runs_clock = runs_clock
        self._candles = Candles()
        self._streams = Streams(house, venue)
        routes: list[Route | WebSocketRoute] = [
            Route("/api" + path, self._endpoint(answer, signed=signed), methods=[method])
            for signed, table in ((False, PUBLIC), (True, PRIVATE))
            for method, path, answer in table
        ]
        routes += [WebSocketRoute("/ws", self._stream), WebSocketRoute("/ws/", self._stream)]
        self.asgi = Starlette(
            routes=routes,
            lifespan=self._lifespan,
            exception_handlers={404: _no_such_path, 405: _no_such_path},
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._note(self._venue)
        self._house.public.watchers.append(self._note)
        tasks = [asyncio.create_task(self._streams.run())]
        if self._runs_clock:
            tasks.append(asyncio.create_task(self._house.run()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._house.public.watchers.remove(self._note)

    def _note(self, venue: str) -> None:
        """Each frame of the market goes into the candles, at whatever speed it runs."""
        if venue == self._venue:
            public = self._house.public
            self._candles.note(public.venue(venue).floor, public.queue.now, self._house.tapes[venue])

    async def _stream(self, socket: WebSocket) -> None:
        await self._streams.serve(socket)

    def _endpoint(self, answer: Answer, *, signed: bool) -> Any:
        async def respond(request: Request) -> Response:
            body = await request.body()
            try:
                caller = None
                if signed:
                    caller = caller_of(
                        self._house, request.headers, request.method, _target(request), body, _wall_ms()
                    )
                question = Question(
                    house=self._house,
                    venue=self._venue,
                    names={name: str(value) for name, value in request.path_params.items()},
                    query=dict(request.query_params),
                    body=body,
                    caller=caller,
                    candles=self._candles,
                )
                found = await answered(
                    question, answer, request.method, request.url.path, request.is_disconnected
                )
            except Refused as refused:
                return _reply({"success": False, "error": refused.text}, refused.status)
            return _reply({"success": True, "result": found}, 200)

        return respond


def _reply(content: dict[str, Any], status: int) -> Response:
    return Response(_ENCODER.encode(content), status, media_type="application/json")


async def _no_such_path(request: Request, _: Exception) -> Response:
    """The envelope stands on every path, also on those that are none."""
    return _reply({"success": False, "error": f"No such path: {request.url.path[:80]}"}, 404)


def _target(request: Request) -> str:
    """Path and query exactly as they stood in the request line: that is what was signed."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    target = raw.split(b"?", 1)[0].decode("latin-1")
    return f"{target}?{query.decode('latin-1')}" if query else target


def _wall_ms() -> int:
    """Authentication uses wall time, whatever time the market has (RUNTIME 6)."""
    return time.time_ns() // 1_000_000
