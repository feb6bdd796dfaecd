"""Golden vectors of the FTX dialect's signatures; bug rows B1 to B3."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.venues.ftx.rest import FtxDialect, order_request
from services.venues.ftx.sign import login_signature, prepared, signature, signed_by, signed_headers
from services.venues.wire.budget import Lane
from services.venues.wire.head import request_bytes
from services.venues.wire.secret import Secret

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


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_a_key_that_is_taken_in_once_signs_each_text_alike(secret: bytes, text: bytes) -> None:
    signs = prepared(secret)
    for _ in range(2):
        assert signed_by(signs, text) == hmac.digest(secret, text, "sha256").hex()


@pytest.mark.parametrize("subaccount", [None, "", "hedge 100 %s"])
@pytest.mark.parametrize("key", ["key", "100%d %s {0} %"])
def test_an_orders_bytes_are_those_of_any_other_request(key: str, subaccount: str | None) -> None:
    """Its head is made beforehand: byte for byte what the ordinary way makes, at each time stamp."""
    times = iter((1_650_000_000_000, 1_650_000_000_001, 0))
    dialect = FtxDialect("http://here:1", key, Secret("word"), subaccount, lambda: next(times))
    body = {"market": "USDT-PERP", "side": "sell", "price": "1.0005", "size": "1000", "clientId": "sc-1"}
    asked = order_request(body, Lane.ENTRY)
    for ts in (1_650_000_000_000, 1_650_000_000_001, 0):
        headers = [
            ("host", "here:1"),
            ("accept", "application/json"),
            ("content-type", "application/json"),
            *signed_headers(key, b"word", ts, "POST", "/api/orders", asked.body, subaccount),
        ]
        assert dialect.said(asked) == request_bytes("POST", "/api/orders", "", headers, asked.body)


@pytest.mark.parametrize("key", ["a\nb", "a\rb", "caf\u00e9", "\0"])
def test_a_key_that_no_head_can_hold_is_refused_when_an_order_is_to_leave(key: str) -> None:
    dialect = FtxDialect("http://here:1", key, Secret("word"), None, lambda: 1)
    with pytest.raises(ValueError, match=r"line break|ascii"):
        dialect.said(order_request({"clientId": "sc-1"}, Lane.ENTRY))
