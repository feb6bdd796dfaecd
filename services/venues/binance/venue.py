"""Binance USD-M futures as the live driver meets it: one account, three connections, one link.

The link is up while all connections are: quotes without marks, or fills without quotes, are no market to
trade in. Any doubt about the account's configuration keeps the venue read-only, with its reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec

from services.domain.events import Event, VenueLink
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.venues.binance import errors, parse
from services.venues.binance.account import Reader
from services.venues.binance.api import BinanceApi
from services.venues.binance.ears import Ears
from services.venues.binance.facts import Facts, findings, learn
from services.venues.binance.feed import Feed
from services.venues.binance.hosts import BinanceSettings, check_hosts
from services.venues.binance.links import Links
from services.venues.binance.market import MarketEars, PublicEars
from services.venues.binance.private import PrivateEars
from services.venues.binance.trading import Trading
from services.venues.live import Capabilities, Finding, VenueHealth, connected
from services.venues.port import Outbox
from services.venues.wire.errors import WireError
from services.venues.wire.numbers import BadNumber
from services.venues.wire.offset import ClockOffset
from services.venues.wire.stream import Stream

log = logging.getLogger("stableconsole.binance")

KEEP_LISTENING_S = 1_800.0
"""A listen key lives for an hour; it is prolonged twice in it."""
RESYNC_S = 60.0

Address = Callable[[], Awaitable[str]]
MakeStream = Callable[[str, Ears, Callable[[], None], Callable[[str], None], Address], Stream]
"""Entry point, ears, up, down, and what finds the address of each connection."""


class BinanceVenue:
    """Implements `LiveVenue`."""

    def __init__(
        self,
        name: str,
        settings: BinanceSettings,
        api: BinanceApi,
        outbox: Outbox,
        offset: ClockOffset,
        *,
        make_stream: MakeStream,
        close: Callable[[], Awaitable[None]],
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        check_hosts(settings.hosts)
        if not settings.symbols:
            raise ValueError(f"{name}: a Binance profile names its symbols")
        self.name = name
        self._keyed = bool(settings.key)
        self.capabilities = Capabilities(
            orders=self._keyed,
            conditional=self._keyed,
            dead_man=self._keyed,
            # It is not known that the switch takes conditional orders along, so nobody may count on it.
            conditional_survives_dead_man=True,
            client_id_forever=False,
            funding_price="mark",
            history=True,
        )
        self.reasons: tuple[str, ...] = ()
        """Why the venue is read-only; shown by `doctor`."""
        self.multi_assets: bool | None = None
        self._settings = settings
        self._api = api
        self._outbox = outbox
        self._offset = offset
        self._make_stream = make_stream
        self._close_pool = close
        self._wall = wall
        self._facts = Facts(instruments={}, filters={}, intervals={})
        self._trading: Trading | None = None
        self._reader: Reader | None = None
        self._feed: Feed | None = None
        self._streams: dict[str, Stream] = {}
        self._links: Links | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()

    # --- life --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Raises WireError, ParseError, BadNumber: the venue cannot be used at all."""
        await self.resync()
        self._facts = await learn(
            self.name,
            self._api,
            self._settings.symbols,
            keyed=self._keyed,
            leverage=self._settings.leverage,
            say=self._trouble,
        )
        self.multi_assets = self._facts.multi_assets
        market = MarketEars(
            self.name, tuple(self._facts.instruments), self._facts.intervals, trouble=self._trouble
        )
        public = PublicEars(
            self._facts.instruments,
            trouble=self._trouble,
            snapshot=lambda symbol: self._spawn(self._snapshot(public, symbol)),
        )
        for row in await self._api.asset_index():
            with contextlib.suppress(parse.ParseError, BadNumber):
                market.take_index(row.symbol, row.index, row.bidBuffer)
        ears: dict[str, Ears] = {"public": public, "market": market}
        private = self._trade(market)
        if self._keyed:
            ears["private"] = private
        self._links = Links(tuple(ears), up=self._up, down=self._down)
        for entry, heard in ears.items():
            self._streams[entry] = self._make_stream(
                entry,
                heard,
                self._links.up_of(entry),
                self._links.down_of(entry),
                self._private_address if entry == "private" else self._public_address(entry),
            )
        self._feed = Feed(
            self.name,
            self._api,
            self._facts.instruments,
            self._facts.intervals,
            public,
            market,
            (self._streams["public"], self._streams["market"]),
            self._tell,
            lambda: self._links is not None and self._links.all_up,
            self.venue_now,
            self._wall,
        )
        await self._feed.fill_back()
        # The private stream first: what happens from here on is heard.
        for entry in ("private", "public", "market"):
            if entry in self._streams:
                self._streams[entry].start()
        self._spawn(self._feed.run())
        self._spawn(self._every(RESYNC_S, self.resync))
        if self._keyed:
            self._spawn(self._every(KEEP_LISTENING_S, self._keep_listening))

    def _trade(self, market: MarketEars) -> PrivateEars:
        """The account's side, and the ears that belong to it."""
        facts = self._facts
        trading = Trading(
            self.name,
            self._api,
            facts.instruments,
            facts.filters,
            market.marks.get,
            tell=self._tell,
            spawn=self._spawn,
            trouble=self._trouble,
            clock_known=lambda: self._offset.usable(time.monotonic_ns()),
            venue_now=self.venue_now,
            wall=self._wall,
        )
        self._trading = trading
        self._reader = Reader(
            self.name,
            self._api,
            trading.orders,
            facts.instruments,
            facts.leverages,
            lambda coin: facts.weight(coin, market.weights),
            frames=lambda: trading.frames,
            venue_now=self.venue_now,
            wall=self._wall,
        )
        self.reasons = facts.reasons if self._keyed else ("no key: market data only",)
        if self.reasons:
            trading.refuse("; ".join(self.reasons))
            self.capabilities = msgspec.structs.replace(self.capabilities, orders=False)
        return PrivateEars(trading, trouble=self._trouble)

    async def close(self) -> None:
        """What is under way is given its end; nothing is cancelled at the venue."""
        self._stopped.set()
        if self._feed is not None:
            self._feed.stop()
        for stream in self._streams.values():
            await stream.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)
        for task in self._tasks:
            task.cancel()
        await self._close_pool()

    async def resync(self) -> None:
        """Measure the venue's clock."""
        sent = self._wall()
        server = await self._api.time_ms()
        received = self._wall()
        self._offset.measured(sent / 1e6, received / 1e6, float(server), time.monotonic_ns())

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), seconds)
                return
            try:
                await work()
            except WireError as error:
                self._trouble(error.text)

    async def _keep_listening(self) -> None:
        try:
            await self._api.keep_listening()
        except WireError as error:
            if error.code == errors.NO_LISTEN_KEY:
                # The old connection will never speak again: a new one gets a new key.
                self._streams["private"].renew()
            raise

    async def _private_address(self) -> str:
        """A listen key for each connection: the living one with its life prolonged, or a new one."""
        return f"{self._settings.hosts.stream}/private/ws?listenKey={await self._api.listen_key()}"

    def _public_address(self, entry: str) -> Address:
        async def found() -> str:
            return f"{self._settings.hosts.stream}/{entry}/ws"

        return found

    async def _snapshot(self, public: PublicEars, symbol: str) -> None:
        try:
            public.filled(symbol, await self._api.depth(symbol))
        except WireError as error:
            self._trouble(f"no snapshot of {symbol}: {error.text}")
            await asyncio.sleep(1)
            public.filled(symbol, None)

    async def examine(self) -> tuple[Finding, ...]:
        return findings(self.name, self._facts)

    def venue_now(self) -> int:
        """Our wall clock, corrected by what is known of the venue's, ns."""
        offset = self._offset.offset_ms(time.monotonic_ns())
        return self._wall() + int((offset or 0.0) * 1e6)

    def health(self) -> VenueHealth:
        ages = [stream.age() for stream in self._streams.values()]
        known = [age for age in ages if age is not None]
        offset = self._offset.offset_ms(time.monotonic_ns())
        latencies = self._trading.latencies if self._trading is not None else None
        return VenueHealth(
            connected=self._links is not None and self._links.all_up,
            data_age_ms=int(max(known) * 1000) if ages and len(known) == len(ages) else None,
            latency_ms_p50=None if latencies is None else latencies.quantile(0.5),
            latency_ms_p95=None if latencies is None else latencies.quantile(0.95),
            clock_offset_ms=None if offset is None else round(offset),
            budget=self._api.rest.budget.used(time.monotonic_ns()),
            reconnects=sum(max(0, stream.connects - 1) for stream in self._streams.values()),
        )

    def _up(self) -> None:
        for word in connected(self.name, self.capabilities, self._wall()):
            self._tell(word)
        if self._feed is not None:
            self._feed.restate()

    def _down(self, reason: str) -> None:
        self._tell(VenueLink(venue=self.name, ts=self._wall(), up=False, reason=reason))

    # --- the desk's side ---------------------------------------------------------------------------------

    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(self._facts.instruments.values())

    def submit(self, now: int, order: OrderRequest) -> None:
        self._spawn(self._account().submit(order))

    def cancel(self, now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        self._spawn(self._account().cancel(instrument, client_order_id, venue_order_id))

    def query(self, now: int, instrument: str, client_order_id: str) -> None:
        self._spawn(self._account().query(instrument, client_order_id))

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        trading, reader = self._account(), self._reader
        assert reader is not None  # noqa: S101 # made together with the trading
        self._spawn(trading.read(reader, request, fills_since))

    def dead_man(self, now: int, timeout_ms: int) -> None:
        self._spawn(self._account().arm(timeout_ms))

    def wake(self, now: int, token: object) -> None:
        """Real time wakes by itself."""

    def _account(self) -> Trading:
        """Without a key it is there too: all that it asks fails, and is told as failed."""
        if self._trading is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._trading

    # --- inside ------------------------------------------------------------------------------------------

    def _trouble(self, text: str) -> None:
        log.warning("%s: %s", self.name, text)

    def _tell(self, event: Event) -> None:
        self._outbox.deliver(self._wall(), event)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A fault of ours: nobody knows what it has left undone, so the venue counts as lost.
            log.error("%s: %s", self.name, error, exc_info=error)
            self._down(f"internal error: {type(error).__name__}")
