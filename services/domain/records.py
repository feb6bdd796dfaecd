"""Rows that the desk asks the store to keep (effect `Record`). One struct, one table (SEMANTICS 14)."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from services.domain.enums import OrderState, PairState, Severity, Side


class FillRecord(Struct, frozen=True, tag="fill", kw_only=True):
    """A row of `trades`: one fill."""

    ts: int
    venue: str
    account: str
    trade_id: str
    instrument: str
    client_order_id: str
    side: Side
    size: Decimal
    price: Decimal
    fee: Decimal
    fee_coin: str
    pnl: Decimal
    """Realised by this fill, price only, settle coin."""
    strategy: str
    episode_id: str
    foreign: bool = False
    market_conditions: str = ""
    """The decision's mid and reason, in words."""
    notional_usd: Decimal | None = None
    """At the quote coin's index of that instant; None = unknown."""
    fee_usd: Decimal | None = None
    slippage_usd: Decimal | None = None
    """Paid > 0 against the decision's mid; None = there was none, or an unknown index."""


class OrderRecord(Struct, frozen=True, tag="order", kw_only=True):
    """The last known state of an order; upserted by client order id."""

    ts: int
    client_order_id: str
    venue_order_id: str
    instrument: str
    side: Side
    quantity: Decimal
    price: Decimal | None
    filled: Decimal
    avg_price: Decimal | None
    state: OrderState
    purpose: str
    origin: str
    pair: str | None
    reduce_only: bool
    text: str
    """Why it exists, or why it was denied, rejected, canceled."""


class PairRecord(Struct, frozen=True, tag="pair", kw_only=True):
    """The last known state of a pair; upserted by id."""

    ts: int
    id: str
    strategy: str
    kind: str
    """`hedge` or `peg`."""
    state: PairState
    short: str
    long: str
    target: Decimal
    short_size: Decimal
    long_size: Decimal
    funding: Decimal
    """Realised, USD at each payment's index."""
    fees: Decimal
    """USD."""
    opened_ts: int | None
    closed_ts: int | None
    reason: str


class EpisodeRecord(Struct, frozen=True, tag="episode", kw_only=True):
    """A closed position or pair: what every report calls a trade."""

    id: str
    strategy: str
    hedge_group: str
    kind: str
    """`pair` or `position`."""
    instruments: tuple[str, ...]
    opened_ts: int
    closed_ts: int
    notional: Decimal
    """Largest leg notional, USD."""
    capital_at_risk: Decimal
    """USD that the sizing put at risk: the denominator of win and loss (SEMANTICS 4.1)."""
    price_pnl: Decimal
    funding: Decimal
    fees: Decimal
    net_pnl: Decimal
    """price_pnl + funding - fees, USD at the index of each flow's instant."""
    reason: str
    """The named exit."""


class FundingRecord(Struct, frozen=True, tag="funding", kw_only=True):
    ts: int
    venue: str
    payment_id: str
    instrument: str
    size: Decimal
    price: Decimal
    rate: Decimal
    amount: Decimal
    coin: str
    usd: Decimal | None
    """amount x index of the coin at the settlement; None = index unknown."""
    pair: str | None
    expected: Decimal | None
    """Our accrual estimate of the same payment, never mixed with it."""


class EquityRecord(Struct, frozen=True, tag="equity", kw_only=True):
    """A row of `performance_metrics`."""

    ts: int
    account: str
    """A venue, or `all`."""
    total_balance: Decimal | None
    """Equity, USD; None = unknown."""
    available_balance: Decimal | None
    total_position_size: Decimal | None
    leverage: Decimal | None
    daily_pnl: Decimal | None
    drawdown: Decimal | None
    unit_value: Decimal | None


class CoinRecord(Struct, frozen=True, tag="coin", kw_only=True):
    """What one account held in one coin at a sample of equity; None = unknown."""

    ts: int
    account: str
    coin: str
    balance: Decimal | None
    upnl: Decimal | None
    """Of the positions settled in it, at the mark."""
    index: Decimal | None
    """USD."""


class RateRecord(Struct, frozen=True, tag="rate", kw_only=True):
    """A settled funding rate as the desk believed it."""

    ts: int
    """The settlement instant, by the venue."""
    instrument: str
    rate: Decimal
    interval_h: Decimal | None


class WaterfallRecord(Struct, frozen=True, tag="waterfall", kw_only=True):
    """Where one account's change of equity came from, USD since its books began: sums, of which a report
    takes differences. begun + price + funding + currency + adjustments + transfers - fees - slippage -
    interest - conversion - liquidation = equity, exactly."""

    ts: int
    account: str
    begun: Decimal
    equity: Decimal
    """At the last known figures."""
    price: Decimal
    funding: Decimal
    currency: Decimal
    fees: Decimal
    slippage: Decimal
    interest: Decimal
    conversion: Decimal
    liquidation: Decimal
    adjustments: Decimal
    transfers: Decimal
    unmeasured: int
    """Fills whose slippage could not be measured: it is inside `price`."""


class AlertRecord(Struct, frozen=True, tag="alert", kw_only=True):
    ts: int
    key: str
    severity: Severity
    text: str
    detail: str
    state: str
    """raised, acknowledged or resolved."""
    count: int
    since: int


class RiskRecord(Struct, frozen=True, tag="risk", kw_only=True):
    """A refusal, a cause raised or cleared, a breaker figure: the risk_events table."""

    ts: int
    kind: str
    subject: str
    text: str


class OverrideRecord(Struct, frozen=True, tag="override", kw_only=True):
    ts: int
    key: str
    value: str | None
    """None = unset."""
    origin: str
    reason: str


class TransferRecord(Struct, frozen=True, tag="transfer", kw_only=True):
    ts: int
    venue: str
    transfer_id: str
    coin: str
    amount: Decimal


class DailyRecord(Struct, frozen=True, tag="daily", kw_only=True):
    """One UTC day of the desk, with the journal's head when it ended."""

    day: str
    """`2023-03-01`, the day that ended."""
    ts: int
    seq: int
    """Number of the last row of the journal then."""
    head: str
    """Its hash, hex: without it nobody can change a row before and keep the chain."""
    equity: Decimal | None
    day_pnl: Decimal | None
    """Change of equity less transfers; None = equity unknown at one of the two midnights."""
    fees: Decimal
    funding: Decimal
    """Received less paid."""
    trades: int
    """Closed episodes."""
    fills: int
    fees_sum: Decimal
    """The sums since the store began, which the next day starts from."""
    funding_sum: Decimal
    transfers_sum: Decimal
    trades_sum: int
    fills_sum: int


Row = (
    FillRecord
    | OrderRecord
    | PairRecord
    | EpisodeRecord
    | FundingRecord
    | EquityRecord
    | CoinRecord
    | RateRecord
    | AlertRecord
    | RiskRecord
    | OverrideRecord
    | TransferRecord
    | DailyRecord
    | WaterfallRecord
)
