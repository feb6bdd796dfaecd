"""Flatten: close everything in a scope and prove it (SEMANTICS 10).

How the desk calls it, after it has halted the scope and written the latch:

- `start(…)` once, then `step(id, now, view)` after every order event, timer `flatten:ID` and account report
  that concerns the scope; `on_report(report, …)` for every `AccountReport` of a venue in scope, *after*
  reconciliation has booked it. Pairs in scope are closed through the pair machine (purpose FLATTEN), in step;
  everything else by reducing orders of our own with widening bands.
- It ends with one `Flattened`: flat with a fresh read of every venue as proof, or what remains and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from services.domain.events import AccountReport
from services.domain.instrument import Instrument
from services.execution.actions import Actions
from services.execution.ids import IdCounter
from services.execution.pairs import PairMachine
from services.execution.pricing import Prices
from services.execution.table import OrderEntry
from services.settings.parameters import Settings


class Scope(Struct, frozen=True):
    """What to flatten. All None = everything. A symbol or leg in a pair takes its whole pair."""

    venue: str | None = None
    instrument: str | None = None
    symbol: str | None = None
    pair: str | None = None


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


class FlattenView(Prices, Protocol):
    """Prices, and what stands open by the desk's best knowledge."""

    def positions(self) -> Mapping[str, Decimal]:
        """Signed size of every perp position: ledger, foreign part included."""

    def resting(self) -> tuple[RestingOrder, ...]:
        """Ours by the order table, foreign by the last account report."""


@dataclass(slots=True)
class FlattenTarget:
    """An unpaired position on its way to zero."""

    instrument: str
    band: int = 0
    next_at: int = 0
    attempt: int = 0
    refusals: int = 0
    last_refusal: str = ""
    stuck: str = ""


@dataclass(slots=True)
class Flatten:
    id: str
    scope: Scope
    origin: str
    reason: str
    venues: list[str]
    pairs: list[str]
    started: int
    phase: str = "cancel"
    """cancel, close, clean, prove, done."""
    targets: dict[str, FlattenTarget] = field(default_factory=dict)
    extra: dict[str, Decimal] = field(default_factory=dict)
    canceled: dict[str, int] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    proof: dict[str, str] = field(default_factory=dict)
    measure: str = ""
    progress_ts: int = 0


@dataclass(slots=True)
class FlattenBookState:
    runs: dict[str, Flatten] = field(default_factory=dict)


class FlattenMachine:
    def __init__(
        self,
        settings: Settings,
        instruments: Mapping[str, Instrument],
        ids: IdCounter,
        pairs: PairMachine,
        state: FlattenBookState | None = None,
    ) -> None:
        self._settings = settings
        self._instruments = instruments
        self._ids = ids
        self._pairs = pairs
        self.state = state if state is not None else FlattenBookState()

    def running(self) -> tuple[Flatten, ...]:
        raise NotImplementedError

    def start(
        self, scope: Scope, reason: str, origin: str, now: int, view: FlattenView
    ) -> tuple[str, Actions]:
        """(flatten id, actions). Never refused; a scope that holds nothing is proven flat by a fresh read."""
        raise NotImplementedError

    def on_order(self, entry: OrderEntry, now: int, view: FlattenView) -> Actions:
        """Every change of an order of purpose FLATTEN without a pair; other orders may be given too."""
        raise NotImplementedError

    def step(self, flatten: str, now: int, view: FlattenView) -> Actions:
        raise NotImplementedError

    def on_report(self, report: AccountReport, now: int, view: FlattenView) -> Actions:
        raise NotImplementedError
