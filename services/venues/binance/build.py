"""Puts a Binance venue together: pool, signing, budget, bans, streams."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable

from services.protocol.redact import Redactor
from services.runtime.clock import boot_ns, steady_ns
from services.venues.binance.api import BinanceApi
from services.venues.binance.base import Address
from services.venues.binance.ears import Ears
from services.venues.binance.hosts import BinanceSettings, check_hosts
from services.venues.binance.rest import SPOT_WINDOWS, WINDOWS, BinanceDialect
from services.venues.binance.sign import signer_of
from services.venues.binance.venue import BinanceVenue
from services.venues.binance.wallet import Wallet
from services.venues.payouts import EVERY_S
from services.venues.port import Outbox
from services.venues.wire.bans import Bans, Held
from services.venues.wire.budget import Budget
from services.venues.wire.offset import ClockOffset
from services.venues.wire.pool import Pool, transport_maker
from services.venues.wire.rest import Rest, Timings
from services.venues.wire.secret import Secret
from services.venues.wire.stream import Habits, Stream

MS = 1_000_000


def build_binance(
    name: str,
    settings: BinanceSettings,
    secret: str | None,
    outbox: Outbox,
    *,
    bans: Bans | None = None,
    redactor: Redactor | None = None,
    wall: Callable[[], int] = steady_ns,
    timings: Timings | None = None,
    habits: Habits | None = None,
    budget: Budget | None = None,
    payouts_s: float = EVERY_S,
) -> BinanceVenue:
    """Raises ValueError with one line for hosts that are not allowed and keys that are none. Nothing
    connects before `start`."""
    check_hosts(settings.hosts)
    if bool(secret) != bool(settings.key):
        raise ValueError(f"{name}: a key needs its secret, and a secret its key")
    host = settings.hosts.rest
    tls = ssl.create_default_context() if host.startswith("https") else None
    offset = ClockOffset()
    sign = signer_of(Secret(secret, redactor)) if secret else None

    def venue_ms() -> int:
        return (wall() + int((offset.offset_ms(boot_ns()) or 0.0) * MS)) // MS

    async def resync() -> None:
        offset.forget()
        await venue.resync()

    pools: list[Pool] = []

    def rest_of(host: str, spent: Budget) -> Rest:
        def paused(seconds: float) -> None:
            if bans is not None:
                bans.note(host, seconds, wall() // MS)

        if bans is not None:
            bans.heed(host, spent, wall() // MS, settings.key)
        pool = Pool(transport_maker(tls if tls is not None and host.startswith("https") else False))
        pools.append(pool)
        return Rest(
            host,
            BinanceDialect(host, settings.key, sign, venue_ms),
            spent,
            pool,
            timings=timings,
            random=random.random,
            resync=resync,
            on_pause=paused,
        )

    async def close() -> None:
        for pool in pools:
            await pool.close()

    rest = rest_of(host, budget if budget is not None else Budget(WINDOWS))
    wallet = None
    if settings.hosts.wallet and sign is not None:
        wallet = Wallet(rest_of(settings.hosts.wallet, Budget(SPOT_WINDOWS)))

    def make_stream(
        entry: str, ears: Ears, up: Callable[[], None], down: Callable[[str], None], address: Address
    ) -> Stream:
        return Stream(
            # Of the private one only this stands in the log: its address holds the listen key.
            f"{settings.hosts.stream}/{entry}/ws",
            ears,
            up=up,
            down=down,
            random=random.random,
            habits=habits,
            tls=tls if settings.hosts.stream.startswith("wss") else None,
            address=address,
            hold=None if bans is None else Held(bans, settings.hosts.stream, lambda: wall() // MS),
        )

    venue = BinanceVenue(
        name,
        settings,
        BinanceApi(rest),
        outbox,
        offset,
        make_stream=make_stream,
        close=close,
        wall=wall,
        wallet=wallet,
        payouts_s=payouts_s,
    )
    return venue
