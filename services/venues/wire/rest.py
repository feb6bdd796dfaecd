"""One REST client for every venue: budget, signing per try, deadlines, and what an error means.

A venue hands in its dialect: how a request is signed, what a reply means, which headers tell of the budget.
Only requests marked idempotent are tried again, each time signed anew (bug rows B6, B7); an order is sent
once, and what came of an answerless send is `unknown`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import httpx
from msgspec import Struct

from services.venues.wire.budget import SECOND, Budget, Lane
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.pool import Pool

TRIES = 3
"""Of an idempotent request (DESIGN 6)."""
FIRST_WAIT_S = 0.25
MOST_ADDRESSES = 256
"""Remembered as the transport wants them: the path of an order is always the same."""
MOST_REPLY = 32 * 1024 * 1024
"""Bytes; a venue's whole instrument list has a few MiB."""
_RETRY = (429, 500, 502, 503, 504)


class Request(Struct, frozen=True, kw_only=True):
    method: str
    path: str
    """With its leading slash, without the query."""
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    """Serialised once: these bytes are signed and these are sent (bug row B3)."""
    signed: bool = False
    idempotent: bool = False
    lane: Lane = Lane.DATA
    weights: Mapping[str, int] = {}
    """By window of the venue's budget."""


class Prepared(Struct, frozen=True, kw_only=True):
    """What leaves: the dialect's answer to one try."""

    target: str
    """Path with the query exactly as signed, percent-encoded."""
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Reply(Struct, frozen=True, kw_only=True):
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Dialect(Protocol):
    """What a venue knows of its own REST."""

    def prepare(self, request: Request) -> Prepared:
        """Encode and, where asked, sign, with a time stamp of this moment. Raises WireError(AUTH)."""

    def refusal(self, request: Request, reply: Reply) -> WireError | None:
        """What is wrong with a reply; None = it is a result."""

    def usage(self, reply: Reply) -> Mapping[str, int]:
        """Spent weight by window, as the reply's headers say."""

    def stale_clock(self, error: WireError) -> bool:
        """The venue refused our time stamp: worth one more try after measuring the clock."""


class Timings(Struct, frozen=True, kw_only=True):
    connect_s: float = 5.0
    read_s: float = 10.0
    total_s: float = 10.0
    """Of a request with all its tries and waits."""


