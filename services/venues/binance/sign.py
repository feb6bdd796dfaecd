"""Signing for Binance: percent-encode first, sign that very text, put the signature last (binance.md 2).

A secret that is a PEM private key signs with Ed25519, any other with HMAC-SHA256. The `cryptography` package
(extra `ed25519`) is loaded for the former alone.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Iterable
from urllib.parse import quote, urlencode

from services.venues.wire.secret import Secret

Sign = Callable[[bytes], str]
"""From the encoded parameters to the signature's text, not yet percent-encoded."""

_PEM = b"-----BEGIN"


def encoded(pairs: Iterable[tuple[str, str]]) -> str:
    """`k=v&…`, UTF-8, everything but unreserved characters escaped: symbols may hold any text since 2025."""
    return urlencode(tuple(pairs), quote_via=quote, safe="")


def signed(pairs: Iterable[tuple[str, str]], sign: Sign) -> str:
    """The query with its signature at the end."""
    text = encoded(pairs)
    return f"{text}&signature={quote(sign(text.encode('ascii')), safe='')}"


def hmac_signature(secret: bytes, payload: bytes) -> str:
    """Lower-case hex."""
    return hmac.digest(secret, payload, "sha256").hex()


def signer_of(secret: Secret) -> Sign:
    """Raises ValueError with one line for a PEM text that holds no Ed25519 key, or without the extra."""
    if secret.reveal().lstrip().startswith(_PEM):
        return _ed25519(secret.reveal())
    return lambda payload: hmac_signature(secret.reveal(), payload)


def _ed25519(pem: bytes) -> Sign:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 # optional
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    except ImportError:
        raise ValueError("a PEM key needs the extra: pip install 'stableconsole[ed25519]'") from None
    try:
        key = load_pem_private_key(pem.strip() + b"\n", password=None)
    except (ValueError, TypeError):
        # The library's own words may quote the key.
        raise ValueError("the secret begins like a PEM key and cannot be read as one") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("the PEM key is no Ed25519 key")
    return lambda payload: base64.b64encode(key.sign(payload)).decode("ascii")
