"""Golden vectors of the FTX dialect's signatures; bug rows B1 to B3."""

from __future__ import annotations

import pytest

from services.venues.ftx.sign import login_signature, signature, signed_headers

BLOG = b"T4lPid48QtjNxjLUFOcUZghD7CUJ7sTVsfuvQZF2"
ORDER = (
    b'{"market": "BTC-PERP", "side": "buy", "price": 8500, "size": 1, "type": "limit", '
    b'"reduceOnly": false, "ioc": false, "postOnly": false, "clientId": null}'
)
TIGHT = (
    b'{"market":"USDT-PERP","side":"sell","price":1.0005,"size":1000,"type":"limit",'
    b'"reduceOnly":false,"ioc":false,"postOnly":true,"clientId":"sc-000001"}'
)


@pytest.mark.parametrize(
    ("secret", "ts", "method", "target", "body", "expected"),
    [
        (
            BLOG, 1588591511721, "GET", "/api/markets", b"",
            "dbc62ec300b2624c580611858d94f2332ac636bb86eccfa1167a7777c496ee6f",
        ),
        (
            BLOG, 1588591856950, "POST", "/api/orders", ORDER,
            "c4fbabaf178658a59d7bbf57678d44c369382f3da29138f04cd46d3d582ba4ba",
        ),
        (
            b"secret", 1650000000000, "GET", "/api/funding_rates?future=USDT-PERP&start_time=1649990000", b"",
            "093d1e6197cb74e47483047f58f116c96fec269a2f4671f3f9547116cec1faa9",
        ),
        (
            b"secret", 1650000000000, "delete", "/api/orders/by_client_id/sc-000001", b"",
            "111392943d3f3d99710741ba9116cb30b950bca5d77a15f9c16027162ff0967c",
        ),
        (
            b"secret", 1650000000000, "POST", "/api/orders", TIGHT,
            "069756623f130b688280c180975b34f5fd094bbb7446c6c5cda5f2b7e229bd9f",
        ),
    ],
)  # fmt: skip
def test_b1_b3_golden_vectors(
    secret: bytes, ts: int, method: str, target: str, body: bytes, expected: str
) -> None:
    """Bugs B1, B3: what is signed is what is sent, to the byte."""
    assert signature(secret, ts, method, target, body) == expected


def test_the_log_in_of_the_stream() -> None:
    expected = "fdda9a64739d4763a5c4b716f749ee48ad4c451a04125ba0ae7925fb18a41c82"
    assert login_signature(b"secret", 1650000000000) == expected


def test_b2_a_sub_account_stands_only_where_there_is_one_and_is_encoded() -> None:
    """Bug B2: no empty sub-account."""
    plain = dict(signed_headers("k", b"s", 1, "GET", "/api/x", b"", None))
    assert sorted(plain) == ["FTX-KEY", "FTX-SIGN", "FTX-TS"]
    assert "FTX-SUBACCOUNT" not in dict(signed_headers("k", b"s", 1, "GET", "/api/x", b"", ""))
    named = dict(signed_headers("k", b"s", 1, "GET", "/api/x", b"", "my arb/1"))
    assert named["FTX-SUBACCOUNT"] == "my%20arb%2F1"
