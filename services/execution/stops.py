"""Local stops of unpaired positions (SEMANTICS 8). Pair legs have none: the pair stop applies.

How the desk calls it:

- `on_position(instrument, size, entry, mark, now)` whenever the *unpaired* size of an instrument changes;
  size 0 or a flip drops the episode's stop. `entry`: its average entry.
- `on_mark(instrument, mark, now, prices)` at every *fresh* mark of an instrument that has a stop; a crossed
  level returns `Place` (purpose STOP, reducing). A stale mark is not handed in: a stop never fires on it.
- `on_order(entry, now, prices)` for orders of purpose STOP, `on_timer(instrument, now, prices)` for timers
  `stop:INSTRUMENT`: a stop that triggers and does not fill widens its band and escalates.
- `stand_down(instrument, released)`: a backstop of the venue has been released and is at work; the local
  stop sends nothing beside it, and goes on when it has ended.
- `on_naked(pair, …)` for a leg naked beyond its time-out, `naked_crossed(pair, mark, now)` at its marks.
  Its orders are the pair machine's: a stop of one leg acts on the whole pair. `hedged(pair)` drops it.
- After a restart the state is the checkpoint's. Without one, pass `best` from the store to `on_position`; it
  falls back to the present mark, and the level is never looser than the initial one.

Levels are exact figures, compared with the mark: only what rests at the venue is rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct, field

from services.domain.enums import OrderType, Purpose, Side, TimeInForce
from services.domain.instrument import Instrument
from services.domain.money import ONE, ZERO
from services.domain.orders import OrderRequest
from services.execution.actions import Action, Actions, Arm, Disarm, Escalate, Place
from services.execution.entries import OrderEntry
from services.execution.ids import IdCounter
from services.execution.pricing import Prices, band_limit, last_resort
from services.execution.stop_levels import StopRule, initial_level, rule_for, tighter
from services.settings.parameters import Settings

__all__ = ["Stop", "StopBook", "StopBookState", "crossed", "follow", "initial_level", "rule_for"]

_MILLISECOND = 10**6
_LONGEST_DOUBLING = 5


class Stop(Struct):
    """The stop of one position episode."""

    instrument: str
    sign: int
    """+1 long, -1 short."""
    size: Decimal
    """Magnitude."""
    entry: Decimal
    """Average entry price."""
    level: Decimal
    best: Decimal
    """The most favourable mark since the episode began."""
    trailing: bool = False
    triggered: int | None = None
    attempt: int = 0
    """Orders sent since it triggered."""
    next_at: int = 0
    order: str = ""
    """The stop order that has not settled yet."""
    escalated: bool = False
    yields: bool = False
    """A backstop is at work at the venue: nothing is sent beside it."""


class StopBookState(Struct):
    stops: dict[str, Stop] = field(default_factory=dict)
    naked: dict[str, Stop] = field(default_factory=dict)
    """By pair: of the leg that stands naked beyond its time-out."""


def follow(stop: Stop, rule: StopRule, mark: Decimal) -> None:
    """Take a mark into account: best, activation, and the ratchet. The level never loosens."""
    stop.best = tighter(stop.sign, stop.best, mark)
    if (stop.best - stop.entry) * stop.sign >= stop.entry * rule.activation:
        stop.trailing = True
    if stop.trailing:
        stop.level = tighter(stop.sign, stop.level, stop.best * (ONE - stop.sign * rule.trail))


def crossed(stop: Stop, mark: Decimal) -> bool:
    """Limits are reached at the level."""
    return (mark - stop.level) * stop.sign <= ZERO


class StopBook:
    """One stop an instrument; see the module's docstring for the order of calls."""

    def __init__(
        self,
        settings: Settings,
        instruments: Mapping[str, Instrument],
        ids: IdCounter,
        state: StopBookState | None = None,
    ) -> None:
        self._settings = settings
        self._instruments = instruments
        self._ids = ids
        self.state = state if state is not None else StopBookState()

    def get(self, instrument: str) -> Stop | None:
        return self.state.stops.get(instrument)

    def of_leg(self, pair: str, instrument: str) -> Stop | None:
        """The stop of this pair's naked leg, if it is this one."""
        stop = self.state.naked.get(pair)
        return stop if stop is not None and stop.instrument == instrument else None

    def on_position(
        self,
        instrument: str,
        size: Decimal,
        entry: Decimal | None,
        mark: Decimal | None,
        now: int,
        best: Decimal | None = None,
    ) -> Actions:
        """Signed unpaired size and its average entry. Adding recomputes the initial level, never loosens."""
        old = self.state.stops.get(instrument)
        sign = 1 if size > ZERO else -1
        actions: list[Action] = []
        if old is not None and (size == ZERO or old.sign != sign):
            del self.state.stops[instrument]
            if old.triggered is not None:
                actions.append(Disarm(_timer(instrument)))
            old = None
        if size == ZERO or instrument not in self._instruments:
            return tuple(actions)
        if old is not None and (entry is None or entry <= ZERO):
            self._resize(old, size, now, actions)  # its level stands, for all of what is there now
            return tuple(actions)
        if entry is None or entry <= ZERO:
            text = f"{instrument}: no local stop, the entry price is not known"
            actions.append(Escalate(instrument, text, name="no stop"))
            return tuple(actions)
        rule = rule_for(self._instruments[instrument], self._settings.stop)
        first = initial_level(rule, sign, entry)
        if old is None:
            start = best if best is not None else mark
            stop = Stop(instrument, sign, abs(size), entry, first, entry)
            if start is not None and start > ZERO:
                follow(stop, rule, start)
            self.state.stops[instrument] = stop
        else:
            added = abs(size) > old.size
            old.entry = entry
            if added:
                old.level = tighter(sign, old.level, first)
            self._resize(old, size, now, actions)
        return tuple(actions)

    def on_mark(self, instrument: str, mark: Decimal, now: int, prices: Prices) -> Actions:
        stop = self.state.stops.get(instrument)
        if stop is None or mark <= ZERO:
            return ()
        if stop.triggered is None:
            follow(stop, rule_for(self._instruments[instrument], self._settings.stop), mark)
            if not crossed(stop, mark):
                return ()
            stop.triggered = now
            stop.next_at = now
        return self._fire(stop, now, prices)

    def on_order(self, entry: OrderEntry, now: int, prices: Prices) -> Actions:
        """News of a stop order. Fills shrink the position; `on_position` must be told first."""
        stop = self.state.stops.get(entry.request.instrument)
        if stop is None or entry.request.purpose is not Purpose.STOP or entry.id != stop.order:
            return ()
        if not entry.settled:
            return ()
        stop.order = ""
        return self._fire(stop, now, prices)

    def on_timer(self, instrument: str, now: int, prices: Prices) -> Actions:
        stop = self.state.stops.get(instrument)
        return () if stop is None or stop.triggered is None else self._fire(stop, now, prices)

    def stand_down(self, instrument: str, released: bool, now: int, prices: Prices) -> Actions:
        """`released`: a backstop on this instrument is at work. Its end lets a triggered stop go on."""
        stop = self.state.stops.get(instrument)
        if stop is None or stop.yields == released:
            return ()
        stop.yields = released
        return () if released or stop.triggered is None else self._fire(stop, now, prices)

    def on_naked(
        self, pair: str, instrument: str, size: Decimal, entry: Decimal, mark: Decimal | None
    ) -> None:
        """A leg stands naked beyond its time-out. `size` signed; its level is not loosened meanwhile."""
        sign = 1 if size > ZERO else -1
        old = self.of_leg(pair, instrument)
        if old is not None and old.sign == sign:
            old.size = abs(size)
            return
        rule = rule_for(self._instruments[instrument], self._settings.stop)
        stop = Stop(instrument, sign, abs(size), entry, initial_level(rule, sign, entry), entry)
        if mark is not None and mark > ZERO:
            follow(stop, rule, mark)
        self.state.naked[pair] = stop

    def hedged(self, pair: str) -> None:
        self.state.naked.pop(pair, None)

    def naked_crossed(self, pair: str, mark: Decimal, now: int) -> bool:
        """A fresh mark of a naked leg: has its level been crossed, just now?"""
        stop = self.state.naked.get(pair)
        if stop is None or mark <= ZERO or stop.triggered is not None:
            return False
        follow(stop, rule_for(self._instruments[stop.instrument], self._settings.stop), mark)
        if not crossed(stop, mark):
            return False
        stop.triggered = now
        return True

    def _resize(self, stop: Stop, size: Decimal, now: int, actions: list[Action]) -> None:
        """A triggered stop that had nothing but dust left wakes for what is added, also without a mark."""
        grows = abs(size) > stop.size
        stop.size = abs(size)
        if grows and stop.triggered is not None and not stop.order and not stop.yields:
            actions.append(Arm(_timer(stop.instrument), max(stop.next_at, now)))

    def _fire(self, stop: Stop, now: int, prices: Prices) -> Actions:
        """The next reducing order of a triggered stop, one at a time, each band wider than the last."""
        if stop.order or stop.yields:
            return ()
        if now < stop.next_at:
            return (Arm(_timer(stop.instrument), stop.next_at),)
        facts = self._instruments[stop.instrument]
        quantity = facts.round_size(stop.size)
        if quantity <= ZERO or quantity < facts.min_size:
            return ()  # dust: listed by the desk, not retried
        bands = self._settings.exec.flatten_bands
        over = min(max(stop.attempt + 1 - len(bands), 0), _LONGEST_DOUBLING)
        stop.next_at = now + self._settings.exec.band_dwell_ms * _MILLISECOND * 2**over
        arm = Arm(_timer(stop.instrument), stop.next_at)
        out: list[Action] = []
        if stop.attempt >= len(bands) and not stop.escalated:
            stop.escalated = True
            text = f"{stop.instrument}: the stop has triggered and does not fill"
            out.append(Escalate(stop.instrument, text, reducing=True, name="stop"))
        mid = prices.mid(stop.instrument)
        base = mid if mid is not None else prices.last(stop.instrument)
        if base is None:
            out.append(arm)
            return tuple(out)
        side = Side.SELL if stop.sign > 0 else Side.BUY
        bps = bands[min(stop.attempt, len(bands) - 1)]
        stop.attempt += 1
        market = last_resort(self._settings, stop.attempt, len(bands))
        order = OrderRequest(
            client_order_id=self._ids.draw(Purpose.STOP, 0, stop.attempt),
            instrument=stop.instrument,
            side=side,
            quantity=facts.one_order(quantity),
            price=None if market else band_limit(facts, side, base, bps),
            type=OrderType.MARKET if market else OrderType.LIMIT,
            tif=TimeInForce.IOC,
            reduce_only=True,
            purpose=Purpose.STOP,
            origin="desk",
            attempt=stop.attempt,
            decided_mid=mid,
            reason=f"stop at {stop.level}",
        )
        stop.order = order.client_order_id
        out.extend((Place(order), arm))
        return tuple(out)


def _timer(instrument: str) -> str:
    return f"stop:{instrument}"
