"""Golden vectors of Binance's signatures, and what is signed."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.venues.binance.sign import encoded, hmac_signature, signed, signer_of
from services.venues.wire.secret import Secret

DOCS_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
DOCS_TEXT = (
    "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
    "&timestamp=1499827319559"
)
DOCS_SIGNATURE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
# RFC 8032, section 7.1, test 2.
RFC_KEY = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
RFC_SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_the_documents_vector_and_the_signature_stands_last() -> None:
    assert hmac_signature(DOCS_SECRET.encode(), DOCS_TEXT.encode()) == DOCS_SIGNATURE
    pairs = tuple(tuple(part.split("=")) for part in DOCS_TEXT.split("&"))
    text = signed(pairs, signer_of(Secret(DOCS_SECRET)))  # type: ignore[arg-type]
    assert text == f"{DOCS_TEXT}&signature={DOCS_SIGNATURE}"


def test_percent_encoding_comes_before_signing() -> None:
    seen: list[bytes] = []

    def sign(payload: bytes) -> str:
        seen.append(payload)
        return "a+b/c="

    text = signed([("symbol", "币安 X&=/"), ("timestamp", "1")], sign)
    assert seen == [b"symbol=%E5%B8%81%E5%AE%89%20X%26%3D%2F&timestamp=1"]
    assert text == seen[0].decode() + "&signature=a%2Bb%2Fc%3D"
    assert encoded([]) == ""


def test_an_ed25519_key_signs_as_its_rfc_says() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(RFC_KEY))
    sign = signer_of(Secret(pem(key)))
    assert base64.b64decode(sign(b"\x72")).hex() == RFC_SIGNATURE


def test_a_pem_text_that_is_no_ed25519_key_is_refused_without_quoting_it() -> None:
    broken = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n"
    with pytest.raises(ValueError, match="cannot be read as one") as told:
        signer_of(Secret(broken))
    assert "MC4CAQ" not in str(told.value)
    rsa = generate_private_key(public_exponent=65537, key_size=1024)
    text = rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(ValueError, match="no Ed25519 key"):
        signer_of(Secret(text))
