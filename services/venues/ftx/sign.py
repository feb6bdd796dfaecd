"""Signing in the FTX dialect: one HMAC over time stamp, method, path with query and the exact body bytes.

What is signed is what is sent, byte for byte; a sub-account's header stands only where there is one (bug rows
B1 to B3). The server checks the same text, so both sides use this file.
"""

from __future__ import annotations

import hmac
from urllib.parse import quote

PREFIX = "FTX"
"""Of the header names; the exchange's branch in the United States said `FTXUS`."""
STALE_MS = 30_000
"""An older time stamp is refused."""


def signature(secret: bytes, ts_ms: int, method: str, target: str, body: bytes = b"") -> str:
    """`target` starts with `/api` and holds the query exactly as sent. Lower-case hex."""
    payload = f"{ts_ms}{method.upper()}{target}".encode() + body
    return hmac.digest(secret, payload, "sha256").hex()


def prepared(secret: bytes) -> hmac.HMAC:
    """The key, taken in once: what it signs goes into a copy."""
    return hmac.new(secret, digestmod="sha256")


def signed_by(signs: hmac.HMAC, text: bytes) -> str:
    """Lower-case hex, by a `prepared` key."""
    one = signs.copy()
    one.update(text)
    return one.hexdigest()


def login_signature(secret: bytes, ts_ms: int) -> str:
    """Of the WebSocket log-in."""
    return hmac.digest(secret, f"{ts_ms}websocket_login".encode(), "sha256").hex()


def signed_headers(
    key: str,
    secret: bytes | hmac.HMAC,
    ts_ms: int,
    method: str,
    target: str,
    body: bytes,
    subaccount: str | None,
    prefix: str = PREFIX,
) -> tuple[tuple[str, str], ...]:
    """The headers of one try: made anew for each, since a time stamp lives for thirty seconds.

    `secret`: better as `prepared`, where an order waits.
    """
    signs = prepared(secret) if isinstance(secret, bytes) else secret
    sign = signed_by(signs, f"{ts_ms}{method.upper()}{target}".encode() + body)
    headers = [(f"{prefix}-KEY", key), (f"{prefix}-TS", str(ts_ms)), (f"{prefix}-SIGN", sign)]
    if subaccount:
        headers.append((f"{prefix}-SUBACCOUNT", quote(subaccount, safe="")))
    return tuple(headers)
