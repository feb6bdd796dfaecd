"""Rows come back as they went in, money to the last digit, and inserting twice is harmless (SEMANTICS 14)."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peewee import SqliteDatabase

from services.domain.enums import OrderState
from services.domain.records import FillRecord, OrderRecord, OverrideRecord, Row
from services.store.migrate import create_statements
from services.store.records import TABLES
from services.store.schema import MODELS, Episode, Trade
from tests.store.builders import decimals, records


@cache
def empty() -> bytes:
    connection = sqlite3.connect(":memory:")
    for statement in create_statements():
        connection.execute(statement)
    return connection.serialize()


def fresh() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.deserialize(empty())
    return connection


def put(connection: sqlite3.Connection, row: Row) -> None:
    table = TABLES[row.__class__]
    connection.execute(table.insert, table.params(row))


def read(connection: sqlite3.Connection, kind: type[Row]) -> list[Row]:
    table = TABLES[kind]
    return [table.read(values) for values in connection.execute(table.select)]


@pytest.mark.parametrize("kind", list(TABLES), ids=lambda kind: kind.__name__)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_record_round_trips_and_a_second_insert_changes_nothing(
    kind: type[Row], data: st.DataObject
) -> None:
    """Bugs M2, M3: orders, pairs, funding, equity, transfers, halts have tables too."""
    row = data.draw(records(kind))
    connection = fresh()
    put(connection, row)
    put(connection, row)
    assert read(connection, kind) == [row]
    connection.close()


@settings(max_examples=100, deadline=None)
@given(value=decimals)
def test_decimal_columns_round_trip_exactly(value: Decimal) -> None:
    database = SqliteDatabase(":memory:")
    with database.bind_ctx(MODELS):
        database.connect()
        database.create_tables([Episode])
        Episode.create(
            id="e1",
            strategy="s",
            hedge_group="BTC",
            kind="pair",
            instruments="[]",
            opened_ts=1,
            closed_ts=2,
            notional=value,
            capital_at_risk=value,
            price_pnl=value,
            funding=value,
            fees=value,
            net_pnl=value,
            reason="flip",
        )
        back = Episode.get().net_pnl
        kind = database.execute_sql("SELECT typeof(net_pnl) FROM episodes").fetchone()[0]
        database.close()
    assert str(back) == str(value)
    assert kind == "text"


def fill(trade_id: str = "t1", instrument: str = "BTC-USDT-PERP.alpha") -> FillRecord:
    return FillRecord(
        ts=5,
        venue="alpha",
        account="main",
        trade_id=trade_id,
        instrument=instrument,
        client_order_id="abc123000000001e1001",
        side="sell",  # type: ignore[arg-type]
        size=Decimal("0.010"),
        price=Decimal("23000.10"),
        fee=Decimal("0.11500050"),
        fee_coin="USDT",
        pnl=Decimal("-1.50"),
        strategy="funding_arb",
        episode_id="e1",
    )


def test_a_fill_is_known_by_venue_account_instrument_and_trade_id() -> None:
    """Bug M2: inserting twice is harmless."""
    connection = fresh()
    for row in (fill(), fill(), fill("t2"), fill(instrument="ETH-USDT-PERP.alpha")):
        put(connection, row)
    assert connection.execute("SELECT count(*) FROM trades").fetchone() == (3,)


def test_trades_keep_the_articles_columns() -> None:
    connection = fresh()
    put(connection, fill())
    query = "SELECT timestamp, symbol, side, size, price, fee, pnl, strategy, market_conditions FROM trades"
    row = connection.execute(query).fetchone()
    assert row == (5, "BTC-USDT-PERP", "sell", "0.010", "23000.10", "0.11500050", "-1.50", "funding_arb", "")
    assert {"id", "episode_id", "venue", "account", "trade_id", "fee_coin"} <= set(Trade._meta.columns)


def order(state: OrderState, filled: str) -> OrderRecord:
    return OrderRecord(
        ts=1,
        client_order_id="abc123000000001e1001",
        venue_order_id="",
        instrument="BTC-USDT-PERP.alpha",
        side="buy",  # type: ignore[arg-type]
        quantity=Decimal("1.0"),
        price=None,
        filled=Decimal(filled),
        avg_price=None,
        state=state,
        purpose="entry",
        origin="operator",
        pair=None,
        reduce_only=False,
        text="",
    )


def test_the_last_known_state_of_an_order_stands() -> None:
    connection = fresh()
    for row in (order(OrderState.SUBMITTED, "0"), order(OrderState.FILLED, "1.0")):
        put(connection, row)
    (kept,) = read(connection, OrderRecord)
    assert kept == order(OrderState.FILLED, "1.0")


def test_an_unset_override_keeps_its_row_without_a_value() -> None:
    connection = fresh()
    put(connection, OverrideRecord(ts=1, key="gate.min_equity", value="5 USD", origin="shell:1", reason="r"))
    put(connection, OverrideRecord(ts=2, key="gate.min_equity", value=None, origin="shell:1", reason="back"))
    assert connection.execute("SELECT key, value FROM overrides").fetchall() == [("gate.min_equity", None)]
