"""Binance USD-M futures as the live driver meets it: one account, three connections, one link.

The link is up while all connections are: quotes without marks, or fills without quotes, are no market to
trade in. Any doubt about the account's configuration keeps the venue read-only, with its reason.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

from services.domain.instrument import Instrument
from services.runtime.clock import boot_s, steady_ns
from services.venues.binance import errors, parse
from services.venues.binance.account import Reader
from services.venues.binance.api import BinanceApi
from services.venues.binance.base import NO_KEY, RESYNC_S, Address, MakeStream, WiredVenue
from services.venues.binance.ears import Ears
from services.venues.binance.facts import Facts, findings, learn, present, terms
from services.venues.binance.feed import Feed
from services.venues.binance.futures_trading import FuturesTrading
from services.venues.binance.hosts import BinanceSettings, check_hosts
from services.venues.binance.market import MarketEars, PublicEars
from services.venues.binance.private import PrivateEars
from services.venues.binance.wallet import Wallet
from services.venues.live import Capabilities, Finding
from services.venues.payouts import EVERY_S
from services.venues.port import Outbox
from services.venues.relisting import Missing, ended
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import BadNumber
from services.venues.wire.offset import ClockOffset

KEEP_LISTENING_S = 1_800.0
"""A listen key lives for an hour; it is prolonged twice in it."""
KEEP_AGAIN_S = 60.0
"""So often it is looked at whether that is due, and asked again what was not answered: an hour that ends
unnoticed leaves a connection that is open and says nothing."""

DEAD_MAN_S = 120
"""Each symbol's countdown is a request of its own, so it is set for longer and beaten less often."""


class BinanceVenue(WiredVenue):
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
        wall: Callable[[], int] = steady_ns,
        wallet: Wallet | None = None,
        payouts_s: float = EVERY_S,
    ) -> None:
        check_hosts(settings.hosts)
        if not settings.symbols:
            raise ValueError(f"{name}: a Binance profile names its symbols")
        self._keyed = bool(settings.key)
        can = Capabilities(
            orders=self._keyed,
            account=self._keyed,
            conditional=self._keyed,
            dead_man=self._keyed,
            # Ordinary orders are all that it is said to cancel; of the algo service's nobody has said it.
            conditional_survives_dead_man=True,
            dead_man_s=DEAD_MAN_S,
            funding_price="mark",
            history=True,
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
        self.multi_assets: bool | None = None
        self._settings = settings
        self._api = api
        self._facts = Facts(instruments={}, filters={}, intervals={})
        self._kept_at = 0.0
        """When the listen key was prolonged last, by the clock that counts sleep."""

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
        await self._ask_wallet()
        self._listed = self._facts.instruments
        self.funding_caps = self._facts.caps
        self.multi_assets = self._facts.multi_assets
        market = MarketEars(
            self.name, tuple(self._listed), self._facts.intervals, trouble=self._trouble, late=self.late
        )
        public = self._public = PublicEars(
            self._listed,
            trouble=self._trouble,
            snapshot=lambda symbol: self._work.spawn(self._snapshot(public, symbol)),
            late=self.late,
        )
        for row in await self._api.asset_index():
            with contextlib.suppress(parse.ParseError, BadNumber):
                market.take_index(row.symbol, row.index, row.bidBuffer)
        ears: dict[str, Ears] = {"public": public, "market": market}
        private = self._trade(market)
        if self._keyed:
            ears["private"] = private
        addresses = {
            "public": self._public_address("public"),
            "market": self._public_address("market"),
            "private": self._private_address,
        }
        self._connect(ears, addresses)
        feed = self._public_feed = Feed(
            self.name,
            self._api,
            self._listed,
            self._facts.intervals,
            public,
            market,
            (self._streams["public"], self._streams["market"]),
            self._tell,
            self._all_up,
            self.venue_now,
            self._wall,
            self._rounds.hint,
        )
        await feed.fill_back()
        # The private stream first: what happens from here on is heard.
        for entry in ("private", "public", "market"):
            if entry in self._streams:
                self._streams[entry].start()
        self._work.spawn(feed.run())
        self._work.spawn(self._every(RESYNC_S, self.resync))
        self._work.spawn(self._rounds.run())
        if self._keyed:
            self._kept_at = boot_s()
            self._work.spawn(self._every(KEEP_AGAIN_S, self._keep_listening))

    async def _terms(self) -> None:
        if not self._keyed:
            return
        now, leverage = self._wall(), self._settings.leverage
        open_now = [name for name, spec in self._listed.items() if not ended(spec, now)]
        self._judge(await terms(self._api, self._facts, open_now, leverage, self._trouble))

    async def _present(self) -> dict[str, Instrument | Missing]:
        info = await self._api.exchange_info()
        if not info.symbols:
            raise WireError(ErrorKind.UNAVAILABLE, "a list of symbols with nothing on it")
        return present(self.name, self._facts, info, self._trouble)

    def _trade(self, market: MarketEars) -> PrivateEars:
        """The account's side, and the ears that belong to it."""
        facts = self._facts
        trading = FuturesTrading(
            self.name,
            self._api,
            facts.instruments,
            facts.filters,
            market.marks.get,
            tell=self._tell,
            spawn=self._work.spawn,
            trouble=self._trouble,
            clock_known=self.clock_known,
            venue_now=self.venue_now,
            wall=self._wall,
        )
        self._trading, trading.on_refusal, trading.gone = trading, self._look_again, self.gone
        reader = Reader(
            self.name,
            self._api,
            trading.orders,
            facts.instruments,
            facts.leverages,
            lambda coin: facts.weight(coin, market.weights),
            name_trades=trading.name_trades,
            frames=lambda: trading.frames,
            gone=self.gone,
            suspended=self.suspended,
            venue_now=self.venue_now,
            wall=self._wall,
        )
        self._read = reader.read
        self._judge(facts.reasons if self._keyed else (NO_KEY,))
        return PrivateEars(trading, trouble=self._trouble)

    async def _keep_listening(self) -> None:
        now = boot_s()
        if now - self._kept_at < KEEP_LISTENING_S:
            return
        try:
            await self._api.keep_listening()
            self._kept_at = now
        except WireError as error:
            if error.code == errors.NO_LISTEN_KEY:
                # The old connection will never speak again: a new one gets a new key.
                self._kept_at = now
                self._streams["private"].renew()
            raise

    async def _private_address(self) -> str:
        """A listen key for each connection: the living one with its life prolonged, or a new one."""
        return f"{self._settings.hosts.stream}/private/ws?listenKey={await self._api.listen_key()}"

    def _public_address(self, entry: str) -> Address:
        async def found() -> str:
            return f"{self._settings.hosts.stream}/{entry}/ws"

        return found

    async def examine(self) -> tuple[Finding, ...]:
        return findings(self.name, self._facts, self._withdraws)
