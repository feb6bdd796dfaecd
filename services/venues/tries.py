"""One question after the other, of each market: what fails keeps no other from being asked and told.

What was not answered is unknown and grows old by itself. Only where the venue wants to be left alone, or our
own budget is spent, is the rest not asked either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from services.venues.wire.errors import ErrorKind, WireError

T = TypeVar("T")
_NO_MORE = (ErrorKind.THROTTLED, ErrorKind.DENIED)


class Tries:
    """`for each in tries.of(all): with tries: …`; `end` raises what failed last."""

    def __init__(self, reading: tuple[type[Exception], ...]) -> None:
        """`reading`: what an answer that cannot be had, or read, raises."""
        self._reading = reading
        self._failed: Exception | None = None
        self._over = False

    def of(self, items: Iterable[T]) -> Iterator[T]:
        for item in items:
            if self._over:
                return
            yield item

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, self._reading):
            return False
        self._failed = error
        self._over = isinstance(error, WireError) and error.kind in _NO_MORE
        return True

    def end(self) -> None:
        """After what was answered was told."""
        if self._failed is not None:
            raise self._failed
