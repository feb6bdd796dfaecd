"""A paper venue: the live market of another venue, and an account that exists only here.

The data venue is asked for its market and for nothing else: it is held by the few methods of `DataVenue`, so
no order, cancel or question of ours can reach it, whatever key it has. Orders are matched by the simulated
exchange's floor, fundings and liquidations are its clearing's, both at the live marks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from services.domain.events import Event, MarketFrame, VenueLink
from services.domain.instrument import Instrument, MarginTier
from services.domain.money import ONE
from services.domain.orders import OrderRequest
from services.domain.venue_events import InstrumentsListed, VenueFacts
from services.runtime.clock import steady_ns
from services.venues.live import Capabilities, Finding, Levels, VenueHealth, Verdict
from services.venues.paper.account import PaperAccount, PaperSettings
from services.venues.paper.books import PaperStore
from services.venues.port import Outbox
from services.venues.sim.depth import with_ours
from services.venues.sim.facts import CAPABILITIES, MS

log = logging.getLogger("stableconsole.paper")

FULL_MARGIN = (MarginTier(cap=None, initial=ONE, maintenance=ONE),)
"""Nothing is lent on paper where the venue's brackets are not known: never more than the venue would lend."""


class DataVenue(Protocol):
    """All that paper knows of the venue whose market it uses. No method of it trades."""

    name: str
    capabilities: Capabilities

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def instruments(self) -> tuple[Instrument, ...]: ...

    def reserve(self, share: float) -> None: ...

    def health(self) -> VenueHealth: ...

    def depth(self, instrument: str, count: int) -> tuple[Levels, Levels] | None: ...


