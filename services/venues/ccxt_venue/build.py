"""Puts a ccxt venue together: the door with its budget and bans, the clock, the venue."""

from __future__ import annotations

from collections.abc import Callable

from services.protocol.redact import Redactor
from services.runtime.clock import boot_ns, steady_ns
from services.settings.venues import PASSPHRASED
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.exact import LOOPBACK
from services.venues.ccxt_venue.feed import Pace
from services.venues.ccxt_venue.followed import Habits
from services.venues.ccxt_venue.manners import OPTIONS, SPOT_OPTIONS
from services.venues.ccxt_venue.profile import CcxtSettings
from services.venues.ccxt_venue.venue import CcxtVenue
from services.venues.port import Outbox
from services.venues.wire.bans import Bans
from services.venues.wire.budget import Budget
from services.venues.wire.offset import ClockOffset

MS = 1_000_000


def build_ccxt(
    name: str,
    settings: CcxtSettings,
    secret: str | None,
    outbox: Outbox,
    *,
    passphrase: str | None = None,
    bans: Bans | None = None,
    redactor: Redactor | None = None,
    wall: Callable[[], int] = steady_ns,
    pace: Pace | None = None,
    follow: Habits | None = None,
    timeout_s: float = 5.0,
    budget: Budget | None = None,
) -> CcxtVenue:
    """Raises ValueError with one line. Nothing connects before `start`."""
    if not settings.symbols:
        raise ValueError("a ccxt profile names its symbols")
    if bool(secret) != bool(settings.key):
        raise ValueError("a key needs its secret, and a secret its key")
    if settings.key and settings.exchange in PASSPHRASED and not passphrase:
        raise ValueError(f"a key of {settings.exchange} has a passphrase too")
    if settings.local and not any(settings.local.startswith(f"http://{host}:") for host in LOOPBACK):
        raise ValueError(f"{settings.local}: plain http is for this machine")
    offset = ClockOffset()
    for each in (secret, passphrase):
        if each and redactor is not None:
            redactor.register(each)
    host = settings.local or f"ccxt:{settings.exchange}:{settings.environment}"

    def venue_ms() -> int:
        return (wall() + int((offset.offset_ms(boot_ns()) or 0.0) * MS)) // MS

    def paused(seconds: float) -> None:
        if bans is not None:
            bans.note(host, seconds, wall() // MS)

    options = SPOT_OPTIONS if settings.spot else OPTIONS
    # The library's object has to hold the secrets in the clear; the door is all that can reach it.
    config: dict[str, object] = {"options": dict(options.get(settings.exchange, {}))}
    if settings.key:
        config |= {"apiKey": settings.key, "secret": secret, "password": passphrase or ""}
    door = Door(
        settings.exchange,
        config,
        sandbox="" if settings.environment == "production" else settings.environment,
        local=settings.local,
        now_ms=venue_ms,
        paused=paused,
        timeout_s=timeout_s,
        budget=budget,
    )
    if bans is not None:
        bans.heed(host, door.budget, wall() // MS, settings.key)
    return CcxtVenue(
        name, settings, door, outbox, offset, keyed=bool(secret), pace=pace, follow=follow, wall=wall
    )
