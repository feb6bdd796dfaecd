"""The what-if of the Stress screen: the shocks a person chose, and what would be left after them.

A topic `stress:USDC=-0.03,BTC=0.05` carries the shocks as fractions of the USD price; without an argument
nothing is shocked. `None` = unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from msgspec import Struct

LEAST = Decimal("-0.99")
"""A coin at nothing has no price to divide by; a fall of 99 % is as good."""
MOST = Decimal(10)
MOST_SHOCKS = 12


class ShockView(Struct, frozen=True, kw_only=True):
    coin: str
    held: bool
    """A balance or an open position touches it."""
    price: Decimal | None
    """USD, the last known."""
    change: Decimal
    """Fraction; 0 = not shocked."""


class OutcomeView(Struct, frozen=True, kw_only=True):
    """One account, or all of them together, now and after the shocks."""

    venue: str
    """Empty = all accounts: equity and leverage of the whole, usage and distance of the worst account."""
    equity_now: Decimal | None
    equity: Decimal | None
    leverage_now: Decimal | None
    leverage: Decimal | None
    usage_now: Decimal | None
    usage: Decimal | None
    distance_now: Decimal | None
    """Joint liquidation distance, fraction; None with a known usage = no such move."""
    distance: Decimal | None
    holds: bool
    infinite: bool
    """After the shocks the collateral is gone with positions open."""
    stale: bool
    """Rests on last known figures."""


class StepView(Struct, frozen=True, kw_only=True):
    """The shocks times `share`."""

    share: Decimal
    equity: Decimal | None
    usage: Decimal | None
    """Of the worst account."""
    leverage: Decimal | None
    distance: Decimal | None
    """Of the worst account."""
    infinite: bool


class CaseView(Struct, frozen=True, kw_only=True):
    """A row of the standing stress table; `changes` empty = no shock of prices (flipped funding)."""

    name: str
    changes: dict[str, Decimal]
    equity_change: Decimal | None
    usage: Decimal | None
    leverage: Decimal | None
    infinite: bool


class StressLab(Struct, frozen=True, kw_only=True):
    ts: int
    shocks: tuple[ShockView, ...]
    outcomes: tuple[OutcomeView, ...]
    """All accounts together first."""
    steps: tuple[StepView, ...]
    cases: tuple[CaseView, ...]


def topic_of(changes: Mapping[str, Decimal]) -> str:
    """The topic that asks for these shocks."""
    text = ",".join(f"{coin}={change.normalize():f}" for coin, change in changes.items() if change)
    return f"stress:{text}" if text else "stress"


def parse_changes(text: str) -> dict[str, Decimal]:
    """What a topic's argument asks for. Raises ValueError naming the part that is no shock."""
    changes: dict[str, Decimal] = {}
    for part in text.split(",") if text else ():
        coin, _, figure = part.partition("=")
        changes[coin] = change_of(figure)
        if not coin or len(changes) > MOST_SHOCKS:
            raise ValueError(f"shock {part!r}: expected COIN=FRACTION, {MOST_SHOCKS} at most")
    return changes


def change_of(figure: str) -> Decimal:
    """A fraction within bounds. Raises ValueError."""
    try:
        change = Decimal(figure)
    except InvalidOperation:
        raise ValueError(f"shock {figure!r} is no number") from None
    if not change.is_finite() or not LEAST <= change <= MOST:
        raise ValueError(f"shock {figure}: expected between {LEAST} and {MOST}")
    return change
