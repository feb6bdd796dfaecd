"""The simulated exchange: one market and one clock over a set of venues, with durable books of its own.

It is a second party: it imports nothing of the desk's accounting, and keeps its state in its own folder. It
comes back from its own log after a crash, with orders that the desk never heard an answer for, and goes on
from the last market time it wrote down (or the later one that the driver names). A new command is always
taken at the market as of the last instant, between two instants.
"""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path
from random import Random

from services.domain.effects import SetFault
from services.domain.events import AccountReport, RateRow
from services.venues.port import Outbox, VirtualVenue
from services.venues.sim.accounts import AccountBooks, Margin, margin_of
from services.venues.sim.facts import DAY_NS, HOUR_NS, MINUTE_NS, NS
from services.venues.sim.faults import VenueFaults
from services.venues.sim.faulty import FaultyDoor, FaultyLine
from services.venues.sim.generator import GeneratedSource
from services.venues.sim.line import Wish
from services.venues.sim.log import Checkpoint, CommandLog, Entry
from services.venues.sim.played import PlayedSource
from services.venues.sim.scenarios import scenario
from services.venues.sim.source import HistorySource, MarketSource
from services.venues.sim.state import VenueState
from services.venues.sim.venue import SimVenue
from services.venues.sim.world import World, claim_world, stream

INSTANT = "instant"
"""Token of the wakes that move the market."""
KEEP_SETTLED_NS = 30 * DAY_NS


