"""What a strategy is: `decide(view, params, state) -> (intents, state)`, pure (RUNTIME 3).

The desk builds the view, calls, and carries the intents out through sizing and the one gate. A strategy sees
no clock, no account and no order; it never says how much. Its state is replaced only when the call returns,
so a call that is broken off leaves no trace.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol, TypeVar, runtime_checkable

from msgspec import Struct

from services.domain.enums import PairState
from services.market.board import HeldPair
from services.market.costs import FillCosts
from services.market.crossing import Look
from services.market.executable import CoinBook
from services.market.inventory import Stock
from services.market.legs import LegFacts


class PairFacts(Struct, frozen=True, kw_only=True):
    """One pair of this strategy that is not closed. None = unknown or stale."""

    id: str
    group: str
    short: str
    long: str
    state: PairState
    opened_ts: int | None
    """When both legs first stood; None while planned or opening."""
    leg_notional: Decimal | None = None
    """USD of one leg at its entry."""
    price_pnl: Decimal | None = None
    """Unrealised price result of both legs at fresh marks, USD; fees and funding are not in it."""
    entry_basis: Decimal | None = None
    """(USD price of the short leg / of the long leg - 1) at the entry fills, bps."""
    quantity: Decimal | None = None
    """Base units of the smaller leg."""
    demand: str = ""
    """Set by the desk when the pair must close whatever the strategy thinks: `leg missing`, `margin ladder`,
    `operator`. Never inferred here from something that is not in view."""


class Ended(Struct, frozen=True, kw_only=True):
    """A pair that came to its end since the last call, told once."""

    pair: str
    group: str
    ts: int
    failed: bool
    """Never hedged: denied, rejected or reversed on the way in."""
    exchanged: bool = False
    """Spot that changed hands on both venues: it is done, as it was meant."""
    short: str = ""
    long: str = ""


class StrategyView(Struct, frozen=True, kw_only=True):
    """Everything a strategy may know at one instant."""

    now: int
    legs: tuple[LegFacts, ...]
    """Every perp the strategy may use, `services.market.legs.perp_legs`."""
    pairs: tuple[PairFacts, ...] = ()
    ended: tuple[Ended, ...] = ()
    depeg: dict[str, str] = {}
    """Level per coin: ok, warn, block, reduce, unknown. A coin not named is unknown and blocks."""
    depeg_d: Decimal
    """`size.depeg_d`: stop distance, at least, of legs in different coins."""
    costs: FillCosts = FillCosts()
    """What our own fills were measured to cost, as far as it may count."""
    looks: tuple[Look, ...] = ()
    """Every perp and spot pair with its quote, for strategies on prices."""
    coins: dict[str, CoinBook] = {}
    """`COIN VENUE` -> how the coin is turned into USD there."""
    stocks: tuple[Stock, ...] = ()
    held: tuple[HeldPair, ...] = ()
    """Pairs of others that are not closed: to a strategy on prices every pair of the desk, its own too; to
    one on funding those of a person, of another strategy on funding and of a lost store."""
    step_ns: int = 0
    """History runs: the series' own step."""
    blocked: str = ""
    """Why no entry may be proposed now (`REDUCING`, `paused`, `stopping`); empty = entries are welcome."""


class OpenPair(Struct, frozen=True, tag="open", kw_only=True):
    """Open this pair; how much is the sizing's word."""

    short: str
    long: str
    group: str
    kind: str
    """`hedge`, `peg` or `spot`."""
    strength: Decimal
    """In [0.1, 1]."""
    stop_distance: Decimal
    """Fraction of price."""
    spread: Decimal
    """bps/8h between the entry rates; of a pair on prices the discrepancy itself, bps."""
    gross: Decimal
    """bps over the holding time, before persistence; of a pair on prices the discrepancy."""
    costs: Decimal
    """bps of one leg."""
    net_edge: Decimal
    """bps."""
    break_even_h: Decimal | None
    """None = it hangs on no time."""
    reason: str
    most: Decimal | None = None
    """Base units that the edge was reckoned for: no more may be opened; None = the sizing alone decides."""


class ClosePair(Struct, frozen=True, tag="close", kw_only=True):
    pair: str
    reason: str
    """A named exit of SEMANTICS 5.6."""
    discretionary: bool
    """True: a strategy exit, which keeps the blackout and is refused in HALTED. False: protective."""


class FreezePair(Struct, frozen=True, tag="freeze", kw_only=True):
    """Leave the pair as it is: something it is judged by is stale. Never an exit (SEMANTICS 5.6).

    Said at every call while it lasts, so that the alerts that hang on its age can be raised.
    """

    pair: str
    reason: str
    since: int


class ThawPair(Struct, frozen=True, tag="thaw", kw_only=True):
    """All facts of a frozen pair are fresh again."""

    pair: str


Intent = OpenPair | ClosePair | FreezePair | ThawPair

ParamsT_contra = TypeVar("ParamsT_contra", contravariant=True)
StateT = TypeVar("StateT")


class Strategy(Protocol[ParamsT_contra, StateT]):
    """A kind of strategy. Instances carry no state of their own."""

    @property
    def kind(self) -> str: ...

    def initial(self) -> StateT:
        """The state of a strategy that has seen nothing."""

    def decide(
        self, view: StrategyView, params: ParamsT_contra, state: StateT
    ) -> tuple[tuple[Intent, ...], StateT]:
        """Must not change `state`; returns the next one."""


@runtime_checkable
class HearsRefusals(Protocol):
    """A kind that counts its opportunities wants to know which of its proposals came to nothing."""

    def refused(self, state: StateT, short: str, long: str, rule: str) -> StateT:
        """`rule`: what of the desk stood against it, in a few words without figures. Must not change `state`;
        returns the next one."""
