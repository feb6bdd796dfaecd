"""What a breaker or a trip does to the desk: a latched cause, a self-clearing one, an alert (SEMANTICS 9)."""

from __future__ import annotations

from collections.abc import Iterable

from services.desk import gatekeeping
from services.desk.core import DeskCore
from services.domain.enums import Severity, TradingState
from services.risk.breaker import LOSSES, BreakerEvent
from services.risk.causes import ALL
from services.risk.trips import Trip

STALE = "stale data"


def breaker_events(core: DeskCore, events: Iterable[BreakerEvent]) -> None:
    """Trips latch (before any order leaves because of them); warnings and stale equity are alerts, causes."""
    for event in events:
        name = f"breaker {event.name}"
        match event.kind:
            case "trip" | "stale latch":
                core.raise_cause(
                    name,
                    ALL,
                    TradingState.HALTED,
                    event.text,
                    severity=Severity.ALARM,
                    latched=True,
                    conditional=True,
                )
            case "warn":
                core.alert(f"loss warning:{event.name}", Severity.WARNING, event.text)
            case "calm":
                core.resolve(f"loss warning:{event.name}")
            case "stale":
                core.raise_cause(STALE, ALL, TradingState.REDUCING, event.text)
            case "known":
                core.good_cause(STALE, ALL)
                core.good_cause(name, ALL)
    for loss in LOSSES:
        if core.alerts.is_open(f"loss warning:{loss}"):
            core.alerts.retell(f"loss warning:{loss}", core.breaker.told(loss))
    for cause in core.causes.causes():
        if cause.name.startswith("breaker ") and cause.scope == ALL:
            # While tripped a breaker says nothing more: whether its condition holds is asked each time.
            tripped = cause.name.removeprefix("breaker ")
            if tripped in LOSSES:
                now = core.breaker.present(tripped)
                core.alerts.retell(cause.name, f"{cause.text} at the trip; now {now}")
            if tripped in core.breaker.holding():
                core.bad_cause(cause.name, ALL)
            else:
                core.good_cause(cause.name, ALL)


def trip(core: DeskCore, found: Trip | None) -> None:
    """Losing streak, rejects, loop stall: an alarm is a latched cause of its scope, a warning an alert."""
    if found is None:
        return
    if found.severity is not Severity.ALARM:
        core.alert(f"{found.name}:{found.scope}", found.severity, found.text)
        return
    state = TradingState.HALTED if found.scope == ALL else TradingState.REDUCING
    core.raise_cause(found.name, found.scope, state, found.text, severity=Severity.ALARM, latched=True)
    strategy = gatekeeping.strategy_of(found.scope)
    if strategy is not None:
        core.causes.disable(found.scope, found.text)
