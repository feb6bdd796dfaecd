"""What the futures and the spot venue have in common: their tasks, their clock, and the desk's side.

A venue's part derives: it learns its facts in `start`, makes its streams and its `Trading`, and says in
`examine` what a person has to know.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Protocol

from msgspec.structs import replace

from services.domain.events import Event, VenueLink
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.domain.venue_events import InstrumentsListed
from services.runtime.clock import boot_ns
from services.venues.binance import schemas as wire
from services.venues.binance.asking import Read
from services.venues.binance.ears import Ears
from services.venues.binance.links import Links
from services.venues.binance.market import PublicEars
from services.venues.binance.trading import Trading
from services.venues.binance.wallet import Wallet
from services.venues.live import Capabilities, Finding, Levels, VenueHealth, connected
from services.venues.payouts import Payouts
from services.venues.port import Outbox
from services.venues.relisting import Missing, Present, Rounds, absent_of, ended, relisted
from services.venues.wire.errors import WireError
from services.venues.wire.offset import ClockOffset
from services.venues.wire.rest import Rest
from services.venues.wire.stream import Stream
from services.venues.work import CLOSE_S, Work

log = logging.getLogger("stableconsole.binance")

RESYNC_S = 15.0
"""Between questions for the time; an idle connection is trusted for longer, so one is warm for an order."""
NO_KEY = "no key: market data only"
LATE_MS = 2_000
"""What a stream brings is stamped by the venue; older than this it is the past, whenever it is heard."""

Address = Callable[[], Awaitable[str]]
MakeStream = Callable[[str, Ears, Callable[[], None], Callable[[str], None], Address], Stream]
"""Entry point, ears, up, down, and what finds the address of each connection."""


class MarketApi(Protocol):
    """What is asked without a key."""

    rest: Rest

    async def time_ms(self) -> int: ...

    async def depth(self, symbol: str) -> wire.Depth: ...


class PublicFeed(Protocol):
    """The feed of public data."""

    def restate(self) -> None: ...

    def stop(self) -> None: ...


class WiredVenue(ABC):
    """Implements `LiveVenue` but for `start` and `examine`."""

    def __init__(
        self,
        name: str,
        capabilities: Capabilities,
        api: MarketApi,
        outbox: Outbox,
        offset: ClockOffset,
        *,
        make_stream: MakeStream,
        close: Callable[[], Awaitable[None]],
        wall: Callable[[], int],
        wallet: Wallet | None,
        payouts_s: float,
    ) -> None:
        """`wallet`: None = nobody tells what the key may do, and which coins can leave."""
        self.name = name
        self._work = Work(name, self._down)
        self.capabilities = capabilities
        self.reasons: tuple[str, ...] = ()
        """Why the venue is read-only; shown by `doctor`."""
        self._market_api = api
        self._outbox = outbox
        self._offset = offset
        self._make_stream = make_stream
        self._close_pool = close
        self._wall = wall
        self._listed: dict[str, Instrument] = {}
        """By symbol."""
        self.funding_caps: dict[str, Decimal] = {}
        """By instrument, told with the facts."""
        self._trading: Trading | None = None
        self._read: Read | None = None
        self._public: PublicEars | None = None
        self._public_feed: PublicFeed | None = None
        self._streams: dict[str, Stream] = {}
        self._links: Links | None = None
        self._ears: dict[str, Ears] = {}
        self._stopped = asyncio.Event()
        self._wallet = wallet
        self._payouts_s = payouts_s
        self._withdraws: bool | None = None
        """Whether the key may; None = not told."""
        self._payouts: Payouts | None = None
        self._rounds = Rounds(self.relist, self._trouble)
        self._absent: frozenset[str] = frozenset()
        """What the last look at the list lacked."""

    # --- life --------------------------------------------------------------------------------------------

    @abstractmethod
    async def start(self) -> None: ...

    @abstractmethod
    async def examine(self) -> tuple[Finding, ...]: ...

    @abstractmethod
    async def _terms(self) -> None:
        """Ask for the account's fees and brackets anew. What is not answered stays as it was; what cannot be
        read is unknown. Raises WireError."""

    @abstractmethod
    async def _present(self) -> dict[str, Instrument | Missing]:
        """The symbols of the profile as the venue lists them now, filters taken over. Raises WireError."""

    async def relist(self, whole: bool = True) -> None:
        """Tell what has changed of the list, and, if `whole`, of the account's terms. Raises WireError."""
        failed = await self._try_terms() if whole else None
        present, now = self._enterable(await self._present()), self._wall()
        changed = relisted(self._listed, present, now, self._absent)
        before, self._absent = self._absent, absent_of(present)
        if self._absent - before:
            self._rounds.hint()
        if changed:
            self._listed.update(changed)
            self._tell(InstrumentsListed(venue=self.name, instruments=tuple(changed.values()), ts=now))
        gone = self._absent | {name for name, spec in self._listed.items() if ended(spec, now)}
        for heard in self._ears.values():
            heard.excuse(gone)
        if failed is not None:
            raise failed

    async def gone(self, symbols: frozenset[str]) -> frozenset[str]:
        """Those of them that are over. An answer that does not know a symbol is one witness, a list that
        lacks it the second; so the list is read now, and not when its turn comes. Raises WireError."""
        now = self._wall()
        fresh = frozenset(name for name in symbols if not ended(self._listed[name], now))
        if fresh:
            self._absent |= fresh
            await self.relist(whole=False)
            now = self._wall()
        return frozenset(name for name in symbols if ended(self._listed[name], now))

    def _judge(self, reasons: tuple[str, ...]) -> None:
        """What keeps the account from trading, as it was told last. One odd answer must not hold for long."""
        self.reasons = reasons
        self.capabilities = replace(self.capabilities, orders=self.capabilities.account and not reasons)
        self._account().judge("; ".join(reasons))
        if reasons and self.capabilities.account:
            self._rounds.doubt()

    def _look_again(self) -> None:
        """At the list now, and at the account's terms soon."""
        self._rounds.doubt()
        self._rounds.hint()

    def _enterable(self, present: Present) -> Present:
        """Where nothing that adds risk is sent nobody is to begin with another venue's leg: its hedge would
        be denied here. What taking costs is unknown then."""
        if self._trading is None or not self._trading.refuses:
            return present
        return {
            name: replace(found, taker_fee=None) if isinstance(found, Instrument) else found
            for name, found in present.items()
        }

    async def _try_terms(self) -> WireError | None:
        """Without them the list is told all the same."""
        try:
            await self._terms()
        except WireError as error:
            return error
        return None

    async def _ask_wallet(self) -> None:
        """What is not told is unknown, and no reason to stay away: `doctor` shows it."""
        if self._wallet is None:
            return
        try:
            self._withdraws = await self._wallet.can_withdraw()
        except WireError as error:
            self._trouble(f"what the key may do is not told: {error.text}")
        if self._payouts is None:  # a start that failed behind this is made again: one loop for all
            payouts = self._payouts = Payouts(self._wallet.suspended, self._trouble, (WireError,))
            self._work.spawn(payouts.run(self._stopped, self._payouts_s))

    def suspended(self) -> tuple[str, ...]:
        """Coins whose withdrawals are suspended, as far as it is told."""
        return () if self._payouts is None else self._payouts.suspended

    def _connect(self, ears: dict[str, Ears], addresses: dict[str, Address]) -> None:
        """Make the streams, not yet started: up when all of them are."""
        self._ears = ears
        self._links = Links(tuple(ears), up=self._up, down=self._down)
        for entry, heard in ears.items():
            self._streams[entry] = self._make_stream(
                entry, heard, self._links.up_of(entry), self._links.down_of(entry), addresses[entry]
            )

    def _all_up(self) -> bool:
        return self._links is not None and self._links.all_up

    async def close(self) -> None:
        """What is under way is given its end; nothing is cancelled at the venue."""
        self._stopped.set()
        self._rounds.stop()
        if self._trading is not None:
            self._trading.unsent.withdraw_entries()
        if self._public_feed is not None:
            self._public_feed.stop()
        for stream in self._streams.values():
            await stream.close()
        await self._work.finish(CLOSE_S)
        await self._close_pool()

    async def resync(self) -> None:
        """Measure the venue's clock."""
        sent = self._wall()
        server = await self._market_api.time_ms()
        received = self._wall()
        self._offset.measured(sent / 1e6, received / 1e6, float(server), boot_ns())

    def late(self, ms: int) -> bool:
        """A stamp of the venue that is too old to be told as the present, where its clock is known."""
        return self.clock_known() and self.venue_now() // 1_000_000 - ms > LATE_MS

    def clock_known(self) -> bool:
        """Well enough to trade by."""
        return self._offset.usable(boot_ns())

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), seconds)
                return
            try:
                await work()
            except WireError as error:
                self._trouble(error.text)

    async def _snapshot(self, public: PublicEars, symbol: str) -> None:
        try:
            public.filled(symbol, await self._market_api.depth(symbol))
        except WireError as error:
            self._trouble(f"no snapshot of {symbol}: {error.text}")
            await asyncio.sleep(1)
            public.filled(symbol, None)

    def venue_now(self) -> int:
        """Our wall clock, corrected by what is known of the venue's, ns."""
        offset = self._offset.offset_ms(boot_ns())
        return self._wall() + int((offset or 0.0) * 1e6)

    def health(self) -> VenueHealth:
        ages = [stream.age() for stream in self._streams.values()]
        known = [age for age in ages if age is not None]
        offset = self._offset.offset_ms(boot_ns())
        latencies = self._trading.latencies if self._trading is not None else None
        return VenueHealth(
            connected=self._all_up(),
            data_age_ms=int(max(known) * 1000) if ages and len(known) == len(ages) else None,
            latency_ms_p50=None if latencies is None else latencies.quantile(0.5),
            latency_ms_p95=None if latencies is None else latencies.quantile(0.95),
            clock_offset_ms=None if offset is None else round(offset),
            budget=self._market_api.rest.budget.used(boot_ns()),
            reconnects=sum(max(0, stream.connects - 1) for stream in self._streams.values()),
        )

    def reserve(self, share: float) -> None:
        self._market_api.rest.budget.reserve(share)

    def depth(self, instrument: str, count: int) -> tuple[Levels, Levels] | None:
        spec = self._listed.get(instrument.rpartition(".")[0])
        return None if spec is None or self._public is None else self._public.levels(spec.symbol, count)

    def _up(self) -> None:
        for word in connected(self.name, self.capabilities, self._wall(), self.funding_caps):
            self._tell(word)
        if self._public_feed is not None:
            self._public_feed.restate()

    def _down(self, reason: str) -> None:
        # A market that was taken off the list falls silent, and nothing else would say why.
        self._rounds.hint()
        self._tell(VenueLink(venue=self.name, ts=self._wall(), up=False, reason=reason))

    # --- the desk's side ---------------------------------------------------------------------------------

    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(self._listed.values())

    def prepare(self, order: OrderRequest) -> None:
        self._account().prepare(order)

    def submit(self, now: int, order: OrderRequest) -> None:
        self._work.spawn(self._account().submit(order))

    def cancel(self, now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        self._work.spawn(self._account().cancel(instrument, client_order_id, venue_order_id))

    def query(self, now: int, instrument: str, client_order_id: str) -> None:
        self._work.spawn(self._account().query(instrument, client_order_id))

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        trading, read = self._account(), self._read
        assert read is not None  # noqa: S101 # made together with the trading
        self._work.spawn(trading.read(read, request, fills_since))

    def dead_man(self, now: int, timeout_ms: int) -> None:
        self._work.spawn(self._account().arm(timeout_ms))

    def wake(self, now: int, token: object) -> None:  # noqa: B027 - nothing is to be derived
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
