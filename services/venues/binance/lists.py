"""Long lists of Binance, read row by row where one of their rows cannot be read: most rows are of markets
that nobody here has named, and a new kind of contract among them must not keep ours from being known.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from services.venues.binance import schemas as wire
from services.venues.binance.rest import decode
from services.venues.wire.errors import UNREADABLE, WireError

T = TypeVar("T")
Info = TypeVar("Info", bound=wire.ExchangeInfo)


class _Named(Struct):
    symbol: str = ""


class _Info(Struct):
    rateLimits: tuple[wire.RateLimit, ...]
    symbols: tuple[msgspec.Raw, ...]


def rows(kind: type[T], body: bytes, what: str, ours: Container[str] = ()) -> list[T]:
    """What can be read of them: a row that is lacking is unknown to whoever looks for it. Where lacking means
    something else, the rows of `ours` have to be read. Raises WireError: they cannot, it is no list, or none
    of its rows can be read."""
    whole: Any = list[kind]  # type: ignore[valid-type]
    try:
        found: list[T] = decode(whole, body, what)
    except WireError as error:
        found, unread = _each(kind, decode(list[msgspec.Raw], body, what))
        if not found or (ours and any(not name or name in ours for name in unread)):
            raise error from None
    return found


def exchange_info(kind: type[Info], row: type[Any], body: bytes, what: str) -> Info:
    """Of futures or of spot, whose rows are of the kind `row`. Names the rows that cannot be read: they are
    not gone. Raises WireError as `rows`."""
    try:
        return decode(kind, body, what)
    except WireError as error:
        info = decode(_Info, body, what)
        found, unread = _each(row, info.symbols)
        if not found:
            raise error from None
        return kind(rateLimits=info.rateLimits, symbols=tuple(found), unread=unread)


def _each(kind: type[T], raw: Any) -> tuple[list[T], dict[str, str]]:
    found: list[T] = []
    unread: dict[str, str] = {}
    for row in raw:
        try:
            found.append(msgspec.json.decode(row, type=kind))
        except (*UNREADABLE, ValueError) as why:
            unread[_name(row)] = f"a row that cannot be read ({why})"
    return found, unread


def _name(row: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(row, type=_Named).symbol
    except (*UNREADABLE, ValueError):
        return ""
