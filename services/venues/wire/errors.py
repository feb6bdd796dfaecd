"""What can go wrong between us and a venue, in six kinds that decide what may be done next.

The kind is the whole point: `unknown` is the only one after which an order may exist that nobody has
acknowledged, and it is never followed by a second send (SEMANTICS 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a JSON decoder says of bytes that are none: also text of another encoding, and nests without end."""


class ErrorKind(StrEnum):
    DENIED = "denied"
    """Our own budget or deadline: nothing left this machine."""
    REJECTED = "rejected"
    """The venue's definite no: nothing of it lives."""
    THROTTLED = "throttled"
    """Not executed: too many requests, or banned for a while."""
    UNKNOWN = "unknown"
    """It may have been executed."""
    AUTH = "auth"
    """Key, signature, permission or clock: not executed, and repeating it alike is useless."""
    UNAVAILABLE = "unavailable"
    """Not executed: the venue or the way to it is down."""

    @property
    def executed(self) -> bool:
        """Whether an order sent this way may live."""
        return self is ErrorKind.UNKNOWN

    @property
    def unheard(self) -> bool:
        """Whether the venue has judged nothing: it counts as no refusal of an order."""
        return self in (ErrorKind.DENIED, ErrorKind.UNAVAILABLE)


LONGEST_WAIT_S = 3 * 86_400.0 + 60
"""The longest ban that any venue hands out; a longer wait was stated by a mistaken clock."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds for which a reply asks to be left alone; None = it names none that can be read. Names in lower
    case. An instant is held against the reply's own `Date`, never against our clock; of several the longest.
    """
    stated = headers.get("retry-after", "").strip()
    counts = [part.strip() for part in stated.split(",")]
    if all(part.isascii() and part.isdigit() for part in counts):
        return max(LONGEST_WAIT_S if len(part) > 7 else min(float(part), LONGEST_WAIT_S) for part in counts)
    due, said = _instant(stated), _instant(headers.get("date", ""))
    if due is None or said is None:
        return None
    return min(max(0.0, due - said), LONGEST_WAIT_S)


def _instant(text: str) -> float | None:
    """Seconds since 1970 of an HTTP date."""
    try:
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


class WireError(Exception):
    """One request that brought no result. The text is one line and holds no secret."""

    def __init__(
        self,
        kind: ErrorKind,
        text: str,
        *,
        status: int | None = None,
        code: str = "",
        retry_after_s: float | None = None,
        clock: bool = False,
    ) -> None:
        """`code`: the venue's own; `retry_after_s`: how long it asks us to wait; `clock`: refused before
        it was executed, for our time stamp: worth one more try after measuring the clock."""
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        self.clock = clock

    @property
    def refuses(self) -> bool:
        """Our key, as it stands there: somebody has to set something right."""
        return self.kind is ErrorKind.AUTH and not self.clock

    def __repr__(self) -> str:
        return f"WireError({self.kind.value}, {self.text!r}, status={self.status}, code={self.code!r})"
