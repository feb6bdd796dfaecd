"""What a venue says of itself: what it can do, its dead-man's switch, and questions that it failed to answer.

Nothing is decided here but the venue's error rate and when a failed question is asked again.
"""

from __future__ import annotations

from services.desk import account, deadman, error_rate
from services.desk.core import DeskCore
from services.desk.state import VenueDesk
from services.domain.venue_events import RequestFailed, VenueClock, VenueFacts

DEAD_MAN = "dead man"
"""`RequestFailed.what` of a wish to the switch."""
READ, CANCEL = "read", "cancel"


def on_facts(core: DeskCore, facts: VenueFacts) -> None:
    """Capabilities hold until the next connect tells them anew."""
    core.state.venues.setdefault(facts.venue, VenueDesk()).facts = facts
    core.cap_rates()


def on_clock(core: DeskCore, clock: VenueClock) -> None:
    """The gate looks at it before each order that adds risk (SEMANTICS 12)."""
    core.state.venues.setdefault(clock.venue, VenueDesk()).clock_offset_ms = clock.offset_ms


def on_request_failed(core: DeskCore, failed: RequestFailed) -> None:
    """One more failed request in the venue's error rate; what must be known or gone is asked for again.

    A query needs nothing here: the probes of an order in doubt go on by their own schedule.
    """
    core.decide("request failed", failed.venue, f"{failed.what} {failed.subject}: {failed.reason}")
    error_rate.note(core, core.venue_errors.request(failed.venue, False, core.now))
    if failed.what == DEAD_MAN:
        deadman.on_failed(core, failed)
    elif failed.what == READ:
        account.on_failed(core, failed.venue, failed.subject)
    elif failed.what == CANCEL:
        core.orders.cancel_failed(failed.subject, core.now)
