"""From the machines' actions to effects: every order through the gate, durable before it is sent.

A normal order takes two turns (`SaveIntent`, then the gate again, then `Send`); a protective one emits both
in one turn and never waits (RUNTIME 3). A denial is an order update like any other: it goes back to the
machine that asked, whose answer is carried out in the same turn.
"""

from __future__ import annotations

from collections import deque
from functools import partial

import msgspec

from services.desk import denials, gatekeeping, idle, measuring, short
from services.desk.asked import Asked, ask
from services.desk.core import DeskCore
from services.desk.prices import DeskPrices
from services.desk.reasons import say_allowed, say_beside, say_durable
from services.domain.effects import Cancel, QueryOrder, SaveIntent, Send
from services.domain.enums import OrderState, Purpose, Severity, TradingState
from services.domain.orders import OrderRequest
from services.execution.actions import (
    Action,
    Actions,
    Arm,
    Ask,
    Became,
    CancelForeign,
    CancelOrder,
    Disarm,
    Escalate,
    Flattened,
    Place,
    Probe,
)
from services.execution.table import OrderEntry
from services.risk.context import GateAnswer
from services.risk.gate import beside

MAX_PLACED = 400
"""Orders in one turn. More means that a machine and the gate answer each other in circles: it is alarmed, and
no more are placed. Cancels are as many as there are orders, and go out."""
MAX_TOLD = 400
"""So many are told beyond it that theirs is not placed."""


