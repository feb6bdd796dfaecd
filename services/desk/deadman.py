"""The venues' dead-man's switches: armed, beaten, and let fire (SEMANTICS 10).

A switch cancels our ordinary orders when we stop beating. It is armed while orders rest at a venue, only
where it leaves protective orders alone or none rests, and beaten only while the data of that venue are fresh:
a desk that no longer sees the market must not keep its quotes alive. After a crash it stays as it was.
"""

from __future__ import annotations

from services.desk.core import SECOND, DeskCore
from services.desk.state import Beat, VenueDesk
from services.domain.effects import ArmDeadMan
from services.domain.enums import Severity
from services.domain.venue_events import DeadManReport, RequestFailed
from services.execution.entries import OrderEntry

_ASK_AGAIN = 2 * SECOND
PREFIX = "deadman "
"""Of the timers, before the venue."""
NONE, OFF, ARMED, WITHHELD, LATE, FIRED, FAILED = (
    "none",
    "off",
    "armed",
    "withheld",
    "late",
    "fired",
    "failed",
)


def follow(core: DeskCore) -> None:
    """After every event: arm what has begun to matter, beat what is due, disarm what is in the way."""
    venues = core.state.venues
    for known in venues.values():
        if known.beat.asked_ms or (known.dead_man is not None and known.dead_man.armed):
            break
    else:
        rests = [entry for entry in core.orders.open_orders() if entry.may_rest]
        if not rests:
            # Nothing rests, and no switch is set: there is nothing to arm, to beat or to take off.
            return
    for venue in core.settings.venues:
        book = venues.get(venue)
        if book is not None and book.facts is not None and book.facts.dead_man:
            _follow(core, venue, book)


def _follow(core: DeskCore, venue: str, book: VenueDesk) -> None:
    beat, now = book.beat, core.now
    working = core.orders.open_orders(venue=venue)
    resting = _resting(core, working)
    if not core.settings.deadman.enabled or _in_the_way(core, book, working):
        if _set(core, book):
            _ask(core, venue, beat, 0)
        return
    if not resting:
        if _set(core, book) and now >= beat.next_at:
            _ask(core, venue, beat, 0)
        return
    if beat.asked_ms and now < beat.next_at:
        return
    timeout_s, beat_s = times(core, book)
    if _fresh(core, venue, resting):
        if beat.asked_ms and beat.told_ts < beat.asked_ts:
            _say_failed(core, venue, beat, "the venue does not answer")
        core.resolve(f"dead man late:{venue}")
        _ask(core, venue, beat, timeout_s * 1000, beat_s)
        return
    if beat.asked_ms:
        text = f"{venue}: the dead-man's switch is not beaten, the data are stale; it cancels what rests"
        core.hold(f"dead man late:{venue}", Severity.WARNING, text)
    # Looked at again soon: one that is beaten in time after all does not fire.
    _wake(core, venue, beat, now + SECOND)


def _set(core: DeskCore, book: VenueDesk) -> bool:
    """Is it, or may it be, armed against our wish? A disarming that was lost is asked for again."""
    if book.beat.asked_ms:
        return True
    told = book.dead_man is not None and book.dead_man.armed
    return told and core.now - book.beat.asked_ts >= _ASK_AGAIN


def times(core: DeskCore, book: VenueDesk) -> tuple[int, int]:
    """(time-out, beat), seconds: the profile's, or what the venue wants at least, in the same proportion."""
    settings = core.settings.deadman
    timeout_s = max(settings.timeout_s, book.facts.dead_man_s if book.facts is not None else 0)
    return timeout_s, settings.beat_s * timeout_s // settings.timeout_s


def _ask(core: DeskCore, venue: str, beat: Beat, timeout_ms: int, beat_s: int = 0) -> None:
    beat.asked_ms, beat.asked_ts = timeout_ms, core.now
    core.emit(ArmDeadMan(venue=venue, timeout_ms=timeout_ms))
    if timeout_ms:
        _wake(core, venue, beat, core.now + beat_s * SECOND)
    else:
        beat.next_at = core.now
        core.cancel_timer(f"{PREFIX}{venue}")
        core.resolve(f"dead man late:{venue}")


def _wake(core: DeskCore, venue: str, beat: Beat, due: int) -> None:
    beat.next_at = due
    core.set_timer(f"{PREFIX}{venue}", due)


def _resting(core: DeskCore, working: tuple[OrderEntry, ...]) -> list[OrderEntry]:
    """Orders of ours that the switch would cancel: sent, able to rest or found resting, not conditional."""
    return [
        entry
        for entry in working
        if entry.sent is not None
        and not entry.ended
        and entry.may_rest
        and not core.backstops.waiting(entry.id)
    ]


