"""What a refusal in the FTX dialect means. There are no codes: the text is all there is (ftx.md 1.2)."""

from __future__ import annotations

from collections.abc import Mapping

from services.venues.wire.errors import ErrorKind, WireError, retry_after

TOO_OLD = "Timestamp too far from current time"
DUPLICATE = "Duplicate client order ID"
NOT_FOUND = "Order not found"
ALREADY_CLOSED = "Order already closed"
ALREADY_QUEUED = "Order already queued for cancellation"

_AUTH = (
    "Not logged in",
    "Not authorized",
    "Only have permissions",
    "No such subaccount",
    "Invalid signature",
)
_THROTTLED = ("Do not send more than", "Cannot send more than", "Slow down")
_UNKNOWN = (
    "Please retry request",
    "Please try again",
    "Try again",
    "Order took too long to process",
    "Internal Error",
    "An unexpected error occurred",
)
THROTTLED_WAIT_S = 0.2
"""Limits hold for windows of 200 ms; the dialect itself names no time to wait, what stands before it may."""


def refusal(status: int, text: str, headers: Mapping[str, str]) -> WireError:
    """The error of a reply without success. A 5xx that is not understood may have been executed."""
    shown = text[:300] or f"HTTP {status}"
    if status == 429 or text.startswith(_THROTTLED):
        wait = retry_after(headers)
        if wait is None and "orders per" not in text:  # a limit of orders alone: cancels go on
            wait = THROTTLED_WAIT_S
        return WireError(ErrorKind.THROTTLED, shown, status=status, code=text, retry_after_s=wait)
    if text.startswith(_UNKNOWN) or status >= 500 or status == 408:
        return WireError(ErrorKind.UNKNOWN, shown, status=status, code=text)
    if status in (401, 403) or text.startswith(_AUTH):
        return WireError(ErrorKind.AUTH, shown, status=status, code=text, clock=TOO_OLD in text)
    if text == DUPLICATE:
        # The first send arrived: what became of it is asked, never sent again.
        return WireError(ErrorKind.UNKNOWN, shown, status=status, code=text)
    return WireError(ErrorKind.REJECTED, shown, status=status, code=text, clock=TOO_OLD in text)
