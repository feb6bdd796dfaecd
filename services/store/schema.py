"""The tables (SEMANTICS 14): peewee models on SQLite, money as exact decimal text.

`trades` and `performance_metrics` keep the columns that a reader of the article knows, beside ours. Times are
integer nanoseconds UTC. A change here needs a step in `migrate.MIGRATIONS`.
"""

from __future__ import annotations

from decimal import Decimal

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    IntegerField,
    Model,
    TextField,
)

SCHEMA_VERSION = 4


class DecimalText(TextField):
    """A Decimal as its own text. SQLite's NUMERIC affinity would turn it into a binary float."""

    def db_value(self, value: Decimal | None) -> str | None:
        return None if value is None else str(value)

    def python_value(self, value: str | None) -> Decimal | None:
        return None if value is None else Decimal(value)


class Meta(Model):
    """Facts of the store itself: `schema`, `instance`."""

    key = TextField(primary_key=True)
    value = TextField()

    class Meta:
        table_name = "meta"


class Journal(Model):
    """The hash chain (RUNTIME 4). `payload` NULL = pruned, or lost when `kind` is `gap`."""

    seq = BigIntegerField(primary_key=True)
    kind = TextField()
    ts = BigIntegerField()
    count = IntegerField()
    codec = IntegerField()
    """0 = as it is, 1 = zlib."""
    payload = BlobField(null=True)
    digest = BlobField()
    """sha256 of the uncompressed payload."""
    hash = BlobField()
    note = TextField(default="")
    """Wall-clock facts of a session; outside the chain."""

    class Meta:
        table_name = "journal"
        indexes = ((("kind", "seq"), False),)


class Trade(Model):
    """One fill."""

    id = AutoField()
    timestamp = BigIntegerField(index=True)
    symbol = TextField()
    side = TextField()
    size = DecimalText()
    price = DecimalText()
    fee = DecimalText()
    pnl = DecimalText()
    strategy = TextField()
    market_conditions = TextField()
    venue = TextField()
    account = TextField()
    instrument = TextField()
    trade_id = TextField()
    client_order_id = TextField(index=True)
    fee_coin = TextField()
    episode_id = TextField(index=True)
    foreign = BooleanField()
    notional_usd = DecimalText(null=True)
    fee_usd = DecimalText(null=True)
    slippage_usd = DecimalText(null=True)

    class Meta:
        table_name = "trades"
        indexes = ((("venue", "account", "instrument", "trade_id"), True),)


class PerformanceMetric(Model):
    """Equity of one account, or of all, at one instant, USD."""

    id = AutoField()
    timestamp = BigIntegerField()
    total_balance = DecimalText(null=True)
    available_balance = DecimalText(null=True)
    total_position_size = DecimalText(null=True)
    leverage = DecimalText(null=True)
    daily_pnl = DecimalText(null=True)
    drawdown = DecimalText(null=True)
    account = TextField()
    currency = TextField(default="USD", constraints=[SQL("DEFAULT 'USD'")])
    unit_value = DecimalText(null=True)

    class Meta:
        table_name = "performance_metrics"
        indexes = ((("account", "timestamp"), True),)


class CoinEquity(Model):
    """What one account held in one coin, at the samples of equity."""

    account = TextField()
    coin = TextField()
    ts = BigIntegerField(index=True)
    balance = DecimalText(null=True)
    upnl = DecimalText(null=True)
    index = DecimalText(null=True)

    class Meta:
        table_name = "equity_coins"
        primary_key = CompositeKey("account", "coin", "ts")


class FundingRate(Model):
    """A settled rate, once per instrument and instant."""

    instrument = TextField()
    ts = BigIntegerField(index=True)
    rate = DecimalText()
    interval_h = DecimalText(null=True)

    class Meta:
        table_name = "funding_rates"
        primary_key = CompositeKey("instrument", "ts")


class Episode(Model):
    """A closed position or pair: what every report calls a trade."""

    id = TextField(primary_key=True)
    strategy = TextField()
    hedge_group = TextField()
    kind = TextField()
    instruments = TextField()
    """JSON list."""
    opened_ts = BigIntegerField()
    closed_ts = BigIntegerField(index=True)
    notional = DecimalText()
    capital_at_risk = DecimalText()
    price_pnl = DecimalText()
    funding = DecimalText()
    fees = DecimalText()
    net_pnl = DecimalText()
    reason = TextField()

    class Meta:
        table_name = "episodes"


