"""What a refusal of Binance means (binance.md 3.1, 3.2): codes where there are any, the text of a 503 else.

The kinds decide what may be done next, so a reply that is in no table is taken for the worse: a 5xx that is
not understood may have been executed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from services.venues.wire.errors import LONGEST_WAIT_S, UNREADABLE, ErrorKind, WireError, retry_after

NOT_FOUND = "-2013"
BAD_SYMBOL = "-1121"
NO_MARKET = (BAD_SYMBOL, "-4141")
"""The symbol is unknown, or closed."""
IN_LIQUIDATION = "-2023"
OTHER_MODE = ("-4061", "-4062")
"""The account is not in one-way mode: no order of ours is one there."""
CANCEL_REJECTED = "-2011"
GONE = (CANCEL_REJECTED, NOT_FOUND)
"""To a cancel: ended, or never there."""
DUPLICATE = "-4116"
SPOT_REJECTED = "-2010"
WOULD_TAKE = "-5022"
NO_LISTEN_KEY = "-1125"
STALE_CLOCK = ("-1021", "-5028")
"""Refused before execution: one try more after measuring the clock is safe."""
NO_CHANGE = ("-4046", "-4059")
"""The setting is as wished already."""

_AUTH = {"-1002", "-1022", "-2008", "-2014", "-2015", "-2017", "-4088", "-4109", *STALE_CLOCK}
"""-2008: no such key; -2017: the account's keys are locked. Both are in the venue's documents alone."""
_SHUT = {IN_LIQUIDATION, "-4087", "-4192", *OTHER_MODE}
"""Not this order is refused but all that add risk: liquidation, reduce-only, a cooling-off period, a mode."""
_SHUT_SPOT = ("may not place or cancel orders", "disabled on this account")
_MARKET_SHUT = (*NO_MARKET, "-4140")
_NOT_DONE = (
    "Service Unavailable.",
    "Internal error; unable to process your request. Please try again.",
)
_EXECUTION_UNKNOWN = {"-1000", "-1006", "-1007"}
_THROTTLED = {"-1003", "-1008", "-1015"}
_BANNED = re.compile(r"banned until (\d{12,14})")

BAN_WAIT_S = 120.0
"""A 418 that names no time: the shortest ban there is."""
WEIGHT_WAIT_S = 10.0
"""A 429 for request weight that names no time."""


def would_take(error: WireError) -> bool:
    """A post-only order that met the book: futures have a code for it, spot has words."""
    return error.code == WOULD_TAKE or (
        error.code == SPOT_REJECTED and "would immediately match and take" in error.text
    )


def shuts_account(error: WireError) -> bool:
    """What was refused to one order is refused to every one that adds risk, until somebody changes account or
    key (binance.md 3.2: `halt`)."""
    if error.kind is ErrorKind.AUTH:
        return not error.clock
    return error.code in _SHUT or (
        error.code == SPOT_REJECTED and any(words in error.text for words in _SHUT_SPOT)
    )


def shuts_market(error: WireError) -> bool:
    """The symbol takes no new positions, or no orders."""
    return error.code in _MARKET_SHUT or (error.code == SPOT_REJECTED and "Market is closed" in error.text)


class Said(Struct, frozen=True):
    """`{"code":-2013,"msg":"…"}`."""

    code: int
    msg: str = ""


_SAID = msgspec.json.Decoder(Said)


def said(body: bytes) -> Said | None:
    """The venue's code and words; None = the body is none of its errors."""
    try:
        return _SAID.decode(body)
    except UNREADABLE:
        return None


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, now_ms: int, *, spot: bool = False
) -> WireError:
    """The error of a reply without success. `now_ms`: the venue's clock, for "banned until"."""
    found = said(body)
    code = str(found.code) if found is not None else ""
    text = found.msg if found is not None else body[:200].decode("utf-8", "replace")
    shown = f"{code} {text}".strip()[:300] or f"HTTP {status}"
    kind = _kind(status, code, text, spot)
    wait = _wait(status, code, text, headers, now_ms) if kind is ErrorKind.THROTTLED else None
    clock = kind is ErrorKind.AUTH and code in STALE_CLOCK
    return WireError(kind, shown, status=status, code=code, retry_after_s=wait, clock=clock)


def _kind(status: int, code: str, text: str, spot: bool) -> ErrorKind:
    if status in (418, 429):
        return ErrorKind.THROTTLED
    if code in _EXECUTION_UNKNOWN or status == 408:
        return ErrorKind.UNKNOWN
    if spot and status >= 500:
        return ErrorKind.UNKNOWN
    if code in _THROTTLED:
        return ErrorKind.THROTTLED
    if code == "-1001":
        # Only with this text does the venue say that nothing was done.
        return ErrorKind.UNAVAILABLE if "unable to process your request" in text else ErrorKind.UNKNOWN
    if status >= 500:
        # The venue's own words and no more: a page of something before it says nothing of what lies behind.
        not_done = status == 503 and text.strip() in _NOT_DONE
        return ErrorKind.UNAVAILABLE if not_done else ErrorKind.UNKNOWN
    if code == DUPLICATE or (code == SPOT_REJECTED and "Duplicate order" in text):
        # The first send arrived: what became of it is asked, never sent again.
        return ErrorKind.UNKNOWN
    if code in _AUTH or status in (401, 451):
        return ErrorKind.AUTH
    if status == 403 and not code:
        return ErrorKind.UNAVAILABLE  # the firewall before the venue
    if status < 400 and not code:
        return ErrorKind.UNKNOWN  # also sent elsewhere: not followed, and nobody says what was done
    return ErrorKind.REJECTED


def _wait(status: int, code: str, text: str, headers: Mapping[str, str], now_ms: int) -> float | None:
    """How long nothing may leave; None = only this request was too much (cancels go on)."""
    waits: list[float] = []
    if (stated := retry_after(headers)) is not None:
        waits.append(stated)
    if until := _BANNED.search(text):
        waits.append((int(until[1]) - now_ms) / 1000)
    if waits:
        return min(max(0.0, *waits), LONGEST_WAIT_S)
    if status == 418:
        return BAN_WAIT_S
    if code in ("-1008", "-1015"):
        # -1008 spares cancels and closes; -1015 counts new orders alone.
        return None
    return WEIGHT_WAIT_S
