"""FTX over REST: the envelope's word, methods as they are signed, the venue's own windows."""

from __future__ import annotations

import pytest

from services.venues.ftx.rest import ORDERS, WINDOWS, FtxDialect
from services.venues.ftx.sign import signature
from services.venues.wire.budget import Budget, Lane
from services.venues.wire.errors import ErrorKind
from services.venues.wire.rest import Reply, Request, Timings
from services.venues.wire.secret import Secret

MS = 1_000_000


def dialect() -> FtxDialect:
    return FtxDialect("http://127.0.0.1:1", "key", Secret("word"), None, lambda: 1)


@pytest.mark.parametrize("status", [200, 400, 404])
def test_bug_b9_a_refusal_is_the_envelopes_word_whatever_the_status(status: int) -> None:
    asked = Request(method="POST", path="/orders", signed=True)
    body = b'{"success": false, "error": "Account does not have enough margin for order."}'
    told = dialect().refusal(asked, Reply(status=status, headers={}, body=body))
    assert told is not None
    assert told.kind is ErrorKind.REJECTED
    assert "enough margin" in told.text
    good = Reply(status=200, headers={}, body=b'{"success": true, "result": {}}')
    assert dialect().refusal(asked, good) is None
    unread = dialect().refusal(asked, Reply(status=200, headers={}, body=b'{"result": {}}'))
    assert unread is not None
    assert unread.kind is ErrorKind.UNKNOWN, "a reply without its word proves nothing"


def test_bug_b14_a_method_is_signed_in_capitals_however_it_is_written() -> None:
    assert signature(b"s", 1, "post", "/api/orders", b"{}") == signature(
        b"s", 1, "POST", "/api/orders", b"{}"
    )


def test_bug_b8_no_request_waits_for_ever() -> None:
    asked = Timings()
    assert (asked.connect_s, asked.read_s) == (5, 10)
    assert 0 < asked.total_s <= 10


def test_bug_n8_orders_have_the_venues_own_window_and_reads_do_not_spend_it() -> None:
    """Two hundred milliseconds, of orders alone: a limit of "five a second" is no rule of this venue."""
    budget = Budget(WINDOWS)
    most = next(window for window in WINDOWS if window.name == ORDERS)
    assert most.span_s == 0.2
    for _ in range(most.limit):
        assert budget.wait(0, Lane.SAFE, {ORDERS: 1}) == 0
        budget.take(0, {ORDERS: 1})
    assert budget.wait(0, Lane.SAFE, {ORDERS: 1}) == 200 * MS
    assert budget.wait(0, Lane.DATA, {"requests-1s": 1}) == 0


@pytest.mark.parametrize(
    ("text", "headers", "wait"),
    [
        ("Slow down", {}, 0.2),
        ("Slow down", {"retry-after": "40"}, 40),
        ("Slow down", {"retry-after": "soon"}, 0.2),
        ("Do not send more than 2 orders per 200ms", {}, None),
        ("Do not send more than 2 orders per 200ms", {"retry-after": "3"}, 3),
    ],
)
def test_a_wait_that_is_stated_is_kept_and_a_limit_of_orders_alone_spares_cancels(
    text: str, headers: dict[str, str], wait: float | None
) -> None:
    asked = Request(method="POST", path="/orders", signed=True)
    body = f'{{"success": false, "error": "{text}"}}'.encode()
    told = dialect().refusal(asked, Reply(status=429, headers=headers, body=body))
    assert told is not None
    assert (told.kind, told.retry_after_s) == (ErrorKind.THROTTLED, wait)
