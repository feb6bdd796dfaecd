"""Flatten: close everything in a scope and prove it (SEMANTICS 10).

How the desk calls it, after it has halted the scope and written the latch:

- `start(…)` once. Then `on_order(entry, …)` for every change of any order of ours, `on_timer(id, …)` for
  timers `flatten:ID`, and `on_report(report, …)` for every `AccountReport`, *after* reconciliation booked it.
- `Ask` wants a `ReadAccount`. Pairs in scope are closed through the pair machine (purpose FLATTEN, both legs
  in step); everything else by reducing orders of our own with widening bands, what hedges each other in step
  too (`flatten_step`).
- What may be hedged on a venue that has not been read yet stays until it has (`flatten_unread`).
- It ends with one `Flattened`: flat with a fresh read of every venue as proof, or, after
  `exec.flatten_no_progress_s` without progress, exactly what remains and why.

A position that only the venue's report shows is closed too: the gate must count it as reducible.
It needs nothing but the venue connections and the last good prices. Order of things: risk-increasing orders
are canceled (foreign ones too), positions closed, protective orders canceled, the accounts read afresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.domain.enums import PairState, Purpose
from services.domain.events import AccountReport
from services.domain.instrument import Instrument
from services.domain.money import ZERO
from services.execution.actions import (
    Action,
    Actions,
    Arm,
    Ask,
    CancelForeign,
    CancelOrder,
    Disarm,
    Flattened,
    Place,
)
from services.execution.entries import OrderEntry
from services.execution.flatten_close import closing_order, take_news
from services.execution.flatten_left import leg_sizes, open_sizes, remaining
from services.execution.flatten_read import read
from services.execution.flatten_state import (
    Flatten,
    FlattenBookState,
    FlattenView,
    RestingOrder,
    Scope,
    Target,
)
from services.execution.flatten_step import in_step
from services.execution.flatten_unread import staying, why
from services.execution.ids import IdCounter
from services.execution.pairs import PairMachine
from services.settings.parameters import Settings

__all__ = ["Flatten", "FlattenBookState", "FlattenMachine", "FlattenView", "RestingOrder", "Scope", "Target"]

THE_VENUE_HOLDS_LESS = "leg missing: the venue holds less"
_SECOND = 10**9
_ASK_AGAIN = 2 * _SECOND
"""A cancel or an account read without effect is asked for again after this long."""


class FlattenMachine:
    """All flattens of the desk; usually there is one or none."""

    def __init__(
        self,
        settings: Settings,
        instruments: Mapping[str, Instrument],
        ids: IdCounter,
        pairs: PairMachine,
        state: FlattenBookState | None = None,
    ) -> None:
        self._settings = settings
        self._instruments = instruments
        self._ids = ids
        self._pairs = pairs
        self.state = state if state is not None else FlattenBookState()

    def running(self) -> tuple[Flatten, ...]:
        runs = self.state.runs
        return tuple([run for run in runs.values() if not run.done]) if runs else ()

    def start(
        self, scope: Scope, reason: str, origin: str, now: int, view: FlattenView
    ) -> tuple[str, Actions]:
        """(flatten id, actions). Never refused; a scope that holds nothing is proven flat by a fresh read.

        A run whose scope is the same or everything is joined, not doubled.
        """
        for run in self.running():
            if run.scope == scope or run.scope.everything:
                return run.id, self._step(run, now, view)
        self.state.runs = {run.id: run for run in self.running()}
        run = Flatten(f"f{self._ids.number()}", scope, origin, reason, self._venues(scope, view), started=now)
        run.progress_ts = now
        self.state.runs[run.id] = run
        return run.id, self._step(run, now, view)

    def on_order(self, entry: OrderEntry, now: int, view: FlattenView) -> Actions:
        """Any change of any order of ours. Book its fills and tell the pair machine first."""
        out: list[Action] = []
        for run in self.running():
            run.touched[entry.request.instrument] = now
            target = run.targets.get(entry.request.instrument)
            if target is not None and target.order == entry.id:
                take_news(target, entry, now)
            out.extend(self._step(run, now, view))
        return tuple(out)

    def on_timer(self, flatten: str, now: int, view: FlattenView) -> Actions:
        run = self.state.runs.get(flatten)
        if run is None or run.done:
            return ()
        run.armed = None
        return self._step(run, now, view)

    def on_report(
        self, report: AccountReport, now: int, view: FlattenView, asked_ts: int | None = None
    ) -> Actions:
        """The venue's word: what it holds beyond our books is closed too; agreement is the proof.

        `asked_ts`: our time of the question that this answers, None = it answers none. Its picture is later
        than that whatever the venue's clock shows.
        """
        out: list[Action] = []
        for run in self.running():
            if report.venue in run.venues:
                others = tuple(each for each in self.running() if each is not run)
                read(run, report, view, self._instruments, self._pairs, others, asked_ts)
                out.extend(self._step(run, now, view))
        return tuple(out)

    # One run.

    def _step(self, run: Flatten, now: int, view: FlattenView) -> Actions:
        if run.done:
            return ()
        out: list[Action] = []
        resting = tuple(order for order in view.resting() if self._concerns(run, order))
        out.extend(self._cancel(run, [order for order in resting if not order.reducing], now))
        out.extend(self._close_pairs(run, now, view))
        out.extend(self._cancel(run, self._in_the_way(run, view), now))
        sizes = open_sizes(run, view, self._instruments, self._pairs)
        waiting = {order.instrument for order in resting if not order.reducing and not order.in_doubt}
        allowed = self._settings.pair.residual_max
        stays = staying(run, sizes, self._instruments, view, self._pairs, allowed)
        most = in_step(sizes, self._under_way(), self._instruments, view, self._settings, stays)
        for name, size in sizes.items():
            out.extend(self._close(run, name, size, most.get(name), waiting, resting, now, view))
        busy = any(target.order for target in run.targets.values())
        closed = not sizes and not busy and not self._live_pairs(run)
        if not closed:
            run.proof.clear()  # whatever a read has proven before, it was not this
        if closed:
            out.extend(self._cancel(run, [order for order in resting if order.reducing], now))
        if closed and not resting:
            out.extend(self._ask(run, now))
        self._note_progress(run, sizes, resting, now)
        if closed and not resting and all(venue in run.proof for venue in run.venues):
            return (*out, *self._finish(run, view, resting))
        if now - run.progress_ts >= self._settings.exec.flatten_no_progress_s * _SECOND:
            return (*out, *self._finish(run, view, resting))
        due = now + self._settings.exec.band_dwell_ms * 10**6
        if run.armed is None or run.armed <= now:
            run.armed = due
            out.append(Arm(_timer(run), due))
        return tuple(out)

    def _cancel(self, run: Flatten, orders: list[RestingOrder], now: int) -> list[Action]:
        out: list[Action] = []
        for order in orders:
            if now < run.canceled.get(order.name, -_ASK_AGAIN) + _ASK_AGAIN:
                continue
            run.canceled[order.name] = now
            if order.foreign:
                out.append(
                    CancelForeign(order.venue, order.instrument, order.venue_order_id, order.client_order_id)
                )
            else:
                out.append(CancelOrder(order.client_order_id))
        return out

    def _close_pairs(self, run: Flatten, now: int, view: FlattenView) -> list[Action]:
        """Have every pair of the scope closed, the venue's word on its legs first."""
        new = [
            pair
            for pair in self._pairs.live()
            if pair.id not in run.pairs and run.scope.takes(pair, self._instruments)
        ]
        for pair in new:
            run.pairs.append(pair.id)
            for leg in pair.legs:
                venue = self._instruments[leg.instrument].venue
                if venue not in run.venues:
                    run.venues.append(venue)
        out: list[Action] = []
        for pair_id, name, held in leg_sizes(run, view, self._instruments, self._pairs):
            out.extend(self._pairs.leg_changed(pair_id, name, held, THE_VENUE_HOLDS_LESS, now, view))
        for pair in new:
            out.extend(
                self._pairs.request_close(
                    pair.id, run.reason, now, view, purpose=Purpose.FLATTEN, origin=run.origin
                )
            )
        return out

    def _in_the_way(self, run: Flatten, view: FlattenView) -> list[RestingOrder]:
        """Reducing orders that rest on a leg whose close does not go through: the venue may keep for them
        what we want to take. What waits for its trigger holds nothing back and protects until all is flat."""
        pairs = (self._pairs.get(pair) for pair in run.pairs)
        held = {leg.instrument for pair in pairs if pair is not None for leg in pair.legs if leg.refusals}
        own = {target.order for each in self.running() for target in each.targets.values()} - {""}
        return [
            order
            for order in view.resting()
            if order.reducing and not order.conditional and order.pair is None and order.instrument in held
            if order.client_order_id not in own
        ]

    def _close(
        self,
        run: Flatten,
        name: str,
        size: Decimal,
        most: Decimal | None,
        waiting: set[str],
        resting: tuple[RestingOrder, ...],
        now: int,
        view: FlattenView,
    ) -> list[Action]:
        target = run.targets.setdefault(name, Target(name))
        taken = any(
            other.targets[name].order
            for other in self.running()
            if other is not run and name in other.targets
        )
        if target.order or taken or now < target.next_at:
            return []
        if name in waiting and now - run.started < _ASK_AGAIN:
            return []  # an order of ours against us is on its way out
        if most == ZERO:
            held = self._instruments[name].hedge_group in run.kept
            target.last_refusal = why(run) if held else target.last_refusal or "waits for what hedges it"
            return []
        out: list[Action] = []
        if target.refusals:
            # Something reducing that rests may hold the quantity the venue would let us reduce. What waits
            # for its trigger protects until all is flat: it goes only where the venue itself has refused.
            blocking = [
                order
                for order in resting
                if order.instrument == name and order.reducing and (target.blocked or not order.conditional)
            ]
            out.extend(self._cancel(run, blocking, now))
        order = closing_order(
            target,
            self._instruments[name],
            size,
            most,
            self._settings,
            self._ids,
            now,
            view,
            run.origin,
            run.reason,
        )
        if order is not None:
            out.append(Place(order))
        return out

    def _under_way(self) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for run in self.running():
            for name, target in run.targets.items():
                found[name] = found.get(name, ZERO) + target.under_way
        return found

    def _ask(self, run: Flatten, now: int) -> list[Action]:
        out: list[Action] = []
        for venue in run.venues:
            if venue in run.proof or now < run.asked.get(venue, -_ASK_AGAIN) + _ASK_AGAIN:
                continue
            run.asked[venue] = now
            out.append(Ask(venue, f"proof of {run.id}"))
        return out

    def _finish(self, run: Flatten, view: FlattenView, resting: tuple[RestingOrder, ...]) -> list[Action]:
        left = remaining(run, view, resting, self._instruments, self._pairs)
        run.done = True
        run.flat = not left and all(venue in run.proof for venue in run.venues)
        proof = tuple(run.proof[venue] for venue in run.venues if venue in run.proof)
        return [Disarm(_timer(run)), Flattened(run.id, run.flat, left, proof, run.scope)]

    def _live_pairs(self, run: Flatten) -> bool:
        pairs = (self._pairs.get(pair) for pair in run.pairs)
        return any(pair is not None and pair.state is not PairState.CLOSED for pair in pairs)

    def _concerns(self, run: Flatten, order: RestingOrder) -> bool:
        """Orders in scope. The machines end their own IOCs; those of pairs are the pair machine's."""
        instrument = self._instruments.get(order.instrument)
        if instrument is None or any(
            t.order == order.client_order_id for t in run.targets.values() if t.order
        ):
            return False
        if order.pair is not None and self._pairs.get(order.pair) is not None:
            # The pair machine ends its own; the backstop of a naked leg is none of them.
            return order.conditional and order.pair in run.pairs
        return run.scope.covers(instrument)

    def _note_progress(
        self, run: Flatten, sizes: dict[str, Decimal], resting: tuple[RestingOrder, ...], now: int
    ) -> None:
        """Progress is a change of what is open, not an attempt to change it."""
        parts = [f"{name} {size}" for name, size in sizes.items()]
        for pair_id in run.pairs:
            pair = self._pairs.get(pair_id)
            if pair is not None:
                parts.append(f"{pair.id} {pair.short.size} {pair.long.size}")
        parts.extend(sorted(order.name for order in resting))
        parts.extend(sorted(run.proof))
        measure = "; ".join(parts)
        if measure != run.measure:
            run.measure = measure
            run.progress_ts = now

    def _venues(self, scope: Scope, view: FlattenView) -> list[str]:
        """Venues of the scope in the order of the settings; of one that was never read, not even what it
        lists may be known."""
        if scope.pair is not None:
            return []
        known = {i.venue: None for i in self._instruments.values() if scope.covers(i)}
        known |= {venue: None for venue in view.unread() if scope.everything or scope.venue == venue}
        known = {venue: None for venue in known if venue not in view.barren()}
        ordered = [venue for venue in self._settings.venues if venue in known]
        return ordered + [venue for venue in known if venue not in ordered]


def _timer(run: Flatten) -> str:
    return f"flatten:{run.id}"
