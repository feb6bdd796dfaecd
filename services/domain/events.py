"""Everything that may reach `Desk.handle`. Frozen; each is a row of the journal's input blocks.

All times are int nanoseconds since the epoch, UTC. `ts_event`: when it happened, by the venue;
`ts`: when we had it (virtual time in sim and history runs). Market figures are floats, everything that
books money is Decimal.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.enums import Flow, OrderState, RateKind, Side, TradingState
from services.domain.machine_events import LoopStall, ReadingsFound
from services.domain.scopes import ScopeHalt
from services.domain.store_events import StoreRebuilt
from services.domain.venue_events import VenueWord


class QuoteRow(Struct, frozen=True, array_like=True):
    """Top of book and what lies behind it."""

    instrument: str
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    bid_depth: float
    """Base quantity bid within 5 bps of the mid."""
    ask_depth: float


class MarkRow(Struct, frozen=True, array_like=True):
    instrument: str
    mark: float
    index: float


class RateRow(Struct, frozen=True, array_like=True):
    """A funding rate as the venue states it; positive = longs pay shorts. Never converted from hourly."""

    instrument: str
    rate: Decimal
    interval_h: Decimal | None
    kind: RateKind
    rate_ts: int
    """Settled: the settlement instant. Predicted: when the venue computed it."""
    next_ts: int | None
    """The next settlement; None = unknown, untradable for funding."""


class IndexRow(Struct, frozen=True, array_like=True):
    """USD index of a collateral coin, as this venue uses it in its own margin arithmetic."""

    coin: str
    index: float


class MarketFrame(Struct, frozen=True, tag="market"):
    """One conflated frame of one venue's public data: only rows that changed. Proves the connection alive."""

    venue: str
    ts_event: int
    ts: int
    seq: int
    """Consecutive per venue; a hole means a lost frame."""
    quotes: tuple[QuoteRow, ...] = ()
    marks: tuple[MarkRow, ...] = ()
    rates: tuple[RateRow, ...] = ()
    indexes: tuple[IndexRow, ...] = ()


class VenueLink(Struct, frozen=True, tag="link"):
    """A venue's connection went up or down."""

    venue: str
    ts: int
    up: bool
    reason: str = ""
    refused: bool = False
    """Down, and somebody has to set something right before it can be used, and then start anew."""


class OrderAccepted(Struct, frozen=True, tag="accepted"):
    venue: str
    client_order_id: str
    venue_order_id: str
    ts_event: int
    ts: int


class OrderRejected(Struct, frozen=True, tag="rejected"):
    """A definite no: nothing of it lives. `unsent`: not the venue's, but kept back here, or no way there."""

    venue: str
    client_order_id: str
    reason: str
    ts_event: int
    ts: int
    would_cross: bool = False
    """Refused only because it is post-only and would have matched at once: no fault of anybody's."""
    unsent: bool = False


class OrderCanceled(Struct, frozen=True, tag="canceled"):
    """The rest of an order is gone: by our cancel, an IOC remainder, or the venue."""

    venue: str
    client_order_id: str
    reason: str
    filled: Decimal
    """Cumulative filled quantity by the venue's count."""
    ts_event: int
    ts: int


class CancelRejected(Struct, frozen=True, tag="cancel_rejected"):
    venue: str
    client_order_id: str
    reason: str
    ts_event: int
    ts: int


class OrderFilled(Struct, frozen=True, tag="fill", kw_only=True):
    venue: str
    instrument: str
    client_order_id: str
    """Empty for fills of orders that are not ours."""
    venue_order_id: str
    trade_id: str
    """Unique per (venue, account, instrument): booking twice is harmless."""
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    """Paid > 0, in `fee_coin`."""
    fee_coin: str
    maker: bool = False
    liquidation: bool = False
    adl: bool = False
    """The venue's auto-deleveraging took it from us."""
    ts_event: int
    ts: int


class OrderUnknown(Struct, frozen=True, tag="unknown"):
    """The send's outcome is not known (time-out, 5xx, lost connection): in doubt, never re-sent."""

    venue: str
    client_order_id: str
    reason: str
    ts: int


class OrderReport(Struct, frozen=True, tag="order_report", kw_only=True):
    """Answer to a `QueryOrder`. `found=False` = the venue's definite "no such order"."""

    venue: str
    client_order_id: str
    found: bool
    state: OrderState | None = None
    venue_order_id: str = ""
    filled: Decimal = Decimal(0)
    fills: tuple[OrderFilled, ...] = ()
    ts_event: int
    ts: int


