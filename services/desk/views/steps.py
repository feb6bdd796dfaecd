"""What needs the operator, in the order of what hurts first: doubt, naked, halted, reducing, open alarms."""

from __future__ import annotations

from services.alerts.rules import rule_for
from services.desk.controls import unproven
from services.desk.core import DeskCore, cause_key
from services.desk.views.figures import Figures
from services.desk.views.hedge import Naked
from services.domain.enums import Severity, TradingState
from services.domain.money import ZERO
from services.execution.pair_legs import excess

MOST = 6
AWAY = "is down; it is closed when that answers"


def next_steps(figures: Figures, found: Naked) -> tuple[str, ...]:
    """At most six instructions; empty = nothing to do."""
    core = figures.core
    steps: list[str] = []
    told: list[str] = []
    for run in core.flattens.running():
        steps.append(f"flatten {run.id} closes what is open: wait for its end")
    doubtful = core.orders.doubtful()
    if doubtful:
        where = ", ".join(dict.fromkeys(entry.request.instrument for entry in doubtful))
        count = f"{len(doubtful)} order{'' if len(doubtful) == 1 else 's'} in doubt on {where}"
        steps.append(f"{count}: wait for the probes; if they find nothing, reconcile")
        told += [f"in doubt:{entry.request.pair or entry.id}" for entry in doubtful]
    if found.notional is None and figures.opened:
        steps.append(f"{found.text}, worth unknown: {_way_out(core)}")
    elif found.notional is not None and found.notional != ZERO and not found.within:
        steps.append(f"{found.text}, {found.seconds:.0f} s: {_way_out(core)}")
        told += [cause_key("naked", f"pair:{pair.id}") for pair in core.pairs.live()]
    # A flatten before the halt that was pressed first: its resume would come before its second `F`.
    causes = sorted(core.causes.causes(), key=lambda cause: not unproven(core, cause))
    for state in (TradingState.HALTED, TradingState.REDUCING):
        for cause in causes:
            key = cause_key(cause.name, cause.scope)
            if cause.state is not state or not cause.latched or key in told:
                continue
            told.append(key)
            where = "" if cause.scope == "all" else f" ({cause.scope})"
            do = core.alerts.told(key)[1] or rule_for(key).do
            if cause.name == "in doubt" and not doubtful and found.notional == ZERO:
                do = ""  # it is over; only its latch stands
            steps.append(f"{cause.name}{where}: {do or 'R and a reason'}")
    for alert in core.alerts.open():
        if alert.severity is Severity.ALARM and alert.acked_ts is None and alert.key not in told:
            steps.append(f"{alert.text}: {alert.do}" if alert.do else alert.text)
    return tuple(dict.fromkeys(steps))[:MOST]


def _way_out(core: DeskCore) -> str:
    """Of what stands alone. Where nothing of it can be reached, F closes nothing either."""
    venues = {
        core.instruments[pair.leg(heavy).instrument].venue
        for pair in core.pairs.live()
        if pair.naked.since is not None and (heavy := excess(pair)[0])
    }
    down = [venue for venue in venues if not core.picture.connected(venue, core.now)]
    if not venues or len(down) < len(venues):
        return "F closes it"
    when = "is refused; it is closed once that is set right" if all(map(core.barred, down)) else AWAY
    return f"{', '.join(sorted(down))} {when}, or at its own site"
