"""What happens around the orders: start, timers, pairs that change, settlements due, the graceful stop."""

from __future__ import annotations

from services.desk import account, deadman, faults, figures, proofs, protection, reconciling, samples
from services.desk.answers import still_open
from services.desk.commands import Commands
from services.desk.core import MINUTE, SECOND, UNREAD, DeskCore
from services.desk.pair_books import close_books, keep_episodes, keep_pair
from services.desk.pair_facts import basis_bps
from services.desk.state import Stopping
from services.desk.strategy import Strategies
from services.desk.submit import Submitter
from services.domain.effects import Cancel, Stopped
from services.domain.enums import PairState, Purpose, Severity, TradingState
from services.domain.events import LatchFound, RateRow, StopRequested
from services.domain.money import ZERO
from services.execution.actions import Became
from services.market.funding import hours_ns
from services.portfolio.funding import funding_cash_flow
from services.risk.causes import ALL

START = "start"
LATCH = "latch"
MISSING_AFTER_S = 600
"""A settlement row that has not come by then is an alert; it is never booked (SEMANTICS 5.8)."""

READ_PATIENCE_S = 30
"""A venue that does not answer at a start holds up what waits for the reads no longer than this."""
_AFTER_READS = ("decide", "again", "expect", "settled")
"""Timers that wait for every venue's first read; what protects (pairs, stops, flattens, probes) does not."""

_UNSETTLED = (PairState.PLANNED, PairState.OPENING, PairState.CLOSING, PairState.UNWINDING)


