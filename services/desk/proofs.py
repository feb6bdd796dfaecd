"""What the gate may take for proven of our positions just after a start."""

from __future__ import annotations

from services.desk.core import SECOND, UNREAD, DeskCore
from services.domain.money import ZERO

LOST = "sent before the engine was killed"
"""The reason of an order of ours that only its fill has told of."""

PATIENCE_S = 2
"""So long after a start a pair's leg waits for the read of its venue, like the pair's timers."""


def unproven(core: DeskCore, instrument: str) -> dict[str, str]:
    """After a start, until its venue has been read (its settling time at most): an instrument that several
    parts of ours share. A protective order that was lost with the engine may have taken one of them already,
    and sent again it would take another's: the venue's reduce-only flag sees their sum alone. And a leg whose
    other has lost something by such an order: it may have been matched here already, and matched again it
    would be naked itself. For two seconds any leg of a pair: the other venue's read may yet tell of one.

    Spot waits for its read however long that takes: no venue trims there what was taken back already, and
    what is taken back twice stands alone on the other side, in nobody's books."""
    spec, since = core.instruments.get(instrument), core.now - core.state.started
    if spec is None or (spec.is_perp and since >= core.settings.exec.in_doubt_settling_s * SECOND):
        return {}
    unread = [cause.scope for cause in core.causes.causes() if cause.name == UNREAD and cause.holds]
    if f"venue:{spec.venue}" not in unread:
        return {}
    unread_since = f"{spec.venue} has not been read since the start"
    if not spec.is_perp:
        changing = [leg.instrument for pair in core.pairs.live() if pair.one_shot for leg in pair.legs]
        return {instrument: unread_since} if instrument in changing else {}
    legs = [leg for pair in core.pairs.live() for leg in pair.legs if leg.instrument == instrument]
    paired = sum(leg.size > ZERO for leg in legs)
    if paired + (instrument in core.state.unpaired) >= 2:
        return {instrument: f"{unread_since}, and {instrument} is shared"}
    waits = since < PATIENCE_S * SECOND or _unmatched(core, instrument)
    return {instrument: unread_since} if paired and waits else {}


def _unmatched(core: DeskCore, instrument: str) -> bool:
    """Is what stands alone of this leg what a lost order of its pair took off the other, its own venue not
    read since that was found? Whoever sent that may have matched it here, with an order that is lost too."""
    read = core.state.venue(core.instruments[instrument].venue).report_ts or 0
    return any(
        (entry := core.orders.get(name)) is not None
        and entry.request.reason == LOST
        and entry.created > read
        and memo.leg != pair.naked.leg
        and not memo.increasing
        for pair in core.pairs.live()
        if pair.naked.leg and pair.leg(pair.naked.leg).instrument == instrument
        for name, memo in pair.orders.items()
    )
