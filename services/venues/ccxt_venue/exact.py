"""An exchange class of the library with exact numbers, our clock, our budget and a fence around its hosts.

The only module that loads the library. Its JSON reader keeps the digits of every number as text and its
number type is Decimal, so nothing becomes a binary float on the way. Nothing here accepts a number:
`wire_decimal` does that, one row at a time, in whoever reads it.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, cast
from urllib.parse import urlsplit

from services.venues.ccxt_venue import replies
from services.venues.ccxt_venue.sockets import READ, Sockets
from services.venues.wire.budget import Lane
from services.venues.wire.numbers import is_plain

EXTRA = "ccxt is not installed: pip install 'stableconsole[venues]'"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LANE: ContextVar[Lane] = ContextVar("ccxt lane", default=Lane.DATA)
"""Who asks in this task: the library passes no such thing through."""
NO_NUMBER = Decimal("NaN")
"""Whoever reads it refuses it by name, also where a number may be missing."""
_HOST = re.compile(r"^[a-z]+://[^/]+")

_mute = logging.getLogger("stableconsole.ccxt.library")
# Below this level the library writes whole requests: keys, signatures, bodies.
_mute.setLevel(logging.WARNING)


class ForbiddenHost(Exception):
    """A request that would leave for a host nobody has named. Nothing was sent."""


def exact(value: object) -> Decimal:
    """The library's number type. A float can only be one of its own tables: its shortest text is meant. Text
    that is no number is not as good as none: `Decimal` takes `1_000` and other scripts' digits for one."""
    if isinstance(value, float):
        return Decimal(repr(value))
    text = str(value)
    return Decimal(text) if is_plain(text) else NO_NUMBER


def whole(text: str) -> int | str:
    """A whole number, as text when no venue would mean it as one."""
    return int(text) if len(text) <= 20 else text


class Redirected(Exception):
    """The venue sent a request elsewhere. It is not followed: key and passphrase would go along. What was
    asked may have been done."""


class Fence:
    """What an exchange object is given of ours."""

    def __init__(
        self,
        throttle: Callable[[float], Awaitable[None]],
        now_ms: Callable[[], int],
        answered: Callable[[int, dict[str, str]], None],
        local: str = "",
    ) -> None:
        """`throttle` waits for the budget, by cost in the library's units; `answered` hears status and
        headers of each reply; `local`: the one address that may be asked, "" = TLS to where it belongs."""
        self.throttle = throttle
        self.now_ms = now_ms
        self.answered = answered
        self.local = local

    def check(self, url: str) -> None:
        parts = urlsplit(url)
        if self.local:
            if not url.startswith(f"{self.local}/") or parts.hostname not in LOOPBACK:
                raise ForbiddenHost(f"{parts.hostname} is not {self.local}")
        elif parts.scheme != "https":
            raise ForbiddenHost(f"{parts.hostname}: TLS only")

    def check_stream(self, url: str) -> None:
        """Raises ForbiddenHost."""
        parts = urlsplit(url)
        if self.local:
            if not url.startswith(f"{_streaming(self.local)}/") or parts.hostname not in LOOPBACK:
                raise ForbiddenHost(f"{parts.hostname} is not {self.local}")
        elif parts.scheme != "wss":
            raise ForbiddenHost(f"{parts.hostname}: TLS only")


