"""Puts a Binance spot venue together: pools, signing, budgets, bans, streams."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable

from services.protocol.redact import Redactor
from services.runtime.clock import boot_ns, steady_ns
from services.venues.binance.base import Address
from services.venues.binance.ears import Ears
from services.venues.binance.hosts import SpotSettings, check_hosts
from services.venues.binance.rest import SPOT_WINDOWS, WINDOWS, BinanceDialect
from services.venues.binance.sign import signer_of
from services.venues.binance.spot.api import SpotApi
from services.venues.binance.spot.venue import SpotVenue
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


def build_spot(
    name: str,
    settings: SpotSettings,
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
) -> SpotVenue:
    """Raises ValueError with one line for hosts that are not allowed and keys that are none. Nothing
    connects before `start`."""
    hosts = settings.hosts
    check_hosts(hosts)
    if bool(secret) != bool(settings.key):
        raise ValueError(f"{name}: a key needs its secret, and a secret its key")
    secure = any(
        url.startswith(("https", "wss"))
        for url in (hosts.rest, hosts.stream, hosts.api, hosts.index, hosts.wallet)
    )
    tls = ssl.create_default_context() if secure else None
    offset = ClockOffset()
    sign = signer_of(Secret(secret, redactor)) if secret else None
    pools: list[Pool] = []

    def venue_ms() -> int:
        return (wall() + int((offset.offset_ms(boot_ns()) or 0.0) * MS)) // MS

    async def resync() -> None:
        offset.forget()
        await venue.resync()

    def rest_of(host: str, dialect: BinanceDialect, spent: Budget) -> Rest:
        def paused(seconds: float) -> None:
            if bans is not None:
                bans.note(host, seconds, wall() // MS)

        if bans is not None:
            bans.heed(host, spent, wall() // MS, settings.key)
        pool = Pool(transport_maker(tls if tls is not None and host.startswith("https") else False))
        pools.append(pool)
        return Rest(
            host,
            dialect,
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

    def make_stream(
        entry: str, ears: Ears, up: Callable[[], None], down: Callable[[str], None], address: Address
    ) -> Stream:
        url = hosts.stream if entry == "public" else hosts.api
        return Stream(
            url,
            ears,
            up=up,
            down=down,
            random=random.random,
            habits=habits,
            tls=tls if url.startswith("wss") else None,
            address=address,
            hold=None if bans is None else Held(bans, url, lambda: wall() // MS),
        )

    spot = rest_of(
        hosts.rest,
        BinanceDialect(hosts.rest, settings.key, sign, venue_ms, spot=True),
        budget if budget is not None else Budget(SPOT_WINDOWS),
    )
    index = None
    if hosts.index:
        # No key goes there: what coins are worth is public.
        index = rest_of(hosts.index, BinanceDialect(hosts.index, "", None, venue_ms), Budget(WINDOWS))
    wallet = None
    if hosts.wallet and sign is not None:
        dialect = BinanceDialect(hosts.wallet, settings.key, sign, venue_ms)
        same = hosts.wallet == hosts.rest
        wallet = Wallet(spot if same else rest_of(hosts.wallet, dialect, Budget(SPOT_WINDOWS)))
    venue = SpotVenue(
        name,
        settings,
        SpotApi(spot, index),
        sign,
        outbox,
        offset,
        make_stream=make_stream,
        close=close,
        wall=wall,
        wallet=wallet,
        payouts_s=payouts_s,
    )
    return venue