class Rest:
    """Bound to one host. Nothing is sent twice that could trade twice."""

    def __init__(
        self,
        host: str,
        dialect: Dialect,
        budget: Budget,
        pool: Pool,
        *,
        timings: Timings | None = None,
        random: Callable[[], float],
        resync: Callable[[], Awaitable[None]] | None = None,
        on_pause: Callable[[float], None] | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`host`: scheme and authority, `https://…`. `resync` measures the venue's clock; `on_pause` hears
        how many seconds the venue wants to be left alone, so that it outlasts a restart."""
        self._base = httpx.URL(host)
        self._addresses: dict[str, httpx.URL] = {}
        self._dialect = dialect
        self.budget = budget
        self._pool = pool
        self._timings = timings if timings is not None else Timings()
        self._random = random
        self._resync = resync
        self._on_pause = on_pause
        self._clock = clock
        self._timeout = httpx.Timeout(
            self._timings.read_s, connect=self._timings.connect_s, pool=self._timings.connect_s
        ).as_dict()

    async def call(self, request: Request) -> bytes:
        """The body of a good reply. Raises WireError; for an order its kind says whether it may live."""
        deadline = self._clock() + int(self._timings.total_s * SECOND)
        tries = TRIES if request.idempotent else 1
        resynced = False
        failed = 0
        while True:
            try:
                return await self._once(request, deadline)
            except WireError as error:
                if not resynced and self._resync is not None and self._dialect.stale_clock(error):
                    # Refused before it was executed: this one try more is safe even for an order.
                    resynced = True
                    await self._resync()
                    continue
                failed += 1
                wait = self._wait_before_retry(error, failed)
                late = self._clock() + int(wait * SECOND) >= deadline
                if failed >= tries or late or not _worth_repeating(error):
                    raise
            await asyncio.sleep(wait)

    async def _once(self, request: Request, deadline: int) -> bytes:
        await self._wait_for_budget(request, deadline)
        transport = await self._connection(request, deadline)
        try:
            prepared = self._dialect.prepare(request)
            # Counted before it leaves, and counted even if it fails.
            self.budget.take(self._clock(), request.weights)
            reply = await self._exchange(transport, request, prepared, deadline)
        finally:
            self._pool.give(transport)
        now = self._clock()
        for name, used in self._dialect.usage(reply).items():
            self.budget.observe(now, name, used)
        error = self._dialect.refusal(request, reply)
        if error is None:
            return reply.body
        if error.retry_after_s is not None and error.kind is ErrorKind.THROTTLED:
            self.budget.pause(now + int(error.retry_after_s * SECOND))
            if self._on_pause is not None:
                self._on_pause(error.retry_after_s)
        raise error

    async def _wait_for_budget(self, request: Request, deadline: int) -> None:
        while wait := self._budget_wait(request):
            if self._clock() + wait >= deadline:
                raise WireError(
                    ErrorKind.DENIED,
                    f"{request.method} {request.path}: the request budget is spent for {wait / SECOND:.1f} s",
                    retry_after_s=wait / SECOND,
                )
            await asyncio.sleep(wait / SECOND)

    def _budget_wait(self, request: Request) -> int:
        wait = self.budget.wait(self._clock(), request.lane, request.weights)
        if wait is None:
            raise WireError(
                ErrorKind.DENIED, f"{request.method} {request.path} weighs more than the venue allows at all"
            )
        return wait

    async def _connection(self, request: Request, deadline: int) -> httpx.AsyncBaseTransport:
        try:
            async with asyncio.timeout(max(0.0, (deadline - self._clock()) / SECOND)):
                return await self._pool.take(request.lane)
        except TimeoutError:
            text = f"{request.method} {request.path}: no free connection in time"
            raise WireError(ErrorKind.DENIED, text) from None

    async def _exchange(
        self, transport: httpx.AsyncBaseTransport, request: Request, prepared: Prepared, deadline: int
    ) -> Reply:
        name = f"{request.method} {request.path}"
        outgoing = httpx.Request(
            request.method,
            self._address(prepared.target),
            headers=list(prepared.headers),
            content=prepared.body,
            extensions={"timeout": self._timeout},
        )
        try:
            async with asyncio.timeout(max(0.0, (deadline - self._clock()) / SECOND)):
                response = await transport.handle_async_request(outgoing)
                try:
                    body = await _read(response, name)
                finally:
                    await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise WireError(ErrorKind.UNAVAILABLE, f"{name}: no connection ({_words(error)})") from None
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            # From here on the bytes may have arrived.
            raise WireError(ErrorKind.UNKNOWN, f"{name}: no answer ({_words(error)})") from None
        return Reply(
            status=response.status_code,
            headers={key.lower(): value for key, value in response.headers.items()},
            body=body,
        )

    def _address(self, target: str) -> httpx.URL:
        found = self._addresses.get(target)
        if found is None:
            found = self._base.copy_with(raw_path=target.encode("ascii"))
            if len(self._addresses) < MOST_ADDRESSES and "?" not in target:
                self._addresses[target] = found
        return found

    def _wait_before_retry(self, error: WireError, failed: int) -> float:
        wait = FIRST_WAIT_S * float(2 ** (failed - 1)) * (0.8 + 0.4 * self._random())
        return max(wait, error.retry_after_s or 0.0)


def _worth_repeating(error: WireError) -> bool:
    if error.kind in (ErrorKind.REJECTED, ErrorKind.AUTH, ErrorKind.DENIED):
        return False
    return error.status is None or error.status in _RETRY


async def _read(response: httpx.Response, name: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MOST_REPLY:
            raise WireError(ErrorKind.UNKNOWN, f"{name}: the reply is over {MOST_REPLY} bytes")
    return bytes(body)


def _words(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
