"""One REST client for every venue: budget, signing per try, deadlines, and what an error means.

A venue hands in its dialect: how a request is signed, what a reply means, which headers tell of the budget.
Only requests marked idempotent are tried again, each time signed anew (bug rows B6, B7); an order is sent
once, and what came of an answerless send is `unknown`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol

import httpx
from msgspec import Struct

from services.runtime.clock import boot_ns
from services.venues.wire.budget import SECOND, Budget, Lane
from services.venues.wire.connection import Answer, WarmTransport
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.pool import Pool
from services.venues.wire.unsent import Unsent

TRIES = 3
"""Of an idempotent request (DESIGN 6)."""
FIRST_WAIT_S = 0.25
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
    order: str = ""
    """The client id of a new order: it may be withdrawn until its bytes are written (`Unsent`)."""


class Reply(Struct, frozen=True, kw_only=True):
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Dialect(Protocol):
    """What a venue knows of its own REST."""

    def said(self, request: Request) -> bytes:
        """The whole request of one try as it leaves, where asked signed, with a time stamp of this moment.
        Raises WireError(AUTH), and ValueError as `request_bytes` does."""

    def refusal(self, request: Request, reply: Reply) -> WireError | None:
        """What is wrong with a reply; None = it is a result."""

    def usage(self, reply: Reply) -> Mapping[str, int]:
        """Spent weight by window, as the reply's headers say."""


class Timings(Struct, frozen=True, kw_only=True):
    connect_s: float = 5.0
    read_s: float = 10.0
    total_s: float = 10.0
    """Of a request with all its tries and waits."""
    order_s: float = 5.0
    """An order is written within this, or not at all: ten seconds after it was handed over, "no such order"
    is believed."""


