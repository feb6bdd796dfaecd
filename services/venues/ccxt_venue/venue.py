"""An exchange of the library as the live driver meets it: polled market, polled account, one link.

It trades where our table has tested the exchange and the account stands as it must; everywhere else it is
watched, and paper mode trades on its market.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec import structs

from services.domain.events import Event, OrderRejected, VenueLink
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.domain.venue_events import RequestFailed
from services.runtime.clock import boot_ns, boot_s, steady_ns
from services.venues.ccxt_venue import facts, funding
from services.venues.ccxt_venue.door import Door
from services.venues.ccxt_venue.errors import READING, told
from services.venues.ccxt_venue.facts import Listed
from services.venues.ccxt_venue.feed import Feed, Pace
from services.venues.ccxt_venue.findings import findings
from services.venues.ccxt_venue.followed import Habits
from services.venues.ccxt_venue.learning import learn, suspended
from services.venues.ccxt_venue.line import ACCOUNT, MARKET, Line
from services.venues.ccxt_venue.manners import MANNERS, Manner
from services.venues.ccxt_venue.profile import CcxtSettings
from services.venues.ccxt_venue.relisting import Relisting
from services.venues.ccxt_venue.rows import Account, margined_apart
from services.venues.ccxt_venue.trading import Trading
from services.venues.live import ASKED, Capabilities, Finding, Levels, VenueHealth, connected
from services.venues.payouts import Payouts
from services.venues.port import Outbox
from services.venues.wire.errors import ErrorKind, WireError
from services.venues.wire.numbers import BadNumber, wire_ms
from services.venues.wire.offset import ClockOffset
from services.venues.work import CLOSE_S, Work

log = logging.getLogger("stableconsole.ccxt")
MS = 1_000_000
NEEDED = ("fetchOrderBook",)
TRADES = ("createOrder", "cancelOrder", "fetchOpenOrders", "fetchBalance", "fetchPositions", "fetchTime")
"""Flags without which an exchange of our table would not be traded on."""
STOPS = "createStopLossOrder"
RATES = ("fetchFundingRates", "fetchFundingRate")


class CcxtVenue:
    """Implements `LiveVenue`."""

    def __init__(
        self,
        name: str,
        settings: CcxtSettings,
        door: Door,
        outbox: Outbox,
        offset: ClockOffset,
        *,
        keyed: bool,
        pace: Pace | None = None,
        follow: Habits | None = None,
        wall: Callable[[], int] = steady_ns,
    ) -> None:
        """Raises ValueError: the exchange's flags do not suffice even to watch it."""
        lacking = [flag for flag in NEEDED if not door.can(flag)]
        rates = settings.spot or any(door.can(flag) for flag in RATES) or settings.exchange in funding.READERS
        if lacking or not rates:
            raise ValueError(f"{settings.exchange} lacks {', '.join(lacking) or 'funding rates'} in ccxt")
        self.name = name
        self._work = Work(name, self._down)
        manner = MANNERS.get(settings.exchange)
        missing = [flag for flag in TRADES if not door.can(flag)]
        self.reasons: list[str] = []
        """Why it takes no orders that add risk; shown by `doctor`."""
        if not keyed:
            self.reasons.append("no key: market data only")
        elif manner is None:
            self.reasons.append(f"orders on {settings.exchange} through ccxt have not been tested here")
        elif missing:
            self.reasons.append(f"{settings.exchange} lacks {', '.join(missing)} in ccxt")
        self._manner: Manner | None = (
            manner(spot=settings.spot) if manner is not None and not self.reasons else None
        )
        self.capabilities = Capabilities(
            orders=self._manner is not None,
            account=keyed,
            conditional=self._manner is not None
            and self._manner.conditional
            and not settings.spot
            and door.can(STOPS)
            and door.waits_for_the_mark,
            dead_man=self._manner is not None and self._manner.dead_man and door.can("cancelAllOrdersAfter"),
            # On spot no conditional order of ours can rest: none is taken along.
            conditional_survives_dead_man=settings.spot or self._manner is None or self._manner.spares_stops,
            funding_price="none" if settings.spot else funding.FUNDING_PRICE.get(settings.exchange, "mark"),
            history=not settings.spot and door.can("fetchFundingRateHistory"),
            asked=(("indexes",) if settings.spot else ASKED) if door.streams else ("quotes", *ASKED),
        )
        self._settings = settings
        self._door = door
        self._outbox = outbox
        self._offset = offset
        self._pace = pace if pace is not None else Pace()
        self._follow = follow if follow is not None else Habits()
        self._wall = wall
        self._listed: dict[str, Listed] = {}
        self._account: Account | None = None
        self._trading: Trading | None = None
        self._feed: Feed | None = None
        self._line: Line | None = None
        self._hint: Callable[[], None] = lambda: None
        self._stopped = asyncio.Event()
        self._last_trouble = ""
        self._caps: dict[str, Decimal] = {}

    # --- life --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Raises WireError, BadNumber: the venue cannot be used at all."""
        try:
            await self._start()
        except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
            raise BadNumber(f"an answer that cannot be read: {told(error)}") from error

    async def _start(self) -> None:
        await self.resync()
        # Anew also where a start failed behind this: the library would answer with the list of then.
        await self._door.ask("load_markets", bool(self._door.markets))
        spot = self._settings.spot
        rows, missing = facts.chosen(self._door.markets, self._settings.symbols, spot=spot)
        if missing:
            kind = "spot pair" if spot else "linear perpetual"
            raise WireError(ErrorKind.REJECTED, f"{self.name} lists no open {kind} {', '.join(missing)}")
        for row in rows:
            found = await self._learn(row)
            self._listed[found.id] = found
        if self._manner is not None:
            self._account = await self._manner.account(self._door)
            self.reasons += self._account.wrong
            self.reasons += margined_apart(self._account, self._listed.values())
            if self.reasons:
                self.capabilities = structs.replace(self.capabilities, orders=False)
        parts = (MARKET, ACCOUNT) if self._manner is not None else (MARKET,)
        self._line = Line(parts, self._pace.silence_s, self._up, self._down, boot_s)
        lists = Relisting(
            self.name,
            self._door,
            self._listed,
            self._learn,
            spot=spot,
            tell=self._tell,
            say=self._trouble,
            wall=self._wall,
        )
        self._hint = lists.hint
        self._feed = Feed(
            self.name,
            self._settings.exchange,
            self._door,
            self._listed,
            self._pace,
            self._line,
            tell=self._tell,
            venue_ms=self.venue_ms,
            wall=self._wall,
            resync=self.resync,
            trouble=self._trouble,
            follow=self._follow,
            capped=self._capped,
            unlisted=self._hint,
        )
        if self._manner is not None:
            payouts = Payouts(lambda: suspended(self._door), self._trouble, READING, told)
            self._work.spawn(payouts.run(self._stopped, self._pace.payouts_s))
            self._trading = Trading(
                self.name,
                self._door,
                self._manner,
                self._listed,
                conditional=self.capabilities.conditional,
                tell=self._tell,
                settled=self._feed.settled,
                suspended=lambda: payouts.suspended,
                clock_known=lambda: self._offset.usable(boot_ns()),
                trouble=self._trouble,
                venue_ms=self.venue_ms,
                wall=self._wall,
            )
            self._trading.wrong = "; ".join(self.reasons)
            self._trading.apart = self._account is not None and self._account.apart
            self._trading.on_refusal = self._hint
            self._work.spawn(self._look(self._trading, self._line))
        self._work.spawn(self._feed.run())
        self._work.spawn(lists.run(self._stopped, self._pace.markets_s))

    async def _learn(self, row: Any) -> Listed:
        found = await learn(self.name, self._settings.exchange, self._door, self._manner, row)
        return found if self._trading is None else self._trading.enterable(found)

    async def close(self) -> None:
        """What is under way is given its end; nothing is cancelled at the venue."""
        self._stopped.set()
        self._door.unsent.withdraw_entries()
        if self._feed is not None:
            self._feed.stop()
        await self._work.finish(CLOSE_S)
        await self._door.close()

    async def resync(self) -> None:
        """Measure the venue's clock, where it tells its time."""
        if not self._door.can("fetchTime"):
            return
        sent = self._wall()
        server = wire_ms(await self._door.ask("fetch_time"), "server time")
        self._offset.measured(sent / 1e6, self._wall() / 1e6, float(server), boot_ns())

    async def _look(self, trading: Trading, line: Line) -> None:
        while not self._stopped.is_set():
            try:
                await trading.look()
                line.good(ACCOUNT)
            except READING as error:
                self._trouble(told(error))
                line.bad(ACCOUNT, told(error))
            await self._rest_between_looks(trading)

    async def _rest_between_looks(self, trading: Trading) -> None:
        """Short while something was sent, and cut short when something is."""
        waited = 0.0
        while waited < (self._pace.hasty_s if trading.hasty else self._pace.look_s):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), self._pace.hasty_s)
                return
            waited += self._pace.hasty_s

    async def examine(self) -> tuple[Finding, ...]:
        return findings(
            self.name, self._account, self.reasons, spot=self._settings.spot, streams=self._door.streams
        )

    def venue_ms(self) -> int:
        """The venue's clock, as far as it is known, ms."""
        return self._wall() // MS + round(self._offset.offset_ms(boot_ns()) or 0.0)

    def health(self) -> VenueHealth:
        offset = self._offset.offset_ms(boot_ns())
        age = self._line.age() if self._line is not None else None
        latencies = self._trading.latencies if self._trading is not None else None
        connects = self._line.connects if self._line is not None else 0
        return VenueHealth(
            connected=self._line is not None and self._line.is_up,
            data_age_ms=None if age is None else int(age * 1000),
            latency_ms_p50=None if latencies is None else latencies.quantile(0.5),
            latency_ms_p95=None if latencies is None else latencies.quantile(0.95),
            clock_offset_ms=None if offset is None else round(offset),
            budget=self._door.spent(),
            reconnects=max(0, connects - 1, self._door.stream_connects - 1),
        )

    def reserve(self, share: float) -> None:
        self._door.budget.reserve(share)

    def depth(self, instrument: str, count: int) -> tuple[Levels, Levels] | None:
        return None if self._feed is None else self._feed.levels(instrument.rpartition(".")[0], count)

    def _up(self) -> None:
        for word in connected(self.name, self.capabilities, self._wall(), self._bounds()):
            self._tell(word)
        if self._feed is not None:
            self._feed.restate()

    def _bounds(self) -> dict[str, Decimal]:
        """Of funding rates, by instrument: what came with the rates, else what the list of markets told."""
        return {row.spec.id: row.cap for row in self._listed.values() if row.cap is not None} | self._caps

    def _capped(self, caps: dict[str, Decimal]) -> None:
        before, self._caps = self._bounds(), self._caps | caps
        if self._line is not None and self._line.is_up and self._bounds() != before:
            self._tell(connected(self.name, self.capabilities, self._wall(), self._bounds())[0])

    def _down(self, reason: str) -> None:
        # A market that was taken off the list falls silent, and nothing else would say why.
        self._hint()
        self._tell(VenueLink(venue=self.name, ts=self._wall(), up=False, reason=reason))

    # --- the desk's side ---------------------------------------------------------------------------------

    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(each.spec for each in self._listed.values())

    def submit(self, now: int, order: OrderRequest) -> None:
        if self._trading is None:
            name, why = order.client_order_id, f"denied: {'; '.join(self.reasons)}"
            self._tell(OrderRejected(self.name, name, why, self._wall(), self._wall()))
            return
        self._work.spawn(self._trading.submit(order))

    def cancel(self, now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        if self._trading is None:
            self._cannot("cancel", client_order_id)
            return
        self._work.spawn(self._trading.cancel(instrument, client_order_id, venue_order_id))

    def query(self, now: int, instrument: str, client_order_id: str) -> None:
        if self._trading is None:
            self._cannot("query", client_order_id)
            return
        self._work.spawn(self._trading.query(instrument, client_order_id))

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        if self._trading is None:
            self._cannot("read", request)
            return
        self._work.spawn(self._trading.read(request, fills_since))

    def dead_man(self, now: int, timeout_ms: int) -> None:
        if self._trading is None:
            self._cannot("dead man", "")
            return
        self._work.spawn(self._trading.arm(timeout_ms))

    def wake(self, now: int, token: object) -> None:
        """Real time wakes by itself."""

    def _cannot(self, what: str, subject: str) -> None:
        """It is no account of ours: every question fails, and is told as failed."""
        why, now = "; ".join(self.reasons), self._wall()
        self._tell(RequestFailed(venue=self.name, what=what, subject=subject, reason=why, ts=now))

    # --- inside ------------------------------------------------------------------------------------------

    def _trouble(self, text: str) -> None:
        """Once, however often it is asked again."""
        if text != self._last_trouble:
            self._last_trouble = text
            log.warning("%s: %s", self.name, text)

    def _tell(self, event: Event) -> None:
        self._outbox.deliver(self._wall(), event)
