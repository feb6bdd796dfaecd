"""Read-only queries on a store, beside a running engine or with none. Never writes, never waits."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from msgspec import Struct

from services.domain.records import (
    AlertRecord,
    CoinRecord,
    DailyRecord,
    EpisodeRecord,
    EquityRecord,
    FillRecord,
    FundingRecord,
    OrderRecord,
    PairRecord,
    RateRecord,
    RiskRecord,
    TransferRecord,
    WaterfallRecord,
)
from services.store.journal import GENESIS
from services.store.migrate import CorruptStore, StoreError, trouble
from services.store.records import (
    ALERTS,
    COINS,
    DAILY,
    EPISODES,
    EQUITY,
    FILLS,
    FUNDING,
    ORDERS,
    PAIRS,
    RATES,
    RISK,
    TRANSFERS,
    WATERFALL,
    Table,
)
from services.store.schema import SCHEMA_VERSION

R = TypeVar("R", bound=Struct)

BLOCK = 1_000
"""Rows read at a time."""


class Head(Struct, frozen=True):
    """The last row of the chain: what a `JournalWriter` goes on from."""

    seq: int
    hash: bytes


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Raises StoreError when there is no store, it is damaged, or a newer program wrote it."""
    if not path.exists():
        raise StoreError(f"store {path}: there is none yet; start the engine once")
    try:
        connection = _connect(path)
        found = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    except sqlite3.Error as error:
        raise trouble(path, error) from error
    if found is None or not str(found[0]).isdigit():
        raise CorruptStore(f"store {path}: its meta table names no schema")
    if int(found[0]) > SCHEMA_VERSION:
        raise StoreError(
            f"store {path}: written by a newer program (schema {found[0]}, this one knows {SCHEMA_VERSION}); "
            "upgrade stableconsole"
        )
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    # A folder that cannot be written has no shared-memory file to join: then nobody writes, and the file is
    # read as it stands.
    settled = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
    mode = "immutable=1" if settled else "mode=ro"
    return sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True, timeout=1.0, isolation_level=None)


