"""What stands in the envelopes of the FTX dialect, decoded.

A list is read row by row where one of its rows cannot be read: that one is refused by name, and takes no
other along.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from services.venues.ftx import schemas as wire
from services.venues.wire.errors import UNREADABLE, ErrorKind, WireError

T = TypeVar("T")
_ENVELOPES: dict[Any, msgspec.json.Decoder[Any]] = {}
NAMELESS = ""
"""Stands for a row that does not even tell its name: any may be it."""


def decode_result(kind: type[T], body: bytes, what: str) -> T:
    """The envelope's result. Raises WireError(UNKNOWN): something was done, and we cannot read what."""
    try:
        result: T | None = _decoder(_enveloped(kind)).decode(body).result
    except (*UNREADABLE, ValueError) as error:
        raise WireError(ErrorKind.UNKNOWN, f"{what}: the reply cannot be read ({error})") from None
    if result is None:
        raise WireError(ErrorKind.UNKNOWN, f"{what}: a reply without a result")
    return result


def _enveloped(kind: Any) -> Any:
    """The envelope around a kind that is known at run time only."""
    return wire.Envelope[kind]


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    found = _ENVELOPES.get(kind)
    if found is None:
        found = _ENVELOPES[kind] = msgspec.json.Decoder(kind)
    return found


class Rows(list[T]):
    """What could be read; `unread`: the name of each row that could not -> why."""

    def __init__(self, rows: list[T], unread: dict[str, str]) -> None:
        super().__init__(rows)
        self.unread = unread


class _Named(Struct):
    name: str = ""
    id: str = ""


def listing(kind: type[T], body: bytes, what: str) -> Rows[T]:
    """Of a reply with a list of `kind`. Raises WireError: it is no list, or none of its rows can be read."""
    whole: type[list[T]] = list[kind]  # type: ignore[valid-type]
    try:
        return Rows(decode_result(whole, body, what), {})
    except WireError as error:
        raw = decode_result(list[msgspec.Raw], body, what)
        rows: list[T] = []
        unread: dict[str, str] = {}
        for row in raw:
            try:
                rows.append(msgspec.json.decode(row, type=kind))
            except (*UNREADABLE, ValueError) as why:
                unread[_name(row)] = f"{what}: a row that cannot be read ({why})"
        if not rows:
            raise error from None
        return Rows(rows, unread)


def _name(row: msgspec.Raw) -> str:
    try:
        found = msgspec.json.decode(row, type=_Named)
    except (*UNREADABLE, ValueError):
        return NAMELESS
    return found.name or found.id
