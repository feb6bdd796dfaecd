"""The JSON contract of `why`: the reason chain of an order or a pair, from the journal and the store."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.views.status import SCHEMA


class WhyStep(Struct, frozen=True, kw_only=True):
    """One row of the journal."""

    row: int
    ts: int
    kind: str
    text: str
    figures: dict[str, str] = {}


class WhyFill(Struct, frozen=True, kw_only=True):
    ts: int
    trade_id: str
    size: Decimal
    price: Decimal
    fee: Decimal
    fee_coin: str
    slippage_bps: Decimal | None
    """Against the mid at the decision, a cost > 0; None = that mid was not known."""
    pnl: Decimal


class WhyPair(Struct, frozen=True, kw_only=True):
    id: str
    strategy: str
    kind: str
    state: str
    short: str
    long: str
    reason: str
    evaluation: WhyStep | None
    """What the strategy saw: spread, edge, costs, verdict."""
    sizing: WhyStep | None
    """Every bound in USD, and which was binding."""
    gate: WhyStep | None
    """Both legs as one unit, every check with its limit."""
    opened: WhyStep | None
    states: tuple[WhyStep, ...]
    """Every change of state with its reason."""
    causes: tuple[WhyStep, ...]
    """What was decided about it from outside: exits, unwinding, a missing leg."""


class WhyOrder(Struct, frozen=True, kw_only=True):
    client_order_id: str
    venue_order_id: str
    instrument: str
    side: str
    quantity: Decimal
    price: Decimal | None
    filled: Decimal
    avg_price: Decimal | None
    state: str
    purpose: str
    origin: str
    pair: str | None
    flatten: str | None
    reason: str
    decided_mid: Decimal | None
    causes: tuple[WhyStep, ...]
    """What made an exit or a protective order."""
    gate: WhyStep | None
    intent: WhyStep | None
    durable: WhyStep | None
    """None for a protective order, which waits for nothing."""
    sent: WhyStep | None
    answers: tuple[WhyStep, ...]
    """What became of it: the venue's words, our cancels and questions, or the denial."""
    fills: tuple[WhyFill, ...]
    holes: tuple[str, ...]
    """Links of the chain that the journal does not hold; empty = whole."""


class WhyView(Struct, frozen=True, kw_only=True):
    schema: int = SCHEMA
    asked: str
    pair: WhyPair | None
    orders: tuple[WhyOrder, ...]
    """The order asked for, or every order of the pair, oldest first."""
