"""Whether what an exchange has said is a reply at all, judged before the library reads it.

Where a page stands in for a reply, or a reply lacks its rows, the library reads an empty list: an account
that is flat, an order that is not there. Nothing is missing from a reply of ours that is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

_BYBIT_LISTS = frozenset(
    {
        "/v5/position/list",
        "/v5/order/realtime",
        "/v5/order/history",
        "/v5/execution/list",
        "/v5/account/wallet-balance",
        "/v5/account/transaction-log",
        "/v5/market/tickers",
        "/v5/market/instruments-info",
        "/v5/market/funding/history",
    }
)


class Unreadable(Exception):
    """It may have been done, and nothing was told: after a send in doubt, after a question no answer."""


def check(exchange: str, url: str, reply: object) -> None:
    """Raises Unreadable. Refusals have been told by then: this is one of what counts as a result."""
    path = urlsplit(url).path
    if reply is None or isinstance(reply, str | bytes):
        raise Unreadable(f"{path}: a reply that is no JSON: {reply!r:.60}")
    if exchange == "okx":
        _rows(path, reply, "data")
    elif exchange == "bybit":
        found = reply.get("result") if isinstance(reply, Mapping) else None
        if not isinstance(found, Mapping):
            raise Unreadable(f"{path}: a reply without its result")
        if path in _BYBIT_LISTS:
            _rows(path, found, "list")


def _rows(path: str, reply: object, field: str) -> None:
    rows = reply.get(field) if isinstance(reply, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(each, Mapping) for each in rows):
        raise Unreadable(f"{path}: a reply without its rows")
