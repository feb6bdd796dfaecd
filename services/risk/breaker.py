"""Circuit breaker on the unit value: daily, rolling 24 h and drawdown, each with its own state (SEMANTICS 9).

It is fed the net asset value per unit (transfers issue or redeem units, so they neither trip nor mask) and
answers with events; latching, the latch file and the cancels are the desk's. A low reading counts at once, a
high one only when it was held (the least of at least three samples over 60 s). Unknown is never calm: with
fresh data it trips after its grace, with stale data it is REDUCING and latches after `stale_escalate_min`
with anything open. Nothing here un-trips: `release` and `rebase` are called by `resume` alone.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from services.domain.money import ONE, ZERO
from services.settings.parameters import Breaker as BreakerParams

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
BUCKET = 300 * SECOND
"""Grid on which the rolling window keeps one value each."""

DAILY, ROLLING, DRAWDOWN, UNKNOWN = "daily", "rolling", "drawdown", "unknown equity"
LOSSES = (DAILY, ROLLING, DRAWDOWN)


class BreakerEvent(Struct, frozen=True, kw_only=True):
    kind: str
    """`warn`, `calm` (back under the warning), `trip`, `stale` (self-clearing REDUCING), `stale latch`,
    `known` (equity is known again)."""
    name: str
    """`daily`, `rolling`, `drawdown`, `unknown equity`."""
    value: Decimal | None = None
    """The loss, as a fraction."""
    limit: Decimal | None = None
    text: str


class Sample(Struct, frozen=True, array_like=True):
    ts: int
    value: Decimal


class BreakerState(Struct):
    """Daily start and peak are separate figures with separate reset rules; all of it persists."""

    day: int | None = None
    """UTC day number of `day_start`."""
    day_start: Decimal | None = None
    last: Sample | None = None
    """The last complete unit value, with its time."""
    peak: Decimal | None = None
    peak_held: bool = False
    """False until the first peak was held; before that it follows the least value seen."""
    recent: list[Sample] = field(default_factory=list)
    """The newest samples: at least `peak_samples` over `peak_window_s`."""
    window: list[Sample] = field(default_factory=list)
    """Held values of the last 24 h and one before it, oldest first, one a bucket."""
    losses: dict[str, Decimal] = field(default_factory=dict)
    warned: dict[str, int] = field(default_factory=dict)
    """How many warning levels are passed now."""
    tripped: dict[str, str] = field(default_factory=dict)
    """Name -> why, until released."""
    overridden: dict[str, Decimal] = field(default_factory=dict)
    """Name -> the loss at which it was overridden while it held."""
    unknown_since: int | None = None
    stale_since: int | None = None
    stale_latched: bool = False
    restarted: bool = False
    """No value has been known since the last start of the engine."""
    accepted: str = ""
    """`stale` or `fresh`: why equity was unknown when a person resumed over that; until it is known again."""


class Breaker:
    """One breaker over the whole desk's unit value."""

    def __init__(
        self,
        params: BreakerParams,
        stale_escalate_min: int,
        state: BreakerState | None = None,
        *,
        sample_gap_ns: int = BUCKET,
    ) -> None:
        """`sample_gap_ns`: samples further apart than this mean the desk was away (history runs: 2 steps)."""
        self.params = params
        self.stale_escalate_ns = stale_escalate_min * 60 * SECOND
        self.sample_gap_ns = sample_gap_ns
        self.state = state if state is not None else BreakerState()

    def on_equity(
        self, unit_value: Decimal | None, *, stale: bool, anything_open: bool, now: int
    ) -> tuple[BreakerEvent, ...]:
        """One evaluation. `stale`: the value is None *because* data are stale."""
        if unit_value is None or not unit_value.is_finite():
            return self._unknown(stale and unit_value is None, anything_open, now)
        events = self._known_again()
        if unit_value <= ZERO:
            self.state.last = Sample(now, unit_value)
            return (*events, *self._trip(UNKNOWN, None, None, f"unit value {unit_value} is not above zero"))
        self._roll_day(unit_value, now)
        self._remember(unit_value, now)
        for name, base in (
            (DAILY, self.state.day_start),
            (ROLLING, self._rolling_base()),
            (DRAWDOWN, self.state.peak),
        ):
            events += self._judge(name, base, unit_value)
        self.state.last = Sample(now, unit_value)
        self.state.restarted = False
        return events

    def restarted(self) -> None:
        """The engine has just started: its first value is no day's start, however short it was away."""
        self.state.restarted = True

    def loss(self, name: str) -> Decimal | None:
        """The present loss as a fraction (never below 0); None = unknown."""
        if self.state.unknown_since is not None or self.state.stale_since is not None:
            return None
        return self.state.losses.get(name)

    def present(self, name: str) -> str:
        return _figure(self.loss(name))

    def told(self, name: str) -> str:
        """The present loss against its limit, in a line."""
        return _told(name, self.loss(name), self.limit(name))

    def limit(self, name: str) -> Decimal:
        p = self.params
        return {DAILY: p.daily, ROLLING: p.rolling, DRAWDOWN: p.drawdown}[name]

    def trips_at(self, name: str) -> Decimal:
        """The loss that trips it now: its limit, or half a limit above what a person has accepted."""
        accepted = self.state.overridden.get(name)
        return self.limit(name) if accepted is None else accepted + self.limit(name) / 2

    def overridden(self) -> tuple[str, ...]:
        """Breakers that let more pass than their limit, because a person has said so."""
        held = tuple(name for name in LOSSES if name in self.state.overridden)
        return (*held, UNKNOWN) if self.state.accepted else held

    def holding(self) -> tuple[str, ...]:
        """Breakers whose condition holds now: what `resume` refuses unless overridden or re-based."""
        held = [name for name in LOSSES if self.state.losses.get(name, ZERO) >= self.limit(name)]
        last = self.state.last
        gone = last is not None and last.value <= ZERO
        if gone or self.state.unknown_since is not None or self.state.stale_since is not None:
            held.append(UNKNOWN)
        return tuple(held)

    def release(self) -> None:
        """`resume` has cleared the causes: armed again, figures stay. What still holds was overridden by
        name: it trips again when its loss has grown by half a limit more, or after it has once been under;
        unknown equity after it has once been known, or when stale data do not explain it any more."""
        if UNKNOWN in self.state.tripped or self.state.stale_latched:
            blind = self.state.unknown_since is not None
            self.state.accepted = "fresh" if blind else "stale" if self.state.stale_since is not None else ""
        for name in LOSSES:
            loss = self.state.losses.get(name, ZERO)
            if name in self.state.tripped and loss >= self.limit(name):
                self.state.overridden[name] = loss
        self.state.tripped.clear()
        self.state.stale_latched = False

    def rebase(self, which: str) -> bool:
        """`--rebase drawdown|daily`: measure from the last known value on. The other one is left alone.
        Daily takes the rolling window with it (the same loss over another day). False = nothing known."""
        last = self.state.last
        if last is None or last.value <= ZERO:
            return False
        if which == DRAWDOWN:
            self.state.peak, self.state.peak_held = last.value, True
            self.state.recent = [last]
            self._forget(DRAWDOWN)
            return True
        if which == DAILY:
            self.state.day_start = last.value
            self.state.window = [last]
            self._forget(DAILY)
            self._forget(ROLLING)
            return True
        raise ValueError(f"rebase {which!r}: expected drawdown or daily")

    def action(self, loss: Decimal | None, currency_loss: Decimal | None) -> str:
        """`halt`, or `flatten` where configured, but never when more than half of the loss is currency
        revaluation, or when that cannot be told: a depeg must not be sold at its low."""
        if not self.params.flatten or loss is None or currency_loss is None:
            return "halt"
        if not loss.is_finite() or not currency_loss.is_finite() or loss <= ZERO:
            return "halt"
        return "halt" if currency_loss * 2 > loss else "flatten"

    def _forget(self, name: str) -> None:
        """Measured anew: no loss, no override."""
        self.state.losses[name] = ZERO
        self.state.overridden.pop(name, None)

    # -- inside ------------------------------------------------------------------------------------------

    def _roll_day(self, value: Decimal, now: int) -> None:
        """First complete value after 00:00 UTC; after an absence the last one persisted before it, never the
        first after a restart."""
        state = self.state
        day = now // DAY
        if state.day == day and state.day_start is not None:
            return
        last = state.last
        away = last is not None and (state.restarted or now - last.ts > self.sample_gap_ns)
        if last is not None and last.ts // DAY < day and last.value > ZERO and away:
            state.day_start = last.value
        else:
            state.day_start = value
        state.day = day

    def _remember(self, value: Decimal, now: int) -> None:
        """Peak and window move by the held value: the least of the newest samples over the peak window."""
        state, params = self.state, self.params
        state.recent.append(Sample(now, value))
        span = params.peak_window_s * SECOND
        while len(state.recent) > params.peak_samples and now - state.recent[1].ts >= span:
            del state.recent[0]
        held = min([sample.value for sample in state.recent])
        confirmed = len(state.recent) >= params.peak_samples and now - state.recent[0].ts >= span
        if not state.peak_held or state.peak is None:
            state.peak, state.peak_held = held, confirmed
        elif confirmed and held > state.peak:
            state.peak = held
        if not state.window or now - state.window[-1].ts >= BUCKET:
            state.window.append(Sample(now, held))
        while len(state.window) > 1 and state.window[1].ts <= now - DAY:
            del state.window[0]

    def _rolling_base(self) -> Decimal | None:
        """The value held 24 h ago (the last one not younger, else the oldest known)."""
        return self.state.window[0].value if self.state.window else None

    def _judge(self, name: str, base: Decimal | None, value: Decimal) -> tuple[BreakerEvent, ...]:
        if base is None or base <= ZERO:
            return ()
        state, limit = self.state, self.limit(name)
        loss = max(ZERO, ONE - value / base)
        state.losses[name] = loss
        if loss < limit:
            state.overridden.pop(name, None)
        if limit <= loss < self.trips_at(name):
            return ()
        if loss >= limit:
            state.overridden.pop(name, None)
            state.warned[name] = len(self.params.warn_levels)
            return self._trip(name, loss, limit, _told(name, loss, limit))
        passed = sum(1 for level in self.params.warn_levels if loss >= level * limit)
        before = state.warned.get(name, 0)
        state.warned[name] = passed
        if passed > before:
            kind = "warn"
        elif before and not passed:
            kind = "calm"
        else:
            return ()
        return (BreakerEvent(kind=kind, name=name, value=loss, limit=limit, text=_told(name, loss, limit)),)

    def _trip(
        self, name: str, value: Decimal | None, limit: Decimal | None, text: str
    ) -> tuple[BreakerEvent, ...]:
        """Once; while tripped nothing is said again."""
        if name in self.state.tripped:
            return ()
        self.state.tripped[name] = text
        return (BreakerEvent(kind="trip", name=name, value=value, limit=limit, text=text),)

    def _known_again(self) -> tuple[BreakerEvent, ...]:
        state = self.state
        if state.unknown_since is None and state.stale_since is None:
            return ()
        state.unknown_since = state.stale_since = None
        state.accepted = ""
        return (BreakerEvent(kind="known", name=UNKNOWN, text="equity is known again"),)

    def _unknown(self, stale: bool, anything_open: bool, now: int) -> tuple[BreakerEvent, ...]:
        """What is now stale and now unknown for another reason is unknown all the while: only a known value
        starts the quarter of an hour anew."""
        state = self.state
        events: tuple[BreakerEvent, ...] = ()
        if not stale:
            if state.unknown_since is None:
                state.unknown_since = now
            long = now - state.unknown_since >= self.params.unknown_grace_s * SECOND
            if long and state.accepted != "fresh":
                events = self._trip(UNKNOWN, None, None, "equity unknown with fresh data")
            if state.stale_since is None:
                return events
        else:
            state.unknown_since = None
        if state.stale_since is None:
            state.stale_since = now
            events = (BreakerEvent(kind="stale", name=UNKNOWN, text="equity unknown: data are stale"),)
        long = now - state.stale_since >= self.stale_escalate_ns
        if long and anything_open and not state.stale_latched and not state.accepted:
            state.stale_latched = True
            minutes = self.stale_escalate_ns // (60 * SECOND)
            text = f"equity unknown for {minutes} min with positions open: data are stale"
            events += (BreakerEvent(kind="stale latch", name=UNKNOWN, text=text),)
        return events


def _told(name: str, loss: Decimal | None, limit: Decimal) -> str:
    return f"{name} loss {_figure(loss)} of {limit:.2%}"


def _figure(loss: Decimal | None) -> str:
    return "unknown" if loss is None else f"{loss:.2%}"
