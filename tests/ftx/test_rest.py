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


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((status, body) for status in (200, 201, 204, 307)
          for body in (b"", b"<html>one moment</html>", b"null", b"[]", b"{}", b'{"success": false}')),
        (307, b'{"success": true, "result": {}}'),
        (400, b'{"success": true, "result": {}}'),
        (400, b'{"success": false}'),
    ],
)  # fmt: skip
def test_what_is_neither_a_result_nor_a_refusal_leaves_an_order_in_doubt(status: int, body: bytes) -> None:
    """A page of a door in front of the venue, or a status of tomorrow, was its definite no: the order that
    lived there was taken for dead, and its hedge sent a second time."""
    asked = Request(method="POST", path="/orders", signed=True)
    told = dialect().refusal(asked, Reply(status=status, headers={}, body=body))
    assert told is not None
    assert (told.kind, told.status) == (ErrorKind.UNKNOWN, status)


@pytest.mark.parametrize("body", [b'{"success": true}', b' \n{"success": true, "result": []}'])
def test_a_result_is_one_with_any_good_status_and_spaces_before_it(body: bytes) -> None:
    for status in (200, 201):
        asked = Request(method="GET", path="/orders", signed=True)
        assert dialect().refusal(asked, Reply(status=status, headers={}, body=body)) is None


def test_a_venues_no_is_one_with_any_status_and_a_page_with_4xx_is_one_of_its_door() -> None:
    asked = Request(method="POST", path="/orders", signed=True)
    for status, body in (
        (200, b'{"success": false, "error": "Not enough balances"}'),
        (400, b'{"success": false, "error": "Not enough balances"}'),
        (404, b"<html>not found</html>"),
    ):
        told = dialect().refusal(asked, Reply(status=status, headers={}, body=body))
        assert told is not None
        assert told.kind is ErrorKind.REJECTED
