"""`Desk.handle`: an event goes in, effects come out. Synchronous, pure: no I/O, clock, threads, randomness.

The desk is a pure function of its journal: the same settings, instruments, state and events give the same
effects, byte for byte (DESIGN 1). Everything it remembers lies in `DeskState`; `export` gives that state for
a checkpoint, and a new `Desk` over it goes on as if nothing had happened.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping
from decimal import getcontext, setcontext
from typing import Any

import msgspec

from services.desk import (
    account,
    booking,
    controls,
    deadman,
    door,
    error_rate,
    flows,
    found,
    hand_care,
    machine_words,
    margin_call,
    market_rows,
    protection,
    rebuilt,
    risk,
    venue_words,
)
from services.desk.commands import Commands
from services.desk.core import DeskCore
from services.desk.lifecycle import Lifecycle
from services.desk.state import DeskState
from services.desk.strategy import Strategies
from services.desk.submit import Submitter
from services.desk.tripping import trip
from services.domain.effects import Effect
from services.domain.enums import Severity, TradingState
from services.domain.events import (
    AccountReport,
    CancelRejected,
    Command,
    Event,
    FundingSettled,
    IntentDurable,
    LatchFound,
    LatchHealth,
    MarketFrame,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReport,
    OrderUnknown,
    StopRequested,
    StoreHealth,
    StrategyOverrun,
    Timer,
    TransferBooked,
    VenueLink,
)
from services.domain.instrument import Instrument
from services.domain.machine_events import LoopStall, ReadingsFound
from services.domain.money import DESK_CONTEXT
from services.domain.store_events import StoreRebuilt
from services.domain.venue_events import (
    DeadManReport,
    InstrumentsListed,
    MarginCalled,
    RequestFailed,
    VenueClock,
    VenueFacts,
)
from services.execution.ids import IdState
from services.settings.parameters import Settings

SETTLES = 4
"""So often at most in one step; what then still changes goes on in the next."""


class Desk:
    """One desk over one state."""

    def __init__(
        self,
        settings: Settings,
        instruments: Mapping[str, Instrument],
        state: DeskState | None = None,
        *,
        instance: str = "000000",
    ) -> None:
        """`instance`: six characters of [0-9a-z], for a new desk; a restored state brings its own."""
        fresh = state if state is not None else DeskState(ids=IdState(instance))
        self._context = DESK_CONTEXT.copy()  # entered twice for every event: `localcontext` makes a new one
        with decimal.localcontext(DESK_CONTEXT):
            self.core = DeskCore(settings, instruments, fresh)
            if fresh.overrides:
                named = controls.with_overrides(settings, fresh.overrides, controls.STORED)
                self.core.bind(named)
            self.submit = Submitter(self.core)
            self.commands = Commands(self.core, self.submit)
            self.strategies = Strategies(self.core, self.submit)
            self.life = Lifecycle(self.core, self.submit, self.commands, self.strategies)
        self._handlers: dict[type, Callable[[Any], None]] = {
            MarketFrame: self._market,
            VenueLink: self._link,
            VenueFacts: self._facts,
            VenueClock: self._clock,
            InstrumentsListed: self._listed,
            MarginCalled: self._margin_called,
            DeadManReport: self._dead_man,
            RequestFailed: self._request_failed,
            OrderAccepted: self._order,
            OrderRejected: self._order,
            OrderCanceled: self._order,
            CancelRejected: self._order,
            OrderFilled: self._order,
            OrderUnknown: self._order,
            OrderReport: self._order,
            FundingSettled: self._funding,
            TransferBooked: self._transfer,
            AccountReport: self._account,
            Timer: self._timer,
            IntentDurable: self._durable,
            Command: self._command,
            StoreHealth: self._store,
            StoreRebuilt: self._rebuilt,
            LatchHealth: self._latch_health,
            StrategyOverrun: self._overrun,
            LoopStall: self._stall,
            ReadingsFound: self._readings,
            LatchFound: self._latch_found,
            StopRequested: self._stop,
        }

    @property
    def state(self) -> DeskState:
        return self.core.state

    def handle(self, event: Event) -> tuple[Effect, ...]:
        """One event, the whole turn."""
        return self.decide(event) + self.follow()

    def decide(self, event: Event) -> tuple[Effect, ...]:
        """The first half of a turn: what an order or its intent waits for. `follow` comes next, always, and
        the effects of this half are carried out before it. An exception out of either is fatal to the engine.
        """
        core, state = self.core, self.core.state
        state.now = max(state.now, event.ts)
        before = getcontext()
        setcontext(self._context)
        try:
            core.out = []
            core.half += 1
            self._handlers[event.__class__](event)
        finally:
            setcontext(before)
        return tuple(core.out)

    def follow(self) -> tuple[Effect, ...]:
        """The second half: records, figures for the journal, and the looks at everything."""
        core = self.core
        state = core.state
        before = getcontext()
        setcontext(self._context)
        try:
            core.out = []
            core.half += 1
            core.catch_up()
            if state.now >= state.next_risk:
                risk.tick(core, self.submit)
                self.strategies.on_silence()
                self.strategies.guard_orphans()
                hand_care.look(core, self.submit)
            self._settle()
            self.submit.ask_ahead()
        finally:
            setcontext(before)
        return tuple(core.out)

    def _settle(self) -> None:
        """What follows from the state, and from what that does, until nothing changes it any more: a cause
        that is raised on the way (a page, a streak of losses) binds in this step and not in the next."""
        core = self.core
        for _ in range(SETTLES):
            if core.state.causes_changed:
                controls.react(core, self.submit)
            self.life.follow_up()
            core.catch_up()
            if not core.state.causes_changed:
                return

    def overran(self) -> str | None:
        """The strategy that was broken off during the last call, once."""
        name, self.strategies.overran = self.strategies.overran, None
        return name

    def skip_strategy(self, name: str) -> None:
        """For a replay: the next call of this strategy was broken off; leave it out."""
        self.strategies.skip = name

    def export(self) -> bytes:
        """The whole state, for a checkpoint."""
        self.strategies.export()
        return msgspec.msgpack.encode(self.core.state)

    @staticmethod
    def restore(blob: bytes) -> DeskState:
        return msgspec.msgpack.decode(blob, type=DeskState)

    # -- handlers ----------------------------------------------------------------------------------------

    def _market(self, frame: MarketFrame) -> None:
        core = self.core
        core.picture.apply(frame)
        self.life.on_rates(frame.rates)
        market_rows.on_frame(core, frame)
        protection.on_marks(core, self.submit, frame)
        self.strategies.on_market()

    def _stranger(self, venue: str) -> bool:
        """A venue that this profile has no account on: what it says is shown, and books nothing."""
        if venue in self.core.settings.venues:
            return False
        self.core.alert(f"foreign:{venue}", Severity.WARNING, f"{venue} is no venue of this profile")
        return True

    def _link(self, event: VenueLink) -> None:
        if not self._stranger(event.venue):
            account.on_link(self.core, event)

    def _facts(self, event: VenueFacts) -> None:
        if self._stranger(event.venue):
            return
        venue_words.on_facts(self.core, event)

    def _listed(self, event: InstrumentsListed) -> None:
        if not self._stranger(event.venue):
            venue_words.on_listed(self.core, event)

    def _margin_called(self, event: MarginCalled) -> None:
        if not self._stranger(event.venue):
            margin_call.on_call(self.core, event)

    def _clock(self, event: VenueClock) -> None:
        if not self._stranger(event.venue):
            venue_words.on_clock(self.core, event)

    def _dead_man(self, event: DeadManReport) -> None:
        if self._stranger(event.venue):
            return
        error_rate.on_answer(self.core, event)
        deadman.on_report(self.core, event)

    def _request_failed(self, event: RequestFailed) -> None:
        if self._stranger(event.venue):
            return
        venue_words.on_request_failed(self.core, event)

    def _order(self, event: Any) -> None:
        if self._stranger(event.venue) or door.keeps_out(self.core, event):
            return
        if not isinstance(event, OrderFilled):
            error_rate.on_answer(self.core, event)
        elif self.core.orders.get(event.client_order_id) is None:
            found.adopt_fills(self.core, self.submit, event.venue, (event,))
        booking.on_order_event(self.core, self.submit, event, alone=True)

    def _funding(self, event: FundingSettled) -> None:
        if self._stranger(event.venue) or door.keeps_out(self.core, event):
            return
        self.core.state.venue(event.venue).moved_ts = self.core.now
        booking.on_funding(self.core, event)

    def _transfer(self, event: TransferBooked) -> None:
        if self._stranger(event.venue) or door.keeps_out(self.core, event):
            return
        self.core.state.venue(event.venue).moved_ts = self.core.now
        flows.on_flow(self.core, event, risk.equity(self.core))

    def _account(self, event: AccountReport) -> None:
        if self._stranger(event.venue) or door.keeps_out(self.core, event):
            return
        error_rate.on_answer(self.core, event)
        before = risk.equity(self.core) if event.transfers else None
        account.on_report(self.core, self.submit, event, before)

    def _durable(self, event: IntentDurable) -> None:
        self.submit.on_durable(event.seq)

    def _command(self, event: Command) -> None:
        self.commands.handle(event)

    def _timer(self, timer: Timer) -> None:
        self.core.state.timers.pop(timer.name, None)
        self.life.timer(timer.name)

    def _store(self, event: StoreHealth) -> None:
        core = self.core
        if event.ok:
            core.good_cause("store", "all")
            core.resolve("store")
            return
        core.raise_cause(
            "store", "all", TradingState.REDUCING, event.text, severity=Severity.ALARM, clear_after_s=60
        )
        if event.kind == "corrupt":
            rebuilt.on_corrupt(core, event.text)
        # Intents that could not be made durable must never go out later.
        self.submit.drop_intents("the store could not keep it")

    def _rebuilt(self, event: StoreRebuilt) -> None:
        rebuilt.on_rebuilt(self.core, event)

    def _latch_health(self, event: LatchHealth) -> None:
        if event.ok:
            self.core.resolve("latch")
            return
        self.core.alert(
            "latch",
            Severity.ALARM,
            f"the latch could not be written: {event.text}",
            detail="the halt holds in memory and in the store, not over a lost store",
            do="free the disk or repair the state folder, then halt again",
        )

    def _overrun(self, event: StrategyOverrun) -> None:
        self.strategies.drop(event.strategy, "took too long and was broken off")

    def _stall(self, event: LoopStall) -> None:
        found = self.core.trips.stalled(event.stalled_ms)
        if found is not None:
            self.core.state.trips.stalled = self.core.now
        trip(self.core, found)

    def _readings(self, event: ReadingsFound) -> None:
        machine_words.on_readings(self.core, event)

    def _latch_found(self, event: LatchFound) -> None:
        self.life.latch_found(event)

    def _stop(self, event: StopRequested) -> None:
        self.life.stop(event)
