"""What a venue says of itself: what it can do, its dead-man's switch, and questions that it failed to answer.

Nothing is decided here but the venue's error rate and when a failed question is asked again.
"""

from __future__ import annotations

from services.desk import account, deadman, error_rate
from services.desk.core import UNREAD, DeskCore
from services.desk.state import VenueDesk
from services.desk.tripping import STALE
from services.domain.enums import Severity
from services.domain.instrument import Instrument
from services.domain.venue_events import InstrumentsListed, RequestFailed, VenueClock, VenueFacts

DEAD_MAN = "dead man"
"""`RequestFailed.what` of a wish to the switch."""
READ, CANCEL = "read", "cancel"


def on_facts(core: DeskCore, facts: VenueFacts) -> None:
    """Capabilities hold until the next connect tells them anew."""
    core.state.venues.setdefault(facts.venue, VenueDesk()).facts = facts
    if facts.venue not in core.account_venues():
        # No account, so nothing is read there, and nothing waits for it.
        for cause in (UNREAD, STALE):
            core.good_cause(cause, f"venue:{facts.venue}")
    core.cap_rates()
    core.picture.vouch(facts)
    for spec in core.instruments.values():
        if spec.venue == facts.venue:
            _tell_end(core, spec)


def on_clock(core: DeskCore, clock: VenueClock) -> None:
    """The gate looks at it before each order that adds risk (SEMANTICS 12)."""
    core.state.venues.setdefault(clock.venue, VenueDesk()).clock_offset_ms = clock.offset_ms


def on_listed(core: DeskCore, event: InstrumentsListed) -> None:
    """From the next order on the new facts hold. What is not traded here stays unknown, and so does one that
    would be another thing under the same name."""
    changed = False
    for spec in event.instruments:
        known = core.instruments.get(spec.id)
        if known is None or spec == known or _is(spec) != _is(known):
            continue
        text = f"{spec.id} was changed at its venue: {_changes(known, spec)}"
        core.instruments[spec.id] = core.state.relisted[spec.id] = spec
        changed = True
        core.decide("instrument", spec.id, text)
        core.risk_event("instrument", spec.id, text)
        _tell_end(core, spec)
    if changed:
        # What the books remember of the old steps (prices on a grid) goes with them.
        core.bind(core.settings)


def _is(spec: Instrument) -> tuple[str, ...]:
    return spec.venue, spec.kind, spec.underlying, spec.quote, spec.settle


def _tell_end(core: DeskCore, spec: Instrument) -> None:
    key = f"delisting:{spec.id}"
    if spec.delisting_ts is None:
        core.resolve(key)
        return
    held = spec.is_perp and bool(core.ledger.size(spec))
    text = f"{spec.id} leaves its venue's list, or has left it"
    core.alert(key, Severity.ALARM if held else Severity.WARNING, text)


def _changes(known: Instrument, spec: Instrument) -> str:
    told = []
    for name in Instrument.__struct_fields__:
        before, after = getattr(known, name), getattr(spec, name)
        if before != after:
            told.append(name if name == "tiers" else f"{name} {before} -> {after}")
    return ", ".join(told)


def on_request_failed(core: DeskCore, failed: RequestFailed) -> None:
    """One more failed request in the venue's error rate; what must be known or gone is asked for again.

    A query needs nothing here: the probes of an order in doubt go on by their own schedule.
    """
    core.decide("request failed", failed.venue, f"{failed.what} {failed.subject}: {failed.reason}")
    error_rate.note(core, core.venue_errors.request(failed.venue, False, core.now))
    if failed.what == DEAD_MAN:
        deadman.on_failed(core, failed)
    elif failed.what == READ:
        account.on_failed(core, failed.venue, failed.subject, failed.reason if failed.refused else "")
    elif failed.what == CANCEL:
        core.orders.cancel_failed(failed.subject, core.now)
