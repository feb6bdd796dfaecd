"""A refusal is a value: journaled with all failing checks, counted, shown (SEMANTICS 3)."""

from __future__ import annotations

from services.desk.core import DAY, DeskCore
from services.desk.state import DeniedNote
from services.risk.context import GateAnswer

DENIED_KEPT = 50


def note(
    core: DeskCore, subject: str, text: str, origin: str, answer: GateAnswer | None = None, link: str = ""
) -> None:
    """`link`: whose it is."""
    figures: dict[str, object] = {"order": link} if link else {}
    for check in answer.failed if answer is not None else ():
        figures[f"{check.name} {check.subject}".strip()] = check.value
    core.decide("denied", subject, text, figures)
    core.risk_event("denied", subject, text)
    counters = core.state.counters
    day = core.now // DAY
    if counters.denied_day != day:
        counters.denied_day, counters.denied_today = day, 0
    counters.denied_today += 1
    core.state.denied.append(DeniedNote(core.now, f"{subject}: {text}", origin))
    del core.state.denied[:-DENIED_KEPT]
