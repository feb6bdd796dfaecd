"""How a venue is started, and what is said where it does not answer or cannot be used."""

from __future__ import annotations

import asyncio
import logging

from services.protocol.errors import ProductError
from services.protocol.exits import Exit
from services.venues.live import LiveVenue
from services.venues.wire.errors import ErrorKind, WireError
from services.workers import doctor

log = logging.getLogger("stableconsole.engine")

_LOST = (ErrorKind.UNAVAILABLE, ErrorKind.UNKNOWN)
"""No answer came, or none that says anything: asked again it may be another."""
_PASSING = (*_LOST, ErrorKind.THROTTLED, ErrorKind.DENIED)
"""Also one that wants to be left alone, by its answer or a ban from before the start: not asked at once."""

WAY_OUT = "stableconsole flatten --direct closes what that venue does not hedge"


class Silent(ProductError):
    """A venue that does not answer, which may be over in a minute: nothing that has to be set right."""

    why = ""


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
        raise _silent(name, f"no answer within {doctor.START_S:g} s") from None
    except WireError as error:
        raise (_silent if error.kind in _PASSING else unusable)(name, str(error)) from None
    except ValueError as error:
        raise unusable(name, str(error)) from None


def unusable(name: str, why: str) -> ProductError:
    return ProductError(f"venue {name}: {why}; see: stableconsole doctor", Exit.FAILED, "venue")


def _silent(name: str, why: str) -> Silent:
    error = Silent(unusable(name, why).text, Exit.FAILED, "venue")
    error.why = why
    return error


def nobody_watches(error: Silent) -> str:
    return f"{error.text}; nobody watches what is open until a start: {WAY_OUT}"
