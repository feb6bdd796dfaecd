"""A venue that speaks the FTX dialect, as the live driver meets it: one account, one stream.

What it lists is followed while it runs; what has closed is told and taken out of what is waited for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from services.domain.effects import SetFault
from services.domain.events import Event, VenueLink
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.domain.venue_events import InstrumentsListed
from services.runtime.clock import boot_ns, steady_ns
from services.venues.ftx import parse
from services.venues.ftx import schemas as wire
from services.venues.ftx.ears import FtxEars
from services.venues.ftx.feed import Feed
from services.venues.ftx.hosts import FtxSettings, check_hosts
from services.venues.ftx.relisting import look, off_of, others, usable
from services.venues.ftx.rest import FtxRest
from services.venues.ftx.trading import Trading
from services.venues.live import (
    ASKED,
    KEY_RIGHTS,
    Capabilities,
    Finding,
    Levels,
    VenueHealth,
    Verdict,
    connected,
    key_rights,
)
from services.venues.port import Outbox
from services.venues.relisting import Rounds, absent_of, newly, relisted
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.offset import ClockOffset
from services.venues.wire.secret import Secret
from services.venues.wire.stream import Stream
from services.venues.work import CLOSE_S, Work

log = logging.getLogger("stableconsole.ftx")


class FtxVenue:
    """Implements `LiveVenue`."""

    def __init__(
        self,
        name: str,
        settings: FtxSettings,
        api: FtxRest,
        secret: Secret | None,
        outbox: Outbox,
        offset: ClockOffset,
        *,
        make_stream: Callable[[FtxEars, Callable[[], None], Callable[[str], None]], Stream],
        close: Callable[[], Awaitable[None]],
        wall: Callable[[], int] = steady_ns,
        signs: Callable[[], int] = time.time_ns,
    ) -> None:
        """`wall` stamps what is told; `signs` is the time in ns which a log-in is signed with."""
        check_hosts(settings)
        self.name = name
        self._work = Work(name, self._down)
        self.capabilities = Capabilities(
            orders=secret is not None,
            account=secret is not None,
            conditional=secret is not None,
            dead_man=settings.extensions,
            conditional_survives_dead_man=settings.extensions,
            funding_price="mark",
            history=True,
            asked=ASKED,
        )
        self._settings = settings
        self._api = api
        self._secret = secret
        self._outbox = outbox
        self._offset = offset
        self._make_stream = make_stream
        self._close_pool = close
        self._wall = wall
        self._signs = signs
        self._account: wire.Account | None = None
        self._by_market: dict[str, Instrument] = {}
        self._coins: dict[str, wire.Coin] = {}
        self._trading = Trading(
            name,
            api,
            self._by_market,
            self._coins,
            tell=self._tell,
            spawn=self._work.spawn,
            venue_now=self.venue_now,
            wall=wall,
        )
        self._feed: Feed | None = None
        self._ears: FtxEars | None = None
        self._stream: Stream | None = None
        self._rounds = Rounds(self.relist, self._trouble)
        self._absent: frozenset[str] = frozenset()
        """Markets of ours that the last look at the list lacked."""
        self._beside: frozenset[str] = frozenset()
        """Open markets that are not ours, as the list had them last."""

    # --- life --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Instruments, then the stream. Raises WireError, ParseError, BadNumber. A row that cannot be used is
        left out by name; one that the profile names refuses the start."""
        await self.resync()
        markets, futures, coins = await asyncio.gather(
            self._api.markets(), self._api.futures(), self._api.coins()
        )
        account = self._account = await self._api.account() if self._secret is not None else None
        for name, why in coins.unread.items():
            self._trouble(f"left out: coin {name or 'one'}: {why}")
        self._coins.update((coin.id, coin) for coin in coins)
        if account is not None:
            # What is wrong with the account is wrong with no row.
            parse.fees_of(account)
            parse.leverage_of(account)
        now, asked = self.venue_now(), self._settings.symbols
        self._by_market.update(usable(self.name, asked, markets, futures, account, now, self._trouble))
        self._beside = others(self._by_market, markets, futures)
        self._ears = FtxEars(
            self._by_market,
            self._settings.key,
            self._secret,
            self._settings.subaccount,
            self._trading,
            now_ms=lambda: self._signs() // 1_000_000,
            say=lambda text: self._work.spawn(self._say(text)),
            trouble=self._trouble,
            unlisted=lambda _: self._rounds.hint(),
        )
        self._stream = self._make_stream(self._ears, self._up, self._down)
        self._feed = Feed(
            self.name,
            self._api,
            self._by_market,
            self._coins,
            self._ears,
            self._stream,
            self._tell,
            self._wall,
            self.resync,
            # What our own server tells strangers knows nothing of an account's own orders.
            whole=not self._settings.extensions,
            futures=futures,
            changed=self._rounds.hint,
        )
        await self._feed.fill_back(self.venue_now())
        self._stream.start()
        self._begin(self._feed)

    def _begin(self, feed: Feed) -> None:
        self._work.spawn(feed.run())
        self._work.spawn(self._rounds.run())

    async def relist(self, whole: bool = True) -> None:
        """Tell what has changed of the markets, and, if `whole`, of the account's fees and leverage. What is
        not answered stays as it was. Raises WireError."""
        if self._ears is None or self._stream is None:
            return
        failed: WireError | None = None
        if whole and self._secret is not None:
            try:
                self._account = await self._api.account()
            except WireError as error:
                failed = error
        markets, futures = await asyncio.gather(self._api.markets(), self._api.futures())
        if not markets:
            raise WireError(ErrorKind.UNAVAILABLE, "a list of markets with nothing on it")
        now = self.venue_now()
        unread = {**markets.unread, **futures.unread}
        found = look(self.name, self._by_market, markets, futures, self._account, now, self._trouble, unread)
        changed, off = relisted(self._by_market, found, now, self._absent), off_of(found, self._absent)
        lacked, self._absent = self._absent, absent_of(found)
        if self._absent - lacked:
            self._rounds.hint()
        if changed:
            self._by_market.update(changed)
            self._tell(
                InstrumentsListed(venue=self.name, instruments=tuple(changed.values()), ts=self._wall())
            )
        before, self._beside = self._beside, others(self._by_market, markets, futures)
        if new := newly(before, self._beside):
            self._trouble(new)
        # One that the stream refused and the list names all the while would cost a connection at each look.
        self._ears.unknown -= off
        waits = frozenset() if whole else frozenset(self._ears.unknown)
        back = {name for name in self._ears.off - off - waits if isinstance(found[name], Instrument)}
        self._ears.unknown -= back
        for name in off - self._ears.off:
            self._ears.drop(name)
        self._ears.off -= back
        if back:
            # Its channels were not subscribed on this connection.
            self._stream.renew()
        if failed is not None:
            raise failed

    async def close(self) -> None:
        """What is under way is given its end; nothing is cancelled at the venue."""
        self._rounds.stop()
        self._trading.unsent.withdraw_entries()
        if self._feed is not None:
            self._feed.stop()
        if self._stream is not None:
            await self._stream.close()
        await self._work.finish(CLOSE_S)
        await self._close_pool()

    async def resync(self) -> None:
        """Measure the venue's clock."""
        sent = self._wall()
        server = await self._api.time_ns()
        received = self._wall()
        self._offset.measured(sent / 1e6, received / 1e6, server / 1e6, boot_ns())

    async def examine(self) -> tuple[Finding, ...]:
        """The real exchange never told whether a key may withdraw; our server does."""
        if self._account is None:
            rights = Finding(
                subject=self.name, check=KEY_RIGHTS, verdict=Verdict.WARN, text="no key: market data only"
            )
        else:
            rights = key_rights(self.name, self._account.withdrawEnabled)
        return (
            rights,
            Finding(
                subject=self.name, check="position mode", verdict=Verdict.OK, text="one position a market"
            ),
            Finding(
                subject=self.name,
                check="margin mode",
                verdict=Verdict.OK,
                text="cross, one pool of collateral",
            ),
        )

    def venue_now(self) -> int:
        """Our wall clock, corrected by what is known of the venue's, ns."""
        offset = self._offset.offset_ms(boot_ns())
        return self._wall() + int((offset or 0.0) * 1e6)

    def health(self) -> VenueHealth:
        age = self._stream.age() if self._stream is not None else None
        offset = self._offset.offset_ms(boot_ns())
        return VenueHealth(
            connected=self._stream is not None and age is not None,
            data_age_ms=None if age is None else int(age * 1000),
            latency_ms_p50=self._trading.latencies.quantile(0.5),
            latency_ms_p95=self._trading.latencies.quantile(0.95),
            clock_offset_ms=None if offset is None else round(offset),
            budget=self._api.rest.budget.used(boot_ns()),
            reconnects=max(0, self._stream.connects - 1) if self._stream is not None else 0,
            leverage=None if self._account is None else parse.leverage_of(self._account),
        )

    def reserve(self, share: float) -> None:
        self._api.rest.budget.reserve(share)

    def depth(self, instrument: str, count: int) -> tuple[Levels, Levels] | None:
        """See `LiveVenue`."""
        spec = self._by_market.get(instrument.rpartition(".")[0])
        return None if spec is None or self._ears is None else self._ears.levels(spec.symbol, count)

    def _up(self) -> None:
        for word in connected(self.name, self.capabilities, self._wall()):
            self._tell(word)
        if self._feed is not None:
            self._feed.restate()

    def _down(self, reason: str) -> None:
        # A market that was taken off the list falls silent, and nothing else would say why.
        self._rounds.hint()
        self._tell(VenueLink(venue=self.name, ts=self._wall(), up=False, reason=reason))

    async def _say(self, text: str) -> None:
        if self._stream is not None:
            await self._stream.say(text)

    # --- the desk's side ---------------------------------------------------------------------------------

    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(self._by_market.values())

    def prepare(self, order: OrderRequest) -> None:
        """See `Prepares`."""
        self._trading.prepare(order)

    def submit(self, now: int, order: OrderRequest) -> None:
        self._work.spawn(self._trading.submit(order))

    def cancel(self, now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        self._work.spawn(self._trading.cancel(client_order_id, venue_order_id))

    def query(self, now: int, instrument: str, client_order_id: str) -> None:
        self._work.spawn(self._trading.query(client_order_id))

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        self._work.spawn(self._trading.read(request, fills_since))

    def dead_man(self, now: int, timeout_ms: int) -> None:
        self._work.spawn(self._trading.arm(timeout_ms))

    def set_fault(self, effect: SetFault) -> None:
        """Of our own server; any other has none to be set."""
        self._work.spawn(self._set_fault(effect))

    async def _set_fault(self, effect: SetFault) -> None:
        try:
            await self._api.fault(effect.kind.value, effect.chance)
        except WireError as error:
            log.error("%s: the fault %s was not set: %s", self.name, effect.kind.value, error)

    def wake(self, now: int, token: object) -> None:
        """Real time wakes by itself."""

    # --- inside ------------------------------------------------------------------------------------------

    def _trouble(self, text: str) -> None:
        log.warning("%s: %s", self.name, text)

    def _tell(self, event: Event) -> None:
        self._outbox.deliver(self._wall(), event)
