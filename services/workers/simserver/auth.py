"""Who asks: key, time stamp and signature over exactly the bytes that arrived, as the dialect checks them."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import unquote

from msgspec import Struct

from services.venues.ftx.sign import STALE_MS, login_signature, signature
from services.workers.simserver.house import House
from services.workers.simserver.keys import Key

PREFIX = "ftx"


class Refused(Exception):
    """An answer without success: HTTP status and the dialect's text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Caller(Struct, frozen=True):
    key: Key
    subaccount: str


def caller_of(
    house: House, headers: Mapping[str, str], method: str, target: str, body: bytes, now_ms: int
) -> Caller:
    """`target`: path with query as it stood in the request line. Raises Refused."""
    key = house.keys.get(headers.get(f"{PREFIX}-key", ""))
    if f"{PREFIX}-key" not in headers:
        raise Refused(401, "Not logged in")
    if key is None:
        raise Refused(401, "Not logged in: Invalid API key")
    ts = _time_stamp(headers.get(f"{PREFIX}-ts", ""), now_ms)
    wanted = signature(key.secret.encode(), ts, method, target, body)
    if not _same(wanted, headers.get(f"{PREFIX}-sign", "")):
        raise Refused(401, "Not logged in: Invalid signature")
    header = headers.get(f"{PREFIX}-subaccount")
    if header is not None and not header:
        raise Refused(400, "No such subaccount")
    return Caller(key, _subaccount(key, unquote(header or "")))


def login(house: House, args: Mapping[str, object], now_ms: int) -> Caller:
    """The stream's log-in. Raises Refused with the text of its error frame."""
    key = house.keys.get(str(args.get("key", "")))
    ts = args.get("time")
    if key is None or not isinstance(ts, int) or abs(now_ms - ts) > STALE_MS:
        raise Refused(400, "Invalid login credentials")
    if not _same(login_signature(key.secret.encode(), ts), str(args.get("sign", ""))):
        raise Refused(400, "Invalid login credentials")
    try:
        return Caller(key, _subaccount(key, str(args.get("subaccount") or "")))
    except Refused:
        raise Refused(400, "Invalid login credentials") from None


def _same(wanted: str, told: str) -> bool:
    """In the same time whatever is told, also where that is no ASCII."""
    return hmac.compare_digest(wanted.encode(), told.encode("utf-8", "surrogatepass"))


def _time_stamp(text: str, now_ms: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15 or abs(now_ms - int(text)) > STALE_MS:
        raise Refused(401, "Not logged in: Timestamp too far from current time")
    return int(text)


def _subaccount(key: Key, name: str) -> str:
    if name and name not in key.subaccounts:
        raise Refused(401, "No such subaccount")
    return name
