"""What is said to a pair while it is typed: its legs and costs, the gate's word, and what it changes."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.views.ticket import BoundView


class PairLegView(Struct, frozen=True, kw_only=True):
    instrument: str
    side: str
    quantity: Decimal | None
    """On the joint lot grid; None = there is no size yet."""
    price: Decimal | None
    """The mid; None = no fresh book."""
    notional: Decimal | None
    """USD, at the dearer of mid and mark."""
    rate: Decimal | None
    """bps/8h, as an entry reads it: the lesser of smoothed and current where it receives."""
    interval_h: Decimal | None
    settles_ns: int | None
    fee: Decimal | None
    """USD, in and out."""
    slippage: Decimal | None
    """USD, in and out, at this size."""
    size_increment: Decimal
    price_increment: Decimal


class CoinView(Struct, frozen=True, kw_only=True):
    """The hidden currency position: what positions make of a stablecoin, USD; None = unknown."""

    coin: str
    pair: Decimal | None
    """What this pair adds."""
    before: Decimal | None
    after: Decimal | None
    limit: Decimal | None
    """USD either way, over all accounts."""


class ChangeView(Struct, frozen=True, kw_only=True):
    """A figure now, and with the pair open."""

    name: str
    unit: str
    """`x`, `fraction`."""
    before: Decimal | None
    after: Decimal | None
    limit: Decimal | None
    floor: bool = False
    """The limit is the least it may be: lower is worse, and None is no such move."""


class StressPairView(Struct, frozen=True, kw_only=True):
    """One what-if now, and with the pair open. Change of equity USD; usage of the worst account."""

    name: str
    change_before: Decimal | None
    change_after: Decimal | None
    usage_before: Decimal | None
    usage_after: Decimal | None
    infinite_before: bool
    infinite_after: bool


class PairTicketView(Struct, frozen=True, kw_only=True):
    ts: int
    group: str
    kind: str
    """`hedge` or `peg`."""
    short: PairLegView
    long: PairLegView
    asked: Decimal
    """USD a leg."""
    notional: Decimal | None
    """USD of a leg that the size stands for."""
    spread: Decimal | None
    """bps/8h between the entry rates."""
    apr: Decimal | None
    costs: Decimal | None
    """USD: the fees and slippage of all four fills, all taking; None = unknown."""
    costs_bps: Decimal | None
    """Of a leg."""
    fees: Decimal | None
    slippage: Decimal | None
    income: Decimal | None
    """USD that the funding is believed to bring over `hold_h`."""
    net: Decimal | None
    """Income less costs and basis buffer, USD."""
    hold_h: Decimal
    break_even_h: Decimal | None
    """None = never, or unknown when the costs or the spread are."""
    allowed: bool
    refusals: tuple[str, ...]
    opinions: tuple[str, ...]
    """What the board has against it that does not refuse."""
    bounds: tuple[BoundView, ...]
    """The tightest first."""
    loss_at_stop: Decimal | None
    """USD, costs counted."""
    stop_bps: Decimal
    """The pair stop, bps of a leg."""
    coins: tuple[CoinView, ...]
    changes: tuple[ChangeView, ...]
    stress: tuple[StressPairView, ...]
    """The worst combination first."""
