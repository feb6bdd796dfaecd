"""Puts an FTX-dialect venue together: pool, signing, budget, stream."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable

from services.protocol.redact import Redactor
from services.runtime.clock import boot_ns, steady_ns, wall_ns
from services.venues.ftx.ears import FtxEars
from services.venues.ftx.hosts import FtxSettings, check_hosts
from services.venues.ftx.rest import WINDOWS, FtxDialect, FtxRest
from services.venues.ftx.venue import FtxVenue
from services.venues.port import Outbox
from services.venues.wire.bans import Bans, Held
from services.venues.wire.budget import Budget
from services.venues.wire.offset import ClockOffset
from services.venues.wire.pool import Pool, transport_maker
from services.venues.wire.rest import Rest, Timings
from services.venues.wire.secret import Secret
from services.venues.wire.stream import Habits, Stream

MS = 1_000_000


def build_ftx(
    name: str,
    settings: FtxSettings,
    secret: str | None,
    outbox: Outbox,
    *,
    bans: Bans | None = None,
    redactor: Redactor | None = None,
    wall: Callable[[], int] | None = None,
    timings: Timings | None = None,
    habits: Habits | None = None,
    budget: Budget | None = None,
    market_time: Callable[[], int] | None = None,
    make: Callable[..., FtxVenue] = FtxVenue,
) -> FtxVenue:
    """Raises ValueError with one line for hosts that are not allowed. Nothing connects before `start`.

    `market_time`: what is told is stamped with it, where the market's time is not the wall's.
    """
    check_hosts(settings)
    held = Secret(secret, redactor) if secret else None
    tls = ssl.create_default_context() if settings.rest.startswith("https") else None
    offset = ClockOffset()

    told = market_time or wall or steady_ns
    plain = wall if wall is not None else wall_ns

    def signs() -> int:
        """Our own server authenticates by the wall's time, since its market may have another (RUNTIME 6);
        any other by the time that it tells."""
        if settings.extensions:
            return plain()
        return told() + int((offset.offset_ms(boot_ns()) or 0.0) * MS)

    async def resync() -> None:
        offset.forget()
        await venue.resync()

    dialect = FtxDialect(settings.rest, settings.key, held, settings.subaccount, lambda: signs() // MS)
    spent = budget if budget is not None else Budget(WINDOWS)
    if bans is not None:
        bans.heed(settings.rest, spent, plain() // MS, settings.key)

    def paused(seconds: float) -> None:
        if bans is not None:
            bans.note(settings.rest, seconds, plain() // MS)

    pool = Pool(transport_maker(tls if tls is not None else False))
    rest = Rest(
        settings.rest,
        dialect,
        spent,
        pool,
        timings=timings,
        random=random.random,
        resync=resync,
        on_pause=paused,
    )

    def make_stream(ears: FtxEars, up: Callable[[], None], down: Callable[[str], None]) -> Stream:
        return Stream(
            settings.stream,
            ears,
            up=up,
            down=down,
            random=random.random,
            habits=habits,
            tls=tls if settings.stream.startswith("wss") else None,
            hold=None if bans is None else Held(bans, settings.stream, lambda: plain() // MS),
        )

    venue = make(
        name,
        settings,
        FtxRest(rest),
        held,
        outbox,
        offset,
        make_stream=make_stream,
        close=pool.close,
        wall=told,
        signs=signs,
    )
    return venue
