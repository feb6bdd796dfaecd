"""The newest view of each topic, and how long ago it came. A view is read only when somebody looks at it.

And how long the desk's own time has stood: all ages in the views are ages of that time, and where it stands
they stay fresh for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from msgspec import Struct

from console.decoding import Decoding

TIMED = "strip"
"""The topic that is always watched: its frames tell the desk's time."""


class _Slot(Struct):
    raw: bytes
    at: float
    decoded: object | None = None


class Newest:
    """`clock` in seconds; it never goes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._decoding = Decoding()
        self._slots: dict[str, _Slot] = {}
        self._asked: dict[str, float] = {}
        """Watched topics, and since when this engine is asked for them."""
        self._ts: int | None = None
        """The desk's time, ns; None = this engine has not told it."""
        self._moved = 0.0
        """When it was first heard."""

    def ask(self, topics: Iterable[str]) -> None:
        """These are watched from now on; those that were before stay asked since then."""
        self._asked = {topic: self._asked.get(topic, self._clock()) for topic in topics}

    def ask_anew(self) -> None:
        """Another connection: all of them are asked for once more."""
        self._asked = dict.fromkeys(self._asked, self._clock())
        self._ts = None

    def put(self, topic: str, raw: bytes, ts: int) -> None:
        """`ts`: the desk's time of this frame."""
        if topic == TIMED and ts != self._ts:
            self._ts, self._moved = ts, self._clock()
        last = self._slots.get(topic)
        same = last.decoded if last is not None and last.raw == raw else None
        self._slots[topic] = _Slot(raw, self._clock(), same)

    def age(self, topic: str) -> float:
        """Seconds; see `screens.link.Link.age`."""
        slot, asked = self._slots.get(topic), self._asked.get(topic)
        if asked is None:
            return 0.0
        return self._clock() - (asked if slot is None else slot.at)

    def standing(self) -> float:
        """Seconds; see `screens.link.Link.standing`."""
        return 0.0 if self._ts is None else self._clock() - self._moved

    def view(self, topic: str) -> object | None:
        """None = none came yet. Raises ValueError, once, for one that cannot be read: another version's."""
        slot = self._slots.get(topic)
        if slot is None:
            return None
        if slot.decoded is None:
            try:
                slot.decoded = self._decoding.view(topic, slot.raw)
            except (msgspec.DecodeError, KeyError) as error:
                del self._slots[topic]
                raise ValueError(str(error)) from None
        return slot.decoded
