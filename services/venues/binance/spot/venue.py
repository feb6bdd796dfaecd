"""Binance spot as the live driver meets it: one account of coins, two connections, one link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from services.domain.instrument import Instrument
from services.runtime.clock import steady_ns
from services.venues.binance import errors
from services.venues.binance.base import NO_KEY, RESYNC_S, MakeStream, WiredVenue
from services.venues.binance.ears import Ears
from services.venues.binance.hosts import SpotSettings, check_hosts
from services.venues.binance.market import PublicEars
from services.venues.binance.sign import Sign
from services.venues.binance.spot import schemas as wire
from services.venues.binance.spot.account import SpotReader
from services.venues.binance.spot.api import SpotApi
from services.venues.binance.spot.facts import SpotFacts, findings, learn, present, terms
from services.venues.binance.spot.feed import SpotFeed
from services.venues.binance.spot.private import SpotPrivateEars
from services.venues.binance.spot.trading import SpotTrading
from services.venues.binance.wallet import Wallet
from services.venues.live import Capabilities, Finding
from services.venues.payouts import EVERY_S
from services.venues.port import Outbox
from services.venues.relisting import Missing
from services.venues.wire.errors import WireError
from services.venues.wire.offset import ClockOffset


class SpotVenue(WiredVenue):
    """Implements `LiveVenue`."""

    def __init__(
        self,
        name: str,
        settings: SpotSettings,
        api: SpotApi,
        sign: Sign | None,
        outbox: Outbox,
        offset: ClockOffset,
        *,
        make_stream: MakeStream,
        close: Callable[[], Awaitable[None]],
        wall: Callable[[], int] = steady_ns,
        wallet: Wallet | None = None,
        payouts_s: float = EVERY_S,
    ) -> None:
        check_hosts(settings.hosts)
        if not settings.symbols:
            raise ValueError(f"{name}: a Binance profile names its symbols")
        can = Capabilities(
            orders=sign is not None,
            account=sign is not None,
            conditional=False,
            dead_man=False,
            conditional_survives_dead_man=False,
            funding_price="none",
            history=False,
            asked=("indexes",),
        )
        super().__init__(
            name,
            can,
            api,
            outbox,
            offset,
            make_stream=make_stream,
            close=close,
            wall=wall,
            wallet=wallet,
            payouts_s=payouts_s,
        )
        self._settings = settings
        self._api = api
        self._sign = sign
        self._facts = SpotFacts(instruments={}, filters={})
        self._feed: SpotFeed | None = None

    async def start(self) -> None:
        """Raises WireError, ParseError, BadNumber: the venue cannot be used at all."""
        await self.resync()
        facts = self._facts = await learn(
            self.name, self._api, self._settings.symbols, keyed=self._sign is not None, say=self._trouble
        )
        await self._ask_wallet()
        self._listed = facts.instruments
        public = self._public = PublicEars(
            self._listed,
            trouble=self._trouble,
            snapshot=lambda symbol: self._work.spawn(self._snapshot(public, symbol)),
            spot=True,
            late=self.late,
        )
        trading = self._trade()
        ears: dict[str, Ears] = {"public": public}
        if self._sign is not None:
            ears["private"] = SpotPrivateEars(
                trading,
                self._settings.key,
                self._sign,
                now_ms=lambda: self.venue_now() // 1_000_000,
                trouble=self._trouble,
            )
        self._connect(ears, {"public": self._market_address, "private": self._private_address})
        feed = self._public_feed = self._feed = SpotFeed(
            self.name,
            self._api,
            self._listed,
            public,
            self._streams["public"],
            self._tell,
            self._all_up,
            self._trouble,
            self._wall,
            self._rounds.hint,
        )
        await feed.fill_back()
        # The private stream first: what happens from here on is heard.
        for entry in ("private", "public"):
            if entry in self._streams:
                self._streams[entry].start()
        self._work.spawn(feed.run())
        self._work.spawn(self._every(RESYNC_S, self.resync))
        self._work.spawn(self._rounds.run())

    async def _terms(self) -> None:
        if self._sign is None:
            return
        self._judge(await terms(self._api, self._facts, self._trouble))

    async def _present(self) -> dict[str, Instrument | Missing]:
        names = tuple(self._listed)
        unknown: list[str] = []
        rows: list[wire.Symbol] = []
        unread: dict[str, str] = {}
        try:
            lists = [await self._api.exchange_info(names)]
        except WireError as error:
            if error.code != errors.BAD_SYMBOL:
                raise
            # One that was taken off the list makes the venue refuse the whole question.
            lists = [info for name in names for info in await self._listed_alone(name, unknown)]
        for info in lists:
            rows.extend(info.symbols)
            unread.update(info.unread)
        found = present(self.name, self._facts, rows, unread, self._trouble)
        found.update(dict.fromkeys(unknown, Missing.CLOSED))
        return found

    async def _listed_alone(self, name: str, unknown: list[str]) -> tuple[wire.ExchangeInfo, ...]:
        """Its row; one that the venue says it does not know goes into `unknown`."""
        try:
            return (await self._api.exchange_info((name,)),)
        except WireError as error:
            if error.code != errors.BAD_SYMBOL:
                raise
            unknown.append(name)
            return ()

    def _trade(self) -> SpotTrading:
        facts = self._facts
        trading = SpotTrading(
            self.name,
            self._api,
            facts.instruments,
            facts.filters,
            self._average,
            tell=self._tell,
            spawn=self._work.spawn,
            trouble=self._trouble,
            clock_known=self.clock_known,
            venue_now=self.venue_now,
            wall=self._wall,
        )
        self._trading, trading.on_refusal, trading.gone = trading, self._look_again, self.gone
        reader = SpotReader(
            self.name,
            self._api,
            trading.orders,
            facts.instruments,
            name_trades=trading.name_trades,
            transfers=lambda: tuple(trading.transfers.values()),
            frames=lambda: trading.frames,
            gone=self.gone,
            suspended=self.suspended,
            venue_now=self.venue_now,
            wall=self._wall,
        )
        self._read = reader.read
        self._judge(facts.reasons if self._sign is not None else (NO_KEY,))
        return trading

    def _average(self, symbol: str) -> Decimal | None:
        return None if self._feed is None else self._feed.average(symbol)

    async def _market_address(self) -> str:
        """The wrapped form: a spot ticker says nowhere that it is one."""
        return f"{self._settings.hosts.stream}/stream"

    async def _private_address(self) -> str:
        return self._settings.hosts.api

    async def examine(self) -> tuple[Finding, ...]:
        return findings(self.name, self._facts, self._withdraws)
