"""What the gate may take for proven of our positions just after a start."""

from __future__ import annotations

from services.desk.core import SECOND, UNREAD, DeskCore
from services.domain.money import ZERO

PATIENCE_S = 2
"""So long after a start a pair's leg waits for the read of its venue, like the pair's timers."""


def unproven(core: DeskCore, instrument: str) -> dict[str, str]:
    """After a start, until its venue has been read (its settling time at most): an instrument that several
    parts of ours share. A protective order that was lost with the engine may have taken one of them already,
    and sent again it would take another's: the venue's reduce-only flag sees their sum alone. For two seconds
    any leg: what the other venue's read shows of a lost slice may have been matched here already."""
    spec = core.instruments.get(instrument)
    since = core.now - core.state.started
    settling = core.settings.exec.in_doubt_settling_s * SECOND
    if spec is None or not spec.is_perp or since >= settling:
        return {}
    unread = [cause.scope for cause in core.causes.causes() if cause.name == UNREAD and cause.holds]
    if f"venue:{spec.venue}" not in unread:
        return {}
    legs = [leg for pair in core.pairs.live() for leg in pair.legs if leg.instrument == instrument]
    paired = sum(leg.size > ZERO for leg in legs)
    unread_since = f"{spec.venue} has not been read since the start"
    if paired + (instrument in core.state.unpaired) >= 2:
        return {instrument: f"{unread_since}, and {instrument} is shared"}
    return {instrument: unread_since} if paired and since < PATIENCE_S * SECOND else {}