class PositionRow(Struct, frozen=True, array_like=True):
    instrument: str
    size: Decimal
    """Signed, base units."""
    entry_price: Decimal
    leverage: Decimal | None
    """The venue's leverage setting read back, if it has one."""
    adl: int | None = None
    """Place in the venue's deleveraging queue, 0 (last) to 4 (next); None = the venue does not say."""


class BalanceRow(Struct, frozen=True, array_like=True):
    coin: str
    total: Decimal
    weight_total: Decimal | None
    """Collateral weight for liquidation; None = unknown, counts 0."""
    weight_initial: Decimal | None


class WorkingRow(Struct, frozen=True, array_like=True):
    """A live order by the venue's books."""

    client_order_id: str
    venue_order_id: str
    instrument: str
    side: Side
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    reduce_only: bool
    trigger: Decimal | None = None
    """Conditional order that has not been released yet."""


class FundingSettled(Struct, frozen=True, tag="funding", kw_only=True):
    """One row of the venue's settlement ledger. Received > 0 (a long under a positive rate pays: < 0)."""

    venue: str
    payment_id: str
    instrument: str
    size: Decimal
    """Signed position at the instant."""
    price: Decimal
    """The venue's funding price (mark here)."""
    rate: Decimal
    amount: Decimal
    coin: str
    ts_event: int
    """The settlement instant."""
    ts: int


class TransferBooked(Struct, frozen=True, tag="transfer"):
    """A row of the venue that moved a balance: deposit (> 0), withdrawal, or by its kind what is none."""

    venue: str
    transfer_id: str
    coin: str
    amount: Decimal
    ts_event: int
    ts: int
    kind: Flow = Flow.TRANSFER


class AccountReport(Struct, frozen=True, tag="account", kw_only=True):
    """A fresh read of one venue account, answer to `ReadAccount`. The venue is the truth."""

    venue: str
    request: str
    balances: tuple[BalanceRow, ...]
    positions: tuple[PositionRow, ...]
    orders: tuple[WorkingRow, ...]
    fills: tuple[OrderFilled, ...] = ()
    """Fills since the `fills_since` of the request."""
    payments: tuple[FundingSettled, ...] = ()
    transfers: tuple[TransferBooked, ...] = ()
    suspended: tuple[str, ...] = ()
    """Coins that the venue does not pay out at present, by its own word."""
    ts_event: int
    """The venue's time at which all of it held together."""
    ts: int


class Timer(Struct, frozen=True, tag="timer"):
    name: str
    ts: int
    """The due time."""


class IntentDurable(Struct, frozen=True, tag="durable"):
    """`SaveIntent(seq)` is on disk with all that stands before it."""

    seq: int
    ts: int


class Command(Struct, frozen=True, tag="command"):
    """An operator's wish, from a key, the `:` line or the shell; journaled with the time it was taken."""

    id: str
    name: str
    args: dict[str, str]
    origin: str
    """Who: `console:PID`, `shell:PID`."""
    ts: int


class StoreHealth(Struct, frozen=True, tag="store"):
    """The writer's word on the store: ok, or what is wrong (locked, full, corrupt, slow)."""

    ok: bool
    text: str
    ts: int
    kind: str = ""
    """locked, full, corrupt, slow, failed or beside, where the writer said so."""


class LatchHealth(Struct, frozen=True, tag="latch_health"):
    ok: bool
    text: str
    ts: int


class StrategyOverrun(Struct, frozen=True, tag="overrun"):
    """The watchdog broke off a strategy call; as an input, so that a replay drops it at the same place."""

    strategy: str
    ts: int


class LatchFound(Struct, frozen=True, tag="latch_found"):
    """At start: the latch file says that the desk, or a part of it, was halted."""

    state: TradingState
    cause: str
    text: str
    since: int
    ts: int
    scopes: tuple[ScopeHalt, ...] = ()
    """What is halted beside the whole desk's state."""


class StopRequested(Struct, frozen=True, tag="stop"):
    """Graceful stop: no new intents; bring pairs to hedged or closed, then `Stopped`."""

    reason: str
    deadline: int
    ts: int


Event = (
    MarketFrame
    | VenueLink
    | VenueWord
    | OrderAccepted
    | OrderRejected
    | OrderCanceled
    | CancelRejected
    | OrderFilled
    | OrderUnknown
    | OrderReport
    | FundingSettled
    | TransferBooked
    | AccountReport
    | Timer
    | IntentDurable
    | Command
    | StoreHealth
    | StoreRebuilt
    | LatchHealth
    | StrategyOverrun
    | LoopStall
    | ReadingsFound
    | LatchFound
    | StopRequested
)
"""Every input of the desk."""
