"""A data venue that says what it is told to say, and fails the test when anybody tries to trade on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.domain.enums import OrderType, Purpose, Side
from services.domain.events import Event, IndexRow, MarketFrame, MarkRow, QuoteRow, RateRow
from services.domain.instrument import Instrument
from services.domain.orders import OrderRequest
from services.venues.live import Capabilities, Levels, VenueHealth
from services.venues.paper.account import PaperSettings
from services.venues.paper.venue import PaperVenue
from services.venues.port import Outbox
from services.venues.sim.facts import NS, perp

SPEC = perp("data", "BTC-USDT-PERP", "BTC", "USDT")
NAME = SPEC.id
BEGIN = 1_700_000_000 * NS
D = Decimal


class ScriptedData:
    """The market alone; everything that trades raises."""

    def __init__(self, outbox: Outbox, listed: tuple[Instrument, ...] = (SPEC,)) -> None:
        self.name = "data"
        self.capabilities = Capabilities(
            orders=True, conditional=False, dead_man=False, conditional_survives_dead_man=False,
            funding_price="mark", history=True,
        )  # fmt: skip
        self.outbox = outbox
        self._listed = listed
        self.asked: list[str] = []
        self.levels: tuple[Levels, Levels] | None = None

    def __getattr__(self, name: str) -> Any:
        self.__dict__["asked"].append(name)
        raise AssertionError(f"paper reached for {name} of the data venue")

    async def start(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        """Nothing to end."""

    def instruments(self) -> tuple[Instrument, ...]:
        return self._listed

    def depth(self, instrument: str, count: int) -> tuple[Levels, Levels] | None:
        return self.levels if instrument == NAME else None

    def health(self) -> VenueHealth:
        return VenueHealth(
            connected=True, data_age_ms=0, latency_ms_p50=None, latency_ms_p95=None, clock_offset_ms=None,
            budget={}, reconnects=0,
        )  # fmt: skip


@dataclass(slots=True)
class Desk:
    """A paper venue over scripted data, at a time of its own, with all that it told."""

    folder: Path | None = None
    settings: PaperSettings = field(default_factory=lambda: PaperSettings(latency_ms=0))
    now: int = BEGIN
    listed: tuple[Instrument, ...] = (SPEC,)
    events: list[Event] = field(default_factory=list)
    data: ScriptedData = field(init=False)
    venue: PaperVenue = field(init=False)
    seq: int = 0

    def __post_init__(self) -> None:
        self.venue = PaperVenue(self._make, self.settings, self.folder, self, wall=lambda: self.now)

    def _make(self, outbox: Outbox) -> ScriptedData:
        self.data = ScriptedData(outbox, self.listed)
        return self.data

    def deliver(self, due: int, event: Event) -> None:
        self.events.append(event)

    def wake(self, due: int, token: object) -> None:
        raise AssertionError("a live venue wakes by itself")

    def of(self, *kinds: type) -> list[Any]:
        return [each for each in self.events if isinstance(each, kinds)]

    def frame(
        self,
        bid: float | None = 30_000.0,
        ask: float = 30_000.1,
        size: float = 1.0,
        mark: float | None = 30_000.0,
        rates: tuple[RateRow, ...] = (),
    ) -> None:
        """A second later the data venue says this."""
        self.now += NS
        self.seq += 1
        quotes = () if bid is None else (QuoteRow(NAME, bid, size, ask, size, size, size),)
        marks = () if mark is None else (MarkRow(NAME, mark, mark),)
        indexes = tuple(IndexRow(coin, 1.0) for coin in ("USDT", "USDC", "BUSD"))
        self.data.outbox.deliver(
            self.now, MarketFrame("data", self.now, self.now, self.seq, quotes, marks, rates, indexes)
        )


def order(name: str, side: Side, size: str, price: str | None = None, **more: Any) -> OrderRequest:
    return OrderRequest(
        client_order_id=name,
        instrument=NAME,
        side=side,
        quantity=D(size),
        price=None if price is None else D(price),
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
        purpose=Purpose.TICKET,
        origin="operator",
        **more,
    )