class Begun(NamedTuple):
    """A request that is on its way; `Rest.call` waits for what comes of it."""

    transport: WarmTransport
    reply: asyncio.Future[Answer]
    deadline: int
    """Monotonic ns."""


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
        clock: Callable[[], int] = boot_ns,
    ) -> None:
        """`host`: scheme and authority, `https://…`. `resync` measures the venue's clock; `on_pause` hears
        how many seconds the venue wants to be left alone, so that it outlasts a restart."""
        self._base = httpx.URL(host)
        self._dialect = dialect
        self.budget = budget
        self._pool = pool
        self._timings = timings if timings is not None else Timings()
        self._random = random
        self._resync = resync
        self._on_pause = on_pause
        self._clock = clock
        self.unsent = Unsent()

    def said(self, request: Request) -> bytes:
        """The bytes that `begin` would write now. Raises as `Dialect.said`."""
        return self._dialect.said(request)

    def begin(self, request: Request, said: bytes = b"") -> Begun | None:
        """Write a request in this call, where the budget has room and a connection is warm; hand what is
        given back to `call`. None: nothing was written, and `call` waits for whatever is missing.
        `said`: its bytes, if they were made a moment ago."""
        now = self._clock()
        if self.budget.wait(now, request.lane, request.weights) != 0:
            return None
        transport = self._pool.take_warm(request.lane)
        if transport is None:
            return None
        try:
            # The bytes are the last thing that may fail: once they are written nothing here is tried again.
            asked = self._ask(transport, request, said)
            return Begun(transport, asked, now + int(self._timings.total_s * SECOND))
        except WireError:
            self._pool.give(transport)
            return None
        except BaseException:
            self._pool.give(transport)
            raise

    def _ask(self, transport: WarmTransport, request: Request, said: bytes = b"") -> asyncio.Future[Answer]:
        try:
            said = said or self._dialect.said(request)
        except ValueError as error:
            text = f"{request.method} {request.path} was not sent: {error}"
            raise WireError(ErrorKind.DENIED, text) from None
        self.unsent.leave(request.order)
        # Counted before it leaves, and counted even if it fails.
        self.budget.take(self._clock(), request.weights)
        return transport.ask(said)

    async def call(self, request: Request, begun: Begun | None = None) -> bytes:
        """The body of a good reply. Raises WireError; for an order its kind says whether it may live.
        `begun`: its first try is under way."""
        now = self._clock()
        deadline = now + int(self._timings.total_s * SECOND) if begun is None else begun.deadline
        send_by = min(deadline, now + int(self._timings.order_s * SECOND)) if request.order else deadline
        tries = TRIES if request.idempotent else 1
        resynced = False
        failed = 0
        while True:
            try:
                started, begun = begun, None
                if started is None:
                    started = await self._start(request, send_by, deadline)
                return await self._finish(request, started)
            except WireError as error:
                if not resynced and self._resync is not None and error.clock:
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

    async def _start(self, request: Request, send_by: int, deadline: int) -> Begun:
        while True:
            await self._wait_for_budget(request, send_by)
            transport = await self._connection(request, send_by)
            try:
                await self._warm(transport, request, send_by)
                if not self._budget_wait(request):
                    return Begun(transport, self._ask(transport, request), deadline)
            except BaseException:
                self._pool.give(transport)
                raise
            # While it waited for a connection others have spent the room that it saw, or earned a ban.
            self._pool.give(transport)

    async def _warm(self, transport: WarmTransport, request: Request, send_by: int) -> None:
        name = f"{request.method} {request.path}"
        try:
            async with asyncio.timeout(max(0.0, (send_by - self._clock()) / SECOND)):
                await transport.warm_up(self._base, self._timings.connect_s)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            raise WireError(ErrorKind.UNAVAILABLE, f"{name}: no connection ({_words(error)})") from None
        if self._clock() >= send_by:
            # It waited too long, or the machine slept: what was meant then is not sent now.
            raise WireError(ErrorKind.DENIED, f"{name}: too late to be sent")

    async def _finish(self, request: Request, begun: Begun) -> bytes:
        try:
            reply = await self._exchange(request, begun)
        finally:
            self._pool.give(begun.transport)
        now = self._clock()
        if request.idempotent and now >= begun.deadline:
            # The machine slept over the answer: it may be of long ago. Of an order it is true all the same.
            raise WireError(ErrorKind.UNAVAILABLE, f"{request.method} {request.path}: answered too late")
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

    async def _connection(self, request: Request, deadline: int) -> WarmTransport:
        try:
            async with asyncio.timeout(max(0.0, (deadline - self._clock()) / SECOND)):
                return await self._pool.take(request.lane)
        except TimeoutError:
            text = f"{request.method} {request.path}: no free connection in time"
            raise WireError(ErrorKind.DENIED, text) from None

    async def _exchange(self, request: Request, begun: Begun) -> Reply:
        name = f"{request.method} {request.path}"
        try:
            async with asyncio.timeout(max(0.0, (begun.deadline - self._clock()) / SECOND)):
                answer = await begun.transport.answer(begun.reply, self._timings.read_s)
            headers = _named(answer.headers)
            return Reply(status=answer.status, headers=headers, body=_body(answer, headers, name))
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            # The bytes may have arrived.
            raise WireError(ErrorKind.UNKNOWN, f"{name}: no answer ({_words(error)})") from None

    def _wait_before_retry(self, error: WireError, failed: int) -> float:
        wait = FIRST_WAIT_S * float(2 ** (failed - 1)) * (0.8 + 0.4 * self._random())
        return max(wait, error.retry_after_s or 0.0)


def _worth_repeating(error: WireError) -> bool:
    if error.kind in (ErrorKind.REJECTED, ErrorKind.AUTH, ErrorKind.DENIED):
        return False
    return error.status is None or error.status in _RETRY


def _named(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Text by name; what stands twice is one list."""
    named: dict[str, str] = {}
    for key, value in headers:
        name, text = key.decode("latin-1"), value.decode("latin-1")
        named[name] = f"{named[name]}, {text}" if name in named else text
    return named


def _body(answer: Answer, headers: Mapping[str, str], name: str) -> bytes:
    """Unpacked, though we never ask for a packed one."""
    body = answer.body
    if headers.get("content-encoding", "identity") != "identity":
        body = httpx.Response(answer.status, headers=answer.headers, content=body).content
    if len(body) > MOST_REPLY:
        raise WireError(ErrorKind.UNKNOWN, f"{name}: the reply is over {MOST_REPLY} bytes")
    return body


def _words(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