def _in_the_way(core: DeskCore, book: VenueDesk, working: tuple[OrderEntry, ...]) -> bool:
    """Would it cancel a protective order that rests there? What is not known to survive does not."""
    survives = book.facts is not None and book.facts.conditional_survives_dead_man
    if not survives and any(row.trigger is not None for row in book.foreign_orders):
        return True  # a stop by hand protects no less for being somebody else's
    return any(
        entry.request.purpose.protective and not entry.immediate and not entry.ended
        for entry in working
        if not (survives and core.backstops.waiting(entry.id))
    )


def _fresh(core: DeskCore, venue: str, resting: list[OrderEntry]) -> bool:
    """The venue is heard, and the quotes of what rests are proven."""
    age = core.picture.venue_age(venue, core.now)
    limit = core.picture.stretched(core.settings.fresh.heartbeat_s * SECOND)
    if age is None or age >= limit or not core.picture.connected(venue, core.now):
        return False
    return all(core.picture.quote_fresh(entry.request.instrument, core.now) for entry in resting)


# -- the venue's word ----------------------------------------------------------------------------------------


def on_report(core: DeskCore, report: DeadManReport) -> None:
    """Armed, disarmed, or fired: then what rested is gone, and its cancels come with it."""
    book = core.state.venues.setdefault(report.venue, VenueDesk())
    last, book.dead_man = book.dead_man, report
    beat = book.beat
    if report.fired:
        beat.asked_ms, beat.next_at = 0, core.now
        text = f"{report.venue}: the dead-man's switch fired, the venue canceled our resting orders"
        core.alert(f"dead man fired:{report.venue}", Severity.ALARM, text)
        core.decide("dead man", report.venue, "fired")
        core.risk_event("dead man", report.venue, text)
        core.cancel_timer(f"{PREFIX}{report.venue}")
        return
    beat.told_ts, beat.failure = core.now, ""
    core.resolve(f"dead man:{report.venue}")
    core.resolve(f"dead man fired:{report.venue}")
    if last is None or last.armed != report.armed:
        core.decide("dead man", report.venue, "armed" if report.armed else "off")


def on_failed(core: DeskCore, failed: RequestFailed) -> None:
    """A beat brought an error; the next one is tried in its turn."""
    book = core.state.venues.setdefault(failed.venue, VenueDesk())
    _say_failed(core, failed.venue, book.beat, failed.reason)


def _say_failed(core: DeskCore, venue: str, beat: Beat, why: str) -> None:
    beat.failure = why
    text = f"{venue}: the dead-man's switch cannot be set: {why}"
    core.hold(f"dead man:{venue}", Severity.WARNING, text)


def state_of(core: DeskCore, venue: str) -> str | None:
    """`none`, `off`, `armed`, `withheld`, `late`, `fired`, `failed`; None = the venue has not said."""
    book = core.state.venues.get(venue)
    if book is None or book.facts is None:
        return None
    if not book.facts.dead_man:
        return NONE
    report = book.dead_man
    if report is not None and report.fired:
        return FIRED
    if book.beat.failure:
        return FAILED
    if report is not None and report.armed:
        return LATE if core.alerts.is_open(f"dead man late:{venue}") else ARMED
    return WITHHELD if _in_the_way(core, book, core.orders.open_orders(venue=venue)) else OFF


# -- a clean stop --------------------------------------------------------------------------------------------


def released(core: DeskCore) -> bool:
    """Asked at a graceful stop, last of all: True once no switch is left that should be off.

    It is taken off when every backstop that is wanted rests, or nothing stands alone; else it is kept.
    """
    done = True
    for venue in core.settings.venues:
        book = core.state.venues.get(venue)
        armed = book is not None and book.dead_man is not None and book.dead_man.armed
        if book is None or not (book.beat.asked_ms or armed) or not protected(core, venue):
            continue
        if _set(core, book):
            _ask(core, venue, book.beat, 0)
        done = False
    return done


def protected(core: DeskCore, venue: str) -> bool:
    """Does every backstop that should rest at this venue do so?"""
    return all(
        core.backstops.level(key) is not None
        for key in core.state.protect
        if core.instruments[key.partition("|")[0]].venue == venue
    )


def kept(core: DeskCore) -> tuple[str, ...]:
    """One line for each switch that stays armed after the end."""
    lines = []
    for venue, book in core.state.venues.items():
        report = book.dead_man
        if book.beat.asked_ms or (report is not None and report.armed):
            lines.append(f"{venue}: the dead-man's switch stays armed, it will cancel what rests there")
    return tuple(lines)