class Submitter:
    """Carries out actions; what concerns parts above waits in `became`, `flattened`, `asks`."""

    def __init__(self, core: DeskCore) -> None:
        self.core = core
        self.prices = DeskPrices(core)
        self._queue: deque[Action] = deque()
        self._running = False
        self._asked: dict[str, Asked] = {}
        """Orders whose intents are on their way to the disk. No state: lost, it is asked anew."""
        self._fresh: list[str] = []
        self._ahead: dict[str, tuple[int, GateAnswer]] = {}
        """Short questions of this turn's intents, asked again at its very end: (half of the turn, answer)."""
        self.became: list[Became] = []
        self.flattened: list[Flattened] = []
        self.asks: list[Ask] = []
        self.told: dict[str, OrderEntry] | None = None
        """Not None: what orders say is counted, and told to whom it concerns later (`whole_read`)."""

    def run(self, actions: Actions) -> None:
        """Carry the actions out in order, and whatever follows from them, in this turn."""
        self._queue.extend(actions)
        if self._running:
            return
        self._running = True
        placed = 0
        try:
            while self._queue:
                action = self._queue.popleft()
                placed += isinstance(action, Place)
                if placed <= MAX_PLACED or not isinstance(action, Place):
                    self._one(action)
                elif placed <= MAX_PLACED + MAX_TOLD:
                    self._circle(action.order)
                # Whoever answers even that with another order is told nothing more: the turn has to end.
        finally:
            self._running = False

    def _circle(self, order: OrderRequest) -> None:
        """The pair of one that is not placed is called again at the next look (`risk`); who else waits for
        its order, the backstop of a pair's leg among them, hears at once that there will be none."""
        core = self.core
        text = f"more than {MAX_PLACED} orders in one turn: no more are placed in it"
        core.raise_cause("circle", "all", TradingState.REDUCING, text, severity=Severity.ALARM, latched=True)
        if order.pair is None or order.trigger is not None:
            core.orders.add(order, core.now)
            self._denied(order.client_order_id, text)

    def _one(self, action: Action) -> None:
        core = self.core
        match action:
            case Place():
                self.place(action.order)
            case CancelOrder():
                self.cancel(action.client_order_id)
            case CancelForeign():
                core.emit(
                    Cancel(
                        venue=action.venue,
                        instrument=action.instrument,
                        client_order_id=action.client_order_id,
                        venue_order_id=action.venue_order_id,
                    )
                )
            case Probe():
                core.emit(
                    QueryOrder(
                        venue=action.venue,
                        instrument=action.instrument,
                        client_order_id=action.client_order_id,
                    )
                )
            case Arm():
                core.set_timer(action.name, action.due)
            case Disarm():
                core.cancel_timer(action.name)
            case Ask():
                self.asks.append(action)
            case Became():
                self.became.append(action)
            case Escalate():
                self._escalate(action)
            case Flattened():
                self.flattened.append(action)

    def _escalate(self, action: Escalate) -> None:
        core = self.core
        if action.reducing:
            scope = "all"
            if action.subject in core.state.pairs.pairs:
                scope = f"pair:{action.subject}"
            elif action.subject in core.instruments:
                scope = f"instrument:{action.subject}"
            core.raise_cause(
                action.name,
                scope,
                TradingState.REDUCING,
                action.text,
                severity=Severity.ALARM,
                latched=True,
            )
        else:
            core.alert(f"{action.name}:{action.subject}", Severity.ALARM, action.text)
        core.decide("escalate", action.subject, action.text)

    # -- orders ------------------------------------------------------------------------------------------

    def ask_gate(self, order: OrderRequest) -> GateAnswer:
        """Every figure, those included that refuse nothing: for whoever wants to see them."""
        answer = ask(self.core, order).answer
        if not answer.reducing:
            return answer
        ctx = gatekeeping.order_context(self.core, order)
        return msgspec.structs.replace(answer, checks=(*answer.checks, *beside(ctx, order)))

    def place(self, order: OrderRequest) -> None:
        """The gate's question, then intent or denial."""
        core = self.core
        asked = ask(core, order)
        answer = asked.answer
        if not answer.allowed:
            core.orders.add(order, core.now)
            self._deny(order, answer)
            return
        for opposing in answer.cancel_first:
            self.cancel(opposing)
        final, reduces = order, order.reduce_only or answer.reduce_only
        if answer.quantity is not order.quantity or reduces is not order.reduce_only:
            final = msgspec.structs.replace(order, quantity=answer.quantity, reduce_only=reduces)
        entry = core.orders.add(final, core.now)
        seq = core.state.next_intent
        core.state.next_intent += 1
        intent = SaveIntent(seq=seq, orders=(final,), pair=final.pair, text=final.reason)
        if final.purpose.protective:
            say_allowed(core, final, answer)
            core.emit(Send(order=self._wired(final)))
            core.emit(intent)
            self._sent(entry)
            core.later.append(partial(say_beside, core, final))
            return
        core.state.intents[str(seq)] = [final.client_order_id]
        self._asked[final.client_order_id] = asked
        self._fresh.append(final.client_order_id)
        core.emit(intent)
        core.later.append(partial(say_allowed, core, final, answer))
        core.later.append(partial(self.keep, entry))

    def on_durable(self, seq: int) -> None:
        """The intent is on disk: the gate once more at present figures, then out."""
        core = self.core
        names = core.state.intents.pop(str(seq), [])
        for client_order_id in names:
            entry, before = core.orders.get(client_order_id), self._asked.pop(client_order_id, None)
            half, ahead = self._ahead.pop(client_order_id, (0, None))
            if entry is None or entry.state is not OrderState.INITIALIZED:
                continue
            if ahead is not None and half + 1 == core.half:
                answer = ahead
            else:
                answer = ask(core, entry.request, before).answer
            if not answer.allowed or answer.quantity < entry.request.quantity:
                self._deny(entry.request, answer)
                continue
            core.emit(Send(order=self._wired(entry.request)))
            core.later.append(partial(say_durable, core, entry.request, seq, answer))
            idle.passed(core, entry.request)
            if client_order_id == names[-1]:
                # Nothing is asked behind it in this half of the turn: the books may hear of it in the other.
                core.later.append(partial(self._sent, entry))
            else:
                self._sent(entry)
            if answer.reducing:
                core.later.append(partial(say_beside, core, entry.request))

    def ask_ahead(self) -> None:
        """The last thing in a turn. While the disk writes, the gate is asked again about the intents of this
        turn whose question looks at no clock: if the next thing heard is that they are on disk, then nothing
        has moved since, and this is what the gate would say."""
        core = self.core
        if self._ahead:
            self._ahead = {}
        if not self._fresh:
            return
        for client_order_id in self._fresh:
            entry = core.orders.get(client_order_id)
            if entry is not None and entry.state is OrderState.INITIALIZED:
                found = short.answer(core, entry.request)
                if found is not None:
                    self._ahead[client_order_id] = core.half, found
        self._fresh.clear()

    def _wired(self, order: OrderRequest) -> OrderRequest:
        """As the venue gets it: no reduce-only flag where it knows none."""
        if not order.reduce_only or self.core.instruments[order.instrument].reduce_only_supported:
            return order
        return msgspec.structs.replace(order, reduce_only=False)

    def drop_intents(self, why: str) -> None:
        """What waits for the disk is denied: it may never become durable, so it must never go out."""
        core = self.core
        waiting, core.state.intents = core.state.intents, {}
        self._asked.clear()
        for names in waiting.values():
            for client_order_id in names:
                entry = core.orders.get(client_order_id)
                if entry is not None and entry.state is OrderState.INITIALIZED:
                    self._denied(client_order_id, why)

    def _sent(self, entry: OrderEntry) -> None:
        core = self.core
        applied = core.orders.sent(entry.id, core.now)
        core.throttle.sent(core.now)
        if applied.entry is not None:
            measuring.on_sent(core, applied.entry)
            self.keep(applied.entry)
            self.tell(applied.entry)

    def _deny(self, order: OrderRequest, answer: GateAnswer) -> None:
        core = self.core
        text = answer.refusal or f"only {answer.quantity:,f} of {order.quantity:,f} would pass now"
        denials.note(
            core,
            f"{order.side.value} {order.quantity:,f} {order.instrument}",
            text,
            order.origin,
            answer,
            order.client_order_id,
        )
        if answer.disable_origin and core.causes.disable(order.origin, answer.disable_origin):
            core.alert(
                f"throttle:{order.origin}",
                Severity.ALARM,
                f"{order.origin} disabled: {answer.disable_origin}",
                do=f"enable {order.origin.partition(':')[2] or order.origin} REASON, once you know why",
            )
        self._denied(order.client_order_id, text)

    def _denied(self, client_order_id: str, text: str) -> None:
        applied = self.core.orders.denied(client_order_id, text, self.core.now)
        if applied.entry is not None:
            self.keep(applied.entry)
            self.tell(applied.entry)

    def cancel(self, client_order_id: str) -> None:
        """Cancel one of ours; what has not gone out yet is denied instead, and never sent."""
        core = self.core
        entry = core.orders.get(client_order_id)
        if entry is None or entry.settled:
            return
        if entry.state is OrderState.PENDING_CANCEL and entry.cancel_sent == core.now:
            # A halt reaches an order by more than one way: the venue is told once a turn.
            return
        if entry.state is OrderState.INITIALIZED:
            self._denied(client_order_id, "canceled before it was sent")
            return
        core.emit(
            Cancel(
                venue=entry.venue,
                instrument=entry.request.instrument,
                client_order_id=client_order_id,
                venue_order_id=entry.venue_order_id,
            )
        )
        core.orders.cancel_sent(client_order_id, core.now)

    def tell(self, entry: OrderEntry) -> None:
        """Hand an order's change to the machine it belongs to."""
        core = self.core
        request = entry.request
        if self.told is not None:
            self.told[entry.id] = entry
            if request.pair is None or request.trigger is not None:
                return
        if request.trigger is not None:
            # Not the pair machine's, though it may protect a leg: it rests, and nothing waits for its end.
            self.run(core.backstops.on_order(entry, core.now))
        elif request.pair is not None:
            self.run(core.pairs.on_order(entry, core.now, self.prices))
        elif request.purpose is Purpose.FLATTEN:
            self.run(core.flattens.on_order(entry, core.now, self.prices))
        elif request.purpose is Purpose.STOP:
            self.run(core.stops.on_order(entry, core.now, self.prices))
        if (
            self.told is None
            and core.flattens.running()
            and (request.pair is not None or request.purpose is not Purpose.FLATTEN)
        ):
            # A running flatten steps on every order's news, after the machine it belongs to.
            self.run(core.flattens.on_order(entry, core.now, self.prices))

    def keep(self, entry: OrderEntry) -> None:
        """Record the order's present state."""
        self.core.record(entry.record(self.core.now))

    def arm_probes(self) -> None:
        """Keep the timer `orders` at the next moment an order must be looked at."""
        core = self.core
        due = core.orders.next_due()
        if due is None:
            core.cancel_timer("orders")
        elif core.state.timers.get("orders") != due:
            core.set_timer("orders", due)
