"""Desk records to table rows and back. Inserting the same record twice leaves the store as it was.

One `Table` a record type, checked against its peewee model when loaded, so schema and statements cannot drift
apart. The writer runs the SQL with `executemany` on the plain connection (PERFORMANCE, store).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec
from peewee import Model

from services.domain.enums import OrderState, PairState, Severity, Side
from services.domain.records import (
    AlertRecord,
    CoinRecord,
    DailyRecord,
    EpisodeRecord,
    EquityRecord,
    FillRecord,
    FundingRecord,
    OrderRecord,
    OverrideRecord,
    PairRecord,
    RateRecord,
    RiskRecord,
    Row,
    TransferRecord,
    WaterfallRecord,
)
from services.store import schema

R = TypeVar("R", bound=msgspec.Struct)

_ENUMS = (Side, OrderState, PairState, Severity)


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _same(value: Any) -> Any:
    return value


def _instruments(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


_FROM_TEXT: dict[Any, Callable[[Any], Any]] = {
    Decimal: _decimal,
    Decimal | None: _decimal,
    bool: bool,
    tuple[str, ...]: _instruments,
    **{enum: enum for enum in _ENUMS},
}


def _to_column(value: Any) -> Any:
    kind = value.__class__
    if kind is str or kind is int or value is None:
        return value
    if kind is Decimal:
        return str(value)
    if kind is bool:
        return int(value)
    if kind is tuple:
        return json.dumps(list(value))
    return value.value


class Table(Generic[R]):
    """How one record type lies in its table."""

    def __init__(
        self,
        record: type[R],
        model: type[Model],
        *,
        key: Sequence[str],
        renamed: dict[str, str] | None = None,
        keep_first: bool = False,
    ) -> None:
        """`key`: columns of the unique constraint. `keep_first`: a second insert changes nothing."""
        fields = msgspec.structs.fields(record)
        self.record = record
        self.name: str = model._meta.table_name
        self._fields = tuple(field.name for field in fields)
        self._names = renamed or {}
        self.columns = tuple(self._names.get(name, name) for name in self._fields)
        self._readers = tuple(_FROM_TEXT.get(field.type, _same) for field in fields)
        unknown = set(self.columns) - set(model._meta.columns)
        if unknown:
            raise ValueError(f"{self.name} has no column for {', '.join(sorted(unknown))}")
        self.insert = self._insert(key, keep_first)
        self.select = f'SELECT {", ".join(_quoted(self.columns))} FROM "{self.name}"'  # noqa: S608

    def _insert(self, key: Sequence[str], keep_first: bool) -> str:
        columns = _quoted(self.columns)
        marks = ", ".join("?" * len(columns))
        clash = ", ".join(_quoted(key))
        rest = [column for column in self.columns if column not in key]
        if keep_first:
            action = "NOTHING"
        else:
            sets = ", ".join(f'"{name}" = excluded."{name}"' for name in rest)
            action = f"UPDATE SET {sets}"
        return (
            f'INSERT INTO "{self.name}" ({", ".join(columns)}) VALUES ({marks}) '  # noqa: S608
            f"ON CONFLICT ({clash}) DO {action}"
        )

    def params(self, row: R) -> tuple[Any, ...]:
        return tuple([_to_column(getattr(row, name)) for name in self._fields])

    def read(self, values: Sequence[Any]) -> R:
        """The record of a row of `select`."""
        pairs = zip(self._fields, self._readers, values, strict=True)
        return self.record(**{name: reader(value) for name, reader, value in pairs})


class _FillTable(Table[FillRecord]):
    """`trades` has the article's `symbol` beside the instrument id."""

    def _insert(self, key: Sequence[str], keep_first: bool) -> str:
        statement = super()._insert(key, keep_first)
        return statement.replace("(", '("symbol", ', 1).replace("VALUES (", "VALUES (?, ", 1)

    def params(self, row: FillRecord) -> tuple[Any, ...]:
        return (row.instrument.rpartition(".")[0] or row.instrument, *super().params(row))


def _quoted(names: Sequence[str]) -> list[str]:
    return [f'"{name}"' for name in names]


FILLS = _FillTable(
    FillRecord,
    schema.Trade,
    key=("venue", "account", "instrument", "trade_id"),
    renamed={"ts": "timestamp"},
    keep_first=True,
)
ORDERS = Table(OrderRecord, schema.Order, key=("client_order_id",))
PAIRS = Table(PairRecord, schema.Pair, key=("id",))
EPISODES = Table(EpisodeRecord, schema.Episode, key=("id",))
FUNDING = Table(FundingRecord, schema.FundingPayment, key=("venue", "payment_id"))
EQUITY = Table(
    EquityRecord, schema.PerformanceMetric, key=("account", "timestamp"), renamed={"ts": "timestamp"}
)
ALERTS = Table(AlertRecord, schema.Alert, key=("key", "since"))
RISK = Table(RiskRecord, schema.RiskEvent, key=("ts", "kind", "subject", "text"), keep_first=True)
OVERRIDES = Table(OverrideRecord, schema.Override, key=("key",))
TRANSFERS = Table(TransferRecord, schema.Transfer, key=("venue", "transfer_id"), keep_first=True)
WATERFALL = Table(WaterfallRecord, schema.Waterfall, key=("account", "ts"))
COINS = Table(CoinRecord, schema.CoinEquity, key=("account", "coin", "ts"))
RATES = Table(RateRecord, schema.FundingRate, key=("instrument", "ts"))
DAILY = Table(DailyRecord, schema.Daily, key=("day",))

TABLES: dict[type[Row], Table[Any]] = {
    FillRecord: FILLS,
    OrderRecord: ORDERS,
    PairRecord: PAIRS,
    EpisodeRecord: EPISODES,
    FundingRecord: FUNDING,
    EquityRecord: EQUITY,
    AlertRecord: ALERTS,
    RiskRecord: RISK,
    OverrideRecord: OVERRIDES,
    TransferRecord: TRANSFERS,
    DailyRecord: DAILY,
    WaterfallRecord: WATERFALL,
    CoinRecord: COINS,
    RateRecord: RATES,
}
