"""Calls the strategies and carries their intents out: sizing, admission of the pair as one unit, exits.

A strategy that raises is dropped with its state as it was; one that the watchdog breaks off likewise
(`StrategyOverran`), and the fact becomes the next input, so that a replay drops it at the same place.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import localcontext
from typing import Any

import msgspec

from services.desk import exits, hand, looks
from services.desk.admission import Admission
from services.desk.core import DAY, SECOND, DeskCore
from services.desk.hand import OPERATOR
from services.desk.pair_facts import pair_facts
from services.desk.state import Admitted, StrategySlot
from services.desk.submit import Submitter
from services.domain.enums import PairState, Purpose, Severity, TradingState
from services.domain.errors import StrategyOverran
from services.domain.money import DESK_CONTEXT
from services.execution.measured import expected
from services.execution.pair_state import Pair
from services.market.board import HeldPair
from services.market.legs import perp_legs
from services.settings.cross import Cross
from services.settings.funding import Funding
from services.settings.parameters import StrategySettings
from services.strategies.base import (
    ClosePair,
    Ended,
    FreezePair,
    HearsRefusals,
    Intent,
    OpenPair,
    StrategyView,
    ThawPair,
)
from services.strategies.exits import PAIR_STOP, pair_loss_bps
from services.strategies.kinds import KINDS

DECIDE_EVERY_S = 10
"""Market data alone call a strategy at most this often; a settled rate is looked at after its blackout, by
the strategy's own wake-up."""
PRICES_EVERY_NS = SECOND // 10
"""The same for one that lives on prices, which are gone in a second."""
SILENT_S = 15
"""Without any frame for so long, it is called for its pairs."""

OFF = "off"
"""Of a strategy that the settings do not enable."""


def _plainly(call: Callable[[], Any]) -> Any:
    return call()


