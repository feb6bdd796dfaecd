"""Backstops: wide stops that rest at the venue and work without us (SEMANTICS 8).

One for each unpaired position of ours, and one for each leg that stands naked beyond its time-out: a
conditional reduce-only order that the venue releases at the *mark*, 4 % (pegged 150 bps) from entry. Only
where the venue can; who calls decides that.

How the desk calls it:

- `sync(wants, now, paused)` after every event: what should rest, by key. It places what is missing, replaces
  what has the wrong size, cancels what nobody wants any more. The new order is placed before the old one is
  canceled, so a position is never without: reduce-only orders are trimmed by the venue to what there is, and
  only such venues get any.
- `on_order(entry, now)` for every change of an order with a `trigger`.
- `adopt(entry, key)` for an order of ours that only the venue's read still knows.

A refusal is an alert and is tried again, ever later. An order that has filled at all has been released: it is
no backstop any more but a working order, and the local stop stands down for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from msgspec import Struct, field

from services.domain.enums import OrderState, Purpose, Side
from services.domain.instrument import Instrument
from services.domain.money import BPS, ONE, ZERO
from services.domain.orders import OrderRequest
from services.execution.actions import Action, Actions, Arm, CancelOrder, Escalate, Place
from services.execution.entries import OrderEntry
from services.execution.ids import IdCounter
from services.execution.stop_levels import backstop_level, tighter
from services.settings.parameters import Settings

_SECOND = 10**9
_BETWEEN = _SECOND
"""A size that changes fill by fill is followed once a second; what is missing altogether goes out at once."""
_LONGEST_WAIT = 60 * _SECOND
TIMER = "backstop"


class Want(Struct, frozen=True, kw_only=True):
    """Something that should have a backstop."""

    instrument: str
    size: Decimal
    """Signed, base units, on the lot grid."""
    entry: Decimal
    """Average entry price, > 0."""
    pair: str | None = None
    leg: int = 0

    @property
    def key(self) -> str:
        return self.instrument if self.pair is None else f"{self.instrument}|{self.pair}"


class Resting(Struct):
    """One order of a backstop that has not settled."""

    quantity: Decimal
    trigger: Decimal
    accepted: bool = False
    released: bool = False
    """At work: it has filled at least in part, or the venue's list says that it waits no more."""
    cancel_asked: bool = False


class Backstop(Struct):
    """What rests, or should, for one position or naked leg."""

    key: str
    instrument: str
    sign: int
    """+1 a long position, protected by a sell."""
    pair: str | None = None
    leg: int = 0
    level: Decimal = ZERO
    orders: dict[str, Resting] = field(default_factory=dict)
    """By client order id, oldest first; the newest is the one that is meant to stay."""
    failures: int = 0
    """Refusals in a row."""
    next_at: int = 0
    refusal: str = ""

    def wanted(self) -> list[str]:
        """Orders that nobody has asked the cancel of, oldest first."""
        return [name for name, resting in self.orders.items() if not resting.cancel_asked]


class BackstopState(Struct):
    stops: dict[str, Backstop] = field(default_factory=dict)
    armed: int | None = None
    """Due time of the timer, as last asked for."""


