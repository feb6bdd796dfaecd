"""Keeps the dear figures of a look for one time step of the desk: limits, distances, stress, settled spreads.

The shell owns the object and hands it in, so nothing is hidden and the desk's own state is never touched.
A figure is computed anew when its token differs: the step of the desk's time, a fill, an order, a read, a
cause, a setting. Without a cache every figure is computed at once.

A shell that tells its looks (`begin`) never pays for all of them in one: what only time has made old waits
for its turn, one figure a look, the oldest first, and long work goes on step by step. So a figure is some
looks old, and no look keeps the loop that trades waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from services.desk.core import SECOND, DeskCore

T = TypeVar("T")

AWAY_STEPS = 8
"""A figure that nobody has asked for in so many steps is computed at once when somebody does."""
MOST_STEPS = 40
"""So far behind a figure may fall while it is asked for all the time: a loop that has no time for views."""


class Moment(NamedTuple):
    """The token of a figure that time alone makes old, too."""

    step: int
    books: Hashable

    def only_older(self, before: Hashable) -> bool:
        """Nothing but time lies between."""
        return isinstance(before, Moment) and before.books == self.books


class ViewCache:
    """One per shell. `step_ns`: how long of the desk's time a dear figure may stand."""

    def __init__(self, step_ns: int = SECOND) -> None:
        self.step_ns = step_ns
        self._kept: dict[str, tuple[Any, Any]] = {}
        self._look = 0
        """How many looks were told; 0 = none ever: everything is computed when it is asked for."""
        self._topic = self._turn = ""
        self._behind: dict[str, dict[str, int]] = {}
        """By topic: what waits for its turn there, and its step."""
        self._asked: dict[str, int] = {}
        """The step at which a figure was last asked for."""
        self._under_way: dict[str, tuple[Moment, Iterator[Any]]] = {}
        self._due: set[str] = set()
        """Long work without which nothing of its topic may be shown."""
        self._later = 0
        self._hungry: dict[str, bool] = {}
        """Topics in which `later` had to refuse: whether its turn is next, for the last was another's."""
        self._version: object = None
        self._shared: Any = None

    def begin(self, version: object, topic: str = "") -> None:
        """A look begins. `version` differs when anything has happened since the last one. Each topic gives
        its own figures a turn."""
        self._look += 1
        self.at(version)
        self._topic = topic
        waiting = self._behind.pop(topic, {})
        # One kind of dear work a look: where both wait, they take every other one.
        self._later = 1 if not waiting or self._hungry.pop(topic, False) else 0
        self._turn = "" if self._later else min(waiting, key=waiting.__getitem__)

    def at(self, version: object) -> None:
        """What is asked for now is of this version; no look of its own."""
        if version != self._version:
            self._version, self._shared = version, None

    def shared(self, make: Callable[[], T]) -> T:
        """One object for all looks at the same state."""
        if not self._look:
            return make()
        if self._shared is None:
            self._shared = make()
        found: T = self._shared
        return found

    def get(self, name: str, token: Hashable, compute: Callable[[], T]) -> T:
        """The figure at this token. One that is only old waits for its turn."""
        kept = self._kept.get(name)
        if kept is not None:
            found: T = kept[1]
            if kept[0] == token:
                return found
            aged = isinstance(token, Moment) and token.only_older(kept[0])
            if aged and not self._at_once(name, kept[0], token) and self._waits(name, kept[0]):
                return found
        value = compute()
        self._keep(name, token, value)
        return value

    def grow(self, name: str, token: Moment, begin: Callable[[], Iterator[T | None]]) -> T:
        """The same for long work: it gives None after each step and the figure in the end. Until then the
        last one stands, also where the books have changed."""
        kept = self._kept.get(name)
        if kept is None or not self._look:
            value = _all_of(begin())
            self._keep(name, token, value)
            return value
        before, found = kept
        last: T = found
        self._asked[name] = token.step
        if before == token or self._waits(name, before):
            return last
        under_way = self._under_way.get(name)
        if under_way is not None and under_way[0].books != token.books:
            del self._under_way[name]
        grown = self._step(name, token, begin)
        if grown is None:
            self._wait(name, before)
            return last
        return grown

    def ready(self, name: str, token: Moment, begin: Callable[[], Iterator[T | None]]) -> bool:
        """True = what `grow` would show is there, and no older than a look may show it. Else one step of it
        was done: whoever tells looks asks until it is there, and may do other things between two steps.

        It is then of the moment in which it was begun: what happens meanwhile is in the next one.
        """
        if not self._look:
            return True
        kept = self._kept.get(name)
        away = self._away(name, token)
        if kept is None or self._far_behind(name, kept[0], token):
            if name not in self._due or away:
                self._under_way.pop(name, None)
                self._due.add(name)
        elif name not in self._due:
            return True
        self._asked[name] = token.step
        done = self._step(name, token, begin) is not None
        if done:
            self._due.remove(name)
        return done

    def _step(self, name: str, token: Moment, begin: Callable[[], Iterator[T | None]]) -> T | None:
        """The figure, when this step was its last."""
        since, steps = self._under_way.pop(name, (token, None))
        steps = begin() if steps is None else steps
        grown: T | None = next(steps)
        if grown is None:
            self._under_way[name] = since, steps
        else:
            self._keep(name, since, grown)
        return grown

    def _far_behind(self, name: str, before: Hashable, token: Moment) -> bool:
        """It has been out of sight, or it is much too old."""
        if not isinstance(before, Moment):
            return True
        return self._away(name, token) or token.step - before.step > MOST_STEPS

    def _away(self, name: str, token: Moment) -> bool:
        return token.step - self._asked.get(name, token.step) > AWAY_STEPS

    def later(self, name: str, token: Hashable, compute: Callable[[], T], default: T) -> T:
        """A figure of which there are many: one a look is computed, the others stand as they were."""
        kept = self._kept.get(name)
        if kept is not None and kept[0] == token:
            found: T = kept[1]
            return found
        if self._look and self._later <= 0:
            self._hungry.setdefault(self._topic, self._turn != "")
            return default if kept is None else kept[1]
        self._later -= 1
        value = compute()
        self._kept[name] = (token, value)
        return value

    def made(self, name: str, source: object, make: Callable[[], T]) -> T:
        """What was made of this very object the last time."""
        kept = self._kept.get(name)
        if kept is None or kept[0] is not source:
            kept = self._kept[name] = (source, make())
        found: T = kept[1]
        return found

    def new(self, name: str, token: Hashable) -> bool:
        """The token is another one than the last time."""
        kept, self._kept[name] = self._kept.get(name), (token, None)
        return kept is None or kept[0] != token

    def part(self, rows: Sequence[T], count: int) -> Sequence[T]:
        """So many of the rows, look by look all of them; without looks all at once."""
        if not self._look or len(rows) <= count:
            return rows
        at = self._look * count % len(rows)
        return rows[at : at + count]

    def _at_once(self, name: str, before: Hashable, token: Hashable) -> bool:
        """No looks are told, or it has been out of sight, or it is much too old."""
        if not isinstance(token, Moment):
            return True
        late = not self._look or self._far_behind(name, before, token)
        self._asked[name] = token.step
        return late

    def _waits(self, name: str, before: Hashable) -> bool:
        """Its turn in this topic's look has not come; it will."""
        if name == self._turn:
            return False
        self._wait(name, before)
        return True

    def _wait(self, name: str, before: Hashable) -> None:
        self._behind.setdefault(self._topic, {})[name] = before.step if isinstance(before, Moment) else 0

    def _keep(self, name: str, token: Hashable, value: object) -> None:
        self._kept[name] = (token, value)
        self._under_way.pop(name, None)
        if isinstance(token, Moment):
            self._asked[name] = max(token.step, self._asked.get(name, token.step))


def _all_of(steps: Iterator[T | None]) -> T:
    value: T | None = None
    for each in steps:
        value = each if each is not None else value
    if value is None:
        raise ValueError("work that ended without a figure")
    return value


def moment(core: DeskCore, step_ns: int) -> Moment:
    """Changes with the time step and with everything that moves a position, a limit or the trading state."""
    state = core.state
    counters = state.counters
    books = (
        tuple((row.name, row.scope, row.state) for row in state.causes.rows.values()),
        counters.fills,
        counters.received,
        counters.paid,
        counters.transfers,
        state.ids.sequence,
        sum(1 for entry in state.orders.orders.values() if not entry.settled),
        tuple((book.report_event, len(book.foreign_orders)) for book in state.venues.values()),
        tuple(feed.up for feed in state.picture.feeds.values()),
        tuple(state.overrides.items()),
    )
    return Moment(core.now // step_ns, books)
