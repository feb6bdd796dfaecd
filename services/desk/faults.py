"""Faults of simulated venues and of the disk, set by command: told to whose they are, shown while they last.

Whoever looks at the desk must not take a made failure for a real one, so every fault that is set is an open
alert. They end with the engine: a start begins without any.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from services.desk.core import DeskCore
from services.domain.effects import SetFault
from services.domain.enums import FaultKind, Severity
from services.domain.money import ONE, ZERO

ALL_VENUES = "all"
DISK = "disk"
"""Stands where a venue's name would: the fault is the engine's own."""


class FaultRefused(Exception):
    """Not a fault that can be set; one line. `usage`: it was said wrongly."""

    def __init__(self, text: str, *, usage: bool) -> None:
        super().__init__(text)
        self.usage = usage


def set_fault(core: DeskCore, kind: str, venue: str, chance: str) -> tuple[str, ...]:
    """Set or end a fault; the names of all that are set now. Raises FaultRefused."""
    if core.settings.mode != "sim":
        raise FaultRefused(
            f"fault: only the simulator's venues misbehave on demand, this is {core.settings.mode}",
            usage=False,
        )
    if kind not in list(FaultKind):
        raise FaultRefused(f"fault {kind!r}: expected one of {', '.join(FaultKind)}", usage=True)
    if kind == FaultKind.SLOW_FSYNC:
        if venue not in (ALL_VENUES, DISK):
            raise FaultRefused(
                f"fault {kind}: the disk is no venue's; say {ALL_VENUES} or {DISK}", usage=True
            )
        _set(core, FaultKind(kind), DISK, _share(chance))
        return tuple(core.state.faults)
    known = core.settings.venues
    if venue != ALL_VENUES and venue not in known:
        raise FaultRefused(f"fault: no venue {venue!r}; there are {', '.join(known)}, or all", usage=True)
    share = _share(chance)
    for name in known if venue == ALL_VENUES else (venue,):
        _set(core, FaultKind(kind), name, share)
    return tuple(core.state.faults)


def forget(core: DeskCore) -> None:
    """At a start the exchange has no fault set, whatever was set before."""
    for name in list(core.state.faults):
        del core.state.faults[name]
        core.resolve(f"fault:{name}")


def _share(text: str) -> Decimal:
    try:
        share = Decimal(text)
    except InvalidOperation:
        share = Decimal("NaN")
    if not share.is_finite() or not ZERO <= share <= ONE:
        raise FaultRefused(f"fault: chance {text!r}: expected a number from 0 to 1; 0 ends it", usage=True)
    return share


def _set(core: DeskCore, kind: FaultKind, venue: str, chance: Decimal) -> None:
    name = f"{kind.value}@{venue}"
    core.emit(SetFault(kind=kind, venue=venue, chance=chance))
    if chance > ZERO:
        core.state.faults[name] = str(chance)
        core.alert(
            f"fault:{name}", Severity.WARNING, f"{_whose(venue)} is made to misbehave: {kind.value} {chance}"
        )
    elif core.state.faults.pop(name, None) is not None:
        core.resolve(f"fault:{name}")
    core.risk_event("fault", name, str(chance))


def _whose(venue: str) -> str:
    return "the engine's disk" if venue == DISK else venue
