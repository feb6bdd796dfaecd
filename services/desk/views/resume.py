"""A resume's preview: the question that `resume` itself asks of the causes, and clears nothing."""

from __future__ import annotations

from services.desk import controls
from services.desk.core import DeskCore
from services.domain.enums import TradingState
from services.risk.causes import Cause, worse
from services.views.resume import ResumeCauseView, ResumeView

CLEARS, HOLDS, STAYS = "clears", "holds", "stays"


def preview_resume(core: DeskCore, args: dict[str, str]) -> ResumeView:
    """As if a reason were given: that it is missing is seen without an engine."""
    override, rebase = controls.switches(args)
    error, named = controls.named_by(core, override, rebase)
    errors = [error] if error else list(core.causes.unknown(named))
    if core.flattens.running():
        errors.append("a flatten is still running: wait for its end")
    after = TradingState.ACTIVE
    rows = []
    for cause in core.causes.causes():
        does = _does(cause, named)
        if does == STAYS:
            after = worse(after, cause.state)
        rows.append(
            ResumeCauseView(
                name=cause.name,
                scope=cause.scope,
                text=core.told(cause),
                since=cause.since,
                does=does,
                rebase=controls.rebase_of(cause.name),
            )
        )
    return ResumeView(
        ts=core.now,
        trading_state=core.causes.worst(),
        causes=tuple(rows),
        errors=tuple(errors),
        after=after,
    )


def _does(cause: Cause, named: tuple[str, ...]) -> str:
    if not cause.latched:
        return STAYS
    return HOLDS if cause.conditional and cause.holds and cause.name not in named else CLEARS
