"""What an exception of the library means for an order or a question, by the names of its classes.

By names, so that nothing has to be loaded to judge one. After a send, only the words that are a venue's own
definite refusal count as one: everything else may have been executed and is probed (SEMANTICS 7).
"""

from __future__ import annotations

import re

from services.venues.wire.errors import ErrorKind, WireError

READING = (WireError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""All that reading a reply of any shape may raise: it is an answer that we do not have."""
NOT_FOUND = "OrderNotFound"
CANCEL_PENDING = "CancelPending"
CROSSED = "OrderImmediatelyFillable"
STALE_CLOCK = "InvalidNonce"

_AUTH = ("AuthenticationError", STALE_CLOCK)
_THROTTLED = ("RateLimitExceeded",)
_REFUSED = (
    "ArgumentsRequired",
    "BadRequest",
    "InsufficientFunds",
    "InvalidOrder",
    "NotSupported",
    "OperationRejected",
)
"""The venue's word, or the library's own before it sends anything."""
_SECOND = ("DuplicateOrderId",)
"""Refused because one of this id is there already: of that one nobody has told us anything yet."""
_UNSENT = ("ClientConnectorError", "ClientConnectorDNSError", "gaierror", "ForbiddenHost")
"""Nothing ever left: no connection was made."""
_QUERY = re.compile(r"\?\S*")
_CODE = re.compile(r'"(?:sCode|retCode)"\s*:\s*"?(\d+)"?')
_CODES = (NOT_FOUND, CANCEL_PENDING, CROSSED, STALE_CLOCK)
_DEFINITE = frozenset({"51169", "51170", "50061"})
"""Refusals of OKX that the library has no class for: nothing to reduce, too many orders a second."""
LONGEST = 240


def names_of(error: BaseException) -> tuple[str, ...]:
    return tuple(each.__name__ for each in type(error).__mro__)


def told(error: BaseException) -> str:
    """Its text as one line, short, without the query of an address: there signatures and keys stand."""
    text = " ".join(_QUERY.sub("", str(error)).split())
    return f"{type(error).__name__}: {text}"[:LONGEST]


def wire_error(error: Exception, *, write: bool) -> WireError:
    """`write`: the request was to change something at the venue."""
    names = names_of(error)
    return WireError(
        _kind(error, names, write=write),
        told(error),
        code=next((name for name in _CODES if name in names), ""),
        clock=STALE_CLOCK in names,
    )


def _kind(error: Exception, names: tuple[str, ...], *, write: bool) -> ErrorKind:
    doubt = ErrorKind.UNKNOWN if write else ErrorKind.UNAVAILABLE
    if _any(names, _SECOND):
        return doubt
    if _any(names, _THROTTLED):
        return ErrorKind.THROTTLED
    if _any(names, ("DDoSProtection",)):
        # Also told of pages that stand before an exchange, whatever has become of the request behind them.
        return ErrorKind.UNKNOWN if write else ErrorKind.THROTTLED
    if _any(names, _AUTH):
        return ErrorKind.AUTH
    if _any(names, _REFUSED):
        return ErrorKind.REJECTED
    if _DEFINITE & set(_CODE.findall(str(error))):
        return ErrorKind.REJECTED
    if _unsent(error):
        return ErrorKind.UNAVAILABLE
    return doubt


def _unsent(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if _any(names_of(cause), _UNSENT):
            return True
        cause = cause.__cause__
    return False


def _any(names: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return any(name in names for name in wanted)