class Lifecycle:
    def __init__(self, core: DeskCore, submit: Submitter, commands: Commands, strategies: Strategies) -> None:
        self.core = core
        self.submit = submit
        self.commands = commands
        self.strategies = strategies

    # -- start and timers --------------------------------------------------------------------------------

    def timer(self, name: str) -> None:
        """A timer is due. Its name says whose it is."""
        core, submit = self.core, self.submit
        kind, _, rest = name.partition(" ")
        if kind in _AFTER_READS and self._unread():
            core.set_timer(name, core.now + SECOND)
        elif name == START:
            self.start()
        elif name == "orders":
            self._orders_due()
        elif kind == "read":
            account.ask(core, rest, "timer")
        elif name.startswith("pair:"):
            submit.run(core.pairs.on_timer(name.removeprefix("pair:"), core.now, submit.prices))
        elif name.startswith("flatten:"):
            submit.run(core.flattens.on_timer(name.removeprefix("flatten:"), core.now, submit.prices))
        elif name.startswith("stop:"):
            submit.run(core.stops.on_timer(name.removeprefix("stop:"), core.now, submit.prices))
        elif kind in ("decide", "again"):
            self.strategies.call(rest)
        elif kind == "expect":
            self._expect(rest)
        elif kind == "settled":
            self._missing(rest)
        elif kind == reconciling.TIMER:
            reconciling.due(core, rest)
        elif name == LATCH:
            core.write_latch()
        elif name == "deadline":
            self._deadline()
        elif name == "risk":
            # `handle` looks at everything after this event.
            core.state.next_risk = core.now
            core.set_timer("risk", core.now + max(5 * SECOND, core.settings.data_step_ns))

    def start(self) -> None:
        """Start-up is recovery: nothing is believed until every venue has been read (SEMANTICS 7)."""
        core = self.core
        core.state.started = core.now
        # A timer that fell due while nobody ran fires once, in order, after the reconciliation.
        for name, due in sorted(core.state.timers.items(), key=lambda timer: timer[1]):
            core.set_timer(name, max(due, core.now + proofs.PATIENCE_S * SECOND))
        core.state.intents.clear()
        # Whoever asked for a flatten went with the engine; the flatten itself goes on.
        core.state.flatten_commands.clear()
        core.state.reconciles.clear()
        core.state.stopping, core.state.stopped = None, False
        core.breaker.restarted()
        faults.forget(core)
        # This start has opened and written the store; if it fails again, that is said again.
        core.good_cause("store", ALL)
        for entry in core.orders.restored(core.now):
            core.decide("in doubt", entry.id, "open when the engine ended")
            self.submit.tell(entry)
        for venue in core.settings.venues:
            book = core.state.venue(venue)
            book.asked = ""
            book.clock_offset_ms = None
            core.raise_cause(
                UNREAD,
                f"venue:{venue}",
                TradingState.REDUCING,
                f"{venue} has not been read yet",
                severity=Severity.INFO,
                clear_after_s=0,
            )
            account.ask(core, venue, "start")
        if any(cause.latched for cause in core.causes.causes()):
            # The file must say it too: its last word may be of a resume that the store never got. Later,
            # when what it did say has been heard.
            core.set_timer(LATCH, core.now + SECOND)
        core.set_timer("risk", core.now + 5 * SECOND)
        self.submit.arm_probes()

    def _unread(self) -> bool:
        """A venue's read is awaited since the start: what it says may change what a timer would find."""
        core = self.core
        if core.now - core.state.started >= READ_PATIENCE_S * SECOND:
            return False
        return any(cause.name == UNREAD and cause.holds for cause in core.causes.causes())

    def latch_found(self, found: LatchFound) -> None:
        """HALTED in the latch is HALTED at start, whatever the store says. Written back once, as a whole:
        in between it must never say less than it did."""
        core, said = self.core, "(from before the start)"

        def told(text: str) -> str:
            """Said once, however often it starts."""
            return f"{text.removesuffix(said).strip()} {said}".strip()

        for each in found.scopes:
            core.raise_cause(
                each.cause or "flatten",
                each.scope,
                TradingState.HALTED,
                told(each.text),
                severity=Severity.ALARM,
                latched=True,
                write=False,
            )
        if found.state is not TradingState.ACTIVE:
            core.raise_cause(
                found.cause or "halt",
                ALL,
                found.state,
                told(found.text),
                severity=Severity.ALARM,
                latched=True,
                write=False,
            )
        core.write_latch()

    def _orders_due(self) -> None:
        core = self.core
        due = core.orders.due(core.now)
        for entry in due.doubted:
            core.decide("in doubt", entry.id, entry.text)
            self.submit.keep(entry)
            self.submit.tell(entry)
        self.submit.run(due.probes)
        for name in due.cancels:
            before = core.orders.get(name)
            again = before is None or before.cancels > 0
            text = "the venue has not said that it is gone" if again else "it was to end at once and has not"
            core.decide("cancel again" if again else "cancel", name, text)
            self.submit.cancel(name)

    # -- after every event -------------------------------------------------------------------------------

    def follow_up(self) -> None:
        """Carry on what the event set in motion; ends with the timers that watch over it."""
        core, submit = self.core, self.submit
        while submit.became or submit.flattened or submit.asks:
            became, submit.became = submit.became, []
            flattened, submit.flattened = submit.flattened, []
            asks, submit.asks = submit.asks, []
            for change in became:
                self._became(change)
            for end in flattened:
                self.commands.flattened(end)
            for ask in asks:
                account.ask(core, ask.venue, ask.reason)
        if not core.state.stopped:
            protection.follow(core, submit)
            if core.state.stopping is None:
                deadman.follow(core)
        submit.arm_probes()
        if core.state.stopping is not None and not core.state.stopped:
            self._try_stop()

    def _became(self, change: Became) -> None:
        core = self.core
        core.decide("pair", change.pair, change.text, {"state": change.state.value})
        pair = core.pairs.get(change.pair)
        admitted = core.state.admitted.get(change.pair)
        if pair is None:
            return
        if change.state is PairState.HEDGED and admitted is not None:
            if admitted.entry_basis is None:
                admitted.entry_basis = basis_bps(core, pair)
            for leg in pair.legs:
                self._watch(leg.instrument)
        if change.state is PairState.IN_DOUBT:
            core.alert(
                f"in doubt:{pair.id}",
                Severity.ALARM,
                f"{pair.id} IN DOUBT: {change.text}",
                do="wait for the probes; or flatten",
            )
        else:
            core.resolve(f"in doubt:{pair.id}")
        if PairState.FROZEN not in (change.state, pair.state):
            # As it is now: on its way to frozen it has passed other states in the same breath.
            core.resolve(f"stuck:{pair.id}")
        if change.state is PairState.FROZEN and pair.close_purpose is Purpose.UNWIND:
            # A missing leg's exit that has to wait: somebody is called at once, not after a minute.
            core.alert(f"frozen:{pair.id}", Severity.ALARM, f"{pair.id} frozen: {change.text}")
        elif change.state is not PairState.FROZEN:
            core.resolve(f"frozen:{pair.id}")
        if change.state in (PairState.CLOSING, PairState.CLOSED):
            core.resolve(f"exit dropped:{pair.id}")
        if change.state is PairState.CLOSED:
            core.resolve(f"leg missing:{pair.id}")
        if change.state is PairState.CLOSED and admitted is not None:
            close_books(core, pair)
        if admitted is not None:
            keep_pair(core, pair)

    # -- settlements -------------------------------------------------------------------------------------

    def _watch(self, instrument: str) -> None:
        """Look at the accrual of a held leg at its next settlement."""
        core = self.core
        row = core.picture.rate(instrument)
        due = row.next_ts if row is not None else None
        core.set_timer(
            f"expect {instrument}", due if due is not None and due > core.now else core.now + MINUTE
        )

    def on_rates(self, rates: tuple[RateRow, ...]) -> None:
        """A venue may shorten an interval while a leg is held: then the sooner settlement is watched."""
        core = self.core
        if not rates or not core.state.admitted:
            return
        for name in [f"expect {row.instrument}" for row in rates]:
            due = core.state.timers.get(name)
            row = None if due is None else core.picture.rate(name.partition(" ")[2])
            if due is None or row is None or row.next_ts is None:
                continue
            if core.now < row.next_ts < due:
                core.set_timer(name, row.next_ts)

    def _expect(self, instrument: str) -> None:
        """The settlement instant: note what we expect of it, before the venue says what it was."""
        core = self.core
        spec = core.instruments[instrument]
        size = core.ledger.size(spec)
        if size == ZERO:
            return
        row, mark = core.picture.rate(instrument), core.picture.mark(instrument)
        if row is None or row.next_ts is None or row.interval_h is None or row.interval_h <= ZERO:
            core.set_timer(f"expect {instrument}", core.now + MINUTE)
            return
        if row.next_ts > core.now:
            core.set_timer(f"expect {instrument}", row.next_ts)
            return
        # A hole in the venue's rows leaves the last row standing: its schedule goes on all the same.
        step = hours_ns(row.interval_h)
        instant = row.next_ts + (core.now - row.next_ts) // step * step
        figures.at_instant(core, instrument, instant, size, mark)
        if mark is not None:
            core.state.expected[f"{instrument}|{instant}"] = funding_cash_flow(size, mark, row.rate)
        core.set_timer(f"settled {instrument} {instant}", instant + MISSING_AFTER_S * SECOND)
        core.set_timer(f"expect {instrument}", instant + step)

    def _missing(self, rest: str) -> None:
        instrument, _, instant = rest.rpartition(" ")
        core, key = self.core, f"{instrument}|{instant}"
        keep_episodes(core, core.episodes.told(key))
        known = core.state.expected.pop(key, None) is not None
        if not known and key not in core.state.instants:
            return
        core.alert(
            f"missed settlement:{instrument}",
            Severity.WARNING,
            f"{instrument}: no settlement row 10 min after the instant",
            detail="the accrual stays an estimate and is not booked",
            do="compare with the venue's own funding history",
        )
        account.ask(core, core.instruments[instrument].venue, "settlement missing")

    # -- stop --------------------------------------------------------------------------------------------

    def stop(self, event: StopRequested) -> None:
        """No new intents; pairs under way are brought to hedged or closed; working orders are canceled."""
        core, submit = self.core, self.submit
        core.state.stopping = Stopping(event.reason, event.deadline, core.now)
        core.decide("stop", "desk", event.reason)
        for pair in core.pairs.live():
            if pair.being_built:
                core.decide("unwind", pair.id, "stop", {"causes": event.reason})
                submit.run(core.pairs.request_unwind(pair.id, "stop", core.now, submit.prices))
            else:
                submit.run(core.pairs.stop_resting(pair.id, "stop", core.now, submit.prices))
        for entry in core.orders.open_orders():
            if entry.request.pair is None and not entry.request.purpose.protective:
                submit.cancel(entry.id)
        core.state.stopping.cancelled = sum(isinstance(effect, Cancel) for effect in core.out)
        core.set_timer("deadline", event.deadline)

    def _try_stop(self) -> None:
        core = self.core
        if core.flattens.running():
            return
        if self._unsettled() or still_open(core) or not deadman.released(core):
            return
        self._stopped(())

    def _unsettled(self) -> list[str]:
        """Pairs under way, and any that stands with a naked leg, whatever its state."""
        return [
            f"{pair.id} {pair.state.value}"
            for pair in self.core.pairs.live()
            if pair.state in _UNSETTLED or pair.naked.since is not None
        ]

    def _deadline(self) -> None:
        core = self.core
        if core.state.stopping is None or core.state.stopped:
            return
        self._stopped(self.left_open())

    def left_open(self) -> tuple[str, ...]:
        """What a stop waits for, one line each."""
        left = self._unsettled()
        for entry in still_open(self.core):
            what = f"{entry.request.side.value} {entry.leaves:f} {entry.request.instrument}"
            left.append(f"order {entry.id} {entry.state.value}: {what}")
        return (*left, *[f"flatten {run.id}" for run in self.core.flattens.running()])

    def _stopped(self, left: tuple[str, ...]) -> None:
        core = self.core
        core.state.stopped = True
        core.cancel_timer("deadline")
        samples.last(core)
        core.emit(Stopped(left=left, kept=deadman.kept(core)))