class Exact:
    """Goes before an exchange class of the library."""

    logger = _mute
    id: str
    session: Any
    number = staticmethod(exact)
    fence: Fence
    own_class: type

    def parse_json(self, text: str) -> object:
        """None where it is no JSON; `NaN` and `Infinity` are none."""
        try:
            return json.loads(text, parse_float=str, parse_int=whole, parse_constant=_refused)
        except ValueError:
            return None

    def parse_number(self, value: object, default: object = None) -> object:
        return default if value is None or value == "" else exact(value)

    def safe_float(self, row: Any, key: Any, default: object = None) -> object:
        """As the library's, by key or place; missing or no number = the default."""
        try:
            return self.parse_number(row[key], default)
        except (KeyError, IndexError, TypeError):
            return default

    def parse_order_book_bid_ask(self, row: Any, price: Any = 0, amount: Any = 1, *rest: Any) -> list[object]:
        """The library's own makes floats, for speed."""
        return [self.safe_float(row, price), self.safe_float(row, amount)]

    def milliseconds(self) -> int:
        """The venue's clock: it stamps what is signed."""
        return self.fence.now_ms()

    async def throttle(self, cost: float | None = None) -> None:
        await self.fence.throttle(1.0 if cost is None else float(cost))

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        self.fence.check(url)
        reply = await super().fetch(url, method, headers, body)  # type: ignore[misc] # of the exchange class
        replies.check(self.id, url, reply)
        return reply

    def open(self, lazy: bool = False) -> None:
        before = self.session
        super().open(lazy)  # type: ignore[misc] # of the exchange class
        if self.session is not None and self.session is not before:
            self.session.trace_configs.append(_stays_here())

    def handle_errors(self, code: int, reason: str, url: str, method: str, headers: Any, *rest: Any) -> Any:
        self.fence.answered(code, dict(headers or {}))
        return super().handle_errors(  # type: ignore[misc] # of the exchange class
            code, reason, url, method, headers, *rest
        )


def _stays_here() -> Any:
    """The library's HTTP follows redirects by itself; it is told of each before it does."""
    from aiohttp import TraceConfig  # noqa: PLC0415 - comes with the library

    async def refuse(_session: object, _context: object, sent: Any) -> None:
        raise Redirected(f"{sent.url.host}: sent elsewhere with status {sent.response.status}")

    watched = TraceConfig()
    watched.on_request_redirect.append(refuse)
    watched.freeze()
    return watched


def _refused(word: str) -> object:
    raise ValueError(f"{word} is no number")


def open_exchange(exchange: str, fence: Fence, config: dict[str, Any], sandbox: str = "") -> Any:
    """An exchange object of the library; `sandbox`: `demo` or `testnet`. Nothing connects.

    Raises ValueError with one line: the extra is missing, no such exchange, no such environment.
    """
    try:
        import ccxt.async_support as library  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise ValueError(EXTRA) from None
    if exchange not in library.exchanges:
        raise ValueError(f"ccxt {library.__version__} knows no exchange {exchange}")
    parts: tuple[type, ...] = (Exact, getattr(library, exchange))
    if exchange in READ:
        import ccxt.pro as streaming  # noqa: PLC0415 - as above

        parts = (Exact, Sockets, getattr(streaming, exchange))
    made = type(f"Exact_{exchange}", parts, {"fence": fence})
    fixed = {"enableRateLimit": True, "maxRetriesOnFailure": 0}
    # An address on this machine is plain: no certificates are loaded for it.
    found = cast(Any, made)({**config, **fixed, "verify": not fence.local})
    # A private list of coins that nothing here needs.
    found.has["fetchCurrencies"] = False
    # Its end is waited for without this pause: nothing of it is a stream.
    found.timeout_on_exit = 0
    try:
        if sandbox == "testnet":
            found.set_sandbox_mode(True)
        elif sandbox == "demo":
            found.enable_demo_trading(True)
    except Exception as error:
        other = "testnet" if sandbox == "demo" else "demo"
        text = f"{exchange} has no {sandbox} environment ({error}): set hosts to `{other}` or `production`"
        raise ValueError(text) from None
    if fence.local:
        found.urls["api"] = _moved(found.urls["api"], fence.local)
    return found


def _moved(addresses: Any, local: str) -> Any:
    """Every address with its host replaced, its path kept."""
    if isinstance(addresses, dict):
        return {name: _moved(each, local) for name, each in addresses.items()}
    if not isinstance(addresses, str):
        return addresses
    return _HOST.sub(_streaming(local) if addresses.startswith("ws") else local, addresses)


def _streaming(local: str) -> str:
    return f"ws{local.removeprefix('http')}"
