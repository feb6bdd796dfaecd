"""How a venue is started and looked at, and what is said where it does not answer or cannot be used."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.venues.live import KEY_RIGHTS, Finding, LiveVenue, Verdict
from services.venues.wire.errors import ErrorKind, WireError
from services.workers import doctor
from services.workers.needs import NEEDS

log = logging.getLogger("stableconsole.engine")

_LOST = (ErrorKind.UNAVAILABLE, ErrorKind.UNKNOWN)
"""No answer came, or none that says anything: asked again it may be another."""
_PASSING = (*_LOST, ErrorKind.THROTTLED, ErrorKind.DENIED)
"""Also one that wants to be left alone, by its answer or a ban from before the start: not asked at once."""

WAY_OUT = "stableconsole flatten --direct closes what that venue does not hedge"
SET_RIGHT = "set it right, then restart"


class Away(ProductError):
    """A venue that an engine starts without, where the journal knows it."""

    why = ""
    """Without the venue's name."""

    @classmethod
    def because(cls, why: str, text: str, exit: Exit = Exit.FAILED, code: str = "venue") -> Away:
        """`text`: what a start says that it ends."""
        error = cls(text, exit, code)
        error.why = why
        return error


class Silent(Away):
    """It does not answer, or its clock is off: over in a minute perhaps, and asked again until it is."""


class Unfit(Away):
    """What it answers cannot be used, as where it lists a market of the profile no more: a slip of the pen,
    unless the profile is what it was when it could be used. Asked again, for it may be put right there."""


class Refused(Away):
    """It refuses our key, or the doctor what was found there: somebody has to set something right. It is not
    asked again: who asks with a refused key again and again is banned."""


class Misfit(Refused):
    """A strategy of the profile needs what it lacks: the profile's to mend, and the end of a start."""


async def start_venue(name: str, venue: LiveVenue, tries: int = 1) -> None:
    """Connect one. Raises ProductError naming it, when it cannot be used."""
    try:
        async with asyncio.timeout(doctor.START_S):
            for left in reversed(range(tries)):
                try:
                    return await venue.start()
                except WireError as error:
                    if not left or error.kind not in _LOST:
                        raise
                    log.warning("venue %s: %s; asked once more", name, error)
    except TimeoutError:
        why = f"no answer within {doctor.START_S:g} s"
        raise Silent.because(why, unusable(name, why)) from None
    except WireError as error:
        raise cannot_use(name, error) from None
    except ValueError as error:
        raise Unfit.because(str(error), unusable(name, str(error))) from None


def judge(found: tuple[Finding, ...], mode: str) -> None:
    """The doctor's word on one venue, or on this machine. Raises Away."""
    wrong = doctor.stops(found)
    if mode != "live":
        wrong = tuple(each for each in wrong if each.check in (KEY_RIGHTS, NEEDS))
    if not wrong:
        for each in found:
            if each.verdict is not Verdict.OK:
                log.warning("doctor: %s", doctor.refusal((each,)))
        return
    kind: type[Away] = Refused
    if any(each.check == NEEDS for each in wrong):
        kind = Misfit
    elif all(each.check == doctor.CLOCK for each in wrong):
        kind = Silent
    raise kind.because(doctor.rows(wrong), f"doctor: {doctor.refusal(wrong)}", Exit.USAGE, "doctor")


async def put_off(venue: LiveVenue, error: Away) -> Away:
    """Of one that refuses us nothing stays open, and nothing can be sent there any more."""
    if isinstance(error, Refused):
        await venue.close()
    return error


def cannot_use(name: str, error: WireError) -> Away:
    """What a failed question of a start makes of its venue."""
    kind: type[Away] = Refused if error.refuses else Unfit
    if error.kind in _PASSING or error.clock:
        kind = Silent
    return kind.because(str(error), unusable(name, str(error)))


def unusable(name: str, why: str) -> str:
    return f"venue {name}: {why}; see: stableconsole doctor"


def ends_start(error: Away) -> ProductError:
    """Of a start that would be one without any venue, or without one that nothing is known of."""
    if not isinstance(error, Silent):
        return error
    text = f"{error.text}; nobody watches what is open until a start: {WAY_OUT}"
    return ProductError(text, error.exit, error.code)


def nobody_is_left(away: Collection[Away], venues: int) -> ProductError | None:
    """What ends a start in which not one venue can be used; first what somebody has to set right."""
    if not away or len(away) < venues:
        return None
    refused = [each for each in away if not isinstance(each, Silent)]
    if not refused:
        return ends_start(next(iter(away)))
    return ProductError("; ".join(each.text for each in refused), refused[0].exit, refused[0].code)