class Strategies:
    """All strategies of the profile. `states` are the live objects; the slots keep their encoded form."""

    def __init__(self, core: DeskCore, submit: Submitter) -> None:
        self.core = core
        self.submit = submit
        self.admission = Admission(core, submit)
        self.states: dict[str, Any] = {}
        self.overran: str | None = None
        self.guard: Callable[[Callable[[], Any]], Any] = _plainly
        """How a call is made; the shell puts its watchdog here."""
        self.skip: str | None = None
        """Set by a replay: this strategy was broken off here."""
        for name, settings in core.settings.strategies.items():
            slot = core.state.strategies.get(name)
            if slot is None:
                slot = core.state.strategies[name] = StrategySlot(kind=settings.kind)
            if slot.kind != settings.kind:
                # The profile has given the name to another kind: what the old one remembers means nothing.
                slot.kind, slot.blob, slot.last_reason = settings.kind, b"", ""
            kind = KINDS[settings.kind]
            initial = kind.initial()
            self.states[name] = (
                msgspec.msgpack.decode(slot.blob, type=type(initial)) if slot.blob else initial
            )

    def export(self) -> None:
        """Put the live states into the checkpointable slots."""
        for name, state in self.states.items():
            self.core.state.strategies[name].blob = msgspec.msgpack.encode(state)

    # -- calling -----------------------------------------------------------------------------------------

    def on_market(self) -> None:
        """New market data: call those whose time has come."""
        now = self.core.now
        for name, slot in self.core.state.strategies.items():
            if now >= slot.next_ts:
                self.call(name)

    def on_silence(self) -> None:
        """No venue says anything: whoever has a pair is called all the same, or nobody would notice that what
        it is judged by has gone stale (SEMANTICS 5.6)."""
        core = self.core
        owners = {pair.strategy for pair in core.pairs.live()}
        patience = core.stretched(SILENT_S)
        for name, slot in core.state.strategies.items():
            if name in owners and slot.last_ts is not None and core.now - slot.last_ts >= patience:
                self.call(name)

    def call(self, name: str) -> None:
        core = self.core
        slot = core.state.strategies[name]
        settings = core.settings.strategies.get(name)
        if settings is None or not settings.enabled or slot.dropped:
            slot.next_ts = core.now + DAY
            return
        slot.next_ts = core.now + self._pause(settings)
        if self.skip == name:
            self.skip = None
            return
        view = self.view(name, settings)
        kind = KINDS[slot.kind]
        try:
            # What a plugin does to the precision of its sums must not become the desk's.
            with localcontext(DESK_CONTEXT):
                intents, state = self.guard(lambda: kind.decide(view, settings.params, self.states[name]))
        except StrategyOverran:
            self.overran = name
            return
        except Exception as error:  # whatever a strategy raises drops it, and it alone
            self.drop(name, f"raised {type(error).__name__}: {error}")
            return
        self.states[name] = state
        slot.last_ts = core.now
        for pair in list(core.state.admitted):
            if core.state.admitted[pair].strategy == name and self._ended(pair):
                core.state.admitted[pair].notified = True
        for intent in intents:
            self._carry(name, slot, intent)
        if not intents:
            # What stands against the best chance is the decision of a strategy that says it.
            slot.last_reason = getattr(state, "verdict", "") or slot.last_reason
        if getattr(state, "hurry", False):
            slot.next_ts = core.now
        wake = getattr(state, "wake_at", None)
        if wake is not None and core.state.timers.get(f"decide {name}") != wake:
            core.set_timer(f"decide {name}", wake)

    def _pause(self, settings: StrategySettings) -> int:
        wanted = PRICES_EVERY_NS if isinstance(settings.params, Cross) else DECIDE_EVERY_S * SECOND
        return max(wanted, self.core.settings.data_step_ns // 64)

    def drop(self, name: str, why: str) -> None:
        """Take a strategy out: its entry orders canceled; its pairs keep the desk's own exits."""
        core = self.core
        slot = core.state.strategies[name]
        slot.dropped = why
        slot.last_reason = why
        origin = f"strategy:{name}"
        core.raise_cause(
            "strategy dropped",
            origin,
            TradingState.REDUCING,
            f"{name} {why}",
            severity=Severity.ALARM,
            latched=True,
        )
        core.causes.disable(origin, why)
        for entry in core.orders.open_orders():
            if entry.request.origin == origin and not entry.request.reduce_only:
                self.submit.cancel(entry.id)
        core.alert(
            f"strategy overrun:{name}",
            Severity.ALARM,
            f"strategy {name} dropped: {why}",
            do=f"look at its pairs; then: enable {name} REASON",
        )

    def guard_orphans(self) -> None:
        """A dropped strategy no longer looks after its pairs: the desk keeps at least their pair stop, and
        thaws what stale data froze, or a close by hand would wait for that for ever."""
        core = self.core
        for pair in core.pairs.live():
            slot = core.state.strategies.get(pair.strategy)
            settings = core.settings.strategies.get(pair.strategy)
            if slot is not None and settings is not None and not slot.dropped and settings.enabled:
                continue
            if pair.strategy == OPERATOR:
                continue  # `hand_care` reviews it
            if pair.state not in (PairState.HEDGED, PairState.FROZEN):
                continue
            stop, found = hand.params_of(core, pair.strategy).pair_stop, pair_facts(core, pair)
            mids = [self.submit.prices.mid(leg.instrument) for leg in pair.legs]
            if pair.frozen_by_desk and found.price_pnl is not None and None not in mids:
                exits.thaw(core, self.submit, ThawPair(pair=pair.id))
            loss = pair_loss_bps(found)
            if loss >= stop:
                core.decide("close", pair.id, PAIR_STOP, {"loss_bps": loss, "strategy": "none"})
                self.submit.run(
                    core.pairs.request_close(
                        pair.id,
                        PAIR_STOP,
                        core.now,
                        self.submit.prices,
                        purpose=Purpose.STOP,
                        origin="desk",
                    )
                )

    # -- the view ----------------------------------------------------------------------------------------

    def view(self, name: str, settings: StrategySettings, *, bare: bool = False) -> StrategyView:
        """`bare`: without legs and looks, for a caller that works them out in steps."""
        core = self.core
        levels = core.depeg.levels()
        on_prices = isinstance(settings.params, Cross)
        view = StrategyView(
            now=core.now,
            legs=()
            if on_prices or bare
            else perp_legs(core.picture, core.instruments, settings.funding, core.now),
            pairs=tuple(pair_facts(core, pair) for pair in core.pairs.live() if pair.strategy == name),
            ended=(*self._ends(name), *(() if on_prices else self._ended_elsewhere(name))),
            depeg={**levels, **dict.fromkeys(core.settings.assume_par, "ok")},
            depeg_d=core.settings.size.depeg_d,
            costs=expected(core.settings.exec, core.state.measured.get(name)),
            held=() if on_prices else self._elsewhere(name),
            blocked=self.blocked(name),
        )
        return looks.with_prices(core, view, settings.cross) if on_prices and not bare else view

    def _elsewhere(self, name: str) -> tuple[HeldPair, ...]:
        """One pair per underlying and pair of venues, whoever opened it: a person, another strategy on
        funding, a store that was lost."""
        core = self.core
        return tuple(
            HeldPair(pair.id, pair_facts(core, pair).group, pair.short.instrument, pair.long.instrument)
            for pair in core.pairs.live()
            if self._on_funding(name, pair.strategy)
        )

    def _on_funding(self, name: str, owner: str) -> bool:
        """Not this strategy's own, and not one on prices."""
        return owner != name and isinstance(hand.params_of(self.core, owner), Funding)

    def blocked(self, name: str) -> str:
        """Why no entry may be proposed now; empty = entries are welcome."""
        core = self.core
        slot = core.state.strategies[name]
        if not core.settings.strategies[name].enabled:
            return OFF  # nobody will: whatever else is fine is no promise
        overall = core.causes.state_for(strategy=name)
        if overall is not TradingState.ACTIVE:
            return overall.value
        if core.state.stopping is not None:
            return "stopping"
        if slot.paused:
            return "paused"
        if slot.dropped or slot.stopped:
            return slot.dropped or slot.stopped
        return core.causes.disabled().get(f"strategy:{name}", "")

    def _ended(self, pair: str) -> bool:
        book = self.core.pairs.get(pair)
        return book is None or book.state is PairState.CLOSED

    def _ends(self, name: str) -> tuple[Ended, ...]:
        core = self.core
        return tuple(
            _end(core, book, admitted)
            for pair, admitted in core.state.admitted.items()
            if admitted.strategy == name
            and not admitted.notified
            and (book := core.pairs.get(pair)) is not None
            and book.state is PairState.CLOSED
        )

    def _ended_elsewhere(self, name: str) -> tuple[Ended, ...]:
        """Such pairs that ended since this strategy was last called: their group waits for it as well."""
        core = self.core
        since = core.state.strategies[name].last_ts or 0
        return tuple(
            _end(core, book, admitted)
            for pair, admitted in core.state.admitted.items()
            if self._on_funding(name, admitted.strategy)
            and (book := core.pairs.get(pair)) is not None
            and book.state is PairState.CLOSED
            and (book.closed_ts or 0) >= since
        )

    # -- intents -----------------------------------------------------------------------------------------

    def _carry(self, name: str, slot: StrategySlot, intent: Intent) -> None:
        match intent:
            case OpenPair():
                rule = self.admission.open(name, slot, intent)
                if rule:
                    self._refused(name, slot, intent, rule)
            case ClosePair():
                pair = self.core.pairs.get(intent.pair)
                origin = pair.origin if pair is not None else f"strategy:{name}"
                slot.last_reason = exits.close(self.core, self.submit, intent, origin) or slot.last_reason
            case FreezePair():
                exits.freeze(self.core, self.submit, intent)
            case ThawPair():
                exits.thaw(self.core, self.submit, intent)

    def _refused(self, name: str, slot: StrategySlot, intent: OpenPair, rule: str) -> None:
        kind = KINDS[slot.kind]
        if not isinstance(kind, HearsRefusals):
            return
        try:
            self.states[name] = kind.refused(self.states[name], intent.short, intent.long, rule)
        except Exception as error:  # as in `call`
            self.drop(name, f"raised {type(error).__name__}: {error}")


def _end(core: DeskCore, book: Pair, admitted: Admitted) -> Ended:
    return Ended(
        pair=book.id,
        group=admitted.group,
        ts=book.closed_ts if book.closed_ts is not None else core.now,
        failed=book.failed,
        short=book.short.instrument,
        long=book.long.instrument,
        exchanged=book.one_shot and not book.failed,
    )