class Order(Model):
    """The last known state of an order."""

    client_order_id = TextField(primary_key=True)
    ts = BigIntegerField(index=True)
    venue_order_id = TextField()
    instrument = TextField()
    side = TextField()
    quantity = DecimalText()
    price = DecimalText(null=True)
    filled = DecimalText()
    avg_price = DecimalText(null=True)
    state = TextField()
    purpose = TextField()
    origin = TextField()
    pair = TextField(null=True)
    reduce_only = BooleanField()
    text = TextField()

    class Meta:
        table_name = "orders"


class Pair(Model):
    """The last known state of a pair."""

    id = TextField(primary_key=True)
    ts = BigIntegerField(index=True)
    strategy = TextField()
    kind = TextField()
    state = TextField()
    short = TextField()
    long = TextField()
    target = DecimalText()
    short_size = DecimalText()
    long_size = DecimalText()
    funding = DecimalText()
    fees = DecimalText()
    opened_ts = BigIntegerField(null=True)
    closed_ts = BigIntegerField(null=True)
    reason = TextField()

    class Meta:
        table_name = "pairs"


class FundingPayment(Model):
    """A row of a venue's settlement ledger, once per payment id."""

    venue = TextField()
    payment_id = TextField()
    ts = BigIntegerField(index=True)
    instrument = TextField()
    size = DecimalText()
    price = DecimalText()
    rate = DecimalText()
    amount = DecimalText()
    coin = TextField()
    usd = DecimalText(null=True)
    pair = TextField(null=True)
    expected = DecimalText(null=True)

    class Meta:
        table_name = "funding_payments"
        primary_key = CompositeKey("venue", "payment_id")


class Transfer(Model):
    venue = TextField()
    transfer_id = TextField()
    ts = BigIntegerField(index=True)
    coin = TextField()
    amount = DecimalText()

    class Meta:
        table_name = "transfers"
        primary_key = CompositeKey("venue", "transfer_id")


class Alert(Model):
    """One row an alert from raised to resolved: key and the moment it was first raised."""

    key = TextField()
    since = BigIntegerField()
    ts = BigIntegerField(index=True)
    severity = TextField()
    text = TextField()
    detail = TextField()
    state = TextField()
    count = IntegerField()

    class Meta:
        table_name = "alerts"
        primary_key = CompositeKey("key", "since")


class RiskEvent(Model):
    id = AutoField()
    ts = BigIntegerField()
    kind = TextField()
    subject = TextField()
    text = TextField()

    class Meta:
        table_name = "risk_events"
        indexes = ((("ts", "kind", "subject", "text"), True),)


class Override(Model):
    """A parameter set by command; value NULL = unset again."""

    key = TextField(primary_key=True)
    ts = BigIntegerField()
    value = TextField(null=True)
    origin = TextField()
    reason = TextField()

    class Meta:
        table_name = "overrides"


class Daily(Model):
    """One row a UTC day, with the journal's head at its end."""

    day = TextField(primary_key=True)
    ts = BigIntegerField()
    seq = BigIntegerField()
    head = TextField()
    equity = DecimalText(null=True)
    day_pnl = DecimalText(null=True)
    fees = DecimalText()
    funding = DecimalText()
    trades = IntegerField()
    fills = IntegerField()
    fees_sum = DecimalText()
    funding_sum = DecimalText()
    transfers_sum = DecimalText()
    trades_sum = IntegerField()
    fills_sum = IntegerField()

    class Meta:
        table_name = "daily"


class Waterfall(Model):
    """Where an account's change of equity came from, USD since its books began."""

    account = TextField()
    ts = BigIntegerField(index=True)
    begun = DecimalText()
    equity = DecimalText()
    price = DecimalText()
    funding = DecimalText()
    currency = DecimalText()
    fees = DecimalText()
    slippage = DecimalText()
    interest = DecimalText()
    conversion = DecimalText()
    liquidation = DecimalText()
    adjustments = DecimalText()
    transfers = DecimalText()
    unmeasured = IntegerField()

    class Meta:
        table_name = "waterfall"
        primary_key = CompositeKey("account", "ts")


MODELS: tuple[type[Model], ...] = (
    Meta, Journal, Trade, PerformanceMetric, Episode, Order, Pair, FundingPayment, Transfer, Alert, RiskEvent,
    Override, Daily, Waterfall, CoinEquity, FundingRate,
)  # fmt: skip
