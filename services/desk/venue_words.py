"""What a venue says of itself: what it can do, its dead-man's switch, and questions that it failed to answer.

Nothing is decided here but the venue's error rate; the rest is kept for those who ask.
"""

from __future__ import annotations

from services.desk import deadman
from services.desk.core import DeskCore
from services.desk.state import VenueDesk
from services.domain.enums import Severity
from services.domain.venue_events import RequestFailed, VenueFacts
from services.risk.throttle import ErrorRate

DEAD_MAN = "dead man"
"""`RequestFailed.what` of a wish to the switch."""


def on_facts(core: DeskCore, facts: VenueFacts) -> None:
    """Capabilities hold until the next connect tells them anew."""
    core.state.venues.setdefault(facts.venue, VenueDesk()).facts = facts


def on_request_failed(core: DeskCore, failed: RequestFailed) -> None:
    """One more failed request in the venue's error rate."""
    core.decide("request failed", failed.venue, f"{failed.what} {failed.subject}: {failed.reason}")
    on_error_rate(core, core.venue_errors.request(failed.venue, False, core.now))
    if failed.what == DEAD_MAN:
        deadman.on_failed(core, failed)


def on_error_rate(core: DeskCore, note: ErrorRate | None) -> None:
    """A change of a venue's verdict; None = there is none."""
    if note is None:
        return
    core.decide("venue errors", note.venue, note.text)
    if note.blocked:
        core.alert(f"venue errors:{note.venue}", Severity.WARNING, note.text)
    else:
        core.resolve(f"venue errors:{note.venue}")