class PaperVenue:
    """Implements `LiveVenue`; also the outbox that the data venue tells its market to."""

    def __init__(
        self,
        make_data: Callable[[Outbox], DataVenue],
        settings: PaperSettings,
        folder: Path | None,
        outbox: Outbox,
        *,
        wall: Callable[[], int] = steady_ns,
    ) -> None:
        """`folder` keeps the account's books; None = in memory only. Nothing connects before `start`."""
        self._data = make_data(self)
        self.name = self._data.name
        self.capabilities = Capabilities(
            orders=True,
            conditional=True,
            dead_man=True,
            conditional_survives_dead_man=True,
            funding_price="mark",
            history=self._data.capabilities.history,
        )
        self._settings = settings
        self._outbox = outbox
        self._wall = wall
        self._store = PaperStore(folder, self.name)
        self._listed: tuple[Instrument, ...] = ()
        self._account: PaperAccount | None = None
        self._early: list[Event] = []
        self._heard = False
        """The data venue has been started."""
        self._calls: set[asyncio.TimerHandle] = set()

    # --- life --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """The data venue first, then the books. Raises WireError, OSError, ValueError."""
        if not self._heard:
            await self._data.start()
            self._heard = True  # books that cannot be read fail behind it: its streams run only once
        self._listed = tuple(self._on_our_terms(each) for each in self._data.instruments())
        self._account = PaperAccount(
            self.name, self._listed, self._store, self._settings, self._tell, self._wall()
        )
        early, self._early = self._early, []
        for event in early:
            self.deliver(self._wall(), event)
        self._watch_switch()

    def _on_our_terms(self, spec: Instrument) -> Instrument:
        chosen = self._settings
        maker = spec.maker_fee if spec.maker_fee is not None else chosen.maker_fee
        taker = spec.taker_fee if spec.taker_fee is not None else chosen.taker_fee
        # Brackets are told to keys alone. The paper exchange itself asks for full margin then.
        tiers = FULL_MARGIN if spec.tiers is None and spec.is_perp else spec.tiers
        return replace(spec, maker_fee=maker, taker_fee=taker, tiers=tiers)

    async def close(self) -> None:
        for call in self._calls:
            call.cancel()
        await self._data.close()

    async def examine(self) -> tuple[Finding, ...]:
        text = "orders are matched here against the live market; no key is used"
        return (Finding(subject=self.name, check="paper account", verdict=Verdict.OK, text=text),)

    def instruments(self) -> tuple[Instrument, ...]:
        return self._listed

    def reserve(self, share: float) -> None:
        """Of the data venue's budget: orders are matched here."""
        self._data.reserve(share)

    def health(self) -> VenueHealth:
        return self._data.health()

    def unwritten(self) -> str:
        """Tries again; why the account's books stand in memory only, empty = they are on disk."""
        self._store.retry()
        return self._store.trouble

    def depth(self, instrument: str, count: int) -> tuple[Levels, Levels] | None:
        """The live book with our resting orders in it, which nobody else sees. See `LiveVenue`."""
        found = self._data.depth(instrument, count)
        if found is None or self._account is None:
            return None
        return with_ours(self._account.floor, instrument, found, count)

    # --- the desk's side ---------------------------------------------------------------------------------

    def submit(self, now: int, order: OrderRequest) -> None:
        self._later(lambda ts: self._open.take(ts, order))

    def cancel(self, now: int, instrument: str, client_order_id: str, venue_order_id: str) -> None:
        self._later(lambda ts: self._open.cancel(ts, instrument, client_order_id, venue_order_id))

    def query(self, now: int, instrument: str, client_order_id: str) -> None:
        self._later(lambda ts: self._open.query(ts, instrument, client_order_id))

    def read_account(self, now: int, request: str, fills_since: int) -> None:
        self._later(lambda ts: self._open.read(ts, request, fills_since))

    def dead_man(self, now: int, timeout_ms: int) -> None:
        def arm(ts: int) -> None:
            self._open.arm(ts, timeout_ms)
            self._watch_switch()

        self._later(arm)

    def wake(self, now: int, token: object) -> None:
        """Real time wakes by itself; as the data venue's outbox this is never asked for."""

    # --- the market --------------------------------------------------------------------------------------

    def deliver(self, due: int, event: Event) -> None:
        """A word of the data venue. Its market is ours too; what it says of an account is nobody's here."""
        if self._account is None:
            self._early.append(event)
            return
        match event:
            case MarketFrame():
                self._account.frame(self._wall(), event)
                self._outbox.deliver(due, event)
            case VenueFacts():
                self._outbox.deliver(due, replace(event, venue=self.name, **CAPABILITIES))
            case VenueLink():
                if not event.up:
                    self._account.hide()
                self._outbox.deliver(due, event)
            case InstrumentsListed():
                self._ended(due, event)
            case _:
                log.debug("%s: %s of the data venue is no word on the paper account", self.name, type(event))

    def _ended(self, due: int, event: InstrumentsListed) -> None:
        """Our books count in lots: other steps hold from the next start on, an end holds at once."""
        told = {each.id: each.delisting_ts for each in event.instruments}
        new = tuple(replace(each, delisting_ts=told.get(each.id, each.delisting_ts)) for each in self._listed)
        changed = tuple(each for each, known in zip(new, self._listed, strict=True) if each != known)
        self._listed = new
        if changed:
            self._outbox.deliver(due, replace(event, instruments=changed))

    # --- inside ------------------------------------------------------------------------------------------

    @property
    def _open(self) -> PaperAccount:
        if self._account is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._account

    def _watch_switch(self) -> None:
        due = self._open.fires_at
        if due is not None:
            self._at(max(0, due - self._wall()) / 1e9, self._open.switch_due)

    def _tell(self, event: Event) -> None:
        """On its way back for one latency."""
        self._outbox.deliver(self._wall() + self._settings.latency_ms * MS, event)

    def _later(self, act: Callable[[int], None]) -> None:
        self._at(self._settings.latency_ms / 1_000, act)

    def _at(self, seconds: float, act: Callable[[int], None]) -> None:
        def run() -> None:
            self._calls.discard(handle)
            act(self._wall())

        handle = asyncio.get_running_loop().call_later(seconds, run)
        self._calls.add(handle)
