"""What the gate may take for proven of our positions just after a start."""

from __future__ import annotations

from services.desk.core import SECOND, UNREAD, DeskCore
from services.domain.money import ZERO


def unproven(core: DeskCore, instrument: str) -> dict[str, str]:
    """After a start, until its venue has been read (its settling time at most): an instrument that several
    parts of ours share. A protective order that was lost with the engine may have taken one of them already,
    and sent again it would take another's: the venue's reduce-only flag sees their sum alone."""
    spec = core.instruments.get(instrument)
    settling = core.settings.exec.in_doubt_settling_s * SECOND
    if spec is None or not spec.is_perp or core.now - core.state.started >= settling:
        return {}
    unread = [cause.scope for cause in core.causes.causes() if cause.name == UNREAD and cause.holds]
    if f"venue:{spec.venue}" not in unread:
        return {}
    legs = [leg for pair in core.pairs.live() for leg in pair.legs if leg.instrument == instrument]
    parts = sum(leg.size > ZERO for leg in legs) + (instrument in core.state.unpaired)
    if parts < 2:
        return {}
    return {instrument: f"{spec.venue} has not been read since the start, and {instrument} is shared"}