class StoreReader:
    """Lists are newest first unless they are a history (episodes, equity: oldest first)."""

    def __init__(self, path: Path, on_rows: Callable[[int], None] = lambda _count: None) -> None:
        """`on_rows` hears how many rows have been read, block by block."""
        self._connection = connect_read_only(path)
        self._on_rows = on_rows

    def close(self) -> None:
        self._connection.close()

    def head(self) -> Head:
        row = self._connection.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        return Head(0, GENESIS) if row is None else Head(row[0], bytes(row[1]))

    def instance(self) -> str:
        """The first six characters of this store's client order ids."""
        row = self._connection.execute("SELECT value FROM meta WHERE key = 'instance'").fetchone()
        if row is None:
            raise CorruptStore("the store's meta table names no instance")
        return str(row[0])

    def overrides(self) -> dict[str, str]:
        """Parameters set by command and not unset, as `settings.resolve` takes them."""
        rows = self._connection.execute(
            "SELECT key, value FROM overrides WHERE value IS NOT NULL ORDER BY key"
        )
        return dict(rows)

    def episodes(self, strategy: str | None = None, since: int = 0) -> list[EpisodeRecord]:
        """Closed at or after `since`, oldest first."""
        if strategy is None:
            return self._read(EPISODES, "WHERE closed_ts >= ? ORDER BY closed_ts, id", (since,))
        return self._read(
            EPISODES, "WHERE closed_ts >= ? AND strategy = ? ORDER BY closed_ts, id", (since, strategy)
        )

    def alerts(self, open_only: bool = False, limit: int = 200) -> list[AlertRecord]:
        where = "WHERE state <> 'resolved' " if open_only else ""
        return self._read(ALERTS, f"{where}ORDER BY ts DESC, key LIMIT ?", (limit,))

    def orders(self, limit: int = 200) -> list[OrderRecord]:
        return self._read(ORDERS, "ORDER BY ts DESC, client_order_id DESC LIMIT ?", (limit,))

    def order(self, client_order_id: str) -> OrderRecord | None:
        found = self._read(ORDERS, "WHERE client_order_id = ?", (client_order_id,))
        return found[0] if found else None

    def orders_of(self, pair: str) -> list[OrderRecord]:
        """Every order of a pair, oldest first."""
        return self._read(ORDERS, "WHERE pair = ? ORDER BY ts, client_order_id", (pair,))

    def orders_at_venue(self, venue_order_id: str) -> list[OrderRecord]:
        return self._read(ORDERS, "WHERE venue_order_id = ? ORDER BY client_order_id", (venue_order_id,))

    def orders_ending(self, suffix: str) -> list[OrderRecord]:
        """Client order ids that end so."""
        return self._read(
            ORDERS, "WHERE substr(client_order_id, -length(?)) = ? ORDER BY client_order_id", (suffix, suffix)
        )

    def many_since(self, since: int) -> int:
        """Rows that a report of the time since then reads: equity, episodes, fills, and every pair."""
        query = (
            "SELECT (SELECT COUNT(*) FROM performance_metrics WHERE account = 'all' AND timestamp >= ?1)"
            " + (SELECT COUNT(*) FROM episodes WHERE closed_ts >= ?1)"
            " + (SELECT COUNT(*) FROM trades WHERE timestamp >= ?1) + (SELECT COUNT(*) FROM pairs)"
        )
        return int(self._connection.execute(query, (since,)).fetchone()[0])

    def pair(self, id: str) -> PairRecord | None:
        found = self._read(PAIRS, "WHERE id = ?", (id,))
        return found[0] if found else None

    def pairs(self, limit: int = 200) -> list[PairRecord]:
        return self._read(PAIRS, "ORDER BY ts DESC, id DESC LIMIT ?", (limit,))

    def pairs_named(self) -> int:
        """The highest number of any pair on record, `P-07` -> 7; 0 = there is none."""
        query = "SELECT MAX(CAST(SUBSTR(id, 3) AS INTEGER)) FROM pairs WHERE id GLOB 'P-[0-9]*'"
        found = self._connection.execute(query).fetchone()
        return int(found[0] or 0)

    def fills(
        self, client_order_id: str | None = None, since: int = 0, limit: int = 1_000
    ) -> list[FillRecord]:
        if client_order_id is None:
            return self._read(
                FILLS, "WHERE timestamp >= ? ORDER BY timestamp DESC, id DESC LIMIT ?", (since, limit)
            )
        return self._read(
            FILLS,
            "WHERE client_order_id = ? AND timestamp >= ? ORDER BY timestamp DESC, id DESC LIMIT ?",
            (client_order_id, since, limit),
        )

    def funding(self, since: int = 0, limit: int = 1_000) -> list[FundingRecord]:
        return self._read(FUNDING, "WHERE ts >= ? ORDER BY ts DESC, payment_id DESC LIMIT ?", (since, limit))

    def transfers(self, since: int = 0) -> list[TransferRecord]:
        return self._read(TRANSFERS, "WHERE ts >= ? ORDER BY ts DESC, transfer_id DESC", (since,))

    def equity(self, account: str = "all", since: int = 0) -> list[EquityRecord]:
        """Oldest first."""
        return self._read(EQUITY, "WHERE account = ? AND timestamp >= ? ORDER BY timestamp", (account, since))

    def coins(self, account: str, since: int = 0) -> list[CoinRecord]:
        """Oldest first, coin by coin."""
        return self._read(COINS, "WHERE account = ? AND ts >= ? ORDER BY ts, coin", (account, since))

    def rates(self, instrument: str, since: int = 0) -> list[RateRecord]:
        """Settled ones, oldest first."""
        return self._read(RATES, "WHERE instrument = ? AND ts >= ? ORDER BY ts", (instrument, since))

    def coin_ends(self, since: int, until: int) -> list[tuple[CoinRecord, CoinRecord]]:
        """Per account and coin the sample at `since` (the last one before it, else the first after it) and
        the last one up to `until`. None of a store that was written before such rows were kept."""
        found: list[tuple[CoinRecord, CoinRecord]] = []
        last = ("", "")
        while self._has(COINS.name):
            # From one name to the next along the key: the table itself has a row every five minutes.
            query = (
                "SELECT account, coin FROM equity_coins WHERE (account, coin) > (?, ?) ORDER BY account, coin"
            )
            named = self._connection.execute(f"{query} LIMIT 1", last).fetchone()
            if named is None:
                break
            last = (str(named[0]), str(named[1]))
            own = "WHERE account = ? AND coin = ? AND ts"
            end = self._first(COINS, f"{own} <= ? ORDER BY ts DESC", (*last, until))
            start = self._first(COINS, f"{own} <= ? ORDER BY ts DESC", (*last, since))
            start = start or self._first(COINS, f"{own} > ? ORDER BY ts", (*last, since))
            if start is not None and end is not None and end.ts >= since:
                found.append((start, end))
        return found

    def settled_rates(self, since: int, until: int) -> list[tuple[str, int, float, float, float]]:
        """Per instrument with a known interval: settlements, mean, least, most, as fractions per 8 h."""
        if not self._has(RATES.name):
            return []
        eight = "CAST(rate AS REAL) * 8.0 / CAST(interval_h AS REAL)"
        query = (
            f"SELECT instrument, COUNT(*), AVG({eight}), MIN({eight}), MAX({eight}) FROM funding_rates"  # noqa: S608
            " WHERE ts > ? AND ts <= ? AND CAST(interval_h AS REAL) > 0 GROUP BY instrument"
        )
        rows = self._connection.execute(query, (since, until)).fetchall()
        return [
            (str(name), int(n), float(mean), float(low), float(high)) for name, n, mean, low, high in rows
        ]

    def _has(self, table: str) -> bool:
        """A store of an older program, read without an engine, lacks the tables that came later."""
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return self._connection.execute(query, (table,)).fetchone() is not None

    def newest_equity(self) -> int | None:
        """Time of the newest sample over all accounts; None = there is none."""
        query = "SELECT MAX(timestamp) FROM performance_metrics WHERE account = 'all'"
        found = self._connection.execute(query).fetchone()[0]
        return None if found is None else int(found)

    def equity_before(self, account: str, ts: int) -> list[EquityRecord]:
        """The last sample before `ts`, or none."""
        return self._read(
            EQUITY, "WHERE account = ? AND timestamp < ? ORDER BY timestamp DESC LIMIT 1", (account, ts)
        )

    def waterfall(self, since: int = 0, until: int = 2**63 - 1) -> list[WaterfallRecord]:
        """Per account the newest row at or before each of the two instants, oldest first; an account whose
        books began later gives its first row instead of the one at `since`."""
        found: list[WaterfallRecord] = []
        accounts = self._connection.execute("SELECT DISTINCT account FROM waterfall ORDER BY account")
        for (account,) in accounts.fetchall():
            rows = self._read(
                WATERFALL, "WHERE account = ? AND ts <= ? ORDER BY ts DESC LIMIT 1", (account, since)
            ) or self._read(WATERFALL, "WHERE account = ? AND ts <= ? ORDER BY ts LIMIT 1", (account, until))
            found += rows
            found += self._read(
                WATERFALL, "WHERE account = ? AND ts <= ? ORDER BY ts DESC LIMIT 1", (account, until)
            )
        return found

    def daily(self) -> list[DailyRecord]:
        """The summaries of the days, oldest first."""
        return self._read(DAILY, "ORDER BY day", ())

    def risk_events(self, limit: int = 200) -> list[RiskRecord]:
        return self._read(RISK, "ORDER BY id DESC LIMIT ?", (limit,))

    def _first(self, table: Table[R], clause: str, params: tuple[Any, ...]) -> R | None:
        row = self._connection.execute(f"{table.select} {clause} LIMIT 1", params).fetchone()
        return None if row is None else table.read(row)

    def _read(self, table: Table[R], clause: str, params: tuple[Any, ...]) -> list[R]:
        rows = self._connection.execute(f"{table.select} {clause}", params)
        found: list[R] = []
        while block := rows.fetchmany(BLOCK):
            found += [table.read(row) for row in block]
            self._on_rows(len(block))
        return found
