"""The error tables of the fact sheet, row by row: what may live afterwards and how long nothing may leave."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.venues.binance.errors import BAN_WAIT_S, refusal
from services.venues.wire.errors import LONGEST_WAIT_S, ErrorKind, WireError

NOW_MS = 1_790_000_000_000


def refused(status: int, code: int | None, text: str, *, spot: bool = False, **headers: str) -> WireError:
    body = text if code is None else json.dumps({"code": code, "msg": text})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(status, named, body.encode(), NOW_MS, spot=spot)


@pytest.mark.parametrize(
    ("status", "code", "text", "kind"),
    [
        (503, None, "Unknown error, please check your request or try again later.", ErrorKind.UNKNOWN),
        (503, -1000, "Unknown error, please check your request or try again later.", ErrorKind.UNKNOWN),
        (503, None, "Service Unavailable.", ErrorKind.UNAVAILABLE),
        (
            503, -1001, "Internal error; unable to process your request. Please try again.",
            ErrorKind.UNAVAILABLE,
        ),
        (503, -1001, "disconnected", ErrorKind.UNKNOWN),
        (503, -1008, "Request throttled by system-level protection.", ErrorKind.THROTTLED),
        (400, -1006, "An unexpected response was received", ErrorKind.UNKNOWN),
        (504, -1007, "Timeout waiting for response from backend server.", ErrorKind.UNKNOWN),
        (408, None, "", ErrorKind.UNKNOWN),
        (502, None, "<html>bad gateway</html>", ErrorKind.UNKNOWN),
        (503, None, "<html><h1>503 Service Unavailable</h1></html>", ErrorKind.UNKNOWN),
        (
            503, None, "Internal error; unable to process your request. Please try again.",
            ErrorKind.UNAVAILABLE,
        ),
        (503, None, "<html>We are unable to process your request.</html>", ErrorKind.UNKNOWN),
        (500, None, "Service Unavailable.", ErrorKind.UNKNOWN),
        (403, None, "<html>WAF</html>", ErrorKind.UNAVAILABLE),
        (451, None, "restricted location", ErrorKind.AUTH),
        (400, -1021, "Timestamp for this request is outside of the recvWindow.", ErrorKind.AUTH),
        (400, -5028, "timestamp", ErrorKind.AUTH),
        (400, -1022, "Signature for this request is not valid.", ErrorKind.AUTH),
        (401, -2015, "Invalid API-key, IP, or permissions for action.", ErrorKind.AUTH),
        (400, -2014, "API-key format invalid.", ErrorKind.AUTH),
        (400, -2008, "Invalid Api-Key ID.", ErrorKind.AUTH),
        (400, -2017, "API Keys are locked on this account.", ErrorKind.AUTH),
        (400, -4116, "clientOrderId is duplicated", ErrorKind.UNKNOWN),
        (400, -2010, "Duplicate order sent.", ErrorKind.UNKNOWN),
        (400, -2010, "Account has insufficient balance for requested action.", ErrorKind.REJECTED),
        (400, -2011, "Unknown order sent.", ErrorKind.REJECTED),
        (400, -2013, "Order does not exist.", ErrorKind.REJECTED),
        (400, -2022, "ReduceOnly Order is rejected.", ErrorKind.REJECTED),
        (400, -2019, "Margin is insufficient.", ErrorKind.REJECTED),
        (400, -4120, "Order type not supported for this endpoint.", ErrorKind.REJECTED),
        (400, -5022, "Post Only order will be rejected.", ErrorKind.REJECTED),
        (400, -1111, "Precision is over the maximum", ErrorKind.REJECTED),
        (429, -1015, "Too many new orders.", ErrorKind.THROTTLED),
        (429, -1003, "Too many requests.", ErrorKind.THROTTLED),
        (418, -1003, "Way too many requests.", ErrorKind.THROTTLED),
    ],
)  # fmt: skip
def test_the_tables_of_the_fact_sheet(status: int, code: int | None, text: str, kind: ErrorKind) -> None:
    assert refused(status, code, text).kind is kind


def test_on_spot_any_5xx_may_have_been_executed() -> None:
    for code, text in ((None, "Service Unavailable."), (-1001, "unable to process your request")):
        assert refused(503, code, text, spot=True).kind is ErrorKind.UNKNOWN
    assert refused(503, -1008, "Server is currently overloaded", spot=True).kind is ErrorKind.UNKNOWN


@pytest.mark.parametrize("status", [204, 301, 302, 307])
def test_who_sends_an_order_elsewhere_has_not_refused_it(status: int) -> None:
    """It was a definite no."""
    assert refused(status, None, "<html>moved</html>").kind is ErrorKind.UNKNOWN
    assert refused(status, -2019, "Margin is insufficient.").kind is ErrorKind.REJECTED


def test_a_ban_is_as_long_as_its_longest_word() -> None:
    until = f"Way too many requests; IP(1.2.3.4) banned until {NOW_MS + 90_000}. Please use the websocket"
    assert refused(418, -1003, until).retry_after_s == 90
    assert refused(418, -1003, until, retry_after="30").retry_after_s == 90
    assert refused(418, -1003, until, retry_after="300").retry_after_s == 300
    assert refused(418, None, "").retry_after_s == BAN_WAIT_S
    assert refused(418, -1003, f"banned until {NOW_MS * 5}").retry_after_s == LONGEST_WAIT_S
    assert refused(429, -1003, "Too many requests", retry_after="7").retry_after_s == 7
    assert refused(418, -1003, f"banned until {NOW_MS - 5_000}").retry_after_s == 0


def test_what_limits_new_orders_alone_holds_back_no_cancel() -> None:
    assert refused(429, -1015, "Too many new orders").retry_after_s is None
    assert refused(503, -1008, "Request throttled by system-level protection").retry_after_s is None


@settings(max_examples=60)
@given(st.integers(100, 599), st.binary(max_size=80), st.text(max_size=12))
def test_every_reply_has_a_kind_and_a_sane_wait(status: int, body: bytes, retry: str) -> None:
    error = refusal(status, {"retry-after": retry}, body, NOW_MS)
    assert error.retry_after_s is None or 0 <= error.retry_after_s <= 10**7
    if status >= 500 and b"Unavailable" not in body and b"unable" not in body and b"-1" not in body:
        assert error.kind is ErrorKind.UNKNOWN