class SimExchange:
    """Built by `build_exchange`; `start` opens it."""

    def __init__(
        self,
        world: World,
        source: MarketSource,
        log: CommandLog,
        outbox: Outbox,
        resume_at: int | None,
        *,
        small_orders: bool = False,
    ) -> None:
        self.world = world
        self.live = False
        self.instants = 0
        self.now = world.start
        self._digest = world.digest
        self._scenario = None if world.scenario is None else scenario(world.scenario)
        self._forced = tuple(
            (each.venue, world.start + each.at_s * NS, each.percent)
            for each in (self._scenario.deleveragings if self._scenario is not None else ())
        )
        self._source = source
        self._log = log
        self._outbox = outbox
        self._settled: list[RateRow] = []
        self._flow: dict[str, Random] = {}
        checkpoint, entries = log.recover()
        states = {
            name: VenueState(account=AccountBooks(balances=dict(world.balances[name])))
            for name in world.venues
        }
        self._last = world.start - 1
        """The last market instant."""
        if checkpoint is not None:
            states = checkpoint.venues
            self.instants, self.now, self._last = checkpoint.instants, checkpoint.ts, checkpoint.ts
            self._settled = checkpoint.settled
            source.load(checkpoint.source)
        self._hour = self.now // HOUR_NS
        self._minute = self.now // MINUTE_NS
        self._next: int | None = source.next_ts(self._last)
        self._lines = {
            name: FaultyLine(outbox, VenueFaults(stream(self._digest, f"faults:{name}", self.instants)))
            for name in world.venues
        }
        self.venues: dict[str, SimVenue] = {
            name: SimVenue(
                name,
                tuple(i for i in world.instruments if i.venue == name),
                source.board,
                states[name],
                self._lines[name],
                self,
                stream(self._digest, f"latency:{name}", self.instants),
                self._outages(name),
                world.rates,
                small_orders,
            )
            for name in world.venues
        }
        self.doors: dict[str, VirtualVenue] = {}
        """The venues as the desk meets them: behind a line that may be made to fail."""
        for name, venue in self.venues.items():
            self._lines[name].books = venue
            self.doors[name] = FaultyDoor(venue, self._lines[name])
        self._turn(self.now)
        self._replay(entries, resume_at)

    @property
    def end(self) -> int | None:
        """The last instant of a played history; None = the market goes on for ever."""
        return self._source.end

    def start(self, now: int) -> None:
        """Open for business: links come up, the next instant's frames are complete."""
        self.live = True
        history = self._source.backfill()
        for name, venue in self.venues.items():
            end = f".{name}"
            mine = [row for instrument, rows in history.items() if instrument.endswith(end) for row in rows]
            mine += [row for row in self._settled if row.instrument.endswith(end)]
            venue.open(now, tuple(mine))
        self._schedule()

    def wake(self, now: int, token: object) -> None:
        """A moment that a venue asked for has come."""
        if isinstance(token, Wish):
            self.now = max(self.now, now)
            token.act(self.now)
            return
        while self._next is not None and self._next <= now:
            self._instant(self._next)
        self._schedule()

    def set_fault(self, effect: SetFault) -> None:
        """Make a venue misbehave, or stop it. They are no part of the books: a restart begins without."""
        line = self._lines[effect.venue]
        if effect.chance > 0:
            line.faults.set(effect.kind, float(effect.chance), self.now)
        else:
            line.end(effect.kind, self.now)

    def set_latency(self, latency_ns: int) -> None:
        """Each way, on every venue, without jitter. No part of the world: a server may ask for it."""
        for venue in self.venues.values():
            venue.line.latency_ns, venue.line.jitter_ns = latency_ns, 0

    def faults(self, venue: str) -> VenueFaults:
        """What is set on a venue, and how often it was done."""
        return self._lines[venue].faults

    def books(self, venue: str) -> AccountReport:
        """The exchange's own truth about the account, now and without latency: for tests and comparisons."""
        return self.venues[venue].report(self.now, self.now, "books", 0)

    def margin(self, venue: str) -> Margin:
        """The venue's own margin figures, now."""
        floor = self.venues[venue].floor
        return margin_of(floor.state.account, floor.listed, floor.mark, floor.index)

    def predicted(self, instrument: str) -> RateRow | None:
        """The present estimate of an instrument's coming settlement."""
        return self._source.board.predicted.get(instrument)

    def settled_rates(self) -> list[RateRow]:
        """Every settled rate so far, the back-fill's first."""
        return [row for rows in self._source.backfill().values() for row in rows] + self._settled

    def log(self, entry: Entry) -> None:
        """Write an accepted command down. Raises OSError; then the command must not happen."""
        if self.live:
            self._log.append(entry)

    def unwritten(self) -> str:
        """Tries again; why something that has happened is not in the log, empty = all of it is."""
        self._log.retry()
        return self._log.trouble

    def close(self) -> bool:
        """Write down how far the market has come, and close the log. False = something is not written."""
        if self.live:
            self._mark_time()
            self.live = False
        return self._log.close()

    def _schedule(self) -> None:
        if self._next is not None:
            self._outbox.wake(self._next, INSTANT)

    def _instant(self, ts: int) -> None:
        """The market moves to `ts`."""
        source = self._source
        source.advance(ts)
        self.now = ts
        self.instants += 1
        self._next = source.next_ts(ts)
        board = source.board
        settled, board.settled = board.settled, []
        self._settled += settled
        for name, venue in self.venues.items():
            mine = tuple(row for row in settled if row.instrument.endswith(f".{name}")) if settled else ()
            venue.on_instant(ts, mine, board.predicted, board.refreshed, self._flow[name])
        for venue_name, at, percent in self._forced:
            if self._last < at <= ts:
                self.venues[venue_name].deleverage(ts, percent)
        self._last = ts
        if ts // MINUTE_NS != self._minute:
            self._minute = ts // MINUTE_NS
            self._mark_time()
            if ts // HOUR_NS != self._hour:
                self._hour = ts // HOUR_NS
                self._turn(ts)
                self._save(ts)

    def _outages(self, venue: str) -> tuple[tuple[int, int], ...]:
        start = self.world.start
        return tuple(
            (start + o.begin_s * NS, start + o.end_s * NS)
            for o in (self._scenario.outages if self._scenario is not None else ())
            if o.venue == venue
        )

    def _turn(self, ts: int) -> None:
        """Seed the hour's streams: whatever happens in it follows from the state at its first instant."""
        self._source.turn(ts)
        for name in self.world.venues:
            self._flow[name] = stream(self._digest, f"flow:{name}", ts // HOUR_NS)

    def _mark_time(self) -> None:
        if not self.live:
            return
        try:
            self._log.append(Entry(self.instants, self.now))
        except OSError:
            # A missed time mark costs a minute of market after a crash; commands are seen to by themselves.
            return

    def _save(self, ts: int) -> None:
        # They came in the order of their instants.
        del self._settled[: bisect_left(self._settled, ts - KEEP_SETTLED_NS, key=_instant)]
        for venue in self.venues.values():
            venue.forget_old(ts)
        if not self.live or self._log.folder is None:
            return
        states = {name: venue.state for name, venue in self.venues.items()}
        try:
            self._log.save(
                Checkpoint(self.instants, ts, self._log.size, self._source.dump(), self._settled, states)
            )
        except OSError:
            # The older checkpoint and a longer log say the same.
            return

    def _replay(self, entries: list[Entry], resume_at: int | None) -> None:
        """Take the logged commands again, each after as many instants as then; go on to the resume time."""
        for entry in entries:
            while self.instants < entry.instants and self._next is not None:
                self._instant(self._next)
            self.now = max(self.now, entry.ts)
            if entry.venue:
                self.venues[entry.venue].replay(entry)
        until = max(self.now, resume_at or 0)
        if self.instants or entries or resume_at is not None:
            while self._next is not None and self._next <= until:
                self._instant(self._next)
            self.now = max(self.now, until)
        for venue in self.venues.values():
            venue.caught_up(self.now)


def _instant(row: RateRow) -> int:
    return row.rate_ts


def build_exchange(
    world: World,
    folder: Path | None,
    outbox: Outbox,
    resume_at: int | None = None,
    history: HistorySource | None = None,
    *,
    small_orders: bool = False,
) -> SimExchange:
    """Open or recover the exchange of `world` in `folder` (None = in memory only).

    `resume_at`: a virtual time that the desk has already seen; the market goes on after it. Raises
    WorldMismatch when the folder holds another world, ValueError when a history is missing or another one.
    `small_orders`: an account that is short of margin is wound up bit by bit, and takes no order (ftx.md 6).
    """
    source: MarketSource
    if world.scenario is not None:
        source = GeneratedSource(world)
    else:
        if history is None or history.digest != world.history:
            raise ValueError("this world is played from a history that was not given, or from another one")
        source = PlayedSource(world, history)
    if folder is not None:
        claim_world(folder, world)
    return SimExchange(world, source, CommandLog(folder), outbox, resume_at, small_orders=small_orders)
