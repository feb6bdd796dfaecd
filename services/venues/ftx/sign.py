"""Signing in the FTX dialect: one HMAC over time stamp, method, path with query and the exact body bytes.

What is signed is what is sent, byte for byte; a sub-account's header stands only where there is one (bug rows
B1 to B3). The server checks the same text, so both sides use this file.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from urllib.parse import quote

PREFIX = "FTX"
"""Of the header names; the exchange's branch in the United States said `FTXUS`."""
STALE_MS = 30_000
"""An older time stamp is refused."""
_BLOCK = 64
_INNER, _OUTER = bytes(byte ^ 0x36 for byte in range(256)), bytes(byte ^ 0x5C for byte in range(256))


def signature(secret: bytes, ts_ms: int, method: str, target: str, body: bytes = b"") -> str:
    """`target` starts with `/api` and holds the query exactly as sent. Lower-case hex."""
    payload = f"{ts_ms}{method.upper()}{target}".encode() + body
    return hmac.digest(secret, payload, "sha256").hex()


class Signer:
    """HMAC-SHA256 (RFC 2104) of one key, which is taken in once: what it signs goes into copies. An order
    waits for this: the library's own object takes twice as many steps over the same two hashes."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: bytes) -> None:
        key = (sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")
        self._inner = sha256(key.translate(_INNER))
        self._outer = sha256(key.translate(_OUTER))

    def sign(self, text: bytes) -> str:
        """Lower-case hex."""
        inner = self._inner.copy()
        inner.update(text)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()


def login_signature(secret: bytes, ts_ms: int) -> str:
    """Of the WebSocket log-in."""
    return hmac.digest(secret, f"{ts_ms}websocket_login".encode(), "sha256").hex()


def signed_headers(
    key: str,
    secret: bytes | Signer,
    ts_ms: int,
    method: str,
    target: str,
    body: bytes,
    subaccount: str | None,
    prefix: str = PREFIX,
) -> tuple[tuple[str, str], ...]:
    """The headers of one try: made anew for each, since a time stamp lives for thirty seconds.

    `secret`: better as a `Signer`, where an order waits.
    """
    signer = secret if isinstance(secret, Signer) else Signer(secret)
    sign = signer.sign(f"{ts_ms}{method.upper()}{target}".encode() + body)
    headers = [(f"{prefix}-KEY", key), (f"{prefix}-TS", str(ts_ms)), (f"{prefix}-SIGN", sign)]
    if subaccount:
        headers.append((f"{prefix}-SUBACCOUNT", quote(subaccount, safe="")))
    return tuple(headers)
