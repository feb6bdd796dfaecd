"""Each strategy of the profile in one word, with its last decision and why."""

from __future__ import annotations

from decimal import Decimal, localcontext

from services.desk.core import DeskCore
from services.desk.state import StrategySlot
from services.desk.strategy import OFF
from services.desk.views.cache import ViewCache
from services.desk.views.figures import figures_of
from services.desk.views.pairs import pair_views
from services.desk.views.strip import stale_venues
from services.domain.enums import PairState
from services.domain.money import DESK_CONTEXT, ONE, ZERO
from services.execution.measured import FillStats, p90
from services.settings.catalog import catalog
from services.views.status import FillStatus, StrategyStatus
from services.views.strategies import ParameterView, StrategiesView, StrategyView

_SHARE = Decimal("0.0001")
_BPS = Decimal("0.01")


def strategies_view(core: DeskCore, cache: ViewCache | None = None) -> StrategiesView:
    """The Strategies screen. Settings change by overrides alone: only then is their list made anew."""
    with localcontext(DESK_CONTEXT):
        kept = cache if cache is not None else ViewCache()
        token = tuple(core.state.overrides.items())
        found = kept.get("parameters", token, lambda: _parameters(core))
        pairs = pair_views(core, stale_venues(figures_of(core, cache)))
        return StrategiesView(
            ts=core.now,
            strategies=tuple(
                StrategyView(
                    status=status,
                    parameters=found.get(status.name, ()),
                    pairs=sum(1 for pair in pairs if pair.strategy == status.name),
                )
                for status in strategy_views(core)
            ),
            pairs=pairs,
        )


def _parameters(core: DeskCore) -> dict[str, tuple[ParameterView, ...]]:
    before = {entry.key: entry.value for entry in catalog(core.base_settings)}
    found: dict[str, list[ParameterView]] = {}
    for entry in catalog(core.settings):
        name = entry.key.partition(".")[0]
        if name in core.settings.strategies:
            found.setdefault(name, []).append(
                ParameterView(
                    key=entry.key,
                    value=entry.value,
                    before=before.get(entry.key, entry.value),
                    default=entry.default,
                    unit=entry.unit,
                    doc=entry.doc,
                    overridden=entry.key in core.state.overrides and entry.key not in core.settings.pinned,
                    limit=entry.limit,
                )
            )
    return {name: tuple(rows) for name, rows in found.items()}


def strategy_views(core: DeskCore) -> tuple[StrategyStatus, ...]:
    """In the profile's order; one that has never been called has made no decision."""
    return tuple(
        StrategyStatus(
            name=name,
            kind=settings.kind,
            state=_state(core, name, settings.enabled, core.state.strategies.get(name)),
            last_decision=_slot(core, name).last_ts,
            reason=_reason(core, _slot(core, name).last_reason),
            fills=_fills(core.state.measured.get(name, FillStats())),
        )
        for name, settings in core.settings.strategies.items()
    )


def _reason(core: DeskCore, said: str) -> str:
    """A strategy that holds a pair decides every few seconds to hold it, and says nothing: its last word,
    beside the age of its last decision, would read as if it opened the pair just now."""
    for pair in core.pairs.live():
        if pair.state is PairState.HEDGED and said.startswith(opened := f"open {pair.id}: "):
            return f"holds {pair.id}, opened on {said.removeprefix(opened)}"
    return said


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
