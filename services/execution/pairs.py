"""The pair machine: two legs, one position (SEMANTICS 7, 5.5 to 5.9 and 10).

How the desk calls it; every call returns actions, to be carried out in order:

- `plan(…)` makes the pair (PLANNED). Ask the gate about `admission(pair)` as one unit, then `start(pair)` or
  `abandon(pair, text)`. `failures(short, long)` counts failed attempts in a row, for the doubling cooldown.
- `on_order(entry, now, prices)` for *every* change of an order whose request names a pair: denied, sent,
  accepted, filled, canceled, in doubt, resolved. It counts by the entry's cumulative figures, so calling it
  twice is harmless. Book fills in the ledger first. A denial met while carrying out the actions comes back
  the same way, once these actions are through; the machine waits a dwell before it tries again.
- `on_timer(pair, now, prices)` when a timer `pair:ID` fires (the machine arms it itself: `Arm`).
- `request_close(pair, reason, …)` for a named exit; `request_reduce(pair, fraction, …)` for the cut of the
  margin ladder; `request_unwind(pair, reason, …)` when the trading state leaves ACTIVE, at a halt, at a
  graceful stop; `freeze` / `thaw` for stale data; `leg_changed` when a venue event or two agreeing reads say
  that a leg is smaller than our fills (missing leg, partial ADL).
- `Place.order` carries the final client order id. Purposes: ENTRY, HEDGE, EXIT go the normal way; UNWIND,
  STOP, FLATTEN are protective. Reducing orders carry `reduce_only`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.domain.enums import PairState, Purpose
from services.domain.instrument import Instrument
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.execution.actions import Actions
from services.execution.entries import OrderEntry
from services.execution.ids import IdCounter
from services.execution.pair_count import count
from services.execution.pair_moves import cooldown_key, start_unwinding
from services.execution.pair_plan import claimed, draft, question
from services.execution.pair_reduce import begin, whole
from services.execution.pair_requests import ask_close, ask_unwind
from services.execution.pair_state import LegPolicy, Pair, PairBookState
from services.execution.pair_steps import advance
from services.execution.pair_work import Work
from services.execution.pricing import NoPrices, Prices
from services.settings.parameters import Settings

__all__ = ["LegPolicy", "Pair", "PairBookState", "PairMachine"]

_CLOSED = PairState.CLOSED


class PairMachine:
    """All pairs of the desk."""

    def __init__(
        self,
        settings: Settings,
        instruments: Mapping[str, Instrument],
        ids: IdCounter,
        state: PairBookState | None = None,
    ) -> None:
        self._settings = settings
        self._instruments = instruments
        self._ids = ids
        self.state = state if state is not None else PairBookState()
        self._held: dict[str, None] | None = None

    # Asking.

    def get(self, pair: str) -> Pair | None:
        return self.state.pairs.get(pair)

    def live(self) -> tuple[Pair, ...]:
        """Every pair that is not closed, oldest first."""
        return tuple([pair for pair in self.state.pairs.values() if pair.state is not _CLOSED])

    def size_on(self, instrument: str) -> Decimal:
        """Signed sum of the pairs' own legs on an instrument: what is left of the position is unpaired."""
        legs = [leg for pair in self.state.pairs.values() for leg in pair.legs]
        return sum((leg.size * leg.side.sign for leg in legs if leg.instrument == instrument), ZERO)

    def claimed(self) -> dict[str, Decimal]:
        """Instrument -> what live pairs hold of it or still want, signed."""
        return claimed(self.live())

    def failures(self, short: str, long: str) -> int:
        """Failed attempts in a row on these two instruments, whichever is short."""
        return self.state.failures.get(cooldown_key(short, long), 0)

    # Planning.

    def plan(
        self,
        *,
        strategy: str,
        kind: str,
        short: str,
        long: str,
        short_quantity: Decimal,
        long_quantity: Decimal,
        capital: Decimal | None,
        origin: str,
        reason: str,
        now: int,
        entry_policy: LegPolicy = LegPolicy.REVERSE,
        exit_policy: LegPolicy = LegPolicy.PROCEED,
    ) -> tuple[Pair | None, Actions, str]:
        """(pair, actions, "") or (None, (), why not). Quantities are rounded down to the joint lot."""
        pair, why = draft(
            self._settings,
            self.live(),
            self._instruments,
            strategy=strategy,
            kind=kind,
            short=short,
            long=long,
            short_quantity=short_quantity,
            long_quantity=long_quantity,
            capital=capital,
            origin=origin,
            reason=reason,
            now=now,
            entry_policy=entry_policy,
            exit_policy=exit_policy,
        )
        if pair is None:
            return None, (), why
        pair.id = self._ids.pair()
        self.state.pairs[pair.id] = pair
        return pair, (), ""

    def admission(self, pair: str, prices: Prices) -> tuple[OrderRequest, OrderRequest] | None:
        """Both legs at full size and at the worst price that stays well inside the collar, for the gate.

        None without fresh prices. The requests are a question only: their ids are never sent.
        """
        found = self.get(pair)
        if found is None:
            return None
        short = question(found, found.short, self._instruments, self._settings, prices)
        long = question(found, found.long, self._instruments, self._settings, prices)
        return (short, long) if short is not None and long is not None else None

    def start(self, pair: str, now: int, prices: Prices) -> Actions:
        """Open a planned pair. Anything else is left as it is."""
        found = self.get(pair)
        if found is None or found.state is not PairState.PLANNED:
            return ()
        work = self._work(now, prices)
        work.become(found, PairState.OPENING, found.reason)
        return self._advance(work, found)

    def abandon(self, pair: str, text: str, now: int) -> Actions:
        """The gate did not admit a planned pair. Nothing went out, so no cooldown counts."""
        found = self.get(pair)
        if found is None or found.state is not PairState.PLANNED:
            return ()
        work = self._work(now, None)
        found.closed_ts = now
        work.become(found, PairState.CLOSED, text)
        return tuple(work.out)

    # What happens to it.

    def hold(self) -> None:
        """From here on what is heard is counted, and nothing done about it until `release`."""
        self._held = {}

    def release(self, now: int, prices: Prices) -> Actions:
        """All of it is counted: each pair that heard something does what is next."""
        held, self._held = self._held or {}, None
        work = self._work(now, prices)
        for name in held:
            self._advance(work, self.state.pairs[name])
        return tuple(work.out)

    def on_order(self, entry: OrderEntry, now: int, prices: Prices) -> Actions:
        """Count what is new of an order, then do what is next."""
        pair = self.get(entry.request.pair) if entry.request.pair is not None else None
        if pair is None:
            return ()
        work = self._work(now, prices)
        count(work, pair, entry)
        return self._advance(work, pair)

    def on_timer(self, pair: str, now: int, prices: Prices) -> Actions:
        found = self.get(pair)
        if found is None:
            return ()
        found.armed = None
        return self._advance(self._work(now, prices), found)

    def request_close(
        self,
        pair: str,
        reason: str,
        now: int,
        prices: Prices,
        *,
        purpose: Purpose = Purpose.EXIT,
        origin: str = "",
    ) -> Actions:
        """A named exit. Purpose EXIT for a strategy or operator, UNWIND, STOP or FLATTEN for protection.

        A frozen pair remembers an EXIT and begins it on `thaw`; protection does not wait for that. A pair
        that is still opening is unwound first. A protective request is never weakened by a later EXIT.
        """
        found = self.get(pair)
        if found is None or found.state is PairState.CLOSED:
            return ()
        if found.state is PairState.PLANNED:
            return self.abandon(pair, reason, now)
        work = self._work(now, prices)
        ask_close(work, found, reason, purpose, origin)
        return self._advance(work, found)

    def request_reduce(
        self,
        pair: str,
        fraction: Decimal,
        reason: str,
        now: int,
        prices: Prices,
        *,
        purpose: Purpose = Purpose.STOP,
        origin: str = "desk",
    ) -> Actions:
        """Take `fraction` (above 0; from 1 on it closes) off both legs in step; ends hedged and smaller.

        By reducing orders only, in any trading state and from a frozen pair. A pair on its way out goes on.
        Raises ValueError for a purpose that is not protective, or a fraction that is no positive number.
        """
        if not purpose.protective or not fraction.is_finite() or fraction <= ZERO:
            raise ValueError(f"reduce by {fraction} as {purpose}: expected a protective purpose, above 0")
        if fraction >= 1:
            return self.request_close(pair, reason, now, prices, purpose=purpose, origin=origin)
        found = self.get(pair)
        if found is None or found.state is PairState.CLOSED:
            return ()
        if found.state is PairState.PLANNED:
            return self.abandon(pair, reason, now)
        work = self._work(now, prices)
        begin(work, found, fraction, reason, purpose, origin)
        return self._advance(work, found)

    def request_unwind(
        self, pair: str, reason: str, now: int, prices: Prices, *, exits_pass: bool = False
    ) -> Actions:
        """The trading state has left ACTIVE: nothing opens, nothing strategic closes any further.

        Ends hedged (smaller, equal legs), closed, or in doubt. A close that the state lets pass (a protective
        one; `exits_pass`: any) goes on after the unwinding. A hedged pair stays as it is.
        """
        found = self.get(pair)
        if found is None or found.state is PairState.CLOSED:
            return ()
        if found.state is PairState.PLANNED:
            return self.abandon(pair, reason, now)
        work = self._work(now, prices)
        ask_unwind(work, found, reason, exits_pass=exits_pass)
        return self._advance(work, found)

    def freeze(self, pair: str, reason: str, now: int) -> Actions:
        """Stale data: no new slice, no exit of one leg alone. What is naked is still hedged or cut.

        A pair that is opening or closing stops at its next matched moment.
        """
        found = self.get(pair)
        if found is None or found.state is PairState.CLOSED:
            return ()
        found.frozen_by_desk = True
        found.frozen_reason = reason
        work = self._work(now, None)
        work.cancel_open(found, resting=True)
        if found.state is not PairState.HEDGED:
            return tuple(work.out)
        found.resume = PairState.HEDGED
        work.become(found, PairState.FROZEN, reason)
        return tuple(work.out)

    def stop_resting(self, pair: str, reason: str, now: int, prices: Prices) -> Actions:
        """Pause or stop: nothing of this pair rests from here on.

        An entry that rests its leg 1 ends with what it has; one that takes, and any exit, goes on taking.
        """
        found = self.get(pair)
        if found is None or found.state in (PairState.CLOSED, PairState.HEDGED, PairState.PLANNED):
            return ()
        found.no_rest = reason
        return self._advance(self._work(now, prices), found)

    def thaw(self, pair: str, now: int, prices: Prices, *, stopped_too: bool = True) -> Actions:
        """`stopped_too`: also one that the policy `cancel` stopped, about which a person decides."""
        found = self.get(pair)
        if found is None:
            return ()
        work = self._work(now, prices)
        found.frozen_by_desk = False
        if found.state is PairState.FROZEN and (stopped_too or found.resume is not PairState.UNWINDING):
            work.become(found, found.resume, "data are fresh again")
        return self._advance(work, found)

    def leg_changed(
        self, pair: str, instrument: str, size: Decimal, reason: str, now: int, prices: Prices
    ) -> Actions:
        """A leg is down to `size` (magnitude) by the venue: cut the other leg to match, then exit."""
        found = self.get(pair)
        if found is None or found.one_shot:
            return ()  # an inventory is nobody's position: no venue says what of it a pair has moved
        leg = next((each for each in found.legs if each.instrument == instrument), None)
        if leg is None or size >= leg.size:
            return ()
        work = self._work(now, prices)
        leg.size = max(size, ZERO)
        whole(found)
        if not (found.close_purpose.protective and found.close_reason):
            # A flatten or a stop that is under way is never weakened: the exit would wait for fresh data.
            found.close_purpose, found.close_origin, found.close_reason = Purpose.UNWIND, "desk", reason
        found.then_close = True
        found.frozen_by_desk = False
        if found.state is PairState.IN_DOUBT:
            found.resume = PairState.UNWINDING
            found.unwind_reason = reason
        else:
            start_unwinding(work, found, reason)
        return self._advance(work, found)

    def adopt(self, pair: Pair) -> None:
        """Take over a hedged pair whose fills were counted before this store was made."""
        self.state.pairs[pair.id] = pair

    def forget(self, pair: str) -> None:
        """Drop a closed pair whose orders are all settled. Dust it holds is unpaired from then on."""
        found = self.get(pair)
        if found is not None and found.state is PairState.CLOSED and not found.unsettled:
            del self.state.pairs[pair]

    def drop_exit(self, pair: str) -> None:
        """A halt: what was to follow a cut of the margin ladder does not; the cut goes on."""
        self.state.pairs[pair].exit_after = ""

    # Inside.

    def _work(self, now: int, prices: Prices | None) -> Work:
        return Work(
            self._settings, self._instruments, self._ids, now, prices or NoPrices(), self.state.failures
        )

    def _advance(self, work: Work, pair: Pair) -> Actions:
        if self._held is None:
            advance(work, pair)
        else:
            self._held[pair.id] = None
        return tuple(work.out)
