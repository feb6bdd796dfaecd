"""What the three stream entry points have in common: subscriptions, answers, wrapped frames, silence.

A wrong entry point acknowledges a subscription and then stays silent for ever (binance.md 0.1), so an
acknowledgement makes a stream ready to be waited for and nothing more: each must speak by its time.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from services.runtime.clock import boot_s, wall_ns
from services.venues.binance import errors, frames
from services.venues.binance.parse import ParseError
from services.venues.wire.errors import UNREADABLE
from services.venues.wire.numbers import BadNumber
from services.venues.wire.stream import Renew

CHUNK = 100
"""Streams in one subscription frame; a client may say only a few frames a second."""


class Ears(ABC):
    """One connection's ears. A venue's part derives and gives `streams`, `event` and `patience`."""

    streams: tuple[str, ...] = ()
    must_speak: tuple[str, ...] = ()
    """Those of them that come by the clock: the connection is not ready before each has said something."""

    def __init__(self, *, trouble: Callable[[str], None], clock: Callable[[], float] = boot_s) -> None:
        """`trouble` hears of every frame that was refused."""
        self._trouble = trouble
        self._clock = clock
        self._asked: set[int] = set()
        self._spoke: dict[str, float] = {}
        self._silent_until_first: set[str] = set()
        self._next_id = 0
        self._excused: frozenset[str] = frozenset()
        """Streams of markets that have ended: whether they speak or not is nothing to wait for."""
        self.applied = 0
        self.refused = 0
        self.passed: dict[str, int] = {}
        """Known events that nothing is done with, by name."""

    # The stream's side.

    def greeting(self) -> Sequence[str]:
        self.forget()
        now = self._clock()
        self._spoke = dict.fromkeys(self.streams, now)
        self._silent_until_first = set(self.streams)
        self._asked = set()
        said = []
        for at in range(0, len(self.streams), CHUNK):
            self._next_id += 1
            self._asked.add(self._next_id)
            params = list(self.streams[at : at + CHUNK])
            said.append(json.dumps({"method": "SUBSCRIBE", "params": params, "id": self._next_id}))
        return said

    def beat(self) -> str | None:
        """The protocol's own pings: the venue answers them."""
        return None

    def ready(self) -> bool:
        waited = self._silent_until_first - self._excused
        return not self._asked and waited.isdisjoint(self.must_speak)

    def silent(self, now: float) -> str | None:
        for stream, at in self._spoke.items():
            if stream not in self._excused and now - at >= self.patience(
                stream, stream not in self._silent_until_first
            ):
                return stream
        return None

    def heard(self, raw: str | bytes, stream: str = "") -> None:
        """One frame, or several in a list; `stream` names the one it came wrapped in."""
        body = raw.encode() if isinstance(raw, str) else raw
        try:
            if body[:1] == b"[":
                for one in frames.HEADS.decode(body):
                    self._one(bytes(one), stream)
            else:
                self._one(body, stream)
        except UNREADABLE as error:
            self.refuse(f"a frame that is no frame: {error}")
            self.unreadable("", str(error))

    def _one(self, body: bytes, stream: str) -> None:
        head = frames.HEAD.decode(body)
        # A spot ticker says nowhere that it is one.
        name = head.e or ("bookTicker" if stream.endswith("@bookTicker") else "")
        if head.stream and bytes(head.data):
            self._spoken(head.stream)
            self.heard(bytes(head.data), head.stream)
        elif bytes(head.event)[:1] == b"{":
            self.heard(bytes(head.event))
        elif name == "serverShutdown":
            raise Renew("the venue says that it shuts this connection down")
        elif name:
            try:
                if self.event(name, body):
                    self.applied += 1
                else:
                    self.passed[name] = self.passed.get(name, 0) + 1
            except (*UNREADABLE, ParseError, BadNumber) as error:
                self.refuse(f"{name}: {error}")
                self.unreadable(name, str(error))
        elif head.id is not None:
            self._answer(head)
        else:
            self.refuse(f"a frame without a name: {body[:60]!r}")

    def _answer(self, head: frames.Head) -> None:
        if bytes(head.error) not in (b"", b"null") or head.status != 200:
            error = errors.refusal(head.status, {}, bytes(head.error), wall_ns() // 1_000_000)
            text = f"a subscription was refused: {head.status} {bytes(head.error)[:120]!r}"
            raise Renew(text, error.retry_after_s or 0.0)
        if not isinstance(head.id, int) or head.id not in self._asked:
            self.refuse(f"an answer to nothing asked: {head.id!r:.40}")
            return
        self._asked.discard(head.id)
        self.passed["answer"] = self.passed.get("answer", 0) + 1

    def excuse(self, symbols: frozenset[str]) -> None:
        """These have ended, and no others: their silence takes nobody along."""
        names = {symbol.lower() for symbol in symbols}
        self._excused = frozenset(each for each in self.streams if each.partition("@")[0] in names)

    # For the derived.

    def forget(self) -> None:  # noqa: B027 - not every ear remembers
        """The connection is new: nothing that the old one told is known any more."""

    @abstractmethod
    def event(self, name: str, body: bytes) -> bool:
        """One frame by its `e`. True = applied, False = known and passed over; unknown ones are refused.

        Raises ParseError, BadNumber, DecodeError, Renew."""

    def unreadable(self, name: str, text: str) -> None:  # noqa: B027 - not every frame matters
        """A frame of a known name could not be read; "" = one that is none at all. May raise Renew."""

    @abstractmethod
    def patience(self, stream: str, spoke: bool) -> float:
        """Seconds that a stream may be silent; `spoke`: it has said something already."""

    def _spoken(self, stream: str) -> None:
        if stream in self._spoke:
            self._spoke[stream] = self._clock()
            self._silent_until_first.discard(stream)

    def refuse(self, text: str) -> None:
        self.refused += 1
        self._trouble(text)
