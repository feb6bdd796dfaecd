"""The dead-man's switch: a marked extension, no exchange of the time had it (FTX's documents name none).

Armed for a while, it cancels every ordinary working order by itself when it has not been armed anew in time,
also while the line is down. Conditional orders stay: they are what protects a position that nobody watches.
Market time decides, so it stands still while no engine runs.
"""

from __future__ import annotations

from services.domain.venue_events import DeadManReport, RequestFailed
from services.venues.port import Outbox
from services.venues.sim.facts import MS
from services.venues.sim.floor import TradingFloor, Writer
from services.venues.sim.line import Line, Make, Wish
from services.venues.sim.matching import working


class DeadMan:
    """The switch of one venue's account, over its floor's state."""

    def __init__(self, floor: TradingFloor, line: Line, outbox: Outbox, write: Writer) -> None:
        self._floor = floor
        self._switch = floor.state.switch
        self._line = line
        self._outbox = outbox
        self._write = write

    def arm(self, ts: int, timeout_ms: int) -> None:
        """A beat has arrived; 0 disarms."""
        try:
            self._write(ts, dead_man=timeout_ms)
        except OSError as error:
            text, name = f"the exchange cannot write its log: {error}", self._floor.name
            self._line.send(
                ts, lambda due: RequestFailed(venue=name, what="dead man", subject=name, reason=text, ts=due)
            )
            return
        switch = self._switch
        switch.untold = False
        switch.fires_at = ts + timeout_ms * MS if timeout_ms > 0 else None
        self._line.send(ts, self._report(ts, switch.fires_at, fired=False))
        self.watch()

    def watch(self) -> None:
        """Ask to be woken when it is due."""
        if self._switch.fires_at is not None:
            self._outbox.wake(self._switch.fires_at, Wish(self.expire))

    def expire(self, ts: int) -> None:
        """Whatever happens at `ts` comes after a switch that was due by then."""
        due = self._switch.fires_at
        if due is None or due > ts:
            return
        self._switch.fires_at = None
        self._switch.untold = True
        for order in working(self._floor.state):
            if order.trigger is None:
                self._floor.end(due, order, "dead-man's switch")
        if self._line.open(ts):
            self._switch.untold = False
            self._line.send(due, self._report(due, None, fired=True))

    def greeting(self, ts: int) -> tuple[Make, ...]:
        """The word on a switch that fired unheard."""
        if not self._switch.untold:
            return ()
        self._switch.untold = False
        return (self._report(ts, None, fired=True),)

    def _report(self, ts: int, fires_at: int | None, *, fired: bool) -> Make:
        def make(due: int) -> DeadManReport:
            return DeadManReport(
                venue=self._floor.name,
                armed=fires_at is not None,
                fires_at=fires_at,
                fired=fired,
                ts_event=ts,
                ts=due,
            )

        return make
