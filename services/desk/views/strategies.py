"""Each strategy of the profile in one word, with its last decision and why."""

from __future__ import annotations

from decimal import Decimal

from services.desk.core import DeskCore
from services.desk.state import StrategySlot
from services.domain.money import ONE, ZERO
from services.execution.measured import FillStats, p90
from services.views.status import FillStatus, StrategyStatus

OFF = "off"
_SHARE = Decimal("0.0001")
_BPS = Decimal("0.01")


def strategy_views(core: DeskCore) -> tuple[StrategyStatus, ...]:
    """In the profile's order; one that has never been called has made no decision."""
    return tuple(
        StrategyStatus(
            name=name,
            kind=settings.kind,
            state=_state(core, name, settings.enabled, core.state.strategies.get(name)),
            last_decision=_slot(core, name).last_ts,
            reason=_slot(core, name).last_reason,
            fills=_fills(core.state.measured.get(name, FillStats())),
        )
        for name, settings in core.settings.strategies.items()
    )


def _fills(stats: FillStats) -> FillStatus:
    asked = stats.entry.asked + stats.exit.asked
    rested = min((stats.entry.filled + stats.exit.filled) / asked, ONE) if asked > ZERO else None
    return FillStatus(
        attempts=stats.entry.attempts + stats.exit.attempts,
        requotes=stats.entry.requotes + stats.exit.requotes,
        rested=_rounded(rested, _SHARE),
        maker_bps=_rounded(stats.maker.bps, _BPS),
        taker_bps=_rounded(stats.taker.bps, _BPS),
        taker_p90_bps=p90(stats),
    )


def _rounded(value: Decimal | None, step: Decimal) -> Decimal | None:
    return None if value is None else value.quantize(step)


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
