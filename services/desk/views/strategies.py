"""Each strategy of the profile in one word, with its last decision and why."""

from __future__ import annotations

from services.desk.core import DeskCore
from services.desk.state import StrategySlot
from services.views.status import StrategyStatus

OFF = "off"


def strategy_views(core: DeskCore) -> tuple[StrategyStatus, ...]:
    """In the profile's order; one that has never been called has made no decision."""
    return tuple(
        StrategyStatus(
            name=name,
            kind=settings.kind,
            state=_state(core, name, settings.enabled, core.state.strategies.get(name)),
            last_decision=_slot(core, name).last_ts,
            reason=_slot(core, name).last_reason,
        )
        for name, settings in core.settings.strategies.items()
    )


def _slot(core: DeskCore, name: str) -> StrategySlot:
    return core.state.strategies.get(name) or StrategySlot(kind="")


def _state(core: DeskCore, name: str, enabled: bool, slot: StrategySlot | None) -> str:
    """What the strategy may do by itself; the trading state above it is told elsewhere."""
    if not enabled or slot is None:
        return OFF
    if slot.dropped:
        return f"dropped: {slot.dropped}"
    if slot.stopped:
        return f"stopped: {slot.stopped}"
    disabled = core.causes.disabled().get(f"strategy:{name}", "")
    if disabled:
        return f"disabled: {disabled}"
    return "paused" if slot.paused else "running"