class BackstopBook:
    """See the module's docstring for the order of calls."""

    def __init__(
        self,
        settings: Settings,
        instruments: Mapping[str, Instrument],
        ids: IdCounter,
        state: BackstopState | None = None,
    ) -> None:
        self._settings = settings
        self._instruments = instruments
        self._ids = ids
        self.state = state if state is not None else BackstopState()

    # Asking.

    def level(self, key: str) -> Decimal | None:
        """The price at which an acknowledged order waits at the venue; None = nothing rests there."""
        stop = self.state.stops.get(key)
        if stop is None:
            return None
        found: Decimal | None = None
        for resting in stop.orders.values():
            if resting.accepted and not resting.cancel_asked and not resting.released:
                found = resting.trigger if found is None else tighter(stop.sign, found, resting.trigger)
        return found

    def waiting(self, client_order_id: str) -> bool:
        """Is it a backstop that the venue has not released yet?"""
        for stop in self.state.stops.values():
            resting = stop.orders.get(client_order_id)
            if resting is not None:
                return not resting.released
        return False

    def resting(self, client_order_id: str) -> bool:
        """Does it wait at the venue by the venue's own word, and is it meant to stay?"""
        for stop in self.state.stops.values():
            found = stop.orders.get(client_order_id)
            if found is not None:
                return found.accepted and not found.released and not found.cancel_asked
        return False

    def triggered(self, client_order_id: str) -> None:
        """The venue's list says that it no longer waits for its trigger."""
        for stop in self.state.stops.values():
            if client_order_id in stop.orders:
                stop.orders[client_order_id].released = True

    def released(self, instrument: str) -> bool:
        """Has a backstop on this instrument begun to fill, and not come to its end?"""
        return any(
            resting.released
            for stop in self.state.stops.values()
            if stop.instrument == instrument
            for resting in stop.orders.values()
        )

    def refusal(self, key: str) -> str:
        stop = self.state.stops.get(key)
        return stop.refusal if stop is not None else ""

    # Doing.

    def sync(self, wants: Mapping[str, Want], now: int, paused: Collection[str] = ()) -> Actions:
        """Bring what rests to what is wanted. `paused`: instruments on which nothing new is placed now."""
        out: list[Action] = []
        for key, stop in list(self.state.stops.items()):
            want = wants.get(key)
            if want is None or (want.size > ZERO) != (stop.sign > 0):
                self._drop(stop, out)
                if not stop.orders:
                    del self.state.stops[key]
        for key, want in wants.items():
            known = self.state.stops.get(key)
            if known is not None and (want.size > ZERO) != (known.sign > 0):
                continue  # turned over: the old side's order goes first
            self._one(known or self._new(key, want), want, now, want.instrument in paused, out)
        self._arm(now, out)
        return tuple(out)

    def on_order(self, entry: OrderEntry, now: int) -> Actions:
        """News of an order with a trigger. Never places anything: `sync` does, after the event."""
        for stop in self.state.stops.values():
            resting = stop.orders.get(entry.id)
            if resting is not None:
                return self._news(stop, resting, entry, now)
        return ()

    def adopt(self, want: Want, entry: OrderEntry, now: int) -> None:
        """An order of ours from before the last start, found by the venue's read."""
        stop = self.state.stops.get(want.key) or self._new(want.key, want)
        trigger = entry.request.trigger
        if entry.id not in stop.orders and trigger is not None:
            found = Resting(entry.request.quantity, trigger, accepted=True)
            stop.orders = {entry.id: found, **stop.orders}

    # Inside.

    def _new(self, key: str, want: Want) -> Backstop:
        sign = 1 if want.size > ZERO else -1
        stop = Backstop(key, want.instrument, sign, want.pair, want.leg)
        self.state.stops[key] = stop
        return stop

    def _one(self, stop: Backstop, want: Want, now: int, paused: bool, out: list[Action]) -> None:
        facts = self._instruments[want.instrument]
        level = backstop_level(facts, self._settings.stop, stop.sign, want.entry)
        # A larger position has a new entry; what rests is never loosened by it.
        stop.level = level if not stop.level else tighter(stop.sign, stop.level, level)
        quantity = abs(want.size)
        names = stop.wanted()
        if any(stop.orders[name].released or not stop.orders[name].accepted for name in names[-1:]):
            return  # it is at work, or not answered yet
        newest = stop.orders[names[-1]] if names else None
        if newest is not None and newest.quantity == quantity and newest.trigger == stop.level:
            for name in names[:-1]:
                self._cancel(stop, name, out)
        elif not paused and now >= stop.next_at:
            out.append(Place(self._order(stop, facts, quantity)))
            stop.next_at = now + _BETWEEN

    def _order(self, stop: Backstop, facts: Instrument, quantity: Decimal) -> OrderRequest:
        side = Side.SELL if stop.sign > 0 else Side.BUY
        widest = self._settings.exec.flatten_bands[-1] * BPS
        order = OrderRequest(
            client_order_id=self._ids.draw(Purpose.STOP, stop.leg, stop.failures % 1000, stop.pair),
            instrument=stop.instrument,
            side=side,
            quantity=quantity,
            price=facts.round_price(side, stop.level * (ONE + side.sign * widest)),
            reduce_only=True,
            trigger=stop.level,
            purpose=Purpose.STOP,
            origin="desk",
            pair=stop.pair,
            leg=stop.leg,
            reason=f"backstop at {stop.level}",
        )
        stop.orders[order.client_order_id] = Resting(quantity, stop.level)
        return order

    def _news(self, stop: Backstop, resting: Resting, entry: OrderEntry, now: int) -> Actions:
        if entry.filled > ZERO:
            resting.released = True
        if entry.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            if not resting.accepted:
                resting.accepted = True
                stop.failures, stop.refusal = 0, ""
            resting.cancel_asked = False  # asked and refused: asked again
        if not entry.settled:
            return ()
        del stop.orders[entry.id]
        if resting.released or resting.cancel_asked or entry.cancel_sent is not None:
            return ()
        # Refused, or gone without our asking: a lost one is placed again.
        stop.failures += 1
        stop.refusal = entry.text or entry.state.value
        stop.next_at = now + min(_SECOND * 2 ** min(stop.failures - 1, 6), _LONGEST_WAIT)
        text = f"{stop.instrument}: no backstop at the venue: {stop.refusal}"
        return (Escalate(stop.instrument, text, name="backstop"),)

    def _drop(self, stop: Backstop, out: list[Action]) -> None:
        """Nobody wants it any more; a later episode begins anew."""
        stop.level, stop.failures, stop.next_at, stop.refusal = ZERO, 0, 0, ""
        for client_order_id in stop.wanted():
            self._cancel(stop, client_order_id, out)

    def _cancel(self, stop: Backstop, client_order_id: str, out: list[Action]) -> None:
        stop.orders[client_order_id].cancel_asked = True
        out.append(CancelOrder(client_order_id))

    def _arm(self, now: int, out: list[Action]) -> None:
        """Come back for what waits, if nothing else happens before."""
        due = [stop.next_at for stop in self.state.stops.values() if stop.next_at > now]
        at = min(due) if due else None
        if at is not None and at != self.state.armed:
            self.state.armed = at
            out.append(Arm(TIMER, at))
