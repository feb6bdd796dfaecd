"""What a flatten is asked to do, what it may look at, and what it remembers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from msgspec import Struct, field

from services.domain.instrument import Instrument
from services.execution.pair_state import Pair
from services.execution.pricing import Prices


class Scope(Struct, frozen=True):
    """What to flatten. All None = everything. A leg takes its whole pair."""

    venue: str | None = None
    instrument: str | None = None
    symbol: str | None = None
    pair: str | None = None

    @property
    def everything(self) -> bool:
        return self.venue is None and self.instrument is None and self.symbol is None and self.pair is None

    def covers(self, instrument: Instrument) -> bool:
        """Is all of this instrument in scope (not only a pair's leg on it)?"""
        if self.pair is not None:
            return False
        return (
            (self.venue is None or instrument.venue == self.venue)
            and (self.symbol is None or instrument.symbol == self.symbol)
            and (self.instrument is None or instrument.id == self.instrument)
        )

    def takes(self, pair: Pair, instruments: Mapping[str, Instrument]) -> bool:
        if self.pair is not None:
            return pair.id == self.pair
        return any(self.covers(instruments[leg.instrument]) for leg in pair.legs)


class RestingOrder(Struct, frozen=True):
    """An open order as the flatten sees it, ours or foreign."""

    venue: str
    instrument: str
    client_order_id: str
    venue_order_id: str
    reducing: bool
    """Reduce-only or conditional protection: canceled last, when flat."""
    foreign: bool
    in_doubt: bool = False
    pair: str | None = None
    conditional: bool = False
    """It waits at the venue for its trigger."""

    @property
    def name(self) -> str:
        return self.client_order_id or self.venue_order_id


class FlattenView(Prices, Protocol):
    """Prices, and what stands open by the desk's best knowledge."""

    def positions(self) -> Mapping[str, Decimal]:
        """Signed size of every perp position: ledger, foreign part included."""

    def resting(self) -> tuple[RestingOrder, ...]:
        """Every order that may still fill: ours by the order table, foreign by the last account report."""

    def barren(self) -> tuple[str, ...]:
        """Venues on which we have no account at all: nothing there needs a proof."""

    def unread(self) -> tuple[str, ...]:
        """Venues of the profile that no account report has come from yet: what they hold is not known."""


class Target(Struct):
    """An unpaired position on its way to zero."""

    instrument: str
    band: int = 0
    next_at: int = 0
    order: str = ""
    """Our order on it that has not settled."""
    under_way: Decimal = Decimal(0)
    """What that order may still take off the position, base units."""
    in_doubt: bool = False
    sent: int = 0
    refusals: int = 0
    """In a row."""
    last_refusal: str = ""
    blocked: bool = False
    """The venue itself refused the last order."""


class Flatten(Struct):
    """One run. Changed only by `FlattenMachine`."""

    id: str
    scope: Scope
    origin: str
    reason: str
    venues: list[str]
    """Whose fresh reads make the proof."""
    started: int
    pairs: list[str] = field(default_factory=list)
    targets: dict[str, Target] = field(default_factory=dict)
    extra: dict[str, Decimal] = field(default_factory=dict)
    """By instrument: what the venue holds beyond our books, by its last report."""
    unknown: dict[str, Decimal] = field(default_factory=dict)
    """Positions in instruments that we do not know, by the venues' last reads: we cannot close them."""
    strange: dict[str, str] = field(default_factory=dict)
    """Orders in such instruments, by name: we cannot cancel them."""
    seen: dict[str, Decimal] = field(default_factory=dict)
    """The figure of the last report where it differs from `extra`: believed once a second read agrees."""
    unread: list[str] = field(default_factory=list)
    """Venues that had not been read at the last look."""
    kept: dict[str, Decimal] = field(default_factory=dict)
    """By hedge group: the net that stays because of them."""
    touched: dict[str, int] = field(default_factory=dict)
    """By instrument: our time of the last news of one of our orders on it."""
    canceled: dict[str, int] = field(default_factory=dict)
    """Order name -> when its cancel was last asked for."""
    asked: dict[str, int] = field(default_factory=dict)
    """Venue -> when a fresh read was asked for, since all was closed."""
    proof: dict[str, str] = field(default_factory=dict)
    measure: str = ""
    """What stood open at the last progress, in words."""
    progress_ts: int = 0
    armed: int | None = None
    done: bool = False
    flat: bool = False


class FlattenBookState(Struct):
    runs: dict[str, Flatten] = field(default_factory=dict)
