"""What an engine over real venues stands on: the desk from its journal, over the venues as they are today.

The venues are started first, so that their instruments are known; what they say meanwhile is held back until
the desk has been told that it starts.
"""

from __future__ import annotations

import difflib
import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from services.desk.core import DeskCore
from services.desk.desk import Desk
from services.desk.views.figures import held_sizes
from services.domain.events import Event
from services.domain.instrument import Instrument
from services.drive.live_queue import LiveQueue
from services.drive.modes import unknown_rows
from services.drive.standing import SessionNote, Standing
from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.runtime.clock import steady_ns
from services.settings.layout import StateLayout
from services.settings.parameters import Settings
from services.settings.venues import VenueWire
from services.venues.port import Outbox

log = logging.getLogger("stableconsole.engine")

BEHIND_NS = 5_000_000_000
"""A clock that is so far behind the journal's last instant is told."""


class Lobby:
    """The venues' outbox from their first connection on: keeps what they say until the desk listens."""

    def __init__(self) -> None:
        self._waiting: list[Event] = []
        self._queue: Outbox | None = None

    def deliver(self, due: int, event: Event) -> None:
        if self._queue is None:
            self._waiting.append(event)
        else:
            self._queue.deliver(due, event)

    def wake(self, due: int, token: object) -> None:
        raise RuntimeError("a venue over sockets wakes by itself")

    def open(self, queue: Outbox, now: int) -> None:
        """All that was said in its order, as of now; from here on straight into the queue."""
        waiting, self._waiting = self._waiting, []
        self._queue = queue
        for event in waiting:
            queue.deliver(now, event)


class LiveSession(Standing):
    """`open` may raise StoreError, OSError, ValueError."""

    queue: LiveQueue

    def __init__(
        self, layout: StateLayout, settings: Settings, code: str, *, wall: Callable[[], int] = steady_ns
    ) -> None:
        super().__init__(layout, settings, code, wall_time=True)
        self._wall = wall
        self.lobby = Lobby()
        self.unwritten: Callable[[], str] = lambda: ""
        """What of a paper account's books stands in memory only."""
        self.gone: tuple[str, ...] = ()
        """Instruments of the session before that no venue lists any more, with something of ours on them."""

    def open(
        self,
        note: SessionNote,
        listed: tuple[Instrument, ...],
        world: Mapping[str, Any],
        late: Mapping[str, ProductError] | None = None,
        doubted: Collection[str] = (),
    ) -> None:
        """Everything up to the first event. `listed`: what the venues trade today; `late`: venues that cannot
        be used now, with what ends the start where the journal knows nothing of one: else they trade what
        they traded when it was written. `doubted`: those of which the profile may be to blame, unless it says
        of them what it said then.

        Raises that, and ProductError (exit 2) for a limit that no instrument ever had here, beside what the
        class says.
        """
        late = late or {}
        # Random: two folders on one account, or one that was lost, must never draw the same order ids.
        instance = self.recover(secrets.token_bytes(16), note.started)
        state = self.restored.state if self.restored is not None else None
        now = self._wall()
        behind = 0 if state is None else state.now - now
        if behind > BEHIND_NS:
            log.error(
                "the journal is %.0f s ahead of this machine's clock, which was set back or wrong before: "
                "data count as stale, and nothing is entered, until the desk's time has been caught up with",
                behind / 1e9,
            )
        self.queue = LiveQueue(max(now, now + behind))
        known = {each.id: each for each in listed}
        today = set(known)
        on_list = set(today)
        if self.restored is not None:
            # What has left a venue's list keeps its last facts: a desk that cannot price it, nor trade it,
            # still knows what it holds of it. Without prices nothing new is risked there.
            former = {each.id: each for each in self.restored.session.instruments if each.id not in known}
            known = former | known
            on_list |= {name for name, spec in former.items() if spec.venue in late}
        for venue, error in late.items():
            unknown = all(spec.venue != venue for spec in known.values())
            if unknown or (venue in doubted and not self._as_it_was(venue)):
                raise error
        if state is not None:
            # What the venues say today is newer than any change told to the session before.
            for name in today:
                state.relisted.pop(name, None)
        self._check_rows(known, on_list)
        self.desk = Desk(self.settings, known, state, instance=instance)
        self.gone = tuple(name for name in _ours(self.desk.core) if name not in on_list)
        for name in self.gone:
            log.error(
                "%s: no venue of this profile lists it any more, and the desk has something on it: it cannot "
                "be priced or traded here; see to it at the venue",
                name,
            )
        self.begin_journal(instance, note, tuple(known.values()), dict(world))

    def _as_it_was(self, venue: str) -> bool:
        """The profile's table of a venue is the one of the last session."""
        before = {} if self.restored is None else self.restored.session.settings
        try:
            wires = msgspec.convert(before.get("wires", {}), dict[str, VenueWire])
        except msgspec.ValidationError:
            return False  # another version's
        return venue in wires and wires[venue] == self.settings.wires.get(venue)

    def _check_rows(self, known: Iterable[str], on_list: set[str]) -> None:
        """A limit of what nobody ever listed is a slip of the pen: the start is refused, as on the simulator.
        What was delisted while nobody ran is told and goes on, for its positions want protecting.
        """
        slips = unknown_rows(self.settings, known)
        if slips:
            near = difflib.get_close_matches(slips[0], known, n=3, cutoff=0.0)
            raise ProductError(
                f'profiles.{self.settings.profile}.limits.instrument."{slips[0]}": no venue of the profile '
                f"lists it; the nearest are {', '.join(near)}",
                Exit.USAGE,
                "limits",
            )
        for row in unknown_rows(self.settings, on_list):
            log.warning(
                'limits.instrument."%s": no venue lists it any more, so this limit holds for nothing', row
            )

    def first_events(self) -> None:
        """`start` and its company first, then whatever the venues have said so far."""
        self.queue_start()
        self.lobby.open(self.queue, self.queue.now)

    def close(self) -> bool:
        """Flush and close. False = something could not be written."""
        return self.close_books() and not self.unwritten()

    def beside(self) -> str:
        """The books of paper accounts."""
        return self.unwritten()


def _ours(core: DeskCore) -> tuple[str, ...]:
    """Instruments with a position, a live pair or an open order of ours."""
    return tuple(
        dict.fromkeys(
            (
                *(name for name, size in held_sizes(core).items() if size),
                *(leg.instrument for pair in core.pairs.live() for leg in pair.legs),
                *(entry.request.instrument for entry in core.orders.open_orders()),
            )
        )
    )
